"""The settings of a run that are about the user's own data: a folder, or a table file.

They are declared once, here. `streams.own_data` has the same names, so its `Options` are filled
from them field by field.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from holdfast.errors import HoldfastError
from holdfast.settings import ADDED, Positive
from holdfast.validation import Strict

if TYPE_CHECKING:
    from holdfast.streams.own_data.options import Options

# How tasks are made of rows, by the setting that says so.
STREAM_OF = {"task": "column", "time": "windows"}
BY_ROWS = tuple(STREAM_OF.values())
# Roles, features and groups are missing, because their settings are written in another way.
SAME_NAMES = (
    "label",
    "task",
    "time",
    "every",
    "time_format",
    "text",
    "inputs",
    "missing",
    "scale",
    "encoder",
    "embeddings",
    "test",
    "test_column",
    "image_size",
    "color",
    "objective",
    "targets",
    "separate_inputs",
)


class OwnData(Strict):
    """How your own data are read, and how their rows become tasks.

    Example:
        >>> OwnData(time="sold").every
        'month'
    """

    label: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Column of the label. By default a column with a usual name, such as label.",
    )
    task: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Column whose values are the tasks. For images in folders of folders, it is "
        "called folder, and for a folder of tables, file.",
    )
    time: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Column of dates or times, by which rows are cut into tasks.",
    )
    every: Literal["day", "week", "month", "quarter", "year"] | Positive = Field(
        "month",
        json_schema_extra=ADDED,
        description="How much time a task of --time has, or how many rows.",
    )
    time_format: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="How the dates of --time are written, such as %d.%m.%Y. "
        "By default as in 2026-11-30.",
    )
    classes: list[str] = Field(
        [],
        json_schema_extra=ADDED,
        description="The classes of each task of a split stream.",
    )
    text: list[str] = Field(
        [],
        json_schema_extra=ADDED,
        description="Columns of text. Other columns with several words are found by themselves.",
    )
    inputs: list[str] = Field(
        [],
        json_schema_extra=ADDED,
        description="Input columns. By default all columns without another use.",
    )
    roles: list[str] = Field(
        [],
        json_schema_extra=ADDED,
        description="Roles of columns, in place of those that `holdfast data show` prints: "
        "number, boolean, category, date, text, image or unused.",
    )
    missing: Literal["refuse", "drop", "flag"] = Field(
        "refuse",
        json_schema_extra=ADDED,
        description="What becomes of missing values: they are refused, their rows are dropped, or "
        "further inputs say which values are missing.",
    )
    scale: Literal["first-task", "none"] = Field(
        "first-task",
        json_schema_extra=ADDED,
        description="How numbers are scaled: to mean 0 and deviation 1 over the training rows of "
        "the first task, or not at all.",
    )
    encoder: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Folder of a sentence encoder that turns texts into inputs, in the place of "
        "--features.",
    )
    embeddings: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Static embeddings of words, whose mean is the input for a text in the place "
        "of --features: a file of word vectors, a folder, or an installed package. Data sets of "
        "texts that are known by name take them, too.",
    )
    test: float = Field(
        0.2,
        gt=0,
        lt=1,
        json_schema_extra=ADDED,
        description="Share of the rows of each class to test on, if the data have no test part.",
    )
    test_column: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Column that says which rows are test rows, by train and test or true and "
        "false.",
    )
    image_size: Positive = Field(
        32,
        json_schema_extra=ADDED,
        description="Width and height of images in pixels. The middle square of an image is "
        "resized to it.",
    )
    color: Literal["auto", "rgb", "grayscale"] = Field(
        "auto",
        json_schema_extra=ADDED,
        description="Colours of images. With auto, they are RGB if any image has colours.",
    )
    separate_inputs: bool = Field(
        False,
        json_schema_extra=ADDED,
        description="Keep images, texts and other columns apart, for the network branches, which "
        "has a branch for each of them.",
    )
    objective: Literal["classification", "multilabel", "regression", "custom"] = Field(
        "classification",
        json_schema_extra=ADDED,
        description="What is learnt: one label per example, several labels at once, numbers, or "
        "what a --loss of your own says.",
    )
    targets: list[str] = Field(
        [],
        json_schema_extra=ADDED,
        description="Columns of several targets, in the place of --label.",
    )
    # Filled in by `completed`, so that the hash of a run depends on what the files hold.
    content: dict[str, str] = Field(
        {},
        json_schema_extra=ADDED,
        description="Digests of your own files, which Holdfast fills in; leave it out.",
    )

    @model_serializer(mode="wrap")
    def _without_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is at its default, so that files about other data stay as they were."""
        values: dict[str, Any] = write(self)
        for name, field in OwnData.model_fields.items():
            if name in values and values[name] == field.default:
                del values[name]
        return values

    @property
    def task_classes(self) -> list[list[str]]:
        """The classes of each task, if they are listed."""
        return [[name.strip() for name in listed.split("+")] for listed in self.classes]


