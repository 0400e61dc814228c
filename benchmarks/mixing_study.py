"""How much general text to mix in while a language model learns a task.

    HOLDFAST_DATA=data python benchmarks/mixing_study.py --write

SmolLM2-135M learns to name the topic of a banking request (Banking77). General text is prose of the
standard library's documentation. Each arm trains from the pretrained weights: full fine-tuning or
one adapter of some rank, with general text at a share of the rows of each batch (`Mix`), or held
near the pretrained model (`KLAnchor`). Measured are the right topics, and by how much the mean loss
of a token of general text rises. Finished arms stand in the JSON file, so a run that was stopped
continues.
"""

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from general_texts import general_texts
from peft import LoraConfig, get_peft_model
from pyarrow import parquet
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from weights import missing, smollm2

from holdfast.methods import FineTune, KLAnchor, Method, Mix
from holdfast.models import language_model
from holdfast.streams import Texts, from_prompts
from holdfast.streams.parts import Part
from holdfast.streams.task import Stream
from holdfast.training import Learner, optimizer

RESULTS = Path(__file__).parent / "results"
KEPT = RESULTS / "mixing.json"
PAGE = RESULTS / "mixing.md"
FIGURE = RESULTS / "mixing.png"
RATIOS = (0.0, 0.01, 0.05, 0.2)
RANKS = (4, 16, 64)
ADAPTED = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FULL = "full"
ANCHOR = "anchor"
ANCHORED = 1.0  # the strength of KLAnchor
RATE = 1e-3  # of adapters
RATES = {FULL: 5e-5}
BATCH = 8
LONGEST = 96  # tokens


@dataclass(frozen=True)
class Arm:
    """One way to train."""

    trained: str  # "full", or the rank of the adapter
    mixed: float | str  # the share of general text, or "anchor"

    @property
    def name(self) -> str:
        """The key of its results."""
        return f"{self.trained}/{self.mixed}"


def arms() -> list[Arm]:
    """All arms, those without protection first."""
    found = []
    for mixed in (*RATIOS, ANCHOR):
        found += [Arm(trained, mixed) for trained in (*map(str, RANKS), FULL)]
    return found


def requests(side: str, number: int) -> list[tuple[str, str]]:
    """Requests to a bank with their topics, evenly from the whole data set."""
    folder = Path(os.environ["HOLDFAST_DATA"]) / "PolyAI/banking77/default"
    table = parquet.read_table(folder / f"{side}-00000-of-00001.parquet")
    facts = json.loads(table.schema.metadata[b"huggingface"])
    names = facts["info"]["features"]["label"]["names"]
    rows = table.to_pylist()
    found = []
    for place in range(number):
        row = rows[place * len(rows) // number]
        topic = names[row["label"]].replace("_", " ").lower()
        found.append((f"Request: {row['text'].strip()}\nTopic:", f" {topic}"))
    return found


def stream_of(tokenizer: Any, options: argparse.Namespace) -> Stream:
    """The task, in an order that is the same for every arm."""
    train = requests("train", options.steps * BATCH)
    texts = Texts(train, requests("test", options.test))
    return from_prompts({"banking": texts}, tokenizer, longest=LONGEST)


def general(tokenizer: Any, side: str, number: int) -> Part:
    """General text of which every token counts."""
    plain = general_texts(number, side)
    texts = Texts(plain, [("a", " b")])
    return from_prompts({"general": texts}, tokenizer, longest=LONGEST)[0].train


def network_of(arm: Arm) -> nn.Module:
    """The pretrained model, with an adapter or without."""
    file = smollm2()
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    )
    if arm.trained != FULL:
        rank = int(arm.trained)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=ADAPTED)
        model = get_peft_model(model, config)
    return language_model(model)


def method_of(arm: Arm, outside: Part) -> Method:
    """What protects general ability."""
    if arm.mixed == ANCHOR:
        return KLAnchor(ANCHORED)
    if not arm.mixed:
        return FineTune()
    return Mix(outside, float(arm.mixed))


