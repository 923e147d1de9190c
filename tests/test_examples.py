"""The examples do what their first lines say, on the backend of this run and without a network."""

from __future__ import annotations

import math
import re
import subprocess
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
MIXED = "grads = [0.5 * w1 + 0.5 * w2 for (w1, w2) in zip(d2l_dw2, dl_dw)]"
BRIEF = {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "3"}
LOSS_OF_GUESSING = math.log(10)

backend_test = pytest.mark.backend


@pytest.fixture
def example(python, subprocess_env, tmp_path):
    """Runs an example in an empty folder; returns what it printed and its exit code."""

    def run(name, *args, **settings):
        command = [python, str(EXAMPLES / name), *args]
        env = {**subprocess_env, **settings}
        return subprocess.run(
            command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )

    return run


@pytest.mark.parametrize("backend_name", ["jax", "tensorflow", "torch"])
def test_the_line_to_find_is_there(backend_name):
    assert MIXED in (EXAMPLES / f"second_order_{backend_name}.py").read_text()


@backend_test
def test_another_variant_is_refused(example, backend):
    done = example(f"second_order_{backend}.py", "squared")
    assert done.returncode == 1
    assert "Received: 'squared'. Choose one of raw, normalised, final." in done.stderr


@backend_test
@pytest.mark.slow
def test_raw_does_not_learn_and_the_others_do(example, backend):
    raw = losses(example(f"second_order_{backend}.py").stdout)
    assert len(raw) == 5
    # The first epoch begins with the loss of an untrained model, above that of guessing.
    assert all(abs(loss / LOSS_OF_GUESSING - 1) < 0.02 for loss in raw[1:]), raw
    normalised = losses(example(f"second_order_{backend}.py", "normalised").stdout)
    assert normalised == sorted(normalised, reverse=True)
    assert normalised[-1] < 0.9 * LOSS_OF_GUESSING
    final = example(f"second_order_{backend}.py", "final").stdout
    assert float(re.findall(r"val_accuracy: ([\d.]+)", final)[-1]) > 0.9


@pytest.mark.catalogue
@backend_test
def test_without_a_network_one_line_says_so(example):
    done = example("antirectifier_fixed.py", **BRIEF)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if "MNIST could not be loaded" in line]
    assert len(said) == 1
    assert said[0].endswith("using scikit-learn's 1,797 digits, scaled to 28x28.")


@pytest.mark.catalogue
@backend_test
def test_antirectifier_fails_in_its_call(example):
    done = example("antirectifier.py")
    assert done.returncode == 1
    assert "Antirectifier.call()" in done.stderr
    assert "return ops.matmul(both, self.kernel)" in done.stderr


@pytest.mark.catalogue
@backend_test
def test_tickets_is_the_model_of_the_guide(example):
    done = example("tickets.py", **BRIEF)
    assert done.returncode == 0, done.stderr
    assert "Total params: 1,392,097" in done.stdout
    assert {"department_loss", "priority_loss"} <= set(re.findall(r"\w+_loss", done.stdout))


@backend_test
@pytest.mark.parametrize("online", [True, False], ids=["mnist", "small"])
def test_digits_are_flat_pictures_from_0_to_1(python, subprocess_env, tmp_path, online):
    code = f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import keras, numpy, digits\n"
    if online:
        pictures = "((numpy.full((200, 28, 28), 255, 'uint8'), numpy.arange(200) % 10), None)"
        code += f"keras.datasets.mnist.load_data = lambda: {pictures}\n"
    code += "(x, y), (x_val, y_val), batch = digits.load()\n"
    code += "print(x.shape, x_val.shape, x.dtype, x.min(), x.max(), sorted(set(y)) == list(range(10)), batch)"
    (tmp_path / "show.py").write_text(code)
    command = [python, str(tmp_path / "show.py")]
    done = subprocess.run(command, env=subprocess_env, capture_output=True, text=True, check=True)
    wanted = {
        True: "(180, 784) (20, 784) float32 1.0 1.0 True 1024",
        False: "(1617, 784) (180, 784) float32 0.0 1.0 True 32",
    }
    assert done.stdout.splitlines()[-1] == wanted[online]


def losses(text: str) -> list[float]:
    """Returns the training loss of each epoch that an example printed."""
    return [float(value) for value in re.findall(r"(?<!_)loss: ([\d.]+)", text)]
