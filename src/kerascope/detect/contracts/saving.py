"""Made again from its configuration, and read again from a file, it does the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from kerascope._keras import alone, pairs, saving, settings
from kerascope.detect.contracts.case import Case, arrays, line_by_line, message, set_seed
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.detect.contracts.running import LAYERS, base, difference, restore
from kerascope.values import Evidence, Finding, Fix

_REGISTER = (
    "Put @keras.saving.register_keras_serializable() above the class, and give back every constructor argument: "
    "def get_config(self): return {**super().get_config(), 'units': self.units}."
)


def _what_to_do(error: Exception) -> str:
    text = str(error)
    if "already built" in text:
        return (
            "A layer that comes out of a configuration has been built before: "
            "if not self.layer.built: self.layer.build(shape)."
        )
    if "dict' object" in text or "Dict' object" in text:
        return (
            "What get_config has made a dict of comes back as one: @classmethod def from_config(cls, config): "
            "config['layer'] = keras.saving.deserialize_keras_object(config['layer']); return cls(**config)."
        )
    return _REGISTER


@contract("config", kinds=LAYERS, after=("builds", "tracked-state", "build-creates-all"))
def config(case: Case) -> Iterator[Finding]:
    """Made again from `get_config`, with the same weights, it gives the same result."""
    instance, one = case.built(), base(case)
    severity = "warning" if "model" in case.kinds else None
    try:
        revived = saving.revived(instance, case.cls)
    except Exception as error:
        # A model that says nothing of its configuration is not meant to be made from it.
        own = alone.overrides(instance, "get_config") and not pairs.is_keras_own(
            _defines(instance, "get_config")
        )
        subclassed = "model" in case.kinds and (isinstance(error, NotImplementedError) or not own)
        yield case.broken(
            f"{case.subject.name} cannot be made again from its configuration",
            "Saving writes get_config to the file and loading hands it to the constructor, so a model with it cannot "
            "be saved, or cannot be loaded after its training.",
            evidence=[Evidence("error", message(error))],
            location=case.where("get_config", "__init__"),
            fixes=[_what_to_do(error)],
            severity="note" if subclassed else severity,  # type: ignore[arg-type]
        )
        return
    restore(case)
    with case.attempt(f"{case.subject.name}, made again from its configuration, fails when called") as found:
        case.run(revived, one.args, one.kwargs, training=False)
        different = list(_same(case, instance, revived))
        yield from different or _left_out(case, instance)
    yield from found


def _defines(obj: Any, method: str) -> type:
    """Returns the class that a method of an object comes from."""
    return next(cls for cls in type(obj).__mro__ if method in vars(cls))


def _same(case: Case, instance: Any, revived: Any) -> Iterator[Finding]:
    one = base(case)
    if alone.weight_shapes(instance) != alone.weight_shapes(revived):
        yield _differs(case, "It has weights of other shapes.", _changed(instance, revived))
        return
    alone.assign(alone.variables(revived), alone.values(alone.variables(instance)))
    alone.settle(revived)
    apart = difference(one.arrays, arrays(case.run(revived, one.args, one.kwargs, training=False)))
    if apart is not None and not _depends_on_chance(case):
        evidence = [Evidence("largest difference of the results", apart), *_changed(instance, revived)]
        yield _differs(case, "It was given the same weights and the same input.", evidence)


def _changed(instance: Any, revived: Any) -> list[Evidence]:
    changed = saving.changed_attributes(instance, revived)[:3]
    return [Evidence(f"self.{name}", f"{before!r} -> {after!r}"[:120]) for name, before, after in changed]


def _differs(case: Case, what: str, evidence: list[Evidence]) -> Finding:
    return case.broken(
        f"{case.subject.name} is another one after get_config and from_config",
        f"{what} An argument of the constructor is missing from get_config, or comes back with another value; a model "
        "that is saved and loaded predicts otherwise, without any error.",
        evidence=evidence,
        location=case.where("get_config", "__init__"),
        fixes=["Return every argument of __init__ from get_config, with the value it has now."],
    )


def _left_out(case: Case, instance: Any) -> Iterator[Finding]:
    """Yields a finding when another value of an argument changes what the object does, and is lost in between."""
    for name, value, other in settings.left_out(instance):
        try:
            came = [_behaviour(case, one) for one in (other, other, saving.revived(other, case.cls))]
        except Exception:  # not a value that it works with
            continue
        if difference(came[0], came[1]) is None and difference(came[0], came[2]) is not None:
            yield _differs(case, f"It was made with {name}={value!r}.", [Evidence("not in get_config", name)])
            return
    if "model" not in case.kinds and (names := settings.left_out_of_every_layers(instance)):
        yield case.broken(
            f"{case.subject.name} loses its {', '.join(names[:-1])} and {names[-1]} on the way through get_config",
            "It was made with others than it has by itself, and one that was made of its configuration had its own "
            "again. In a model that is loaded it has another name, a layer that was frozen is trained, and one that "
            "was kept in a precision of its own computes in the model's.",
            evidence=[Evidence("not in get_config", ", ".join(names))],
            location=case.where("get_config"),
            fixes=["return {**super().get_config(), ...}: what every layer has comes from Keras's own."],
            severity="warning",
        )


def _behaviour(case: Case, instance: Any) -> list[Any]:
    """Returns what an object gives in inference and in training, with weights that depend on the seed only."""
    one = base(case)
    case.run(instance, one.args, one.kwargs, training=False)
    alone.refill(instance, case.seed)
    found = []
    for training in (False, True):
        set_seed(case.seed)
        found += case.outputs(instance, one.args, one.kwargs, training=training)
    return found


def _depends_on_chance(case: Case) -> bool:
    """Tells whether even the object itself gives another result at its second call."""
    one = base(case)
    restore(case)
    first = case.outputs(case.built(), one.args, one.kwargs, training=False)
    return difference(first, case.outputs(case.built(), one.args, one.kwargs, training=False)) is not None


@contract(
    "save-and-load",
    kinds=LAYERS,
    after=("builds", "batch-sizes", "shapes-agree", "build-creates-all", "config"),
)
def save_and_load(case: Case) -> Iterator[Finding]:
    """Saved to a `.keras` file and loaded again it gives the same result."""
    args, kwargs = case.subject.symbolic()
    one = base(case)
    with case.attempt(
        f"A model with {case.subject.name} cannot be saved and loaded",
        "It was put into a model, its weights were changed, and the model was saved as .keras and loaded.",
        [],
    ) as found:
        if "model" in case.kinds:
            model = case.fresh()
            case.run(model, one.args, one.kwargs)
        else:
            model = saving.wrapped(case.fresh(), args, kwargs)
            if model is None:
                raise Skip("it cannot be put into a functional model by itself")
        alone.perturb(model, case.seed, size=0.3)
        with line_by_line((one.args, one.kwargs)):
            before, after = saving.through_a_file(model, one.args, one.kwargs, case.cls)
        apart = difference(arrays(before), arrays(after))
        if apart is not None and not _depends_on_chance(case):
            yield case.broken(
                f"{case.subject.name} gives another result after save and load",
                "Its weights were changed as a training changes them, the model was saved as .keras and "
                "loaded again: the "
                "loaded one predicts otherwise, without any error. Something that it has learnt is not in the file.",
                evidence=[Evidence("largest difference", apart)],
                location=case.where("save_own_variables", "build", "__init__"),
                fixes=[
                    "Make all that is learnt with self.add_weight, or layers in attributes, and leave the rest "
                    "to Keras."
                ],
            )
    yield from [_with_what_to_build(case, one) for one in found] or _set_from_outside(case)


def _with_what_to_build(case: Case, found: Finding) -> Finding:
    """Returns what is said of a model that cannot be loaded, with the way out where a layer in it has no weights."""
    if "built=False" not in str(found.evidence[0].value):
        return found
    names = alone.unbuilt(case.fresh())[:3]
    builds = "; ".join(f"self.{name}.build(...)" for name in names) or "self.layer.build(...)"
    return dataclasses.replace(
        found,
        explanation=f"{found.explanation} A layer that is loaded is built by its `build` alone, without a call; where "
        "it has none of its own, Keras tries `call` on floats, and goes on without weights when that fails.",
        fixes=(Fix(f"def build(self, input_shape): {builds}, each with the shape that it is called with."),),
    )


def _set_from_outside(case: Case) -> Iterator[Finding]:
    """Yields a finding when what the user's own object was given after its construction changes its result.

    What the constructor, `build` or a call sets is made again; numbers that an `adapt` keeps in an attribute are not.
    """
    if case.original is None or isinstance(case.original, type):
        return
    instance, one = case.fresh(), base(case)
    start = saving.numbers_kept(instance)
    before = case.outputs(instance, one.args, one.kwargs, training=False)
    after = saving.numbers_kept(instance)
    changed = {
        name: value
        for name, value in saving.numbers_kept(case.original).items()
        if name in start
        and saving.agree(start[name], after.get(name))
        and not saving.agree(start[name], value)
    }
    if (
        not changed
        or difference(before, case.outputs(instance, one.args, one.kwargs, training=False)) is not None
    ):
        return
    for name in changed:
        setattr(instance, name, getattr(case.original, name))
    apart = difference(before, case.outputs(instance, one.args, one.kwargs, training=False))
    if apart is not None:
        names = ", ".join(f"self.{name}" for name in changed)
        yield case.broken(
            f"{case.subject.name} keeps what it was given in {names}, and not in the file",
            "It was set after the constructor, and is neither a weight nor in the configuration: one that is loaded "
            "from a file predicts as if it had never been set, without any error.",
            evidence=[Evidence("largest difference", apart)],
            location=case.where("adapt", "__init__", text=next(iter(changed))),
            fixes=[
                "self.add_weight(..., trainable=False) in build(), and assign() to it; or return it from get_config()."
            ],
        )
