"""What is to be classified."""
from __future__ import annotations

import base64
import os
import sys
from dataclasses import dataclass
from typing import Any, Mapping, Union


@dataclass(frozen=True)
class Sample:
    """One sample, as the fields of a request. Made by the functions below; reusable."""

    fields: Mapping[str, Any]

    @staticmethod
    def from_file(path: Union[str, "os.PathLike[str]"]) -> Sample:
        """A JPEG or PNG file, read here and sent as it is. Raises OSError."""
        with open(path, "rb") as file:
            return Sample.from_image(file.read())

    @staticmethod
    def from_image(data: bytes) -> Sample:
        """The bytes of a JPEG or PNG file. The server turns it upright, scales, crops to the centre and normalises."""
        return Sample({"image": base64.b64encode(data).decode("ascii")})

    @staticmethod
    def from_tensor(values: Any) -> Sample:
        """The model's input, [C, H, W] row-major, from anything with the buffer protocol: bytes, array.array, a numpy array.

        Bytes are normalised by the server as a picture's are; float32 is taken as it is. Raises TypeError for other elements
        and ValueError for a buffer that is not contiguous. How many there must be is checked by the server.
        """
        view = memoryview(values)
        if view.format not in ("B", "c", "f", "<f"):
            raise TypeError(f"cannot send a tensor of elements {view.format!r}: give bytes (uint8) or float32")
        if not view.c_contiguous:
            raise ValueError("cannot send a tensor that is not contiguous in row-major order: copy it first, as numpy.ascontiguousarray does")
        if view.format == "f" and sys.byteorder == "big":
            raise TypeError("cannot send float32 in this machine's byte order: give a tensor in little-endian order")
        dtype = "u8" if view.format in ("B", "c") else "f32"
        return Sample({"tensor": base64.b64encode(view.tobytes()).decode("ascii"), "dtype": dtype})

    @staticmethod
    def from_server_path(path: str) -> Sample:
        """A JPEG or PNG file that the server reads, relative to the folder of its ``--allow-paths``."""
        return Sample({"path": path})
