"""evalstats: the interval of `evalstats.compare`, with a rule that its user writes.

Clusters are given as items whose examples are repeated runs.
"""

import warnings

import evalstats
import numpy as np
import pandas as pd

from duel.test_sets import TestSet, by_interval, each

TAKES = ("right", "scores", "clusters")
warnings.filterwarnings("ignore")


def judge(test_set: TestSet, delta: float) -> str:
    n = len(test_set.champion)
    table = {
        "model": np.repeat(["champion", "candidate"], n),
        "item": np.tile(np.arange(n).astype(str), 2),
        "score": np.concatenate([test_set.champion, test_set.candidate]),
    }
    if test_set.clusters is not None:
        table["item"] = np.tile(test_set.clusters.astype(str), 2)
        table["run"] = np.tile(_positions(test_set.clusters), 2)
    data = evalstats.load_from(pd.DataFrame(table))
    found = evalstats.compare(data, factors="model", baseline="champion", alpha=0.1)
    (pair,) = found.to_dict()["pairwise"]
    low, high = pair["ci_low"], pair["ci_high"]
    if pair["a"] == "champion":  # then the interval is that of champion minus candidate
        low, high = -high, -low
    return by_interval(low, high, delta)


def _positions(clusters: np.ndarray) -> np.ndarray:
    """The position of each example in its cluster."""
    return pd.Series(clusters).groupby(clusters).cumcount().to_numpy()


decide = each(judge)
