"""Results that `evaluate.save` of Hugging Face's `evaluate` wrote itself."""

from tests.gate.formats.reading import DATA, change_json, copy_of, refusal

from holdfast.gate import Gate, Policy, read_side
from holdfast.gate.formats import Wanted

FILES = DATA / "hf-evaluate"


def test_the_mean_of_one_metric_is_read():
    rows = read_side(FILES / "champion.json", wanted=Wanted(metric="accuracy")).rows
    assert rows.to_dict("records") == [{"task": "all", "score": 0.91, "examples": 500.0}]


def test_the_gate_judges_two_means():
    wanted = Wanted(metric="accuracy")
    sides = [read_side(FILES / name, name, wanted) for name in ("champion.json", "candidate.json")]
    verdict = Gate(Policy()).judge(*sides)
    assert verdict.worst.change == 0.93 - 0.91


def test_one_of_several_metrics_must_be_chosen():
    assert "accuracy, f1" in refusal(FILES / "champion.json")
    assert "no metric 'bleu'" in refusal(FILES / "champion.json", metric="bleu")


def test_a_mean_without_number_of_examples_is_refused():
    assert "examples=NUMBER" in refusal(FILES / "without-examples.json")


def test_scores_above_1_and_nan_are_refused(tmp_path):
    file = copy_of(FILES / "champion.json", tmp_path)
    change_json(file, lambda content: content.update(accuracy=91.0))
    assert "divide by the largest possible score" in refusal(file, metric="accuracy")
    change_json(file, lambda content: content.update(accuracy=float("nan")))
    assert "NaN" in refusal(file, metric="accuracy")
