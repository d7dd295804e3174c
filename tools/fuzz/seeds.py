"""Inputs for the fuzzer to start from, made of the conformance files: python3 seeds.py FIXTURES OUT. Standard library only."""
import os
import struct
import sys
import zlib


def varint(data, position):
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def content(message):
    """Field 1 of the container: the packed model."""
    if not message or message[0] != 0x0A:
        return None
    size, start = varint(message, 1)
    return message[start : start + size]


def seeds(data):
    """The file as it is; with a header that always fits; its model alone, to run, to write, to unpack with little memory; a tensor."""
    yield b"\0" + data
    if len(data) < 64 or data[:5] != b"MEXIT":
        return
    size, codec, stored = *struct.unpack_from("<HI", data, 10), struct.unpack_from("<Q", data, 16)[0]
    message = data[size : size + stored]
    try:
        message = zlib.decompress(message) if codec else message
    except zlib.error:
        return
    area = data[(size + stored + 63) // 64 * 64 :]
    if len(message) < 1 << 16:
        yield b"\1" + bytes([data[5] - 1 & 1]) + struct.pack(">H", len(message)) + message + area
    try:
        model = content(message)
    except IndexError:
        return
    if model:
        yield b"\2" + model
        yield b"\3" + model
        yield b"\5\x04\0" + model
    if area:
        for storage in range(4):
            yield bytes([4, storage, 1, 3, 15]) + area[:64]


def main():
    folder, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    count = 0
    for name in sorted(os.listdir(folder)):
        if name.endswith(".mexit"):
            with open(os.path.join(folder, name), "rb") as file:
                for index, seed in enumerate(seeds(file.read())):
                    if len(seed) <= 8192:
                        with open(os.path.join(out, f"{name}-{index}"), "wb") as file:
                            file.write(seed)
                        count += 1
    print(f"{count} seeds")


if __name__ == "__main__":
    main()
