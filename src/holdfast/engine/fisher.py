"""The diagonal of the Fisher information, per example, then averaged (FORMULAS: Fisher information).

F_i = E_x Σ_y p(y|x) (∂ log p(y|x)/∂θ_i)², p over the outputs that competed in the loss. Three ways to the same number:
`layers` (linear layers and convolutions, each used once: products of what flows in and what flows back), `vmap` (per-example gradients,
in chunks) and `loop` (one example at a time, for models that vmap refuses).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.grad import conv2d_weight

from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError, one_of

L = TypeVar("L", bound=nn.Module)
LABELS = ("exact", "sampled", "predicted", "empirical")
Forward = Callable[[Tensor], Tensor]  # inputs → logits of the competing outputs


def label_weights(logits: Tensor, labels: str, y: Tensor | None, generator: torch.Generator | None) -> Tensor:
    """The weight of each output's term, (N, C): p itself for `exact`, else one-hot at the chosen label."""
    p = logits.detach().softmax(1)
    if labels == "exact":
        return p
    if labels == "sampled":
        chosen = torch.multinomial(p.cpu().double(), 1, generator=generator).to(p.device).flatten()
    elif labels == "predicted":
        chosen = p.argmax(1)
    elif y is None:
        raise HoldfastError("labels='empirical' needs the true labels y, got None")
    else:
        chosen = y
    return F.one_hot(chosen, p.shape[1]).to(p.dtype)


def fisher_diagonal(
    space: ParameterSpace,
    forward: Callable[[nn.Module, Tensor], Tensor],
    x: Tensor,
    y: Tensor | None = None,
    *,
    labels: str = "exact",
    chunk: int = 128,
    way: str | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """F over the examples x, as a θ-shaped vector. The network runs in eval mode and keeps its state.

    `forward(module, x)` gives the logits (N, C) of the outputs that compete. `y` holds positions among them, for
    `labels="empirical"`. `way` forces `layers`, `vmap` or `loop`; by default the fastest that applies is taken.

    >>> layer = nn.Linear(2, 2, bias=False)
    >>> _ = nn.init.zeros_(layer.weight)
    >>> f = fisher_diagonal(ParameterSpace(layer), lambda m, x: m(x), torch.tensor([[1.0, 2.0]]))
    >>> f[:4].tolist()  # p(1 - p) x²
    [0.25, 1.0, 0.25, 1.0]
    """
    one_of("Fisher labels", labels, LABELS)
    if not len(x):
        raise HoldfastError("Fisher needs at least one example, got none")
    module = space.module
    with evaluating(module), torch.no_grad():
        weights = torch.cat(
            [
                label_weights(forward(module, part), labels, None, generator)
                if labels != "empirical"
                else label_weights(forward(module, part), labels, None if y is None else y[at : at + len(part)], None)
                for at, part in _parts(x, 1024)
            ]
        )
    total = torch.zeros_like(space.theta)
    with evaluating(module):
        if way in (None, "layers"):
            done = _by_layers(space, forward, x, weights, total)
            if done or way == "layers":
                if not done:
                    raise HoldfastError("way='layers' needs Linear and Conv2d layers alone, each used once")
                return total / len(x)
            total.zero_()
        if way in (None, "vmap"):
            try:
                _by_vmap(space, forward, x, weights, total, chunk)
                return total / len(x)
            except RuntimeError:  # vmap refuses data-dependent control flow and some operators
                if way == "vmap":
                    raise
                total.zero_()
        _by_loop(space, forward, x, weights, total)
    return total / len(x)


def _parts(x: Tensor, size: int) -> Iterator[tuple[int, Tensor]]:
    return ((at, x[at : at + size]) for at in range(0, len(x), size))


def _by_loop(space: ParameterSpace, forward: Callable, x: Tensor, weights: Tensor, total: Tensor) -> None:
    for xi, w in zip(x, weights, strict=True):
        log_p = forward(space.module, xi[None]).log_softmax(1)[0]
        for c in w.nonzero().flatten().tolist():
            grads = torch.autograd.grad(log_p[c], space.parameters, retain_graph=True, allow_unused=True)
            total += w[c] * space.gather(list(grads)).square()


def _by_vmap(space: ParameterSpace, forward: Callable, x: Tensor, weights: Tensor, total: Tensor, chunk: int) -> None:
    module = space.module
    parameters = {slot.name: p.detach() for slot, p in zip(space.layout.slots, space.parameters, strict=True)}
    others = {n: b.detach() for n, b in [*module.named_buffers(), *module.named_parameters()] if n not in parameters}
    wrapped = _Forwarding(module, forward)

    def log_p(theta: dict[str, Tensor], xi: Tensor, c: Tensor) -> Tensor:
        named = {f"module.{n}": t for n, t in (theta | others).items()}
        return functional_call(wrapped, named, (xi[None],)).log_softmax(1)[0].gather(0, c[None])[0]

    per_example = vmap(grad(log_p), in_dims=(None, 0, 0))
    views = space.views(total)
    classes = range(weights.shape[1])
    for at, part in _parts(x, chunk):
        w = weights[at : at + len(part)]
        for c in classes:
            if not bool(w[:, c].any()):
                continue
            grads = per_example(parameters, part, torch.full((len(part),), c, device=part.device))
            for name, g in grads.items():
                views[name] += torch.einsum("n,n...->...", w[:, c], g.square())


class _Forwarding(nn.Module):
    """`forward(module, x)` as a module, so that functional_call can swap the parameters beneath it."""

    def __init__(self, module: nn.Module, forward: Callable) -> None:
        super().__init__()
        self.module, self.run = module, forward

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self.module, x)


