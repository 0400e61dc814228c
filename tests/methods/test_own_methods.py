"""Methods of the user's own: how they are found, named, refused, and told apart after an edit."""

import importlib
import itertools
import sys
from textwrap import dedent

import pytest

from helpers import learner, quick, stream
from holdfast.errors import HoldfastError
from holdfast.methods import ER, LwF, named_class, parse_method
from holdfast.methods.naming import spec_name
from holdfast.methods.registered import registered
from holdfast.runs.config import RunConfig
from holdfast.runs.facts import Facts
from holdfast.runs.options import refuse_idle
from holdfast.validation import validated

PULL = """
from holdfast.methods import Declaration, Method


class Pull(Method):
    declaration = Declaration("regularisation", "–", "pulls", neutral=(("strength", 0),))

    def __init__(self, strength: float, *, power: int = 2):
        super().__init__()
        self.strength = strength
        self.anchor = self.vector_state()

    def penalty(self, learner, g):
        if self.strength and self.anchor is not None:
            g.add_(learner.space.theta - self.anchor, alpha=self.strength)

    def consolidate(self, learner, task):
        self.anchor = learner.space.theta.detach().clone()
"""
numbers = itertools.count()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A function that writes a module of a new name, which can be imported during the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(source: str = PULL, name: str = "") -> str:
        name = name or f"own_module_{next(numbers)}"
        (tmp_path / f"{name}.py").write_text(dedent(source))
        return name

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]


def imported_again(name: str) -> None:
    """Import a module anew, as the next process does."""
    del sys.modules[name]
    importlib.invalidate_caches()


# ---- names


def test_a_class_is_named_with_its_module_and_its_repr_is_the_spec(module):
    name = module()
    assert repr(parse_method(f"{name}:Pull(strength=0.1)")) == f"{name}:Pull(0.1)"
    assert repr(parse_method(f"{name}:Pull(1, power=3)")) == f"{name}:Pull(1, power=3)"
    whole = parse_method(f"{name}:Pull(0.1) + ER(200, store='a:b')")
    assert repr(whole) == f"ER(200, store='a:b') + {name}:Pull(0.1)"
    assert repr(parse_method(repr(whole))) == repr(whole)
    # A class that Python code made and one that a spec made are the same.
    assert repr(sys.modules[name].Pull(0.1) + ER(5)) == f"ER(5) + {name}:Pull(0.1)"
    assert repr(parse_method("holdfast.methods:ER(5)")) == "ER(5)"


def test_a_required_argument_by_name_is_written_by_name(module):
    source = PULL.replace("strength: float, *, power: int = 2", "*, strength: float")
    name = module(source)
    assert repr(parse_method(f"{name}:Pull(strength=2)")) == f"{name}:Pull(strength=2)"


def test_classes_in_classes_and_packages_have_specs(module, tmp_path):
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").touch()
    inner = PULL + "\n\nclass Outer:\n    class Inner(Pull):\n        pass\n"
    (tmp_path / "own_package" / "deep.py").write_text(inner)
    spec = "own_package.deep:Outer.Inner(0.5)"
    assert repr(parse_method(spec)) == spec
    assert set(RunConfig(method=spec).code) == {"own_package.deep"}


def test_a_class_without_a_constructor_has_a_spec(module):
    source = PULL.partition("    def __init__")[0].replace(', neutral=(("strength", 0),)', "")
    name = module(source)
    assert repr(parse_method(f"{name}:Pull")) == f"{name}:Pull()"
    assert parse_method(f"{name}:Pull").arguments == {}


def test_a_class_that_nothing_can_import_keeps_its_plain_name():
    class Local(ER):
        pass

    assert spec_name(Local) == "Local"


def test_two_classes_of_one_name_are_refused_in_a_sum(module):
    name = module(PULL.replace("class Pull", "class ER"))
    with pytest.raises(HoldfastError, match=rf"ER and {name}:ER are classes of the same name"):
        parse_method(f"ER(5) + {name}:ER(0.1)")


