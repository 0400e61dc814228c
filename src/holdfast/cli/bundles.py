"""Several options as one argument of a command.

Typer makes one option of each parameter of a function. A command that takes fifty options would
therefore have fifty parameters, and commands that share options would repeat them. A `Bundle`
gathers options that belong together. The command takes what the bundle builds of them as one
argument.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, Generic, TypeVar, get_type_hints

from typer.core import TyperCommand

Built = TypeVar("Built")


@dataclass(frozen=True)
class Bundle(Generic[Built]):
    """Options that belong together.

    Args:
        parameters: One for each option, annotated as Typer needs it.
        build: Makes the argument of the command from the values of the options, by name.
    """

    parameters: tuple[inspect.Parameter, ...]
    build: Callable[[Mapping[str, object]], Built]


def parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    """Describe one option as a parameter of a function."""
    # Parameters that are given by name may come in any order, whether or not they have a default.
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def options_of(kind: type[Built], without: str = "", **defaults: object) -> Bundle[Built]:
    """Make one option of each field of a dataclass.

    Args:
        kind: The dataclass. Its fields are annotated with `typer.Option`.
        without: A field with a default of its own that is no option.
        **defaults: Defaults that replace those of the class.

    Returns:
        The bundle, which builds an object of the class.
    """
    hints = get_type_hints(kind, include_extras=True)
    parameters = []
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name != without:
            default = defaults.get(field.name, field.default)
            parameters.append(parameter(field.name, hints[field.name], default))
    return Bundle(tuple(parameters), lambda values: kind(**values))


def with_bundles(**bundles: Bundle[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of bundles, in place of the parameters of these names.

    Args:
        **bundles: For each such parameter of the command, the bundle that builds its argument.

    Returns:
        A decorator of the command.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for own in inspect.signature(command).parameters.values():
            if own.name in bundles:
                parameters += bundles[own.name].parameters
            else:
                parameters.append(parameter(own.name, own.annotation, own.default))

        @wraps(command)
        def with_all_options(**values: object) -> None:
            built = {}
            for name, bundle in bundles.items():
                own_values = {option.name: values.pop(option.name) for option in bundle.parameters}
                built[name] = bundle.build(own_values)
            command(**values, **built)

        # Typer reads the options from here.
        with_all_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_all_options

    return decorate


class InSections(TyperCommand):
    """A command whose help shows its options in sections, by their `rich_help_panel`."""

    # The types of the arguments are those of click, or of the copy of it inside newer Typers.
    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one section for each panel, in the order in which the panels first appear."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            # Hidden options have no record.
            if record is not None:
                title = getattr(option, "rich_help_panel", None) or "Options"
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)
