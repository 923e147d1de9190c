"""From a lever to its line: through variables, loops, functions, dictionaries, classes and other files."""

from __future__ import annotations

import ast

import pytest

from kerascope.explain.source import locate, places
from kerascope.values import Lever

RATE = Lever("optimizer", "learning_rate")
SIGNATURES = {
    "SGD": ["learning_rate", "momentum"],
    "Dense": ["units", "activation"],
    "fit": ["x", "y", "batch_size", "epochs"],
    "compile": ["optimizer", "loss"],
}


def frame(text, needle, name="train.py", nth=0):
    """Returns the frame of the nth call whose source begins with `needle`."""
    calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
    fitting = [c for c in calls if (ast.get_source_segment(text, c) or "").startswith(needle)]
    call = sorted(fitting, key=lambda c: (c.lineno, c.col_offset))[nth]
    return {
        "file": name,
        "line": call.lineno,
        "end_line": call.end_lineno,
        "columns": [call.col_offset, call.end_col_offset],
    }


def found(text, lever, *frames, other=None, key=None):
    key = key or (f"layer:{lever.layer}" if lever.target == "layer" else lever.target)
    facts = {"sites": {key: list(frames)}, "signatures": SIGNATURES}
    span = locate(facts, {"train.py": text, **(other or {})}, lever)
    return span.line, span.expression


RATES = [
    ("opt = SGD(0.5)", "SGD", 1, "0.5"),
    ("opt = SGD(momentum=0.9, learning_rate=3.0)", "SGD", 1, "3.0"),
    ("lr = 3.0\nopt = SGD(lr)", "SGD", 1, "3.0"),
    ("lr = 1.0\nlr = 3.0\nopt = SGD(lr)\nlr = 5.0", "SGD", 2, "3.0"),
    ("cfg = {'lr': 3.0, 'm': 0}\nopt = SGD(learning_rate=cfg['lr'])", "SGD", 1, "3.0"),
    ("cfg = dict(learning_rate=3.0)\nopt = SGD(**cfg)", "SGD", 1, "3.0"),
    ("class Config:\n    lr: float = 3.0\nc = Config()\nopt = SGD(c.lr)", "SGD", 2, "3.0"),
    ("p.add_argument('--lr', default=3.0)\nargs = p.parse_args()\nopt = SGD(args.lr)", "SGD", 1, "3.0"),
    ("for lr in (0.1, 3.0):\n    opt = SGD(lr)", "SGD", 1, "(0.1, 3.0)"),
    ("opt = SGD(2 * base)", "SGD", 1, "2 * base"),
    ("opt = SGD(momentum=0.9)", "SGD", 1, "SGD(momentum=0.9)"),
]


@pytest.mark.parametrize(("text", "call", "line", "expression"), RATES)
def test_rate(text, call, line, expression):
    assert found(text, RATE, frame(text, call)) == (line, expression)


def test_parameter_of_a_function_leads_to_its_call():
    text = "def make(rate=0.1):\n    return SGD(rate)\nopt = make(rate=3.0)"
    assert found(text, RATE, frame(text, "SGD"), frame(text, "make(")) == (3, "3.0")


def test_default_of_a_parameter():
    text = "def make(rate=3.0):\n    return SGD(rate)\nopt = make()"
    assert found(text, RATE, frame(text, "SGD"), frame(text, "make(")) == (1, "3.0")


def test_name_imported_from_another_file():
    text = "from settings import RATE\nopt = SGD(RATE)"
    assert found(text, RATE, frame(text, "SGD"), other={"settings.py": "A = 1\nRATE = 3.0\n"}) == (2, "3.0")


def test_layer_made_in_a_loop():
    text = "for n in (4, 4):\n    model.add(Dense(n, activation='tanh'))"
    lever = Lever("layer", "activation", None, "dense_1")
    assert found(text, lever, frame(text, "Dense")) == (2, "'tanh'")


DATA = [
    ("x = load() / 255\nmodel.fit(x, y)", 1),
    ("x = load().astype('float32')\nx = x[order]\na, b = x[:10], x[10:]\nmodel.fit(a, y)", 1),
    ("x = load()\na, b, c, d = train_test_split(x, y)\nmodel.fit(a, c)", 1),
    ("x = load()\nx = (x - m) / s\nmodel.fit(x[:10], y[:10])", 2),
    ("model.fit(load(), y)", 1),
]


@pytest.mark.parametrize(("text", "line"), DATA)
def test_preparation_of_data(text, line):
    assert found(text, Lever("data", "x"), frame(text, "model.fit"), key="fit")[0] == line


def test_without_sites_the_only_call_that_fits_by_name_is_taken():
    facts = {"optimizer": {"class": "SGD"}, "signatures": SIGNATURES}
    assert locate(facts, {"a.py": "import x\nopt = SGD(0.5)"}, RATE).line == 2
    assert locate(facts, {"a.py": "o = SGD(0.5)\np = SGD(0.1)"}, RATE).line is None


def test_all_places_are_listed_origin_first():
    text = "lr = 3.0\nopt = SGD(lr)"
    facts = {"sites": {"optimizer": [frame(text, "SGD")]}, "signatures": SIGNATURES}
    assert [p.span().line for p in places(facts, {"train.py": text}, RATE)] == [1, 2]


def test_file_that_is_not_python_is_left_alone():
    facts = {"sites": {"optimizer": [{"file": "a.py", "line": 1}]}, "signatures": SIGNATURES}
    assert locate(facts, {"a.py": "%magic = ("}, RATE).line is None


def test_the_call_of_a_layer_and_the_model_of_a_loop():
    text = (
        "def build():\n    return Sequential([])\n"
        "class Block:\n    def __init__(self):\n        self.attend = MultiHeadAttention(2, 8)\n"
        "    def call(self, x):\n        return self.attend(x, x)\n"
        "model = build()\nfor fold in folds:\n    model.fit(x, y)\n"
    )
    made = {**frame(text, "MultiHeadAttention"), "function": "__init__"}
    lever = Lever("call", "use_causal_mask", "True", "attend")
    assert found(text, lever, made, key="layer:attend")[0] == 7
    sites = {
        "model": [
            {**frame(text, "Sequential"), "function": "build"},
            {**frame(text, "build"), "function": "<module>"},
        ],
        "fit": [{**frame(text, "model.fit"), "function": "<module>"}],
    }
    assert locate({"sites": sites, "signatures": {}}, {"train.py": text}, Lever("model")).line == 8


def test_a_metric_that_a_string_names_is_in_the_list_that_names_it():
    text = "model.compile(Adam(), 'mse', metrics=['accuracy'])"
    program = {"measures": [{"name": "accuracy", "class": "BinaryAccuracy"}]}
    sites = {"metric:accuracy": [frame(text, "model.compile")]}
    facts = {"sites": sites, "signatures": {}, "program": program}
    assert places(facts, {"train.py": text}, Lever("metric", None, "x", "accuracy")) == []
    text = "model.compile(Adam(), 'mse', metrics=[BinaryAccuracy()])"
    facts["sites"] = {"metric:accuracy": [frame(text, "BinaryAccuracy")]}
    [place] = places(facts, {"train.py": text}, Lever("metric", None, "x", "accuracy"))
    assert ast.unparse(place.node) == "BinaryAccuracy()"
