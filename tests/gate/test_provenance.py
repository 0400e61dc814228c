"""What a verdict was made of, and whether it is still what its inputs say."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from test_command import call, folder  # noqa: F401 (folder is a fixture)
from test_judge import CHAMPION, judge, side

from holdfast.gate.provenance import digest_of_verdict

GOOD = side(north=(990, 1000), south=(950, 1000))
WORSE = side(north=(990, 1000), south=(900, 1000, 60))


@pytest.fixture
def judged(folder, capsys):  # noqa: F811
    """A failing verdict on two files, by the standard policy."""
    (folder / "gate.toml").unlink()
    WORSE.to_csv("bad.csv", index=False)
    assert call(capsys, "run", "champion.parquet", "bad.csv", "--out", "gate")[0] == 1
    return folder


def verdict_of(place: Path) -> dict:
    return json.loads((place / "gate/verdict.json").read_text())


def change(place: Path, sign: bool = False, **fields) -> None:
    """Change a verdict in its file, as somebody might who wants another one."""
    values = verdict_of(place) | fields
    if sign:
        values["digest"] = digest_of_verdict(values)
    (place / "gate/verdict.json").write_text(json.dumps(values))


def test_a_verdict_names_its_inputs_by_their_digests(judged):
    made_of = verdict_of(judged)["provenance"]
    for name, file in (("champion", "champion.parquet"), ("candidate", "bad.csv")):
        digest = hashlib.sha256((judged / file).read_bytes()).hexdigest()
        assert made_of[name] == {"kind": "file", "name": file, "sha256": digest}
    assert set(made_of["versions"]) == {"holdfast", "python", "numpy", "pandas"}
    assert (made_of["commit"], made_of["dirty"]) == ("", None)


def test_a_verdict_names_the_commit_and_whether_files_were_changed(judged, capsys, monkeypatch):
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
    repository = judged / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    sides = ["../champion.parquet", "../bad.csv"]
    assert call(capsys, "run", *sides, "--out", "gate")[0] == 1
    made_of = verdict_of(repository)["provenance"]
    assert len(made_of["commit"]) == 40
    assert made_of["dirty"] is False


def test_data_frames_are_known_by_their_rows():
    one = judge(GOOD).provenance
    assert one.champion.kind == "rows"
    assert judge(GOOD).provenance == one
    assert judge(WORSE).provenance.candidate.sha256 != one.candidate.sha256
    assert judge(WORSE).provenance.champion == one.champion
    assert judge(GOOD, default={"delta": 0.03}).provenance.policy_sha256 != one.policy_sha256


def test_a_folder_is_known_by_the_names_and_contents_of_its_files(tmp_path):
    from holdfast.gate.reading.origins import origin_of

    def digest() -> str:
        return origin_of(tmp_path / "x", "x").sha256

    (tmp_path / "x/deep").mkdir(parents=True)
    (tmp_path / "x/a").write_text("1")
    (tmp_path / "x/deep/b").write_text("2")
    first = digest()
    (tmp_path / "x/a").rename(tmp_path / "x/c")
    assert digest() != first
    (tmp_path / "x/c").rename(tmp_path / "x/a")
    assert digest() == first
    (tmp_path / "x/deep/b").write_text("3")
    assert digest() != first


@pytest.mark.parametrize("named", ["gate", "gate/verdict.json"])
def test_an_untouched_verdict_is_verified(judged, capsys, named):
    code, out, err = call(capsys, "verify", named)
    assert (code, err) == (0, "")
    assert out.startswith("verified: fail, with 2 rows")


def test_a_verdict_is_verified_wherever_its_inputs_lie_now(judged, capsys):
    (judged / "bad.csv").rename(judged / "moved.csv")
    code, out, err = call(capsys, "verify", "gate")
    assert (code, out) == (2, "")
    assert "bad.csv: there is no such file" in err
    assert call(capsys, "verify", "gate", "--candidate", "moved.csv")[0] == 0


def test_a_changed_word_is_found_by_the_digest(judged, capsys):
    change(judged, reasons=["nothing to see"])
    code, out, _ = call(capsys, "verify", "gate")
    assert code == 1
    assert "digest: the verdict was changed after it was written" in out
    assert 'reasons: ["nothing to see"] in the verdict, ["south: loses' in out


def test_whoever_renews_the_digest_is_found_by_judging_again(judged, capsys):
    rows = [row | {"decision": "pass"} for row in verdict_of(judged)["tasks"]]
    change(judged, sign=True, decision="pass", passed=True, tasks=rows)
    code, out, _ = call(capsys, "verify", "gate")
    assert code == 1
    assert "digest" not in out
    assert 'decision: "pass" in the verdict, "fail" if it is judged again' in out
    assert 'row south, decision: "pass" in the verdict, "fail"' in out


def test_rows_that_were_taken_out_or_added_are_named(judged, capsys):
    south, north = verdict_of(judged)["tasks"]
    change(judged, sign=True, tasks=[north, south | {"task": "east"}])
    _, out, _ = call(capsys, "verify", "gate")
    assert "row south: is missing in the verdict" in out
    assert "row east: is in the verdict, but not if it is judged again" in out


def test_other_inputs_are_named_with_what_they_change(judged, capsys):
    GOOD.to_csv("bad.csv", index=False)
    code, out, _ = call(capsys, "verify", "gate")
    assert code == 1
    assert "candidate bad.csv: the SHA-256 of the file is" in out
    assert "passed: false in the verdict, true if it is judged again" in out


def test_a_changed_policy_is_found_even_if_it_decides_alike(judged, capsys):
    (judged / "own.toml").write_text("default.delta = 0.02")
    sides = ["champion.parquet", "bad.csv"]
    assert call(capsys, "run", *sides, "--policy", "own.toml", "--out", "gate")[0] == 1
    assert call(capsys, "verify", "gate")[0] == 0
    (judged / "own.toml").write_text("default.delta = 0.020")
    code, out, _ = call(capsys, "verify", "gate")
    assert (code, len(out.splitlines())) == (1, 2)
    assert "policy: the SHA-256 is" in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not readable as a verdict"),
        ("[]", "is no verdict"),
        ('{"decision": "pass", "tasks": []}', "because an older version wrote it"),
        (
            '{"schema": 2, "decision": "pass", "tasks": [], "provenance": {"a": 1}, "digest": ""}',
            "",
        ),
        (None, "there is no such file"),
    ],
)
def test_what_is_no_verdict_is_refused_in_one_line(judged, capsys, text, message):
    if text is None:
        (judged / "gate/verdict.json").unlink()
    else:
        (judged / "gate/verdict.json").write_text(text)
    code, out, err = call(capsys, "verify", "gate")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err


def test_the_same_file_or_content_is_refused(judged, capsys):
    champion = Path("champion.parquet")
    Path("copy.parquet").write_bytes(champion.read_bytes())
    CHAMPION.to_csv("same-rows.csv", index=False)
    CHAMPION[::-1].to_csv("reversed.csv", index=False)
    for words, message in (
        (["run", "champion.parquet", "champion.parquet"], "are the same, champion.parquet"),
        (["run", "champion.parquet", "copy.parquet"], "copy.parquet have the same content"),
        (["run", "champion.parquet", "same-rows.csv"], "are equal in every one of 2,000 rows"),
        (["run", "champion.parquet", "reversed.csv"], "are equal in every one of 2,000 rows"),
        (["--champion", "champion.parquet", "--candidate", "copy.parquet"], "have the same"),
    ):
        code, out, err = call(capsys, *words)
        assert (code, out, len(err.splitlines())) == (2, "", 1), words
        assert message in err
        assert "--allow-same" in err
        assert call(capsys, *words, "--allow-same")[0] == 0


def test_the_newest_release_of_a_ledger_is_no_candidate(judged, capsys):
    from holdfast.ledger import Ledger

    Ledger("sqlite:///l.db").record("m", "1", CHAMPION)
    ledger = ["--ledger", "sqlite:///l.db", "--model", "m"]
    code, _, err = call(capsys, "run", "champion.parquet", *ledger)
    assert code == 2
    assert "equal in every one of 2,000 rows" in err
    assert call(capsys, "run", "bad.csv", *ledger, "--release", "2", "--out", "gate")[0] == 1
    assert call(capsys, "verify", "gate")[0] == 0
    Ledger("sqlite:///l.db").record("m", "3", GOOD, override="a later release")
    assert call(capsys, "verify", "gate")[0] == 0, "later releases change no older verdict"
