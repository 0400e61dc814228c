"""Suite files: what they extend, sizes of the memory, their schema, and the file to start from."""

import json
import re
import shlex
import tomllib
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from holdfast.bench.entries import MethodEntry
from holdfast.bench.extending import merged
from holdfast.bench.schema import suite_schema, tables
from holdfast.bench.suite_text import effective, toml_value
from holdfast.bench.suites import Suite, load_suite, shipped
from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError
from holdfast.runs.config import PARTS

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(r"```toml\n(.*?)```", (DOCS / "suites.md").read_text(), re.S)
PLAIN = 'name = "s"\nscenarios = ["class"]\nseeds = [1]\nmethods = [{ spec = "ER(500)" }]\n'


def load(folder, text, name="s.toml"):
    (folder / name).write_text(text)
    return load_suite(str(folder / name))


def hashes(suite):
    return [(label, config.hash) for label, config in suite.runs()]


# ---- the format


def test_the_schema_and_the_page_are_those_of_the_models():
    kept = json.loads((DOCS / "suite.schema.json").read_text())
    assert kept == suite_schema(), "holdfast bench --schema > docs/suite.schema.json"
    assert tables() in (DOCS / "suites.md").read_text(), "python -m holdfast.bench.schema"


def test_every_key_of_a_suite_is_explained():
    page = (DOCS / "suites.md").read_text()
    for kind in (Suite, MethodEntry, *PARTS.values()):
        for name, field in kind.model_fields.items():
            assert field.description, (kind, name)
            assert f"| `{field.alias or name}` |" in page, (kind, name)
            assert field.description.replace("|", "\\|") in page, (kind, name)


@pytest.mark.parametrize("name", [*shipped(), "new_suite"])
def test_the_schema_accepts_every_suite_of_the_package(name):
    folder = files("holdfast.bench")
    file = folder.joinpath("shipped", f"{name}.toml")
    if name == "new_suite":
        file = folder.joinpath("new_suite.toml")
    jsonschema.validate(tomllib.loads(file.read_text()), suite_schema())


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (PLAIN.replace("seeds", "seed"), "seed"),
        (PLAIN.replace("spec", "sepc"), "sepc"),
        (PLAIN.replace('"class"', '"klass"'), "klass"),
        (PLAIN.replace("[1]", "[-1]"), "-1"),
        (PLAIN + 'memory = ["many"]', "many"),
        (PLAIN + "[training]\nlr = -1", "-1"),
        (PLAIN + "[training]\nlrr = 1", "lrr"),
        (PLAIN + "[only.class.model]\nhiden = [5]", "hiden"),
        (PLAIN + "[only.klass.model]\nhidden = [5]", "klass"),
        (PLAIN.replace("(500)'", "(5)', training = { lrr = 1 }").replace('"ER(500)"', "5"), "5"),
        (PLAIN.replace('"ER(500)"', '"ER(500)", training = { lrr = 1 }'), "lrr"),
        (PLAIN.replace("name", "nam"), "nam"),
        (PLAIN + 'extend = "demo"', "extend"),
    ],
)
def test_a_mistake_is_refused_by_the_schema_and_named_by_the_command(tmp_path, wrong, where):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(wrong), suite_schema())
    with pytest.raises(HoldfastError) as error:
        list(load(tmp_path, wrong).runs())
    assert "s.toml" in str(error.value)
    assert where in str(error.value)


def test_a_mistyped_key_is_named_before_the_one_that_is_therefore_missing(tmp_path):
    with pytest.raises(HoldfastError, match="unknown setting 'seed': did you mean 'seeds'"):
        load(tmp_path, PLAIN.replace("seeds", "seed"))
    with pytest.raises(HoldfastError, match=r"'methods.0.sepc': did you mean 'spec'\? .*class,"):
        load(tmp_path, PLAIN.replace("spec", "sepc"))


@pytest.mark.parametrize("block", BLOCKS)
def test_the_suites_of_the_page_are_suites(tmp_path, block):
    # The last one shows its first lines alone.
    if "#:schema" in block:
        block += PLAIN.partition("\n")[2]
    runs = list(load(tmp_path, block).runs())
    assert len({config.hash for _, config in runs}) == len(runs) > 0


# ---- sizes of the memory


