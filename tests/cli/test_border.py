"""The border of the command line: exit codes, streams, signals and secrets of every command."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from holdfast.cli.border import at_border
from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError, reading
from holdfast.files import remove_files, write_folder, write_text
from holdfast.text import safe_name, shown, without_secrets


def ended(command, *arguments):
    with pytest.raises(SystemExit) as done:
        at_border(command, list(arguments))
    return done.value.code


def one_command(body):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(body)
    return app


def raising(error):
    def body() -> None:
        raise error

    return one_command(body)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (HoldfastError("sizes differ"), 2, "holdfast: error: sizes differ"),
        (KeyboardInterrupt(), 130, ""),
        (
            ValueError("nobody\nexpected this"),
            3,
            "holdfast: internal error: ValueError: nobody; this is a fault of Holdfast",
        ),
        (RecursionError(), 3, "internal error: RecursionError"),
        (ModuleNotFoundError("no torch", name="torch"), 2, "pip install '.[train]'"),
        (
            HoldfastError("ledger postgres://bob:hunter2@h/d?password=hunter2 cannot be opened"),
            2,
            "postgres://***@h/d?password=***",
        ),
        (ValueError("mysql://bob:hun@ter2/x@h/d"), 3, "mysql://***@h/d"),
    ],
)
def test_every_error_is_one_line_with_its_exit_code_and_no_secret(capsys, error, code, message):
    assert ended(raising(error)) == code
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == (1 if message else 0)
    assert "hunter2" not in err
    assert "ter2" not in err


@pytest.mark.parametrize(
    "arguments",
    [["--nonsense"], ["gate", "--power", "9"], ["nosuch"], ["metrics"], ["gate", "--power"]],
)
def test_a_command_line_that_does_not_parse_is_one_line(capsys, arguments):
    with pytest.raises(SystemExit) as done:
        run_cli(arguments)
    out = capsys.readouterr()
    assert done.value.code == 2
    assert out.out == ""
    assert out.err.startswith("holdfast: error: ")
    assert len(out.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["advise", "--store", "-3"], "--store must be at least 0, got '-3'"),
        (["advise", "--tasks", "many"], "--tasks must be a whole number, got 'many'"),
        (["gate", "--power", "9"], "--power must be at most 0.999, got '9'"),
        (["metrics", "m.csv", "--chance", "x"], "--chance must be a number, got 'x'"),
        (["history", "--model", "m", "--threshold", "nan"], "--threshold must be at most 1"),
    ],
)
def test_a_wrong_value_is_explained_in_plain_words(capsys, arguments, message):
    with pytest.raises(SystemExit):
        run_cli(arguments)
    err = capsys.readouterr().err
    assert message in err
    assert "Input should" not in err


def test_a_mistake_names_the_help_of_its_own_command(capsys):
    for arguments in (["order", "plan", "--from"], ["order", "plan", "--nonsense"]):
        with pytest.raises(SystemExit):
            run_cli(arguments)
        assert "`holdfast order plan --help` explains the options" in capsys.readouterr().err


def test_the_traceback_of_a_fault_is_shown_to_who_asks_and_hides_secrets(capsys, monkeypatch):
    monkeypatch.setenv("HOLDFAST_DEBUG", "1")
    assert ended(raising(RuntimeError("https://user:hunter2@host/"))) == 3
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "hunter2" not in err


def python(code, **more):
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )


PRINTS = """
import typer
from holdfast.cli.border import at_border
app = typer.Typer()
@app.command()
def body():
    print("δ = 2 points, −0.5 → \\ud800 \\u4e2d")
