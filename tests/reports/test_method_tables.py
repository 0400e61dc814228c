"""The table of methods as a list and as a pivot, in LaTeX, Markdown, CSV and HTML."""

import csv
import io
import re
from dataclasses import replace

import pytest

from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError
from holdfast.metrics import Interval
from holdfast.reports import as_csv, latex, markdown
from holdfast.reports.html import render
from holdfast.reports.latex import escaped
from holdfast.reports.layout import as_pivot, known_columns
from holdfast.results import load_results, summarise
from holdfast.results.memory_sizes import chosen, memory_size, name_without_size
from holdfast.results.ranking import best, ranks


@pytest.fixture(scope="module")
def results(sweep_folder):
    """ER with 10, 60 and 300 examples in two scenarios, and a method without a memory."""
    found = load_results([sweep_folder])
    moved = [in_scenario(result, "task") for result in found]
    plain = [
        result.model_copy(update={"label": "Plain & simple_", "arguments": {"FineTune": {}}})
        for result in found
        if result.label == "ER(10)"
    ]
    return [*found, *moved, *plain]


def in_scenario(result, scenario):
    config = result.config.model_copy(update={"scenario": scenario})
    return result.model_copy(update={"config": config})


@pytest.fixture(scope="module")
def groups(results):
    return summarise(results)


def with_label(results, label, **arguments):
    changed = {"label": label, "arguments": arguments}
    return summarise([results[0].model_copy(update=changed)])[0]


# ---- sizes of memories


@pytest.mark.parametrize(
    ("label", "arguments", "size", "name"),
    [
        ("ER(200)", {"ER": {"capacity": 200}}, 200, "ER"),
        ("ER 200", {"ER": {"capacity": 200}}, 200, "ER"),
        ("ER, memory 200", {"ER": {"capacity": 200}}, 200, "ER"),
        ("ER(200, ratio=0.25)", {"ER": {"capacity": 200}}, 200, "ER(ratio=0.25)"),
        ("ER(capacity=200), lr=0.1", {"ER": {"capacity": 200}}, 200, "ER, lr=0.1"),
        ("LwF + ER(200)", {"LwF": {}, "ER": {"capacity": 200}}, 200, "LwF + ER"),
        ("DER++ 200", {"DERpp": {"capacity": 200}}, 200, "DER++"),
        ("GEM 50", {"GEM": {"capacity": 10}}, 50, "GEM"),
        ("GEM(10)", {"GEM": {"capacity": 10}}, 50, "GEM"),
        ("ring", {"ER": {"capacity": 10, "memory": "per_task"}}, 50, "ring"),
        ("replay2000", {"ER": {"capacity": 200}}, 200, "replay2000"),
        ("200", {"ER": {"capacity": 200}}, 200, "200"),
        ("EWC(200)", {"EWC": {"strength": 200}}, None, "EWC(200)"),
        ("odd", {"ER": {"capacity": True}}, None, "odd"),
    ],
)
def test_the_size_of_a_memory_and_the_name_without_it(results, label, arguments, size, name):
    group = with_label(results, label, **arguments)
    assert (memory_size(group), name_without_size(group)) == (size, name)


# ---- pivots


def test_a_pivot_has_scenarios_and_sizes_side_by_side(groups):
    layout = as_pivot(groups)
    assert [heading.levels for heading in layout.headings] == [
        (scenario, f"memory {size}") for scenario in ("task", "class") for size in (10, 60, 300)
    ]
    by_name = {row.name: row.cells for row in layout.rows}
    assert set(by_name) == {"ER", "Plain & simple_"}
    # Every number is that of its group.
    for group in groups:
        if group.label.startswith("ER"):
            place = [(g, s) for g in ("task", "class") for s in (10, 60, 300)].index(
                (group.scenario, memory_size(group))
            )
            assert by_name["ER"][place].value == group.values["ACC"]
    # A method without a memory has one number at all sizes, and none where it did not take part.
    plain = by_name["Plain & simple_"]
    assert [cell.text for cell in plain[:3]] == ["", "", ""]
    assert len({cell.text for cell in plain[3:]}) == 1
    assert "has the same value at every size" in layout.note


def test_levels_with_one_value_are_left_out(groups):
    of_class = chosen(groups, None, ["class"])
    assert [h.text for h in as_pivot(of_class).headings] == ["memory 10", "memory 60", "memory 300"]
    one_size = [g for g in groups if g.label == "ER(60)"]
    assert [h.text for h in as_pivot(one_size).headings] == ["task", "class"]
    assert [row.name for row in as_pivot(one_size).rows] == ["ER(60)"]
    one = as_pivot(one_size[:1], known_columns(["bwt", "forgetting"]))
    assert [h.text for h in one.headings] == ["BWT", "F"]


