"""Text is replaced where it stands, and a file is written only when it is still what was tried."""

from __future__ import annotations

import pytest

from kerascope.errors import KerascopeError
from kerascope.explain.fixes.patch import Edit, Patch, splice

SOURCE = "x = 1  # größer\ny = f(  a,\n    b)\n"


def test_edits_keep_all_other_characters():
    edits = [Edit((1, 1, 4, 5), "2"), Edit((3, 3, 4, 5), "c, d")]
    assert splice(SOURCE, edits) == "x = 2  # größer\ny = f(  a,\n    c, d)\n"


def test_columns_are_bytes():
    source = "s = 'ä'; t = 3\n"
    assert splice(source, [Edit((1, 1, 14, 15), "4")]) == "s = 'ä'; t = 4\n"


def test_an_edit_may_reach_over_lines_or_put_something_in():
    assert splice(SOURCE, [Edit((2, 3, 4, 6), "g()")]) == "x = 1  # größer\ny = g()\n"
    assert splice(SOURCE, [Edit((2, 2, 0, 0), "z = 0\n")]).splitlines()[1] == "z = 0"


def patch(path, before, after):
    return Patch(str(path), "1 -> 2", before, after)


def test_diff_names_the_changed_lines_alone(tmp_path):
    text = patch(tmp_path / "a.py", SOURCE, SOURCE.replace("1", "2")).diff()
    assert text.startswith("--- a/a.py\n+++ b/a.py\n")
    assert "-x = 1  # größer\n+x = 2  # größer\n" in text


def test_apply_writes_the_file_and_keeps_its_line_ends(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(SOURCE.replace("\n", "\r\n").encode())
    patch(path, SOURCE, SOURCE.replace("1", "2")).apply()
    assert path.read_bytes() == SOURCE.replace("1", "2").replace("\n", "\r\n").encode()


def test_apply_refuses_when_the_file_has_changed(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("something else\n")
    with pytest.raises(KerascopeError, match=r"not written: the file has changed.*Received: file="):
        patch(path, SOURCE, SOURCE).apply()
    assert path.read_text() == "something else\n"


def test_apply_refuses_what_is_no_file(tmp_path):
    with pytest.raises(KerascopeError, match="cannot be written"):
        patch(tmp_path / "<cell>", SOURCE, SOURCE).apply()
