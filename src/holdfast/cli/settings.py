"""The options of `holdfast run` that say what is run: one for each setting of `RunConfig`.

No option is listed here. The name, type, default and meaning of each come from its declaration in
`holdfast.runs.config`. The tables below hold only what looks different on a command line.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from holdfast.cli.bundles import Bundle, parameter
from holdfast.cli.lists import LONGEST_SHOWN, is_whole, split_names
from holdfast.errors import HoldfastError
from holdfast.runs.config import RunConfig
from holdfast.runs.own_settings import OwnData

# Settings without an option of their own, and why.
NO_OPTION = {
    "seed": "--seeds gives one or several, and each of them makes a run",
    "content": "it is computed from the files",
    "backbone_content": "it is computed from the files",
    "code": "it follows from the method",
}
# What to write for a list.
LISTS = {
    "classes": "tasks such as cat+dog,car+bus",
    "text": "columns such as title,body",
    "inputs": "columns such as age,price",
    "roles": "roles such as zip=category,id=unused",
    "then": "names such as ylecun/mnist,digits",
    "sizes": "sizes such as 5,3,2",
    "order": "sorted, seed, or classes such as 3,1,4",
    "pieces": "tasks such as NAME,NAME:rotate=90,NAME:permute=1",
    "task_order": "numbers of tasks such as 2,0,1",
    "hidden": "sizes such as 256,256",
    "epochs": "a whole number, or one per task such as 1,10",
    "evaluate_every": "a whole number, or one per task such as 50,100",
}
ANY_LIST = "values with commas between them"
OWN_DATA = "Your own data"  # the section of the help for settings that only those have
# Switches whose two positions both have a name. The others only have one that turns them on.
SWITCHES = {"shuffle": "--shuffle/--in-order"}


@dataclass(frozen=True)
class Form:
    """What the values of a setting may be.

    Args:
        scalars: The types of a single value.
        words: The words to choose from.
        items: The types of the items of a list.
    """

    scalars: tuple[type, ...] = ()
    words: tuple[str, ...] = ()
    items: tuple[type, ...] = ()

    @property
    def typer_type(self) -> type:
        """The type that Typer reads. Words and lists are text, which `read` reads further."""
        if self.items or self.words:
            return str
        return self.scalars[0]

    @property
    def only_numbers(self) -> bool:
        """Whether it is a list of whole numbers and nothing else."""
        return self.items == (int,) and not self.scalars and not self.words


def form_of(annotation: object) -> Form:
    """Read what the values of a setting may be from its annotation.

    Example:
        >>> form_of(Literal["sorted"] | list[int])
        Form(scalars=(), words=('sorted',), items=(<class 'int'>,))
    """
    form = Form()
    for kind in _alternatives(annotation):
        origin = get_origin(kind)
        if origin is Literal:
            form = Form(form.scalars, form.words + get_args(kind), form.items)
        elif origin is list:
            items = tuple(_alternatives(get_args(kind)[0]))
            form = Form(form.scalars, form.words, form.items + items)
        else:
            form = Form((*form.scalars, kind), form.words, form.items)
    return form


def _alternatives(annotation: object) -> Iterator[type]:
    """The types that an annotation allows, without bounds and without None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for kind in get_args(annotation):
            yield from _alternatives(kind)
    elif annotation is not NoneType:
        yield annotation  # type: ignore[misc]


def read(name: str, form: Form, value: object) -> object:
    """Read what the user wrote for a setting, as far as Typer has not done so.

    `RunConfig` checks bounds and words, as it does for a TOML file.

    Args:
        name: The name of the option.
        form: What the values of the setting may be.
        value: A text, a number or a switch, as Typer gives it.

    Returns:
        The value for `RunConfig`.

    Raises:
        HoldfastError: The text is no list of the kind that the setting takes.

    Example:
        >>> read("epochs", Form(scalars=(int,), items=(int,)), "1,10")
        [1, 10]
    """
    if not isinstance(value, str) or not form.items or value in form.words:
        return value
    pieces = split_names(value)
    # An empty list of numbers means something: a network without hidden layers.
    readable = bool(pieces) or (form.only_numbers and not value)
    if str not in form.items:
        readable = readable and all(map(is_whole, pieces))
    if not readable:
        raise HoldfastError(
            f"{name.replace('_', '-')} {value[:LONGEST_SHOWN]!r} cannot be read; "
            f"expected {LISTS.get(name, ANY_LIST)}"
        )
    items: list[object] = list(pieces)
    if int in form.items:
        items = [_number_or_name(piece) for piece in pieces]
    # A single number is not a list if the setting allows both.
    if len(items) == 1 and int in form.scalars:
        return items[0]
    return items


