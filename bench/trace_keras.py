"""Healthy classes that nobody wrote for this suite: Keras's own layers, losses and metrics, each as a user's module."""

from __future__ import annotations

import ast
import importlib
import inspect
from typing import Any

CLASSES = (
    ("layers.Dense", "6", "Dense(5)"),
    ("layers.EinsumDense", "4,6", "EinsumDense('abc,cd->abd', output_shape=(None, 5), bias_axes='d')"),
    ("layers.Embedding", "i9:6", "Embedding(9, 5)"),
    ("layers.LayerNormalization", "4,6", "LayerNormalization()"),
    ("layers.RMSNormalization", "4,6", "RMSNormalization()"),
    ("layers.GroupNormalization", "4,4,6", "GroupNormalization(groups=3)"),
    ("layers.UnitNormalization", "6", "UnitNormalization()"),
    ("layers.BatchNormalization", "4,6", "BatchNormalization()"),
    ("layers.SpectralNormalization", "6", "SpectralNormalization(keras.layers.Dense(5))"),
    ("layers.MultiHeadAttention", "4,6 5,6", "MultiHeadAttention(2, 3)"),
    ("layers.GroupQueryAttention", "4,6 5,6", "GroupQueryAttention(3, 4, 2)"),
    ("layers.Attention", "4,6 5,6", "Attention()", "list"),
    ("layers.AdditiveAttention", "4,6 5,6", "AdditiveAttention()", "list"),
    ("layers.PReLU", "4,6", "PReLU()"),
    ("layers.Softmax", "6", "Softmax()"),
    ("layers.ReLU", "6", "ReLU(max_value=1.0)"),
    ("layers.Permute", "4,6", "Permute((2, 1))"),
    ("layers.Reshape", "4,6", "Reshape((8, 3))"),
    ("layers.Flatten", "4,6", "Flatten()"),
    ("layers.RepeatVector", "6", "RepeatVector(3)"),
    ("layers.Cropping1D", "7,3", "Cropping1D((1, 2))"),
    ("layers.Cropping2D", "7,6,3", "Cropping2D(((1, 2), (1, 1)))"),
    ("layers.ZeroPadding1D", "7,3", "ZeroPadding1D((1, 2))"),
    ("layers.ZeroPadding2D", "5,6,3", "ZeroPadding2D((1, 2))"),
    ("layers.UpSampling1D", "5,3", "UpSampling1D(2)"),
    ("layers.UpSampling2D", "5,4,3", "UpSampling2D((2, 3))"),
    ("layers.GlobalAveragePooling1D", "5,3", "GlobalAveragePooling1D()"),
    ("layers.GRUCell", "6 4", "GRUCell(4)"),
    ("layers.LSTMCell", "6 4", "LSTMCell(4)"),
    ("layers.SimpleRNNCell", "6 4", "SimpleRNNCell(4)"),
    ("layers.SimpleRNN", "5,6", "SimpleRNN(4)"),
    ("layers.TimeDistributed", "5,6", "TimeDistributed(keras.layers.Dense(4))"),
    ("layers.Bidirectional", "5,6", "Bidirectional(keras.layers.GRU(4))"),
    ("layers.SeparableConv1D", "7,3", "SeparableConv1D(4, 3)"),
    ("layers.DepthwiseConv1D", "7,3", "DepthwiseConv1D(3)"),
    ("layers.CategoryEncoding", "i9:3", "CategoryEncoding(9, output_mode='multi_hot')"),
    ("layers.Discretization", "4", "Discretization(bin_boundaries=[-0.5, 0.0, 0.5])"),
    ("layers.Normalization", "4", "Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 1.0, 2.0])"),
    ("layers.Rescaling", "4,4,3", "Rescaling(0.5, offset=0.1)"),
    ("layers.Dot", "4,6 5,6", "Dot(axes=2)", "list"),
    ("layers.Concatenate", "4,6 4,3", "Concatenate()", "list"),
    ("layers.Average", "4,6 4,6", "Average()", "list"),
    ("losses.CosineSimilarity", "6 6", "CosineSimilarity()"),
    ("losses.Huber", "6 6", "Huber()"),
    ("losses.LogCosh", "6 6", "LogCosh()"),
    ("losses.KLDivergence", "p6 p6", "KLDivergence()"),
    ("losses.Poisson", "u6 u6", "Poisson()"),
    ("losses.Hinge", "m6 6", "Hinge()"),
    ("losses.CategoricalHinge", "p6 p6", "CategoricalHinge()"),
    ("losses.BinaryCrossentropy", "m6 u6", "BinaryCrossentropy()"),
    ("losses.CategoricalCrossentropy", "p6 p6", "CategoricalCrossentropy(label_smoothing=0.1)"),
    ("losses.SparseCategoricalCrossentropy", "i6:- p6", "SparseCategoricalCrossentropy()"),
    ("losses.BinaryFocalCrossentropy", "m6 u6", "BinaryFocalCrossentropy()"),
    ("losses.CategoricalFocalCrossentropy", "p6 p6", "CategoricalFocalCrossentropy()"),
    ("losses.Dice", "m4,4,1 u4,4,1", "Dice(axis=(1, 2, 3))"),
    ("losses.Tversky", "m4,4,1 u4,4,1", "Tversky(axis=(1, 2, 3))"),
    ("metrics.RootMeanSquaredError", "6 6", "RootMeanSquaredError()"),
    ("metrics.R2Score", "6 6", "R2Score()"),
    ("metrics.F1Score", "m6 u6", "F1Score(threshold=0.5)"),
    ("metrics.Precision", "m6 u6", "Precision()"),
    ("metrics.MeanRelativeError", "4 4", "MeanRelativeError([1.0, 2.0, 3.0, 4.0])"),
    ("metrics.TopKCategoricalAccuracy", "p6 p6", "TopKCategoricalAccuracy(k=2)"),
    ("metrics.MeanIoU", "i3:4 i3:4", "MeanIoU(3)"),
    ("metrics.PearsonCorrelation", "6 6", "PearsonCorrelation()"),
)
"""The class, its inputs as in `trace_bugs/case.py`, what makes it, and "list" where the inputs are given as one."""


