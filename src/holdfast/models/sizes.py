"""Checks of the sizes that networks are built from, before torch meets them."""

from collections.abc import Iterable, Sequence

from holdfast.errors import HoldfastError

LARGEST = 2**31 - 1  # of a layer; PyTorch answers larger numbers with an error about memory


def positive(what: str, sizes: Iterable[object]) -> tuple[int, ...]:
    """Check that sizes are whole numbers of at least 1.

    Args:
        what: How the message calls them, such as "the hidden layers".
        sizes: The numbers.

    Returns:
        The sizes, as a tuple.

    Raises:
        HoldfastError: One of them is no whole number, below 1, or larger than any layer can be.

    Example:
        >>> positive("the hidden layers", [256, -1])
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: the hidden layers must be whole numbers of at least 1, got -1
    """
    listed: list[int] = []
    for size in sizes:
        # True and False are whole numbers to Python, but no sizes.
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= LARGEST:
            raise HoldfastError(f"{what} must be whole numbers of at least 1, got {str(size)[:50]}")
        listed.append(size)
    return tuple(listed)


def image(inputs: int | Sequence[int], network: str, least: int = 1) -> tuple[int, int, int]:
    """Check that a network for images is given images.

    Args:
        inputs: The shape of an input: (channels, height, width).
        network: The network's name, for the message.
        least: The smallest height and width that it takes.

    Returns:
        The shape.

    Raises:
        HoldfastError: The inputs have another shape, or are smaller.
    """
    # A single number is a row of features.
    if isinstance(inputs, int) or len(inputs) != 3:
        raise HoldfastError(
            f"{network} takes images of shape (channels, height, width), but an input here has "
            f"shape {inputs}; choose the model mlp, which takes any shape"
        )
    channels, height, width = positive("the sizes of an image", inputs)
    if min(height, width) < least:
        raise HoldfastError(
            f"{network} takes images of at least {least}×{least} pixels, got {height}×{width}"
        )
    return channels, height, width