@contextmanager
def _recording(layers: Sequence[L]) -> Iterator[dict[L, list[tuple[Tensor, Tensor]]]]:
    """What flowed into and out of each layer while the context was open."""
    seen: dict[L, list[tuple[Tensor, Tensor]]] = {layer: [] for layer in layers}
    hooks = [layer.register_forward_hook(lambda m, args, out: seen[m].append((args[0].detach(), out))) for layer in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _by_layers(space: ParameterSpace, forward: Callable, x: Tensor, weights: Tensor, total: Tensor) -> bool:
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
    if any(isinstance(m, nn.Conv2d) and (m.padding_mode != "zeros" or m.groups != 1 or isinstance(m.padding, str)) for m in layers):
        return False
    views = dict(zip(map(id, space.parameters), (s.view(total) for s in space.layout.slots), strict=True))
    size = 1024 if not any(isinstance(m, nn.Conv2d) for m in layers) else 64
    for at, part in _parts(x, size):
        with torch.enable_grad(), _recording(layers) as seen:
            log_p = forward(space.module, part).log_softmax(1)
        rank = {m: 2 if isinstance(m, nn.Linear) else 4 for m in seen}
        if any(len(calls) > 1 or (calls and calls[0][0].dim() != rank[m]) for m, calls in seen.items()):
            return False
        used = [(m, calls[0]) for m, calls in seen.items() if calls and calls[0][1].requires_grad]
        w = weights[at : at + len(part)]
        if at == 0 and not _products_are_gradients(space, log_p, used):
            return False
        squares: list[Tensor | None] = [None] * len(used)
        for c in range(w.shape[1]):
            if not bool(w[:, c].any()):
                continue
            deltas = torch.autograd.grad(log_p[:, c].sum(), [out for _, (_, out) in used], retain_graph=True, allow_unused=True)
            for k, ((layer, (inp, _)), delta) in enumerate(zip(used, deltas, strict=True)):
                if delta is None:
                    continue
                if isinstance(layer, nn.Linear):  # δ² summed over labels first: one product a layer, not one a label
                    term = w[:, c, None] * delta.square()
                    so_far = squares[k]
                    squares[k] = term if so_far is None else so_far + term
                else:
                    _add_convolution(layer, inp, delta, w[:, c], views)
        for (layer, (inp, _)), square in zip(used, squares, strict=True):
            if square is not None:
                _add(views, layer.weight, square.T @ inp.square())
                _add(views, layer.bias, square.sum(0))
    return True


def _products_are_gradients(space: ParameterSpace, log_p: Tensor, used: list) -> bool:
    """Whether δᵀa is each weight's whole gradient: not so where a weight is used outside its layer, or an output changed in place."""
    target = log_p[:, 0].sum()
    deltas = torch.autograd.grad(target, [out for _, (_, out) in used], retain_graph=True, allow_unused=True)
    whole = dict(
        zip(map(id, space.parameters), torch.autograd.grad(target, space.parameters, retain_graph=True, allow_unused=True), strict=True)
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
            got = conv2d_weight(inp, layer.weight.shape, delta, layer.stride, layer.padding, layer.dilation)
        scale = expected.abs().max().clamp_min(1e-30)
        if bool((got - expected).abs().max() > 1e-3 * scale):
            return False
    return all(g is None for g in whole.values())


def _add(views: dict[int, Tensor], p: Tensor | None, value: Tensor) -> None:
    if p is not None and id(p) in views:
        views[id(p)] += value


def _add_convolution(layer: nn.Conv2d, inp: Tensor, delta: Tensor, w: Tensor, views: dict[int, Tensor]) -> None:
    """Per-example weight gradients of a convolution: δ times the patches it saw."""
    patches = F.unfold(inp, layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # type: ignore[arg-type]
    flat = delta.flatten(2)  # (N, O, L)
    per_example = torch.bmm(flat, patches.transpose(1, 2))  # (N, O, I k k)
    _add(views, layer.weight, torch.einsum("n,nok->ok", w, per_example.square()).view_as(layer.weight))
    _add(views, layer.bias, w @ flat.sum(2).square())
