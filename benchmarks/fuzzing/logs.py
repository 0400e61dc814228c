"""Fuzz the logs of evaluation tools: altered copies of files that the tools wrote themselves.

Half of the inputs are malformed for certain (`MALFORMED`) and must be refused. The others are
altered at random, and must not pass the gate unless they are read with the scores of the original.
"""

import copy
import json
import random
import re
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzzing.mutations import DEEP, altered_bytes, altered_value, as_json
from fuzzing.targets import Case, Outcome, WrongPass, outcome

FIXTURES = Path(__file__).parents[2] / "tests" / "gate" / "data" / "formats"
# One side of each tool, as a path below FIXTURES.
SIDES = {
    "every-eval-ever": "every-eval-ever/champion",
    "helm": "helm/champion",
    "hf-evaluate": "hf-evaluate/champion.json",
    "inspect-ai (.eval)": "inspect-ai/champion.eval",
    "inspect-ai (.json)": "inspect-ai/candidate.json",
    "lighteval": "lighteval/champion",
    "lm-eval": "lm-eval/champion",
    "mlflow": "mlflow/champion/genai.json",
    "promptfoo (.json)": "promptfoo/champion.json",
    "promptfoo (.jsonl)": "promptfoo/providers.jsonl",
    "wandb": "wandb/champion",
}
# The gate passes identical sides with this policy, although they are tiny.
POLICY = {
    "decide_by": "figures",
    "inconclusive": "pass",
    "default": {"delta": 0.02},
    "whole": {"largest_accuracy_drop": 0.001},
}
# Where the tools keep scores: keys of objects, and columns of tables.
SCORE_KEYS = {
    "score", "acc", "acc_norm", "exact_match", "value", "mean", "accuracy", "exact/value",
}  # fmt: skip
# What no score may be.
NO_SCORES: list[Any] = ["x7", [[1], 2], {"a": {"b": 1}}, 10**400, float("inf"), float("-inf")]
# Files whose scores are not judged, because others count or their values are no scores.
UNJUDGED = re.compile("prose|results_|scenario_state|run_spec|^[0-9a-f-]{36}.json$")
SCALARS = (b"7", b'"text"', b"null", b"[]", b"{}", b"[1, 2]", b"[{}]", b"true", b"NaN")
OTHER_TABLES = ('{"columns": ["id"], "data": [[1]]}', '{"columns": [], "data": []}')


@dataclass(frozen=True)
class Malformed:
    """A file that no tool can have written.

    Attributes:
        kind: What is wrong with it.
        content: Its bytes.
    """

    kind: str
    content: bytes


def prepare(name: str, folder: Path) -> Path:
    """Copy the side of a tool, and leave only one metric and one provider to choose from.

    Args:
        name: Its name in `SIDES`.
        folder: The folder for the copy.

    Returns:
        The copy.
    """
    source = FIXTURES / SIDES[name]
    target = folder / source.name
    if source.is_dir():
        shutil.copytree(source, target)
        return target
    shutil.copyfile(source, target)
    if name == "hf-evaluate":
        content = json.loads(target.read_text())
        del content["f1"]
        target.write_text(json.dumps(content))
    elif name == "mlflow":
        content = json.loads(target.read_text())
        kept = [k for k, c in enumerate(content["columns"]) if not c.startswith("tone/")]
        content["columns"] = [content["columns"][k] for k in kept]
        content["data"] = [[row[k] for k in kept] for row in content["data"]]
        target.write_text(json.dumps(content))
    elif name == "promptfoo (.jsonl)":
        lines = target.read_text().splitlines()
        target.write_text("".join(f"{line}\n" for line in lines if '"id":"echo"' in line))
    return target


def files_of(side: Path) -> list[Path]:
    """All files of a side."""
    if side.is_file():
        return [side]
    return sorted(path for path in side.rglob("*") if path.is_file())


# ---- inputs that are malformed for certain


def malformed(path: Path, rng: random.Random) -> Malformed:
    """Make malformed content for a file.

    Args:
        path: The file, which is left as it is.
        rng: Random numbers.
    """
    kinds = ["empty", "binary", "truncated", "wide encoding"]
    if path.suffix in (".json", ".jsonl"):
        kinds += ["not UTF-8", "nested", "scalar", "duplicate key"]
        if not is_unjudged(path):
            kinds += ["no score", "no score"]
    if path.suffix == ".eval":
        kinds += ["zip bomb", "other members"]
    kind = rng.choice(kinds)
    return Malformed(kind, _CONTENT[kind](path, rng))


def is_unjudged(path: Path) -> bool:
    """Whether the scores in a file are not judged."""
    place = "/".join(path.parts[-6:])
    return bool(UNJUDGED.search(place) or UNJUDGED.search(path.name))


def _empty(path: Path, rng: random.Random) -> bytes:
    return rng.choice((b"", b" ", b"\n\n", b"\xef\xbb\xbf"))


def _binary(path: Path, rng: random.Random) -> bytes:
    return b"\x00\xff" + rng.randbytes(rng.choice((1, 50, 3000)))


def _truncated(path: Path, rng: random.Random) -> bytes:
    data = path.read_bytes().rstrip()
    while True:
        part = data[: rng.randrange(1, len(data))]
        # A file of JSON lines that ends with a whole line is only shorter.
        try:
            json.loads(part.rpartition(b"\n")[2])
        except ValueError:
            return part


def _wide(path: Path, rng: random.Random) -> bytes:
    text = path.read_bytes().decode("latin-1")
    return text.encode(rng.choice(("utf-16", "utf-32"))) if path.suffix != ".eval" else b"\xff\xfe"