def _number_or_name(piece: str) -> int | str:
    """Read a whole number, which may be negative as the label of a class is, or leave a name."""
    return int(piece) if is_whole(piece.removeprefix("-")) else piece


def _help(name: str, declared: FieldInfo, form: Form) -> str:
    """What an option means, what to write, and its default."""
    sentences = [declared.description or ""]
    if form.items:
        sentences.append(f"Give {LISTS.get(name, ANY_LIST)}.")
    elif form.words and form.scalars:
        sentences.append(f"Give a number, or {', '.join(form.words)}.")
    elif form.words:
        sentences.append(f"One of {', '.join(form.words)}.")
    default = _shown_default(name, declared.default)
    # Without a default to show, the description says what happens.
    if default:
        sentences.append(f"[default: {default}]")
    return " ".join(sentences)


def _shown_default(name: str, default: object) -> str:
    """Write a default as the user would, or as nothing if there is none."""
    if default is None or default is False:
        return ""
    # The position of a switch is called after its setting.
    if default is True:
        return name
    if isinstance(default, list):
        return ",".join(str(item) for item in default)
    if isinstance(default, float):
        return f"{default:g}"
    return str(default)


def _settings(kind: type[BaseModel], part: str = "") -> Iterator[tuple[str, str, FieldInfo]]:
    """The part, the name and the declaration of each setting of a run."""
    for name, declared in kind.model_fields.items():
        annotation = declared.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _settings(annotation, name)
        elif name not in NO_OPTION:
            yield part, name, declared


def option_name(part: str, name: str) -> str:
    """The name of an option. The `name` of the data is `--data`, that of the model `--model`."""
    if name == "name":
        return part
    return name


def _section(part: str, name: str) -> str:
    """The section of the help that has a setting."""
    if part == "data" and name in OwnData.model_fields:
        return OWN_DATA
    return part.capitalize() or "Method"


def _options(
    without: Collection[str] = (), only: str = "", spelled: Mapping[str, str] | None = None
) -> Bundle[dict[str, object]]:
    """Make the options of `RunConfig`. They build its values, without those that are not given.

    Args:
        without: Options that the command has itself or has no use for.
        only: A part of the settings, such as "data". Empty: all.
        spelled: Options that have another name in this command.
    """
    other_names = dict(spelled or {})
    parameters = []
    # Sections come in the order of their first options, and the usual settings come first.
    settings = sorted(_settings(RunConfig), key=lambda one: _section(*one[:2]) == OWN_DATA)
    for part, name, declared in settings:
        option = option_name(part, name)
        if option in without or (only and part != only):
            continue
        form = form_of(declared.annotation)
        name_here = other_names.get(option, option)
        spelling = [f"--{name_here.replace('_', '-')}"]
        if option in SWITCHES:
            spelling = [SWITCHES[option]]
        shown = typer.Option(
            *spelling,
            help=_help(option, declared, form),
            rich_help_panel=_section(part, name),
        )
        # By default an option is None, so that the run's hash and checks know what was given.
        parameters.append(parameter(name_here, Annotated[form.typer_type | None, shown], None))
    here = {name_here: option for option, name_here in other_names.items()}
    return Bundle(
        tuple(parameters),
        lambda given: _values({here.get(name, name): value for name, value in given.items()}),
    )


def data_settings(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings of the data among those that options give."""
    data = settings.get("data")
    return dict(data) if isinstance(data, dict) else {}


def _values(given: Mapping[str, object]) -> dict[str, object]:
    """Arrange the values of the options as `RunConfig` takes them."""
    values: dict[str, object] = {}
    parts: dict[str, dict[str, object]] = {}
    for part, name, declared in _settings(RunConfig):
        option = option_name(part, name)
        if given.get(option) is None:
            continue
        value = read(option, form_of(declared.annotation), given[option])
        if part:
            parts.setdefault(part, {})[name] = value
        else:
            values[name] = value
    return values | parts


SETTINGS_OF_A_RUN = _options()
# A command that looks at data names them by an argument.
DATA_OF_A_RUN = _options(without=("data",), only="data")
# A month of data is one task, whose path and model file the command names itself.
OF_A_MONTH = _options(
    without=(
        *("data", "stream", "pieces", "task_order", "then", "tasks", "sizes", "order", "blurry"),
        *("examples", "fraction", "validation", "task", "time", "every", "time_format", "classes"),
        *("boundaries", "evaluate_every", "scorer"),
    ),
    spelled={"model": "network"},
)
# A suite has data of its own, which these replace. The commands have the options left out here.
DATA_OF_A_SUITE = _options(without=("validation",), only="data")
DATA_OF_A_PROBE = _options(without=("fraction",), only="data")
