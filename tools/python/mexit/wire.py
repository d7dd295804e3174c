"""Bounds the memory that unpacking a message may take, before it is unpacked.

Two bytes of a message can become an object of a hundred bytes. So the fields in it are counted first, without making any.
"""
from __future__ import annotations

from typing import Any, Tuple

from .errors import MexitError

# A network of 200 nodes has about 4,000.
MAX_ITEMS = 1 << 20


def check_items(data: bytes, descriptor: Any, field: str) -> None:
    """Raise `MexitError` if `data`, a message of this type, is damaged or holds more than `MAX_ITEMS` fields, those of
    messages in it included. Cost: linear in the number of fields."""
    _count(data, 0, len(data), descriptor, field, 0)


def _count(data: bytes, position: int, end: int, descriptor: Any, field: str, items: int) -> int:
    messages = {number: known.message_type for number, known in descriptor.fields_by_number.items() if known.message_type is not None}
    while position < end:
        key, position = _varint(data, position, end, field)
        items += 1
        if items > MAX_ITEMS:
            raise MexitError(f"{field} holds more than {MAX_ITEMS} fields; no network needs that many")
        wire_type = key & 7
        if wire_type == 0:
            _, position = _varint(data, position, end, field)
        elif wire_type == 1:
            position += 8
        elif wire_type == 5:
            position += 4
        elif wire_type == 2:
            size, position = _varint(data, position, end, field)
            if size > end - position:
                raise MexitError(f"{field} is damaged: a part of {size} bytes reaches behind its end")
            inner = messages.get(key >> 3)
            if inner is not None and size > 0:
                items = _count(data, position, position + size, inner, field, items)
            position += size
        else:
            raise MexitError(f"{field} is damaged: wire type {wire_type}")
    if position > end:
        raise MexitError(f"{field} is damaged: it ends inside a number")
    return items


def _varint(data: bytes, position: int, end: int, field: str) -> Tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise MexitError(f"{field} is damaged: it ends inside a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise MexitError(f"{field} is damaged: a number has more than 10 bytes")
