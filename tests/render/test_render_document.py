"""What a report says, leaves out and promises, whatever it is shown on."""

from __future__ import annotations

import dataclasses

import pytest

from kerascope.render import to_html, to_text
from kerascope.render.layers import MOST_ROWS
from kerascope.values import Evidence, Finding, Fix, Report, RunSummary, SourceSpan


def faulty(*findings, **changes):
    return Report(
        "train.py",
        "jax",
        "faulty",
        findings,
        "WRONG   because",
        RunSummary("train.py", "jax", steps=9),
        **changes,
    )


def finding(severity="fault", **changes):
    facts = {"kind": "some-kind", "confidence": 0.9, "title": "A title", "explanation": "An explanation."}
    return Finding(**(facts | {"severity": severity} | changes))


def test_a_healthy_run_is_one_line(sample):
    assert to_text(sample("healthy")).count("\n") == 1


def test_a_run_without_steps_is_not_called_healthy(sample):
    report = sample("no_steps")
    assert "healthy" not in (to_text(report) + to_text(report, full=True)).lower()


def test_what_was_not_watched_is_told_of_a_healthy_run_too(sample):
    report = dataclasses.replace(sample("healthy"), gaps=("a", "b"))
    text = " ".join(to_text(report).split())
    assert "2 parts not watched, see --full" in text
    assert "Not watched: b" in to_text(report, full=True)


def test_another_exit_code_is_told(sample):
    report = sample("healthy")
    left = dataclasses.replace(report, run=dataclasses.replace(report.run, exit_code=3))
    assert "exit code 3" in to_text(left) and "exit code" not in to_text(report)


def test_the_kind_is_printed_in_full_only():
    assert "some-kind" not in to_text(faulty(finding()))
    assert "Kind: some-kind" in to_text(faulty(finding()), full=True)


def test_verified_is_said_of_verified_fixes_only():
    effect = {"before": {"loss": 2.35}, "after": {"loss": 1.99}}
    tried = to_text(faulty(finding(fixes=(Fix("an edit", verified=True, **effect),))))
    assert "Tried: an edit" in tried and "loss: 2.35 -> 1.99   verified" in tried
    guessed = to_text(faulty(finding(fixes=(Fix("an edit", **effect),))))
    assert "Suggested: an edit" in guessed and "2.35 -> 1.99   not verified" in guessed
    assert "verified" not in to_text(faulty(finding(fixes=(Fix("an edit"),))))


@pytest.mark.parametrize(
    ("confidence", "words"),
    [(0.97, "sure 97 %"), (0.999, "sure 99 %"), (1.0, "sure 100 %"), (float("nan"), None), (7.0, None)],
)
def test_certainty_is_never_rounded_up_to_certain(confidence, words):
    text = to_text(faulty(finding(confidence=confidence)))
    assert (words in text) if words else ("sure" not in text)


def test_a_note_is_short_unless_all_is_asked_for():
    note = finding("note", evidence=(Evidence("measured", 5),), fixes=(Fix("an edit"),))
    short, full = to_text(faulty(note)), to_text(faulty(note), full=True)
    assert "A title" in short and "measured" not in short and "an edit" not in short
    assert "measured" in full and "an edit" in full


def test_findings_stand_in_the_order_of_their_rank():
    text = to_text(
        faulty(finding(title="second", rank=2), finding(title="unranked"), finding(title="first", rank=1))
    )
    assert text.index(" 1  first") < text.index(" 2  second") < text.index(" 3  unranked")


def test_many_findings_are_counted_not_listed():
    report = faulty(*(finding(title=f"title {index}") for index in range(9)))
    assert "title 4" in to_text(report) and "title 5" not in to_text(report)
    assert "... 4 more findings (--full)" in to_text(report)
    assert "title 8" in to_text(report, full=True)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (SourceSpan("train.py", 23), "train.py:23"),
        (SourceSpan("train.py"), "train.py"),
        (SourceSpan("train.py", 23, layer="dense", step=1200), "train.py:23   layer dense, step 1,200"),
        (SourceSpan("train.py", 23, expression="a + b"), "train.py:23   a + b"),
        (SourceSpan(layer="dense"), "layer dense"),
        (SourceSpan(expression="a + b"), "    a + b\n"),
    ],
)
def test_locations(location, words):
    assert words in to_text(faulty(finding(location=location)))


