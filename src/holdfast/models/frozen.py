"""Parts of a network that keep their weights, by their names or as its first blocks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from holdfast.errors import HoldfastError
from holdfast.models.network import Network

Layers = str | Sequence[str] | int
NORMS = (nn.modules.batchnorm._NormBase,)  # the layers of PyTorch that keep statistics
SEQUENCES = (nn.Sequential, nn.ModuleList)
# Heads whose layers are made, or made anew, when tasks begin, so that no name of theirs lasts.
GROWING_HEADS = ("separate", "growing")
MOST_NAMED = 12  # parts that a message lists


@dataclass(frozen=True)
class FrozenParts:
    """What is to be frozen of a network, as far as it is not frozen already.

    Attributes:
        parameters: The parameters.
        norms: The norm layers whose statistics stay.
    """

    parameters: list[nn.Parameter]
    norms: list[nn.Module]

    def freeze(self) -> None:
        """Keep the weights and the statistics from now on."""
        for parameter in self.parameters:
            parameter.requires_grad_(False)
            parameter.grad = None
        for norm in self.norms:
            # Evaluation mode is what holds the statistics of norm layers.
            norm.training = False

    def thaw(self) -> None:
        """Let the weights and the statistics move again."""
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        for norm in self.norms:
            norm.training = True


def parts_to_freeze(model: Network, layers: Layers) -> FrozenParts:
    """Find parts of a network.

    Args:
        model: The network.
        layers: Names of parameters or modules, or parts of such names between dots, in which `*`
            stands for any letters. A number stands for the first blocks of the backbone, with what
            comes before them.

    Returns:
        The parts.

    Raises:
        HoldfastError: A name matches nothing, there are fewer blocks, or nothing would be left to
            train.

    Example:
        >>> from holdfast.models import mlp
        >>> len(parts_to_freeze(mlp(4, "fixed", 2, hidden=(8, 6)), 1).parameters)
        2
    """
    growing = model.head.kind in GROWING_HEADS
    parameters = dict(model.named_parameters(remove_duplicate=False))
    if growing:
        of_head = [name for name in parameters if name.startswith("head.")]
        for name in of_head:
            del parameters[name]
    if isinstance(layers, int):
        names = _of_first_blocks(model, layers, list(parameters))
    else:
        names = _of_patterns(list(parameters), [layers] if isinstance(layers, str) else layers)
    frozen = {id(parameters[name]): parameters[name] for name in names}
    left = [p for p in model.parameters() if p.requires_grad and id(p) not in frozen]
    if not left and not growing:
        raise HoldfastError(
            f"Freeze({layers!r}) would freeze every weight of the network, so nothing could be "
            "learnt; leave some part out, such as the head"
        )
    trained = [parameter for parameter in frozen.values() if parameter.requires_grad]
    return FrozenParts(trained, _norms(model, frozen.keys()))


def _of_patterns(names: list[str], patterns: Sequence[str]) -> list[str]:
    """Return the names that match one of the patterns, each of which must match some."""
    found: list[str] = []
    for pattern in patterns:
        matched = [name for name in names if _matches(name, pattern)]
        if not matched:
            raise HoldfastError(f"no part of the network is called {pattern!r}; {_listed(names)}")
        found += matched
    return found


def _matches(name: str, pattern: str) -> bool:
    """Say whether a pattern is the name of a parameter, or a run of its parts between dots."""
    forms = (pattern, f"{pattern}.*", f"*.{pattern}", f"*.{pattern}.*")
    return any(fnmatchcase(name, form) for form in forms)


def _listed(names: list[str]) -> str:
    """List the modules that have parameters, for a message."""
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    shown = ", ".join(modules[:MOST_NAMED])
    if len(modules) > MOST_NAMED:
        shown += f" and {len(modules) - MOST_NAMED} more"
    return f"the parts with weights are {shown}"


def _of_first_blocks(model: Network, number: int, names: list[str]) -> list[str]:
    """Return the names of the parameters of the first blocks, and of what comes before them."""
    path, blocks = _blocks(model)
    if number > len(blocks):
        raise HoldfastError(
            f"the network has {len(blocks)} layers or blocks, but the first {number} are to be "
            "frozen; pass a smaller number, or names of parts"
        )
    of_blocks = [name for name in names if name.startswith(f"{path}.")]
    before = names[: names.index(of_blocks[0])]
    chosen = tuple(f"{path}.{block}." for block in blocks[:number])
    # The head may be registered before the backbone, but it is no part of what comes before.
    stem = [name for name in before if not name.startswith("head.")]
    return [*stem, *(name for name in of_blocks if name.startswith(chosen))]


def _blocks(model: Network) -> tuple[str, list[str]]:
    """Find the longest run of blocks: the path of the sequence that has the most weights."""
    best = ("", [""])
    most = 0
    for path, module in model.named_modules():
        if not isinstance(module, SEQUENCES) or path.split(".")[0] == "head":
            continue
        blocks = [name for name, part in module.named_children() if _size(part)]
        # The first one counts if several hold the same weights, because it is the outermost.
        if len(blocks) > 1 and _size(module) > most:
            best = (path, blocks)
            most = _size(module)
    if not most:
        raise HoldfastError(
            "the network has no sequence of layers or blocks that could be counted; pass names of "
            "its parts"
        )
    return best


def _size(module: nn.Module) -> int:
    """Count the weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def _norms(model: Network, frozen: Collection[int]) -> list[nn.Module]:
    """Find the norm layers in training of which every parameter is to be frozen."""
    norms: list[nn.Module] = []
    for module in model.modules():
        own = [id(parameter) for parameter in module.parameters(recurse=False)]
        moves = isinstance(module, NORMS) and module.training
        if moves and own and all(one in frozen for one in own):
            norms.append(module)
    return norms
