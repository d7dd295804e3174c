"""Reading and writing model files."""
from __future__ import annotations

import itertools
import os
import stat
from contextlib import contextmanager
from typing import Iterator, Tuple, Union

from . import mexit_pb2
from .container import Directory, Segment, pack_container, read_directory, read_tensors, unpack
from .errors import MexitError, require
from .header import KIND_MODEL, KIND_TRAINING_STATE
from .messages import message_from_model, model_from_message
from .model import Model
from .storage import STORAGES

Path = Union[str, "os.PathLike[str]"]
_numbers = itertools.count()


def read(path: Path) -> Model:
    """The model in a .mexit file. Raises `MexitError` naming what is wrong, or `OSError`."""
    return open_directory(path)[0]


def open_directory(path: Path) -> Tuple[Model, Tuple[Segment, ...]]:
    """Like `read`, with the places of the tensors in the file."""
    with _naming("read", path), open(path, "rb") as file:
        directory = read_directory(file)
        model = model_of(directory)
        model.tensors = read_tensors(file, directory)
        return model, directory.segments


def model_of(directory: Directory) -> Model:
    """A directory's model without its tensors; the directory is checked against the graph."""
    kind = directory.header.kind
    require(kind != KIND_TRAINING_STATE, "it is a training state, not a model")
    require(kind == KIND_MODEL, f"kind is {kind}; 1 (model) is known")
    model = model_from_message(unpack(directory.content, mexit_pb2.Model, "model"))
    wanted = model.graph.parameters()
    found = directory.segments
    for index, (parameter, segment) in enumerate(zip(wanted, found)):
        what = f"segment {index} '{segment.name}'"
        require(segment.name == parameter.name, f"{what}: the graph needs '{parameter.name}' here")
        require(segment.dims == parameter.shape, f"{what}: dims are {list(segment.dims)}; the graph needs {list(parameter.shape)}")
        require(segment.stage == parameter.stage, f"{what}: stage is {segment.stage}; in the graph it is {parameter.stage}")
    require(len(found) == len(wanted), f"the directory has {len(found)} segments; the graph needs {len(wanted)}")
    return model


def to_bytes(model: Model, storage: str = "f32") -> bytes:
    """The bytes of a model's file; the same for the same content. Raises `MexitError`."""
    require(storage in STORAGES, f"storage '{storage}' is not known; {', '.join(STORAGES)} are")
    model.check()
    content = message_from_model(model).SerializeToString(deterministic=True)
    tensors = [
        # Biases and batch norms are few, and their errors reach whole channels.
        (parameter.name, parameter.stage, model.tensors[parameter.name], storage if len(parameter.shape) > 1 else "f32")
        for parameter in model.graph.parameters()
    ]
    return pack_container(KIND_MODEL, content, tensors)


def write(model: Model, path: Path, storage: str = "f32") -> None:
    """Write a model's file: whole or not at all. Raises `MexitError` or `OSError`; a file that was there then stays.

    `storage`: precision of the weights of convolutions and linear layers in the file: "f32", "f16", "bf16", or "int8" with one scale per
    output channel.
    """
    with _naming("write", path):
        _replace(os.path.realpath(path), to_bytes(model, storage))


@contextmanager
def _naming(verb: str, path: Path) -> Iterator[None]:
    try:
        yield
    except MexitError as error:
        raise MexitError(f"cannot {verb} {os.fspath(path)}: {error}") from None


def _replace(path: str, data: bytes) -> None:
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.{next(_numbers)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(descriptor, "wb") as file:
            if os.path.exists(path):
                os.fchmod(file.fileno(), stat.S_IMODE(os.stat(path).st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder_descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(folder_descriptor)
    finally:
        os.close(folder_descriptor)
