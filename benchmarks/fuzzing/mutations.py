"""Valid samples, altered: bytes and texts anywhere, JSON and TOML by their structure."""

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

DEEP = 4000  # brackets beyond what any parser should follow
WRONG: list[Any] = [
    None, True, False, -1, 0, 1, 2, 10**9, 10**400, 2**63, 0.5, -0.5, 1e308, 1e-320,
    float("inf"), float("-inf"), float("nan"), "", " ", "x", "x" * 3000, "\ud800", "\x00", "\u202e",
    "NaN", "1e999", "null", [], [[]], [None], {}, {"": None}, {"a": {"b": []}}, [1] * 300,
]  # fmt: skip
TOKENS = [
    b"1e999", b"-1e999", b"9" * 400, b"9" * 5000, b"NaN", b"nan", b"inf", b"-0", b"0x1", b"1_0",
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"'",
    b",", b";", b"\t", b"[", b"]", b"{", b"}", b"(", b")", b"=", b":", b"#", b"null", b"true",
    b"1970-01-01", b"\xe2\x80\xae", b"*", b"-", b"+ ", b".", b"[" * DEEP, b"(" * 300,
    b'{"a":' * DEEP, b"-" * DEEP, b"[" * DEEP + b"]" * DEEP, b"a" * 200_000,
]  # fmt: skip
Random = random.Random


def altered_bytes(data: bytes, rng: Random, others: Sequence[bytes] = ()) -> bytes:
    """The data with one to four alterations.

    An alteration flips bits, cuts, doubles or moves a part, or puts in a token or a part of others.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_ALTERATIONS)(data, rng, others)
    return data


def _flip(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    if not data:
        return b"\x00"
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 16))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _digit(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Another digit in place of one: what stays readable and means something else."""
    at = [k for k in range(len(data)) if 48 <= data[k] <= 57]
    if not at:
        return data
    k = rng.choice(at)
    return data[:k] + str(rng.randrange(10)).encode() + data[k + 1 :]


def _cut(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    a, b = sorted(rng.randrange(len(data) + 1) for _ in "ab")
    return rng.choice(
        (data[:a], data[a:], data[:a] + data[b:], data[: a + 3], data[:a] + data[a + 1 :])
    )


def _insert(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    k = rng.randrange(len(data) + 1)
    return data[:k] + rng.choice(TOKENS) + data[k + rng.choice((0, 0, 1, 5)) :]


def _double(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    a, b = sorted(rng.randrange(len(data) + 1) for _ in "ab")
    return data[:b] + data[a:b][:100_000] + data[b:]


def _lines(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Lines doubled, left out or in another order."""
    lines = data.split(b"\n")
    k, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(3)
    if kind == 0:
        lines.insert(k, lines[j])
    elif kind == 1:
        del lines[k]
    else:
        lines[k], lines[j] = lines[j], lines[k]
    return b"\n".join(lines)


def _splice(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    if not others:
        return data
    other = rng.choice(others)
    a, b = rng.randrange(len(data) + 1), rng.randrange(len(other) + 1)
    return data[:a] + other[b:]


_ALTERATIONS: tuple[Callable[[bytes, Random, Sequence[bytes]], bytes], ...] = (
    _flip, _digit, _digit, _cut, _insert, _insert, _double, _lines, _splice,
)  # fmt: skip


def altered_value(value: Any, rng: Random) -> Any:
    """A JSON-like value in which one to three places are altered.

    A place is replaced, left out, doubled, or exchanged with another.
    """
    out = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = [(parent, key) for parent, key in _places(out)]
        if not places:
            return rng.choice(WRONG)
        parent, key = rng.choice(places)
        kind = rng.randrange(6)
        if kind <= 2:
            parent[key] = copy.deepcopy(rng.choice(WRONG))
        elif kind == 3:
            del parent[key]
        elif kind == 4:
            other, of = rng.choice(places)
            if of in (other if isinstance(other, dict) else range(len(other))):
                parent[key] = copy.deepcopy(other[of])
        elif isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        else:
            parent[rng.choice(("", "x", "\ud800", f"{key}s", str(key).upper()))] = parent[key]
    return out


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting and len(found) < 3000:
        at = waiting.pop()
        keys = (
            list(at)
            if isinstance(at, dict)
            else list(range(len(at)))
            if isinstance(at, list)
            else []
        )
        for key in keys:
            found.append((at, key))
            waiting.append(at[key])
    return found


def as_json(value: Any) -> bytes:
    """JSON as Python writes it: with NaN and Infinity, and lone surrogates as escapes."""
    return json.dumps(value).encode()


def as_toml(value: dict[str, Any]) -> bytes:
    """TOML in one line per key; what TOML cannot hold becomes a text."""
    return "\n".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()).encode(
        "utf-8", "surrogatepass"
    )


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return _quoted("null" if value is None else str(value))


def _key(key: object) -> str:
    return _quoted(str(key))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