def cases(case: Any) -> list[Any]:
    """Returns the cases, with nothing wrong in them; those that this version of Keras lacks are left out."""
    import keras

    found = []
    for dotted, inputs, make, *listed in CLASSES:
        cls = keras
        for part in dotted.split("."):
            cls = getattr(cls, part, None)
        if cls is not None:
            source = as_users(cls).replace(f"super({cls.__name__}, self)", "super()")
            found.append(
                case(cls.__name__, inputs, "", "", source, make=make, header="", as_list=bool(listed))
            )
    return found


def as_users(cls: type) -> str:
    """Returns a module with a class and what it needs of its own module, without docstrings and registrations."""
    tree = ast.parse(inspect.getsource(importlib.import_module(cls.__module__)))
    imports = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    named = {name: n for n in tree.body for name in _defined(n)}
    wanted, open_ = [], [cls.__name__]
    while open_:
        node = named.get(open_.pop())
        if node is not None and node not in wanted:
            wanted.append(node)
            open_ += [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    kept = [_plain(n) for n in tree.body if n in wanted]
    lines = ["import keras", "import math", "import numpy as np", *(ast.unparse(n) for n in imports)]
    return "\n".join(lines) + "\n\n\n" + "\n\n\n".join(ast.unparse(n) for n in kept) + "\n"


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return [node.name]
    return [t.id for t in node.targets if isinstance(t, ast.Name)] if isinstance(node, ast.Assign) else []


def _plain(node: Any) -> Any:
    if hasattr(node, "decorator_list"):
        node.decorator_list = [d for d in node.decorator_list if "keras" not in ast.unparse(d)]
    for each in ast.walk(node):
        body = getattr(each, "body", None)
        if isinstance(each, (ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(each) and body is not None:
            each.body = body[1:] or [ast.Pass()]
    return node
