"""What methods declare, what their arguments are if none are given, and which ones they take."""

import inspect

import pytest

from holdfast import HoldfastError, methods
from holdfast.engine.memory import Memory
from holdfast.methods import METHODS, Composite, FineTune, Method, parse_method
from holdfast.methods.declaration import Declaration, only_with_task
from holdfast.methods.joint import KeepsAllData
from holdfast.methods.table import markdown_table
from holdfast.methods.values import LARGEST, LONGEST_SHOWN

# A stored result names its method by a spec that leaves defaults out. So a default stays.
DEFAULTS = {
    "AGEM": "reference=0, memory='reservoir', insert='stream', project='gradient', "
    "balance='rows', store=None",
    "BiC": "capacity=200, share=0.1",
    "DER": "alpha=0.5, batch=0",
    "DERpp": "alpha=0.5, beta=0.5, batch=0, draws=2",
    "EMA": "start='trained'",
    "ER": "ratio=0.5, weights='mean', memory='reservoir', insert='stream', balance='rows', "
    "store=None",
    "ERACE": "ratio=0.5, memory='reservoir', insert='stream', store=None",
    "EWC": "samples=1000, labels='auto', decay=1.0",
    "Freeze": "from_task=0",
    "GEM": "strength=0.5, ridge=0.001, batch=0",
    "GPM": "threshold=0.97, samples=300, project='gradient'",
    "GSS": "compare=10, ratio=0.5",
    "GenerativeReplay": "hidden=(400, 400), latent=100, labels='hard', temperature=2.0, lr=0.001",
    "HAT": "strength=0.75, scale=400.0",
    "Interpolate": "first=True",
    "KFACEWC": "samples=1000, labels='auto'",
    "KLAnchor": "direction='forward', temperature=1.0, first=True",
    "LaMAML": "alpha=0.1, rate=0.1, inner=5, ratio=0.5, clip=2.0",
    "LatentReplay": "depth=1, ratio=0.5, freeze='first', memory='class_balanced'",
    "LoRA": "rank=8, alpha=16.0, freeze='first', target_modules=None",
    "LowRankEWC": "rank=10, samples=200, labels='sampled'",
    "LwF": "alpha=1.0, temperature=2.0, outputs='old', t_squared=True, weight='one'",
    "MAS": "samples=1000",
    "MER": "rows=9, batches=1, beta=0.03, gamma=1.0",
    "MIR": "candidates=50, rows=0, memory='reservoir', insert='stream', store=None",
    "Mix": "labels=True, classes=None, tokenizer=None",
    "OGD": "samples=200, project='gradient', limit_bytes=2000000000.0",
    "OLoRA": "strength=0.5, rank=8, alpha=16.0, freeze='first', target_modules=None",
    "OML": "inner_lr=0.1, inner=5, ratio=0.5",
    "OnlineEWC": "gamma=1.0, samples=1000, labels='auto', decay=1.0, normalize=False",
    "PNN": "lateral='below'",
    "PackNet": "tasks=None, share=0.5, epochs=1",
    "RWalk": "alpha=0.9, window=10, epsilon=0.001",
    "RanPAC": "projection=2000, ridge=1.0",
    "SI": "xi=0.1, gradient='task', clamp='none'",
    "SLDA": "shrinkage=0.0001",
    "SupSup": "share=0.5",
    "TaskArithmetic": "start='initial'",
    "WA": "lengthen=False",
    "XdG": "gated=0.8",
    "iCaRL": "temperature=1.0, memory='herding'",
}
WITHOUT_BOUNDARIES = {
    *("DER", "DERpp", "EMA", "ER", "ERACE", "FineTune", "GSS", "LaMAML", "MER", "MIR"),
    *("Freeze", "Mix"),
    *("NCM", "OML", "RanPAC", "SLDA"),
}


def defaults(method):
    named = method.signature().items()
    return {n: p.default for n, p in named if p.default is not inspect.Parameter.empty}


def test_every_method_of_the_package_can_be_named_and_no_base_class():
    exported = {n for n in methods.__all__ if inspect.isclass(getattr(methods, n))}
    assert set(METHODS) <= exported
    assert not {Method, Composite} & set(METHODS.values())
    assert all(issubclass(method, Method) for method in METHODS.values())


@pytest.mark.parametrize("name", METHODS)
def test_a_spec_without_arguments_means_what_it_has_meant(name):
    shown = ", ".join(f"{key}={value!r}" for key, value in defaults(METHODS[name]).items())
    assert shown == DEFAULTS.get(name, "")


