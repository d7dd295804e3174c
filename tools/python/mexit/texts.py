"""Rules for names and texts: what a file says can be printed as it is."""
from __future__ import annotations

import unicodedata

from .errors import MexitError, require

_REORDERING = frozenset([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_SEPARATORS = frozenset([0x2028, 0x2029])
MAX_TEXT_BYTES = 64 * 1024


def check_name(text: str, field: str, most: int = 200) -> None:
    """1 to `most` bytes of UTF-8 that can be printed on one line."""
    size = _utf8_bytes(text, field)
    require(1 <= size <= most, f"{field} has {size} bytes; must have 1 to {most}")
    _check_characters(text, field, "")


def identity(name: str) -> str:
    """What decides whether two names are the same: they may not differ in the Unicode form of one text only."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def check_text(text: str, field: str) -> None:
    """At most 64 KiB of UTF-8 that can be printed; tabs and line feeds are allowed."""
    size = _utf8_bytes(text, field)
    require(size <= MAX_TEXT_BYTES, f"{field} has {size} bytes; at most {MAX_TEXT_BYTES}")
    _check_characters(text, field, "\t\n")


def _utf8_bytes(text: str, field: str) -> int:
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise MexitError(f"{field} is not valid Unicode: {ascii(text[:40])}") from None


def _check_characters(text: str, field: str, allowed: str) -> None:
    if text.isascii() and text.isprintable():
        return
    for character in text:
        code = ord(character)
        bad = unicodedata.category(character) == "Cc" or code in _REORDERING or code in _SEPARATORS
        require(not bad or character in allowed, f"{field} has the character U+{code:04X}; control and reordering characters are not allowed")