def measured(arm: Arm, tokenizer: Any, options: argparse.Namespace) -> dict[str, object]:
    """Train an arm, and measure it before and after."""
    torch.manual_seed(0)
    stream = stream_of(tokenizer, options)
    outside = general(tokenizer, "train", options.outside)
    followed = general(tokenizer, "test", options.general)
    learner = Learner(
        network_of(arm),
        method_of(arm, outside),
        optimizer("adamw", lr=RATES.get(arm.trained, RATE)),
        scenario="domain",
        objective="language",
        batch_size=BATCH,
        clip=1.0,
    )
    start = time.monotonic()
    run = learner.fit(stream, track={"general": followed}, progress=False)
    rise = run.tracks["general"].rise("banking")
    return {
        "right": run.matrix.score("banking", after="banking"),
        "before": run.tracks["general"].mean(),
        "rise": [rise.estimate, rise.low, rise.high],
        "trained": learner.view.space.numel,
        "seconds": time.monotonic() - start,
    }


def page(kept: dict[str, dict[str, Any]], options: argparse.Namespace) -> str:
    """The results as a page."""
    lines = [
        "# How much general text to mix in",
        "",
        f"SmolLM2-135M, {options.steps} steps of {BATCH} requests, one seed. Right topics of "
        f"{options.test} test requests; rise of the mean token loss on {options.general} general "
        "texts, with its interval of 95 % over texts.",
        "",
        "| trained | weights | general text | right, % | rise, nats per token | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for arm in arms():
        found = kept.get(arm.name)
        if found is None:
            continue
        estimate, low, high = found["rise"]
        mixed = f"KLAnchor({ANCHORED:g})" if arm.mixed == ANCHOR else f"{100 * arm.mixed:g} %"
        trained = "everything" if arm.trained == FULL else f"LoRA, rank {arm.trained}"
        lines.append(
            f"| {trained} | {found['trained']:,} | {mixed} | {100 * found['right']:.1f} | "
            f"{estimate:+.3f} ({low:+.3f} to {high:+.3f}) | {found['seconds']:.0f} |"
        )
    return "\n".join([*lines, ""])


def draw(kept: dict[str, dict[str, Any]]) -> None:
    """Both numbers against the share of general text."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    places = range(len(RATIOS))
    for trained in (*map(str, RANKS), FULL):
        found = [kept.get(Arm(trained, ratio).name) for ratio in RATIOS]
        if None in found:
            continue
        label = "everything" if trained == FULL else f"LoRA, rank {trained}"
        rises = [one["rise"][0] for one in found]
        reach = [[one["rise"][0] - one["rise"][1] for one in found]]
        reach.append([one["rise"][2] - one["rise"][0] for one in found])
        left.errorbar(places, rises, reach, marker="o", capsize=3, label=label)
        right.plot(places, [100 * one["right"] for one in found], marker="o", label=label)
    for axes in (left, right):
        axes.set_xticks(places, [f"{100 * ratio:g} %" for ratio in RATIOS])
        axes.set_xlabel("general text among the rows of a batch")
    left.axhline(0, color="gray", linewidth=0.8)
    left.set_ylabel("rise of the general token loss, nats")
    right.set_ylabel("right topics, %")
    right.legend(frameon=False)
    figure.savefig(FIGURE, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--test", type=int, default=150, help="test requests")
    parser.add_argument("--general", type=int, default=200, help="general texts that are measured")
    parser.add_argument("--outside", type=int, default=400, help="general texts to mix in")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kept", type=Path, default=KEPT)
    parser.add_argument("--write", action="store_true", help="write the page and the figure")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    file = smollm2()
    if file is None:
        raise SystemExit(missing("SmolLM2-135M"))
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    kept = json.loads(options.kept.read_text()) if options.kept.is_file() else {}
    for arm in arms():
        if arm.name in kept:
            continue
        kept[arm.name] = measured(arm, tokenizer, options)
        options.kept.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(arm.name, kept[arm.name], flush=True)
    if options.write:
        PAGE.write_text(page(kept, options), encoding="utf-8")
        draw(kept)


if __name__ == "__main__":
    main()