def test_rules_for_a_built_in_method_do_not_concern_an_own_class_of_its_name(module):
    own = PULL.replace("class Pull", "class LwF").replace("power: int = 2", "outputs='old'")
    config = RunConfig(method=f"{module(own)}:LwF(1, outputs='all')", scenario="task")
    refuse_idle([config])
    assert Facts(config).parts[0].name == "LwF"


# ---- refusals

BROKEN = {
    "import nosuchmodule": "line 1: ModuleNotFoundError: No module named 'nosuchmodule'",
    "x = 1\ny = (": r"line 2: SyntaxError: '\(' was never closed",
    "\n\nraise RuntimeError('too bad\\nmore')": "line 3: RuntimeError: too bad$",
    "import sys\nsys.exit(3)": "line 2: SystemExit: 3; a module that is imported must not exit",
    "": "unknown class of the module .* known: none",
    "Pull = 3": "Pull is a int; expected a class that derives from",
    "class Pull: pass": "is a class, but no method: derive it",
    "from holdfast.methods import Method as Pull": "is a base of methods and does nothing",
    "from holdfast.methods import Method\nclass Pull(Method): pass": "has no declaration; write",
    PULL.replace('Declaration("reg', 'str("reg').replace(
        ', "–", "pulls", neutral=(("strength", 0),)', ""
    ): "is of type str; expected: declaration = Declaration",
    PULL.replace('"–", "p', '3, "p'): "declaration of .*: paper must be a str, got 3",
    PULL.replace("neutral=", 'scenarios="task", neutral='): r"a tuple, such as \('task',\)",
    PULL.replace("neutral=", "scenarios=(), neutral="): "scenarios is empty",
    PULL.replace("neutral=", 'scenarios=("tasks",), neutral='): "did you mean 'task'",
    PULL.replace(
        "neutral=", 'refused=(("tasks", "why"),), neutral='
    ): "scenario in refused 'tasks': did you mean 'task'",
    PULL.replace(
        "neutral=", 'weak=(("clas", "why"),), neutral='
    ): "scenario in weak 'clas': did you mean 'class'",
    PULL.replace("neutral=", 'memory="constnt", neutral='): "did you mean 'constant'",
    PULL.replace("neutral=", 'unused=("draws",), neutral='): "did you mean 'draw'",
    PULL.replace('(("strength", 0),)', '("strength",)'): "must consist of pairs",
    PULL.replace('(("strength"', '(("strenght"'): "argument in neutral 'strenght': did you mean",
    PULL.replace("boundaries", "x").replace(
        "neutral=", "trains=1, neutral="
    ): "trains must be a bool",
    PULL.replace("super().__init__()", "pass").replace(
        "self.anchor = self.vector_state()", "pass"
    ): r"call super\(\).__init__\(\) in its first line",
    PULL.replace("super().__init__()", "pass"): "line 11: AttributeError",
    PULL.replace("self.strength = strength", "{}[1]"): "line 10: KeyError: 1",
    PULL.replace("strength: float, *, power: int = 2", "*strength").replace(
        '(("strength", 0),)', "()"
    ): r"without \*args",
    PULL.replace(
        "def penalty", "def __repr__(self): return 'x y'\n    def penalty"
    ): "does not build",
    PULL.replace(
        "def penalty", "def __repr__(self): return 'ER(5)'\n    def penalty"
    ): "does not build",
}


@pytest.mark.parametrize("source", BROKEN)
def test_what_cannot_be_used_is_one_clear_sentence(module, source):
    name = module(source)
    with pytest.raises(HoldfastError, match=BROKEN[source]) as caught:
        parse_method(f"{name}:Pull(1)")
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere_at_all:Pull", "there is no module 'nowhere_at_all': start the command in"),
        ("own_pul:Pull", "did you mean 'own_pull'"),
        ("own_pull.py:Pull(1)", "expected its module, own_pull$"),
        ("own_pull.deeper:Pull(1)", "there is no module 'own_pull.deeper'"),
        ("own_pull.Pull(1)", "name a class of your own as own_pull:Pull"),
        ("own_pull:Pul(1)", r"own_pull \(.*own_pull.py\) 'Pul': did you mean 'Pull'"),
        ("own_pull:Pull", "missing a required argument: 'strength'"),
        ("own_pull:Pull(1, 2)", "too many positional arguments"),
        ("own_pull:Pull(1, pwer=2)", "did you mean 'power'"),
        ("own_pull: Pull(1)", "cannot be read"),
        ("own_pull:Pull(x=own_pull:Pull)", "plain values"),
        ("Pull(1)", "unknown method 'Pull'.* such as mine:Pull for a class in mine.py"),
    ],
)
def test_a_spec_that_names_no_class_says_what_would(module, tmp_path, monkeypatch, spec, message):
    module(name="own_pull")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HoldfastError, match=message):
        parse_method(spec)


