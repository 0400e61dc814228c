"""Cheap signals for the planner, from K short trainings that all begin at one common start, with a head that all tasks share.

Everything is read from training examples. Rows i, columns k; rho is symmetric, 1 on the diagonal.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.streams.task import Stream, Task
from holdfast.training import Learner

Rows = tuple[Tensor, Tensor]


def signals(
    start: Learner,
    stream: Stream,
    learn: Callable[[int], Learner],
    examples: int = 512,
    fisher_examples: int = 200,
) -> dict[str, np.ndarray]:
    """Signals of the tasks of a stream of the domain scenario, by name, (K,) or (K, K).

    `start`: the common start, untrained; `learn(i)`: a learner that began there and learnt task i alone. `rho`: similarity of losses,
    1 − ½(√(L_{i→j}/L⁰_j) + √(L_{j→i}/L⁰_i)) (Li & Hiratani 2025); `cosine` of gradients at the start; `lie`: g_T·(H_k g_i − H_i g_k), below
    0 where i should come before k; `fisher_overlap`: Σ √(F̂_i F̂_k), F̂ the Fisher diagonal of each task where it was learnt, scaled to sum
    1 (Kirkpatrick et al. 2017); `entropy_change` of the outputs, over all tasks, by learning i; `sparsity`: share of zeros in the last
    hidden layer; `confidence`: mean largest probability at the start; `difficulty`: error on i after learning i alone; `base`: R_i[k] −
    R_0[k].
    """
    if stream.scenario != "domain":
        raise HoldfastError(
            f"signals need outputs that all tasks share: the domain scenario, got {stream.scenario}"
        )
    start.view.head.opened = start.view.head.width
    rows = [_rows(start, t, examples) for t in stream]
    out = _at_the_start(start, rows)
    loss, entropy, hits, fishers = [], [], [], []
    for i in range(len(stream)):
        learner = learn(i)
        found = [_outputs(learner, x) for x, _ in rows]
        loss.append([float(F.cross_entropy(o, y)) for o, (_, y) in zip(found, rows, strict=True)])
        entropy.append(float(np.mean([_entropy(o) for o in found])))
        hits.append(
            [
                float((o.argmax(1) == y).float().mean())
                for o, (_, y) in zip(found, rows, strict=True)
            ]
        )
        own = torch.Generator().manual_seed(0)
        fisher = learner.view.fisher(
            learner.view.tasks[-1], samples=fisher_examples, labels="exact", generator=own
        ).double()
        fishers.append((fisher / fisher.sum().clamp_min(1e-300)).sqrt())
    first = [_outputs(start, x) for x, _ in rows]
    loss0 = np.array([float(F.cross_entropy(o, y)) for o, (_, y) in zip(first, rows, strict=True)])
    hits0 = np.array(
        [float((o.argmax(1) == y).float().mean()) for o, (_, y) in zip(first, rows, strict=True)]
    )
    ratio = np.sqrt(np.array(loss) / loss0)  # [i, j]: √(L_{i→j} / L⁰_j)
    rho = 1 - (ratio + ratio.T) / 2
    np.fill_diagonal(rho, 1)
    return out | {
        "rho": rho,
        "entropy_change": np.array(entropy) - float(np.mean([_entropy(o) for o in first])),
        "difficulty": 1 - np.diag(np.array(hits)),
        "base": np.array(hits) - hits0,
        "fisher_overlap": np.array([[float((a * b).sum()) for b in fishers] for a in fishers]),
    }


def _rows(start: Learner, task: Task, examples: int) -> Rows:
    """Random training examples as the network takes them."""
    index = torch.randperm(len(task.train), generator=torch.Generator().manual_seed(task.index))[
        :examples
    ]
    x, y, _ = task.train.fetch(index)
    return start.view.prepare(x.to(start.view.device), augment=False), y.to(start.view.device)


@torch.no_grad()
def _outputs(learner: Learner, x: Tensor) -> Tensor:
    was = learner.model.training
    learner.model.eval()
    out = learner.model(x, None)
    learner.model.train(was)
    return out


def _entropy(logits: Tensor) -> float:
    p = logits.softmax(1)
    return float(-(p * p.clamp_min(1e-12).log()).sum(1).mean())


def _at_the_start(start: Learner, rows: Sequence[Rows]) -> dict[str, np.ndarray]:
    """What needs no training: cosines of gradients, Lie brackets, sparsity, confidence."""
    space = start.view.space
    parameters = list(space.parameters)

    def gradient(batch: Rows, graph: bool = False) -> Tensor:
        loss = F.cross_entropy(start.model(batch[0], None), batch[1])
        found = torch.autograd.grad(loss, parameters, create_graph=graph, allow_unused=True)
        return torch.cat(
            [
                (torch.zeros_like(p) if g is None else g).flatten()
                for p, g in zip(parameters, found, strict=True)
            ]
        )

    was = start.model.training
    start.model.eval()
    g = torch.stack([gradient(batch) for batch in rows])
    total = g.mean(0)
    curved = []  # H_k g_T, one Hessian-vector product a task
    for batch in rows:
        along = gradient(batch, graph=True) @ total
        found = torch.autograd.grad(along, parameters, allow_unused=True)
        curved.append(
            torch.cat(
                [
                    (torch.zeros_like(p) if h is None else h).flatten()
                    for p, h in zip(parameters, found, strict=True)
                ]
            )
        )
    h = torch.stack(curved).double()
    g = g.double()
    with torch.no_grad():
        active = [(start.model.features(x, None) == 0).float().mean() for x, _ in rows]  # type: ignore[operator]
    start.model.train(was)
    products = g @ h.T  # [i, k]: g_i · H_k g_T
    unit = F.normalize(g, dim=1)
    return {
        "cosine": (unit @ unit.T).cpu().numpy(),
        "lie": (products - products.T).cpu().numpy(),
        "sparsity": np.array([float(a) for a in active]),
        "confidence": np.array(
            [float(_outputs(start, x).softmax(1).max(1).values.mean()) for x, _ in rows]
        ),
    }