def test_a_method_takes_part_once_for_each_size(tmp_path):
    suite = load(tmp_path, next(block for block in BLOCKS if '"sizes"' in block))
    seeds = {label: config.method for label, config in suite.runs() if config.scenario == "domain"}
    assert seeds == {
        "FineTune": "FineTune()",
        "ER 50": "ER(50)",
        "ER 200": "ER(200)",
        "ER 500": "ER(500)",
        "GEM 50": "GEM(10)",
        "GEM 200": "GEM(40)",
        "GEM 500": "GEM(100)",
        "DER++ 50": "DERpp(50, alpha=1.0, beta=1.0)",
        "DER++ 200": "DERpp(200, alpha=1.0)",
        "DER++ 500": "DERpp(500, alpha=1.0)",
    }
    assert {c.method for _, c in suite.only_these(["ER"], None).runs()} == {
        "ER(50)",
        "ER(200)",
        "ER(500)",
    }
    # Without a label, the spec names the size.
    plain = load(tmp_path, PLAIN.replace("500", "{memory}") + "memory = [5]")
    assert [label for label, _ in plain.runs()] == ["ER(5)"]


@pytest.mark.parametrize(
    ("spec", "sizes", "message"),
    [
        ("ER({memory})", "[]", "the suite names none; add a line such as memory"),
        ("ER({size})", "[5]", r"unknown placeholder in 'ER\({size}\)' '{size}'"),
        ("GEM({memory_per_task})", "[7]", "7 examples cannot be divided by 5 tasks"),
        ("ER({memory})", "[0]", "memory.0 must be at least 1, got 0|greater than or equal to 1"),
    ],
)
def test_sizes_that_cannot_be_are_refused(tmp_path, spec, sizes, message):
    with pytest.raises(HoldfastError, match=message):
        list(load(tmp_path, PLAIN.replace("ER(500)", spec) + f"memory = {sizes}").runs())


# ---- extending


def test_a_suite_inherits_everything_but_its_name(tmp_path):
    base, mine = load_suite("demo"), load(tmp_path, 'name = "mine"\nextends = "demo"')
    assert hashes(mine) == hashes(base)
    assert (mine.name, mine.description) == ("mine", "")


def test_what_a_file_gives_comes_before_what_it_inherits(tmp_path):
    (tmp_path / "base").mkdir()
    base = PLAIN + "[training]\nlr = 0.1\nepochs = 3\n[only.class.training]\nclip = 1.0\n"
    (tmp_path / "base" / "b.toml").write_text(base)
    middle = 'name = "m"\nextends = "base/b.toml"\n[training]\nlr = 0.2\nbatch_size = 8\n'
    (tmp_path / "m.toml").write_text(middle)
    text = 'name = "s"\nextends = "m.toml"\nseeds = [7]\n[training]\nbatch_size = 16\n'
    ((_, config),) = load(tmp_path, text).runs()
    training = config.training
    assert (training.lr, training.batch_size, training.epochs, training.clip) == (0.2, 16, 3, 1.0)
    assert config.seed == 7


def test_inherited_methods_stay_where_the_word_for_them_is():
    base = {"methods": [{"label": "a", "spec": "ER(1)"}, {"spec": "FineTune"}]}
    own = {"methods": [{"label": "a", "spec": "ER(2)"}, "inherited", {"spec": "Joint"}]}
    assert merged(base, own)["methods"] == [
        {"label": "a", "spec": "ER(2)"},
        {"spec": "FineTune"},
        {"spec": "Joint"},
    ]
    assert merged(base, {"methods": [{"spec": "Joint"}]})["methods"] == [{"spec": "Joint"}]


