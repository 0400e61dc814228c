"""What a pretrained backbone is worth: methods with and without one, on digits and on intents.

    python benchmarks/backbones.py --write
    python benchmarks/backbones.py --language-model FOLDER --write

The convolutional network learns digits that lie on their side, and then meets split MNIST in the
class scenario.
With a folder of a sentence encoder, banking77 in seven tasks is run as well, beside hashed words.
"""

import argparse
import os
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from holdfast import Learner
from holdfast.metrics import average_accuracy, backward_transfer
from holdfast.models import Classifier, make_head
from holdfast.runs.execute import execute
from holdfast.streams import Source, named, rotated
from holdfast.training import optimizer
from holdfast.validation import validated

RESULTS = Path(__file__).parent / "results" / "backbones.md"
MNIST: dict[str, object] = {"name": "ylecun/mnist", "fraction": 0.1, "tasks": 5}
BANKING = {"name": "PolyAI/banking77", "tasks": 7}
FEATURES = 64
INTRO = """# Pretrained backbones

`python benchmarks/backbones.py --write` writes this page. Accuracy (ACC) and backward transfer
(BWT) are points after the last task, over one seed, in the class scenario."""


def make() -> nn.Module:
    """A small convolutional network that ends in features."""
    layers: list[nn.Module] = []
    channels = 1
    for width in (16, 32, FEATURES):
        layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1)]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())


def pretrain(path: Path) -> float:
    """Train the network on a tenth of MNIST, turned, save its weights, and give its accuracy."""
    torch.manual_seed(0)
    network = make()
    source: Source = named("ylecun/mnist").limited(6_000, seed=0)
    (task,) = rotated(source, 1, "domain", degrees=[90])
    model = Classifier(network, make_head("fixed", 4 * FEATURES, 10))
    learner = Learner(model, None, optimizer("adam", lr=2e-3), scenario="domain", epochs=4)
    learner.train(task)
    torch.save(network.state_dict(), path)
    return float(learner.evaluate(task).mean())


def line(
    name: str,
    method: str,
    data: Mapping[str, object],
    model: Mapping[str, object],
    **training: object,
) -> str:
    """Train one run, and write its row of the table."""
    from holdfast.runs.config import RunConfig

    config = validated(RunConfig, data=data, model=model, method=method, training=training)
    result = execute(config, method)
    accuracy = 100 * average_accuracy(result.matrix)
    transfer = 100 * backward_transfer(result.matrix)
    print(f"{name}, {method}: {accuracy:.1f}", file=sys.stderr, flush=True)
    return f"| `{method}` | {name} | {accuracy:.1f} | {transfer:+.1f} |"


HEADER = ["| method | network | ACC | BWT |", "|---|---|---:|---:|"]


def images(folder: Path) -> list[str]:
    """The rows of split MNIST."""
    learnt = pretrain(folder / "turned.pt")
    # Another network of the same form, whose weights nobody has trained.
    torch.save(make().state_dict(), folder / "random.pt")
    base = {"backbone_factory": "backbones:make", "old_output": "none"}
    trained = base | {"backbone": str(folder / "turned.pt")}
    random = base | {"backbone": str(folder / "random.pt")}
    rows = []
    for name, model in (("pretrained", trained), ("random weights", random)):
        frozen = model | {"frozen": True}
        rows.append(line(f"{name}, frozen", "NCM()", MNIST, frozen))
        rows.append(line(f"{name}, frozen", "RanPAC()", MNIST, frozen))
        rows.append(line(name, "ER(200)", MNIST, model, lr=0.03, epochs=2))
    two = trained | {"backbone_lr": 0.003}
    rows.append(line("pretrained, backbone_lr 0.003", "ER(200)", MNIST, two, lr=0.03, epochs=2))
    said = (
        "A convolutional network learnt 6,000 images of MNIST that are turned by 90 degrees "
        f"(accuracy {learnt:.1%}), and then split MNIST, with a tenth of its training images."
    )
    return ["", "## Digits after turned digits", "", textwrap.fill(said, 100), "", *HEADER, *rows]


def texts(folder: str) -> list[str]:
    """The rows of banking77."""
    rows = []
    for method in ("NCM()", "RanPAC()"):
        model = {"backbone": folder, "frozen": True}
        rows.append(line("sentence encoder, frozen", method, BANKING, model))
    adam = {"optimizer": "adam", "lr": 0.001, "epochs": 5}
    model = {"backbone": folder, "frozen": True}
    rows.append(line("sentence encoder, frozen", "ER(500)", BANKING, model, **adam))
    rows.append(line("MLP on hashed words", "ER(500)", BANKING, {}, **adam))
    tfidf = BANKING | {"features": "tfidf-all-tasks"}
    rows.append(line("MLP on TF-IDF of all tasks", "ER(500)", tfidf, {}, **adam))
    said = (
        "MiniLM (all-MiniLM-L6-v2, 22.7 million weights) reads banking77: 77 intents in seven "
        "tasks. TF-IDF knows the words of all tasks."
    )
    return [
        "",
        "## Intents with a sentence encoder",
        "",
        textwrap.fill(said, 100),
        "",
        *HEADER,
        *rows,
    ]


def main() -> None:
    """Measure, and print or write the page."""
    parser = argparse.ArgumentParser(description="Measure what a pretrained backbone is worth.")
    parser.add_argument("--language-model", metavar="FOLDER", help="folder of a sentence encoder")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("HOLDFAST_CACHE", folder)
        lines = [INTRO, *images(Path(folder))]
        if options.language_model:
            lines += texts(options.language_model)
    page = "\n".join(lines) + "\n"
    if options.write:
        RESULTS.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
