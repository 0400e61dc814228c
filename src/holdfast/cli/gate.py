"""`holdfast gate`: exit code 0 pass, 1 not, 2 bad input or usage, 3 a fault of the program. A broken input never passes."""

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.errors import HoldfastError, first_line
from holdfast.files import write_text
from holdfast.text import safe_name, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.gate import Gate, Side, Verdict
    from holdfast.ledger import History, Release

DEFAULT_POLICY = Path("gate.toml")
MOST_LINES = 200  # of each kind that are printed


@dataclass(frozen=True)
class _Question:
    """Which two models are compared: both from files, or the champion from a ledger."""

    champion: str | None
    candidate: str | None
    ledger: str | None
    model: str
    release: str | None
    trained_on: tuple[str, ...]


def gate(
    path: Annotated[
        Path | None, typer.Argument(help="With --init: the policy to write (default: --policy).")
    ] = None,
    champion: Annotated[
        str | None,
        typer.Option(
            help="Results of the model in production: csv, parquet, jsonl or json, or runs:/ID/PATH of MLflow."
        ),
    ] = None,
    candidate: Annotated[str | None, typer.Option(help="Results of the retrained model.")] = None,
    ledger: Annotated[
        str | None,
        typer.Option(help="Take the champion from this ledger: the newest release of --model."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="With --ledger: the model's name.")] = None,
    release: Annotated[
        str | None,
        typer.Option(help="With --ledger: record the verdict there for a candidate of this name."),
    ] = None,
    trained_on: Annotated[
        str | None, typer.Option(help="With --ledger: tasks the candidate was trained on: a,b.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="The policy, a TOML file (see --init), or a shipped one: standard, simple. "
            "Default: gate.toml if it exists, otherwise standard."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for verdict.json, verdict.html, junit.xml, verdict.md and model-card.md."
        ),
    ] = None,
    html: Annotated[
        bool,
        typer.Option("--html/--no-html", help="With --out: also write the report verdict.html."),
    ] = True,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the decision and why; write nothing and exit with 0."
        ),
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print how many examples each task and segment needs.")
    ] = False,
    power: Annotated[
        float,
        typer.Option(
            min=0.5, max=0.999, help="With --plan: chance of passing if nothing was lost."
        ),
    ] = 0.8,
    init: Annotated[bool, typer.Option("--init", help="Write a commented policy.")] = False,
) -> None:
    """Decide whether a retrained model may replace the one in production."""
    if init:
        _init(path or policy or DEFAULT_POLICY)
        return
    writes = out is not None and not dry_run and not plan
    if out is not None and writes:
        _refuse_inputs_in(out, [champion, candidate, str(policy or "")])
    with _no_old_verdict(out if writes else None):
        if path is not None:
            raise HoldfastError(
                f"unexpected argument {str(path)!r}; name the two sides with --champion and --candidate"
            )
        tasks = tuple(t.strip() for t in (trained_on or "").split(",") if t.strip())
        question = _Question(champion, candidate, ledger, model or "", release, tasks)
        sides, releases = _sides(question, model)
        judge = _gate(policy)
        if plan:
            _plan(judge, sides, power)
            return
        verdict = judge.judge(*sides)
        done = [] if dry_run else _deliver(verdict, question, sides, releases, out, html)
    if policy is None and not DEFAULT_POLICY.exists():
        done.append(
            f"Judged by the shipped policy, as there is no {DEFAULT_POLICY}; --init writes one."
        )
    _print(verdict, done)  # a reader that is gone takes no verdict away
    if not verdict.passed and not dry_run:
        sys.exit(1)


def leave_no_old_verdict(arguments: Sequence[str], reason: str) -> None:
    """If a command line of the gate does not parse, replace an older verdict by a failing junit.xml.

    Args:
        arguments: The command line, without the program's name.
        reason: What is wrong with it.
    """
    if "gate" not in arguments[:1] or {"--dry-run", "--plan", "--init"} & set(arguments):
        return
    from holdfast.gate.outputs import give_up

    for k, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--out" and (equals or k + 1 < len(arguments)):
            give_up(Path(value if equals else arguments[k + 1]), reason)


def _refuse_inputs_in(out: Path, sources: list[str | None]) -> None:
    """An input that is one of the files of `--out` would be taken away before it is read."""
    from holdfast.gate.outputs import FILES

    for source in sources:
        path = Path(source or "")
        if path.name in FILES and path.resolve().parent == out.resolve():
            raise HoldfastError(
                f"{safe_name(str(path))} is an input, but --out replaces the file of that name; name another folder"
            )


@contextmanager
def _no_old_verdict(out: Path | None) -> "Iterator[None]":
    """Take an older verdict away first, and leave a failing junit.xml if no new one is reached."""
    if out is None:
        yield
        return
    from holdfast.gate.outputs import begin, give_up

    begin(out)
    try:
        yield
    except HoldfastError as error:
        give_up(out, str(error))
        raise
    except (Exception, KeyboardInterrupt) as error:
        give_up(out, f"the gate stopped: {type(error).__name__}: {first_line(error)}")
        raise


