"""From what `fit` is given to the line that prepared it: functions, generators, data sets, lists, other files."""

from __future__ import annotations

import ast
import textwrap

import pytest

from kerascope.explain.source import locate
from kerascope.values import Lever

X, Y, ORDER = Lever("data", "x"), Lever("data", "y"), Lever("order", "y")


def line(text, lever, other=None):
    """Returns the text of the line that is named; the marked one is wanted."""
    text = textwrap.dedent(text).strip("\n")
    calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
    fit = next(c for c in calls if (ast.get_source_segment(text, c) or "").startswith("model.fit"))
    frame = {
        "file": "train.py",
        "line": fit.lineno,
        "end_line": fit.end_lineno,
        "columns": [fit.col_offset, fit.end_col_offset],
    }
    outer = [
        {
            "file": "train.py",
            "line": c.lineno,
            "end_line": c.end_lineno,
            "columns": [c.col_offset, c.end_col_offset],
        }
        for c in calls
        if (ast.get_source_segment(text, c) or "").startswith("main(")
    ]
    sources = {"train.py": text, **{n: textwrap.dedent(t).strip("\n") for n, t in (other or {}).items()}}
    span = locate({"sites": {"fit": [frame, *outer]}, "signatures": {}}, sources, lever)
    return sources[span.file].splitlines()[span.line - 1]


PROGRAMS = {
    "the return of a function, of two": (
        """
        def load():
            a = read()
            values = a.astype("float32")  # here
            labels = a[:, 0]
            return values, labels
        x, y = load()
        model.fit(x[:5], y[:5])
        """,
        X,
    ),
    "labels that a function fills in": (
        """
        def encode(labels):
            hot = np.zeros((len(labels), 10))
            for row, label in enumerate(labels):
                hot[row, label // 2] = 1.0  # here
            return hot
        x, labels = read()
        y = encode(labels)
        x_train, y_train = x[:9], y[:9]
        model.fit(x_train, y_train)
        """,
        Y,
    ),
    "a parameter of a function": (
        """
        def main(table):
            model.fit(table[:5], targets)
        raw = read() * 3  # here
        main(raw)
        """,
        X,
    ),
    "a Keras data set of one's own": (
        """
        class Batches(keras.utils.PyDataset):
            def __init__(self, x, y, size):
                self.x = x
        values = table.data.astype("float32")  # here
        train = Batches(values[:400], answers[:400], 32)
        model.fit(train, epochs=3)
        """,
        X,
    ),
    "labels of such a data set": (
        """
        class Batches(keras.utils.PyDataset):
            def __init__(self, images, labels):
                self.x = images
        answers = table.target + 1  # here
        model.fit(Batches(labels=answers, images=values), epochs=3)
        """,
        Y,
    ),
    "tf.data": (
        """
        x = read().clip(0, 255)  # here
        ds = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(100).batch(32).prefetch(2)
        model.fit(ds)
        """,
        X,
    ),
    "tf.data with a function that scales": (
        """
        def prepare(image, label):
            image = image / 2  # here
            return image, label
        ds = tf.data.Dataset.from_tensor_slices((x, y)).map(prepare).batch(32)
        model.fit(ds)
        """,
        X,
    ),
    "labels that the function hands on": (
        """
        def prepare(image, label):
            return image / 2, label
        y = read() + 1  # here
        ds = tf.data.Dataset.from_tensor_slices((x, y)).map(prepare).batch(32)
        model.fit(ds)
        """,
        Y,
    ),
    "a loader of torch": (
        """
        x = read() * 100  # here
        loader = DataLoader(TensorDataset(torch.tensor(x), torch.tensor(y)), batch_size=16)
        model.fit(loader)
        """,
        X,
    ),
    "a generator": (
        """
        def batches(x, y, size):
            while True:
                rows = rng.integers(0, len(x), size)
                yield x[rows], y[rows]
        table = read() * 100  # here
        model.fit(batches(table, labels, 32), steps_per_epoch=5)
        """,
        X,
    ),
    "rows of a list": (
        """
        xs = []
        for i in range(9):
            xs.append(series[i : i + 5] * 10)  # here
        model.fit(np.array(xs), ys)
        """,
        X,
    ),
    "a split in two": (
        """
        x = read()
        y = x.sum() * 7  # here
        a, b, c, d = train_test_split(x, y, test_size=0.2)
        model.fit(a, c)
        """,
        Y,
    ),
    "a shuffle in place": (
        """
        x, y = read(), other()
        x_train = x[3:].copy()
        np.random.shuffle(x_train)  # here
        model.fit(x_train, y)
        """,
        Lever("order", "x"),
    ),
    "a shuffle inside of a data set": (
        """
        class Rows(keras.utils.PyDataset):
            def __init__(self, x, y, size):
                self.inputs, self.labels, self.size = x.copy(), y, size
            def __getitem__(self, i):
                return self.inputs[i : i + self.size], self.labels[i : i + self.size]
            def on_epoch_end(self):
                rng.shuffle(self.inputs)  # here
        model.fit(Rows(read(), other(), 8))
        """,
        Lever("order", "x"),
    ),
    "one part, behind the split": (
        """
        def prepare():
            x, y = read()
            a, b, c, d = train_test_split(x, y)
            c = scaler.fit_transform(c)
            d = d[:, None]  # here
            return (a, c), (b, d)
        train, held = prepare()
        model.fit(*train, validation_data=held)
        """,
        Lever("part", "validation_data[1]"),
    ),
    "an index of labels": (
        """
        y = read()
        y = y[order]  # here
        t = y[:5]
        model.fit(x, t)
        """,
        ORDER,
    ),
    "arrays under names": (
        """
        def load():
            scaled = read() / 3  # here
            return {"train": (scaled, labels), "test": other}
        data = load()
        x, y = data["train"]
        model.fit(x, y)
        """,
        X,
    ),
}


