"""The container: header, message, segments. Knows nothing of graphs."""
from __future__ import annotations

import math
import os
import stat
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO, Dict, List, Sequence, Tuple

import numpy

from . import mexit_pb2
from .codec import MESSAGE_LEVEL, RAW, SHUFFLE_ZLIB, decode_tensor, encode_tensor, inflate
from .errors import MexitError, require
from .header import MAX_SIZE, SIZE, STORED, ZLIB, Header, align, read_header
from .shapes import MAX_ELEMENTS
from .storage import ELEMENT_BYTES, STORAGES
from .texts import check_name, identity
from .wire import check_items


@dataclass(frozen=True)
class Segment:
    """A tensor's place in the file; every field is checked."""

    name: str
    dims: Tuple[int, ...]
    storage: str
    scales: Tuple[float, ...]
    codec: int
    stage: int
    offset: int
    stored_bytes: int
    raw_bytes: int
    crc: int


@dataclass(frozen=True)
class Directory:
    """All of a file but its tensors."""

    header: Header
    content: bytes
    segments: Tuple[Segment, ...]


def read_directory(file: BinaryIO) -> Directory:
    """Header, message and directory of an open file. Raises `MexitError` naming the field."""
    status = os.fstat(file.fileno())
    require(stat.S_ISREG(status.st_mode), "it is not a regular file")
    header = read_header(file.read(MAX_SIZE), status.st_size)
    stored = _read_at(file, header.header_bytes, header.stored_bytes, "message")
    _check_crc(stored, header.message_crc, "message")
    raw = inflate(stored, header.raw_bytes, "message") if header.codec == ZLIB else stored
    container = unpack(raw, mexit_pb2.Container, "message")
    segments = tuple(_segments(container.segments))
    end = header.segments_start + segments[-1].offset + segments[-1].stored_bytes if segments else header.header_bytes + header.stored_bytes
    require(end == header.file_bytes, f"the last segment ends at {end}; the file has {header.file_bytes} bytes")
    wanted = sum(segment.raw_bytes for segment in segments)
    most = MAX_RATIO * (header.file_bytes + (1 << 20))
    require(is_possible(wanted, header.file_bytes), f"the segments inflate to {wanted} bytes; a file of {header.file_bytes} bytes may ask for at most {most}")
    if segments:
        _check_zeros(file, header.header_bytes + header.stored_bytes, header.segments_start, "message")
    return Directory(header, container.content, segments)


def read_tensors(file: BinaryIO, directory: Directory) -> Dict[str, numpy.ndarray]:
    """All tensors by name, each checked against its CRC-32 and inflated to exactly its size."""
    start = directory.header.segments_start
    tensors: Dict[str, numpy.ndarray] = {}
    end = start
    for segment in directory.segments:
        what = f"segment '{segment.name}'"
        _check_zeros(file, end, start + segment.offset, what)
        stored = _read_at(file, start + segment.offset, segment.stored_bytes, what)
        _check_crc(stored, segment.crc, what)
        tensors[segment.name] = decode_tensor(segment.codec, stored, segment.storage, segment.scales, segment.dims, what)
        end = start + segment.offset + segment.stored_bytes
    return tensors


def unpack(data: bytes, kind: Any, what: str) -> Any:
    """A message of this type, within bounds of memory."""
    check_items(data, kind.DESCRIPTOR, what)
    message = kind()
    try:
        message.ParseFromString(data)
    except Exception as error:  # DecodeError lives in different modules in different runtimes
        raise MexitError(f"{what} cannot be unpacked: {error}") from None
    return message


def pack_container(kind: int, content: bytes, tensors: Sequence[Tuple[str, int, numpy.ndarray, str]]) -> bytes:
    """The bytes of a file. `tensors`: name, stage, float32 values and storage, in the order of the file."""
    container = mexit_pb2.Container(content=content)
    area = bytearray()
    wanted = 0
    for name, stage, values, storage in tensors:
        codec, stored, scales = encode_tensor(values, storage, f"tensor '{name}'")
        area.extend(bytes(align(len(area)) - len(area)))
        wanted += values.size * ELEMENT_BYTES[storage]
        if not is_possible(wanted, len(area) + len(stored)):
            codec, stored, scales = encode_tensor(values, storage, f"tensor '{name}'", deflated=False)
        container.segments.add(
            name=name, dims=values.shape, storage=STORAGES.index(storage) + 1, codec=codec, stage=stage, offset=len(area),
            stored_bytes=len(stored), raw_bytes=values.size * ELEMENT_BYTES[storage], crc32=zlib.crc32(stored), scales=scales,
        )
        area.extend(stored)
    raw = container.SerializeToString(deterministic=True)
    packed = zlib.compress(raw, MESSAGE_LEVEL)
    codec, message = (ZLIB, packed) if len(packed) < len(raw) else (STORED, raw)
    end = SIZE + len(message)
    padding = bytes(align(end) - end) if tensors else b""
    total = end + len(padding) + len(area)
    # The oldest version that says all there is to say, so that older readers can read it.
    minor = 0 if all(storage == "f32" for *_, storage in tensors) else 1
    header = Header(kind, minor, SIZE, codec, len(message), len(raw), total, zlib.crc32(message))
    read_header(header.packed() + message[:MAX_SIZE], total)  # the rules of size hold for what is written, too
    return header.packed() + message + padding + bytes(area)


