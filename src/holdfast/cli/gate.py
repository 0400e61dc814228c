"""`holdfast gate`: exit code 0 pass, 1 not, 2 bad input or usage, 3 a fault of the program. A broken input never passes."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from holdfast.errors import HoldfastError


def gate(
    champion: Annotated[Path | None, typer.Option(help="Results of the model in production (csv, parquet, jsonl).")] = None,
    candidate: Annotated[Path | None, typer.Option(help="Results of the retrained model.")] = None,
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
        sys.exit(_gate(champion, candidate, policy, out, html, dry_run, plan, power, init))
    except (HoldfastError, KeyboardInterrupt):
        raise
    except BrokenPipeError:  # whoever read the output is gone: no decision was delivered
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(3)
    except Exception as error:
        print(f"holdfast: internal error: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(3)


def _gate(
    champion: Path | None,
    candidate: Path | None,
    policy: Path,
    out: Path | None,
    html: bool,
    dry_run: bool,
    plan: bool,
    power: float,
    init: bool,
) -> int:
    from datetime import date

    from holdfast.gate import Gate, template
    from holdfast.gate.outputs import shown, write
    from holdfast.gate.results import compare, read_results
    from holdfast.reports.gate import gate_html

    if init:
        if policy.exists():
            raise HoldfastError(f"{policy} exists already; delete it, or give another path with --policy")
        try:
            policy.write_text(template(), encoding="utf-8")
        except OSError as error:
            raise HoldfastError(f"{policy} could not be written: {error.strerror}") from None
        print(f"policy: {policy}")
        return 0
    if champion is None or candidate is None:
        raise HoldfastError("give --champion and --candidate, or --init")
    judge = Gate.from_policy(policy)
    found = compare(read_results(champion, "champion"), read_results(candidate, "candidate"))
    if plan:
        for line in judge.plan(found, power):
            print(shown(line))
        return 0
    verdict = judge.decide(found, date.today())
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
