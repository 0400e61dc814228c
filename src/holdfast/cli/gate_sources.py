"""Where the results of champion and candidate come from: files, runs of MLflow, or a ledger."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.gate_request import MLFLOW, Request
from holdfast.errors import HoldfastError
from holdfast.text import safe_name

if TYPE_CHECKING:
    from holdfast.gate import Gate, Side
    from holdfast.ledger import Release


def read_sides(
    request: Request, judge: "Gate", until: str = ""
) -> "tuple[tuple[Side, Side], Sequence[Release]]":
    """Read champion and candidate, and the releases of the ledger that the champion is from.

    The ledger is asked for its releases once, so that a release that is recorded meanwhile changes
    neither the champion nor the report.

    Args:
        request: What is asked for.
        judge: The gate, whose policy says which columns are needed.
        until: The name of a release of the ledger. Later ones are left out.

    Returns:
        Champion and candidate, and the releases, of which there are none without a ledger.

    Raises:
        HoldfastError: The command line leaves open where a side comes from, or a side cannot be
            read.
    """
    sources = request.sources
    _check_sources(request)
    # Without a candidate there is no need to ask a ledger, so it is read first.
    candidate = _side(judge, sources.candidate or "", "candidate")
    # Without a ledger there are no earlier releases to show.
    if sources.ledger is None:
        return (_side(judge, sources.champion or "", "champion"), candidate), ()
    from holdfast.ledger import Ledger, sides
    from holdfast.ledger.records import checked_name

    # Names are checked before the ledger is opened, which may be a database far away.
    model = checked_name("model", sources.model or "")
    name = request.keeping.release or ""
    checked_name("candidate", name or "candidate")
    ledger = Ledger(sources.ledger, mode="read")
    releases = _until(until, ledger.releases(model))
    both = sides(ledger, model, candidate, sources.tasks, name, releases)
    return both, releases


def _until(name: str, releases: "Sequence[Release]") -> "Sequence[Release]":
    """Leave out the releases after one, or none if no name is given."""
    if not name:
        return releases
    found = [number for number, release in enumerate(releases) if release.release == name]
    if not found:
        raise HoldfastError(
            f"the ledger has no release {name!r}, against which the verdict was reached; name the "
            "right one with --ledger"
        )
    return releases[: found[-1] + 1]


def _check_sources(request: Request) -> None:
    """Refuse a command line that leaves open where a side comes from."""
    sources = request.sources
    if sources.ledger is None:
        needs_ledger = {
            "--model": sources.model,
            "--release": request.keeping.release,
            "--trained-on": sources.trained_on,
        }
        alone = [option for option, value in needs_ledger.items() if value is not None]
        if alone:
            raise HoldfastError(
                f"{alone[0]} says something about a model in a ledger; "
                "give --ledger and --model too, or leave it out"
            )
    elif sources.champion is not None or sources.model is None:
        raise HoldfastError(
            "the champion comes either from --champion, or from --ledger together with --model"
        )
    if sources.candidate is None or (sources.champion is None and sources.ledger is None):
        raise HoldfastError(
            "two models are compared, but one is missing; give --candidate, and --champion or "
            "--ledger with --model"
        )


def _side(judge: "Gate", source: str, side: str) -> "Side":
    """Read the results of one model from a file or from a run of MLflow."""
    # The package of MLflow is imported only by those who use it.
    if not source.startswith(MLFLOW):
        return judge.read(Path(source), side)
    from holdfast.integrations.mlflow import read_run

    return read_run(source, side, judge.asks)


def refuse_input_as_comment(comment: Path, sources: Sequence[str | None]) -> None:
    """Refuse an input that --comment would replace.

    Args:
        comment: The file of the comment.
        sources: The inputs. None and "" stand for those that are not given.

    Raises:
        HoldfastError: An input would be replaced.
    """
    for source in sources:
        # Two spellings, or a link, may lead to the same file.
        if source and Path(source).resolve() == comment.resolve():
            raise HoldfastError(
                f"{safe_name(source)} is an input, but --comment would replace it; name another "
                "file for the comment"
            )


def refuse_inputs_in(out: Path | None, sources: Sequence[str | None]) -> None:
    """Refuse an input that has the name of a file of --out, which is removed before it is read.

    Args:
        out: The folder of the verdict, if one is written.
        sources: The inputs. None and "" stand for those that are not given.

    Raises:
        HoldfastError: An input would be removed.
    """
    from holdfast.gate.outputs import FILES

    for source in sources:
        path = Path(source or "")
        if out is not None and path.name in FILES and path.resolve().parent == out.resolve():
            raise HoldfastError(
                f"{safe_name(str(path))} is an input, but --out replaces the file of that name; "
                "name another folder"
            )