def _sides(question: _Question, model: str | None) -> "tuple[tuple[Side, Side], Sequence[Release]]":
    """Champion and candidate, and the releases of the ledger that the champion comes from.

    The ledger is asked for its releases once, so that a release that is recorded meanwhile changes
    neither the champion nor the report.
    """
    q = question
    if q.ledger is None and q.release is not None:
        raise HoldfastError(
            "--release records the verdict in a ledger; give --ledger and --model too"
        )
    if q.ledger is not None and (q.champion is not None or model is None):
        raise HoldfastError(
            "the champion comes either from --champion, or from --ledger together with --model"
        )
    if q.candidate is None or (q.champion is None and q.ledger is None):
        raise HoldfastError(
            "give --candidate, and --champion or --ledger with --model; --init writes a policy"
        )
    candidate = _side(q.candidate, "candidate")
    if q.ledger is not None:
        from holdfast.ledger.records import checked_name

        checked_name("model", q.model)
        checked_name("candidate", q.release or "candidate")
    if q.ledger is None:
        return (_side(q.champion or "", "champion"), candidate), ()
    from holdfast.ledger import Ledger, sides

    ledger = Ledger(q.ledger, mode="read")
    releases = ledger.releases(q.model)
    name = q.release or ""
    return sides(ledger, q.model, candidate, q.trained_on, name, releases), releases


def _side(source: str, side: str) -> "Side":
    from holdfast.gate import read_side

    if not source.startswith("runs:/"):
        return read_side(Path(source), side)
    from holdfast.integrations.mlflow import read_run

    return read_run(source, side)


def _gate(policy: Path | None) -> "Gate":
    from holdfast.gate import Gate
    from holdfast.gate.policy import STANDARD

    if policy is None:
        policy = DEFAULT_POLICY if DEFAULT_POLICY.exists() else Path(STANDARD)
    return Gate.from_policy(policy)


def _init(policy: Path) -> None:
    from holdfast.gate import template
    from holdfast.gate.policy import SHIPPED

    text = template()
    if str(policy) in SHIPPED:
        policy, text = Path(f"{policy}.toml"), template(str(policy))
    if policy.exists():
        raise HoldfastError(
            f"{policy} exists already; delete it, or name another file after --init"
        )
    write_text(policy, text)
    print(f"Wrote {policy}. Next: holdfast gate --policy {policy} --champion OLD --candidate NEW")


def _plan(judge: "Gate", sides: "tuple[Side, Side]", power: float) -> None:
    from holdfast.gate.joining import compare

    for line in judge.plan(compare(*sides), power):
        print(shown(line))


def _deliver(
    verdict: "Verdict",
    q: _Question,
    sides: "tuple[Side, Side]",
    releases: "Sequence[Release]",
    out: Path | None,
    html: bool,
) -> list[str]:
    """Write a verdict to all its places; returns a line about each."""
    from holdfast.gate.outputs import write
    from holdfast.reports.gate import gate_html

    page = {}
    run = q.candidate if q.candidate and q.candidate.startswith("runs:/") else None
    if html and (out is not None or run is not None):
        past = _history(q, sides[1], releases)
        page["verdict.html"] = gate_html(verdict.to_json(), asdict(past) if past else None)
    done = []
    if q.ledger is not None and q.release is not None:
        from holdfast.ledger import Ledger

        kept = Ledger(q.ledger).keep_verdict(
            q.model,
            q.release,
            verdict.to_json(),
            champion=verdict.champion_release,
            results=sides[1].rows,
        )
        done.append(f"The verdict on {safe_name(q.release)} is {kept} in the ledger.")
    if run is not None:
        from holdfast.integrations.mlflow import write_back

        write_back(verdict, run, page)
        done.append(f"The verdict is written to MLflow: {safe_name(run)}")
    if out is not None:  # last: a verdict that could not be recorded elsewhere is not shown as one
        write(verdict, out, page)
        done.append(f"The verdict and its report are in {safe_name(str(out))}.")
    return done


def _history(q: _Question, candidate: "Side", releases: "Sequence[Release]") -> "History | None":
    if q.ledger is None:
        return None
    from holdfast.ledger import following, history

    name = f"{q.release} (candidate)" if q.release else "candidate"
    return history([*releases, following(q.model, candidate, q.trained_on, name)])


def _print(verdict: "Verdict", done: list[str]) -> None:
    from holdfast.gate.outputs import note_of

    print(shown(verdict.headline))
    _print_some([f"  {shown(reason)}" for reason in verdict.reasons])
    _print_some([f"  warning: {shown(warning)}" for warning in verdict.warnings])
    rows = list[str]()
    for row in verdict.tasks:
        indent = "    " if row.nested else "  "
        decision = row.decision + note_of(row)
        rows.append(f"{indent}{decision:12} {shown(row.label)}: {shown(row.reason)}")
    _print_some(rows)
    for line in done:
        print(line)
    sys.stdout.flush()


def _print_some(lines: list[str]) -> None:
    for line in lines[:MOST_LINES]:
        print(line)
    if len(lines) > MOST_LINES:
        print(f"  and {len(lines) - MOST_LINES:,} more; --out writes all of them to verdict.json")