PARTS = """
    def prepare(images, levels):
        return (images / levels).astype("float32")
    images = read()
    x_train = prepare(images[:9], 16)
    x_train = prepare(x_train, 16)
    x_val = prepare(images[9:], 16)
    model.fit(x_train, y, validation_data=(x_val, y_val))
"""


def test_part_of_the_data_that_is_prepared_apart():
    assert line(PARTS, Lever("part", "x")) == "x_train = prepare(x_train, 16)"
    assert line(PARTS, Lever("part", "validation_data[0]")) == "x_val = prepare(images[9:], 16)"
    assert "images / levels" in line(PARTS, X)


@pytest.mark.parametrize("name", PROGRAMS)
def test_line_that_prepared_the_data(name):
    assert line(*PROGRAMS[name]).endswith("# here")


def test_function_of_another_file():
    other = {"helper.py": "def load():\n    x = read() / 3  # here\n    return x, y"}
    text = "from helper import load\nx, y = load()\nmodel.fit(x, y)"
    assert line(text, X, other).endswith("# here")


def test_functions_that_call_each_other_end():
    assert line("def a(x):\n    return b(x)\ndef b(x):\n    return a(x)\nmodel.fit(a(z), y)", X)


FURTHER = {
    "a transform whose result is thrown away, in a function": (
        Lever("scale", "x"),
        """
        def scale(table):
            scaler.transform(table)  # <-
            return table
        x = np.column_stack([a, b])
        x_train, x_test = train_test_split(x)
        x_train = scale(x_train)
        model.fit(x_train, y)
        """,
    ),
    "a logarithm before columns are joined": (
        Lever("unsafe", "x"),
        """
        numeric = np.stack([pages, seconds])
        numeric = np.log(numeric)  # <-
        x = np.concatenate([numeric, mobile], axis=1) / 2.0
        model.fit(x, y)
        """,
    ),
    "files in the order of their names": (
        Lever("order", "y"),
        """
        def read():
            names = sorted(folder)  # <-
            return np.stack([folder[n] for n in names]) / 16, np.array([int(r) for r in table])
        x, y = read()
        model.fit(x, y)
        """,
    ),
}


@pytest.mark.parametrize("name", FURTHER)
def test_what_data_are_computed_from(name):
    lever, text = FURTHER[name]
    assert line(text, lever).endswith("# <-")


RAW = {
    "where a list is filled": """
        scaled = scaler.fit_transform(riders)
        def windows(series):
            a, b = [], []
            for i in range(9):
                a.append(series[i:i + 3])
                b.append(riders[i + 3])  # here
            return np.array(a), np.array(b)
        x, y = windows(scaled)
        model.fit(x, y)
        """,
    "where parts are made": """
        income = read()
        scaled = scaler.fit_transform(income)
        (a, b), (c, d) = split(x, income)  # here
        model.fit(a, b, validation_data=(c, d))
        """,
    "where another name is given to it": """
        sales = read() * 3
        mean, std = sales.mean(), sales.std()
        scaled = (sales - mean) / std
        def windows(series, target):
            return cut(series), np.array([target[i + 3] for i in range(9)])
        target = sales  # here
        x, y = windows(scaled, target)
        model.fit(x, y)
        """,
    "where a column is taken, and not in a quotient of its own": """
        table = read()
        x = (table[:, :3] - table[:, :3].mean(0)) / 5
        price = table[:, 3]  # here
        model.fit(x, price)
        """,
}


@pytest.mark.parametrize("case", RAW)
def test_the_raw_one_is_taken_where_a_scaled_one_was_made(case):
    assert "# here" in line(RAW[case], Lever("scale", "y"))


def test_rows_and_labels_picked_by_different_indices():
    program = """
        class Batches(PyDataset):
            def __init__(self, x, y):
                self.x, self.y = x, y
                self.order = np.arange(len(x))
                np.random.shuffle(self.order)
            def __getitem__(self, i):
                rows = self.order[i * 8:i * 8 + 8]
                return self.x[rows], self.y[i * 8:i * 8 + 8]  # here
        model.fit(Batches(x, y))
        """
    assert "# here" in line(program, ORDER)
