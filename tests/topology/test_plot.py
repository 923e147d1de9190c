"""Pictures and the page: what is drawn, what is folded, and that no name breaks a format."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import fake_graphs
import pytest

from kerascope.api.plot import Look, Plot
from kerascope.errors import SetupError, UsageError
from kerascope.render.dot import to_dot
from kerascope.render.drawing import available, draw
from kerascope.render.picture import picture
from kerascope.render.summary import Options, document
from kerascope.render.terminal import document_text
from kerascope.values import TensorSpec

SRC = str(Path(__file__).resolve().parents[2] / "src")
needs_graphviz = pytest.mark.skipif(not available(), reason="pygraphviz is not installed")


def look(**settings):
    return Look(**settings)


def names(drawn):
    return [box.call.path for box in drawn.boxes]


def test_repeated_blocks_are_drawn_once():
    drawn = picture(fake_graphs.blocks(12))
    assert names(drawn) == ["x", "block0", "block0/d", "block0/add", "out"]
    assert [box.times for box in drawn.boxes] == [1, 12, 1, 1, 1]
    ends = {(arrow.source, arrow.target) for arrow in drawn.arrows}
    by_path = {box.call.path: box.call.id for box in drawn.boxes}
    assert (by_path["block0/add"], by_path["out"]) in ends
    assert len(picture(fake_graphs.blocks(12), collapse=False).boxes) == 38
    assert [box.times for box in picture(fake_graphs.blocks(2)).boxes] == [1] * 8


def test_what_a_loop_built_is_drawn_once():
    drawn = picture(fake_graphs.residual(12))
    assert [(box.call.name, box.times, box.open) for box in drawn.boxes] == [
        ("x", 1, False),
        ("block0", 12, True),
        ("block0_dense", 1, False),
        ("block0_norm", 1, False),
        ("block0_add", 1, False),
        ("out", 1, False),
    ]
    block = drawn.boxes[1].call
    assert (block.kind, block.trainable, block.macs) == ("3 calls", 72 + 16, 65)
    by_name = {box.call.name: box.call.id for box in drawn.boxes}
    assert {(a.source, a.target) for a in drawn.arrows} == {
        (by_name["x"], by_name["block0_dense"]),
        (by_name["x"], by_name["block0_add"]),
        (by_name["block0_dense"], by_name["block0_norm"]),
        (by_name["block0_norm"], by_name["block0_add"]),
        (by_name["block0_add"], by_name["out"]),
    }
    assert len(picture(fake_graphs.residual(12), collapse=False).boxes) == 38
    assert len(picture(fake_graphs.residual(2)).boxes) == 8
    assert (
        len(picture(fake_graphs.residual(12), depth=1).boxes) == 6
    )  # a block of calls is no level of the model


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"settings": {"activation": "tanh"}}, [5, 6]),
        ({"trainable": 73}, [5, 6]),
        ({"error": "no"}, [5, 6]),
        ({"health": "bad: not finite"}, [5, 6]),
        ({"health": "good: gradient 0.2"}, [12]),
        ({"source": None}, [12]),
    ],
)
def test_only_what_is_alike_is_counted_together(change, expected):
    graph = fake_graphs.residual(12, health="good: gradient 0.1")
    calls = [dataclasses.replace(c, **change) if c.name == "block5_dense" else c for c in graph.calls]
    drawn = picture(dataclasses.replace(graph, calls=tuple(calls)))
    assert [box.times for box in drawn.boxes if box.times > 1] == expected


def test_what_is_taken_from_within_a_repeat_keeps_its_box():
    graph = fake_graphs.residual(12)
    fourth = next(call.id for call in graph.calls if call.name == "block3_add")
    last = dataclasses.replace(graph.calls[-1], inputs=(TensorSpec(("B", 8), "float32", fourth),))
    drawn = picture(dataclasses.replace(graph, calls=(*graph.calls[:-1], last)))
    assert [box.times for box in drawn.boxes if box.times > 1] == [4, 8]
    assert drawn.arrows[-1].source == next(b.call.id for b in drawn.boxes if b.call.name == "block0_add")


def test_a_long_table_shows_repeats_once():
    graph = fake_graphs.residual(40)
    short = document_text(document(graph, Options()), 100)
    assert "block0 (3 calls) × 40" in short and "\n   block0_add (Add)" in short
    assert "block1_add" not in short and "collapse=False" in short
    assert "block39_add" in document_text(document(graph, Options(collapse=False)), 100)
    assert "block39_add" in document_text(document(graph, Options(filter="block39")), 100)
    few = fake_graphs.residual(12)
    assert "×" not in document_text(document(few, Options()), 100)
    assert "× 12" in document_text(document(few, Options(collapse=True)), 100)
    levels = document_text(document(graph, Options(depth=1)), 100)
    assert "block0_add" in levels


def test_the_verdict_of_a_run_stands_over_the_picture():
    graph = dataclasses.replace(fake_graphs.blocks(2), verdict="faulty: the loss is <not> finite")
    plot = Plot(graph, look())
    assert "Run: faulty: the loss is &lt;not&gt; finite<BR" in plot.to_dot()
    assert (
        plot.to_html().count("Run: faulty: the loss is &lt;not&gt; finite") >= 2
    )  # with JavaScript and without


def test_depth_and_large_models():
    drawn = picture(fake_graphs.blocks(2), depth=1)
    assert names(drawn) == ["x", "block0", "block1", "out"]
    assert [(a.source, a.target, a.label) for a in drawn.arrows] == [
        (0, 1, "(B, 8)"),
        (1, 4, "(B, 8)"),
        (4, 7, "(B, 8)"),
    ]
    assert len(picture(fake_graphs.blocks(500), collapse=False).boxes) == 502  # folded one level


def test_dot_is_stable_text():
    text = to_dot(fake_graphs.blocks(1), picture(fake_graphs.blocks(1)), rankdir="LR", theme="dark")
    assert text == to_dot(fake_graphs.blocks(1), picture(fake_graphs.blocks(1)), rankdir="LR", theme="dark")
    assert 'rankdir="LR"' in text and "subgraph cluster_1" in text and 'label=" (B, 8)"' in text


@needs_graphviz
@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
@pytest.mark.parametrize("made", [fake_graphs.blocks(2), fake_graphs.hostile()], ids=["plain", "hostile"])
def test_every_format_is_drawn(kind, made):
    data = Plot(made, look(dpi=50)).render(kind)
    assert data.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[kind])
    if kind == "svg":
        root = ElementTree.fromstring(data)
        texts = "".join(root.itertext())
        assert "\x1b" not in texts and "\u202e" not in texts
        assert not [e for e in root.iter() if e.tag.endswith(("script", "image", "foreignObject"))]


@needs_graphviz
def test_shapes_stand_on_the_edges():
    svg = Plot(fake_graphs.blocks(1), look()).to_svg()
    assert svg.count("(B, 8)") >= 4
    assert "fails" not in svg
    broken = fake_graphs.graph(
        fake_graphs.call(0, "x", "InputLayer", [], category="input"),
        fake_graphs.call(1, "d", "Dense", [0], error="no"),
    )
    assert "fails" in Plot(broken, look()).to_svg()


class Reader(HTMLParser):
    """Collects the scripts and tags of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.data, self.inside = [], {}, None

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = f"{tag}{len(self.tags)}" if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.data[self.inside] = self.data.get(self.inside, "") + data


