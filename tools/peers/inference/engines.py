"""The runtimes. Each runs one part of one network on one batch, as often as it is told, and says how long each run took:
from inputs in memory to logits in memory, all in float32.
"""
from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Callable, Dict, List

import numpy

import mexit
import mexit.onnx
from mexit import Model
from networks import fold, only_exit, part_of


class Job:
    """What is to be run."""

    def __init__(self, path: Path, part: str, x: numpy.ndarray, threads: int, work: Path, bench: str) -> None:
        self.path, self.part, self.x, self.threads, self.work, self.bench = path, part, x, threads, work, bench
        self.model: Model = mexit.read(path)

    @property
    def batch(self) -> int:
        return len(self.x)

    def file(self, suffix: str) -> Path:
        return self.work / f"{self.path.stem}-{self.part}-{self.batch}{suffix}"

    def onnx(self) -> Path:
        """The part as ONNX, batch norms folded, batch size fixed."""
        path = self.file(".onnx")
        if not path.exists():
            if self.part == "first":
                stages = mexit.onnx.export_stages(self.model, self.file("-stages"), batch=self.batch)
                Path(stages[0]).rename(path)
            else:
                exit = only_exit(self.model.graph, self.part)
                mexit.onnx.export(self.model, path, exits=None if exit is None else [exit], batch=self.batch)
        return path


class Engine:
    name = ""

    def version(self) -> str:
        raise NotImplementedError

    def run(self, count: int) -> List[float]:
        """Seconds of each of `count` runs."""
        raise NotImplementedError

    def logits(self) -> List[numpy.ndarray]:
        """Of each exit that the part has."""
        raise NotImplementedError

    def close(self) -> None:
        pass


def _timed(call: Callable[[], object], count: int) -> List[float]:
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds


class Ours(Engine):
    """mexit-bench in a process of its own, told by lines."""

    name = "mexit"

    def __init__(self, job: Job) -> None:
        path = job.file(".f32")
        job.x.astype("<f4").tofile(path)
        command = [job.bench, str(job.path), "--turns", "--batch", str(job.batch), "--threads", str(job.threads), "--inputs", str(path)]
        exit = only_exit(job.model.graph, job.part)
        if exit is not None:
            command += ["--exits", str(exit)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.ready = self._answer()
        self._stages = len(self.ready["exits"]) if job.part == "all" else 1
        self._shape = (job.batch, self.ready["classes"])

    def _answer(self) -> Dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("mexit-bench ended; what it said stands above")
        return json.loads(line)

    def _ask(self, line: str) -> Dict[str, object]:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def version(self) -> str:
        return str(self.ready["producer"]).removeprefix("mexit-bench ")

    def run(self, count: int) -> List[float]:
        return self._ask(f"run {count} {self._stages}")["seconds"]

    def logits(self) -> List[numpy.ndarray]:
        return [numpy.array(exit, numpy.float32).reshape(self._shape) for exit in self._ask(f"logits {self._stages}")["logits"]]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


class OnnxRuntime(Engine):
    name = "ONNX Runtime"

    def __init__(self, job: Job) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = job.threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(job.onnx()), options, providers=["CPUExecutionProvider"])
        self._binding = self._session.io_binding()
        # Bound by address: no copy in or out, nothing of Python between.
        self._x = onnxruntime.OrtValue.ortvalue_from_numpy(job.x)
        self._binding.bind_ortvalue_input(self._session.get_inputs()[0].name, self._x)
        self._outputs = [onnxruntime.OrtValue.ortvalue_from_numpy(numpy.zeros(output.shape, numpy.float32)) for output in self._session.get_outputs()]
        for output, value in zip(self._session.get_outputs(), self._outputs):
            self._binding.bind_ortvalue_output(output.name, value)
        self._count = part_of(job.model.graph, job.part)[2]

    def version(self) -> str:
        import onnxruntime

        return onnxruntime.__version__

    def run(self, count: int) -> List[float]:
        return _timed(lambda: self._session.run_with_iobinding(self._binding), count)

    def logits(self) -> List[numpy.ndarray]:
        self.run(1)
        return [value.numpy().copy() for value in self._outputs[: self._count]]


