"""The readers, and the choice of one for a file or folder."""

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.errors import HoldfastError, MissingExtra, one_of
from holdfast.gate.formats import (
    every_eval_ever,
    every_eval_ever_files,
    helm,
    hf_evaluate,
    inspect_ai,
    lighteval,
    lm_eval,
    mlflow,
    promptfoo,
    wandb,
)
from holdfast.gate.formats.log import Log, Wanted
from holdfast.gate.formats.source import Source
from holdfast.text import shown


@dataclass(frozen=True)
class Reader:
    """The reader of one tool's files.

    Attributes:
        name: What the format is called on the command line.
        title: What the tool is called in messages.
        recognises: Whether a file or folder was written by the tool, judged by its content.
        read: Reads it. The last argument is what the source is called in messages. It raises
            `HoldfastError`, or `ValueError` and `KeyError` for content that is not as expected,
            which the caller turns into one line.
    """

    name: str
    title: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source, Wanted, str], Log]


READERS: tuple[Reader, ...] = (
    Reader("lm-eval", "lm-evaluation-harness", lm_eval.recognises, lm_eval.read),
    Reader("inspect-ai", "inspect-ai", inspect_ai.recognises, inspect_ai.read),
    Reader("lighteval", "lighteval", lighteval.recognises, lighteval.read),
    Reader("helm", "HELM", helm.recognises, helm.read),
    Reader(
        "every-eval-ever",
        "Every Eval Ever",
        every_eval_ever_files.recognises,
        every_eval_ever.read,
    ),
    Reader("promptfoo", "promptfoo", promptfoo.recognises, promptfoo.read),
    Reader("wandb", "Weights & Biases", wandb.recognises, wandb.read),
    # Any table of this form may be MLflow's, so its reader comes after that of W&B.
    Reader("mlflow", "MLflow", mlflow.recognises, mlflow.read),
    Reader("hf-evaluate", "Hugging Face evaluate", hf_evaluate.recognises, hf_evaluate.read),
)

TABLES = (".parquet", ".pq")  # endings of folders that hold one table
MOST_LISTED = 5  # files of a folder that a message lists


def read_log(source: Source, wanted: Wanted, where: str) -> Log | None:
    """Read the files of an evaluation tool.

    Args:
        source: The file or folder.
        wanted: What the user asks for.
        where: What the source is called in messages.

    Returns:
        What was found, or None if no tool is named and none is recognised.

    Raises:
        HoldfastError: The named format is unknown, the files are not as the tool writes them, or
            a folder was written by no known tool.
    """
    # A named format is not guessed, so that its reader can say what is wrong with a file.
    by_name = {reader.name: reader for reader in READERS}
    if wanted.format:
        name = one_of("format", wanted.format, by_name)
        return _read(by_name[name], source, wanted, where)
    for reader in READERS:
        if reader.recognises(source):
            return _read(reader, source, wanted, where)
    # A folder with such an ending holds the parts of one table.
    if source.path.is_dir() and source.path.suffix.lower() not in TABLES:
        raise _unrecognised(source, where)
    return None


def _read(reader: Reader, source: Source, wanted: Wanted, where: str) -> Log:
    """Read a source, and begin every refusal with what it is called."""
    try:
        return reader.read(source, wanted, where)
    except MissingExtra:
        raise  # which is no fault of the source
    except HoldfastError as error:
        # Many messages of readers name the source themselves, and once is enough.
        if str(error).startswith(where):
            raise
        raise HoldfastError(f"{where}: {error}") from None


def _unrecognised(source: Source, where: str) -> HoldfastError:
    """Make the error for a folder that no tool has written, and say what is in it."""
    names = [str(path.relative_to(source.path)) for path in source.files]
    holds = "is an empty folder"
    if names:
        listed = ", ".join(shown(name) for name in names[:MOST_LISTED])
        if len(names) > MOST_LISTED:
            listed += ", …"
        holds = f"is a folder with {len(names)} files ({listed})"
    formats = ", ".join(reader.name for reader in READERS)
    return HoldfastError(
        f"{where} {holds}, in which no logs of an evaluation tool were recognised; give a table "
        f"as a file, or the folder of one of the formats {formats}"
    )
