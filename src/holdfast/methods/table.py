"""The table of methods in the documentation, made from what the methods declare."""

import inspect

from holdfast.methods import METHODS
from holdfast.methods.declaration import Declaration
from holdfast.methods.method import Method
from holdfast.streams.task import SCENARIOS

HEADINGS = ("method", "family", "keeps", "scenarios", "objectives", "needs boundaries", "paper")
# Families in the order in which a reader should meet them.
FAMILIES = (
    "baseline",
    "regularisation",
    "distillation",
    "replay",
    "correction",
    "weight averaging",
    "optimisation",
    "architecture",
    "adapters",
    "frozen features",
    "meta-learning",
)


def markdown_table() -> str:
    """Make the table of `docs/methods.md`.

    Example:
        >>> print(markdown_table().splitlines()[2])
        | `Cumulative()` | baseline | all data | all | any | yes | – |
    """
    lines = [_row(HEADINGS), "|---" * len(HEADINGS) + "|"]
    by_family = sorted(METHODS.items(), key=lambda item: (_place(item[1]), item[0]))
    for name, method in by_family:
        declared = method.declaration
        cells = (
            f"`{name}({', '.join(_needed_arguments(method))})`",
            declared.family,
            declared.keeps,
            _scenarios(declared),
            "classification" if declared.classification_only else "any",
            ("no", "yes")[declared.boundaries],
            declared.paper,
        )
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _place(method: type[Method]) -> int:
    """The place of a method's family; a new family comes last."""
    family = method.declaration.family
    if family not in FAMILIES:
        return len(FAMILIES)
    return FAMILIES.index(family)


def _needed_arguments(method: type[Method]) -> list[str]:
    """The arguments that have no default."""
    parameters = method.signature().items()
    return [name for name, parameter in parameters if parameter.default is inspect.Parameter.empty]


def _scenarios(declared: Declaration) -> str:
    """Where a method is of use, and where it runs but is weak."""
    weak = [scenario for scenario, _ in declared.weak]
    strong = [name for name in SCENARIOS if name in declared.scenarios and name not in weak]
    # "all" is the usual case, and is read faster than three names.
    text = "all"
    if len(strong) < len(SCENARIOS):
        text = ", ".join(strong)
    if weak:
        text += f"; weak in {', '.join(weak)}"
    return text