@pytest.mark.parametrize(
    ("preset", "parts"),
    [
        ("ER_LwF", "ER(500) + LwF(alpha=1.0)"),
        ("ER_LwF_EWC", "ER(500) + LwF(alpha=1.0) + EWC(10.0)"),
        ("DERpp_BiC", "DERpp(500) + BiC(capacity=200)"),
        ("ER_LwF_EWC(50, alpha=2.0, strength=3.0)", "ER(50) + LwF(alpha=2.0) + EWC(3.0)"),
        ("DERpp_BiC(50, held_out=20)", "DERpp(50) + BiC(capacity=20)"),
    ],
)
def test_a_preset_is_the_sum_that_its_name_says(preset, parts):
    arguments = [part.arguments for part in parse_method(preset).parts]
    assert arguments == [part.arguments for part in parse_method(parts).parts]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_declares_that_it_stores_examples_if_it_has_a_memory(name):
    (method,) = [p for p in parse_method(METHODS[name].typical_spec()).parts if p.name == name]
    has_memory = any(isinstance(module, Memory) for module in method.modules())
    stores = has_memory or isinstance(method, KeepsAllData)
    assert method.declare().stores_examples == stores


def test_what_methods_need_is_what_their_papers_need():
    declared = {name: method.declaration for name, method in METHODS.items()}
    assert {n for n, d in declared.items() if not d.boundaries} == WITHOUT_BOUNDARIES
    assert {n for n, d in declared.items() if not d.labels} == {"MAS"}
    assert {n for n, d in declared.items() if not d.trains} == {"NCM", "RanPAC", "SLDA"}
    assert {n for n, d in declared.items() if d.task_id} == {
        *("HAT", "LoRA", "PNN", "PackNet", "SeparateNetworks", "XdG")
    }
    assert {n for n, d in declared.items() if d.restarts} == {
        *("FromScratch", "GDumb", "Joint", "TaskArithmetic")
    }
    assert {n for n, d in declared.items() if d.edits_weights} == {
        *("Interpolate", "TaskArithmetic", "WA")
    }
    assert {n for n, d in declared.items() if d.own_weights} == {"EMA"}
    assert not any(declared.unlabelled for declared in declared.values())
    assert parse_method("Mix('digits', 0.1, labels=False)").declare().unlabelled
    assert {n for n, d in declared.items() if d.distils} == {"KLAnchor", "LwF"}
    assert {n for n, d in declared.items() if d.raw_gradient} == {"RWalk"}
    assert {n for n, d in declared.items() if d.delta} == {"RWalk", "SI"}


def test_a_declaration_says_nothing_special_unless_told():
    plain = Declaration("replay", "–", "does something")
    assert plain.boundaries
    assert plain.labels
    assert plain.trains
    for flag in ("task_id", "stores_examples", "restarts", "isolates", "edits_weights"):
        assert not getattr(plain, flag)
    assert (plain.raw_gradient, plain.delta) == (False, False)
    assert plain.scenarios == ("task", "domain", "class")
    with_task = Declaration("replay", "–", "…", **only_with_task("gates-need-task"))
    assert with_task.task_id
    assert with_task.scenarios == ("task",)
    assert set(dict(with_task.refused)) == {"domain", "class"}


@pytest.mark.parametrize(
    ("spec", "boundaries", "memory"),
    [
        ("ER(40)", False, "constant"),
        ("ER(40, memory='herding')", True, "constant"),
        ("ER(40, memory='coreset')", True, "constant"),
        ("ER(40, memory='per_task')", False, "linear"),
        ("Freeze(1)", False, "none"),
        ("Freeze(1, from_task=1)", True, "none"),
        ("Mix('digits', 0.1)", False, "none"),
        ("Mix('first', 0.1)", True, "none"),
        ("EMA(0.9, start='average')", True, "constant"),
    ],
)
def test_arguments_decide_whether_boundaries_are_needed_and_how_the_state_grows(
    spec, boundaries, memory
):
    declared = parse_method(spec).declare()
    assert (declared.boundaries, declared.memory) == (boundaries, memory)


def test_the_table_says_where_a_method_runs_but_is_weak():
    rows = {line.split("`")[1]: line for line in markdown_table().splitlines()[2:]}
    assert "| task, domain; weak in class | any | yes | Kirkpatrick" in rows["EWC(strength)"]
    assert "| replay | examples | all | any | no |" in rows["ER(capacity)"]
    assert "| class | classification | no | Caccia" in rows["ERACE(capacity)"]
    assert len(rows) == len(METHODS)


def test_a_method_without_a_loss_term_adds_nothing():
    assert FineTune().loss(None, None) == 0


def test_the_largest_whole_number_is_the_largest_of_a_tensor():
    assert parse_method(f"MAS(1, samples={LARGEST})").samples == 2**63 - 1
    with pytest.raises(HoldfastError, match="plain values"):
        parse_method(f"MAS(1, samples={LARGEST + 1})")


@pytest.mark.parametrize(("length", "is_cut"), [(LONGEST_SHOWN, False), (LONGEST_SHOWN + 1, True)])
def test_a_long_spec_is_cut_in_messages(length, is_cut):
    spec = f"Unknown{'x' * (length - 12)}()"
    with pytest.raises(HoldfastError) as error:
        parse_method(f"({spec}")
    # The message quotes the spec, and the quotes count.
    assert ("…" in str(error.value)) == is_cut


def test_a_spec_that_python_would_warn_of_gives_its_error_alone(recwarn):
    with pytest.raises(HoldfastError, match=r"cannot be read|expected names"):
        parse_method("1if")
    with pytest.raises(HoldfastError):
        parse_method("ER('\\d')")
    assert not recwarn
