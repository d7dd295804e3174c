"""The fixed header at the start of every file."""
from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from .errors import MexitError, require

MAGIC = b"MEXIT"
SIZE = 64
MAX_SIZE = 4096
MAJOR = 1
KIND_MODEL, KIND_TRAINING_STATE = 1, 2
STORED, ZLIB = 0, 1
MAX_MESSAGE = 64 << 20
_FIELDS = struct.Struct("<5sBHHHIQQQI")
_CRC = struct.Struct("<I")


@dataclass(frozen=True)
class Header:
    """What the header says; every field is checked."""

    kind: int
    minor: int
    header_bytes: int
    codec: int
    stored_bytes: int
    raw_bytes: int
    file_bytes: int
    message_crc: int

    @property
    def segments_start(self) -> int:
        """Offset of the segments' area."""
        return align(self.header_bytes + self.stored_bytes)

    def packed(self) -> bytes:
        """The header's 64 bytes."""
        body = _FIELDS.pack(
            MAGIC, self.kind, MAJOR, self.minor, SIZE, self.codec, self.stored_bytes, self.raw_bytes, self.file_bytes, self.message_crc
        ).ljust(SIZE - 4, b"\0")
        return body + _CRC.pack(zlib.crc32(body))


def align(offset: int) -> int:
    """The multiple of 64 at or behind `offset`."""
    return (offset + 63) // 64 * 64


def read_header(start: bytes, file_bytes: int) -> Header:
    """Check the header against the file's size. `start`: the first 4096 bytes of the file, or all of a shorter one."""
    require(start[: len(MAGIC)] == MAGIC, f"magic is {start[:5]!r}; a .mexit file starts with {MAGIC!r}")
    require(len(start) >= SIZE, f"file has {len(start)} bytes; the header alone has {SIZE}")
    _, kind, major, minor, size, codec, stored, raw, total, crc = _FIELDS.unpack_from(start)
    require(SIZE <= size <= MAX_SIZE and size % 4 == 0, f"header bytes is {size}; must be a multiple of 4, {SIZE} to {MAX_SIZE}")
    require(size <= len(start), f"header bytes is {size}; the file has {len(start)}")
    (stated,) = _CRC.unpack_from(start, size - 4)
    found = zlib.crc32(start[: size - 4])
    require(found == stated, f"CRC-32 of the header is {found:08x}, stated {stated:08x}; the file is damaged")
    require(major == MAJOR, f"format version is {major}.{minor}; this reader knows {MAJOR}.x; use a newer one, or write the file again with the older version")
    require(total == file_bytes, f"bytes of the file is {total}; the file has {file_bytes}: it was cut or added to")
    if codec not in (STORED, ZLIB):
        raise MexitError(f"codec of the message is {codec}; 0 (stored) and 1 (zlib) are known")
    require(raw <= MAX_MESSAGE, f"raw bytes of the message is {raw}; at most {MAX_MESSAGE}")
    require(stored <= MAX_MESSAGE, f"stored bytes of the message is {stored}; at most {MAX_MESSAGE}")
    require(size + stored <= total, f"stored bytes of the message is {stored}; the file has {total - size} behind its header")
    if codec == STORED:
        require(raw == stored, f"raw bytes of the message is {raw}; stored bytes is {stored} and it is not compressed")
    else:
        require(raw <= 1032 * stored + 1031, f"raw bytes of the message is {raw}; {stored} compressed bytes cannot be that many")
    return Header(kind, minor, size, codec, stored, raw, total, crc)