def test_groups_of_one_name_get_a_row_each(groups):
    twice = [*groups, groups[0]]
    names = [row.name for row in as_pivot(twice).rows]
    assert names.count("ER") == 2


def test_a_pivot_in_every_format_has_the_same_numbers(groups, capsys):
    layout = as_pivot(groups, ["ACC", "BWT"])
    texts = [cell.text for row in layout.rows for cell in row.cells]
    page = render(groups, "title")
    overview = re.search(r'<section id="overview">.*?</section>', page, re.S)
    assert overview
    shown = re.findall(r"<td>(?:<b>)?(.*?)(?:</b>)?</td>", overview[0])
    assert shown == [cell.text for row in as_pivot(groups).rows for cell in row.cells]
    lines = markdown(groups, ["ACC", "BWT"], pivot=True).splitlines()
    rows = [line for line in lines if line.startswith("|")][2:]
    cells = [cell.strip().strip("*") for row in rows for cell in row.split("|")[2:-1]]
    assert cells == texts
    rows = list(csv.DictReader(io.StringIO(as_csv(groups, ["ACC", "BWT"], pivot=True))))
    assert len(rows) == 2
    column = "class, memory 60, ACC"
    group = next(g for g in groups if (g.scenario, g.label) == ("class", "ER(60)"))
    assert float(rows[0][column]) == pytest.approx(group.values["ACC"].estimate, abs=1e-6)
    assert float(rows[0][f"{column} low"]) == pytest.approx(group.values["ACC"].low, abs=1e-6)


# ---- the best numbers


def test_the_best_are_those_of_rank_one_and_no_reference(groups):
    members = [group for group in groups if group.scenario == "class"]
    assert best(members) == [rank in ("1", "=1") for rank in ranks(members)]
    alone = best(members, reference=[members[0].label])
    assert not alone[0]
    assert any(alone)
    assert best(members, "parameters") == [False] * len(members)


def test_less_forgetting_is_better_and_one_seed_has_one_best(groups):
    low, high = (replace(group, values=dict(group.values)) for group in groups[:2])
    low.values["forgetting"], high.values["forgetting"] = (
        Interval(0.1, 0.05, 0.15, 0.95, "seeds", 2),
        Interval(0.5, 0.4, 0.6, 0.95, "seeds", 2),
    )
    assert best([high, low], "forgetting") == [False, True]
    nan = float("nan")
    low.values["forgetting"] = Interval(0.1, nan, nan, 0.95, "seeds", 1)
    assert best([high, low], "forgetting") == [True, False]
    high.values["forgetting"] = Interval(0.5, nan, nan, 0.95, "seeds", 1)
    assert best([high, low], "forgetting") == [False, True]
    high.values["forgetting"] = Interval(nan, nan, nan, 0.95, "seeds", 1)
    assert best([high], "forgetting") == [False]


# ---- LaTeX

KNOWN = {
    *("begin", "end", "toprule", "midrule", "bottomrule", "cmidrule", "multicolumn", "textbf"),
    *("caption", "label", "centering", "par", "smallskip", "footnotesize", "pm", "textless"),
    *("textgreater", "textbar", "textbackslash", "textasciitilde", "textasciicircum", "ldots"),
    *("cdot", "times", "rightarrow", "le", "ge", "lambda", "alpha"),
    "beta",
}


def check_latex(text):
    """A small reader of tables, in place of LaTeX: what it accepts would compile with booktabs."""
    code = re.sub(r"(?<!\\)%.*", "", text)
    assert set(re.findall(r"\\([A-Za-z]+)", code)) <= KNOWN
    plain = re.sub(r"\\[{}&%$#_\\]", "", code)
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    assert "#" not in plain
    assert "_" not in re.sub(r"\\label\{.*?\}", "", plain)
    assert code.isascii()
    stack = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", code):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    form = re.search(r"\\begin\{tabular\}\{([lr]+)\}", code)
    assert form
    rows = re.findall(r"^(.*) \\\\$", code, re.M)
    for row in rows:
        assert not row.startswith(("[", "*"))
        cells = re.split(r"(?<!\\)&", row)
        spans = [re.match(r"\s*\\multicolumn\{(\d+)\}", cell) for cell in cells]
        assert sum(int(span[1]) if span else 1 for span in spans) == len(form[1])
    for first, last in re.findall(r"\\cmidrule\(lr\)\{(\d+)-(\d+)\}", code):
        assert 1 < int(first) <= int(last) <= len(form[1])
    return rows


