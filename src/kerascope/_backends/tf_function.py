"""Functions of our own that TensorFlow compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def graph_function(function: Callable[..., Any], **options: Any) -> Any:
    """Returns the `tf.function` of a function of ours.

    TensorFlow warns the user of a function that it often traces anew, and knows functions by their line: ours are made
    once for each model, so the warning would come in the fifth training and say nothing that the user could change.
    """
    made = tf.function(function, **options)
    made._omit_frequent_tracing_warning = True
    return made