# Tensors of a file; and all of them together inflate to at most so many times the bytes of the file and 1 MiB: zeros deflate a
# thousandfold, weights do not.
MAX_SEGMENTS, MAX_RATIO = 1 << 20, 64


def is_possible(raw_bytes: int, file_bytes: int) -> bool:
    """Whether a file of this size may ask for so much memory."""
    return raw_bytes <= MAX_RATIO * (file_bytes + (1 << 20))


def _segments(messages: Any) -> List[Segment]:
    require(len(messages) <= MAX_SEGMENTS, f"the directory has {len(messages)} segments; at most {MAX_SEGMENTS}")
    segments: List[Segment] = []
    names = set()
    end = 0
    stage = 0
    for index, message in enumerate(messages):
        check_name(message.name, f"name of segment {index}", most=255)
        what = f"segment {index} '{message.name}'"
        require(identity(message.name) not in names, f"{what}: an earlier segment has this name; names must be unique")
        names.add(identity(message.name))
        dims = tuple(message.dims)
        require(1 <= len(dims) <= 8 and all(dim >= 1 for dim in dims), f"{what}: dims are {list(dims)[:9]}; must be 1 to 8 numbers of at least 1")
        elements = math.prod(dims)
        require(elements <= MAX_ELEMENTS, f"{what}: dims are {list(dims)}; their product may be at most 2^31 - 1")
        require(1 <= message.storage <= len(STORAGES), f"{what}: storage {message.storage} is not known; 1 to {len(STORAGES)} are")
        storage = STORAGES[message.storage - 1]
        require(message.codec in (RAW, SHUFFLE_ZLIB), f"{what}: codec {message.codec} is not known; 1 (RAW) and 2 (SHUFFLE_ZLIB) are")
        size = ELEMENT_BYTES[storage] * elements
        require(message.raw_bytes == size, f"{what}: raw_bytes is {message.raw_bytes}; dims {list(dims)} need {size} as {storage}")
        channels = dims[0] if storage == "int8" else 0
        require(len(message.scales) == channels, f"{what}: {len(message.scales)} scales; {storage} of dims {list(dims)} has {channels}")
        scales = tuple(message.scales)
        require(all(0 <= scale < math.inf for scale in scales), f"{what}: a scale is not a finite number of at least 0")
        stored = message.stored_bytes
        if message.codec == RAW:
            require(stored == message.raw_bytes, f"{what}: stored_bytes is {stored}; raw_bytes is {message.raw_bytes} and it is not compressed")
        else:
            fits = stored < message.raw_bytes <= 1032 * stored + 1031
            require(fits, f"{what}: stored_bytes is {stored}; {message.raw_bytes} raw bytes cannot be that many compressed")
        require(message.offset == align(end), f"{what}: offset is {message.offset}; must be {align(end)}, behind the segment before")
        require(message.stage >= stage, f"{what}: stage is {message.stage}; an earlier segment has {stage} and stages never descend")
        end, stage = message.offset + stored, message.stage
        segments.append(Segment(message.name, dims, storage, scales, message.codec, stage, message.offset, stored, message.raw_bytes, message.crc32))
    return segments


def _read_at(file: BinaryIO, offset: int, size: int, what: str) -> bytes:
    file.seek(offset)
    data = file.read(size)
    require(len(data) == size, f"{what} ends after {len(data)} of {size} bytes; the file was cut while it was read")
    return data


def _check_crc(data: bytes, stated: int, what: str) -> None:
    found = zlib.crc32(data)
    require(found == stated, f"CRC-32 of {what} is {found:08x}, stated {stated:08x}; the file is damaged")


def _check_zeros(file: BinaryIO, start: int, end: int, what: str) -> None:
    require(not any(_read_at(file, start, end - start, "padding")), f"bytes {start} to {end - 1}, between {what} and its neighbour, must be zero")
