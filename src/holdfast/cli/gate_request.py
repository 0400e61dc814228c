"""What a command line of `holdfast gate` asks for."""

from dataclasses import dataclass
from pathlib import Path

MLFLOW = "runs:/"  # how the name of a file of an MLflow run starts


@dataclass(frozen=True)
class Request:
    """Which two models are compared, and where the verdict goes.

    Args:
        champion: A file or an MLflow run with the results of the model in production.
        candidate: The same for the retrained model.
        ledger: The URL of a ledger, in place of the champion.
        model: The model's name in the ledger.
        release: The candidate's name in the ledger, which then keeps the verdict.
        trained_on: The tasks that the candidate was trained on.
        out: The folder for the files of the verdict.
        html: Whether a page is among them.
        dry_run: Whether the verdict is printed only.
        plan: Whether a plan is made in place of a verdict.
    """

    champion: str | None
    candidate: str | None
    ledger: str | None
    model: str | None
    release: str | None
    trained_on: tuple[str, ...]
    out: Path | None
    html: bool
    dry_run: bool
    plan: bool

    @property
    def folder(self) -> Path | None:
        """The folder that this command replaces. --dry-run and --plan leave an older verdict."""
        # Both print only, so that they can be added to any command line without harm.
        if self.dry_run or self.plan:
            return None
        return self.out

    @property
    def mlflow_run(self) -> str | None:
        """The candidate's run of MLflow, which gets the verdict too."""
        if self.candidate is not None and self.candidate.startswith(MLFLOW):
            return self.candidate
        return None