at_border(app, [])
"""


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("ascii", b"delta = 2 points, -0.5 -> ? ?"), ("cp1252", b"delta = 2 points, -0.5 -> ? ?")],
)
def test_a_terminal_without_the_characters_gets_a_substitute(encoding, expected):
    process = python(PRINTS, env=os.environ | {"PYTHONIOENCODING": encoding})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.strip(), err) == (0, expected, b"")


def test_a_closed_pipe_is_one_line_and_exit_code_2():
    code = PRINTS.replace('print("', 'print("x" * 500_000 + "')
    process = python(code)
    process.stdout.close()
    with process.stderr as stream:
        err = stream.read().decode()
    assert process.wait(60) == 2
    assert err == "holdfast: error: the output was closed before all of it was printed\n"


def test_sigterm_ends_a_command_at_once_and_closes_what_is_open(tmp_path):
    mark = tmp_path / "closed"
    code = PRINTS.replace(
        "    print(",
        "    import pathlib, time\n    try:\n        print('ready', flush=True)\n"
        "        time.sleep(60)\n"
        f"    finally:\n        pathlib.Path({str(mark)!r}).touch()\n    print(",
    )
    process = python(code)
    process.stdout.readline()
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (143, b"")
    assert time.monotonic() - start < 20
    assert mark.exists()


SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "url",
    [
        "postgres://bob:s3cr3t@h/db",
        "postgresql+psycopg2://bob:s3cr3t@h:5432/db",
        "mysql://bob:s3cr3t@h",
        "postgresql://bob:p@s3cr3t@h/db",
        "postgresql://bob:p/s3cr3t@h/db",
        "postgresql://h/db?user=bob&password=s3cr3t",
        "postgresql://h/db?sslpassword=s3cr3t#x",
        "https://h/x.csv?sig=s3cr3t&se=2026",
        "https:/bob:s3cr3t@h/x.csv",
        "s3://key:s3cr3t@bucket/x",
        "'host=h password=s3cr3t dbname=d'",
        "redis://:s3cr3t@h",
    ],
)
def test_no_url_shows_a_secret(url):
    assert SECRET not in without_secrets(f"{url!r} cannot be opened: ({url})")


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///ledger.db",
        "runs:/abc/results.parquet",
        "models:/fraud@champion: not found; expected models:/<name>@<alias>",
        "expected columns task, score",
        "a: b = c",
        "C:/data/x.csv",
    ],
)
def test_what_is_no_secret_stays(text):
    assert without_secrets(text) == text


def test_invisible_and_impossible_characters_are_shown():
    assert shown("a\u200bb\u200e\u200f\ufffe\uffff\ud800\U0001fffe\x1b") == "a?b???????"
    assert shown("a\u200db") == "a?b"
    family = "\U0001f469\u200d\U0001f4bb"
    assert shown(family) == family, "joiners belong to emoji and to some scripts"


def test_a_file_is_replaced_and_a_link_is_not_followed(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "target").read_text() == "precious"
    assert (tmp_path / "link").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "target"], (
        "no temporary file is left"
    )


def test_a_folder_is_written_as_a_whole_and_other_files_are_kept(tmp_path):
    out = tmp_path / "gate"
    write_folder(out, {"a": "1", "b": "2"})
    inode = out.stat().st_ino
    write_folder(out, {"a": "3", "b": "4"})
    assert out.stat().st_ino != inode, "the folder was exchanged as a whole"
    (out / "mine.txt").write_text("kept")
    write_folder(out, {"a": "5", "b": "6"})
    assert {p.name: p.read_text() for p in out.iterdir()} == {
        "a": "5",
        "b": "6",
        "mine.txt": "kept",
    }
    (tmp_path / "link").symlink_to(out)
    for refused in (
        lambda: write_folder(tmp_path / "link", {"a": "7"}),
        lambda: remove_files(tmp_path / "link", ["a"]),
    ):
        with pytest.raises(HoldfastError, match="is a symbolic link"):
            refused()
    with pytest.raises(HoldfastError, match="is a file, but a folder is needed"):
        write_folder(out / "a", {"x": "y"})
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "x"
    write_text(path, "old")
    with pytest.raises(HoldfastError, match="could not be written"):
        write_text(tmp_path / "x" / "y", "below a file")
    assert path.read_text() == "old"


def deep(n: int) -> int:
    return deep(n + 1)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (lambda: int("9" * 5000), "is not readable as numbers: Exceeds the limit"),
        (lambda: deep(0), "nested too deeply"),
        (lambda: {}["cells"], "'cells' is missing"),
        (lambda: open("/nonexistent"), "there is no such file"),  # noqa: SIM115
        (lambda: float(10**400), "int too large to convert to float"),
        (lambda: "\ud800".encode(), "surrogates not allowed"),
    ],
)
def test_whatever_a_parser_raises_is_one_error(error, message):
    with pytest.raises(HoldfastError, match=message), reading("x", "numbers"):
        error()


@pytest.mark.parametrize(
    ("shell", "code"),
    [
        ("metrics m.csv >&-", 0),
        ("--version >&-", 0),
        ("metrics nowhere.csv 2>&-", 2),
        ("metrics nowhere.csv 2>/dev/full", 2),
        ("metrics m.csv >/dev/full", 2),
        ("metrics m.csv >&- 2>&-", 0),
    ],
)
def test_closed_and_full_streams_change_no_exit_code_to_one(tmp_path, shell, code):
    (tmp_path / "m.csv").write_text("task,after,score\na,a,0.9\n")
    command = f"{sys.executable} -m holdfast.cli.main {shell}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1


@pytest.mark.parametrize(
    "name",
    [
        "s3://key:x SECRET@b/x.csv",
        "s3://key:x'SECRET@b/x.csv",
        "https://u:<SECRET>@h/x.csv",
        "https://h/x.csv?sig%3DSECRET",
        "https://h/x.csv?a=SECRET 2",
        "user:SECRET@h:/x.csv",
        "x;AccountKey=SECRET;x.csv",
        "x.csv?sig=SECRET",
        "https:SECRET@h/x.csv",
    ],
)
def test_no_name_of_a_source_shows_a_secret_in_any_command(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    assert "SECRET" not in safe_name(name)
    for arguments in (
        ["gate", "--champion", name, "--candidate", name],
        ["gate", "--champion", name, "--candidate", name, "--policy", name],
        ["gate", "--ledger", name, "--model", "m", "--candidate", name],
        ["record", "--model", "m", "--release", "1", "--results", name],
        ["metrics", name],
        ["report", name],
        ["history", "--model", "m", "--ledger", name],
    ):
        with pytest.raises(SystemExit) as done:
            run_cli(arguments)
        out = capsys.readouterr()
        assert done.value.code == 2
        assert "SECRET" not in out.out + out.err, arguments


def test_a_folder_keeps_its_mode_and_needs_no_writable_parent(tmp_path):
    out = tmp_path / "parent" / "gate"
    out.mkdir(parents=True)
    out.chmod(0o2775)
    write_folder(out, {"a": "1"})
    assert out.stat().st_mode & 0o7777 == 0o2775
    for path in ("", ".", "/"):
        with pytest.raises(HoldfastError, match="names a folder, but a file is needed"):
            write_text(Path(path), "x")
    (out / "b").mkdir()
    with pytest.raises(HoldfastError, match="could not be written"):
        write_folder(out, {"b": "2"})
    assert (out / "b").is_dir(), "a folder of the user's is not removed"
