"""`kerascope doctor`: can a training be watched on this machine, and what would it run on?"""

from __future__ import annotations

from typing import IO

from rich.console import Console

from kerascope import env
from kerascope.env import Environment
from kerascope.render.blocks import Document, Fact, Facts, Heading, Line, Section, Span
from kerascope.render.terminal import WIDEST, renderables

_TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def doctor() -> Environment:
    """Returns the facts about this machine: `ok`, `problems`, and `to_json()`. Imports no Keras and no backend."""
    return env.describe()


def print_environment(environment: Environment, file: IO[str], width: int | None = None) -> None:
    """Prints the facts as one page: the verdict first, what to do about it last."""
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False, force_jupyter=False)
    columns = min(console.width, WIDEST)
    for text in renderables(document(environment), columns, getattr(file, "encoding", None)):
        console.print(text, soft_wrap=True)


def document(environment: Environment) -> Document:
    """Returns the page: verdict, facts, remarks, what to do."""
    if environment.ok and environment.choice is not None:
        verdict = (
            Span("READY", "good"),
            Span(f"  a training can be watched here, on {environment.choice.name}"),
        )
        last = "Next: kerascope run train.py"
    else:
        verdict = (Span("NOT READY", "bad"), Span("  no training can be watched here"))
        last = "Mend what is said above, then ask again: kerascope doctor"
    problems = [Line((Span("problem:", "bad"), Span(f" {text}")), hang=2) for text in environment.problems]
    notes = [Line((Span("note:", "strong"), Span(f" {text}")), hang=2) for text in environment.notes]
    return Document(
        (
            Section((Heading(Line(verdict)),)),
            Section((_facts(environment),)),
            *(Section((remark,)) for remark in [*problems, *notes]),
            Section((Line((Span(last),)),)),
        )
    )


def _facts(environment: Environment) -> Facts:
    memory = "" if environment.memory is None else f", {environment.memory / 2**30:.3g} GiB of memory"
    packages = environment.packages
    jaxlib = packages.get("jaxlib")
    rows = [
        ("kerascope", environment.kerascope, ""),
        ("Python", environment.python, environment.platform),
        ("machine", f"{environment.cores} cores{memory}", f"output to a {environment.surroundings}"),
        ("Keras", packages.get("keras"), ""),
        ("NumPy", packages.get("numpy"), ""),
        *(
            (_TITLES[name], packages.get(name), f"jaxlib {jaxlib}" if name == "jax" and jaxlib else "")
            for name in env.BACKENDS
        ),
    ]
    if environment.choice is not None:
        rows.append(("backend", environment.choice.name, environment.choice.reason))
    return Facts(
        tuple(Fact(Span(label), Span(value or "not installed"), Span(note)) for label, value, note in rows)
    )
