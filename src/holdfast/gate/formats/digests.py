"""Short digests of JSON values, which name an example or a setting."""

import hashlib
import json

DIGITS = 16  # hexadecimal digits of a digest


def digest_of(value: object) -> str:
    """Return a short digest of a JSON value. The order of keys does not matter.

    Args:
        value: The value.

    Returns:
        16 hexadecimal digits.

    Example:
        >>> digest_of({"city": "Lima", "year": 1}) == digest_of({"year": 1, "city": "Lima"})
        True
    """
    # Tools write the keys of an object in any order, which may change from run to run.
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
