"""errorbars: the interval of `errorbars.paired_compare`, with a rule that its user writes."""

from errorbars.compare import paired_compare

from duel.test_sets import TestSet, by_interval, each

TAKES = ("right", "scores", "clusters")


def judge(test_set: TestSet, delta: float) -> str:
    found = paired_compare(
        test_set.candidate, test_set.champion, clusters=test_set.clusters, confidence=0.9
    )
    if test_set.clusters is not None:
        return by_interval(found.ci_low_clustered, found.ci_high_clustered, delta)
    return by_interval(found.ci_low, found.ci_high, delta)


decide = each(judge)
