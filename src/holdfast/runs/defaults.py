"""How `holdfast run` trains if the user does not say so: it depends on the kind of the data.

A setting that the user leaves out has one default in `RunConfig`, so that suites and old results
keep their meaning. That default, one epoch of SGD, suits images, but learns nothing from texts:
their features have length 1 over 2,048 columns, so the gradients are small, and a data set of
intents has only a few steps per epoch. `with_defaults` writes other values into the settings of a
run, which its files then hold as if the user had given them.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from holdfast.runs.config import RunConfig
from holdfast.runs.data_config import TEXTS, DataConfig
from holdfast.runs.facts import Facts
from holdfast.runs.options import given_settings, missing
from holdfast.validation import validated

Kind = Literal["images", "folders of images", "texts", "tables"]
FOR_ROWS: Mapping[str, object] = {"optimizer": "adam", "lr": 0.001, "epochs": 5}
# Values that differ from those of `TrainingConfig`, by the kind of the data.
DEFAULTS: Mapping[Kind, Mapping[str, object]] = {
    "images": {},
    # Folders of your own are often small, and then one epoch of SGD learns nothing
    # (benchmarks/results/image-defaults.md).
    "folders of images": {"optimizer": "adam", "lr": 0.001, "epochs": 10},
    "texts": FOR_ROWS,
    # A table of your own may hold texts, numbers, or both. On tables of numbers, these settings are
    # at most 3.3 points below the best ones of five epochs, and one epoch of SGD is up to 21 below
    # the best (benchmarks/results/table-defaults.md).
    "tables": FOR_ROWS,
}
# A default is used unless one of these settings was given: rates of two optimizers do not compare,
# momentum belongs to SGD, and the steps take the place of the epochs.
UNLESS_GIVEN = {
    "optimizer": ("optimizer", "lr", "momentum"),
    "lr": ("optimizer", "lr", "momentum"),
    "epochs": ("epochs", "steps"),
}


def kind_of(data: DataConfig) -> Kind:
    """Tell what a data set is made of.

    Args:
        data: The settings of the data.

    Returns:
        A kind of data. A stream of images and texts counts as images.

    Example:
        >>> kind_of(DataConfig()), kind_of(DataConfig(name="PolyAI/banking77"))
        ('images', 'texts')
    """
    if data.own:
        images_alone = _holds_images(data.name) and not data.separate_inputs
        return "folders of images" if images_alone else "tables"
    # An unknown name is refused later, and then nothing should have been said of its kind.
    return "texts" if data.sets <= set(TEXTS) else "images"


def _holds_images(name: str) -> bool:
    """Whether the user's own data are images, and not tables."""
    from holdfast.streams.own_data.digests import images_named_in
    from holdfast.streams.own_data.files import IMAGES as ENDINGS
    from holdfast.streams.own_data.files import files_in, suffix_of

    path = Path(name).expanduser()
    if path.is_file():
        return bool(images_named_in(path))
    return any(suffix_of(file) in ENDINGS for file in files_in(path))


def with_defaults(config: RunConfig, swept: Collection[str] = ()) -> RunConfig:
    """Fill in what the user left out and the kind of the data decides.

    Args:
        config: The settings that the user gave.
        swept: The names of settings that are swept, which count as given.

    Returns:
        The same settings, with the defaults of `DEFAULTS` that have an effect in this run.

    Example:
        >>> config = RunConfig(data=DataConfig(name="PolyAI/banking77"))
        >>> with_defaults(config).training.optimizer, with_defaults(config).training.lr
        ('adam', 0.001)
    """
    given = {name.rpartition(".")[2] for name in given_settings(config)} | set(swept)
    filled = config
    for name, value in DEFAULTS[kind_of(config.data)].items():
        if given & set(UNLESS_GIVEN[name]):
            continue
        candidate = _with(filled, name, value)
        # A method may train in its own way, or not at all.
        if missing(Facts(candidate), f"training.{name}") is None:
            filled = candidate
    return filled


def filled_in(given: RunConfig, filled: RunConfig) -> str:
    """Say which defaults were filled in, as the options that would set them.

    Args:
        given: The settings that the user gave.
        filled: What `with_defaults` made of them.

    Returns:
        One sentence without a full stop, or "" if nothing was filled in.

    Example:
        >>> config = RunConfig(data=DataConfig(name="PolyAI/banking77"))
        >>> filled_in(config, with_defaults(config))
        'defaults for texts: --optimizer adam --lr 0.001 --epochs 5'
    """
    new = given_settings(filled) - given_settings(given)
    kind = kind_of(given.data)
    names = [name for name in DEFAULTS[kind] if f"training.{name}" in new]
    options = [f"--{name} {getattr(filled.training, name)}" for name in names]
    if not options:
        return ""
    return f"defaults for {kind}: {' '.join(options)}"


def _with(config: RunConfig, name: str, value: object) -> RunConfig:
    """Give one setting of training a value."""
    values = config.model_dump(exclude_unset=True)
    values["training"] = values.get("training", {}) | {name: value}
    return validated(RunConfig, **values)
