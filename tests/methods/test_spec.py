"""Specs from anywhere: each is a method, or one clear error."""

import pytest

from holdfast.cli.main import run_cli
from holdfast.engine.memory import Memory
from holdfast.errors import HoldfastError
from holdfast.methods import parse_method


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "cannot be read"),
        ("ER(\ud800)", "surrogates"),
        ("ER\x00", "null bytes"),
        ("ER({[]: 1})", "plain values"),
        ("ER({1: 2})", "plain values"),
        ("GEM(1e999)", "finite numbers"),
        ("GEM(-1e999)", "finite numbers"),
        ("GEM([1e999])", "finite numbers"),
        ("EWC(1j)", "plain values"),
        ("EWC(b'x')", "plain values"),
        ("EWC(...)", "plain values"),
        ("ER(" + "9" * 5000 + ")", "digits"),
        ("ER(" + "9" * 400 + ")", "plain values"),
        ("ER(10**9)", "plain values"),
        ("ER(*[5])", "plain values"),
        ("ER(**{'capacity': 5})", "write each argument as name=value"),
        ("ER(5, 5, 5, 5, 5, 5, 5, 5, 5, 5)", "too many positional"),
        ("ER(capacity=5, capacity=6)", "given twice|repeated"),
        ("ER('many')", "whole number of examples"),
        ("ER(True)", "whole number of examples"),
        ("ER([5])", "whole number of examples"),
        ("ER(5.5)", "whole number of examples"),
        ("ER(10) + " * 3 + "ER(10)", "in the sum twice"),
        (" + ".join(["ER(10)"] * 1000), "in the sum twice"),
        (" + ".join(["ER(10)"] * 3000), "a spec may have 10000"),
        ("ER(" * 300 + ")" * 300, "too many nested"),
        (
            "ER(" + "-" * 5000 + "1)",
            "nested too deeply|does not fit into memory|too complex|recursion",
        ),
        ("ER(" + "[" * 4000 + "]" * 4000 + ")", "nested"),
        ("ER if 1 else EWC", "names with arguments"),
        ("(lambda: 0)()", "names with arguments"),
        ("__import__('os')", "unknown method"),
    ],
)
def test_what_is_no_method_is_one_clear_error(spec, message):
    with pytest.raises(HoldfastError, match=message) as error:
        parse_method(spec)
    assert len(str(error.value)) < 1500


def test_a_spec_may_have_as_many_characters_as_the_message_says():
    longest = "ER(5)".ljust(10_000)
    assert repr(parse_method(longest)) == "ER(5)"
    with pytest.raises(HoldfastError, match="has 10001 characters; a spec may have 10000"):
        parse_method(longest + " ")


def test_every_accepted_spec_can_be_read_again():
    for spec in ("ER(500) + LwF(2)", "GenerativeReplay(hidden=[8, 4])", "EWC(1e300)", "PackNet"):
        again = repr(parse_method(spec))
        assert repr(parse_method(again)) == again


@pytest.mark.parametrize(
    "capacity", [float("inf"), float("nan"), 10**400, -1, 0, "5", None, True, 2.5, [5]]
)
def test_a_memory_of_no_whole_number_is_refused(capacity):
    with pytest.raises(HoldfastError, match="memory capacity must be a whole number"):
        Memory(capacity)


def test_a_memory_that_fits_into_no_machine_is_a_mistake_of_the_user(tmp_path, capsys):
    with pytest.raises(SystemExit) as done:
        run_cli(["run", "--method", "ER(1000000000000)", "--steps", "2", "--out", str(tmp_path)])
    assert done.value.code == 2
    assert "but this machine has" in capsys.readouterr().err


def test_a_network_that_fits_into_no_machine_is_a_mistake_of_the_user(tmp_path, capsys):
    with pytest.raises(SystemExit) as done:
        run_cli(["run", "--hidden", "2000000000,2000000000", "--out", str(tmp_path)])
    assert done.value.code == 2
    assert "does not fit into this machine's memory" in capsys.readouterr().err
