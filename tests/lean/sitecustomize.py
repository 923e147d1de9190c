"""Hides TensorFlow from processes that run on another backend, as on a machine that has only that one.

`keras.utils.set_random_seed` imports it under every backend where it is installed: four seconds in each process.
The backend is looked up at each import: programs choose theirs themselves, too.
"""

import importlib.machinery
import os

finder = importlib.machinery.PathFinder
find = finder.find_spec


def others(cls, name, *rest, **more):
    hidden = name == "tensorflow" and os.environ.get("KERAS_BACKEND", name) != name
    return None if hidden else find(name, *rest, **more)


finder.find_spec = classmethod(others)  # bound as before: pytest keeps it in a class of its own
