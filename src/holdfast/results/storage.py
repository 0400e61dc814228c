"""Read and write the files of a run: the one reader, the one writer and the one error text."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, JsonValue, ValidationError

from holdfast.errors import HoldfastError, reading
from holdfast.files import write_text
from holdfast.results.file_names import FINDINGS, FORMAT, RESULT
from holdfast.results.finding import Finding
from holdfast.results.record import RunResult
from holdfast.validation import explain

RUN_AGAIN = "delete it and run again"
DIAGNOSE_AGAIN = "delete it and run holdfast diagnose again"


def read_result(path: Path) -> RunResult:
    """Read the result of a run and check everything in it.

    Args:
        path: The file `result.json`.

    Returns:
        The result, without the findings of diagnostics, which have a file of their own.

    Raises:
        HoldfastError: The file does not exist, is damaged, has another format, or a value in it is
            missing, of the wrong kind or out of range, or contradicts another one.
    """
    with _whole_file(path, RunResult, RUN_AGAIN):
        values = json.loads(path.read_text(encoding="utf-8"))
        # The format comes first: of another format, no other message would make sense.
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise HoldfastError(f"it is not a result file of format {FORMAT}")
        # Findings are read from their own file alone, whatever this one holds.
        values.pop("findings", None)
        return RunResult.model_validate(values)


def write_result(path: Path, result: RunResult) -> None:
    """Write the result of a run as one step, so that a crash leaves no half file.

    Args:
        path: The file `result.json`. Missing folders are made.
        result: The result.

    Raises:
        HoldfastError: The file could not be written.
    """
    write_json(path, result.to_json())


def load_results(folders: Iterable[str | Path]) -> list[RunResult]:
    """Read the results of all runs below some folders.

    Args:
        folders: Folders with finished runs, such as the `--out` of `holdfast bench`.

    Returns:
        The results, each with the findings that `holdfast diagnose` left beside it.

    Raises:
        HoldfastError: A folder does not exist or holds no result, or a file cannot be read. The
            message names the file.
    """
    places = [Path(folder) for folder in folders]
    results = []
    for folder in places:
        if not folder.is_dir():
            raise HoldfastError(
                f"there is no folder {folder}; give the --out of a finished run or suite"
            )
        # Sorted, because the order of files on a disk would decide the order of warnings.
        for path in sorted(folder.rglob(RESULT)):
            result = read_result(path)
            findings = read_findings(path.parent)
            results.append(result.model_copy(update={"findings": findings}))
    if not results:
        named = ", ".join(map(str, places)) or "no folder"
        raise HoldfastError(
            f"there is no finished run in {named}: expected a {RESULT}; run `holdfast run` "
            "or `holdfast bench` first"
        )
    return results


def read_findings(folder: Path) -> tuple[Finding, ...]:
    """Read what `holdfast diagnose` found about a run.

    Args:
        folder: The folder of the run.

    Returns:
        The findings. Empty if the run was not diagnosed.

    Raises:
        HoldfastError: The file is damaged.
    """
    path = folder / FINDINGS
    # Most runs are never diagnosed.
    if not path.exists():
        return ()
    with _whole_file(path, Finding, DIAGNOSE_AGAIN):
        findings = json.loads(path.read_text(encoding="utf-8"))["findings"]
        return tuple(Finding.model_validate(finding) for finding in findings)


def write_findings(folder: Path, findings: Sequence[Finding]) -> None:
    """Write what diagnostics found about a run, in place of earlier findings.

    Args:
        folder: The folder of the run.
        findings: All findings, in the order of pages.

    Raises:
        HoldfastError: The file could not be written.
    """
    write_json(folder / FINDINGS, {"findings": [f.model_dump(mode="json") for f in findings]})


def read_json(path: Path) -> JsonValue:
    """Read a JSON file of a run whose content is checked elsewhere.

    Args:
        path: The file.

    Raises:
        HoldfastError: The file does not exist or is no JSON.
    """
    with _whole_file(path, RunResult, RUN_AGAIN):
        content: JsonValue = json.loads(path.read_text(encoding="utf-8"))
        return content


def write_json(path: Path, value: object) -> None:
    """Write a JSON file of a run as one step.

    Args:
        path: The file. Missing folders are made.
        value: Plain values.

    Raises:
        HoldfastError: The file could not be written.
    """
    # One key per line makes two results comparable with any tool.
    try:
        write_text(path, json.dumps(value, indent=1))
    except HoldfastError as error:
        raise HoldfastError(f"{error}; choose another folder with --out") from None


@contextmanager
def _whole_file(path: Path, kind: type[BaseModel], remedy: str) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into one sentence that names it."""
    try:
        with reading("it", "JSON of a run"):
            # pydantic lists every mistake over many lines; the first one is enough to act on.
            try:
                yield
            except ValidationError as error:
                raise HoldfastError(explain(error, kind)) from None
    except HoldfastError as error:
        raise HoldfastError(f"{path} is not a whole result file: {error}; {remedy}") from None
