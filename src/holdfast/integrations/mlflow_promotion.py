"""Moving an alias of MLflow's registry to the version of a model that passed.

The version and the alias are looked up before anything is judged, so that a slip costs no
evaluation. Both are looked up again before the alias moves, because somebody may have moved one of
them meanwhile. This module needs the extra `mlflow`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.gate import Verdict
from holdfast.integrations.mlflow import LONGEST_TAG, SCHEME, connected, failed
from holdfast.integrations.mlflow_models import SCHEME as REGISTRY
from holdfast.integrations.mlflow_models import version_of
from holdfast.text import shown

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class Promotion:
    """A move of an alias, as it stood before the candidate was judged.

    Attributes:
        alias: The alias, such as "champion".
        name: The name of the registered model.
        number: The version that the alias moves to.
        replaced: The version that has the alias now, or None if no version has it.
        candidate: The results that are judged, as the user named them.
        by_number: Whether the user named the version.
    """

    alias: str
    name: str
    number: str
    replaced: str | None
    candidate: str
    by_number: bool

    @property
    def target(self) -> str:
        """What the alias is called on the command line."""
        return f"{REGISTRY}{self.name}@{self.alias}"

    def move(self, verdict: Verdict) -> str:
        """Move the alias if the candidate passed, and leave tags on the version.

        Args:
            verdict: The verdict, which must be kept in all its places already.

        Returns:
            A line that says whether the alias was moved, and from where.

        Raises:
            HoldfastError: The candidate or the alias names another version than it did before, or
                MLflow refuses the move.
        """
        # A policy may let an inconclusive candidate pass. That is no evidence for a promotion.
        if not verdict.passed or verdict.decision != "pass":
            return f"{shown(self.target)} was not moved, because only a pass moves it."
        if promotion(self.target, self.candidate, self._told_number) != self:
            raise HoldfastError(
                f"{shown(self.target)} was not moved: the candidate or the alias was given to "
                "another version while the gate judged; judge again"
            )
        client = connected()
        with _named(f"{shown(self.target)} was not moved to version {self.number}"):
            # The alias comes last. Whoever sees it moved finds the reason in the tags.
            try:
                for key, value in self._tags(verdict).items():
                    client.set_model_version_tag(self.name, self.number, key, value[:LONGEST_TAG])
                client.set_registered_model_alias(self.name, self.alias, self.number)
            except Exception:
                self._take_back(client)
                raise
        before = "no version had it before"
        if self.replaced is not None:
            before = f"it was version {self.replaced}"
        return f"{shown(self.target)} is now version {self.number}; {before}."

    @property
    def _told_number(self) -> int | None:
        """The number that the user gave, if one was given."""
        if self.by_number:
            return int(self.number)
        return None

    @property
    def _promoted(self) -> str:
        """The name of the tag that says that the alias was moved."""
        return f"holdfast.promoted.{self.alias}"

    def _tags(self, verdict: Verdict) -> dict[str, str]:
        """List what the version's tags say about the move."""
        return {
            "holdfast.decision": verdict.decision,
            "holdfast.champion": verdict.champion,
            "holdfast.candidate": verdict.candidate,
            "holdfast.judged": verdict.judged,
            self._promoted: f"replaces version {self.replaced or 'none'}",
        }

    def _take_back(self, client: "MlflowClient") -> None:
        """Take the tag away that would tell of a move that did not happen."""
        # The error that led here is the one to report, so a second one is dropped.
        with suppress(Exception):
            client.delete_model_version_tag(self.name, self.number, self._promoted)


def promotion(target: str, candidate: str, number: int | None = None) -> Promotion:
    """Find out which version an alias would move to.

    Args:
        target: The alias, `models:/<name>@<alias>`. No version needs to have it yet.
        candidate: The results of the candidate. A version in the registry, or a file of the run
            that registered one, says which version it is.
        number: The version, if the candidate does not tell. None: the candidate's.

    Returns:
        The move, which has not been made.

    Raises:
        MissingExtra: MLflow is not installed.
        HoldfastError: The alias is written in another way, it is not clear which version is meant,
            there is no such version, or MLflow cannot be reached.
    """
    name, at_sign, alias = target.removeprefix(REGISTRY).partition("@")
    if not target.startswith(REGISTRY) or not at_sign or not name or not alias:
        raise HoldfastError(
            f"--promote: expected {REGISTRY}<name>@<alias>, the alias to move, "
            f"got {shown(target)!r}"
        )
    client = connected()
    version = _version(client, name, candidate, number)
    replaced = _holder(client, name, alias)
    return Promotion(alias, name, version, replaced, candidate, number is not None)


def _version(client: "MlflowClient", name: str, candidate: str, number: int | None) -> str:
    """Find the version of a model that a candidate is."""
    if candidate.startswith(REGISTRY):
        found = version_of(client, candidate, "candidate")
        if found.name != name:
            raise HoldfastError(
                f"--promote moves an alias of {shown(name)}, but the candidate is a version of "
                f"{shown(found.name)}; name an alias of that model"
            )
        if number not in (None, int(found.number)):
            raise HoldfastError(
                f"--promote-version is {number}, but the candidate {shown(candidate)} is version "
                f"{found.number}; leave --promote-version out"
            )
        return found.number
    if number is not None:
        with _named(f"--promote-version {number} of {shown(name)} was not found in MLflow"):
            return str(client.get_model_version(name, str(number)).version)
    if candidate.startswith(SCHEME):
        run = candidate.removeprefix(SCHEME).partition("/")[0]
        return _only_version(client, name, run)
    raise HoldfastError(
        f"--promote: a candidate that is a file does not say which version of {shown(name)} it is; "
        "give --promote-version"
    )


def _only_version(client: "MlflowClient", name: str, run: str) -> str:
    """Return the version of a model that a run has registered, if it is a single one."""
    with _named(f"the versions of {shown(name)} could not be listed"):
        # Names are compared here, because a name with a quote would end MLflow's filter.
        versions = [
            str(version.version)
            for version in client.search_model_versions(f"run_id = '{run}'")
            if version.name == name
        ]
    if len(versions) == 1:
        return versions[0]
    found = "no version"
    if versions:
        found = "versions " + ", ".join(sorted(versions, key=int))
    raise HoldfastError(
        f"--promote: the candidate's run {shown(run)} has registered {found} of {shown(name)}; "
        "give the one that it is with --promote-version"
    )


def _holder(client: "MlflowClient", name: str, alias: str) -> str | None:
    """Return the version that has an alias, or None if no version has it."""
    with _named(f"--promote: the aliases of {shown(name)} could not be read"):
        version = client.get_registered_model(name).aliases.get(alias)
    if version is None:
        return None
    return str(version)


@contextmanager
def _named(problem: str) -> Iterator[None]:
    """Report an error of MLflow as one line that starts with the problem."""
    try:
        yield
    except Exception as error:
        raise failed(problem, error) from None
