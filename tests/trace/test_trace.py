"""`trace` and `tracing` as a user calls them, and the command."""

import io
import json
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import parts
import pytest

import kerascope
from kerascope.cli.main import main
from kerascope.errors import UsageError

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
HERE = Path(__file__).parent


def tensor(array=X):
    return keras.ops.convert_to_tensor(array)


def test_every_line_of_a_layer():
    layer = parts.Antirectifier()
    expected = keras.ops.convert_to_numpy(layer(tensor()))
    t = kerascope.trace(layer, tensor())
    assert t.ok and t.error is None, t
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(t.output), expected)
    seen = {row.source: row for row in t.lines}
    assert seen["-inputs"].first.shape == (2, 5)
    assert t["pos"].first.shape == t["neg"].first.shape == (2, 5)
    assert t["concatenated"].first.shape == (2, 10)
    assert t["self.kernel"].last.shape == (10, 5)
    assert t["return"].last.shape == (2, 5)
    centred = X - X.mean(-1, keepdims=True)
    facts = t["ops.relu(-inputs)"].last
    expected_neg = np.maximum(-centred, 0)
    np.testing.assert_allclose([facts.max, facts.mean], [expected_neg.max(), expected_neg.mean()], rtol=1e-5)
    assert facts.zeros == pytest.approx((centred >= 0).mean())
    assert (facts.finite, facts.dtype, facts.mode) == (1.0, "float32", "eager")
    assert t["neg"].line == t["pos"].line + 1
    assert t["neg"].file.endswith("parts.py")
    with pytest.raises(KeyError, match="concatenated"):
        t["nothing"]


def test_loops_are_summed_up():
    t = kerascope.trace(parts.repeated, tensor())
    row = t["x * (step + 1.0)"]
    assert row.count == 4
    assert row.last.max == pytest.approx(24 * row.first.max, rel=1e-5)
    assert row.worst == row.last


def test_losses_and_metrics():
    y, z = tensor(), tensor(X + 1)
    t = kerascope.trace(parts.Distance(), y, z)
    assert t["difference"].last.mean == pytest.approx(-1, rel=1e-5)
    assert float(keras.ops.convert_to_numpy(t.output)) == pytest.approx(1, rel=1e-5)
    t = kerascope.trace(parts.Share(), y, tensor(X + np.array([0.1, 0.1, 0.1, 1, 1], "float32")))
    assert float(keras.ops.convert_to_numpy(t.output)) == pytest.approx(0.6)
    assert t["self.total / self.count"].last.mean == pytest.approx(0.6)


def test_models_and_training_steps():
    model = parts.make_model()
    t = kerascope.trace(model, tensor())
    assert t["concatenated"].last.shape == (2, 10)
    model.compile("sgd", "mse")
    t = kerascope.trace(model.train_step, (X, X[:, :1]))
    assert t.error is None, t
    assert t["concatenated"].last.shape == (2, 10)
    assert t["concatenated"].last.max is not None, "values are seen behind gradient tracers"


def test_a_step_that_fails_is_run_on_other_batch_sizes_and_all_put_back():
    model = parts.make_doubling()
    t = kerascope.trace(model.train_step, (X, X[:, :1]))
    assert t.error is not None
    text = str(t)
    assert "2·B" in text and "joined along the batch" in " ".join(text.split()), text
    assert t.fixes == ()
    # As after the one run that was asked for.
    assert model.steps == 1
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model.trainable_variables[-1]), [1.0])


def test_parameters_are_looked_up_by_their_own_name():
    t = kerascope.trace(parts.Distance(), tensor(), tensor(X[:1]))
    assert t["y_true"].last.shape == (2, 5)
    assert t["y_pred"].last.shape == (1, 5)
    with pytest.raises(KeyError, match="nothing called 'self'"):
        t["self"]


def test_a_constructor_that_fails_is_explained_and_mended():
    t = kerascope.trace(parts.Unprepared, tensor())
    assert t.error is not None
    assert [f.kind for f in t.findings] == ["missing-super-init"], t
    assert t.findings[0].location.line in (parts.Unprepared.LINE, parts.Unprepared.LINE + 1)
    assert "super().__init__()" in t.fixes[0].patch


