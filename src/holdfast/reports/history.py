"""Pages of a model's releases: scores on every task, what was lost first, and the verdicts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.reports.page import page
from holdfast.text import percent, points

_Column = Mapping[str, Any]  # the fields of a `Column`

LOSS = 0.1  # the change since a task was learnt at which a cell has its full colour
SEGMENTS = 12  # of each task that the page shows: those that lost most
WORD = 14  # characters of a word that is not broken in a heading
LOSSES = 50  # that are listed


def history_html(history: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]]) -> str:
    """The page of a model's releases.

    Args:
        history: The fields of a `History` (`dataclasses.asdict`).
        verdicts: The fields of the verdicts on its candidates, oldest first.
    """
    return page("history.html.j2", found=releases_view(history), verdicts=verdicts)


def releases_view(history: Mapping[str, Any]) -> dict[str, Any]:
    """What the template releases.html.j2 shows. It needs no filters.

    Args:
        history: The fields of a `History` (`dataclasses.asdict`).

    Returns:
        Headings, rows of cells and sentences, as text.
    """
    groups = nested(history["columns"])
    shown = [column for whole, segments, _ in groups for column in (whole, *segments)]
    return {
        "model": history["model"],
        "groups": [{"task": w["task"], "span": 1 + len(segments)} for w, segments, _ in groups],
        "heads": [_head(column, any(g[1] for g in groups)) for column in shown],
        "nested": any(segments for _, segments, _ in groups),
        "hidden": [{"task": w["task"], "more": more} for w, _, more in groups if more],
        "rows": [_row(history, shown, k) for k in range(len(history["releases"]))],
        "overrides": [
            {"release": release, "reason": reason}
            for release, reason in zip(history["releases"], history["overrides"], strict=True)
            if reason
        ],
        "losses": list(loss_sentences(history["losses"][:LOSSES])),
        "more_losses": max(len(history["losses"]) - LOSSES, 0),
    }


def loss_sentences(losses: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A sentence about each loss, from the fields of `Loss`."""
    for loss in losses:
        what = loss["task"] + (f" / {loss['segment']}" if loss["segment"] else "")
        lost = f"{percent(loss['drop'], 1)} points lost first by release {loss['release']}"
        yield f"{what}: {lost} (learnt in {loss['learnt']})"


def nested(columns: Sequence[_Column]) -> list[tuple[_Column, list[_Column], int]]:
    """Each task, the segments of it that lost most, in their order, and how many more there are."""
    parts: dict[str, list[_Column]] = {c["task"]: [] for c in columns if not c["segment"]}
    for c in columns:
        if c["segment"]:
            parts[c["task"]].append(c)
    out = []
    for whole in columns:
        if not whole["segment"]:
            segments = parts[whole["task"]]
            worst = {c["segment"] for c in sorted(segments, key=_newest_change)[:SEGMENTS]}
            chosen = [c for c in segments if c["segment"] in worst]
            out.append((whole, chosen, len(segments) - len(chosen)))
    return out


def _newest_change(column: _Column) -> float:
    changes = [x for x in column["changes"] if x is not None]
    return float(changes[-1]) if changes else 0.0


def _head(column: _Column, nested: bool) -> dict[str, Any]:
    """A heading; its width, in characters, keeps words of common length whole."""
    name = column["segment"] or ("all" if nested else column["task"])
    longest = max((len(word) for word in name.split()), default=1)
    return {
        "name": name,
        "first": not column["segment"],
        "width": min(longest, WORD) + 3,
    }


def _row(history: Mapping[str, Any], columns: Sequence[_Column], k: int) -> dict[str, Any]:
    return {
        "name": history["releases"][k],
        "override": history["overrides"][k],
        "cells": [_cell(column, k) for column in columns],
        "transfer": points(history["transfer"][k], 1),
    }


def _cell(column: _Column, k: int) -> dict[str, Any]:
    """Text and colour of a cell: how far the score is from that when the task was learnt."""
    score, change = column["scores"][k], column["changes"][k]
    strength = min(abs(change or 0.0) / LOSS, 1.0)
    learnt = k == column["learnt"]
    return {
        "score": percent(score, 1),
        "small": "learnt" if learnt else "" if change is None else points(change, 1),
        "learnt": learnt,
        "first": not column["segment"],
        "kind": "" if learnt or not change else "lost" if change < 0 else "gained",
        "strength": round(strength, 3),
    }
