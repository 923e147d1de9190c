"""Tensors as safetensors blobs: what goes in comes out, and a hostile blob is refused."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from kerascope.record.cells import Damage
from kerascope.record.tensors import pack, unpack

ARRAYS = {
    "f4": np.arange(6, dtype=np.float32).reshape(2, 3),
    "f8": np.array([np.nan, np.inf, -0.0]),
    "f2": np.array([1.5], np.float16),
    "i8": np.array(7, np.int64),
    "u4": np.arange(3, dtype=np.uint32),
    "bool": np.array([True, False]),
    "none": np.zeros((0, 4), np.float32),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


def test_round_trip():
    arrays, facts = unpack(pack(ARRAYS, {"a": [1, None]}))
    assert facts == {"a": [1, None]}
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == np.ascontiguousarray(array).tobytes(), name


def test_bfloat16_passes_as_its_bits():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([1.0, -2.5], ml_dtypes.bfloat16)
    arrays, _ = unpack(pack({"x": array}, None))
    assert arrays["x"].bfloat16
    assert arrays["x"].view(np.ndarray).view(ml_dtypes.bfloat16).tolist() == [1.0, -2.5]


def test_safetensors_reads_it():
    safetensors = pytest.importorskip("safetensors.numpy")
    read = safetensors.load(pack({"f4": ARRAYS["f4"], "i8": ARRAYS["i8"]}, {}))
    assert read["f4"].tolist() == ARRAYS["f4"].tolist()
    assert int(read["i8"]) == 7


def test_text_is_refused():
    with pytest.raises(ValueError, match="cannot be kept: words"):
        pack({"words": np.array(["a"])}, {})


def blob(header, data=b"\0" * 16):
    text = json.dumps({"__metadata__": {"kerascope": "{}"}, **header}).encode()
    return struct.pack("<Q", len(text)) + text + data


HOSTILE = [
    b"",
    b"\0" * 7,
    struct.pack("<Q", 2**60) + b"{}",
    struct.pack("<Q", 2) + b"[]",
    struct.pack("<Q", 4) + b"\xff\xfe{}",
    blob({"x": {"dtype": "F32", "shape": [4], "data_offsets": [0, 20]}}),
    blob({"x": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}}),
    blob({"x": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 16]}}),
    blob({"x": {"dtype": "object", "shape": [1], "data_offsets": [0, 8]}}),
    blob({"x": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}),
    blob({"x": {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}}),
    blob({"x": 3}),
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_blob_is_damage(data):
    with pytest.raises(Damage):
        unpack(data)
