#!/usr/bin/env python3
"""Classifies a picture with libmexit through ctypes; needs nothing but Python.

    swift build -c release --product mexit
    MEXIT_LIBRARY=$(swift build -c release --show-bin-path)/libmexit.so docs/examples/python/classify.py MODEL.mexit PICTURE.ppm

The picture is a binary PPM (P6, 8 bits) of the model's size.
"""
import ctypes
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint8, c_void_p


class ModelInfo(ctypes.Structure):
    _fields_ = [("rank", c_int32), ("shape", c_int32 * 3), ("input_count", c_size_t), ("class_count", c_int32),
                ("stage_count", c_int32), ("loaded_stages", c_int32), ("policy_count", c_int32)]


class Input(ctypes.Structure):
    _fields_ = [("pixels", POINTER(c_uint8)), ("values", POINTER(c_float)), ("count", c_size_t)]


class Answer(ctypes.Structure):
    _fields_ = [("exit", c_int32), ("label", c_int32), ("stages", c_int32), ("late", c_int32), ("confidence", c_double),
                ("macs", c_int64), ("macs_saved", c_int64), ("flops", c_int64), ("flops_saved", c_int64)]


OK, DONE = 0, 1
NO_DEADLINE = 2**63 - 1


class Library:
    """The functions of mexit.h that this program calls, with errors as exceptions."""

    FUNCTIONS = {
        "mexit_open": [c_char_p, POINTER(c_void_p)],
        "mexit_compile": [c_void_p, c_void_p, POINTER(c_void_p)],
        "mexit_model_describe": [c_void_p, POINTER(ModelInfo)],
        "mexit_policy_create": [c_void_p, c_char_p, POINTER(c_void_p)],
        "mexit_context_create": [c_void_p, c_int32, c_int32, POINTER(c_void_p)],
        "mexit_classify": [c_void_p, POINTER(Input), c_void_p, c_int64, POINTER(Answer), POINTER(c_float)],
        "mexit_anytime_begin": [c_void_p, POINTER(Input), c_int64, POINTER(c_void_p)],
        "mexit_anytime_step": [c_void_p, POINTER(Answer), POINTER(c_float)],
        "mexit_anytime_end": [c_void_p],
    }
    CLOSERS = ["mexit_close", "mexit_model_close", "mexit_policy_close", "mexit_context_close"]

    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        for name, arguments in self.FUNCTIONS.items():
            getattr(self.library, name).argtypes = arguments
        for name in self.CLOSERS:
            getattr(self.library, name).argtypes = [c_void_p]
            getattr(self.library, name).restype = None
        for name in ["mexit_error", "mexit_model_class_name"]:
            getattr(self.library, name).restype = c_char_p
        self.library.mexit_model_class_name.argtypes = [c_void_p, c_int32]

    def __call__(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        if status not in (OK, DONE):
            raise RuntimeError(f"{name}: {self.library.mexit_error().decode()}")
        return status

    def make(self, name, *arguments):
        """Calls a function whose last parameter takes a new handle."""
        handle = c_void_p()
        self(name, *arguments, byref(handle))
        return handle

    def close(self, name, handle):
        getattr(self.library, name)(handle)


def read_ppm(path, info):
    with open(path, "rb") as file:
        data = file.read()
    fields = data.split(maxsplit=4)
    header = b"P6 %d %d 255" % (info.shape[2], info.shape[1])
    if info.rank != 3 or info.shape[0] != 3 or b" ".join(fields[:4]) != header:
        raise ValueError(f"cannot read '{path}': it must be a binary PPM that begins with {header.decode()}")
    count = info.input_count
    mixed = data[len(data) - count:]
    # Pictures hold colours pixel by pixel; the network takes one map behind the other.
    return b"".join(mixed[channel::3] for channel in range(3))


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: classify.py MODEL.mexit PICTURE.ppm [POLICY]")
    mexit = Library(os.environ.get("MEXIT_LIBRARY", "libmexit.so"))
    file = mexit.make("mexit_open", sys.argv[1].encode())
    model = mexit.make("mexit_compile", file, None)
    mexit.close("mexit_close", file)
    context = mexit.make("mexit_context_create", model, 1, 1)
    info = ModelInfo()
    mexit("mexit_model_describe", model, byref(info))

    pixels = (c_uint8 * info.input_count).from_buffer_copy(read_ppm(sys.argv[2], info))
    sample = Input(pixels=ctypes.cast(pixels, POINTER(c_uint8)), values=None, count=info.input_count)
    answer = Answer()
    logits = (c_float * info.class_count)()

    def show(what):
        name = mexit.library.mexit_model_class_name(model, answer.label).decode()
        values = " ".join(value.hex() for value in logits)
        print(f"{what}: {name} {answer.confidence!r} exit {answer.exit} macs {answer.macs} logits {values}")

    policy = mexit.make("mexit_policy_create", model, (sys.argv[3] if len(sys.argv) > 3 else "confidence:0.9").encode())
    mexit("mexit_classify", context, byref(sample), policy, NO_DEADLINE, byref(answer), logits)
    show("policy")

    anytime = mexit.make("mexit_anytime_begin", context, byref(sample), NO_DEADLINE)
    while mexit("mexit_anytime_step", anytime, byref(answer), logits) == OK:
        show("anytime")
    mexit("mexit_anytime_end", anytime)

    mexit.close("mexit_policy_close", policy)
    mexit.close("mexit_context_close", context)
    mexit.close("mexit_model_close", model)


if __name__ == "__main__":
    main()