def test_latex_is_sound_whatever_methods_are_called(results):
    labels = ["[best] 50 % & more_", "*{x}$\\y#~^", 'a < b | c > d "e"', "λ × α → β · A − …"]
    changed = [
        result.model_copy(update={"label": label})
        for label, result in zip(labels, results, strict=False)
    ]
    many = summarise([*results, *changed])
    assert len(check_latex(latex(many))) == 1 + len(many)
    check_latex(latex(many, ["rank", "seeds", "ACC", "time", "bytes"]))
    check_latex(latex(many, ["ACC", "F"], pivot=True, caption="A & b_c", label="tab:a_1"))
    assert escaped("[x]") == "{}[x]"


def test_latex_has_chosen_columns_bold_numbers_and_a_rule_between_scenarios(groups):
    text = latex(groups, ["ACC", "time"])
    rows = check_latex(text)
    assert rows[0] == "scenario & method & ACC & time"
    assert text.count(r"\midrule") == 2
    bold = sum(best([g for g in groups if g.scenario == s]).count(True) for s in ("task", "class"))
    accuracies = [re.split(r"(?<!\\)&", row)[2] for row in rows]
    assert sum(r"\textbf" in cell for cell in accuracies) == bold
    assert "% Scores in points" in text
    assert "Bold: no other method is clearly better" in text


def test_a_constant_scenario_and_unknown_numbers_are_no_columns(groups):
    rows = check_latex(latex(chosen(groups, None, ["class"])))
    assert rows[0] == "method & ACC & BWT & F"  # FWT is not defined with a growing head
    assert "FWT" in latex(groups, ["FWT"])


def test_a_caption_and_a_label_make_a_table(groups):
    text = latex(groups, caption="Accuracy on 5 % & more", label="tab:digits")
    check_latex(text)
    assert r"\caption{Accuracy on 5 \% \& more}" in text
    assert text.index(r"\caption") < text.index(r"\label{tab:digits}") < text.index("tabular")
    assert r"\footnotesize Scores in points" in text


# ---- choices


def test_methods_and_scenarios_are_chosen_in_the_order_in_which_they_are_named(groups):
    labels = [g.label for g in chosen(groups, ["Plain & simple_", "ER(10)", "ER"], ["class"])]
    assert labels[:2] == ["Plain & simple_", "ER(10)"]
    assert sorted(labels[2:]) == ["ER(300)", "ER(60)"]
    scenarios = [g.scenario for g in chosen(groups, None, ["class", "task"])]
    assert list(dict.fromkeys(scenarios)) == ["class", "task"]
    with pytest.raises(HoldfastError, match=r"unknown method of these runs 'EWC': .*ER\(10\)"):
        chosen(groups, ["EWC"])
    with pytest.raises(HoldfastError, match="unknown scenario of these runs 'domain'"):
        chosen(groups, None, ["domain"])


def test_columns_are_checked():
    assert known_columns(["acc", "worst forgetting", "Rank"]) == ["ACC", "worst", "rank"]
    with pytest.raises(HoldfastError, match=r"unknown column 'AC': did you mean 'ACC'\?"):
        known_columns(["AC"])
    with pytest.raises(HoldfastError, match="ACC is named twice"):
        known_columns(["ACC", "acc"])
    with pytest.raises(HoldfastError, match="no column is named"):
        known_columns([])


def test_csv_has_no_noise(groups):
    text = as_csv(groups)
    assert not re.search(r"\.\d{7}", text)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0]["parameters"].isdigit()
    chosen_rows = list(csv.DictReader(io.StringIO(as_csv(groups, ["BWT", "rank"]))))
    assert [name for name in chosen_rows[0] if name.startswith("ACC")] == []
    assert chosen_rows[0]["BWT"] == rows[0]["BWT"]


def test_the_command_writes_pivots_and_names_what_has_no_effect(sweep_folder, tmp_path, capsys):
    def call(*options):
        with pytest.raises(SystemExit) as stop:
            run_cli(["report", str(sweep_folder), "--out", str(tmp_path / "r.html"), *options])
        said = capsys.readouterr()
        return stop.value.code or 0, said.out, said.err

    latex_file = tmp_path / "t.tex"
    code, out, err = call(
        "--pivot", "--latex", str(latex_file), "--caption", "Sizes", "--label", "tab:s"
    )
    assert (code, err) == (0, "")
    assert "memory 300" in out
    assert " *" in out
    check_latex(latex_file.read_text())
    code, out, err = call("--caption", "x", "--columns", "ACC", "--reference", "ER(10)")
    assert code == 0
    for option in ("--caption", "--columns", "--reference"):
        assert f"note: {option} has no effect" in err
    code, _, err = call("--columns", "ACC,speed", "--markdown")
    assert code == 2
    assert "unknown column 'speed'" in err
    code, _, err = call("--latex", str(latex_file), "--label", "a b}")
    assert code == 2
    assert "cannot be used in LaTeX" in err
    code, _, err = call("--methods", "EWC")
    assert code == 2
    assert "unknown method of these runs" in err
