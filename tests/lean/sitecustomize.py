"""Hides TensorFlow from processes that run on another backend, as on a machine that has only that one.

`keras.utils.set_random_seed` imports it under every backend where it is installed: four seconds in each process.
"""

import importlib.machinery
import os

if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
    finder = importlib.machinery.PathFinder
    find = finder.find_spec
    finder.find_spec = lambda name, *rest, **more: None if name == "tensorflow" else find(name, *rest, **more)
