"""What the scores of each task are, by the policy and by the files of an evaluation tool."""

from dataclasses import replace

from holdfast.errors import HoldfastError
from holdfast.gate.costs import cost_columns
from holdfast.gate.formats import Scale, Wanted
from holdfast.gate.joining.comparison import SCORE
from holdfast.gate.joining.single_examples import MeasureOf
from holdfast.gate.measures import MEASURES, Column, Measure, Score, measure_named
from holdfast.gate.policy import Policy
from holdfast.gate.reading import Side
from holdfast.gate.rules import TaskRule


def wanted_by(policy: Policy, wanted: Wanted) -> Wanted:
    """Add what a policy needs to what the user asks of a reader.

    Args:
        policy: The policy.
        wanted: What the user asks for.
    """
    rules = [policy.default, *(policy.rule(task) for task in policy.tasks)]
    metrics = {rule.metric for rule in rules} - {"score"}
    columns = {name for name in metrics if measure_named(name) is None}
    metric = wanted.metric
    if policy.default.metric != "score":
        # What the user names on the command line comes before the policy.
        metric = metric or policy.default.metric
    return replace(
        wanted,
        metric=metric,
        columns=wanted.columns | columns | set(cost_columns(policy)),
        any_score=any(rule.range is not None or rule.direction is not None for rule in rules),
        weighted=bool(metrics),
        repeats=policy.repeats == "average",
    )


def measures_by(policy: Policy, champion: Side, candidate: Side) -> MeasureOf:
    """Return a function that gives what the scores of a task are.

    Args:
        policy: The policy, whose rules may name a metric.
        champion: The champion's results.
        candidate: The candidate's results.

    Raises:
        HoldfastError: The function raises it if both sides give a task different metrics, or if
            the policy leaves open what is better or how much may be lost.
    """

    def measure_of(task: str) -> Measure:
        rule = policy.rule(task)
        scale = _common_scale(task, champion, candidate)
        measure = _measure(rule, scale, task)
        _refuse_open_limits(policy, rule, measure, task)
        if champion.release and measure is not SCORE:
            raise HoldfastError(
                f"task {task!r}: a ledger keeps scores in [0, 1] alone, so it cannot judge "
                f"{measure.name}; name the results of both models as files"
            )
        return measure

    return measure_of


def _common_scale(task: str, champion: Side, candidate: Side) -> Scale | None:
    """Return the scale that a tool's files give to a task, which must be that of both sides."""
    scales = [side.scales[task] for side in (champion, candidate) if task in side.scales]
    if len(scales) == 2 and scales[0] != scales[1]:
        raise HoldfastError(
            f"task {task!r} has different metrics: {scales[0].metric} (champion) and "
            f"{scales[1].metric} (candidate); choose one of both sides with --metric"
        )
    if scales:
        return scales[0]
    return None


def _measure(rule: TaskRule, scale: Scale | None, task: str) -> Measure:
    """Make the measure of a task."""
    higher_is_better = rule.direction != "lower"
    if scale is not None:
        low, high = rule.range or (scale.low, scale.high)
        if rule.direction is None:
            higher_is_better = scale.higher_is_better
        return Score(scale.metric, low, high, higher_is_better)
    if rule.metric == "score":
        if rule.range is None and higher_is_better:
            # The join knows this very object, and takes a faster way for plain scores.
            return SCORE
        low, high = rule.range or (0.0, 1.0)
        return Score("score", low, high, higher_is_better)
    measure = measure_named(rule.metric)
    if measure is not None:
        if rule.direction is not None or rule.range is not None:
            raise HoldfastError(
                f"task {task!r}: the direction and the range of {rule.metric} are known; leave "
                "them out of the policy"
            )
        return measure
    if rule.direction is None:
        raise HoldfastError(
            f"metric {rule.metric!r} is taken for a column of the results, because the known "
            f"metrics are {', '.join(MEASURES)}; say whether higher or lower values are better "
            '(direction = "higher" or "lower" in the policy, or --direction)'
        )
    low, high = rule.range or (None, None)
    return Column(rule.metric, low, high, higher_is_better)


def _refuse_open_limits(policy: Policy, rule: TaskRule, measure: Measure, task: str) -> None:
    """Stop if the limits of a task do not fit its scores."""
    if measure.is_share and not rule.is_relative and rule.limit >= 1:
        raise HoldfastError(
            f"task {task!r}: {measure.name} lies in [0, 1], so delta must be less than 1, got "
            f"{rule.limit:g}"
        )
    if not measure.is_share and not policy.sets_delta(task):
        raise HoldfastError(
            f"task {task!r}: how much {measure.name} may get worse depends on its unit; set delta "
            '(--delta), as a number or as a share such as "2%"'
        )
    if rule.floor is not None and not measure.higher_is_better:
        raise HoldfastError(
            f"task {task!r}: lower values of {measure.name} are better, so a floor keeps nothing; "
            "set a ceiling"
        )
    if rule.ceiling is not None and measure.higher_is_better:
        raise HoldfastError(
            f"task {task!r}: higher values of {measure.name} are better, so a ceiling keeps "
            "nothing; set a floor"
        )
