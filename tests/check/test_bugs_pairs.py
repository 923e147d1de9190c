"""Bugs in losses, metrics, train steps, optimizers and functional models are found; their sound twins are let be."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import pytest

import kerascope.api.check as api

sys.path.insert(0, str(Path(__file__).parent))

import bugs_fifth
import bugs_fourth
import bugs_fresh
import bugs_losses
import bugs_metrics
import bugs_optimizers
import bugs_people
import bugs_steps

pytestmark = pytest.mark.backend
MODULES = (bugs_losses, bugs_metrics, bugs_steps, bugs_optimizers)
LATER = (bugs_fresh, bugs_people, bugs_fourth, bugs_fifth)
EAGER_COSTS = keras.backend.backend() != "torch"


def cases():
    """Yields every bug; those that take seconds where each operation is compiled are of the long table."""
    for module in (*MODULES, *LATER):
        for name, bug in module.BUGS.items():
            if keras.backend.backend() in bug.backends:
                costly = module in LATER or (EAGER_COSTS and (bug.held_out or module is bugs_steps))
                marks = [pytest.mark.table] if costly else []
                yield pytest.param(bug, id=f"{module.__name__}-{name}", marks=marks)


@pytest.mark.parametrize("bug", list(cases()))
def test_the_bug_is_found_and_its_twin_is_let_be(bug):
    found = api.check(bug.broken(), *bug.inputs(), only=only(bug), fixes=False, **bug.options)
    named = {finding.kind for finding in found.findings if finding.severity != "note"}
    assert named & bug.contracts, found
    assert not any(finding.kind == "kerascope-internal" for finding in found.findings), found
    sound = api.check(bug.sound(), *bug.inputs(), only=only(bug), fixes=False, **bug.options)
    assert sound.ok, sound


def only(bug):
    """Returns the contracts of train steps for a model, and what the bug breaks: others are tested elsewhere."""
    from kerascope.detect.contracts.registry import contracts

    if not any(name.startswith("step-") for name in bug.contracts):
        return None
    return sorted({one.name for one in contracts(["train_step"])} | bug.contracts)


def test_there_are_enough_bugs():
    bugs = [bug for module in MODULES for bug in module.BUGS.values()]
    assert len(bugs) >= 60
    assert sum(bug.held_out for bug in bugs) >= 25


@pytest.mark.table
def test_the_models_weights_and_attributes_are_as_they_were():
    model = bugs_steps.compiled(bugs_steps.CountsSteps)()
    before = [w.numpy() if hasattr(w, "numpy") else w for w in model.get_weights()]
    attributes = dict(vars(model))
    api.check(model, *bugs_steps._BATCH(), only=["step-runs", "step-learns"])
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert set(vars(model)) == set(attributes)
    assert all(vars(model)[name] is value for name, value in attributes.items())
    assert model.optimizer.iterations == 0


def test_what_is_allowed_is_no_finding():
    bug = bugs_losses.BUGS["NormalisedOverTheBatch"]
    assert api.check(bug.broken(), *bug.inputs(), allow={"loss-batch-independence"}).ok


def test_a_reference_that_agrees():
    bug = bugs_metrics.BUGS["DividedTwice"]
    found = api.check(bug.sound(), *bug.inputs(), reference=bugs_metrics.mean_absolute_error)
    assert "metric-reference" in {row.name for row in found.contracts if row.outcome == "kept"}
