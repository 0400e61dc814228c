"""Tables of MLflow's evaluations, as JSON that `mlflow.log_table` or pandas wrote.

- `mlflow.models.evaluate` logs `eval_results_table.json` with the columns of the data and, for each
  metric, `<metric>/v<n>/score` or `<metric>/score` (`models/evaluation/default_evaluator.py`).
- `mlflow.genai.evaluate` returns the frame `result_df` with `request`, `response`, `assessments`,
  and `<scorer>/value` for each scorer. Log it with `mlflow.log_table(result.result_df, FILE)`. The
  expected answers have columns `<name>/value` as well, which are no scores.

All names are those of MLflow 3.17. Any other table that `mlflow.log_table` wrote is read by the
names of its columns.
"""

import json
import re
from collections.abc import Mapping

from holdfast.gate.formats.json_content import json_object
from holdfast.gate.formats.json_tables import Column, JsonTable, is_split_table, split_table
from holdfast.gate.formats.log import Log, Wanted
from holdfast.gate.formats.source import Source
from holdfast.gate.formats.table_logs import IDENTIFIERS, Layout, log_of

SCORE = re.compile(r"(?P<metric>.+?)(/(?P<version>v[0-9]+))?/score")
VALUE = re.compile(r"(?P<metric>.+)/value")
# A trace has a new id in every run, so the request itself names the example.
NAMED = (*IDENTIFIERS, "client_request_id", "request_id", "inputs", "request")
# Ratings of MLflow's judges (`CategoricalRating`). An unknown one is no score.
WORDS = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "unknown": None}
MILLISECONDS = 1000.0  # in the seconds in which `evaluate` measures the latency
USAGE = "mlflow.trace.tokenUsage"
CALL_FAILED = "the call of the model failed"
SCORER_FAILED = "the scorer failed"


def recognises(source: Source) -> bool:
    """Whether a file is a table that MLflow has logged."""
    return source.path.is_file() and is_split_table(source.object)


def read(source: Source, wanted: Wanted, where: str) -> Log:
    """Read a table of results.

    Args:
        source: The file.
        wanted: What the user asks for. `metric` is the name of a metric, a scorer or a column.
        where: What the source is called in messages.

    Returns:
        The log. Rows for which the model or the scorer failed are counted, and have no score.

    Raises:
        HoldfastError: There are several metrics and none is chosen, or no column names the example.
        ValueError: The file does not hold a table, or a score is no number.
    """
    table = split_table(json_object(source.path), source.path.name)
    return log_of(table, _layout(table), wanted, where)


def _layout(table: JsonTable) -> Layout:
    """Say what the columns mean."""
    failures = _failures(table)
    return Layout(
        metrics=_metrics(table),
        identifiers=NAMED,
        costs=_costs(table),
        failed=lambda row, column: _failed(table, failures, row, column),
        words=WORDS,
    )


def _metrics(table: JsonTable) -> dict[str, str]:
    """Find the columns of scores. Each has the name of its metric, with its version or without."""
    expected = _expectations(table)
    metrics: dict[str, str] = {}
    for column in table.columns:
        match = SCORE.fullmatch(column) or VALUE.fullmatch(column)
        # Counting an expected answer as a metric would offer it as a choice.
        if match is None or match["metric"] in expected:
            continue
        names = [match["metric"]]
        if match.groupdict().get("version"):
            names.append(f"{match['metric']}/{match['version']}")
        # Of two versions of a metric, the first one keeps the name without a version.
        for name in (*names, column):
            metrics.setdefault(name, column)
    return metrics


def _expectations(table: JsonTable) -> set[str]:
    """Find the expected answers, whose columns look like those of scorers."""
    found: set[str] = set()
    for assessments in table.columns.get("assessments", []):
        for assessment in assessments if isinstance(assessments, list) else []:
            if isinstance(assessment, dict) and "expectation" in assessment:
                found.add(str(assessment.get("assessment_name")))
    return found


def _failures(table: JsonTable) -> list[bool]:
    """Say for each row whether the call of the model failed."""
    errors = table.columns.get("error_message", [None] * table.count)
    # Only the frame of `genai` has states, and only for calls that were traced.
    states = table.columns.get("state", [None] * table.count)
    return [bool(error) or state == "ERROR" for error, state in zip(errors, states, strict=True)]


def _failed(table: JsonTable, failures: list[bool], row: int, column: str) -> str:
    """Say why a row has no score. A scorer may score the missing answer of a failed call."""
    if failures[row]:
        return CALL_FAILED
    # A scorer's own errors are in the columns beside its value.
    metric = column.rpartition("/")[0]
    for name in ("error_message", "error_code"):
        errors = table.columns.get(f"{metric}/{name}")
        if errors is not None and errors[row]:
            return SCORER_FAILED
    return ""


def _costs(table: JsonTable) -> dict[str, Column]:
    """Find the columns of costs."""
    costs: dict[str, Column] = {}
    # `evaluate` measures seconds, and traces measure milliseconds.
    if "latency" in table.columns:
        costs["latency_ms"] = [_times(value, MILLISECONDS) for value in table.columns["latency"]]
    if "execution_duration" in table.columns:
        costs["latency_ms"] = table.columns["execution_duration"]
    if "token_count" in table.columns:
        costs["tokens"] = table.columns["token_count"]
    if "trace_metadata" in table.columns:
        costs["tokens"] = [_tokens(metadata) for metadata in table.columns["trace_metadata"]]
    return costs


def _times(value: object, factor: float) -> object:
    """Multiply a number. Anything else stays as it is, and is refused where it is needed."""
    if isinstance(value, int | float):
        return value * factor
    return value


def _tokens(metadata: object) -> object:
    """Return the number of tokens of a trace, or None if it was not recorded."""
    if not isinstance(metadata, Mapping):
        return None
    try:
        # The metadata of a trace are texts, so these counts are JSON inside of JSON.
        usage = json.loads(str(metadata.get(USAGE)))
    except ValueError:
        return None
    if not isinstance(usage, dict):
        return None
    return usage.get("total_tokens")
