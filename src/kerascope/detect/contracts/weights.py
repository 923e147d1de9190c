"""Where weights come from and where they are kept: Keras must be able to see all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kerascope._keras import alone, effects, holdings, objects, pairs
from kerascope.detect.contracts.case import BATCH, Case
from kerascope.detect.contracts.registry import contract
from kerascope.detect.contracts.running import LAYERS, base, restore
from kerascope.probe.lines.install import is_users
from kerascope.values import Evidence, Finding, SourceSpan


@contract("python-state", kinds=LAYERS, after=("builds",))
def python_state(case: Case) -> Iterator[Finding]:
    """`call` changes nothing on the layer but its variables."""
    instance = case.built()
    one = base(case)
    restore(case)
    before, held = effects.plain_state(instance), holdings.computed_from_weights(instance)
    weights = {name for name, value in vars(instance).items() if objects.is_variable(value)}
    found: set[str] = set()
    for training in (True, False):  # what one sets the other may set back
        case.run(instance, one.args, one.kwargs, training=training)
        after = effects.plain_state(instance)
        found |= {k for k, v in after.items() if before.get(k, v) != v or k not in before}
    changed = sorted(found)
    case.cache["changed by call"] = changed
    if changed:
        name = changed[0]
        yield case.broken(
            f"call changes self.{name}" + (f" and {len(changed) - 1} more" if len(changed) > 1 else ""),
            "Compiled code runs Python only while it is traced: there the attribute keeps what it got then, or holds a "
            "tensor of a trace that has ended. In Python itself it changes at each call.",
            evidence=[Evidence("changed by one call", ", ".join(f"self.{one}" for one in changed[:5]))],
            location=_assigned(case, name.split(".")[-1], ("call",)),
            fixes=[
                f"It is a weight: self.{name}.assign(...), which puts a value into it, in place of self.{name} = ..."
                if name in weights
                else "Keep it in a variable: self.add_weight(shape=(), initializer='zeros', trainable=False) in build, "
                "assign to it in call. What is needed only within one call belongs in a local name."
            ],
        )
        return
    still = holdings.computed_from_weights(instance)
    if kept := [path for path, value in held.items() if still.get(path) is value]:
        yield case.broken(
            f"call keeps in self.{kept[0]} what it computed from weights",
            "A later call takes what was kept, and not what the weights are by then: they are trained by the first "
            "step only, and the second one fails, as PyTorch has freed what it needs to go back through the first.",
            evidence=[Evidence("kept", f"self.{kept[0]}")],
            location=_assigned(case, kept[0], ("call",)),
            fixes=["Compute it anew in each call; keep only what is computed from shapes."],
        )


@contract("tracked-state", kinds=LAYERS, after=("builds",))
def tracked_state(case: Case) -> Iterator[Finding]:
    """Every layer, variable and tensor of its own is where Keras finds it: in an attribute or a list or dict in one."""
    instance = case.built()
    for held in holdings.untracked(instance):
        if held.outside:
            yield _from_around(case, held)
            return
        what = {"layer": "a layer", "variable": "a variable"}[held.what]
        yield case.broken(
            f"{case.subject.name} hides {what} from Keras in self.{held.path}",
            f"Keras looks into attributes, and into lists, tuples, dicts and sets in them, and nowhere "
            "else. The weights of "
            f"self.{held.path} are not in layer.weights: they are not saved, not counted, not frozen by "
            "trainable = False, and on most backends not trained.",
            evidence=[Evidence("weights out of sight", held.weights)],
            location=_assigned(case, held.path),
            fixes=[f"Keep it in an attribute too: self.{held.name} = ..., or in a list that is one."],
        )
        return
    yield from _tensors(case)


def _from_around(case: Case, held: holdings.Held) -> Finding:
    return case.broken(
        f"{case.subject.name} uses a {held.what} from around its class: {held.path}",
        "Keras looks for weights in the attributes of a layer, not among the names that its call uses. The weights of "
        f"{held.path} are not in layer.weights: they are not saved, not counted, not frozen by trainable = False, and "
        "not trained.",
        evidence=[Evidence("weights out of sight", held.weights)],
        location=case.where("call", text=held.path),
        fixes=[
            f"Make it in __init__ or build, or hand it to the constructor: self.{held.path} = {held.path}."
        ],
    )


def _tensors(case: Case) -> Iterator[Finding]:
    if all(pairs.is_keras_own(one) for one in objects.parts_of(case.built())):
        return  # they hold none, and tracing some of them takes long
    traced = case.fresh()
    args, kwargs = case.subject.symbolic()
    try:
        effects.call_in_a_trace(traced, args, kwargs)
    except Exception:  # another contract's business
        traced = None
    leaked = holdings.leaked(traced) if traced is not None else []
    # What `call` itself puts there is the business of the contract before this one.
    leaked = [path for path in leaked if path not in case.cache.get("changed by call", ())]
    if leaked:
        yield case.broken(
            f"self.{leaked[0]} is a tensor made while the layer was traced",
            "A Sequential or subclassed model builds its layers while their code is traced, where tensors stand for "
            "values to come. One that is kept on the layer is out of scope later: an error on JAX and TensorFlow, "
            "and on torch a weight without values. Nor is it trained or saved.",
            location=_assigned(case, leaked[0], ("call", "build", "__init__")),
            fixes=[
                f"self.{leaked[0].partition('[')[0]} = self.add_weight(shape=..., initializer=..., trainable=...) "
                "for what is saved; for a constant keep a NumPy array and convert it in call."
            ],
        )
        return
    drawn = holdings.drawn_anew(case.fresh(), case.fresh(seed=case.seed + 1), args, kwargs)
    if drawn:
        yield case.broken(
            f"self.{drawn[0]} is drawn anew by every constructor and is in no file",
            "Two of these layers were made, and their arrays differ. A model that is saved and loaded again has other "
            "values there than the one that was trained.",
            location=_assigned(case, drawn[0]),
            fixes=[
                f"self.{drawn[0]} = self.add_weight(shape=..., initializer='random_normal', trainable=False) in build."
            ],
        )


def _assigned(case: Case, path: str, methods: Sequence[str] = ("__init__", "build", "call")) -> SourceSpan:
    name = path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0].split("(", maxsplit=1)[0]
    bare = f"self.{path.split('[', maxsplit=1)[0]}"
    assigned = (f"self.{path} =", f"self.{name} =", f"self.{name}.append")
    for texts in (assigned, (bare,), (f"self.{name}",)):
        for method in methods:
            for text in texts:
                found = case.where(method, text=text)
                if found.expression:
                    return found
    return case.where(methods[0])


@contract("no-new-weights", kinds=LAYERS, after=("builds",))
def no_new_weights(case: Case) -> Iterator[Finding]:
    """Once built it makes no further weights or layers."""
    instance, one = case.built(), base(case)
    restore(case)
    with effects.variables_made(is_users) as made:
        case.run(instance, one.args, one.kwargs, training=True)
        case.run(instance, one.args, one.kwargs, training=False)
    if made:
        first = made[0]
        yield case.broken(
            f"{case.subject.name} makes new weights at every call",
            f"Once built, two more calls made {len(made)} variables. New weights are random: what is learnt is "
            "lost at each call, and nothing of it is saved.",
            evidence=[Evidence("made by two calls", len(made), "variables")],
            location=SourceSpan(first.file, first.line) if first.file else case.where("call"),
            fixes=[
                "Make the layer in __init__ (self.dense = ...) or the weight in build, and use it in call."
            ],
        )


@contract("build-creates-all", kinds=LAYERS, after=("builds", "shapes-agree"))
def build_creates_all(case: Case) -> Iterator[Finding]:
    """Built from shapes alone it has all the weights that a call makes."""
    called = case.fresh()
    args, kwargs = case.inputs(BATCH)
    case.run(called, args, kwargs, training=False)
    built = case.fresh()
    symbolic_args, symbolic_kwargs = case.subject.symbolic()
    with case.attempt(f"{case.subject.name} cannot be built from shapes") as found:
        built(*symbolic_args, **symbolic_kwargs)
    yield from found
    ours, theirs = alone.weight_shapes(built), alone.weight_shapes(called)
    if found:
        return
    if ours == theirs:
        yield from _made_in_call(case, called)
        return
    names = alone.unbuilt(built)
    if len(ours) >= len(theirs):
        yield _other_weights(case, ours, theirs)
        return
    yield case.broken(
        f"build of {case.subject.name} leaves out {len(theirs) - len(ours)} weights",
        f"Built from the input's shape, as on loading, it has {len(ours)} weights; a call makes {len(theirs)}. "
        "A saved model cannot be loaded again, and the missing weights are not in model.weights until the first "
        "batch.",
        evidence=[Evidence("not built", ", ".join(names) or "unknown")],
        location=case.where("build", "__init__"),
        fixes=[f"In build: self.{name}.build(its input shape)" for name in names[:2]],
    )


def _other_weights(case: Case, built: Sequence[Any], called: Sequence[Any]) -> Finding:
    return case.broken(
        f"{case.subject.name} has other weights when it is built from shapes than after a call",
        "Two were made alike: one was built from the input's shape, as on loading, the other one by a call on a batch. "
        "A saved model cannot be loaded again.",
        evidence=[Evidence("built from shapes", str(built)[:80]), Evidence("after a call", str(called)[:80])],
        location=case.where("build", "__init__"),
        fixes=["Let the shapes of weights depend on the arguments and on the input's shape alone."],
    )


def _made_in_call(case: Case, called: Any) -> Iterator[Finding]:
    """Yields a finding when an object that was built as on loading, by `build` alone, fails in its first call."""
    other = case.fresh()
    from_the_start = alone.unbuilt(other)
    if not alone.build_as_loaded(other, called):
        return
    names = [name for name in alone.unbuilt(other) if name not in from_the_start]
    names = [name for name in names if getattr(getattr(called, name, None), "weights", ())]
    if names and len(alone.weight_shapes(other)) < len(alone.weight_shapes(called)):
        yield case.broken(
            f"build of {case.subject.name} makes layers and does not build them: {', '.join(names)}",
            "It was built as on loading, by `build` alone: the layers were there, without their weights, which come "
            "with the first call. In a model that builds it, as a `build` should, there is no place for the weights of "
            "the file when it is loaded.",
            evidence=[Evidence("not built", ", ".join(names))],
            location=case.where("build", text=f"self.{names[0]}"),
            fixes=[f"In build: self.{name}.build(its input shape)" for name in names[:2]],
            severity="warning",
        )
        return
    left = _left_to_the_call(case, other, called, from_the_start)
    args, kwargs = case.subject.symbolic()
    with case.attempt(
        f"{case.subject.name} makes in call what build should make",
        "It was built as on loading, by `build` alone, and then called: it wants to add weights or layers of its own, "
        "and a layer that has been built takes no more of them. A saved model cannot be loaded again.",
        ["Make the layer or weight in build, or in __init__, and only use it in call."],
    ) as found:
        other(*args, **kwargs)
    yield from found or ([_some_left_out(case, left)] if left else [])


def _left_to_the_call(case: Case, built: Any, called: Any, unbuilt: Sequence[str]) -> list[str]:
    """Returns the layers made in the constructor that a `build` of the class's own leaves without their weights."""
    if "model" in case.kinds or not alone.overrides(built, "build") or pairs.is_keras_own(type(built)):
        return []
    left = [name for name in alone.unbuilt(built) if name in unbuilt]
    return [name for name in left if getattr(getattr(called, name, None), "weights", ())]


def _some_left_out(case: Case, names: Sequence[str]) -> Finding:
    """Returns what there is to say of layers that only a call builds: it goes well wherever Keras calls the layer."""
    return case.broken(
        f"build of {case.subject.name} leaves it to the first call to build {', '.join(names)}",
        "It was built by `build` alone, as on loading: these layers have no weights then. Keras calls the layers of "
        "functional and Sequential models before it reads a file; inside a layer or model whose `build` builds this "
        "one, there is no place for these weights in the file.",
        evidence=[Evidence("not built", ", ".join(names))],
        location=case.where("build"),
        fixes=[f"In build: self.{name}.build(its input shape)" for name in names[:2]],
        severity="note",
    )