def test_a_deep_model_shows_the_named_layer_then_the_first_and_last(sample):
    report = sample("deep")
    text = to_text(report, width=120)
    rows = [line.split()[0] for line in text.split("\n") if line.startswith(" encoder/")]
    assert len(rows) == MOST_ROWS
    assert rows[0].endswith("_17") and rows[1].endswith("_0") and rows[-1].endswith("_39")
    assert "... 28 more (--full)" in text and "more" not in to_text(report, full=True)
    assert all(f"attention_output_{index} " in to_text(report, 120, full=True) for index in range(40))
    assert "... 28 more<" in to_html(report)


def test_a_table_too_wide_says_what_it_left_out(sample):
    assert "Not shown at this width: kind" in to_text(sample("deep"), 60)
    assert "Not shown" not in to_text(sample("deep"), 120)


def test_frozen_layers_and_several_models_are_named(sample):
    row = sample("no_learning").layers[1]
    rows = (row, dataclasses.replace(row, model="critic", trainable=False, gradient=None))
    text = to_text(faulty(finding(), layers=rows))
    assert "sequential/dense" in text and "critic/dense" in text and "frozen" in text


def test_a_layer_named_alike_in_two_models_is_two_rows(sample):
    row = sample("no_learning").layers[1]
    rows = tuple(dataclasses.replace(row, model="ab"[index % 2]) for index in range(20))
    text = to_text(faulty(finding(location=SourceSpan(layer="dense")), layers=rows))
    assert "... 8 more (--full)" in text


def test_gaps_are_told(sample):
    report = faulty(finding(), gaps=tuple(f"gap {index}" for index in range(6)))
    assert "Not watched: gap 3" in to_text(report) and "... 2 more parts not watched (--full)" in to_text(
        report
    )


def test_a_crash_says_its_error_and_keeps_another_verdict(sample):
    report = sample("crashed")
    assert " CRASHED   ValueError: Input 0" in to_text(report)
    both = to_text(dataclasses.replace(report, headline="DOES NOT LEARN   flat"))
    assert " CRASHED   ValueError" in both and "DOES NOT LEARN" in both
    own = to_text(dataclasses.replace(report, headline="CRASHED   in step 3"))
    assert " CRASHED   in step 3" in own and own.count("CRASHED") == 1
    bare = to_text(dataclasses.replace(report, run=None))
    assert " CRASHED   the script did not come to its end" in bare


@pytest.mark.parametrize("name", ["no_learning", "non_finite", "crashed", "deep"])
def test_only_commands_that_exist_are_suggested(sample, name):
    report = sample(name)
    words = to_text(report).split()
    commands = [words[index + 1] for index, word in enumerate(words) if word == "kerascope"]
    fixed = any(fix.verified for finding in report.findings for fix in finding.fixes)
    assert commands == ["train.py", *(["fix"] if fixed else []), "report"]
    assert "kerascope report" not in to_text(report, full=True)


def test_the_command_can_be_copied(sample):
    def with_path(path):
        report = sample("no_learning")
        return to_text(dataclasses.replace(report, run=dataclasses.replace(report.run, recording=path)))

    assert "kerascope report 'my runs/a;b.kscope' --full\n" in with_path("my runs/a;b.kscope")
    assert "kerascope report ./-x.kscope --full\n" in with_path("-x.kscope")
    # A name that cannot be shown as it is cannot be copied either.
    assert "kerascope report" not in with_path("a\x1bb.kscope")
    assert "Recording:  a\\x1bb.kscope" in with_path("a\x1bb.kscope")


def test_the_subject_of_a_check_needs_no_run():
    assert to_text(Report("MyLayer", "jax", "healthy")) == " kerascope  MyLayer on jax: healthy\n"
    assert "FAULTY   1 finding" in to_text(Report("MyLayer", "jax", "faulty", (finding(),)))


def test_a_patch_is_shown_without_its_header_and_bounded():
    patch = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n" + "".join(f"+line {index}\n" for index in range(30))
    report = faulty(finding(fixes=(Fix("an edit", patch),)))
    text = to_text(report)
    assert "@@" not in text and "--- a" not in text and "+line 15" in text and "+line 16" not in text
    assert "... 14 more lines of the edit (--full)" in text
    assert "--- a/x.py" in to_text(report, full=True) and "+line 29" in to_text(report, full=True)


def test_a_removed_comment_is_not_taken_for_a_header():
    text = to_text(faulty(finding(fixes=(Fix("an edit", "--- old comment\n-x = 1\n+x = 2\n"),))))
    assert "--- old comment" in text