# ---- source


def test_an_edited_method_is_another_run(module, tmp_path):
    base = module()
    name = module(f"from {base} import Pull\n\n\nclass Mine(Pull):\n    pass\n")
    spec = f"{name}:Mine(0.1)"
    first = RunConfig(method=spec)
    assert set(first.code) == {base, name}
    assert RunConfig(method=spec).hash == first.hash
    # A running process knows the code that it runs, whatever is written to the file.
    (tmp_path / f"{base}.py").write_text(PULL + "# edited\n")
    assert RunConfig(method=spec).hash == first.hash
    imported_again(base)
    imported_again(name)
    second = RunConfig(method=spec)
    assert second.hash != first.hash
    with pytest.raises(HoldfastError, match=f"source of {base} is no longer the one that the run"):
        validated(RunConfig, **first.model_dump())
    # Settings that are made of others may have another method.
    again = validated(RunConfig, **second.model_dump())
    assert validated(RunConfig, **again.model_dump(exclude_unset=True) | {"method": "ER(5)"})


def test_what_a_method_imports_from_its_folder_or_package_is_part_of_its_run(module, tmp_path):
    deep = module("FACTOR = 2\n")
    helper = module(f"def half():\n    from {deep} import FACTOR\n    return 1 / FACTOR\n")
    name = module(f"import json\n\nimport numpy\nimport {helper} as h\n{dedent(PULL)}")
    first = RunConfig(method=f"{name}:Pull(0.1)")
    assert set(first.code) == {name, helper, deep}
    (tmp_path / f"{deep}.py").write_text("FACTOR = 3\n")
    for one in (name, helper):
        imported_again(one)
    second = RunConfig(method=f"{name}:Pull(0.1)")
    assert second.hash != first.hash
    assert second.code[name] == first.code[name]
    with pytest.raises(HoldfastError, match=f"the source of {deep} is no longer the one"):
        validated(RunConfig, **first.model_dump())
    # A run of an earlier version knows the class's module alone, and keeps its hash.
    earlier = first.model_dump() | {"code": {name: first.code[name]}}
    assert validated(RunConfig, **earlier).code == {name: first.code[name]}


def test_relative_imports_of_a_package_are_part_of_a_run(module, tmp_path):
    package = tmp_path / "own_package"
    (package / "inner").mkdir(parents=True)
    for place in ("", "inner"):
        (package / place / "__init__.py").write_text("" if place else "VERSION = 1\n")
    (package / "inner" / "far.py").write_text("from ..near import x\n")
    source = "from . import near\nfrom .inner.far import x\n"
    (package / "near.py").write_text("x = 1\n")
    (package / "mine.py").write_text(source + dedent(PULL))
    assert set(RunConfig(method="own_package.mine:Pull(1)").code) == {
        "own_package",
        "own_package.inner.far",
        "own_package.mine",
        "own_package.near",
    }


def test_a_run_of_a_built_in_method_says_nothing_of_code():
    assert "code" not in RunConfig().plain()
    assert "code" not in RunConfig().model_dump(mode="json")


def test_a_class_without_source_or_file_is_refused(module):
    name = module()
    parse_method(f"{name}:Pull(1)")
    made = type("Made", (sys.modules[name].Pull,), {"__module__": "own_made"})
    sys.modules["own_made"] = type(sys)("own_made")
    sys.modules["own_made"].Made = made
    assert repr(parse_method("own_made:Made(1)")) == "own_made:Made(1)"
    with pytest.raises(HoldfastError, match="'own_made' has neither source nor file"):
        validated(RunConfig, method="own_made:Made(1)")