def test_symbolic_dimensions_are_named():
    t = kerascope.trace(parts.Antirectifier(), keras.Input((5,)))
    assert [size for size in t["concatenated"].shapes] == ["(B, 10)"], t
    assert t["concatenated"].last.mean is None


def test_unknown_sizes_are_told_apart():
    t = kerascope.trace(parts.scores, keras.Input((None, 5)))
    assert t["both"].shapes == ("(B, 2·N, 5)",)
    assert t["ops.matmul(x, ops.swapaxes(x, 1, 2))"].shapes == ("(B, N, N)",)
    assert t.report().gaps == ()


def test_a_function_without_a_file_is_shown_when_it_is_asked_for():
    space = {"ops": keras.ops}
    exec("def f(x):\n    y = ops.relu(x)\n    return y * 2\n", space)
    t = kerascope.trace(space["f"], tensor())
    assert t["y"].last.shape == (2, 5)
    assert any("its source cannot be read" in note for note in t.report().gaps)


def test_a_lambda_layer_can_be_saved_meanwhile(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: keras.ops.relu(x) * 2)])
    model.save(tmp_path / "plain.keras")
    with kerascope.tracing():
        model.save(tmp_path / "traced.keras")
    texts = [zipfile.ZipFile(tmp_path / f"{n}.keras").read("config.json") for n in ("plain", "traced")]
    assert texts[0] == texts[1]


def test_a_failing_layer_is_explained_and_mended(tmp_path):
    t = kerascope.trace(parts.WrongAxis(), tensor())
    assert t.error is not None and not t.ok
    first = t.findings[0]
    assert first.kind == "shape-mismatch"
    assert first.location.expression == "ops.matmul(concatenated, self.kernel)"
    start, end = first.location.columns
    assert first.location.code[start:end] == first.location.expression
    text = repr(t)
    assert "FAILS when called" in text and "^^^^" in text
    assert "2·B" in text and "concatenated.shape[-1] == self.kernel.shape[-2]" in text
    assert "axis=-1" in (t.fixes[0].patch or "")
    assert len(t.fixes) <= 3
    assert "<u>" in t._repr_mimebundle_()["text/html"]
    assert json.loads(json.dumps(t.to_json()))["verdict"] == "crashed"


def test_a_layer_that_runs_but_mixes_rows_is_named_and_mended():
    t = kerascope.trace(parts.SoftmaxOverBatch(), tensor(np.stack([X, X + 1], axis=1)))
    assert t.error is None
    found = next(f for f in t.findings if f.kind == "batch-axis")
    assert "axis=0" in found.location.expression
    assert "axis=1" in found.fixes[0].patch or "axis=-2" in found.fixes[0].patch


def test_a_silent_fault_in_the_numbers_is_mended():
    true, logits = np.eye(3, dtype="float32")[[0, 2]], np.random.default_rng(0).normal(size=(2, 3))
    t = kerascope.trace(parts.SoftmaxTwice(), tensor(true), tensor(logits.astype("float32")))
    found = next(f for f in t.findings if f.kind == "logits-mismatch")
    assert "from_logits=False" in found.fixes[0].patch or "(y_true, y_pred" in found.fixes[0].patch
    assert next(e.value for e in found.evidence if e.label == "edits tried") > 0
    assert t.fixes == found.fixes


def test_tracing_lets_the_exception_through_with_a_note():
    layer = parts.WrongAxis()
    with pytest.raises(Exception) as caught, kerascope.tracing() as t:
        layer(tensor())
    assert t.error is caught.value
    assert any("matmul needs" in note and "2·B" in note for note in caught.value.__notes__)
    assert t["pos"].last.shape == (2, 5)


def test_an_error_is_explained_after_changes_of_the_file_were_tried():
    true, scores = np.eye(3, dtype="float32")[[0, 2]], np.ones((2, 3), "float32") * [1, 2, 3]
    assert kerascope.trace(parts.SoftmaxTwice(), tensor(true), tensor(scores.astype("float32"))).fixes
    t = kerascope.trace(parts.WrongAxis(), tensor(), fixes=False)
    assert {e.label for e in t.findings[0].evidence} >= {"concatenated", "self.kernel"}


