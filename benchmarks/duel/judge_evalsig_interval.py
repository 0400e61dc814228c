"""evalsig: the one-sided interval of `evalsig.compare`, with a rule that its user writes.

Its interval has a lower end only, so the rule can never show that too much was lost.
"""

from evalsig.compare import compare

from duel.judge_evalsig_gate import frame
from duel.test_sets import TestSet, by_interval, each

TAKES = ("right", "scores", "clusters")


def judge(test_set: TestSet, delta: float) -> str:
    cluster = "cluster" if test_set.clusters is not None else None
    found = compare(
        frame(test_set.champion, test_set),
        frame(test_set.candidate, test_set),
        cluster=cluster,
        one_sided=True,
        n_resamples=2000,
    )
    return by_interval(*found.ci, delta)


decide = each(judge)
