"""What `holdfast run` uses if the user names no optimizer, rate or length."""

import pytest

from holdfast.runs.config import DataConfig, RunConfig
from holdfast.runs.defaults import filled_in, kind_of, with_defaults
from holdfast.runs.options import refuse_idle

TEXTS = {"name": "PolyAI/banking77", "tasks": 7}


def filled(swept=(), method="ER(500)", frozen=False, data=TEXTS, **training):
    config = RunConfig(data=data, training=training, model={"frozen": frozen}, method=method)
    return with_defaults(config, swept)


def told(config):
    training = config.training
    return training.optimizer, training.lr, training.epochs


def test_texts_get_adam_and_more_epochs_and_images_stay_as_they_are():
    assert told(filled()) == ("adam", 0.001, 5)
    images = RunConfig(method="ER(500)")
    assert with_defaults(images).hash == images.hash
    mixed = DataConfig(stream="sequence", then=["PolyAI/banking77"])
    assert kind_of(mixed) == "images"


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"lr": 0.5}, ("sgd", 0.5, 5)),
        ({"optimizer": "sgd"}, ("sgd", 0.01, 5)),
        ({"momentum": 0.5}, ("sgd", 0.01, 5)),
        ({"epochs": 1}, ("adam", 0.001, 1)),
        ({"steps": 10}, ("adam", 0.001, 1)),
        ({"lr": "auto", "epochs": 2}, ("sgd", "auto", 2)),
    ],
)
def test_what_the_user_names_stays(training, expected):
    assert told(filled(**training)) == expected


def test_what_is_swept_counts_as_named():
    assert told(filled(swept=["lr", "epochs"])) == ("sgd", 0.01, 1)


def test_a_method_that_trains_nothing_gets_nothing_that_would_be_refused():
    config = filled(method="NCM()", frozen=True)
    assert told(config) == ("sgd", 0.01, 1)
    refuse_idle([config])


def test_the_note_gives_the_options_and_is_silent_without_any():
    given = RunConfig(data=TEXTS, training={"epochs": 2})
    note = filled_in(given, with_defaults(given))
    assert note == "defaults for texts: --optimizer adam --lr 0.001"
    assert filled_in(RunConfig(), with_defaults(RunConfig())) == ""
