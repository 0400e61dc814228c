"""Names from the outside, made harmless for a terminal, a log and a page."""

import re

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    """Text with control characters (escapes, newlines, changes of direction) as ?.

    >>> shown("a\\x1b[31mb\\n")
    'a?[31mb?'
    """
    return CONTROL.sub("?", text)
