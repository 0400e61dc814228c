"""Reads runs of HELM: the folder of a run, of a suite with several runs, or one file of statistics.

A run has `per_instance_stats.json`, a list in which every element has some statistics of one
instance, and `run_spec.json` and `scenario_state.json`, which have the settings and the prompts.
The names of the fields are those of `helm/benchmark/metrics/metric.py` in version 0.5.16.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.gate.formats.digests import digest_of
from holdfast.gate.formats.json_content import (
    Record,
    as_list,
    as_object,
    json_file,
    json_object,
    needed,
    part,
)
from holdfast.gate.formats.log import Log, Wanted
from holdfast.gate.formats.metric_choice import SHARE, as_number, chosen, is_number, scale_of
from holdfast.gate.formats.record_fields import groups_of, plain_text
from holdfast.gate.formats.rows import Rows, note_others
from holdfast.gate.formats.several_runs import one_model
from holdfast.gate.formats.source import Source
from holdfast.gate.names import apart

STATS = "per_instance_stats.json"
ONE_TASK = "all"  # the task of a file without its run
MODEL_ARGUMENTS = ("model=", "model_deployment=")  # of a run's name
# Statistics that count or time something, and are no scores.
_OVERHEAD = re.compile(
    r"num_|finish_reason|training_|inference_|batch_size|prompt_truncated|max_prob"
)
_LOWER = re.compile(r"perplexity|bits_per_byte|error|toxic|latency|runtime|cost", re.IGNORECASE)


def recognises(source: Source) -> bool:
    """Whether a file or folder was written by HELM."""
    if source.path.is_dir():
        return any(path.name == STATS for path in source.files)
    # The list of all instances may be large, so it is not parsed to recognise it.
    return b'"instance_id"' in source.head and b'"train_trial_index"' in source.head


def read(source: Source, wanted: Wanted, where: str) -> Log:
    """Read one run or a folder of runs.

    Args:
        source: A file of statistics, the folder of a run, or a folder with several of them.
        wanted: What the user asks for.
        where: What the source is called in messages.

    Returns:
        One row per instance and trial.

    Raises:
        HoldfastError: There are several models, several runs of a task, or no such metric.
        ValueError: A file is not as HELM writes it.
    """
    files = [source.path]
    if source.path.is_dir():
        files = [path for path in source.files if path.name == STATS]
    if not files:
        raise HoldfastError(f"{where} has no file {STATS} of a run of HELM")
    runs = [_Run(path) for path in files]
    model = one_model((run.model for run in runs), wanted.model, where)
    rows = Rows()
    # Runs of other models are skipped, and only the chosen one must be unambiguous.
    read_from: dict[str, Path] = {}
    for run in runs:
        if run.model != model:
            continue
        # HELM keeps no dates, so nothing tells which of two runs is the newer one.
        if run.task in read_from:
            raise HoldfastError(
                f"{where} has two runs of the task {apart(run.task)}: {read_from[run.task]} and "
                f"{run.path.parent.name}; give the folder of one of them"
            )
        read_from[run.task] = run.path.parent
        _add_run(run, wanted, rows)
    return rows.log(where)


# ---- runs


@dataclass(frozen=True)
class _Run:
    """A run.

    Attributes:
        path: Its file of statistics.
    """

    path: Path

    @cached_property
    def spec(self) -> Record:
        """What was run, or an empty object if its file is missing."""
        return self._beside("run_spec.json")

    @cached_property
    def states(self) -> list[Record]:
        """The requests with their instances, or none if their file is missing."""
        states = self._beside("scenario_state.json").get("request_states")
        name = f"request_states of {self.path.parent.name}"
        return [as_object(state, name) for state in as_list(states or [], name)]

    def _beside(self, name: str) -> Record:
        """Read another file of the run, if it is there."""
        path = self.path.with_name(name)
        if not path.exists():
            return {}
        return json_object(path)

    @cached_property
    def instances(self) -> dict[str, Record]:
        """The instances by their id, as they are without perturbations."""
        instances = [part(state, "instance") for state in self.states]
        return {
            str(instance.get("id")): instance
            for instance in instances
            if instance.get("perturbation") is None
        }

    @property
    def adapter(self) -> Record:
        """How instances become prompts."""
        return part(self.spec, "adapter_spec")

    @property
    def model(self) -> str:
        """The name of the model, or "" if nothing tells it."""
        return str(self.adapter.get("model") or "")

    @property
    def task(self) -> str:
        """The name of the run without its model, so that it is the same on both sides."""
        scenario, colon, arguments = str(self.spec.get("name") or ONE_TASK).partition(":")
        kept = [word for word in arguments.split(",") if not word.startswith(MODEL_ARGUMENTS)]
        if not colon or not any(kept):
            return scenario
        return f"{scenario}:{','.join(kept)}"


def _add_run(run: _Run, wanted: Wanted, rows: Rows) -> None:
    """Add the instances of a run, and what must be equal on both sides."""
    task = run.task
    # HELM evaluates both splits by default, but tunes prompts on one of them.
    cases = _of_test_split(list(_cases(run, rows)), task, rows)
    known = list(dict.fromkeys(name for case in cases for name in case.stats))
    metric = _metric(run, known, wanted, rows)
    scores: list[float] = []
    for case in cases:
        instance = run.instances.get(case.name, {})
        score = case.stats.get(metric)
        if score is None:
            # HELM leaves statistics out whose value is NaN.
            rows.skip(task, f"{metric} is missing")
            continue
        scores.append(score)
        record = {**case.record, "instance": instance}
        row = {"task": task, "example_id": case.name, "repeat": case.trial, "score": score}
        name = f"instance {case.name} of {run.path.parent.name}"
        groups = groups_of(record, wanted, name)
        text = plain_text(part(instance, "input").get("text"))
        rows.add({**row, "input": text, **_costs(case), **groups})
    rows.measure(task, scale_of(metric, scores, not _LOWER.search(metric)))
    for fact, value in _facts(run).items():
        rows.compare(task, fact, value)


def _facts(run: _Run) -> dict[str, object]:
    """Return what must be equal on both sides, so that the scores are comparable."""
    # Perturbed inputs are not judged, so their prompts need not be equal.
    prompts = [
        [part(state, "instance").get("id"), state.get("train_trial_index"), _prompt(state)]
        for state in run.states
        if part(state, "instance").get("perturbation") is None
    ]
    prompt = None
    # The order of the requests changes no score, so it must not change the digest.
    if prompts:
        prompt = f"{digest_of(sorted(prompts, key=str))} of {len(prompts)} requests"
    return {
        "method": run.adapter.get("method"),
        "few-shot": run.adapter.get("max_train_instances"),
        "prompt": prompt,
    }


def _prompt(state: Record) -> object:
    """Return what a model was asked: a text, or the messages of a chat."""
    request = part(state, "request")
    # A request of a chat has messages, and its prompt is empty.
    return request.get("messages") or request.get("prompt")


# ---- instances


@dataclass
class _Case:
    """An instance in one trial.

    Attributes:
        name: The instance.
        trial: The number of the trial, which is the choice of examples in the prompt.
        record: What is known of it, from which segments are taken.
        stats: The mean of each statistic.
    """

    name: str
    trial: int
    record: Record
    stats: dict[str, float] = field(default_factory=dict)


def _cases(run: _Run, rows: Rows) -> Iterator[_Case]:
    """Yield each instance and trial. Every metric of HELM writes its own elements of the list."""
    name = f"{STATS} of {run.path.parent.name}"
    cases: dict[tuple[str, int], _Case] = {}
    for element in as_list(json_file(run.path), name):
        record = as_object(element, name)
        trial = needed(record, "train_trial_index", f"an element of {name}")
        # A perturbed input has the id of its original, so it would count as a repeat.
        if record.get("perturbation") is not None:
            rows.note("Perturbed inputs are not judged, only the original ones.", run.task)
            continue
        if not isinstance(trial, int):
            raise ValueError(f"{name}: train_trial_index must be a whole number")
        key = (str(needed(record, "instance_id", f"an element of {name}")), trial)
        case = cases.setdefault(key, _Case(*key, {"instance_id": key[0]}))
        for stat in as_list(needed(record, "stats", f"an element of {name}"), name):
            _add_stat(case, as_object(stat, name), name)
    if not cases:
        raise ValueError(f"{name} is empty")
    yield from cases.values()


def _add_stat(case: _Case, stat: Record, name: str) -> None:
    """Add a statistic to an instance."""
    described = part(stat, "name")
    for key in ("split", "sub_split"):
        if described.get(key) is not None:
            case.record[key] = described[key]
    # A statistic of nothing, such as the energy of a model that tells none, has no mean.
    mean = as_number(stat.get("mean"))
    if mean is None:
        return
    label = str(needed(described, "name", f"a statistic of {name}"))
    # Several metrics of HELM write the same basic statistics, which must agree.
    if case.stats.setdefault(label, mean) != mean:
        raise ValueError(f"{name} has {label} twice for the instance {case.name}")


def _of_test_split(cases: list[_Case], task: str, rows: Rows) -> list[_Case]:
    """Leave out the validation split if there is a test split."""
    splits = {case.record.get("split") for case in cases}
    if "test" not in splits or len(splits) == 1:
        return cases
    rows.note("Only instances of the split test are judged.", task)
    return [case for case in cases if case.record.get("split") == "test"]


def _metric(run: _Run, known: list[str], wanted: Wanted, rows: Rows) -> str:
    """Choose the metric of a run, by default the first that its specification names."""
    # What the author of a run measures on purpose comes before what HELM adds to all runs.
    named = []
    for spec in as_list(run.spec.get("metric_specs") or [], "metric_specs"):
        names = part(as_object(spec, "metric_specs"), "args").get("names")
        if isinstance(names, list):
            named += [name for name in names if name in known]
    scores = [name for name in known if not _OVERHEAD.match(name)]
    # Names that mean right or wrong come before others, such as log probabilities.
    first = [name for name in scores if SHARE.search(name)]
    ordered = list(dict.fromkeys([*named, *first, *scores]))
    # Counts and times can be judged too, if the user asks for them.
    if wanted.metric:
        ordered = list(dict.fromkeys([*ordered, *known]))
    metric = chosen("metric", wanted.metric, ordered, run.task)
    note_others("metric", metric, ordered, wanted.metric, rows)
    return metric


def _costs(case: _Case) -> Record:
    """Return what an instance cost, as far as HELM measured it."""
    costs: Record = {}
    seconds = case.stats.get("inference_runtime")
    if is_number(seconds) and seconds is not None:
        costs["latency_ms"] = 1000 * seconds
    # Both are paid for, and a single number can be limited by a policy.
    counts = [case.stats.get(name) for name in ("num_prompt_tokens", "num_output_tokens")]
    found = [count for count in counts if count is not None]
    if found:
        costs["tokens"] = sum(found)
    return costs
