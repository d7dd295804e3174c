"""What the tests share: the model and photographs of models/, and servers as real processes. mexit-serve must be on PATH."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "tools/clients/python"))

from mexit_client import Client, Sample  # noqa: E402

MODEL = str(ROOT / "models/cifar10-msdnet-tiny.mexit")
PHOTOS = sorted((ROOT / "models/samples").glob("*.jpg"))
PIXELS = 3 * 32 * 32


def start(*arguments, **options):
    options.setdefault("policy", "confidence:0.9")
    return Client(MODEL, arguments=arguments, threads=1, **options)


def grey(value):
    return Sample.from_tensor(bytes([value % 256]) * PIXELS)


def halt(pid):
    """Stops a server, a child of this process, and returns when it stands: the signal alone may come after its next answer."""
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)


def ask_plainly(requests, *arguments):
    """Answers by id, of requests written to a server's stdin at once: the protocol without the client."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run(["mexit-serve", MODEL, "--quiet", "--policy", "confidence:0.9", *arguments], input=lines,
                          capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {answer["id"]: answer for answer in answers if answer["type"] != "ready"}


class ServedSocket:
    """A listening socket with a server process per connection, as inetd, socat and systemd (Accept=yes) do it."""

    def __init__(self, family):
        self.folder = tempfile.TemporaryDirectory()
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind(os.path.join(self.folder.name, "mexit.sock") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        self.listener.listen()
        self.address = self.listener.getsockname()
        self._processes = []
        self._starting = threading.Lock()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, self._starting:
                self._processes.append(subprocess.Popen(["mexit-serve", MODEL, "--quiet", "--threads", "1"], stdin=connection, stdout=connection))

    @property
    def processes(self):
        """Those of all clients that have connected, also of one whose server was ready before Popen returned here."""
        with self._starting:
            return self._processes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for process in self.processes:
            process.kill()
            process.wait()
        self.folder.cleanup()


class TestCase(unittest.TestCase):
    def assertSameAnswer(self, result, plain):
        """The client's result holds what the line of the protocol says."""
        self.assertEqual(
            (result.exit, result.label, result.class_name, result.confidence, result.macs, result.macs_saved, result.stages),
            tuple(plain[field] for field in ("exit", "label", "class", "confidence", "macs", "macs_saved", "stages")))
