"""The comment on a pull request: short, harmless, and never an old pass."""

from html import unescape

import numpy as np
import pandas as pd
import pytest
from test_command import call, folder  # noqa: F401 (folder is a fixture)
from test_judge import TODAY, side

from holdfast.gate import Gate
from holdfast.gate.comment import MARK, MOST_LINES, as_comment
from holdfast.gate.policy import policy_from

CHAMPION = side(north=(950, 1000), south=(950, 1000))
WORSE = side(north=(950, 1000), south=(950, 1000, 60))


def comment_on(candidate, champion=CHAMPION, show_inputs=False, **policy) -> str:
    gate = Gate(policy_from(policy))
    verdict, found = gate.judge_and_compare(champion, candidate, TODAY)
    return as_comment(verdict, found, show_inputs)


def test_a_comment_names_what_was_lost_and_what_to_do():
    lines = comment_on(WORSE).splitlines()
    assert lines[0] == MARK
    assert lines[1].startswith("### Release gate: fail; worst change: −6.00 points on south")
    assert "| south | fail | 95.00 | 89.00 | −6.00 |" in "\n".join(lines)
    lost = next(line for line in lines if line.startswith("- south: <code>"))
    assert lost.count("<code>") == 10
    assert "<code>south-0</code>" in lost
    assert lines[-1].startswith("**Next:** look at what the examples have in common")


def test_a_pass_and_an_open_decision_say_what_is_next():
    assert "may replace the champion" in comment_on(CHAMPION)
    few = side(north=(90, 100), south=(90, 100))
    text = comment_on(few, few)
    assert "**Next:** the examples do not decide. About " in text


@pytest.mark.parametrize("show_inputs", [False, True])
def test_a_comment_has_sixty_lines_at_most(show_inputs):
    tasks = {f"task {k}": (190, 200) for k in range(50)}
    champion = side(**tasks)
    champion["input"] = "a long question " * 20
    worse = champion.assign(score=np.where(np.arange(len(champion)) % 200 < 80, 0, champion.score))
    text = comment_on(worse, champion, show_inputs)
    assert len(text.splitlines()) <= MOST_LINES
    assert "more rows" in text
    assert "**Next:**" in text
    assert ("a long question" in text) is show_inputs
    assert all(len(line) < 2000 for line in text.splitlines())


def test_texts_are_shown_only_if_asked_for_and_cut_to_eighty_characters():
    champion = CHAMPION.assign(input=[f"question {k} " + "x" * 100 for k in range(2000)])
    worse = WORSE.assign(input=champion["input"])
    assert "question" not in comment_on(worse, champion)
    text = comment_on(worse, champion, show_inputs=True)
    line = next(line for line in text.splitlines() if "<code>question 1000 " in line)
    shown = line.split(": <code>")[1].removesuffix("</code>")
    assert len(shown) == 80
    assert shown.endswith("…")


def test_graded_scores_name_what_lost_most():
    ids = [f"e{k}" for k in range(400)]
    champion = pd.DataFrame({"task": "a", "example_id": ids, "score": 0.9})
    worse = champion.assign(score=[0.0, 0.1] + [0.7] * 398)
    lost = next(line for line in comment_on(worse, champion).splitlines() if "- a: <code>" in line)
    assert lost.startswith("- a: <code>e0</code>, <code>e1</code>, <code>e2</code>")


def test_lower_is_better_turns_what_was_lost():
    ids = [f"e{k}" for k in range(400)]
    champion = pd.DataFrame({"task": "a", "example_id": ids, "score": 0.1})
    worse = champion.assign(score=[0.9] * 200 + [0.1] * 199 + [0.0])
    text = comment_on(worse, champion, default={"direction": "lower", "range": [0, 1]})
    lost = next(line for line in text.splitlines() if "- a: <code>" in line)
    assert "e399" not in lost
    assert lost.startswith("- a: <code>e0</code>")


NASTY = "a|b `c` @team #12 GH-7 https://x.y <img src=x> [l](u) **b** ![i](u)"


def test_no_id_text_or_task_acts_as_markup_link_or_mention():
    champion = CHAMPION.assign(
        task=CHAMPION["task"].replace("south", f"{NASTY} t"),
        example_id=[f"{NASTY} {k}" for k in range(2000)],
        input=NASTY + "\n# heading\n",
    )
    worse = champion.assign(score=WORSE["score"])
    text = comment_on(worse, champion, show_inputs=True)
    for live in ("@team", " #12", "GH-7", "https://x", "<img", "[l](", "**b**", "`c`", "a|b"):
        assert live not in text, live
    assert "\n# heading" not in text
    assert "a|b `c`" in unescape(text), "readers see the names as they are"


def test_the_command_writes_a_comment_and_replaces_an_old_one(folder, capsys):  # noqa: F811
    CHAMPION.to_parquet("champion.parquet")
    WORSE.to_csv("bad.csv", index=False)
    words = ["run", "champion.parquet", "bad.csv", "--comment", "comment.md"]
    code, out, err = call(capsys, *words)
    assert (code, err) == (1, "")
    assert "The comment is in comment.md." in out
    text = (folder / "comment.md").read_text()
    assert text.startswith(MARK)
    assert call(capsys, *words, "--dry-run", "--show-inputs")[0] == 0
    assert (folder / "comment.md").read_text() == text
    for broken in (["--policy", "nowhere.toml"], ["--nonsense"], ["surplus"]):
        (folder / "comment.md").write_text(f"{MARK}\n### Release gate: pass\n")
        assert call(capsys, *words, *broken)[0] == 2
        text = (folder / "comment.md").read_text()
        assert "pass" not in text.replace("passed", "")
        assert "no decision (not released)" in text
    assert "--show-inputs has no effect" in call(capsys, *words[:3], "--show-inputs")[2]


def test_a_comment_replaces_no_input(folder, capsys):  # noqa: F811
    WORSE.to_csv("bad.csv", index=False)
    before = (folder / "bad.csv").read_bytes()
    code, _, err = call(capsys, "run", "champion.parquet", "bad.csv", "--comment", "bad.csv")
    assert code == 2
    assert "bad.csv is an input" in err
    assert call(capsys, "run", "a", "b", "--nonsense", "--comment", "bad.csv")[0] == 2
    assert (folder / "bad.csv").read_bytes() == before
