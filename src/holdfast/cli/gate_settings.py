"""Options of `holdfast gate` that belong together, each group as one argument of a command."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.cli import gate_options as options
from holdfast.cli.lists import split_names
from holdfast.errors import HoldfastError
from holdfast.text import safe_name

TWO_PATHS = "two paths, the champion's first"


@dataclass(frozen=True)
class Sources:
    """Which two models are compared. Each field is an option.

    Args:
        champion: A file, a folder or an MLflow run with the results of the model in production.
        candidate: The same for the retrained model.
        ledger: The URL of a ledger, in place of the champion.
        model: The model's name in the ledger.
        trained_on: The names of the tasks that the candidate was trained on, as text.
    """

    champion: options.Champion = None
    candidate: options.Candidate = None
    ledger: options.Ledger = None
    model: options.Model = None
    trained_on: options.TrainedOn = None

    @property
    def told(self) -> dict[str, str]:
        """The options that say where the champion comes from, as the verdict records them."""
        if self.ledger is None:
            return {}
        # A password belongs in no verdict. Whoever verifies it names the ledger again.
        told = {"ledger": safe_name(self.ledger), "model": self.model or ""}
        if self.trained_on:
            told["trained_on"] = self.trained_on
        return told

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that the candidate was trained on."""
        return tuple(split_names(self.trained_on or ""))

    def with_paths(self, paths: list[str]) -> "Sources":
        """Take the arguments of a command as champion and candidate.

        Args:
            paths: What stands on the command line without the name of an option.

        Raises:
            HoldfastError: It is not clear which results are the champion's and the candidate's.
        """
        if not paths:
            return self
        if self.champion is not None or self.candidate is not None:
            raise HoldfastError(
                f"unexpected argument {safe_name(paths[0])!r}; name the results either with "
                f"--champion and --candidate, or as {TWO_PATHS}"
            )
        # A ledger has the champion already, so a single path is the candidate.
        if self.ledger is not None:
            if len(paths) > 1:
                raise HoldfastError(
                    f"with --ledger, the champion is from the ledger, so {safe_name(paths[1])!r} "
                    "is one argument too many; name the candidate's results alone"
                )
            return replace(self, candidate=paths[0])
        if len(paths) != len(("champion", "candidate")):
            named = f"{len(paths)} results are named"
            if len(paths) == 1:
                named = f"only {safe_name(paths[0])!r} is named"
            raise HoldfastError(
                f"two models are compared, but {named}; give {TWO_PATHS}, or --ledger and --model "
                "with the candidate's results"
            )
        return replace(self, champion=paths[0], candidate=paths[1])


@dataclass(frozen=True)
class Judging:
    """How the candidate is judged. Each field is an option.

    Args:
        policy: A TOML file, or the name of a shipped policy. None: that of the working directory.
        allow_same: Whether champion and candidate may be the same.
        repair_ids: Whether ids that differ only in what is easily overlooked are matched.
        looks: When the candidate may be judged, as text. None: when all is evaluated.
    """

    policy: options.Policy = None
    allow_same: options.AllowSame = False
    repair_ids: options.RepairIds = False
    looks: options.Looks = None

    @property
    def told(self) -> dict[str, str]:
        """The options that change the decision, as the verdict records them."""
        told = {}
        if self.repair_ids:
            told["repair_ids"] = "true"
        if self.looks is not None:
            told["looks"] = self.looks
        return told


def judging_as_told(policy: Path, told: Mapping[str, str]) -> Judging:
    """Return how a verdict was judged.

    Args:
        policy: The policy.
        told: The options that the verdict records.
    """
    # Equal sides were allowed if there is a verdict on them, so they can be judged again.
    repair_ids = "repair_ids" in told
    return Judging(policy, allow_same=True, repair_ids=repair_ids, looks=told.get("looks"))


@dataclass(frozen=True)
class Keeping:
    """Where the verdict goes. Each field is an option.

    Args:
        release: The candidate's name in the ledger, which then keeps the verdict.
        out: The folder for the files of the verdict.
        html: Whether a page is among them.
        dry_run: Whether the verdict is printed only.
        comment: The file of a comment for a pull request.
        show_inputs: Whether it shows the texts of examples.
        promote: The alias of MLflow's registry that moves to a candidate that passes.
        promote_version: The candidate's version, if its results do not tell.
    """

    release: options.Release = None
    out: options.Out = None
    html: options.Html = True
    comment: options.Comment = None
    show_inputs: options.ShowInputs = False
    promote: options.Promote = None
    promote_version: options.PromoteVersion = None
    dry_run: options.DryRun = False

    @property
    def told(self) -> dict[str, str]:
        """The promotion that was asked for, as the verdict records it."""
        told = {}
        if self.promote is not None:
            told["promote"] = self.promote
        if self.promote_version is not None:
            told["promote_version"] = str(self.promote_version)
        return told
