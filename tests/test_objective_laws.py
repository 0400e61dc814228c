"""The laws of methods under other objectives than classification."""

from collections.abc import Iterator

import pytest

from helpers import laws_on_digits
from holdfast.checks import check_law
from holdfast.checks.parts import Subject
from holdfast.errors import HoldfastError
from holdfast.methods import METHODS, parse_method
from holdfast.models import mlp
from holdfast.training import Learner

# One scenario per objective, so that all three are covered without three times the time.
SCENARIO = {"regression": "domain", "multilabel": "class", "custom": "task"}
LAWS = (
    "saved in the middle, it resumes bit for bit",
    "strength 0 equals absent",
    "held-out rows change nothing",
)
# Its default memory sorts examples by their label.
INSTEAD = {"LatentReplay(40)": "LatentReplay(40, memory='ring')"}


@pytest.fixture(scope="module", autouse=True)
def _two_batches_per_epoch() -> Iterator[None]:
    with laws_on_digits(600, row_by_row=420):
        yield


def cases() -> Iterator[tuple[str, str]]:
    """Each method that takes any objective, with each objective that its scenarios allow."""
    for name, method in sorted(METHODS.items()):
        declared = method.declaration
        for objective, scenario in SCENARIO.items():
            if not declared.classification_only and scenario in declared.scenarios:
                spec = method.small_specs()[0]
                # Row by row, MER takes as long as all others together; its steps are of one kind.
                if name != "MER" or objective == "regression":
                    yield INSTEAD.get(spec, spec), objective


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("spec", "objective"), list(cases()))
def test_methods_keep_their_laws(spec: str, objective: str) -> None:
    subject = Subject(parse_method(spec), SCENARIO[objective], objective)
    for law in LAWS:
        check_law(subject, law)


@pytest.mark.parametrize(
    "name", [name for name, m in sorted(METHODS.items()) if m.declaration.classification_only]
)
def test_methods_of_classes_say_why_and_name_others(name: str) -> None:
    method = METHODS[name]
    scenario = method.declaration.scenarios[-1]
    head = {"task": "separate", "domain": "fixed", "class": "growing"}[scenario]
    model = mlp((4,), head, 3, hidden=(3,), seed=0)
    with pytest.raises(HoldfastError) as error:
        Learner(model, method.small_specs()[0], scenario=scenario, objective="multilabel")
    text = str(error.value)
    assert f"{name} does not work with objective='multilabel'" in text
    assert method.declaration.classification_only in text
