"""`holdfast gate`: exit code 0 pass, 1 not, 2 bad input or usage, 3 a fault of the program. A broken input never passes."""

import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.errors import HoldfastError
from holdfast.text import shown

if TYPE_CHECKING:
    from holdfast.gate import Side, Verdict
    from holdfast.ledger import History, Ledger


@dataclass(frozen=True)
class _Outputs:
    """Where a verdict goes."""

    out: Path | None
    html: bool
    run: str | None  # of MLflow
    ledger: "Ledger | None"
    model: str
    release: str | None


def gate(
    path: Annotated[Path | None, typer.Argument(help="With --init: where the policy is written (else to --policy).")] = None,
    champion: Annotated[
        str | None, typer.Option(help="Results of the model in production (csv, parquet, jsonl, json; runs:/ID/PATH of MLflow).")
    ] = None,
    candidate: Annotated[str | None, typer.Option(help="Results of the retrained model.")] = None,
    ledger: Annotated[str | None, typer.Option(help="Take the champion from this ledger: the newest release of --model.")] = None,
    model: Annotated[str | None, typer.Option(help="With --ledger: the model's name.")] = None,
    release: Annotated[str | None, typer.Option(help="With --ledger: record the verdict there, on a candidate of this name.")] = None,
    trained_on: Annotated[str | None, typer.Option(help="With --ledger: tasks that the candidate was trained on: a,b.")] = None,
    policy: Annotated[Path, typer.Option(help="The policy (TOML; see --init), or a shipped one: standard, simple.")] = Path("gate.toml"),
    out: Annotated[Path | None, typer.Option(help="Folder for verdict.json, verdict.html, junit.xml, verdict.md, model-card.md.")] = None,
    html: Annotated[bool, typer.Option("--html/--no-html", help="With --out: the report verdict.html as well.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be decided and why; write nothing, exit with 0.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print how many examples each task needs, from the two sides' results.")] = False,
    power: Annotated[float, typer.Option(min=0.5, max=0.999, help="With --plan: chance of passing a candidate that lost nothing.")] = 0.8,
    init: Annotated[bool, typer.Option("--init", help="Write a commented policy to the path of --policy.")] = False,
) -> None:
    """Decide whether a retrained model may replace the one in production."""
    try:
        if init:
            sys.exit(_init(path or policy))
        if path is not None:
            raise HoldfastError(f"unexpected argument {str(path)!r}: give the two sides as --champion and --candidate")
        held = _ledger(champion, ledger, model, release)
        tasks = tuple(t.strip() for t in (trained_on or "").split(",") if t.strip())
        sides = _sides(champion, candidate, held, model or "", tasks, release)
        if plan:
            sys.exit(_plan(policy, sides, power))
        run = candidate if candidate and candidate.startswith("runs:/") else None
        releases = _history(held, model or "", sides[1], tasks, release) if held else None
        outputs = None if dry_run else _Outputs(out, html, run, held, model or "", release)
        verdict = _judge(policy, sides)
        sys.exit(_deliver(verdict, releases, outputs))
    except (HoldfastError, KeyboardInterrupt):
        raise
    except BrokenPipeError:  # whoever read the output is gone: no decision was delivered
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(3)
    except Exception as error:
        print(f"holdfast: internal error: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(3)


def _ledger(champion: str | None, url: str | None, model: str | None, release: str | None) -> "Ledger | None":
    if url is None:
        if release is not None:
            raise HoldfastError("--release records the verdict in a ledger: give --ledger and --model")
        return None
    if champion is not None or model is None:
        raise HoldfastError("the champion comes from --champion, or from --ledger with --model")
    from holdfast.ledger import Ledger

    return Ledger(url, create=False)


def _sides(
    champion: str | None, candidate: str | None, held: "Ledger | None", model: str, tasks: tuple[str, ...], release: str | None
) -> "tuple[Side, Side]":
    if candidate is None or (champion is None and held is None):
        raise HoldfastError("give --candidate, and --champion or --ledger with --model; or --init")
    new = _side(candidate, "candidate")
    if held is not None:
        from holdfast.ledger import sides

        return sides(held, model, new, tasks, release or "")
    return _side(champion or "", "champion"), new


def _side(source: str, side: str) -> "Side":
    from holdfast.gate import read_side

    if not source.startswith("runs:/"):
        return read_side(Path(source), side)
    from holdfast.integrations.mlflow import read_run

    return read_run(source, side)


def _history(held: "Ledger", model: str, candidate: "Side", tasks: tuple[str, ...], release: str | None) -> "History":
    from holdfast.ledger import following, history

    return history([*held.releases(model), following(model, candidate, tasks, f"{release} (candidate)" if release else "candidate")])


def _init(policy: Path) -> int:
    from holdfast.gate import template
    from holdfast.gate.policy import SHIPPED

    if str(policy) in SHIPPED:
        policy, text = Path(f"{policy}.toml"), template(str(policy))
    else:
        text = template()
    if policy.exists():
        raise HoldfastError(f"{policy} exists already; delete it, or give another path with --policy")
    try:
        policy.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HoldfastError(f"{policy} could not be written: {error.strerror}") from None
    print(f"policy: {policy}")
    return 0


def _plan(policy: Path, sides: "tuple[Side, Side]", power: float) -> int:
    from holdfast.gate import Gate
    from holdfast.gate.results import compare

    for line in Gate.from_policy(policy).plan(compare(*sides), power):
        print(shown(line))
    return 0


def _judge(policy: Path, sides: "tuple[Side, Side]") -> "Verdict":
    from holdfast.gate import Gate

    return Gate.from_policy(policy).judge(*sides)


def _deliver(verdict: "Verdict", releases: "History | None", to: _Outputs | None) -> int:
    """Writes and prints a verdict; `to` None: prints only. Returns the exit code."""
    from holdfast.gate.outputs import write
    from holdfast.reports.gate import gate_html

    done = []
    if to is not None:
        page = {"verdict.html": gate_html(verdict.to_json(), asdict(releases) if releases else None)} if to.html else {}
        if to.out is not None:
            write(verdict, to.out, page)
            done.append(f"verdict: {to.out}")
        if to.ledger is not None and to.release is not None:
            done.append(f"verdict {to.ledger.judge(to.model, to.release, verdict.to_json())} in the ledger: {shown(to.release)}")
        if to.run is not None:
            from holdfast.integrations.mlflow import write_back

            write_back(verdict, to.run, page)
            done.append(f"verdict written to MLflow: {shown(to.run)}")
    print(f"{verdict.decision}{'' if verdict.passed or verdict.decision == 'fail' else ' (fails by policy)'}")
    for reason in verdict.reasons:
        print(f"  {shown(reason)}")
    for warning in verdict.warnings:
        print(f"  warning: {shown(warning)}")
    for v in verdict.tasks:
        print(f"  {v.decision:12} {shown(v.label)}: {shown(v.reason)}")
    print(*done, sep="\n", end="\n" if done else "")
    sys.stdout.flush()
    return 0 if verdict.passed or to is None else 1