@pytest.mark.parametrize(
    ("table", "settings"),
    [
        ("training", 'optimizer = "adam"'),
        ("training", "steps = 3"),
        ("model", 'name = "convnet"'),
        ("data", 'stream = "mixture"\npieces = ["digits", "digits:rotate=90"]'),
        ("data", 'stream = "permuted"'),
        ("data", "sizes = [5, 3, 2]"),
    ],
)
def test_settings_that_belong_to_a_changed_one_are_not_inherited(tmp_path, table, settings):
    from holdfast.runs.options import refuse_idle

    text = f'name = "s"\nextends = "demo"\nscenarios = ["domain"]\n[{table}]\n{settings}\n'
    suite = load(tmp_path, text)
    refuse_idle([config for _, config in suite.runs()])
    # A setting that is given again as it is changes nothing.
    same = load(tmp_path, 'name = "t"\nextends = "s.toml"\n' + f"[{table}]\n{settings}\n", "t.toml")
    assert hashes(same) == hashes(suite)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "s.toml"', r"in a circle: s.toml → s.toml; remove one extends"),
        ('extends = "two.toml"', r"in a circle: s.toml → two.toml → s.toml"),
        ('extends = "dmo"', "unknown suite 'dmo': did you mean 'demo'"),
        ('extends = "nowhere.toml"', r"there is no suite file .*nowhere.toml"),
        ("extends = 3", "got 3"),
        ('extends = "demo"\nmethods = ["inherited", "others"]', r"methods.\d+ must be a table"),
        ('extends = "demo"\n[training]\nlr = "fast"', "training.lr must be a number, got 'fast'"),
        (PLAIN.partition("\n")[2].replace("[{", '["inherited", {'), "this one extends none"),
    ],
)
def test_what_cannot_be_extended_is_refused(tmp_path, text, message):
    (tmp_path / "two.toml").write_text('name = "two"\nextends = "s.toml"')
    with pytest.raises(HoldfastError, match=message):
        load(tmp_path, f'name = "s"\n{text}')


# ---- suites as text


@pytest.mark.parametrize("name", ["demo", "van-de-ven-2022", "mnist-to-fashion", "orders-images"])
def test_the_effective_suite_makes_the_same_runs(tmp_path, name):
    suite = load_suite(name)
    text = effective(suite)
    assert hashes(load(tmp_path, text)) == hashes(suite)
    # Defaults are there too, as comments.
    assert re.search(r"^# weight_decay = 0.0$|^weight_decay", text, re.M)


@pytest.mark.parametrize(
    "value",
    ['a "quoted" \\ word\x7f\n', "é → ü", True, 1e-05, [1, 2.5], [], {}, {"a b": {"c": [1]}}],
)
def test_values_are_read_as_they_were_written(value):
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value


def called(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        run_cli([str(word) for word in arguments])
    said = capsys.readouterr()
    return ended.value.code or 0, said.out, said.err


def test_a_new_suite_runs_with_the_command_that_is_printed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = called(capsys, "bench", "--new", "my suite.toml")
    assert code == 0
    command = shlex.split(out.splitlines()[-1])
    assert command == ["holdfast", "bench", "my suite.toml"]
    text = Path("my suite.toml").read_text()
    comments = [line for line in text.splitlines() if "#" in line]
    assert len(comments) >= 10
    # The command as it is takes a minute, so two of its seeds, one scenario and two methods do.
    fewer = ["--scenarios", "domain", "--methods", "ER", "--seeds", "1,2", "--jobs", "1"]
    code, out, err = called(capsys, *command[1:], *fewer)
    assert code == 0, err
    assert "ER 200" in out
    assert "memory 200" in out
    assert "no selection" not in out  # sizes are compared, and nobody selects one
    assert len(list(Path("runs/my suite").rglob("result.json"))) == 4
    assert "Overview" in Path("runs/my suite/report.html").read_text()
    before = Path("my suite.toml").read_bytes()
    code, _, err = called(capsys, "bench", "--new", "my suite.toml")
    assert code == 2
    assert "exists already" in err
    assert Path("my suite.toml").read_bytes() == before


def test_the_options_that_end_the_command(tmp_path, capsys):
    code, _, err = called(capsys, "bench", "--new", tmp_path / "suite.yaml")
    assert code == 2
    assert "must end in .toml" in err
    code, _, err = called(capsys, "bench", "--new", tmp_path / "s.toml", "--seeds", "1")
    assert code == 2
    assert "--seeds has no effect beside --new" in err
    assert not list(tmp_path.iterdir())
    code, out, _ = called(capsys, "bench", "--schema")
    assert code == 0
    assert json.loads(out) == suite_schema()
    code, out, _ = called(
        capsys, "bench", "demo", "--show", "--seeds", "1,2", "--methods", "ER,Joint"
    )
    assert code == 0
    assert "# 12 runs: 2 methods, 3 scenarios, 2 seeds" in out
    assert len(list(load(tmp_path, out).runs())) == 12
    code, _, err = called(capsys, "bench", "demo", "--show", "--sweep", "lr=1,2")
    assert code == 2
    assert "--sweep has no effect beside --show" in err
