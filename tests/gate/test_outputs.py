"""Files of a verdict: written as one, never an old pass, and harmless names."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest
from test_command import against, call, folder  # noqa: F401 (folder is a fixture)
from test_judge import CHAMPION, judge, scores, side

from holdfast import files
from holdfast.gate.junit import as_junit
from holdfast.gate.markdown import as_markdown, as_model_card, in_markdown
from holdfast.gate.outputs import FILES, begin, write
from holdfast.reports.gate import gate_html

WORSE = side(north=(990, 1000), south=(900, 1000, 60))


def names(path: Path) -> set[str]:
    return {p.name for p in path.iterdir()}


def failing(path: Path) -> bool:
    """Whether a folder holds a failing junit.xml and no verdict."""
    suite = ET.parse(path / "junit.xml").getroot()
    return names(path) & set(FILES) == {"junit.xml"} and int(suite.get("failures")) > 0


@pytest.mark.parametrize(
    "broken",
    [
        ["--candidate", "nowhere.csv"],
        ["--candidate", "broken.csv"],
        ["--candidate", "candidate.csv", "--policy", "nowhere.toml"],
        ["--candidate", "candidate.csv", "--policy", "broken.toml"],
        ["--candidate", "candidate.csv", "--nonsense"],
        ["--candidate", "candidate.csv", "--power", "7"],
        ["--candidate", "candidate.csv", "surplus"],
        [],
    ],
)
def test_a_broken_input_leaves_a_failing_report(folder, capsys, broken):  # noqa: F811
    (folder / "broken.csv").write_text("task,example_id,score\na,1,7\n")
    (folder / "broken.toml").write_text("confidence = 7")
    assert against(capsys, CHAMPION, "--out", "gate")[0] == 0
    assert names(folder / "gate") == set(FILES)
    code, _, err = call(capsys, "--champion", "champion.parquet", "--out", "gate", *broken)
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert failing(folder / "gate")
    assert against(capsys, CHAMPION, "--out", "gate")[0] == 0
    assert names(folder / "gate") == set(FILES)


def test_a_fault_of_the_program_leaves_a_failing_report(folder, capsys, monkeypatch):  # noqa: F811
    assert against(capsys, CHAMPION, "--out", "gate")[0] == 0
    monkeypatch.setattr("holdfast.gate.judge.Gate.decide", lambda *_: 1 / 0)
    assert against(capsys, CHAMPION, "--out", "gate")[0] == 3
    assert failing(folder / "gate")
    assert "ZeroDivisionError" in (folder / "gate/junit.xml").read_text()


def test_printing_only_leaves_the_older_verdict(folder, capsys):  # noqa: F811
    assert against(capsys, CHAMPION, "--out", "gate")[0] == 0
    for option in ("--dry-run", "--plan"):
        assert against(capsys, WORSE, "--out", "gate", option)[0] == 0
        assert json.loads((folder / "gate/verdict.json").read_text())["passed"] is True


def test_links_are_not_followed_and_other_files_are_kept(folder, capsys):  # noqa: F811
    (folder / "gate").mkdir()
    (folder / "precious").write_text("mine")
    (folder / "gate/plot.png").write_text("kept")
    (folder / "gate/verdict.json").symlink_to(folder / "precious")
    (folder / "gate/junit.xml").symlink_to(folder / "precious")
    assert against(capsys, CHAMPION, "--out", "gate")[0] == 0
    assert (folder / "precious").read_text() == "mine"
    assert (folder / "gate/plot.png").read_text() == "kept"
    assert names(folder / "gate") == {*FILES, "plot.png"}
    (folder / "link").symlink_to(folder / "gate")
    code, _, err = against(capsys, CHAMPION, "--out", "link")
    assert code == 2
    assert "is a symbolic link" in err


def test_the_working_directory_can_be_the_folder(folder, capsys):  # noqa: F811
    assert against(capsys, CHAMPION, "--out", ".")[0] == 0
    assert set(FILES) <= names(folder)
    assert (folder / "champion.parquet").exists()


def slowly(monkeypatch) -> None:
    """Make every step of writing last, so that a kill meets it in the middle."""

    def write(path: Path, content: bytes) -> None:
        with path.open("xb") as file:
            for k in range(0, len(content), len(content) // 3 + 1):
                file.write(content[k : k + len(content) // 3 + 1])
                file.flush()
                time.sleep(0.002)

    def late(method):
        def step(*arguments, **named):
            time.sleep(0.004)
            done = method(*arguments, **named)
            time.sleep(0.004)
            return done

        return step

    monkeypatch.setattr(files, "_write_new", write)
    for name in ("rename", "replace", "unlink"):
        monkeypatch.setattr(Path, name, late(getattr(Path, name)))


def test_forty_kills_while_files_are_written_leave_no_half_result_and_no_old_pass(
    tmp_path, monkeypatch
):
    """A child of this process writes as the command does: first it removes the old pass."""
    out = tmp_path / "gate"
    passed, failed = judge(CHAMPION), judge(WORSE)
    page = {"verdict.html": gate_html(failed)}
    slowly(monkeypatch)
    states = dict.fromkeys(("old", "none", "new"), 0)
    for k in range(40):
        write(passed, out, {"verdict.html": gate_html(passed)})
        begun, says = os.pipe()
        child = os.fork()
        if not child:
            begin(out)
            os.write(says, b".")
            write(failed, out, page)
            os._exit(0)
        os.close(says)
        if k % 4:  # every fourth kill may come earlier, while the old verdict is taken away
            os.read(begun, 1)
        os.close(begun)
        time.sleep(0.004 * k)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = names(out) if out.exists() else set()
        if "verdict.json" not in found:
            states["none"] += 1
            assert not found or failing(out)
            continue
        assert found == set(FILES)
        now = json.loads((out / "verdict.json").read_text())["passed"]
        assert ("does not replace" in (out / "verdict.html").read_text()) is not now
        assert not now or k % 4 == 0, "only a kill before the old verdict is taken away leaves it"
        states["old" if now else "new"] += 1
    assert states["none"] > 5
    assert states["new"] > 2


def test_a_killed_command_leaves_no_old_pass(folder):  # noqa: F811
    CHAMPION.to_parquet("good.parquet")
    gate = [
        sys.executable,
        "-m",
        "holdfast.cli.main",
        "gate",
        "--champion",
        "champion.parquet",
        "--out",
        "gate",
    ]
    good = [*gate, "--candidate", "good.parquet", "--allow-same"]
    subprocess.run(good, capture_output=True, check=True)
    assert json.loads(Path("gate/verdict.json").read_text())["passed"] is True
    os.mkfifo("slow.csv")  # a candidate that never comes
    process = subprocess.Popen(
        [*gate, "--candidate", "slow.csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for _ in range(300):
        if not Path("gate/verdict.json").exists() and Path("gate/junit.xml").exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert failing(Path("gate"))


def test_a_row_that_is_not_shown_is_never_a_pass_in_any_file():
    champion = pd.concat(
        [scores("a", 190, 200).assign(segment="x"), scores("b", 950, 1000).assign(segment="y")]
    )
    v = judge(champion, champion, default={"delta": 0.01, "segments": "worse"})
    assert v.decision == "inconclusive"
    cases = {c.get("name"): [e.tag for e in c] for c in ET.fromstring(as_junit(v))}
    assert cases == {
        "a": ["failure"],
        "a/x": ["skipped"],
        "b": [],
        "b/y": [],
        "the release as a whole": ["failure"],
    }
    assert "| ↳ a/x | inconclusive (warning) |" in as_markdown(v)
    page = gate_html(v)
    assert page.count('badge small inconclusive"') == 2
    assert page.count('badge small pass"') == 2


def test_the_correction_is_named_wherever_intervals_are_shown():
    v = judge(WORSE)
    named = "Holm's correction for 2 comparisons"
    for text in (as_markdown(v), as_model_card(v), gate_html(v).replace("&#39;", "'")):
        assert named in text
    assert [row["correction"] for row in v.to_json()["tasks"]] == [named] * 2


def test_every_sign_is_that_of_a_change():
    v = judge(WORSE)
    for text in (as_markdown(v), as_model_card(v), gate_html(v), as_junit(v)):
        assert "−6.00" in text
        assert "−0.0" not in text
        assert "-0.0" not in text
    assert "The worst change is <b>−6.00 points</b> on south" in gate_html(v)


@pytest.mark.parametrize(
    "name", ["see #12", "@everyone", ":rocket:", "https://evil.example/x", "www.evil.example"]
)
def test_names_are_dead_text_in_markdown_and_whole_in_xml(name):
    frame = CHAMPION.assign(task=name, example_id=range(2000))
    v = judge(frame, frame)
    ET.fromstring(as_junit(v))
    live = in_markdown(name)
    for trigger in ("#12", "@everyone", ":rocket", "https:/", "www."):
        assert trigger not in live


def test_a_summary_of_a_step_is_appended_and_short(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    for _ in range(2):
        write(judge(CHAMPION), tmp_path / "gate")
    assert (tmp_path / "summary.md").read_text().count("# Release gate") == 2
    os.remove(tmp_path / "summary.md")
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "summary.md").symlink_to(tmp_path / "precious")
    with pytest.raises(ValueError, match="symbolic link"):
        write(judge(CHAMPION), tmp_path / "gate")
    assert (tmp_path / "precious").read_text() == "mine"


def test_without_a_policy_the_shipped_one_decides_and_is_named(folder, capsys):  # noqa: F811
    (folder / "gate.toml").unlink()
    code, out, err = against(capsys, CHAMPION, "--out", "gate")
    assert (code, err) == (0, "")
    assert "The shipped policy was used, because there is no gate.toml" in out
    assert json.loads((folder / "gate/verdict.json").read_text())["policy"] == "standard"


def test_a_reader_that_is_gone_takes_no_verdict_away(folder):  # noqa: F811
    CHAMPION.to_parquet("good.parquet")
    gate = f"{sys.executable} -m holdfast.cli.main gate"
    sides = "--champion champion.parquet --candidate good.parquet --allow-same"
    command = f"{gate} {sides} --out gate | true"
    subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert names(Path("gate")) == set(FILES)


def test_an_input_in_the_folder_of_outputs_is_not_taken_away(folder, capsys):  # noqa: F811
    assert against(capsys, CHAMPION, "--out", "gate")[0] == 0
    before = (folder / "gate/verdict.json").read_text()
    code, _, err = call(
        capsys,
        "--champion",
        "champion.parquet",
        "--candidate",
        "gate/verdict.json",
        "--out",
        "gate",
    )
    assert code == 2
    assert "is an input" in err
    assert (folder / "gate/verdict.json").read_text() == before


def test_one_cluster_for_a_whole_task_has_a_verdict_in_every_file(folder, capsys):  # noqa: F811
    CHAMPION.assign(cluster="all").to_parquet("champion.parquet")
    code, out, err = against(capsys, CHAMPION.assign(cluster="all"), "--out", "gate")
    assert (code, err) == (1, "")
    assert out.startswith("inconclusive")
    assert names(folder / "gate") == set(FILES)
    rows = json.loads((folder / "gate/verdict.json").read_text())["tasks"]
    assert all(-1 <= row["low"] <= row["high"] <= 1 and row["clusters"] == 1 for row in rows)
