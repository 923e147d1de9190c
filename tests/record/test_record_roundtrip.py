"""Everything that is written comes back as it was."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time

import numpy as np
import pytest

from kerascope.errors import UsageError
from kerascope.record.reader import RunView
from kerascope.record.schema import APPLICATION_ID, SCHEMA_VERSION
from kerascope.record.writer import Writer


def test_steps_come_back_to_the_bit(tmp_path, sketch):
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(123)
    writer.close()
    table = RunView.open(writer.path).models[0].steps()
    expected = np.array([drawn.values(step) for step in range(1, 124)])
    assert table.step.dtype == np.int64 and table.step.tolist() == list(range(1, 124))
    assert table.epoch.tolist() == [(step - 1) // 50 for step in range(1, 124)]
    assert set(table.training.tolist()) == {drawn.training}
    columns = [table.at, table.seconds, table.busy, table.learning_rate, table.batch_size]
    columns += [table.logs["loss"], table.logs["accuracy"]]
    assert all(column.dtype == np.float64 for column in columns)
    assert np.array_equal(np.stack(columns, axis=1), expected)


def test_checks_and_samples_come_back(tmp_path, open_writer, sketch):
    writer = open_writer(tmp_path / "a.kscope")
    sketch(writer).run(40)
    model = writer.view().models[0]
    checks, samples = model.checks(), model.samples("gradient")
    assert checks.names == ("weight:dense/kernel", "optimizer:sgd/rate")
    assert checks.norms.dtype == np.float32 and checks.finite.dtype == np.bool_
    assert checks.norms.tolist() == [[step, 0.5] for step in range(5, 41, 5)]
    assert samples.stats.shape == (4, 2, 7) and samples.stats.dtype == np.float32
    assert samples.step.tolist() == [10, 20, 30, 40]
    assert samples.field("norm").tolist() == [[step, step] for step in (10, 20, 30, 40)]
    assert np.all(samples.field("finite") == 1)
    with pytest.raises(UsageError, match="Received: name='median'"):
        samples.field("median")


def test_facts_come_back(tmp_path, open_writer):
    writer = open_writer(
        tmp_path / "a.kscope", {"backend": "jax", "argv": ["x", "\ud800"], "seconds": np.float32(1.5)}
    )
    model = writer.model("net <b>", "Model", {"layers": [], "data": 1})
    writer.model_facts(model, {"data": {"kind": "numpy"}, "more": np.arange(2)})
    training = writer.training(model, "fit", 1, 0.25, {"epochs": 3})
    writer.epoch(training, 0, 10, 2.5, {"loss": 0.5, "val_loss": float("nan"), "max": float("inf")})
    writer.epoch(training, 1, 20, float("nan"), {})
    writer.batch(model, 1, {"arrays": [{"name": "x", "min": float("-inf"), "finite": 0.5}]})
    writer.source("train.py", "x = 1\n\ud800\x00")
    writer.event("gap", 1.5, {"what": "activations", "why": {1, 2}}, model, 7)
    writer.event("note", float("nan"), {"object": object()})
    writer.meta({"outcome": "finished", "backend": "torch"})
    writer.training_ended(training, 9.0, "stopped", {"why": "early"})

    view = writer.view()
    assert view.meta == {"backend": "torch", "argv": ["x", "\ud800"], "seconds": 1.5, "outcome": "finished"}
    seen = view.models[0]
    assert (seen.id, seen.name, seen.class_name) == (model, "net <b>", "Model")
    assert seen.facts == {"layers": [], "data": {"kind": "numpy"}, "more": [0, 1]}
    (row,) = seen.trainings()
    assert (row.method, row.first_step, row.began, row.ended, row.outcome) == ("fit", 1, 0.25, 9.0, "stopped")
    assert row.facts == {"epochs": 3, "why": "early"}
    first, second = seen.epochs()
    assert (first.last_step, first.seconds, first.logs["loss"], first.logs["max"]) == (10, 2.5, 0.5, np.inf)
    assert np.isnan(first.logs["val_loss"]) and np.isnan(second.seconds)
    assert seen.batches() == ((1, {"arrays": [{"name": "x", "min": "-inf", "finite": 0.5}]}),)
    assert view.sources() == {"train.py": "x = 1\n?\x00"}
    gap, note = view.events()
    assert (gap.at, gap.model, gap.step, gap.facts["why"]) == (1.5, model, 7, [1, 2])
    assert note.facts == {"object": "<object>"} and 0 <= note.at < 60
    assert view.events("gap") == (gap,)
    assert writer.troubles == []


def test_empty_tables_have_length_zero_and_the_right_types(tmp_path, open_writer):
    writer = open_writer(tmp_path / "a.kscope", {})
    writer.model("m", "Model", {})
    view = writer.view()
    model = view.models[0]
    steps, checks, samples = model.steps(), model.checks(), model.samples("update")
    assert view.meta == {} and view.events() == () and view.sources() == {}
    assert steps.step.dtype == steps.epoch.dtype == steps.training.dtype == np.int64
    assert steps.at.dtype == steps.batch_size.dtype == np.float64 and steps.logs == {}
    assert (
        checks.norms.shape == (0, 0) and checks.norms.dtype == np.float32 and checks.finite.dtype == np.bool_
    )
    assert samples.stats.shape == (0, 0, 7) and samples.step.dtype == np.int64
    assert samples.field("norm").shape == (0, 0)
    assert model.epochs() == model.trainings() == model.batches() == ()
    assert model.batch_loss().shape == (0,) and model.batch_loss().dtype == np.float64


def test_layouts_that_change_are_merged_by_name(tmp_path, open_writer):
    writer = open_writer(tmp_path / "a.kscope")
    model = writer.model("m", "Model", {})
    training = writer.training(model, "fit", 1, 0, {})
    first, second = writer.layout(model, "logs", ["loss"]), writer.layout(model, "logs", ["acc", "loss"])
    assert writer.layout(model, "logs", ["loss"]) == first != second
    writer.step(model, 1, training, 0, first, [0, 0, 0, 0, 8, 1.0])
    writer.step(model, 2, training, 0, second, [0, 0, 0, 0, 8, 0.5, 2.0])
    a, b = writer.layout(model, "gradient", ["k", "b"]), writer.layout(model, "gradient", ["b", "new"])
    writer.sample(model, 1, "gradient", a, np.ones((2, 7)))
    writer.sample(model, 2, "gradient", b, np.full((2, 7), 2.0))
    view = writer.view().models[0]
    assert view.steps().logs["loss"].tolist() == [1.0, 2.0]
    assert np.isnan(view.steps().logs["acc"][0]) and view.steps().logs["acc"][1] == 0.5
    samples = view.samples("gradient")
    assert samples.names == ("k", "b", "new")
    assert np.array_equal(samples.field("norm"), [[1, 1, np.nan], [np.nan, 2, 2]], equal_nan=True)


def test_two_variables_of_one_name_stay_apart(tmp_path, open_writer):
    writer = open_writer(tmp_path / "a.kscope")
    model = writer.model("m", "Model", {})
    layout = writer.layout(model, "gradient", ["k", "k", "k#2"])
    writer.sample(model, 1, "gradient", layout, np.arange(21.0).reshape(3, 7))
    samples = writer.view().models[0].samples("gradient")
    assert samples.names == ("k", "k#2", "k#2#2")
    assert samples.field("norm").tolist() == [[0, 7, 14]]


def test_models_are_kept_apart(tmp_path, open_writer, sketch):
    writer = open_writer(tmp_path / "gan.kscope")
    sketch(writer).run(20)
    sketch(writer).run(10)
    one, two = writer.view().models
    assert len(one.steps().step) == 20 and len(two.steps().step) == 10
    assert len(one.samples("gradient").step) == 2 and len(two.samples("gradient").step) == 1
    assert one.trainings()[0].id != two.trainings()[0].id


def test_finite_is_judged_from_the_share_and_a_missing_gradient_is_not_bad(tmp_path, open_writer):
    writer = open_writer(tmp_path / "a.kscope")
    model = writer.model("m", "Model", {})
    layout = writer.layout(model, "gradient", ["a", "b"])
    good, missing, bad = np.ones((2, 7)), np.ones((2, 7)), np.ones((2, 7))
    missing[1] = np.nan
    bad[0, 6] = 0.99
    for step, stats in enumerate([good, missing, bad], 1):
        writer.sample(model, step, "gradient", layout, stats)
    writer.flush()
    found = sqlite3.connect(writer.path).execute("SELECT finite FROM samples ORDER BY step").fetchall()
    assert [row[0] for row in found] == [1, 1, 0]


def test_the_file_is_one_file_of_the_right_kind_and_only_for_its_owner(tmp_path, sketch):
    writer = Writer(tmp_path / "deep" / "er" / "a.kscope", {})
    sketch(writer).run(5)
    writer.close()
    assert os.listdir(tmp_path / "deep" / "er") == ["a.kscope"]
    assert os.stat(writer.path).st_mode & 0o777 == 0o600
    connection = sqlite3.connect(writer.path)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_rows_are_committed_by_number_and_by_time(tmp_path, open_writer, sketch):
    writer = open_writer(tmp_path / "a.kscope")
    drawn = sketch(writer)

    def on_disk() -> int:
        return len(RunView.open(writer.path).models[0].steps().step)

    drawn.run(1)
    assert on_disk() == 1  # the first step at once
    drawn.run(63)
    assert on_disk() == 1  # further ones wait
    drawn.run(1)
    assert on_disk() == 65  # until there are 64
    drawn.run(3)
    time.sleep(1.05)
    assert on_disk() == 65
    drawn.run(1)
    assert on_disk() == 69  # or a second has passed
    drawn.run(2)
    writer.flush()
    assert on_disk() == 71


def test_a_view_shows_one_state_while_the_file_grows(tmp_path, open_writer, sketch):
    writer = open_writer(tmp_path / "a.kscope")
    drawn = sketch(writer).run(20)
    view = writer.view()
    drawn.run(80)
    writer.flush()
    model = view.models[0]
    assert len(model.steps().step) == 20 and model.checks().step.max() == 20
    assert len(writer.view().models[0].steps().step) == 100


def test_tables_are_read_once_and_cannot_be_changed(tmp_path, open_writer, sketch):
    writer = open_writer(tmp_path / "a.kscope")
    sketch(writer).run(20)
    model = writer.view().models[0]
    assert model.steps() is model.steps() and model.samples("gradient") is model.samples("gradient")
    for array in (
        model.steps().at,
        model.steps().logs["loss"],
        model.checks().norms,
        model.samples("gradient").stats,
        model.batch_loss(),
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_tables_that_were_read_outlive_the_view_and_others_say_that_it_is_closed(
    tmp_path, open_writer, sketch
):
    from kerascope.errors import RecordingError

    writer = open_writer(tmp_path / "a.kscope")
    sketch(writer).run(20)
    view = writer.view()
    model = view.models[0]
    steps = model.steps()
    view.close()
    assert model.steps() is steps
    with pytest.raises(RecordingError, match="was closed"):
        model.checks()


def test_another_thread_may_write_and_close(tmp_path, sketch):
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(5)

    def work() -> None:
        drawn.run(95)
        writer.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert writer.troubles == []
    assert len(RunView.open(writer.path).models[0].steps().step) == 100


def test_after_close_everything_is_ignored_and_the_view_still_works(tmp_path, sketch):
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(5)
    writer.close()
    writer.close()
    drawn.run(5)
    assert writer.model("x", "y", {}) == 0
    writer.flush()
    assert len(writer.view().models[0].steps().step) == 5
    assert writer.troubles == []


def test_a_million_small_things_do_not_fill_the_file(tmp_path, open_writer):
    writer = open_writer(tmp_path / "a.kscope")
    for index in range(1500):
        writer.event("internal", 0.0, {"where": "probe", "error": str(index)})
    writer.event("gap", 0.0, {})
    view = writer.view()
    assert len(view.events("internal")) == 1000 and len(view.events("gap")) == 1
    (note,) = view.events("note")
    assert note.facts == {"what": "further events of kind internal", "why": "1000 are kept"}


def test_a_step_written_twice_counts_once(tmp_path, open_writer, sketch):
    writer = open_writer(tmp_path / "a.kscope")
    drawn = sketch(writer).run(3)
    writer.step(drawn.model, 2, drawn.training, 0, drawn.logs, [9.0] * 7)
    assert writer.view().models[0].steps().at.tolist() == [0.1, 9.0, 0.30000000000000004]


def test_the_source_of_facts_stays_json(tmp_path, open_writer):
    writer = open_writer(tmp_path / "a.kscope", {"nan": float("nan"), "nested": {"inf": [float("inf")]}})
    writer.flush()
    rows = sqlite3.connect(writer.path).execute("SELECT value FROM meta").fetchall()
    for (text,) in rows:
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_a_view_that_is_dropped_lets_go_of_the_file(tmp_path, sketch):
    writer = Writer(tmp_path / "a.kscope", {})
    sketch(writer).run(3)
    steps = writer.view().models[0].steps()
    writer.close()  # would find the file in use and leave its log beside it
    assert os.listdir(tmp_path) == ["a.kscope"] and len(steps.step) == 3
