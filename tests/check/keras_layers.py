"""Every layer class of Keras in an ordinary configuration, with what it takes: no check of them may raise an alarm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from bug import numbers, random

layers = keras.layers

Make = Callable[[], Any]


def ids(*shape: int, high: int = 6) -> np.ndarray:
    return random().integers(0, high, shape).astype("int32")


FLAT, TIME = numbers(3, 6), numbers(3, 5, 4)
IMAGE, VOLUME = numbers(3, 8, 8, 3), numbers(3, 6, 6, 6, 2)
VIDEO = numbers(3, 3, 8, 8, 2)
PAIR = [numbers(3, 6), numbers(3, 6, seed=1)]

TABLE: dict[str, tuple[Make, tuple[Any, ...]]] = {
    "Activation": (lambda: layers.Activation("tanh"), (FLAT,)),
    "ActivityRegularization": (lambda: layers.ActivityRegularization(l2=0.1), (FLAT,)),
    "AdaptiveAveragePooling1D": (lambda: layers.AdaptiveAveragePooling1D(2), (numbers(3, 6, 4),)),
    "AdaptiveAveragePooling2D": (lambda: layers.AdaptiveAveragePooling2D(2), (IMAGE,)),
    "AdaptiveMaxPooling1D": (lambda: layers.AdaptiveMaxPooling1D(2), (numbers(3, 6, 4),)),
    "AdaptiveMaxPooling2D": (lambda: layers.AdaptiveMaxPooling2D(2), (IMAGE,)),
    "Add": (layers.Add, (PAIR,)),
    "AdditiveAttention": (layers.AdditiveAttention, ([TIME, TIME],)),
    "AlphaDropout": (lambda: layers.AlphaDropout(0.3), (FLAT,)),
    "Attention": (lambda: layers.Attention(use_scale=True), ([TIME, TIME],)),
    "Average": (layers.Average, (PAIR,)),
    "AveragePooling1D": (lambda: layers.AveragePooling1D(2), (numbers(3, 6, 4),)),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(2), (IMAGE,)),
    "AveragePooling3D": (lambda: layers.AveragePooling3D(2), (VOLUME,)),
    "BatchNormalization": (layers.BatchNormalization, (FLAT,)),
    "BatchNormalization of images": (layers.BatchNormalization, (IMAGE,)),
    "Bidirectional": (lambda: layers.Bidirectional(layers.GRU(3, return_sequences=True)), (TIME,)),
    "CategoryEncoding": (lambda: layers.CategoryEncoding(6, output_mode="multi_hot"), (ids(3, 4),)),
    "CenterCrop": (lambda: layers.CenterCrop(4, 4), (IMAGE,)),
    "Concatenate": (layers.Concatenate, (PAIR,)),
    "Conv1D": (lambda: layers.Conv1D(3, 2), (TIME,)),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(3, 2), (TIME,)),
    "Conv2D": (lambda: layers.Conv2D(3, 3, padding="same", activation="relu"), (IMAGE,)),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(3, 3, strides=2), (IMAGE,)),
    "Conv3D": (lambda: layers.Conv3D(3, 2), (VOLUME,)),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(3, 2), (VOLUME,)),
    "ConvLSTM1D": (lambda: layers.ConvLSTM1D(2, 2), (numbers(3, 3, 6, 2),)),
    "ConvLSTM2D": (lambda: layers.ConvLSTM2D(2, 2), (VIDEO,)),
    "Cropping1D": (layers.Cropping1D, (TIME,)),
    "Cropping2D": (lambda: layers.Cropping2D(1), (IMAGE,)),
    "Cropping3D": (lambda: layers.Cropping3D(1), (VOLUME,)),
    "Dense": (lambda: layers.Dense(4, activation="gelu"), (FLAT,)),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(2), (TIME,)),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3), (IMAGE,)),
    "Discretization": (lambda: layers.Discretization(bin_boundaries=[-0.5, 0.0, 0.5]), (FLAT,)),
    "Dot": (lambda: layers.Dot(axes=-1), (PAIR,)),
    "Dropout": (lambda: layers.Dropout(0.4), (FLAT,)),
    "ELU": (layers.ELU, (FLAT,)),
    "EinsumDense": (
        lambda: layers.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d"),
        (TIME,),
    ),
    "Embedding": (lambda: layers.Embedding(6, 4, mask_zero=True), (ids(3, 5),)),
    "Flatten": (layers.Flatten, (TIME,)),
    "GRU": (lambda: layers.GRU(3, return_sequences=True), (TIME,)),
    "GaussianDropout": (lambda: layers.GaussianDropout(0.3), (FLAT,)),
    "GaussianNoise": (lambda: layers.GaussianNoise(0.3), (FLAT,)),
    "GlobalAveragePooling1D": (layers.GlobalAveragePooling1D, (TIME,)),
    "GlobalAveragePooling2D": (layers.GlobalAveragePooling2D, (IMAGE,)),
    "GlobalAveragePooling3D": (layers.GlobalAveragePooling3D, (VOLUME,)),
    "GlobalMaxPooling1D": (layers.GlobalMaxPooling1D, (TIME,)),
    "GlobalMaxPooling2D": (layers.GlobalMaxPooling2D, (IMAGE,)),
    "GlobalMaxPooling3D": (layers.GlobalMaxPooling3D, (VOLUME,)),
    "GroupNormalization": (lambda: layers.GroupNormalization(3), (FLAT,)),
    "GroupQueryAttention": (lambda: layers.GroupQueryAttention(4, 2, 1), (TIME, TIME)),
    "HashedCrossing": (lambda: layers.HashedCrossing(4), ([ids(3, 1), ids(3, 1)],)),
    "Hashing": (lambda: layers.Hashing(4), (ids(3, 4),)),
    "Identity": (layers.Identity, (FLAT,)),
    "IntegerLookup": (lambda: layers.IntegerLookup(vocabulary=[0, 1, 2, 3]), (ids(3, 4),)),
    "LSTM": (lambda: layers.LSTM(3), (TIME,)),
    "Lambda": (lambda: layers.Lambda(lambda x: x * 2.0), (FLAT,)),
    "LayerNormalization": (layers.LayerNormalization, (FLAT,)),
    "LeakyReLU": (layers.LeakyReLU, (FLAT,)),
    "Masking": (layers.Masking, (TIME,)),
    "MaxPooling1D": (layers.MaxPooling1D, (numbers(3, 6, 4),)),
    "MaxPooling2D": (layers.MaxPooling2D, (IMAGE,)),
    "MaxPooling3D": (layers.MaxPooling3D, (VOLUME,)),
    "Maximum": (layers.Maximum, (PAIR,)),
    "Minimum": (layers.Minimum, (PAIR,)),
    "MultiHeadAttention": (lambda: layers.MultiHeadAttention(2, 2), (TIME, TIME)),
    "Multiply": (layers.Multiply, (PAIR,)),
    "Normalization": (lambda: layers.Normalization(mean=0.5, variance=2.0), (FLAT,)),
    "PReLU": (layers.PReLU, (FLAT,)),
    "Permute": (lambda: layers.Permute((2, 1)), (TIME,)),
    "RMSNormalization": (layers.RMSNormalization, (FLAT,)),
    "RNN": (lambda: layers.RNN(layers.SimpleRNNCell(3), return_sequences=True), (TIME,)),
    "RandomBrightness": (lambda: layers.RandomBrightness(0.2), (IMAGE,)),
    "RandomContrast": (lambda: layers.RandomContrast(0.2), (IMAGE,)),
    "RandomCrop": (lambda: layers.RandomCrop(6, 6), (IMAGE,)),
    "RandomFlip": (layers.RandomFlip, (IMAGE,)),
    "RandomRotation": (lambda: layers.RandomRotation(0.1), (IMAGE,)),
    "RandomTranslation": (lambda: layers.RandomTranslation(0.1, 0.1), (IMAGE,)),
    "RandomZoom": (lambda: layers.RandomZoom(0.1), (IMAGE,)),
    "ReLU": (layers.ReLU, (FLAT,)),
    "RepeatVector": (lambda: layers.RepeatVector(3), (FLAT,)),
    "Rescaling": (lambda: layers.Rescaling(0.5), (IMAGE,)),
    "Reshape": (lambda: layers.Reshape((2, 3)), (FLAT,)),
    "Resizing": (lambda: layers.Resizing(4, 4), (IMAGE,)),
    "SeparableConv1D": (lambda: layers.SeparableConv1D(3, 2), (TIME,)),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(3, 3), (IMAGE,)),
    "SimpleRNN": (lambda: layers.SimpleRNN(3), (TIME,)),
    "Softmax": (layers.Softmax, (FLAT,)),
    "SpatialDropout1D": (lambda: layers.SpatialDropout1D(0.3), (TIME,)),
    "SpatialDropout2D": (lambda: layers.SpatialDropout2D(0.3), (IMAGE,)),
    "SpatialDropout3D": (lambda: layers.SpatialDropout3D(0.3), (VOLUME,)),
    "SpectralNormalization": (lambda: layers.SpectralNormalization(layers.Dense(3)), (FLAT,)),
    "StackedRNNCells": (
        lambda: layers.RNN(layers.StackedRNNCells([layers.GRUCell(3), layers.LSTMCell(2)])),
        (TIME,),
    ),
    "Subtract": (layers.Subtract, (PAIR,)),
    "TimeDistributed": (lambda: layers.TimeDistributed(layers.Dense(3)), (TIME,)),
    "UnitNormalization": (layers.UnitNormalization, (FLAT,)),
    "UpSampling1D": (layers.UpSampling1D, (TIME,)),
    "UpSampling2D": (layers.UpSampling2D, (IMAGE,)),
    "UpSampling3D": (layers.UpSampling3D, (VOLUME,)),
    "ZeroPadding1D": (layers.ZeroPadding1D, (TIME,)),
    "ZeroPadding2D": (layers.ZeroPadding2D, (IMAGE,)),
    "ZeroPadding3D": (layers.ZeroPadding3D, (VOLUME,)),
    "functional model": (
        lambda: keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="relu"), layers.Dense(2)]),
        (FLAT,),
    ),
}

_EVERYWHERE = ("jax", "tensorflow", "torch")
REAL: dict[str, dict[str, set[str]]] = {
    # Its `mean` is a tensor made in build: on JAX a model that builds it while it is traced cannot be trained.
    "Normalization": {name: {"tracked-state", "in-models"} for name in _EVERYWHERE},
    # In inference it returns the image as it is, and says that it has cropped it.
    "RandomCrop": {name: {"shapes-agree", "mixed-precision"} for name in _EVERYWHERE},
    # `images += delta` in training.
    "RandomBrightness": {"torch": {"inputs-unchanged"}},
    # The mean over no steps, of a sequence of padding alone, is 0 / 0.
    "GlobalAveragePooling1D": {name: {"masks"} for name in _EVERYWHERE},
    # The gradient of the norm at 0.
    "UnitNormalization": {name: {"gradients-finite"} for name in ("jax", "torch")},
}
"""What the check finds in Keras 3.15 itself, each looked into by hand and true: no false alarm."""
