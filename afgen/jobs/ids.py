"""Identifiers: a prefix that names the kind, and a ULID, which sorts by the time it was made.

The layout is that of the ULID specification (github.com/ulid/spec): 48 bits of milliseconds and 80
random bits, in 26 characters of Crockford's base 32, here in lower case.
"""

import re
import secrets
from datetime import datetime
from enum import StrEnum

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_CHARACTERS = 26
_RANDOM_BITS = 80


class Kind(StrEnum):
    """What an identifier names."""

    TENANT = "ten"
    KEY = "key"
    ASSET = "ast"
    JOB = "job"
    BATCH = "bat"
    SCHEDULE = "sch"
    ENDPOINT = "whe"
    DELIVERY = "dlv"


def pattern(kind: Kind) -> str:
    """The regular expression of all identifiers of a kind."""
    return f"^{kind}_[{_ALPHABET}]{{{_CHARACTERS}}}$"


def is_id(kind: Kind, text: str) -> bool:
    """Whether `text` has the form of an identifier of this kind."""
    return re.fullmatch(pattern(kind), text) is not None


def new_id(kind: Kind, at: datetime) -> str:
    """An identifier that nobody else has; later ones sort later, to the millisecond."""
    return new_ids(kind, at, 1)[0]


def new_ids(kind: Kind, at: datetime, count: int) -> list[str]:
    """`count` identifiers in rising order, as for the items of a batch."""
    milliseconds = int(at.timestamp() * 1000)
    first = secrets.randbits(_RANDOM_BITS - 1)  # the top bit stays free: counting up never spills
    base = milliseconds << _RANDOM_BITS | first
    return [f"{kind}_{_base32(base + offset)}" for offset in range(count)]


def _base32(number: int) -> str:
    digits = (number >> shift & 31 for shift in range(5 * (_CHARACTERS - 1), -1, -5))
    return "".join(_ALPHABET[digit] for digit in digits)
