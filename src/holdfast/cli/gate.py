"""`holdfast gate`: exit code 0 pass, 1 not, 2 bad input or usage, 3 a fault of the program. A broken input never passes."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.gate.results import Comparison
    from holdfast.ledger import Ledger


def gate(
    champion: Annotated[Path | None, typer.Option(help="Results of the model in production (csv, parquet, jsonl).")] = None,
    candidate: Annotated[Path | None, typer.Option(help="Results of the retrained model.")] = None,
    ledger: Annotated[str | None, typer.Option(help="Take the champion from this ledger: the newest release of --model.")] = None,
    model: Annotated[str | None, typer.Option(help="With --ledger: the model's name.")] = None,
    policy: Annotated[Path, typer.Option(help="The policy (TOML); see --init.")] = Path("gate.toml"),
    out: Annotated[Path | None, typer.Option(help="Folder for verdict.json, verdict.html, junit.xml, verdict.md.")] = None,
    html: Annotated[bool, typer.Option("--html/--no-html", help="With --out: the report verdict.html as well.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be decided and why; write nothing, exit with 0.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print how many examples each task needs, from the two sides' results.")] = False,
    power: Annotated[float, typer.Option(min=0.5, max=0.999, help="With --plan: chance of passing a candidate that lost nothing.")] = 0.8,
    init: Annotated[bool, typer.Option("--init", help="Write a commented policy to the path of --policy.")] = False,
) -> None:
    """Decide whether a retrained model may replace the one in production."""
    try:
        if init:
            sys.exit(_init(policy))
        from holdfast.gate.results import compare, read_results
        from holdfast.ledger import learnt_scores

        held = _ledger(champion, ledger, model)
        sides = held.results(model) if held and model else champion, candidate
        if sides[0] is None or sides[1] is None:
            raise HoldfastError("give --candidate, and --champion or --ledger with --model; or --init")
        found = compare(read_results(sides[0], "champion"), read_results(sides[1], "candidate"))
        learnt = learnt_scores(held.releases(model)) if held and model else None
        sys.exit(_plan(policy, found, power) if plan else _judge(policy, found, learnt, out, html, dry_run))
    except (HoldfastError, KeyboardInterrupt):
        raise
    except BrokenPipeError:  # whoever read the output is gone: no decision was delivered
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(3)
    except Exception as error:
        print(f"holdfast: internal error: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(3)


def _ledger(champion: Path | None, url: str | None, model: str | None) -> "Ledger | None":
    if url is None:
        return None
    if champion is not None or model is None:
        raise HoldfastError("the champion comes from --champion, or from --ledger with --model")
    from holdfast.ledger import Ledger

    return Ledger(url, create=False)


def _init(policy: Path) -> int:
    from holdfast.gate import template

    if policy.exists():
        raise HoldfastError(f"{policy} exists already; delete it, or give another path with --policy")
    try:
        policy.write_text(template(), encoding="utf-8")
    except OSError as error:
        raise HoldfastError(f"{policy} could not be written: {error.strerror}") from None
    print(f"policy: {policy}")
    return 0


def _plan(policy: Path, found: "Comparison", power: float) -> int:
    from holdfast.gate import Gate
    from holdfast.gate.outputs import shown

    for line in Gate.from_policy(policy).plan(found, power):
        print(shown(line))
    return 0


def _judge(policy: Path, found: "Comparison", learnt: dict[str, float] | None, out: Path | None, html: bool, dry_run: bool) -> int:
    from datetime import date

    from holdfast.gate import Gate
    from holdfast.gate.outputs import shown, write
    from holdfast.reports.gate import gate_html

    verdict = Gate.from_policy(policy).decide(found, date.today(), learnt)
    if out is not None and not dry_run:
        write(verdict, out, {"verdict.html": gate_html(verdict.to_json())} if html else {})
    print(f"{verdict.decision}{'' if verdict.passed or verdict.decision == 'fail' else ' (fails by policy)'}")
    for reason in verdict.reasons:
        print(f"  {shown(reason)}")
    for warning in verdict.warnings:
        print(f"  warning: {shown(warning)}")
    for v in verdict.tasks:
        print(f"  {v.decision:12} {shown(v.task)}: {shown(v.reason)}")
    if out is not None and not dry_run:
        print(f"verdict: {out}")
    sys.stdout.flush()
    return 0 if verdict.passed or dry_run else 1
