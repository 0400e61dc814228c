"""The tools of the duel: what they are called, where they run, and how they are set."""

from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
HOLDFAST = "Holdfast"


@dataclass(frozen=True)
class Tool:
    """A tool, or one way to use it.

    Args:
        name: What the page calls it.
        adapter: The module that asks it.
        package: Its distribution, which also names its environment and its requirements. Empty for
            what runs with Holdfast.
        setting: How it is set, for the page.
        own_verdict: Whether it says pass or fail itself. Otherwise its user writes the rule.
        three_verdicts: Whether it can say that nothing is shown.
    """

    name: str
    adapter: str
    package: str
    setting: str
    own_verdict: bool = True
    three_verdicts: bool = True

    def python(self, folder: Path) -> Path:
        """The interpreter of its environment."""
        return folder / self.package / "bin" / "python"


INTERVAL = (
    "a pass if the lower end of its interval of the change is above −δ, a fail if the upper "
    "end is below −δ"
)
TOOLS = (
    Tool(HOLDFAST, "judge_holdfast", "", "policy `standard` with δ, confidence 95 %"),
    Tool(
        "statgate",
        "judge_statgate",
        "statgate",
        "`compare --margin δ --alpha 0.1`, 2,000 resamples; a cluster is a case with repeated runs",
    ),
    Tool(
        "illate-parity",
        "judge_illate",
        "illate-parity",
        "`check --margin δ`, 2,000 resamples; its interval is always two-sided with 95 %, so its "
        "nominal level is 2.5 %",
    ),
    Tool(
        "toolkit-eval-harness",
        "judge_toolkit",
        "toolkit-eval-harness",
        "`compare` with a budget of δ over the champion's score, confidence 90 %, 1,000 resamples; "
        "what is not shown to be within the budget fails",
        three_verdicts=False,
    ),
    Tool(
        "evalsig gate",
        "judge_evalsig_gate",
        "evalsig",
        "`gate --min-delta δ`, 2,000 resamples; it asks for a gain of δ and takes no allowed loss",
    ),
    Tool(
        "evalsig interval",
        "judge_evalsig_interval",
        "evalsig",
        "`compare` with its one-sided interval of 95 %, 2,000 resamples; a pass if its lower end "
        "is above −δ, never a fail",
        own_verdict=False,
    ),
    Tool(
        "evalstats",
        "judge_evalstats",
        "evalstats",
        f"`compare` with `alpha=0.1`; {INTERVAL}; a cluster is an item with repeated runs",
        own_verdict=False,
    ),
    Tool(
        "deltagate",
        "judge_deltagate",
        "deltagate",
        f"`paired_delta` with `level=0.9` and clusters; {INTERVAL}",
        own_verdict=False,
    ),
    Tool(
        "errorbars",
        "judge_errorbars",
        "errorbars",
        f"`paired_compare` with `confidence=0.9` and clusters; {INTERVAL}",
        own_verdict=False,
    ),
    Tool(
        "evalgate-cli",
        "judge_evalgate",
        "evalgate-cli",
        "`paired`, α = 0.05; it has no δ, and passes what is not shown to be worse at all",
        three_verdicts=False,
    ),
    Tool(
        "regressgate",
        "judge_regressgate",
        "regressgate",
        "`compare` with `margin: δ`, one trial per case, 1,000 permutations; a warning has exit "
        "code 0 and counts as a pass",
        three_verdicts=False,
    ),
    Tool(
        "holdline",
        "judge_holdline",
        "holdline",
        "`compare --max-drop δ`; it also fails on a significant McNemar test",
        three_verdicts=False,
    ),
    Tool(
        "MLflow",
        "judge_mlflow",
        "mlflow",
        "`validate_evaluation_results`, `MetricThreshold` of the champion's score minus δ, because "
        "its `min_absolute_change` must be a gain",
        three_verdicts=False,
    ),
    Tool(
        "Evidently",
        "judge_evidently",
        "evidently",
        "`gte(Reference(absolute=δ))` on the mean score or the AUC, the champion as reference",
        three_verdicts=False,
    ),
    Tool(
        "deepchecks",
        "judge_deepchecks",
        "deepchecks",
        "`TrainTestPerformance`, relative degradation at most δ over the champion's score",
        three_verdicts=False,
    ),
    Tool(
        "plain rule",
        "judge_rule",
        "",
        "the measured score is at most δ lower",
        three_verdicts=False,
    ),
)

# Looked at, and not part of the tables.
LEFT_OUT = {
    "sigeval": "There is no such package on the index.",
    "abeval 0.1.0, evalci 0.1.0, evalconfidence 0.1.1": "They print intervals and p-values and "
    "decide nothing. Their paired intervals are those of errorbars or percentile bootstraps.",
    "quant-regress 1.1.0": "It runs both models itself and takes no scores.",
    "insurance-deploy 0.1.6": "It tests hit rates and loss ratios of insurance quotes, and takes "
    "no paired scores.",
}
