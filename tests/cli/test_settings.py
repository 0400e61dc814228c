"""Every setting of a run is an option of `holdfast run`, without a list that repeats them."""

import pytest
import typer.main

from holdfast.cli.main import app
from holdfast.cli.settings import LISTS, NO_OPTION, SETTINGS_OF_A_RUN, Form, form_of, read
from holdfast.errors import HoldfastError
from holdfast.runs.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from holdfast.runs.data_config import IMAGES, TEXTS
from holdfast.settings import Settings
from holdfast.streams.decoding import NAMED

PARTS = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}
EVERY_SETTING = [
    (part, name)
    for part, kind in PARTS.items()
    for name in kind.model_fields
    if name not in NO_OPTION
]


def run_options():
    """The options of `holdfast run` by the name of their setting, as click knows them."""
    command = typer.main.get_command(app).commands["run"]
    return {option.name: option for option in command.params}


def option_of(part, name):
    return part if name == "name" else name


def written(part, name):
    """A text that a user could write for a setting, and the value that it means."""
    form = form_of(PARTS[part].model_fields[name].annotation)
    if form.items == (str,):
        return "a,b", ["a", "b"]
    if form.items:
        return "3,4", [3, 4]
    if form.words:
        return form.words[-1], form.words[-1]
    return form.scalars[0](1), form.scalars[0](1)


@pytest.mark.parametrize(("part", "name"), EVERY_SETTING)
def test_every_setting_is_an_option_with_a_help_text(part, name):
    option = run_options()[option_of(part, name)]
    assert option.default is None  # else the settings could not know what the user gave
    declared = PARTS[part].model_fields[name]
    assert declared.description in option.help
    assert option.opts[0].startswith("--")


@pytest.mark.parametrize(("part", "name"), EVERY_SETTING)
def test_every_option_sets_its_setting_and_no_other(part, name):
    text, value = written(part, name)
    values = dict.fromkeys([option.name for option in SETTINGS_OF_A_RUN.parameters])
    values[option_of(part, name)] = text
    assert SETTINGS_OF_A_RUN.build(values) == {part: {name: value}}


def test_the_learner_s_settings_are_settings_of_a_run():
    assert set(Settings.model_fields) <= set(TrainingConfig.model_fields)


def test_settings_of_the_run_itself_are_options_apart_from_named_exceptions():
    own = set(RunConfig.model_fields) - set(PARTS)
    assert own - set(NO_OPTION) <= set(run_options())
    assert "seeds" in run_options()


def test_no_entry_of_the_tables_is_left_over():
    lists = {
        option_of(part, name)
        for part, name in EVERY_SETTING
        if form_of(PARTS[part].model_fields[name].annotation).items
    }
    assert set(LISTS) <= lists


def test_a_setting_that_is_declared_tomorrow_needs_no_table():
    annotation = TrainingConfig.model_fields["evaluate_every"].annotation
    assert form_of(annotation) == Form(scalars=(int,), items=(int,))
    assert read("new_setting", form_of(annotation), "5") == 5
    with pytest.raises(HoldfastError, match="new-setting 'x' cannot be read; expected values with"):
        read("new_setting", form_of(annotation), "x")


@pytest.mark.parametrize("text", ["", ",", " "])
@pytest.mark.parametrize("name", ["then", "pieces", "order", "epochs"])
def test_an_empty_list_is_refused_where_it_means_nothing(name, text):
    part = next(part for part, other in EVERY_SETTING if other == name)
    form = form_of(PARTS[part].model_fields[name].annotation)
    with pytest.raises(HoldfastError, match="cannot be read"):
        read(name, form, text)


def test_a_network_without_hidden_layers_can_be_asked_for():
    assert read("hidden", form_of(ModelConfig.model_fields["hidden"].annotation), "") == []


def test_every_data_set_known_by_name_is_of_images_or_of_texts():
    assert {*IMAGES, *TEXTS} - {"digits"} == set(NAMED)