def _not_utf8(path: Path, rng: random.Random) -> bytes:
    data = path.read_bytes()
    places = [k for k in range(len(data) - 1) if data[k : k + 1] == b'"']
    place = rng.choice(places) + 1
    return data[:place] + rng.choice((b"\xff", b"\xed\xa0\x80", b"\xc3\x28")) + data[place:]


def _nested(path: Path, rng: random.Random) -> bytes:
    return rng.choice((b"[" * 100_000, b'{"a":' * 100_000, b"[" * DEEP + b"]" * DEEP))


def _scalar(path: Path, rng: random.Random) -> bytes:
    # An object of another kind beside a log counts as a log without settings.
    if is_unjudged(path):
        return rng.choice([scalar for scalar in SCALARS if not scalar.startswith(b"{")])
    return rng.choice((*SCALARS, *(text.encode() for text in OTHER_TABLES)))


def _duplicate_key(path: Path, rng: random.Random) -> bytes:
    data = path.read_bytes()
    start = data.index(b"{") + 1
    return data[:start] + b'"zz": 1, "zz": 2, ' + data[start:]


def _no_score(path: Path, rng: random.Random) -> bytes:
    junk = rng.choice(NO_SCORES)
    # lm-eval has metrics with several values per document, whose tasks are left out and counted.
    while path.name.startswith("samples_") and isinstance(junk, list | dict):
        junk = rng.choice(NO_SCORES)
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return b"\n".join(as_json(without_scores(line, junk)) for line in lines)
    return as_json(without_scores(json.loads(path.read_text()), junk))


def without_scores(value: Any, junk: Any) -> Any:
    """Copy a JSON value with junk in place of all scores."""
    if isinstance(value, list):
        return [without_scores(inner, junk) for inner in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("columns"), list):
        places = {k for k, column in enumerate(value["columns"]) if column in SCORE_KEYS}
        rows = [[junk if k in places else v for k, v in enumerate(row)] for row in value["data"]]
        return {**value, "data": rows}
    return {
        key: junk if key in SCORE_KEYS and _is_value(inner) else without_scores(inner, junk)
        for key, inner in value.items()
    }


def _is_value(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _zip_bomb(path: Path, rng: random.Random) -> bytes:
    """Let the directory of the archive promise more than any log has."""
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    while place >= 0:
        struct.pack_into("<I", data, place + 24, 0xFFFFFFF0)
        place = data.find(b"PK\x01\x02", place + 4)
    return bytes(data)


def _other_members(path: Path, rng: random.Random) -> bytes:
    other = path.with_name("other.zip")
    with zipfile.ZipFile(other, "w") as archive:
        for name in rng.choice((["a.txt"], ["header.json"], ["summaries.json"], [])):
            archive.writestr(name, rng.choice(("", "[]", "7", "{", '{"status": "success"}')))
    data = other.read_bytes()
    other.unlink()
    return data


_CONTENT: dict[str, Callable[[Path, random.Random], bytes]] = {
    "empty": _empty,
    "binary": _binary,
    "truncated": _truncated,
    "wide encoding": _wide,
    "not UTF-8": _not_utf8,
    "nested": _nested,
    "scalar": _scalar,
    "duplicate key": _duplicate_key,
    "no score": _no_score,
    "zip bomb": _zip_bomb,
    "other members": _other_members,
}


# ---- inputs that are altered at random


def altered(path: Path, rng: random.Random) -> bytes:
    """Make altered content of a file: its bytes, or its structure."""
    data = path.read_bytes()
    if path.suffix not in (".json", ".jsonl") or rng.random() < 0.4:
        return altered_bytes(data, rng)
    if path.suffix == ".json":
        return as_json(altered_value(json.loads(data), rng))
    lines = [json.loads(line) for line in data.splitlines()]
    return b"\n".join(map(as_json, _as_list(altered_value(copy.deepcopy(lines), rng))))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def logs(folder: Path) -> Case:
    """Logs of every tool; the unaltered candidate passes."""
    from holdfast.gate import Gate, read_side
    from holdfast.gate.policy import policy_from

    gate = Gate(policy_from(POLICY))
    valid = {}
    for name in SIDES:
        place = folder / name
        place.mkdir()
        side = prepare(name, place)
        champion = read_side(side, "champion")
        assert gate.judge(champion, read_side(side, "candidate")).passed, name
        valid[name] = (side, champion, _content(champion))

    def case(rng: random.Random) -> Outcome:
        side, champion, right = valid[rng.choice(list(valid))]
        path = rng.choice(files_of(side))
        original = path.read_bytes()
        wrong = malformed(path, rng) if rng.random() < 0.5 else None
        path.write_bytes(wrong.content if wrong else altered(path, rng))

        def read() -> bool:
            found = read_side(side, "candidate")
            passed = gate.judge(champion, found).passed
            same = _content(found) == right
            if passed and not _content(found) >= right:
                raise WrongPass(f"{path.name} passed with other content")
            return same

        try:
            result = outcome(read, True)
        finally:
            path.write_bytes(original)
        if wrong and result != "refused":
            raise AssertionError(f"{path.name} was {result} although it is {wrong.kind}")
        return result

    return case


def _content(side: Any) -> set[tuple[str, ...]]:
    """What is judged: which example of which task has which score. Repeats are averaged."""
    if "example_id" not in side.rows:
        return set(side.rows[["task", "score"]].astype(str).itertuples(index=False, name=None))
    means = side.rows.groupby(["task", "example_id"])["score"].mean().reset_index()
    return set(means.astype(str).itertuples(index=False, name=None))