def completed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Add what follows from the settings of own data: the kind of stream, and the digests.

    Args:
        values: Settings of `DataConfig` as they were given.

    Returns:
        The settings with what follows from them.

    Raises:
        HoldfastError: Two settings contradict each other, or the data do not exist.
    """
    values = _with_stream(dict(values))
    known = values.get("content") or {}
    # The digests of a finished run stay, so that data that changed since then are noticed.
    if isinstance(known, dict):
        content = _content(values, known)
        if content:
            values["content"] = content
    return values


def _with_stream(values: dict[str, Any]) -> dict[str, Any]:
    """Add the kind of stream that a column of tasks or times makes."""
    given = [name for name in ("task", "time", "classes") if values.get(name)]
    if len(given) > 1:
        raise HoldfastError(
            f"data.{given[0]} and data.{given[1]} both say how rows become tasks; give one of them"
        )
    stream = values.get("stream")
    for name, its_stream in STREAM_OF.items():
        if not values.get(name):
            if stream == its_stream:
                raise HoldfastError(f"stream={its_stream!r} needs data.{name}, a column")
            continue
        if stream not in (None, its_stream):
            raise HoldfastError(
                f"data.{name} makes tasks of rows, which contradicts stream={stream!r}; leave one "
                "of them out"
            )
        values["stream"] = its_stream
    if values.get("classes") and (values.get("sizes") or values.get("order")):
        raise HoldfastError(
            "data.classes lists the classes of each task, so data.sizes and data.order have "
            "nothing to say; leave them out"
        )
    return values


def _content(values: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """The digest of the files of each own data set, of an encoder, and of embeddings."""
    names = [values.get("name"), *_texts(values.get("then"))]
    # A mixture names its data sets in its pieces.
    if values.get("stream") == "mixture":
        names = [piece.partition(":")[0] for piece in _texts(values.get("pieces"))]
    suspects = [name for name in names if isinstance(name, str) and name != "digits"]
    encoder = values.get("encoder")
    embeddings = values.get("embeddings")
    if not suspects and not encoder and not embeddings:
        return {}
    # Imported here, because settings of other data need none of it.
    from holdfast.streams.own_data.digests import digest_of
    from holdfast.streams.own_data.files import existing, is_own
    from holdfast.streams.static_embeddings import embeddings_digest

    digests: dict[str, str] = {}
    for name in suspects:
        # A finished run is read again also where its files are gone.
        if name in known:
            digests[name] = known[name]
        elif is_own(name):
            digests[name] = digest_of(existing(name))
    if isinstance(encoder, str):
        digests[encoder] = known.get(encoder) or digest_of(existing(encoder), ())
    if isinstance(embeddings, str):
        digests[embeddings] = known.get(embeddings) or embeddings_digest(embeddings)
    return digests


def _texts(value: object) -> list[str]:
    """The texts of a list; none if a mistake is there, which the check of the field names."""
    if not isinstance(value, list | tuple):
        return []
    return [text for text in value if isinstance(text, str)]


def without_places(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the paths of own data by their digests, for a hash that no move of files changes.

    Args:
        values: The settings of the data as plain values.
    """
    plain = dict(values)
    digests: dict[str, str] = plain.pop("content", {})
    for name in ("name", "encoder", "embeddings"):
        if plain.get(name) in digests:
            plain[name] = digests[plain[name]]
    for name in ("then", "pieces"):
        replaced = []
        for text in plain[name]:
            # A piece says after a colon what becomes of its data set.
            path, colon, change = text.partition(":")
            replaced.append(f"{digests.get(path, path)}{colon}{change}")
        plain[name] = replaced
    return plain


def options_of(data: OwnData, features: str, groups: str | None) -> "Options":
    """The same settings as `streams.own_data` takes them.

    Args:
        data: The settings of the data.
        features: What texts become.
        groups: The column that relates rows.

    Raises:
        HoldfastError: A role is not of the form column=role.
    """
    from holdfast.streams.own_data.options import Options

    settings = {name: getattr(data, name) for name in SAME_NAMES}
    return Options(**settings, features=features, groups=groups, roles=_roles(data.roles))


def _roles(given: list[str]) -> dict[str, str]:
    """Column → role, from texts such as "zip=category"."""
    roles = {}
    for text in given:
        # A name of a column may have an equals sign, but a role has none.
        column, equals, role = text.rpartition("=")
        if not equals:
            raise HoldfastError(
                f"data.roles {text!r} cannot be read; expected column=role such as zip=category"
            )
        roles[column.strip()] = role.strip()
    return roles
