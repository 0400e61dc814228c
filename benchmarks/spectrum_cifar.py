"""Measure the Fisher spectrum of a small network on CIFAR-10, beside figures that circulate.

    python benchmarks/spectrum_cifar.py --data-dir DATA --write docs/diagnostics

The network has two convolutions and about 50,000 parameters. The script trains it for a few epochs,
to a test accuracy of about 65 to 70 %. It then computes the 20 largest eigenvalues of the Fisher
information by Lanczos, for exact labels and for the true ones. It computes all eigenvalues of the
empirical Fisher information by its Gram matrix, on fewer examples. Last, it trains on two tasks of
five classes, one after the other, and measures which layer brings the first task back.

Look at how few directions hold most of the trace, and in which layers these directions lie.
"""

import argparse
import json
import textwrap
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from holdfast.diagnostics import Sample, fisher_spectrum, restore_layers
from holdfast.engine.parameters import ParameterSpace
from holdfast.models import Classifier, convnet
from holdfast.reports.finding_figures import draw_spectrum
from holdfast.reports.saving import save
from holdfast.results import Finding
from holdfast.streams import named, split
from holdfast.training import Learner, optimizer

CIRCULATING = {1: 12.4, 2: 7.1, 5: 1.9, 20: 0.08}


class Centred(nn.Module):
    """Bring inputs in [0, 1] to about mean 0 and deviation 1.

    Without this, the largest eigenvalues are those of the mean brightness.
    """

    def forward(self, x):
        return (x - 0.47) / 0.25


def wrapped(text: str) -> list[str]:
    """The lines of a paragraph of the page."""
    return textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)


def learner(stream, scenario: str, epochs: int) -> Learner:
    """A learner with the network of the study."""
    plain = convnet(stream.shape, "fixed", stream.outputs, channels=(16, 32), hidden=22, seed=0)
    model = Classifier(nn.Sequential(Centred(), *plain.backbone), plain.head)
    return Learner(
        model,
        None,
        optimizer("adam", lr=0.002),
        scenario=scenario,
        epochs=epochs,
        schedule="cosine",
        batch_size=64,
        seed=0,
    )


def rows(net: Learner, part, n: int) -> Sample:
    """Random examples as the network takes them."""
    index = torch.randperm(len(part), generator=torch.Generator().manual_seed(1))[:n]
    x, y, _ = part.fetch(index)
    return Sample(net.prepare(x, augment=False), y)


def forgetting(data_dir: str | None, epochs: int) -> tuple[dict[str, float], float, float]:
    """Which layers forget the first task while the second is learnt.

    Returns:
        The score that each layer brings back, and the first task's score before and after the
        second task.
    """
    stream = split(named("uoft-cs/cifar10", data_dir), 2, "domain")
    net = learner(stream, "domain", epochs)
    net.train(stream[0])
    old = {k: v.clone() for k, v in net.model.state_dict().items()}

    def score() -> float:
        return float(net.evaluate(stream[0]).mean())

    before = score()
    net.train(stream[1])
    return restore_layers(net.model, old, score), before, score()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--gram", type=int, default=2000, help="examples of the Gram matrix")
    options = parser.parse_args()
    stream = split(named("uoft-cs/cifar10", options.data_dir), 1, "domain")
    net = learner(stream, "domain", options.epochs)
    net.train(stream[0])
    accuracy = float(net.evaluate(stream[0]).mean())
    space = ParameterSpace(net.model)
    data = rows(net, stream[0].train, options.examples)
    start = time.perf_counter()
    exact = fisher_spectrum(space, data, top=20)
    seconds = time.perf_counter() - start
    empirical = fisher_spectrum(space, data, top=20, labels="empirical")
    gram = fisher_spectrum(
        space, rows(net, stream[0].train, options.gram), labels="empirical", way="gram"
    )
    back, before, after = forgetting(options.data_dir, max(options.epochs // 2, 1))
    lines = [
        "# Fisher spectrum on CIFAR-10",
        "",
        *wrapped(
            "How many directions in weight space matter for what a network has learnt? The "
            "eigenvalues of the Fisher information answer this. The network has two convolutions "
            f"and {exact.parameters:,} parameters, and its test accuracy is {100 * accuracy:.1f} "
            f"%. The Fisher information is measured on {options.examples:,} examples. The 20 "
            f"largest eigenvalues of the exact one take {seconds:.0f} s on "
            f"{torch.get_num_threads()} cores. "
            'The column "circulating" has figures that are often quoted.'
        ),
        "",
        "| number | exact | empirical | circulating |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| λ{k} | {exact.eigenvalues[k - 1]:.3g} | {empirical.eigenvalues[k - 1]:.3g} "
        f"| {CIRCULATING.get(k, '')} |"
        for k in (1, 2, 3, 5, 10, 20)
    ]
    lines += [
        "",
        *wrapped(
            f"The trace is {exact.trace:.1f} for the exact and {empirical.trace:.1f} for the "
            f"empirical Fisher information. The top 20 of {exact.parameters:,} directions "
            f"({100 * 20 / exact.parameters:.2f} %) hold {100 * exact.share:.0f} % of the exact "
            f"trace. Of the empirical Fisher information on {options.gram:,} examples (rank at "
            f"most {options.gram:,}), {gram.directions(0.5)} directions hold half of the trace and "
            f"{gram.directions(0.9)} hold 90 %, which is "
            f"{100 * gram.directions(0.9) / exact.parameters:.1f} % of the directions of all "
            "parameters."
        ),
        "",
        "| layer | mass of the top 20 eigenvectors, % | share of the parameters, % |",
        "|---|---|---|",
    ]
    sizes: dict[str, int] = {}
    for name, p in net.model.named_parameters():
        layer = name.rpartition(".")[0]
        sizes[layer] = sizes.get(layer, 0) + p.numel()
    lines += [
        f"| {n} | {100 * m:.1f} | {100 * sizes[n] / exact.parameters:.1f} |"
        for n, m in exact.layers.items()
    ]
    lines += [
        "",
        *wrapped(
            "Which layer forgets? With two tasks of five classes on the same outputs, the first "
            f"task falls from {100 * before:.1f} to {100 * after:.1f} %. These points come back if "
            "one layer gets its old weights: "
            + ", ".join(f"{n} {100 * v:+.1f}" for n, v in back.items())
            + "."
        ),
        "",
    ]
    print("\n".join(lines))
    if options.write:
        notes = options.write / "spectrum-cifar.notes.md"
        text = (
            "\n".join(lines)
            + (notes.read_text() if notes.exists() else "")
            + "\n![spectrum](spectrum-cifar.png)\n"
        )
        (options.write / "spectrum-cifar.md").write_text(text)
        numbers = {"eigenvalues": np.asarray(exact.eigenvalues).tolist(), "layers": exact.layers}
        numbers |= {"examples": exact.examples, "parameters": exact.parameters}
        save(
            draw_spectrum(Finding.of("spectrum", "", numbers)), options.write / "spectrum-cifar.png"
        )
        (options.write / "spectrum-cifar.json").write_text(
            json.dumps({"seconds": seconds, "accuracy": accuracy, **numbers}) + "\n"
        )


if __name__ == "__main__":
    main()
