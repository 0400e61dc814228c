"""The options of `holdfast gate` on what is read, and by what metric it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.lists import split_names
from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.gate.formats import Wanted
    from holdfast.gate.policy import Policy

READING = "What is read"
METRIC = "By what metric"

Format = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=READING,
        help="Which tool wrote the files, such as lm-eval, inspect or promptfoo. By default, their "
        "content tells.",
    ),
]
Filter = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=READING,
        help="With lm-eval: the filter whose rows count. By default, the first one.",
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=READING,
        help="The model, if the files hold the results of several.",
    ),
]
Prompt = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=READING,
        help="The prompt, if the files hold the results of several.",
    ),
]
Segment = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD",
        rich_help_panel=READING,
        help="The field or column that names the segment of an example, such as doc.subject.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD",
        rich_help_panel=READING,
        help="The field or column that names what examples share, such as a user.",
    ),
]
Identifier = Annotated[
    str | None,
    typer.Option(
        "--id",
        metavar="COLUMN",
        rich_help_panel=READING,
        help="The column that names the example, if it is not example_id or id.",
    ),
]
AllowChanged = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        rich_help_panel=READING,
        help="What may differ between the evaluations of both sides, such as prompt or few-shot.",
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=METRIC,
        help="What the scores are: a metric of predictions (auc, f1_macro, recall@fraud, rmse and "
        "others), a column of numbers, or a metric of the tool that wrote the files.",
    ),
]
Delta = Annotated[
    str | None,
    typer.Option(
        metavar="LOSS",
        rich_help_panel=METRIC,
        help='The loss that is allowed for every task: a number, or a share such as "2%".',
    ),
]
Direction = Annotated[
    str | None,
    typer.Option(
        metavar="higher|lower",
        rich_help_panel=METRIC,
        help="Whether higher or lower values of a column are better.",
    ),
]
Range = Annotated[
    str | None,
    typer.Option(
        metavar="LOW,HIGH",
        rich_help_panel=METRIC,
        help="The smallest and the largest value that an example can have in a column.",
    ),
]


@dataclass(frozen=True)
class Reading:
    """What is read, and by what metric it is judged. Each field is an option.

    Args:
        metric: What the scores are.
        delta: The loss that is allowed.
        direction: Whether higher or lower values of a column are better.
        range: The smallest and the largest value of a column.
        format: Which tool wrote the files.
        filter: The filter of lm-evaluation-harness whose rows count.
        model_name: The model, if the files hold several.
        prompt: The prompt, if the files hold several.
        segment: The field that names the segment of an example.
        cluster: The field that names its cluster.
        identifier: The column that names the example.
        allow_changed: What may differ between the evaluations of both sides.
    """

    metric: Metric = None
    delta: Delta = None
    direction: Direction = None
    range: Range = None
    format: Format = None
    filter: Filter = None
    model_name: ModelName = None
    prompt: Prompt = None
    segment: Segment = None
    cluster: Cluster = None
    identifier: Identifier = None
    allow_changed: AllowChanged = None

    @property
    def wanted(self) -> "Wanted":
        """What is asked of a reader."""
        # The help of the command line is shown without loading any reader.
        from holdfast.gate.formats import Wanted

        return Wanted(
            format=self.format or "",
            metric=self.metric or "",
            filter=self.filter or "",
            model=self.model_name or "",
            prompt=self.prompt or "",
            segment=self.segment or "",
            cluster=self.cluster or "",
            identifier=self.identifier or "",
        )

    def applied(self, policy: "Policy") -> "Policy":
        """Return a policy with these options in place of its fields.

        Args:
            policy: The policy.

        Raises:
            HoldfastError: An option has an impossible value.
        """
        default: dict[str, object] = {}
        if self.metric is not None:
            default["metric"] = self.metric
        if self.delta is not None:
            default["delta"] = _amount(self.delta)
        if self.direction is not None:
            default["direction"] = self.direction
        if self.range is not None:
            default["range"] = _ends(self.range)
        changed = split_names(self.allow_changed or "")
        if not default and not changed:
            return policy
        return policy.overridden(default, changed)

    @property
    def told(self) -> dict[str, str]:
        """The options that were given, as the verdict records them."""
        return {name: value for name, value in vars(self).items() if value is not None}


EVERYTHING_AS_USUAL = Reading()  # none of its options is given


def reading_as_told(told: Mapping[str, str]) -> Reading:
    """Return what a verdict was reached with.

    Args:
        told: The options that the verdict records.
    """
    # A verdict also records options of other groups, such as those of the ledger.
    names = [field.name for field in fields(Reading)]
    return Reading(**{name: told[name] for name in names if name in told})


def _amount(text: str) -> float | str:
    """Read a number, or leave a share such as "2%" as it is."""
    try:
        # A bare number is an amount in the unit of the metric, and never a share.
        return float(text)
    except ValueError:
        return text


def _ends(text: str) -> list[float]:
    """Read the ends of a range."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise HoldfastError(
            f"--range needs the smallest and the largest value, such as 0,10, got {text!r}"
        ) from None
    return [low, high]
