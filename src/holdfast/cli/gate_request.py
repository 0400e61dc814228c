"""What a command line of `holdfast gate` asks for."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.gate_reading import Reading
from holdfast.cli.gate_settings import Judging, Keeping, Sources
from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.gate.looks import Looks
    from holdfast.integrations.mlflow_promotion import Promotion

# How the names of a file of an MLflow run and of a version in its registry start.
MLFLOW = ("runs:/", "models:/")


@dataclass(frozen=True)
class Request:
    """Which two models are compared by what policy, and where the verdict goes.

    Args:
        sources: Where the results of both sides come from.
        keeping: Where the verdict goes.
        judging: By what policy it is judged.
        reading: What is read, and by what metric it is judged.
        plan: Whether a plan is made in place of a verdict.
    """

    sources: Sources
    keeping: Keeping = field(default_factory=Keeping)
    judging: Judging = field(default_factory=Judging)
    reading: Reading = field(default_factory=Reading)
    plan: bool = False

    @property
    def folder(self) -> Path | None:
        """The folder that this command replaces. --dry-run and a plan leave an older verdict."""
        # Both print only, so that they can be added to any command line without harm.
        if self.keeping.dry_run or self.plan:
            return None
        return self.keeping.out

    @property
    def comment(self) -> Path | None:
        """The comment that this command replaces."""
        if self.keeping.dry_run or self.plan:
            return None
        return self.keeping.comment

    @property
    def at_looks(self) -> "Looks | None":
        """When the candidate may be judged, or None if it is judged when all is evaluated."""
        from holdfast.gate.looks import Looks

        if self.judging.looks is None:
            return None
        return Looks.parse(self.judging.looks)

    def promotion(self) -> "Promotion | None":
        """Look up which version `--promote` would move an alias to, or None without that option.

        Raises:
            HoldfastError: It is not clear which version that is, or MLflow cannot be reached.
        """
        keeping = self.keeping
        if keeping.promote is None:
            if keeping.promote_version is not None:
                raise HoldfastError(
                    "--promote-version says which version --promote moves an alias to; "
                    "give --promote too, or leave it out"
                )
            return None
        # A candidate that is missing is reported when both sides are read.
        if self.sources.candidate is None:
            return None
        # The package of MLflow is imported only by those who use it.
        from holdfast.integrations.mlflow_promotion import promotion

        return promotion(keeping.promote, self.sources.candidate, keeping.promote_version)

    @property
    def mlflow_run(self) -> str | None:
        """The candidate's run of MLflow, which gets the verdict too."""
        candidate = self.sources.candidate
        if candidate is not None and candidate.startswith(MLFLOW):
            return candidate
        return None
