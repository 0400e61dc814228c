"""Versions of models in MLflow's registry: the run of a version, and its evaluation results.

A version is named `models:/NAME@ALIAS` or `models:/NAME/VERSION`. Its results are an artifact of
the run that registered it. This module needs the extra `mlflow`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError, first_line
from holdfast.gate.reading.files import FORMS, PACKED
from holdfast.text import shown, without_secrets

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

SCHEME = "models:/"
EVALUATION = "eval_results_table.json"  # what mlflow.models.evaluate logs, with a prefix at times
NAMES = ("results", "predictions")  # of files with results, without their endings
MOST_FILES = 1_000  # artifacts of a run that are looked at
MOST_LISTED = 12  # artifacts that a message lists


@dataclass(frozen=True)
class Version:
    """A version of a registered model.

    Attributes:
        uri: How the user named it.
        name: Name of the model.
        number: Number of the version.
        run: Id of the run that registered it.
    """

    uri: str
    name: str
    number: str
    run: str


def version_of(client: "MlflowClient", uri: str, side: str) -> Version:
    """Look a version up in the registry.

    Args:
        client: The connection to MLflow.
        uri: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.
        side: What the version is called in messages, such as "champion".

    Returns:
        The version and its run.

    Raises:
        HoldfastError: There is no such version, it has no run, or MLflow cannot be reached.
    """
    name, at_sign, alias = uri.removeprefix(SCHEME).partition("@")
    number = ""
    # Names of models may have a slash, so the number is what comes last.
    if not at_sign:
        name, _, number = name.rpartition("/")
    if not name or not (alias or number.isdecimal()):
        raise HoldfastError(
            f"{side}: expected {SCHEME}<name>@<alias> or {SCHEME}<name>/<number of the version>, "
            f"got {shown(uri)!r}"
        )
    try:
        found = _look_up(client, name, alias, number)
    except Exception as error:
        problem = f"{side} {uri} was not found in MLflow's registry: {first_line(error)}"
        raise HoldfastError(without_secrets(shown(problem))) from None
    # A model can be registered from a file, and then no run has evaluated it.
    if not found.run_id:
        raise HoldfastError(
            f"{side} {uri}: version {found.version} of {name} was not registered from a run, so it "
            "has no results; name them as runs:/<run id>/<path>"
        )
    return Version(uri, name, str(found.version), str(found.run_id))


def _look_up(client: "MlflowClient", name: str, alias: str, number: str) -> "ModelVersion":
    """Ask the registry for a version by its alias, or by its number."""
    if alias:
        return client.get_model_version_by_alias(name, alias)
    return client.get_model_version(name, number)


def results_of(client: "MlflowClient", version: Version, side: str) -> str:
    """Find the artifact with the results of a version.

    Args:
        client: The connection to MLflow.
        version: The version.
        side: What the version is called in messages.

    Returns:
        The path of the artifact in the run: `eval_results_table.json`, also with a prefix, or a
        file called `results` or `predictions`.

    Raises:
        HoldfastError: The run has no such artifact or several, which are listed.
    """
    try:
        paths = list(_artifacts(client, version.run))
    except Exception as error:
        problem = f"{side} {version.uri}: the artifacts of its run {version.run} could not be"
        raise HoldfastError(
            without_secrets(f"{problem} listed: {shown(first_line(error))}")
        ) from None
    found = [path for path in paths if _holds_results(path)]
    if len(found) == 1:
        return found[0]
    start = f"{side} {version.uri}: the run of version {version.number}, {version.run}, has"
    if found:
        raise HoldfastError(
            f"{start} {len(found)} files of results; name one as "
            f"runs:/{version.run}/<path>: {_listed(found)}"
        )
    raise HoldfastError(
        f"{start} no file of results ({EVALUATION}, results.* or predictions.*); name another one "
        f"as runs:/{version.run}/<path>, its artifacts are: {_listed(paths)}"
    )


def _artifacts(client: "MlflowClient", run: str) -> Iterator[str]:
    """List the files among the artifacts of a run."""
    # MLflow lists one folder at a time.
    folders = [""]
    count = 0
    while folders and count < MOST_FILES:
        for artifact in client.list_artifacts(run, folders.pop() or None):
            count += 1
            if artifact.is_dir:
                folders.append(artifact.path)
            else:
                yield str(artifact.path)


def _holds_results(path: str) -> bool:
    """Whether the name of an artifact says that it holds results of single examples."""
    file = PurePosixPath(path)
    # `evaluate` puts the name of the evaluator in front if there are several.
    if file.name.endswith(EVALUATION):
        return True
    endings = [ending for ending in file.suffixes if ending not in PACKED]
    return file.name.split(".")[0] in NAMES and bool(endings) and endings[-1] in FORMS


def _listed(paths: Sequence[str]) -> str:
    """List artifacts in a message."""
    text = ", ".join(shown(path) for path in sorted(paths)[:MOST_LISTED]) or "none"
    if len(paths) > MOST_LISTED:
        text += ", …"
    return text
