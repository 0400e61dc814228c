"""The page of results of `clinc_minilm.py`, from its figures."""

import textwrap
from collections.abc import Mapping, Sequence
from statistics import mean, median
from typing import Any

from holdfast.metrics import seed_interval

FROZEN, TUNED = "frozen", "fine-tuned"
REFERENCE = "Joint"
TITLES = {
    "clinc": "CLINC150, 40 of 100 training sentences per intent",
    "faster": "The same with learning rates ten times as high",
    "clinc_whole": "CLINC150, all training sentences",
    "banking": "Banking77 in seven tasks, 40 % of the training sentences",
}
HEADER = [
    "| network | method | scenario | ACC | BWT | kept, MB | weights, M | seconds | seeds |",
    "|---|---|---|---|---|---:|---:|---:|---:|",
]


def line(one: Mapping[str, Any]) -> str:
    """A line of a table of results."""
    cells = [one["network"], one["spec"], one["scenario"]]
    if not one["accuracy"]:
        return f"| {' | '.join([*cells, *['not finished'] * 2, *['–'] * 4])} |"
    transfer = "–"
    if one["backward_transfer"]:
        transfer = f"{seed_interval(one['backward_transfer']):+.1f}"
    cells += [
        f"{seed_interval(one['accuracy']):.1f}",
        transfer,
        f"{max(one['method_bytes']) / 1e6:.2f}",
        f"{max(one['weights']) / 1e6:.2f}",
        f"{median(one['seconds']):.1f}",
        str(len(one["accuracy"])),
    ]
    return f"| {' | '.join(cells)} |"


def best_of(figures: Sequence[Mapping[str, Any]], network: str) -> Mapping[str, Any] | None:
    """The best method of the class scenario on a network, or None if none is finished."""
    of_network = [
        one
        for one in figures
        if one["network"] == network and one["scenario"] == "class" and one["accuracy"]
    ]
    methods = [one for one in of_network if one["method"] != REFERENCE]
    return max(methods, key=lambda one: mean(one["accuracy"]), default=None)


def headline(figures: Sequence[Mapping[str, Any]]) -> str:
    """The first lines of the page: what to do, with the figures that say so."""
    frozen, tuned = best_of(figures, FROZEN), best_of(figures, TUNED)
    if frozen is None or tuned is None:
        return "**Rows of both networks are needed before anything can be recommended.**"
    points = mean(frozen["accuracy"])
    of_all = "The best fine-tuned method"
    if any(not one["accuracy"] for one in figures):
        of_all = "The best fine-tuned method that is finished so far"
    advice = f"Freeze the encoder and use {frozen['method']}"
    if mean(tuned["accuracy"]) > points:
        advice = f"Fine-tune the encoder with {tuned['method']} if its points are worth the time"
    return (
        f"**{advice}. On the frozen encoder, {frozen['method']} ends at {points:.1f} points after "
        f"{median(frozen['seconds']):.0f} s of learning. {of_all}, {tuned['method']}, ends at "
        f"{mean(tuned['accuracy']):.1f} after {median(tuned['seconds']):.0f} s.**"
    )


def unfinished(content: Mapping[str, Any]) -> list[str]:
    """A paragraph about the rows that lack seeds, if there are some."""
    lacking = [
        f"{one['network']} {one['method']} ({len(one['accuracy'])} of {content['seeds']})"
        for one in content["clinc"]
        if len(one["accuracy"]) < content["seeds"]
    ]
    if not lacking:
        return []
    return [wrapped(f"Seeds that are not finished yet: {', '.join(lacking)}."), ""]


def wrapped(text: str) -> str:
    """A paragraph of the page."""
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def page(content: Mapping[str, Any]) -> str:
    """The page of results."""
    epochs = content["epochs"]
    about = (
        "The ten domains of CLINC150 (15 intents each) come one after the other. The network is "
        "MiniLM (all-MiniLM-L6-v2, 22.7 million weights) with a linear output layer. ACC is the "
        "mean accuracy over domains after the last one, and BWT the mean change of a domain's "
        "accuracy since it was learnt, both in points with the 95 % interval over seeds. In the "
        "class scenario a sentence is one of all 150 intents. In the task scenario the domain is "
        "known, so its rows compare with no other. Kept is what the method stores beside the "
        "network, weights are those of the network with adapters at the end, and seconds are the "
        "median over seeds of training and consolidation on one core, without evaluation. The "
        "features of a frozen encoder are computed once and not counted (about 6 ms per sentence)."
    )
    recipe = (
        f"All trained rows use AdamW and batches of 32, with {epochs[FROZEN]} epochs per domain on "
        f"frozen features and {epochs[TUNED]} for the whole network. Learning rates were chosen on "
        "validation rows of the first domains alone: the smallest rates that they do not tell from "
        "the best. The fine-tuned Joint learns all domains at once, because Joint trains anew "
        "after each domain and ends in that network."
    )
    lines = [
        "# Intents on a pretrained sentence encoder",
        "",
        wrapped(headline(content["clinc"])),
        "",
        "`python benchmarks/clinc_minilm.py --out runs/clinc-minilm --write`",
        "",
        wrapped(about),
        "",
        wrapped(recipe),
        "",
    ]
    lines += unfinished(content)
    if content["loaded"]:
        note = (
            "The machine did other work during some of the runs, so their seconds are too large. "
            "Compare them only roughly."
        )
        lines += [wrapped(note), ""]
    for name, title in TITLES.items():
        if content[name]:
            lines += [f"## {title}", "", *HEADER, *map(line, content[name]), ""]
    lines += ["## How the learning rates were chosen", "", "| rates of | tried | accuracy |"]
    lines += ["|---|---|---:|"]
    for one in content["rates"]:
        words = ", ".join(f"{name} {value:g}" for name, value in one["rates"].items())
        lines.append(f"| {one['choice']} | {words} | {one['accuracy']:.1f} |")
    return "\n".join(lines) + "\n"
