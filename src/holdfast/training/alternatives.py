"""When a method cannot take a network or its inputs: which others could."""

from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.errors import HoldfastError, Unsuitable
from holdfast.methods import METHODS, Method

SHOWN = 6  # methods that a message names


def alternatives(
    method: Method, scenario: str, classification: bool = True, texts: bool = False
) -> list[str]:
    """Find methods that take any network and any inputs, or any objective.

    Args:
        method: The method that does not.
        scenario: The scenario, which the others must allow.
        classification: Whether the objective is classification, which every method takes.
        texts: Whether the objective is that of language models.

    Returns:
        Names of methods of the same families, or of all families if there is none.

    Example:
        >>> from holdfast.methods import HAT
        >>> alternatives(HAT(), "task")
        ['PackNet', 'SeparateNetworks']
    """
    families = set()
    for part in method.parts:
        declared = part.declare()
        if declared.needs or not classification:
            families.add(declared.family)
    fitting = []
    for name, other in METHODS.items():
        declared = other.declaration
        fits = classification or not declared.classification_only
        fits = fits and not (texts and declared.not_for_texts)
        if fits and not declared.needs and scenario in declared.scenarios:
            fitting.append((name, declared.family in families))
    of_family = sorted(name for name, related in fitting if related)
    return of_family or sorted(name for name, _ in fitting)


@contextmanager
def naming_alternatives(method: Method, scenario: str) -> Iterator[None]:
    """Add the methods that could be used instead to a refusal of a network or of inputs.

    Args:
        method: The method, which may refuse inside the block.
        scenario: The scenario.

    Raises:
        HoldfastError: What was raised inside, with the names of other methods if it was
            `Unsuitable`.
    """
    try:
        yield
    except Unsuitable as error:
        names = shortened(alternatives(method, scenario))
        raise HoldfastError(f"{error}, or a method that takes it: {names}") from None


def shortened(names: list[str]) -> str:
    """List the first names of methods for a message."""
    listed = ", ".join(names[:SHOWN])
    if len(names) > SHOWN:
        listed += " and others"
    return listed
