"""What a command line of `holdfast gate` asks for."""

from dataclasses import dataclass, field
from pathlib import Path

from holdfast.cli.gate_options import Keeping, Sources

# How the names of a file of an MLflow run and of a version in its registry start.
MLFLOW = ("runs:/", "models:/")


@dataclass(frozen=True)
class Request:
    """Which two models are compared by what policy, and where the verdict goes.

    Args:
        sources: Where the results of both sides come from.
        keeping: Where the verdict goes.
        policy: A TOML file, or the name of a shipped policy. None: that of the working directory.
        plan: Whether a plan is made in place of a verdict.
    """

    sources: Sources
    keeping: Keeping = field(default_factory=Keeping)
    policy: Path | None = None
    plan: bool = False

    @property
    def folder(self) -> Path | None:
        """The folder that this command replaces. --dry-run and a plan leave an older verdict."""
        # Both print only, so that they can be added to any command line without harm.
        if self.keeping.dry_run or self.plan:
            return None
        return self.keeping.out

    @property
    def mlflow_run(self) -> str | None:
        """The candidate's run of MLflow, which gets the verdict too."""
        candidate = self.sources.candidate
        if candidate is not None and candidate.startswith(MLFLOW):
            return candidate
        return None