def test_tracing_a_block_and_afterwards_nothing():
    code = parts.repeated.__code__
    with kerascope.tracing() as t:
        parts.repeated(tensor())
        with pytest.raises(UsageError, match="has not ended"):
            t.report()
    assert parts.repeated.__code__ is code
    assert t["x * (step + 1.0)"].count == 4
    parts.repeated(tensor())
    assert t["x * (step + 1.0)"].count == 4


def test_lines_of_the_block_itself_are_shown():
    with kerascope.tracing() as t:
        doubled = tensor() * 2
        total = keras.ops.sum(doubled)
    assert float(keras.ops.convert_to_numpy(total)) == pytest.approx(2 * X.sum(), rel=1e-5)
    assert t["doubled"].last.shape == (2, 5)


def test_what_cannot_be_traced():
    with pytest.raises(UsageError, match="cannot be traced"):
        kerascope.trace(3)
    with pytest.raises(UsageError, match="factor"):
        kerascope.trace(parts.Scaled, tensor())


def test_stop_at_the_first_value_that_is_not_finite(monkeypatch):
    out, typed = io.StringIO(), io.StringIO("p float(ops.max(scaled))\nc\n")
    typed.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", typed)
    monkeypatch.setattr(sys, "stdout", out)
    t = kerascope.trace(parts.becomes_infinite, tensor(), stop="nonfinite")
    assert t.error is None
    assert "parts.py" in out.getvalue() and "0.0" in out.getvalue()


def command(*words, code=0):
    assert main(["trace", *map(str, words)]) == code


@pytest.mark.catalogue
def test_command_for_an_object(capsys):
    command(HERE / "parts.py:Antirectifier", "--input", "2,5")
    out = capsys.readouterr().out
    assert "Antirectifier on" in out and "concatenated" in out and "(2, 10)" in out
    command(HERE / "parts.py:Scaled", "--args", "factor=2.0", "--input", "3,4", "--json", "-")
    report = json.loads(capsys.readouterr().out)
    assert [row["last"]["shape"] for row in report["lines"] if row["targets"] == ["return"]] == [[3, 4]]
    command(HERE / "parts.py:Distance", "--input", "3,4")
    assert "difference" in capsys.readouterr().out
    command(HERE / "parts.py:Antirectifier", "--input", "B,5")
    assert "(B, 10)" in capsys.readouterr().out


@pytest.mark.catalogue
def test_command_applies_a_fix_only_when_asked(capsys, tmp_path):
    copy = tmp_path / "mine.py"
    copy.write_text((HERE / "parts.py").read_text())
    command(f"{copy}:WrongAxis", "--input", "2,5", code=1)
    assert copy.read_text() == (HERE / "parts.py").read_text()
    assert "axis=-1" in capsys.readouterr().out
    command(f"{copy}:WrongAxis", "--input", "2,5", "--apply", code=1)
    capsys.readouterr()
    assert copy.read_text() == (HERE / "parts.py").read_text().replace("neg], axis=0)", "neg], axis=-1)")
    command(f"{copy}:WrongAxis", "--input", "2,5")


@pytest.mark.catalogue
def test_command_for_a_script(capsys, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, keras\nfrom keras import ops\n"
        "x = ops.ones((2, 5))\ny = x @ ops.transpose(x)\nprint('mine', sys.argv[1:], __name__)\nsys.exit(3)\n"
    )
    command(script, "a", "--b", code=3)
    captured = capsys.readouterr()
    assert captured.out == "mine ['a', '--b'] __main__\n"
    assert "(2, 2)" in captured.err and "x @ ops.transpose(x)" in captured.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Nothing to trace"),
        (["nowhere.py:A", "--input", "2"], "no such file"),
        ([HERE / "parts.py:Nothing", "--input", "2"], "It defines: Antirectifier"),
        ([HERE / "parts.py:Antirectifier"], "No input was given"),
        ([HERE / "parts.py:Antirectifier", "--input", "two"], "This is no input"),
        ([HERE / "parts.py:Scaled", "--input", "2,5"], "factor"),
        ([HERE / "parts.py:Scaled", "--args", "factor", "--input", "2,5"], "These are no arguments"),
        ([HERE / "parts.py:Antirectifier", "--input", "2,5", "--stop", "import os"], "stop"),
    ],
)
def test_bad_input_gets_a_clear_error(words, message, capsys):
    command(*words, code=2)
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err