def read(page):
    reader = Reader()
    reader.feed(page)
    island = next(text for text in reader.data.values() if text.startswith('{"calls"'))
    return reader, json.loads(island)


def test_the_page_is_whole_and_fetches_nothing():
    page = Plot(fake_graphs.blocks(4), look()).to_html()
    reader, data = read(page)
    assert len(data["calls"]) == 14 and data["times"] == {"1": 4}
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", page)
    policy = next(a["content"] for tag, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert [tag for tag, _ in reader.tags].count("script") == 2
    assert "<td>  d</td><td>Dense</td>" in page  # a table for readers without JavaScript


def test_no_name_breaks_the_page():
    page = Plot(fake_graphs.hostile(), look()).to_html()
    reader, data = read(page)
    assert [tag for tag, _ in reader.tags].count("script") == 2
    assert "alert(1)" not in "".join(t for t in reader.data.values() if not t.startswith('{"calls"'))
    assert "\x1b" not in page and "\u202e" not in page and "\u2028" not in page
    assert data["calls"][0]["name"].startswith("a</script>")
    island = page[page.index('id="data">') :]
    assert "</script>" in island and "<b>" not in island[: island.index("</script>")]


def test_no_name_breaks_table_and_dot():
    made = fake_graphs.hostile()
    text = document_text(document(made, Options()), 120)
    assert "\x1b" not in text and "\u202e" not in text
    dot = to_dot(made, picture(made))
    assert "\x1b" not in dot and len(dot.splitlines()) < 30
    assert json.loads(json.dumps(made.to_json()))["name"] == fake_graphs.HOSTILE


def test_without_pygraphviz_there_is_a_hint(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(SetupError, match=r'pip install "kerascope\[plot\]"'):
        draw("digraph {}", "svg")
    monkeypatch.setattr("kerascope.render.drawing.available", lambda: False)
    assert 'pip install "kerascope[plot]"' in Plot(fake_graphs.blocks(1), look()).to_html()
    assert Plot(fake_graphs.blocks(1), look()).render("dot").startswith(b"digraph")


def test_files_are_not_overwritten(tmp_path):
    path = tmp_path / "m.dot"
    made = Plot(fake_graphs.blocks(1), look())
    made.save(path)
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        made.save(path)
    assert path.read_text() == "mine"
    made.save(path, overwrite=True)
    assert path.read_text().startswith("digraph")
    assert [p.name for p in tmp_path.iterdir()] == ["m.dot"]
    with pytest.raises(UsageError, match="Allowed endings"):
        made.save(tmp_path / "m.jpg")
    with pytest.raises(UsageError, match="folder"):
        made.save(tmp_path / "missing" / "m.dot")


def test_the_page_of_a_large_model_is_small():
    page = Plot(fake_graphs.flat(1000), look()).to_html()
    assert len(page) < 2_000_000


@needs_graphviz
def test_pictures_need_no_program_on_the_path(tmp_path):
    code = "from kerascope.render.drawing import draw; print(draw('digraph { a -> b }', 'svg')[:5])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": str(tmp_path), "PYTHONPATH": SRC},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "b'<?xml'", done.stderr