class OpenVINO(Engine):
    name = "OpenVINO"

    def __init__(self, job: Job) -> None:
        import openvino

        core = openvino.Core()
        # Its default precision is bf16 where the processor has it.
        config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": job.threads, "NUM_STREAMS": "1"}
        self._request = core.compile_model(core.read_model(str(job.onnx())), "CPU", config).create_infer_request()
        self._x = job.x
        self._request.set_input_tensor(openvino.Tensor(self._x, shared_memory=True))
        self._count = part_of(job.model.graph, job.part)[2]

    def version(self) -> str:
        import openvino

        return openvino.__version__.split("-")[0]

    def _infer(self) -> None:
        self._request.start_async()  # infer() would copy the results
        self._request.wait()

    def run(self, count: int) -> List[float]:
        return _timed(self._infer, count)

    def logits(self) -> List[numpy.ndarray]:
        self._infer()
        return [self._request.get_output_tensor(index).data.copy() for index in range(self._count)]


def _module(job: Job) -> object:
    """The part as a torch module, batch norms folded."""
    import mexit.torch
    import torch

    class Part(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            model = fold(job.model)
            self.network = mexit.torch.MultiExitModule(model).eval()
            self.nodes, self.outputs, _ = part_of(model.graph, job.part)

        def forward(self, x: torch.Tensor) -> List[torch.Tensor]:
            values = {0: x}
            self.network._run(values, self.nodes)
            return [values[output] for output in self.outputs]

    return Part().eval()


class PyTorch(Engine):
    """torch.compile (inductor) of the exported graph, weights frozen."""

    name = "PyTorch"

    def __init__(self, job: Job) -> None:
        import torch
        import torch._inductor.config

        torch.set_num_threads(job.threads)
        torch._inductor.config.freezing = True
        self._torch, self._x = torch, torch.from_numpy(job.x)
        with torch.no_grad():
            module = torch.export.export(_module(job), (self._x,), strict=False).module()
            self._call = torch.compile(module)
            self._call(self._x)
        self._count = part_of(job.model.graph, job.part)[2]

    def version(self) -> str:
        return self._torch.__version__

    def run(self, count: int) -> List[float]:
        with self._torch.no_grad():
            return _timed(lambda: self._call(self._x), count)

    def logits(self) -> List[numpy.ndarray]:
        with self._torch.no_grad():
            return [value.numpy().copy() for value in self._call(self._x)[: self._count]]


class LiteRT(Engine):
    """With XNNPACK, its default on CPUs. The converter turns the network to channels last; the input stays as it is."""

    name = "LiteRT"

    def __init__(self, job: Job) -> None:
        from ai_edge_litert.interpreter import Interpreter

        path = job.file(".tflite")
        if not path.exists():
            import litert_torch
            import torch

            litert_torch.convert(_module(job), (torch.from_numpy(job.x),)).export(str(path))
        self._interpreter = Interpreter(model_path=str(path), num_threads=job.threads)
        self._interpreter.allocate_tensors()
        self._x, self._input = job.x, self._interpreter.get_input_details()[0]["index"]
        signature = self._interpreter._get_full_signature_list()["serving_default"]["outputs"]
        self._outputs = [signature[f"output_{index}"] for index in range(part_of(job.model.graph, job.part)[2])]

    def version(self) -> str:
        from importlib.metadata import version

        return version("ai-edge-litert")

    def _infer(self) -> None:
        self._interpreter.set_tensor(self._input, self._x)
        self._interpreter.invoke()

    def run(self, count: int) -> List[float]:
        return _timed(self._infer, count)

    def logits(self) -> List[numpy.ndarray]:
        self._infer()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


ENGINES = [Ours, OnnxRuntime, OpenVINO, LiteRT, PyTorch]
