"""The rows of a file of promptfoo, and the choice of one provider and one prompt."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from holdfast.errors import HoldfastError
from holdfast.gate.formats.digests import digest_of
from holdfast.gate.formats.json_content import (
    Record,
    as_list,
    as_object,
    json_lines,
    json_object,
    part,
)
from holdfast.gate.formats.log import Wanted
from holdfast.gate.formats.source import Source
from holdfast.text import shown

ONE_TASK = "all"  # the task of tests whose metadata do not name one
LONGEST = 60  # characters of a prompt that a message shows
OF_A_LINE = {"vars", "provider", "prompt", "success"}  # fields of each line of JSON lines
SESSION = "sessionId"  # a variable that differs from run to run


@dataclass(frozen=True)
class Row:
    """One result: a test that was put to one provider with one prompt.

    Attributes:
        name: What it is called in messages.
        record: Its fields.
        task: The field `task` of the test's metadata, or "all" if there is none.
        variables: Digest of the variables of the test.
        assertions: Digest of each assertion.
        kinds: The types of the assertions.
    """

    name: str
    record: Record
    task: str
    variables: str
    assertions: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def asserted(self) -> str:
        """Digest of all assertions."""
        return digest_of(sorted(self.assertions))


def rows_of(source: Source) -> list[Row]:
    """Read the rows of a file.

    Args:
        source: The file.

    Returns:
        All rows, of every provider and prompt.

    Raises:
        ValueError: A row is not as promptfoo writes it.
    """
    return [_row(name, record) for name, record in _records(source)]


def _records(source: Source) -> Iterator[tuple[str, Record]]:
    """Yield each record, and what it is called in messages."""
    file = source.path
    if source.first_record.keys() >= OF_A_LINE:
        for number, record in json_lines(file):
            yield f"{file.name}, line {number}", record
        return
    results = part(json_object(file), "results").get("results")
    for number, value in enumerate(as_list(results, f"results of {file.name}"), 1):
        name = f"{file.name}, result {number}"
        yield name, as_object(value, name)


def _row(name: str, record: Record) -> Row:
    """Read what names the example of a record."""
    test = part(record, "testCase")
    task = part(test, "metadata").get("task", ONE_TASK)
    if not isinstance(task, str | int | float) or not str(task).strip():
        raise ValueError(f"{name}: metadata.task of the test must be a text")
    assertions = _assertions(record)
    return Row(
        name=name,
        record=record,
        task=str(task),
        variables=_variables(record),
        assertions=tuple(digest_of(assertion) for assertion in assertions),
        kinds=tuple(str(assertion.get("type")) for assertion in assertions),
    )


def _variables(record: Record) -> str:
    """Return a digest of the variables of a test."""
    # As promptfoo itself does to compare tests, leave out what belongs to the run.
    own = {
        key: value
        for key, value in part(record, "vars").items()
        if not key.startswith("_") and key != SESSION
    }
    # Tests without variables differ by what they are called.
    if not own:
        return digest_of(part(record, "testCase").get("description"))
    return digest_of(own)


def _assertions(record: Record) -> list[Record]:
    """Return the assertions of a test."""
    listed = part(record, "testCase").get("assert")
    if isinstance(listed, list):
        return [assertion for assertion in listed if isinstance(assertion, dict)]
    # Version 2 names them beside their results only.
    checks = part(record, "gradingResult").get("componentResults")
    if not isinstance(checks, list):
        return []
    return [part(check, "assertion") for check in checks if isinstance(check, dict)]


# ---- one provider, one prompt


def chosen_rows(rows: Sequence[Row], wanted: Wanted, where: str) -> list[Row]:
    """Choose the rows of one provider and one prompt.

    Args:
        rows: All rows.
        wanted: What the user asks for. `model` names the provider by its id or its label, `prompt`
            the prompt by its label or its number, counted from 1.
        where: What the source is called in messages.

    Raises:
        HoldfastError: There are several and none is chosen, or there is none of that name.
    """
    of_provider = _of_one(rows, _provider, wanted.model, "provider", "--model-name", where)
    return _of_one(of_provider, _prompt, wanted.prompt, "prompt", "--prompt", where)


def _of_one(
    rows: Sequence[Row],
    names_of: Callable[[Record], tuple[str, ...]],
    wanted: str,
    kind: str,
    option: str,
    where: str,
) -> list[Row]:
    """Choose the rows of one provider, or of one prompt."""
    # Their order in the file differs from run to run, but that of their names does not.
    variants = sorted({names_of(row.record) for row in rows})
    if len(variants) < 2 and not wanted:
        return list(rows)
    # A name comes before a number, because a label may be a number.
    named = [names for names in variants if wanted in names]
    if wanted.isdecimal() and not named and 0 < int(wanted) <= len(variants):
        named = [variants[int(wanted) - 1]]
    if len(named) == 1:
        return [row for row in rows if names_of(row.record) == named[0]]
    shown_names = "; ".join(
        f"{number}: {_short(names[-1])}" for number, names in enumerate(variants, 1)
    )
    if not wanted or named:
        raise HoldfastError(
            f"{where} has results of {len(variants)} {kind}s, but one is judged; choose it by "
            f"name or number with {option}, they are {shown_names}"
        )
    raise HoldfastError(f"{where} has no {kind} {_short(wanted)!r}; it has {shown_names}")


def _provider(record: Record) -> tuple[str, ...]:
    """Return the names of a provider: its id and its label, as far as it has them."""
    provider = record.get("provider")
    if isinstance(provider, dict):
        return _names(provider.get("id"), provider.get("label"))
    return _names(provider)


def _prompt(record: Record) -> tuple[str, ...]:
    """Return the names of a prompt: its id and its label, as far as it has them."""
    prompt = part(record, "prompt")
    # The label is called `display` in version 2.
    return _names(record.get("promptId"), prompt.get("label", prompt.get("display")))


def _names(*values: object) -> tuple[str, ...]:
    """Keep the values that name something."""
    # A label is empty if the user gave none.
    names = tuple(value for value in values if isinstance(value, str) and value)
    return names or ("without a name",)


def _short(name: str) -> str:
    """Shorten a name for a message, which stays on one line."""
    # A prompt may be a whole page.
    line = shown(" ".join(name.split()))
    if len(line) <= LONGEST:
        return line
    return f"{line[:LONGEST]}…"
