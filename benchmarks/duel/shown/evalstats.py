"""Features of evalstats."""

import contextlib
import io
from importlib.metadata import metadata
from pathlib import Path

import evalstats
import pandas as pd

from duel.shown.common import CHAMPION, CLUSTERS, UNCLEAR, WORSE, N

PARTLY = {"clusters", "planning", "levels"}


def _data(scores: dict[str, list[float]], **columns) -> evalstats.EvalResults:
    tables = [
        pd.DataFrame({"model": model, "item": range(N), "score": values} | columns)
        for model, values in scores.items()
    ]
    return evalstats.load_from(pd.concat(tables))


def correction(folder: Path) -> None:
    data = _data({"a": CHAMPION, "b": UNCLEAR, "c": WORSE})
    found = evalstats.compare(data, factors="model", correction="holm").to_dict()
    assert found["methods"]["p_values"]["correction"]["code"] != "none"


def clusters(folder: Path) -> None:
    """The examples of a cluster are the repeated runs of an item."""
    runs = pd.Series(CLUSTERS).groupby(CLUSTERS).cumcount()
    data = _data({"a": CHAMPION, "b": UNCLEAR}, item=CLUSTERS, run=runs)
    found = evalstats.compare(data, factors="model").to_dict()
    assert found["methods"]["design"]["n_items"] == len(set(CLUSTERS))


def planning(folder: Path) -> None:
    """Its summary says about how many more inputs would be needed."""
    data = _data({"a": CHAMPION, "b": UNCLEAR})
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        evalstats.compare(data, factors="model", min_meaningful_diff=0.02).summary()
    assert "input" in printed.getvalue()


def levels(folder: Path) -> None:
    """Its description names the simulations behind its choice of methods."""
    assert "Monte Carlo simulation" in str(metadata("evalstats").get_payload())
