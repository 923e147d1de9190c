"""Tensors as one blob in the safetensors format: a JSON header, then the numbers. Nothing in it can run.

The format is that of https://github.com/huggingface/safetensors: eight bytes with the header's length (little-endian),
the header, and the values of every tensor in C order. bfloat16, which NumPy does not have, passes through as its bits.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerascope.record.cells import Damage

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
    "C64": "<c8",
}
_NAMES = {np.dtype(kind).newbyteorder("=").str: name for name, kind in _DTYPES.items() if name != "BF16"}

LARGEST_HEADER = 64 << 20
"""Bytes. A file made to harm could ask for any amount of memory."""


class Bits(np.ndarray):
    """An array of uint16 that holds the bits of bfloat16 values."""

    bfloat16 = True


def pack(tensors: Mapping[str, Any], facts: Any) -> bytes:
    """Returns the blob of named arrays; `facts` is anything JSON holds.

    Raises:
        ValueError: an array has a dtype that the format does not know.
    """
    header: dict[str, Any] = {"__metadata__": {"kerascope": json.dumps(facts)}}
    parts: list[bytes] = []
    offset = 0
    for name, value in tensors.items():
        array = np.asarray(value)
        if str(array.dtype) == "bfloat16" or isinstance(value, Bits):
            array, dtype = array.view(np.uint16), "BF16"
        else:
            dtype = _NAMES.get(array.dtype.newbyteorder("=").str, "")
        if not dtype:
            raise ValueError(f"an array of dtype {array.dtype} cannot be kept: {name}")
        data = np.ascontiguousarray(array, dtype=_DTYPES[dtype]).tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        parts.append(data)
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def unpack(blob: bytes) -> tuple[dict[str, np.ndarray], Any]:
    """Returns the arrays and the facts of a blob; raises `Damage` when it is none. bfloat16 comes as `Bits`."""
    if len(blob) < 8:
        raise Damage("a capture is too short")
    (length,) = struct.unpack_from("<Q", blob)
    if length > min(LARGEST_HEADER, len(blob) - 8):
        raise Damage("the header of a capture is longer than the capture")
    try:
        header = json.loads(blob[8 : 8 + length])
        facts = json.loads(header.pop("__metadata__")["kerascope"])
        return dict(_arrays(header, memoryview(blob)[8 + length :])), facts
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damage(f"a capture cannot be read ({type(error).__name__}: {error})") from None


def _arrays(header: Mapping[str, Any], data: memoryview) -> Iterator[tuple[str, np.ndarray]]:
    for name, entry in header.items():
        kind = _DTYPES[entry["dtype"]]
        shape = tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        whole = [*shape, begin, end]
        if any(type(n) is not int or n < 0 for n in whole) or end > len(data) or begin > end:
            raise ValueError(f"{name} reaches beyond the data")
        size = np.dtype(kind).itemsize
        for n in shape:
            size *= n
        if end - begin != size:
            raise ValueError(f"{name} should have {size} bytes and has {end - begin}")
        array = np.frombuffer(data[begin:end], dtype=kind).reshape(shape)
        native = array.astype(np.dtype(kind).newbyteorder("="), copy=True)
        yield name, native.view(Bits) if entry["dtype"] == "BF16" else native
