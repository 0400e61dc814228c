"""Per-example gradients, their terms or absolute values, averaged over examples: what importance of weights is made of.

Three ways to the same number: `layers` (linear layers and convolutions, each used once: products of what flows in and what flows
back), `vmap` (per-example gradients, in chunks) and `loop` (one example at a time, for models that vmap refuses). Squaring or taking
the absolute value of a batch's mean gradient would be another quantity, which shrinks with the batch size.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.grad import conv2d_weight

from holdfast.engine.chunks import bytes_per_row, rows_within
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError

L = TypeVar("L", bound=nn.Module)
Objectives = Callable[
    [nn.Module, Tensor], Tensor
]  # module, (N, ...) → (N, K), row n from example n alone
Magnitude = Callable[[Tensor], Tensor]  # torch.square or torch.abs: |ab| of a product is |a| |b|
BUDGET = (
    2**30
)  # bytes (1 GiB) that the gradients and activations of the examples of a chunk may take


def mean_magnitude(
    space: ParameterSpace,
    objectives: Objectives,
    x: Tensor,
    weights: Tensor,
    magnitude: Magnitude,
    *,
    chunk: int = 128,
    way: str | None = None,
) -> Tensor:
    """1/N Σ_n Σ_k weights[n, k] · magnitude(∂ objectives(x_n)[k] / ∂θ), θ-shaped. In eval mode; the network keeps its state.

    `way` forces `layers`, `vmap` or `loop`; by default the fastest that applies is taken. `chunk`: the most examples
    that vmap takes at once; fewer if their gradients would take more than `BUDGET` bytes.
    """
    weights = weights.to(space.theta.dtype)
    total = torch.zeros_like(space.theta)
    with evaluating(space.module):
        if way in (None, "layers"):
            done = _by_layers(space, objectives, x, weights, magnitude, total)
            if done or way == "layers":
                if not done:
                    raise HoldfastError(
                        "way='layers' needs Linear and Conv2d layers alone, each used once"
                    )
                return total / len(x)
            total.zero_()
        if way in (None, "vmap"):
            try:
                _by_vmap(space, objectives, x, weights, magnitude, total, chunk)
                return total / len(x)
            except RuntimeError:  # vmap refuses data-dependent control flow and some operators
                if way == "vmap":
                    raise
                total.zero_()
        _by_loop(space, objectives, x, weights, magnitude, total)
    return total / len(x)


def parts(x: Tensor, size: int) -> Iterator[tuple[int, Tensor]]:
    """(first row, rows) of x in pieces of `size`."""
    return ((at, x[at : at + size]) for at in range(0, len(x), size))


def terms(weights: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """What the sum over k is taken over: for each example the number of an objective, (N,), and its weight, (N,).

    Objectives are taken one after the other, but where every example has one objective alone (one label, sampled or
    true), all examples are done at once, however many objectives there are.

    >>> [(k.tolist(), w.tolist()) for k, w in terms(torch.tensor([[0.0, 1.0], [0.5, 0.0]]))]
    [([1, 0], [1.0, 0.5])]
    """
    if bool((weights.count_nonzero(1) <= 1).all()):
        found = weights.max(1)
        yield found.indices, found.values
        return
    for c in range(weights.shape[1]):
        if bool(weights[:, c].any()):
            yield torch.full((len(weights),), c, device=weights.device), weights[:, c]


def _by_loop(
    space: ParameterSpace,
    objectives: Objectives,
    x: Tensor,
    weights: Tensor,
    magnitude: Magnitude,
    total: Tensor,
) -> None:
    for xi, w in zip(x, weights, strict=True):
        values = objectives(space.module, xi[None])[0]
        for c in w.nonzero().flatten().tolist():
            grads = torch.autograd.grad(
                values[c], space.parameters, retain_graph=True, allow_unused=True
            )
            total += w[c] * magnitude(space.gather(list(grads)))


def _by_vmap(
    space: ParameterSpace,
    objectives: Objectives,
    x: Tensor,
    weights: Tensor,
    magnitude: Magnitude,
    total: Tensor,
    chunk: int,
) -> None:
    module = space.module
    parameters = {
        slot.name: p.detach() for slot, p in zip(space.layout.slots, space.parameters, strict=True)
    }
    others = {
        n: b.detach()
        for n, b in [*module.named_buffers(), *module.named_parameters()]
        if n not in parameters
    }
    wrapped = _Forwarding(module, objectives)

    def value(theta: dict[str, Tensor], xi: Tensor, c: Tensor) -> Tensor:
        named = {f"module.{n}": t for n, t in (theta | others).items()}
        return functional_call(wrapped, named, (xi[None],))[0].gather(0, c[None])[0]

    per_example = vmap(grad(value), in_dims=(None, 0, 0))
    views = space.views(total)
    activations = bytes_per_row(module, lambda one: objectives(module, one), x[:1])
    gradients = total.numel() * total.element_size()
    for at, part in parts(x, rows_within(2 * (gradients + activations), chunk, BUDGET)):
        for objective, w in terms(weights[at : at + len(part)]):
            grads = per_example(parameters, part, objective)
            for name, g in grads.items():
                views[name] += torch.einsum("n,n...->...", w, magnitude(g))


class _Forwarding(nn.Module):
    """`objectives(module, x)` as a module, so that functional_call can swap the parameters beneath it."""

    def __init__(self, module: nn.Module, objectives: Objectives) -> None:
        super().__init__()
        self.module, self.run = module, objectives

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self.module, x)


@contextmanager
def recording(layers: Sequence[L]) -> Iterator[dict[L, list[tuple[Tensor, Tensor]]]]:
    """What flowed into and out of each layer while the context was open."""
    seen: dict[L, list[tuple[Tensor, Tensor]]] = {layer: [] for layer in layers}
    hooks = [
        layer.register_forward_hook(lambda m, args, out: seen[m].append((args[0].detach(), out)))
        for layer in layers
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _by_layers(
    space: ParameterSpace,
    objectives: Objectives,
    x: Tensor,
    weights: Tensor,
    magnitude: Magnitude,
    total: Tensor,
) -> bool:
    """Layer products; False where some trainable parameter is not that of a plain layer used at most once."""
    owners: dict[int, tuple[nn.Module, str]] = {}
    layers: list[nn.Linear | nn.Conv2d] = []
    for layer in space.module.modules():
        if (
            isinstance(layer, nn.Linear | nn.Conv2d)
            and type(layer) in (nn.Linear, nn.Conv2d)
            and any(p.requires_grad for p in layer.parameters(recurse=False))
        ):
            layers.append(layer)
            for leaf, p in layer.named_parameters(recurse=False):
                if id(p) in owners:
                    return False
                owners[id(p)] = (layer, leaf)
    if any(id(p) not in owners for p in space.parameters):
        return False
    if any(
        isinstance(m, nn.Conv2d)
        and (m.padding_mode != "zeros" or m.groups != 1 or isinstance(m.padding, str))
        for m in layers
    ):
        return False
    views = dict(
        zip(map(id, space.parameters), (s.view(total) for s in space.layout.slots), strict=True)
    )
    for at, part in parts(x, _rows_for_layers(space.module, objectives, x, layers)):
        with torch.enable_grad(), recording(layers) as seen:
            values = objectives(space.module, part)
        rank = {m: 2 if isinstance(m, nn.Linear) else 4 for m in seen}
        if any(
            len(calls) > 1 or (calls and calls[0][0].dim() != rank[m]) for m, calls in seen.items()
        ):
            return False
        used = [(m, calls[0]) for m, calls in seen.items() if calls and calls[0][1].requires_grad]
        w = weights[at : at + len(part)]
        if at == 0 and not _products_are_gradients(space, values, used):
            return False
        sums: list[Tensor | None] = [None] * len(used)
        for objective, share in terms(w):
            chosen = values.gather(1, objective[:, None]).sum()
            deltas = torch.autograd.grad(
                chosen, [out for _, (_, out) in used], retain_graph=True, allow_unused=True
            )
            for k, ((layer, (inp, _)), delta) in enumerate(zip(used, deltas, strict=True)):
                if delta is None:
                    continue
                if isinstance(layer, nn.Linear):  # summed over k first: one product a layer, not K
                    term = share[:, None] * magnitude(delta)
                    so_far = sums[k]
                    sums[k] = term if so_far is None else so_far + term
                else:
                    _add_convolution(layer, inp, delta, share, magnitude, views)
        for (layer, (inp, _)), summed in zip(used, sums, strict=True):
            if summed is not None:
                _add(views, layer.weight, summed.T @ magnitude(inp))
                _add(views, layer.bias, summed.sum(0))
    return True


def _rows_for_layers(
    module: nn.Module, objectives: Objectives, x: Tensor, layers: Sequence[nn.Linear | nn.Conv2d]
) -> int:
    """How many examples the products of layers take at once: activations stay for the way back, and a convolution has a
    gradient and its magnitude for each example, and the patches that it saw."""
    largest = max(
        (m.weight.numel() * m.weight.element_size() for m in layers if isinstance(m, nn.Conv2d)),
        default=0,
    )
    window = max((m.weight[0, 0].numel() for m in layers if isinstance(m, nn.Conv2d)), default=1)
    held = bytes_per_row(module, lambda one: objectives(module, one), x[:1])
    return rows_within(2 * largest + (window + 1) * held, 64 if largest else 1024, BUDGET)


def _products_are_gradients(space: ParameterSpace, values: Tensor, used: list) -> bool:
    """Whether δᵀa is each weight's whole gradient: not so where a weight is used outside its layer, or an output changed in place."""
    target = values[:, 0].sum()
    deltas = torch.autograd.grad(
        target, [out for _, (_, out) in used], retain_graph=True, allow_unused=True
    )
    whole = dict(
        zip(
            map(id, space.parameters),
            torch.autograd.grad(target, space.parameters, retain_graph=True, allow_unused=True),
            strict=True,
        )
    )
    for (layer, (inp, _)), delta in zip(used, deltas, strict=True):
        expected = whole.pop(id(layer.weight), None)
        whole.pop(id(layer.bias), None)
        if expected is None:
            continue
        if delta is None:
            return False
        if isinstance(layer, nn.Linear):
            got = delta.T @ inp
        else:
            got = conv2d_weight(
                inp, layer.weight.shape, delta, layer.stride, layer.padding, layer.dilation
            )
        scale = expected.abs().max().clamp_min(1e-30)
        if bool((got - expected).abs().max() > 1e-3 * scale):
            return False
    return all(g is None for g in whole.values())


def _add(views: dict[int, Tensor], p: Tensor | None, value: Tensor) -> None:
    if p is not None and id(p) in views:
        views[id(p)] += value


def _add_convolution(
    layer: nn.Conv2d,
    inp: Tensor,
    delta: Tensor,
    w: Tensor,
    magnitude: Magnitude,
    views: dict[int, Tensor],
) -> None:
    """Per-example weight gradients of a convolution: δ times the patches it saw."""
    patches = F.unfold(inp, layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # type: ignore[arg-type]
    flat = delta.flatten(2)  # (N, O, L)
    per_example = torch.bmm(flat, patches.transpose(1, 2))  # (N, O, I k k)
    _add(
        views,
        layer.weight,
        torch.einsum("n,nok->ok", w, magnitude(per_example)).view_as(layer.weight),
    )
    _add(views, layer.bias, w @ magnitude(flat.sum(2)))