def test_a_compiled_module_is_known_by_its_file(module, tmp_path):
    import py_compile

    name = module()
    py_compile.compile(str(tmp_path / f"{name}.py"), str(tmp_path / f"{name}.pyc"))
    (tmp_path / f"{name}.py").unlink()
    assert list(RunConfig(method=f"{name}:Pull(1)").code) == [name]


# ---- checkpoints


def test_a_checkpoint_that_names_the_class_without_its_module_is_still_read(
    module, tmp_path, monkeypatch
):
    spec = f"{module()}:Pull(0.1) + ER(20)"
    tasks = stream("task", 2)
    trained = learner(tasks, spec).train(tasks.tasks[0])
    with monkeypatch.context() as earlier:
        earlier.setattr("holdfast.methods.method.spec_name", lambda kind: kind.__name__)
        trained.save(tmp_path / "early.safetensors")
    resumed = learner(tasks, spec)
    resumed.load(tmp_path / "early.safetensors", tasks=tasks.tasks[:1])
    assert resumed.method.parts[1].anchor is not None
    with pytest.raises(HoldfastError, match=r"its method is .ER\(20\) \+ Pull"):
        learner(tasks, LwF()).load(tmp_path / "early.safetensors", tasks=tasks.tasks[:1])


# ---- entry points


@pytest.fixture
def package(module, tmp_path):
    """A function that installs a package with entry points of `holdfast.methods`."""

    def install(package: str, **methods: str) -> None:
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in methods.items()]
        (info / "entry_points.txt").write_text("\n".join(["[holdfast.methods]", *lines]))
        registered.cache_clear()

    yield install
    registered.cache_clear()


def test_an_entry_point_makes_a_class_known_by_its_name(module, package):
    name = module()
    package("pulls", Pull=f"{name}:Pull")
    assert repr(parse_method("Pull(0.1) + ER(5)")) == "ER(5) + Pull(0.1)"
    # One class has one spec, however it is named.
    assert repr(parse_method(f"{name}:Pull(0.1)")) == "Pull(0.1)"
    assert set(RunConfig(method="Pull(0.1)").code) == {name}
    assert named_class("Pull") is sys.modules[name].Pull


def test_entry_points_that_clash_are_refused_and_name_the_packages(module, package):
    name = module()
    package("shadows", ER=f"{name}:Pull")
    package("one", Pull=f"{name}:Pull")
    package("two", Pull=f"{name}:Pull")
    with pytest.raises(HoldfastError, match="belongs to Holdfast and the package shadows"):
        parse_method("ER(500)")
    with pytest.raises(HoldfastError, match="belongs to the package one and the package two"):
        parse_method("Pull(1)")
    # The class is still found by its module, and no name that clashes is its spec.
    assert repr(parse_method(f"{name}:Pull(1)")) == f"{name}:Pull(1)"


def test_an_entry_point_that_leads_nowhere_names_its_package(module, package):
    package("broken", Pull=f"{module()}:Push", Gone="own_nowhere:Gone")
    with pytest.raises(HoldfastError, match="the package broken registers the method 'Pull' as"):
        parse_method("Pull(1)")
    with pytest.raises(HoldfastError, match="which cannot be used: there is no module"):
        parse_method("Gone")


# ---- results


def test_results_of_two_versions_are_two_rows(module, tmp_path):
    from holdfast.results import summarise
    from holdfast.runs.execute import execute

    name = module()
    results = []
    for text in (PULL, PULL + "# edited\n"):
        (tmp_path / f"{name}.py").write_text(text)
        sys.modules.pop(name, None)
        config = quick(f"{name}:Pull(0.1)", "task", data={"tasks": 2}, epochs=1)
        results.append(execute(config, "pull", None, "cpu"))
    groups = summarise(results)
    assert len(groups) == 2
    assert all(group.label.startswith("pull, source ") for group in groups)
    assert groups[0].label != groups[1].label
    assert [group.label for group in summarise(results[:1])] == ["pull"]
