"""deltagate: the interval of `deltagate.paired_delta`, with a rule that its user writes."""

from deltagate import paired_delta

from duel.test_sets import TestSet, by_interval, each

TAKES = ("right", "scores", "clusters")


def judge(test_set: TestSet, delta: float) -> str:
    found = paired_delta(
        test_set.candidate, test_set.champion, level=0.9, clusters=test_set.clusters
    )
    return by_interval(found["lower"], found["upper"], delta)


decide = each(judge)
