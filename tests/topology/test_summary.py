"""`kerascope.summary`: the table, its totals and costs, comparing, and the command."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import architectures
import counters
import keras
import numpy as np
import pytest
from keras import layers, ops

import kerascope
from kerascope.api.summary import KINDS, Summary
from kerascope.errors import UsageError

pytestmark = pytest.mark.backend


def table(summary):
    return repr(summary)


def test_it_prints_nothing_and_shows_itself(capsys):
    summary = kerascope.summary(architectures.tickets())
    assert capsys.readouterr().out == ""
    text = repr(summary)
    assert "tickets (Functional)" in text
    assert "parameters   1,392,097   5.31 MB" in text
    bundle = summary._repr_mimebundle_()
    assert "<table>" in bundle["text/html"] and bundle["text/plain"] == text
    data = json.loads(json.dumps(summary.to_json()))
    assert data["totals"]["parameters"] == 1_392_097
    assert summary.ok and summary.findings == ()


def test_rows_of_a_shared_layer_and_of_a_nested_one():
    text = repr(kerascope.summary(architectures.Siamese(), (None, 3), (None, 9, 3)))
    assert "tower #2 (Dense)" in text and "(B, 9, 4)" in text and "shared" in text
    model = architectures.Transformer()
    x = np.ones((2, 6), "int32")
    assert "query" not in repr(kerascope.summary(model, x))  # the insides of Keras's own layers stay folded
    assert "query" in repr(kerascope.summary(model, x, depth=9))
    assert "norm0" not in repr(kerascope.summary(model, x, depth=1))


def test_columns_and_filter(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    model = architectures.image()
    text = repr(kerascope.summary(model, columns="input,output,dtype,memory,weights", filter="^conv|Dense"))
    header = next(line for line in text.splitlines() if "layer (type)" in line)
    assert header.split()[2:] == ["input", "output", "dtype", "output", "bytes", "weight", "bytes"]
    assert "conv (Conv2D)" in text and "out (Dense)" in text and "BatchNormalization" not in text
    assert "shown        2   rows, 2,762 parameters" in text
    with pytest.raises(UsageError, match="no such column"):
        kerascope.summary(model, columns=["nonsense"])
    with pytest.raises(UsageError, match="no regular expression"):
        kerascope.summary(model, filter="(")
    with pytest.raises(UsageError, match="depth=0"):
        kerascope.summary(model, depth=0)


def test_every_column_can_be_shown():
    from kerascope.render.summary import COLUMNS

    for name in ("vae", "recurrent", "broken"):
        build, inputs = architectures.ZOO.get(name, (architectures.Broken, ((None, 4),)))
        text = repr(kerascope.summary(build(), *inputs, columns=list(COLUMNS)))
        assert "layer (type)" in text


def test_totals_include_the_optimizer_and_the_batch():
    model = architectures.image()
    model.compile("adam", "mse")
    assert "not built yet" in repr(kerascope.summary(model))
    model.optimizer.build(model.trainable_variables)
    one, eight = kerascope.summary(model), kerascope.summary(model, batch_size=8)
    assert one.graph.optimizer_size == sum(int(np.prod(v.shape)) for v in model.optimizer.variables)
    assert eight.totals["macs"] == 8 * one.totals["macs"]
    assert eight.totals["activation_bytes"] == 8 * one.totals["activation_bytes"]
    assert one.totals["weight_bytes"] == 4 * model.count_params()
    assert "for a batch of 8" in repr(eight)


def test_a_broken_model_is_shown_up_to_the_error():
    summary = kerascope.summary(architectures.Broken(), (None, 4))
    text = repr(summary)
    assert "FAILS   when called in block/add" in text
    assert "architectures.py:" in text and "return ops.relu(x + y) * 2.0" in text
    assert not summary.ok
    (finding,) = summary.findings
    assert (finding.kind, finding.severity, finding.location.layer) == ("call-fails", "fault", "block/add")


@pytest.mark.parametrize("near", [True, False])
def test_the_line_that_fails_stays_whole_at_every_width(near, workdir, monkeypatch):
    if near:
        monkeypatch.chdir(Path(architectures.__file__).parent)
    summary = kerascope.summary(architectures.Broken(), (None, 4))
    assert summary.findings[0].location.file == ("architectures.py" if near else architectures.__file__)
    for width in range(40, 160, 3):
        monkeypatch.setenv("COLUMNS", str(width))
        text = repr(summary)
        assert "return ops.relu(x + y) * 2.0" in text
        assert max(map(len, text.splitlines())) <= width


def test_untracked_layers_are_findings():
    summary = kerascope.summary(architectures.Untracked(), (None, 3))
    assert [finding.kind for finding in summary.findings] == ["untracked-layer", "unused-layer"]
    assert "Not tracked by the model" in repr(summary)


PAGES = Path(__file__).resolve().parents[2] / "docs" / "findings"


@pytest.mark.catalogue
@pytest.mark.parametrize("kind", KINDS)
def test_programs_of_the_pages(kind):
    programs = dict(
        re.findall(r"```python (broken|fixed)\n(.*?)```", (PAGES / f"{kind}.md").read_text(), re.DOTALL)
    )
    found = {}
    for state in ("broken", "fixed"):
        names = {"__name__": "program"}
        exec(programs[state], names)
        found[state] = [finding.kind for finding in names["summary"].findings]
    assert found == {"broken": [kind], "fixed": []}


def test_differences():
    def build(units, extra=False):
        stack = [layers.Input((4,), name="x"), layers.Dense(units, name="a")]
        stack += [layers.ReLU(name="relu")] if extra else []
        return keras.Sequential([*stack, layers.Dense(2, name="b")], name="m")

    one, same, other = (kerascope.summary(build(*args)) for args in ((8,), (8,), (9, True)))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert not one.diff(same)
    kinds = [(change.kind, change.path) for change in one.diff(other).changes]
    assert kinds == [
        ("reshaped", "a"),
        ("reparametrised", "a"),
        ("added", "relu"),
        ("reparametrised", "b"),
        ("reconnected", "b"),
    ]
    assert [c.kind for c in other.diff(one).changes].count("removed") == 1
    frozen = build(8)
    frozen.layers[0].trainable = False
    (change,) = one.diff(kerascope.summary(frozen)).changes
    assert (change.kind, change.path) == ("reparametrised", "a")
    assert "relu (ReLU)" in repr(one.diff(other))


def test_another_activation_is_another_architecture():
    def build(activation, rate=0.1, stop=2):
        x = keras.Input((4,), name="x")
        y = layers.Dropout(rate, name="drop")(layers.Dense(3, activation=activation, name="a")(x))
        return kerascope.summary(keras.Model(x, y[:, :stop], name="m"))

    one = build("relu")
    assert one.fingerprint == build("relu").fingerprint
    for other, path, before, after in (
        (build("tanh"), "a", "activation=relu", "activation=tanh"),
        (build("relu", 0.2), "drop", "rate=0.1", "rate=0.2"),
    ):
        (change,) = one.diff(other).changes
        assert (change.kind, change.path) == ("reconfigured", path)
        assert (change.before, change.after) == (before, after)
        assert one.fingerprint != other.fingerprint
    assert [c.kind for c in one.diff(build("relu", stop=3)).changes] == ["reshaped", "reconfigured"]


def macs_by_hand():
    """Models whose multiply-adds are known on paper."""
    x = keras.Input((8, 5))
    yield layers.Dense(7)(x), x, 8 * 5 * 7
    yield layers.LSTM(6)(x), x, 8 * 4 * 6 * (5 + 6)
    yield layers.GRU(6)(x), x, 8 * 3 * 6 * (5 + 6)
    yield layers.EinsumDense("abc,cd->abd", output_shape=(None, 3))(x), x, 8 * 5 * 3
    yield layers.Conv1D(4, 3)(x), x, 6 * 3 * 5 * 4
    yield layers.Conv1D(10, 3, groups=5)(x), x, 6 * 3 * 1 * 10
    yield ops.matmul(x, ops.transpose(x, (0, 2, 1))), x, 8 * 8 * 5
    yield layers.MultiHeadAttention(2, 3)(x, x), x, 4 * 8 * 5 * 6 + 2 * (2 * 8 * 8 * 3)
    yield layers.TimeDistributed(layers.Dense(3))(x), x, 8 * 5 * 3
    image = keras.Input((9, 9, 2))
    yield layers.Conv2D(3, 3, strides=2)(image), image, 16 * 9 * 2 * 3
    yield layers.DepthwiseConv2D(3, depth_multiplier=2)(image), image, 49 * 9 * 2 * 2
    yield layers.SeparableConv2D(5, 3)(image), image, 49 * (9 * 2 + 2 * 5)
    yield layers.Conv2DTranspose(3, 3)(image), image, 81 * 9 * 2 * 3


def test_multiply_adds_as_on_paper():
    for output, source, expected in macs_by_hand():
        summary = kerascope.summary(keras.Model(source, output))
        assert summary.totals["macs"] == expected, repr(summary)
        assert summary.totals["flops"] >= 2 * expected


def test_what_cannot_be_counted_is_said():
    summary = kerascope.summary(architectures.tickets())
    assert "not counted: LSTM" in repr(summary)
    native, _ = architectures.ZOO["native"]
    assert "not counted: code outside Keras" in repr(kerascope.summary(native()))


BOUNDS = {
    "FlopCounterMode": (1, 1),
    "fvcore": (1, 1),
    "profiler": (0.985, 1.03),
    # They leave out products with the zeros of the padding; we count them, as everybody else does.
    "XLA": (0.985, 1.1),
    "roofline": (0.985, 1.1),
}
"""Ours divided by what another counter says."""


def check_counters(model, shape):
    sums = kerascope.summary(model).totals
    seen = 0
    for title, (what, counter) in counters.counters().items():
        try:
            counted = counter(model, shape)
        except ImportError:
            continue  # fvcore and jaxlib are not everywhere
        low, high = BOUNDS[title]
        assert low <= sums[what] / counted <= high, title
        seen += 1
    assert seen


def test_counters_agree_with_the_backend():
    """Products and convolutions as PyTorch counts them, exactly; all operations as XLA and TensorFlow do, nearly."""
    model = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(96, 96, 3), alpha=0.35
    )
    check_counters(model, (1, 96, 96, 3))


@pytest.mark.table
@pytest.mark.parametrize("name", counters.MODELS)
def test_counters_agree_on_known_models(name):
    check_counters(*counters.build(name))


SCRIPT = """
import keras
class Custom(keras.layers.Layer):
    def call(self, x):
        return keras.ops.relu(x)
