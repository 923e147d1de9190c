"""Each verdict on a made-up recording that deserves it, and silence on one that is nearly the same but does not."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for fake_profile.py, whatever the import mode

from fake_profile import SCRIPT, lines, record

from kerascope.api.report import load
from kerascope.record.writer import Writer

MB = 1024 * 1024
STEP = {"step": 0.01, "keras": 0.0002, "kerascope": 0.001}
NOT_SMALL = {"cached": 0.01, "larger": 0.08}
MEASURE = ("metrics", {"lines": [["f1", SCRIPT, 4]]})


def layers(own: bool, both: float, flops: float, dtype: str = "float32", **more: bool) -> tuple[str, dict]:
    row = {"layer": "net/mine", "class": "Mine", "own": own, "file": SCRIPT, "line": 3, "calls": 1}
    row |= {"forward": both / 3, "both": both, "flops": flops, "dtype": dtype} | more
    return "layers", {"layers": [row], "peak": {"float32": 1e11, "float64": 5e10}}


def called(seconds: float, *, feeding: bool) -> tuple[str, dict]:
    row = {"file": SCRIPT, "line": 4, "function": "made", "count": 60, "seconds": seconds, "feeding": feeding}
    return "called back", {"calls": [row]}


def chain(*names: str) -> tuple[str, dict]:
    return "source", {"kind": "tensorflow.Dataset", "pipeline": [{"op": name} for name in names]}


CHECKED = ("switches", {"checks": ["enable_checks()"]})


def growing(per_look: float, kept: int) -> tuple[str, dict]:
    looks = [{"step": 5 * i, "epoch": 0, "resident": 500 * MB + i * per_look} for i in range(12)]
    return "memory", {
        "looks": looks,
        "containers": [{"name": "Log.kept", "from": 0, "to": kept, "steps": 60}],
    }


def compiles(count: int, seconds: float, **facts) -> list[tuple[int, dict]]:
    first = {"phase": "step", "function": "train_step", "seconds": 1.0, "first": True}
    change = {"argument": "x", "before": "float32 (32, 8)", "after": "float32 (32, 9)"}
    again = {"phase": "step", "function": "train_step", "seconds": seconds, "differences": [change]} | facts
    return [(1, first), *((i + 2, again) for i in range(count))]


def operations(count: int) -> tuple[str, dict]:
    row = {"file": SCRIPT, "line": 3, "function": "loss", "count": count}
    return "operators", {"all": 600 + 2 * count, "backward": 300 + count, "started": [row]}


SOURCE = ("source", {"kind": "builtins.generator", "lines": [["batches", SCRIPT, 3]]})
PLACES = ("callbacks", {"places": {"callback:Log.on_train_batch_end": [SCRIPT, 3]}})
READS = (
    "reads",
    {
        "reads": [
            {
                "phase": "callback:Log.on_train_batch_end",
                "file": SCRIPT,
                "line": 4,
                "count": 120,
                "seconds": 0.1,
            }
        ]
    },
)

TOGETHER = {"callback:Log.on_train_batch_end": 0.0016, "callback:Mean.on_train_batch_end": 0.0014}

CASES = {
    # name: (kind, what the place says, recording that deserves it, recording that does not)
    "input": (
        "input-bound",
        "train.py:4",
        {"phases": STEP | {"data": 0.02}, "facts": [SOURCE, lines("data", 4, 1.0)]},
        {"phases": STEP | {"data": 0.001}, "facts": [SOURCE, lines("data", 4, 1.0)]},
    ),
    "input without lines": (
        "input-bound",
        "train.py:3",
        {"phases": STEP | {"data": 0.02}, "facts": [SOURCE]},
        {"phases": STEP | {"data": 0.02}, "facts": [SOURCE], "steps": 15},
    ),
    "own loop": (
        "input-bound",
        "fit(x)",
        {"phases": STEP | {"outside": 0.02}},
        {"phases": STEP | {"outside": 0.001}},
    ),
    "callback": (
        "callback-bound",
        "train.py:3",
        {"phases": STEP | {"callback:Log.on_train_batch_end": 0.008}, "facts": [PLACES, READS]},
        {"phases": STEP | {"callback:Log.on_train_batch_end": 0.0005}, "facts": [PLACES, READS]},
    ),
    "callback of short steps": (
        "callback-bound",
        "train.py:3",
        {"phases": {"step": 4e-4, "callback:Log.on_train_batch_end": 5e-4}, "steps": 300, "facts": [PLACES]},
        {"phases": {"step": 4e-4, "callback:Log.on_train_batch_end": 5e-5}, "steps": 300, "facts": [PLACES]},
    ),
    "callbacks together": (
        "callback-bound",
        "train.py:3",
        {"phases": STEP | TOGETHER, "facts": [PLACES]},
        {"phases": STEP | {name: seconds / 5 for name, seconds in TOGETHER.items()}, "facts": [PLACES]},
    ),
    "callback per epoch": (
        "callback-bound",
        "ModelCheckpoint",
        {"phases": STEP, "once": {"callback:ModelCheckpoint.on_epoch_end": 1.0}},
        {"phases": STEP, "once": {"callback:ModelCheckpoint.on_epoch_end": 0.05}},
    ),
    "validation": (
        "slow-validation",
        "validation_data",
        {"phases": STEP, "once": {"validation": 1.0}},
        {"phases": STEP, "once": {"validation": 0.3}},
    ),
    "recompilation": (
        "recompilation",
        "x",
        {"phases": STEP, "compiles": compiles(10, 0.1)},
        {"phases": STEP, "compiles": compiles(1, 0.2)},
    ),
    "python number": (
        "recompilation",
        "f(argument 1)",
        {
            "phases": STEP,
            "compiles": compiles(
                20, 0.05, phase="callback:Log.on_train_batch_end", function="f", differences=[]
            ),
            "facts": [
                ("functions", {"functions": {"f": {"count": 20, "signatures": [["1", "a"], ["2", "a"]]}}})
            ],
        },
        {"phases": STEP, "compiles": compiles(0, 0.05)},
    ),
    "small batch": (
        "overhead-bound",
        "batch_size=4",
        {"phases": STEP, "batch": 4, "experiments": {"cached": 0.01, "larger": 0.011}},
        {"phases": STEP, "batch": 4, "experiments": {"cached": 0.01, "larger": 0.05}},
    ),
    "batch of eight": (
        "overhead-bound",
        "batch_size=8",
        {"phases": STEP, "batch": 8, "experiments": {"cached": 0.01, "larger": 0.011}},
        {"phases": STEP, "batch": 16, "experiments": {"cached": 0.01, "larger": 0.011}},
    ),
    "many trainings": (
        "overhead-bound",
        "fit",
        {"phases": STEP, "steps": 10, "trainings": 6, "once": {"set-up": 0.3}},
        {"phases": STEP, "steps": 10, "trainings": 6, "once": {"set-up": 0.01}},
    ),
    "eager": (
        "eager-step",
        "run_eagerly",
        {"phases": STEP, "experiments": NOT_SMALL | {"compiled": 0.003}},
        {"phases": STEP, "experiments": NOT_SMALL | {"compiled": 0.0095}},
    ),
    "checks": (
        "debug-mode",
        "enable_checks()",
        {"phases": STEP, "experiments": NOT_SMALL | {"unchecked": 0.003}, "facts": [CHECKED]},
        {"phases": STEP, "experiments": NOT_SMALL | {"unchecked": 0.0095}, "facts": [CHECKED]},
    ),
    "eager everywhere": (
        "eager-step",
        "switch()",
        {
            "phases": STEP,
            "experiments": NOT_SMALL | {"compiled": 0.003},
            "facts": [("switches", {"eager": ["switch()"]})],
        },
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [("switches", {"eager": ["switch()"]})]},
    ),
    "function of a pipeline": (
        "input-bound",
        "train.py:4",
        {"phases": STEP | {"data": 0.02}, "facts": [called(0.4, feeding=True)]},
        {"phases": STEP, "facts": [called(0.4, feeding=True)]},
    ),
    "pipeline of arrays": (
        "input-bound",
        "fit",
        {
            "phases": STEP | {"data": 0.006},
            "facts": [chain("BatchDataset", "MapDataset", "TensorSliceDataset")],
        },
        {"phases": STEP | {"data": 0.006}, "facts": [chain("BatchDataset", "TensorSliceDataset")]},
    ),
    "layer that prepares": (
        "slow-layer",
        "net/mine",
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [layers(True, 0.008, 1e9, prepares=True)]},
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [layers(True, 0.004, 1e9, prepares=True)]},
    ),
    "metric": (
        "slow-metric",
        "train.py:4",
        {"phases": STEP, "experiments": NOT_SMALL | {"no metrics": 0.003}, "facts": [MEASURE]},
        {"phases": STEP, "experiments": NOT_SMALL | {"no metrics": 0.009}, "facts": [MEASURE]},
    ),
    "host function": (
        "python-in-step",
        "train.py:4",
        {
            "phases": STEP,
            "facts": [("called back", {"calls": [{"file": SCRIPT, "line": 4, "count": 60, "seconds": 0.4}]})],
        },
        {
            "phases": STEP,
            "facts": [
                ("called back", {"calls": [{"file": SCRIPT, "line": 4, "count": 60, "seconds": 0.02}]})
            ],
        },
    ),
    "plain python": (
        "python-in-step",
        "train.py:4",
        {"phases": STEP, "facts": [lines("step", 4, 1.0, plain=0.8)]},
        {"phases": STEP, "facts": [lines("step", 4, 1.0, plain=0.05)]},
    ),
    "layer": (
        "slow-layer",
        "net/mine",
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [layers(False, 0.008, 1e6)]},
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [layers(False, 0.008, 1e9)]},
    ),
    "layer of Keras": (
        "slow-layer",
        "net/mine",
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [layers(False, 0.006, 1e6)]},
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [layers(True, 0.008, 1e6)]},
    ),
    "many small operations": (
        "python-in-step",
        "train.py:3",
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [operations(900)]},
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [operations(200)]},
    ),
    "float64": (
        "float64",
        "float64",
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [layers(True, 0.008, 1e9, "float64")]},
        {"phases": STEP, "experiments": NOT_SMALL, "facts": [layers(True, 0.008, 1e9)]},
    ),
    "float64, tried": (
        "float64",
        "float64",
        {
            "phases": STEP,
            "experiments": NOT_SMALL | {"float32": 0.006},
            "facts": [layers(True, 0.008, 1e9, "float64")],
        },
        {
            "phases": STEP,
            "experiments": NOT_SMALL | {"float32": 0.0098},
            "facts": [layers(True, 0.008, 1e9, "float64")],
        },
    ),
    "memory": (
        "memory-creep",
        "Log.kept",
        {"phases": STEP, "facts": [growing(20 * MB, 60)]},
        {"phases": STEP, "facts": [growing(0.1 * MB, 60)]},
    ),
}


def judged(path: Path, settings: dict) -> dict:
    settings = dict(settings)
    with load(record(path, settings.pop("phases"), **settings)) as run:
        report = run.report()
    assert not [f for f in report.findings if f.kind == "kerascope-internal"]
    return {finding.kind: finding for finding in report.findings}


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_given_where_it_is_due_and_only_there(name, tmp_path):
    kind, place, bad, good = CASES[name]
    found = judged(tmp_path / "bad.kscope", bad)
    assert list(found) == [kind]
    where = found[kind].location
    assert place in f"{Path(where.file or '').name}:{where.line} {where.expression} {where.layer}"
    assert judged(tmp_path / "good.kscope", good) == {}


def test_a_watched_run_is_not_judged_by_its_speed(tmp_path):
    _, _, bad, _ = CASES["input"]
    assert judged(tmp_path / "run.kscope", bad | {"profile": False}) == {}


def test_the_gain_is_what_is_left_without_the_cause(tmp_path):
    found = judged(tmp_path / "a.kscope", {"phases": {"step": 0.01, "data": 0.03}, "noise": 0.0})
    evidence = {item.label: item.value for item in found["input-bound"].evidence}
    assert evidence["of the training's own time"] == "75 %"
    assert evidence["without it at most"] == "4.0 times faster"
    assert evidence["measured on"] == "57 usual steps"


def test_a_gain_is_shown_with_what_noise_leaves_of_it(tmp_path):
    found = judged(tmp_path / "a.kscope", {"phases": {"step": 0.01, "data": 0.03}, "noise": 0.5})
    gain = next(e.value for e in found["input-bound"].evidence if e.label == "without it at most")
    middle, low, high = map(
        float, re.fullmatch(r"(\S+) times faster, (\S+) to (\S+) by the noise", gain).groups()
    )
    assert 1.0 <= low < middle < high


def test_what_remains_at_an_epochs_end_is_tried_away(tmp_path):
    settings = {"phases": STEP, "compiles": compiles(1, 1.5), "experiments": NOT_SMALL}
    fix = judged(tmp_path / "a.kscope", settings)["recompilation"].fixes[0]
    assert fix.verified and "drop_remainder" in fix.description
    assert (fix.before, fix.after) == (
        {"last step of an epoch": "1.51 s"},
        {"last step of an epoch": "10 ms"},
    )


def test_workers_that_start_anew_for_every_epoch_are_named(tmp_path):
    loader = ("source", {"kind": "torch.DataLoader", "num_workers": 2, "persistent_workers": False})
    settings = {"phases": STEP | {"data": 0.002}, "trainings": 3, "facts": [loader]}
    where = judged(tmp_path / "a.kscope", settings | {"last": {"data": 1.0}})["input-bound"].location
    assert where.expression == "DataLoader(persistent_workers=False)"
    assert judged(tmp_path / "b.kscope", settings) == {}


def test_what_a_callback_reads_is_named(tmp_path):
    _, _, bad, _ = CASES["callback"]
    finding = judged(tmp_path / "a.kscope", bad)["callback-bound"]
    evidence = {item.label: item.value for item in finding.evidence}
    assert evidence["reads of the device in on_train_batch_end"] == 2.0
    assert evidence["read at"] == f"{SCRIPT}:4"


def test_a_callback_that_waits_for_the_device_is_not_blamed_for_it(tmp_path):
    """Steps that waited for the device themselves show what the callback alone takes."""
    took = {
        "callback:Log.on_train_batch_end": lambda synced, last: 0.0001 if synced else 0.0100,
        "step": lambda synced, last: 0.0101 if synced else 0.0002,
    }
    assert judged_ahead(tmp_path / "a.kscope", took, {}) == {}


def test_what_waits_for_steps_that_were_only_started_is_part_of_them(tmp_path):
    """Without metrics a step takes a quarter; that most of it is waited for when the logs are read changes nothing."""
    took = {
        "logs": lambda synced, last: 0.035 if last else 0.0,
        "step": lambda synced, last: 0.004 if synced else 0.0002,
    }
    found = judged_ahead(tmp_path / "a.kscope", took, {"cached": 0.004, "no metrics": 0.001})
    assert list(found) == ["slow-metric"]
    gain = next(e.value for e in found["slow-metric"].evidence if e.label == "without it")
    assert gain.startswith("4.0 times")
    assert judged_ahead(tmp_path / "b.kscope", took, {"cached": 0.004, "no metrics": 0.0039}) == {}


def judged_ahead(path: Path, took: dict, experiments: dict) -> dict:
    """Judges a training whose steps are only started; every third is waited for, each epoch has 15."""
    writer = Writer(path, {"subject": "train.py", "backend": "jax", "outcome": "finished", "profile": True})
    model = writer.model("net", "Functional", {})
    names = sorted(took)
    layout, logs = writer.layout(model, "time", names), writer.layout(model, "logs", [])
    training = writer.training(model, "fit", 1, 0.0, {})
    total = dict.fromkeys(names, 0.0)
    for step in range(1, 61):
        seconds = {name: took[name](step % 3 == 0, step % 15 == 0) for name in names}
        total = {name: total[name] + seconds[name] for name in names}
        whole = sum(seconds.values())
        writer.step(model, step, training, step // 15, logs, [0.1 * step, whole, 0.0, 1e-3, 64])
        writer.timing(model, step, layout, [seconds[name] for name in names], int(step % 3 == 0))
    account = {"wall": sum(total.values()), "cpu": 0.0, "phases": total}
    writer.training_ended(training, 1.0, "finished", {"time": account})
    for name, value in experiments.items():
        facts = {"what": "experiment", "name": name, "seconds": value, "cpu": value, "steps": 12, "batch": 64}
        writer.event("profile", 1.0, facts, model)
    writer.close()
    with load(path) as run:
        return {finding.kind: finding for finding in run.report().findings}


def test_memory_that_programs_take_is_no_finding_of_its_own(tmp_path):
    bad = {"phases": STEP, "compiles": compiles(30, 0.2), "facts": [growing(20 * MB, 0)]}
    assert list(judged(tmp_path / "a.kscope", bad)) == ["recompilation"]


def test_a_stall_is_reported_of_any_run(tmp_path):
    from kerascope.record.writer import Writer

    path = record(tmp_path / "a.kscope", STEP, profile=False)
    writer = Writer(tmp_path / "b.kscope", {"subject": "train.py", "backend": "torch", "outcome": "finished"})
    facts = {
        "phase": "data",
        "seconds": 45.0,
        "usual": 0.01,
        "what": "waiting for the next batch",
        "place": [SCRIPT, 4],
    }
    writer.event("stall", 50.0, facts | {"stacks": [{"thread": "MainThread", "at": f"{SCRIPT}:4 yield"}]})
    writer.close()
    with load(tmp_path / "b.kscope") as run:
        (finding,) = run.report().findings
    assert (finding.kind, finding.location.line) == ("stalled", 4)
    with load(path) as run:
        assert run.report().findings == ()
