"""Weights from a file: read without running code, and put into a network tensor by tensor."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, first_line, reading
from holdfast.text import safe_name

SAFETENSORS = ".safetensors"
WEIGHTS = (".pt", ".pth", ".bin", ".ckpt", SAFETENSORS)  # endings of files of weights
# Names under which training scripts put the weights beside the optimizer and other things.
WITHIN = ("state_dict", "model_state_dict", "model")
# What DistributedDataParallel and torch.compile put before the name of every weight.
PREFIXES = ("module.", "_orig_mod.")
MOST_NAMED = 3  # weights that a message lists


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the weights in a file. No code of the file is run.

    Args:
        path: A state dict as `torch.save` writes it, alone or beside other things under
            `state_dict`, `model_state_dict` or `model`, or a safetensors file.

    Returns:
        The tensors by the names of the weights, on the CPU.

    Raises:
        HoldfastError: The file can't be read, or holds something else.
    """
    what = f"weights {safe_name(str(path))}"
    with reading(what, "a state dict"):
        if path.suffix == SAFETENSORS:
            from safetensors.torch import load_file

            return _without_prefix(load_file(path))
        content = _unpickled(path, what)
        return _without_prefix(_state_dict(content, what))


def _unpickled(path: Path, what: str) -> object:
    """The content of a file of PyTorch, if it holds tensors and plain values only."""
    from pickle import UnpicklingError

    try:
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        # PyTorch raises this for damaged files, too. Only of classes does it name the global.
        if "global" not in str(error).lower():
            raise HoldfastError(
                f"{what} is not readable as a state dict: it is damaged, or of another kind"
            ) from None
        raise HoldfastError(
            f"{what} holds more than tensors, such as a whole network, and loading it could run "
            "code; save its state dict instead: torch.save(network.state_dict(), 'weights.pt')"
        ) from None
    return content


def _state_dict(content: object, what: str) -> dict[str, Tensor]:
    """Find the state dict in what a file of PyTorch holds."""
    found = content
    if isinstance(content, Mapping):
        for name in WITHIN:
            if isinstance(content.get(name), Mapping):
                found = content[name]
                break
    if not isinstance(found, Mapping):
        raise HoldfastError(
            f"{what} holds {type(found).__name__}; expected a state dict: tensors by the names of "
            "the weights"
        )
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise HoldfastError(
                f"{what} holds {type(tensor).__name__} under {str(name)[:50]!r}; expected a state "
                "dict: tensors by the names of the weights, alone or under 'state_dict'"
            )
    if not found:
        raise HoldfastError(f"{what} holds no tensor; save the state dict of a network into it")
    return dict(found)


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take away what a wrapper has put before the names of all weights."""
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): t for name, t in tensors.items()}
    return tensors


def load_weights(
    network: nn.Module, tensors: Mapping[str, Tensor], path: Path, dropped: str | None = None
) -> None:
    """Put weights into a network, all of them or none.

    Args:
        network: The network.
        tensors: The weights by name.
        path: The file that they come from, for messages.
        dropped: The name of a layer that is taken out of the network afterwards. Its weights may be
            missing, and may be of other shapes.

    Raises:
        HoldfastError: Weights are missing, unexpected or of another shape. The message names them.
    """
    wanted = {n: t for n, t in network.state_dict().items() if not _below(n, dropped)}
    given = {n: t for n, t in tensors.items() if not _below(n, dropped)}
    faults = []
    for text, names in (
        ("lacks", wanted.keys() - given.keys()),
        ("has, and the network has not,", given.keys() - wanted.keys()),
    ):
        if names:
            faults.append(f"it {text} {_listed(names, wanted | given)}")
    both = [name for name in wanted if name in given]
    changed = [name for name in both if wanted[name].shape != given[name].shape]
    if changed:
        shapes = [f"{n} {tuple(given[n].shape)}, not {tuple(wanted[n].shape)}" for n in changed]
        faults.append(f"it has other shapes: {_some(shapes)}")
    if faults:
        raise HoldfastError(
            f"weights {safe_name(str(path))} do not fit the network that the factory makes: "
            f"{'. Also, '.join(faults)}. Let the factory make the network that was trained"
        )
    try:
        network.load_state_dict(dict(given), strict=False)
    # A network may have rules of its own about what it loads.
    except (RuntimeError, ValueError) as error:
        raise HoldfastError(
            f"weights {safe_name(str(path))} do not fit the network that the factory makes: "
            f"{first_line(error)}"
        ) from None


def _below(name: str, layer: str | None) -> bool:
    """Whether a weight is of a layer."""
    return layer is not None and name.rpartition(".")[0] == layer


def _listed(names: Collection[str], all_names: Iterable[str]) -> str:
    """List some names in the order of the network."""
    return _some([name for name in all_names if name in names])


def _some(entries: list[str]) -> str:
    """List the first entries, and count the rest."""
    shown = ", ".join(entries[:MOST_NAMED])
    if len(entries) > MOST_NAMED:
        shown += f" and {len(entries) - MOST_NAMED} more"
    return shown