def build():
    return keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="d"), Custom(name="c")], name="s")
if __name__ == "__main__":
    model = build()
    model.compile("sgd", "mse")
    print("before")
    model.fit(keras.ops.ones((2, 4)), keras.ops.ones((2, 3)))
    print("after")
"""


def test_the_command_on_a_script_and_a_file(tmp_path, monkeypatch, capsys):
    from kerascope.cli.main import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    assert main(["summary", "train.py"]) == 0
    out = capsys.readouterr().out
    assert "before" in out and "after" not in out and "d (Dense)" in out
    assert main(["summary", "train.py:build", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["trainable"] == 15
    assert main(["summary", "train.py:Custom", "--input", "None,4"]) == 0
    assert "relu" in capsys.readouterr().out
    architectures.nested().save("m.keras")
    assert main(["summary", "m.keras", "--fingerprint"]) == 0
    done = capsys.readouterr()
    assert done.out.strip() == kerascope.summary(architectures.nested()).fingerprint
    assert "safe mode" in done.err
    assert main(["summary", "m.keras", "--diff", "train.py:build"]) == 1
    assert "removed" in capsys.readouterr().out
    for bad in ("missing.py", "train.py:nothing", "train.txt"):
        (tmp_path / "train.txt").touch()
        assert main(["summary", bad]) == 2
        assert capsys.readouterr().err.startswith("kerascope: ")


def test_the_command_refuses_what_safe_mode_refuses(tmp_path, capsys):
    from kerascope.cli.main import main

    model = keras.Sequential([layers.Input((2,)), layers.Lambda(lambda x: x * 2)])
    model.save(tmp_path / "l.keras")
    assert main(["summary", str(tmp_path / "l.keras")]) == 2
    assert "safe mode" in capsys.readouterr().err


def test_the_value_of_the_last_line_is_the_table(python, tmp_path, subprocess_env):
    code = "import keras, kerascope\nmodel = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3)])\n"
    code += "print(kerascope.summary(model))"
    (tmp_path / "show.py").write_text(code)
    command = [python, str(tmp_path / "show.py")]
    done = subprocess.run(command, env=subprocess_env, capture_output=True, text=True, check=True)
    assert "parameters   9" in done.stdout


def test_summary_of_a_plain_layer():
    summary = kerascope.summary(layers.Dense(3), (None, 4))
    assert isinstance(summary, Summary)
    assert summary.parameters == 15
