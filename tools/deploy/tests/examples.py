"""What the tests of the examples share: a folder of photographs, the answers to expect, servers that fail."""
import os
import pathlib
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "tools/deploy"
sys.path.insert(0, str(ROOT / "tools/clients/python/tests"))

from support import MODEL, PHOTOS, Client, Sample, ask_plainly  # noqa: E402,F401

SERVER = shutil.which("mexit-serve")
FOLDERS = ("it's", "ä b")
FIELDS = ("class", "confidence", "exit", "macs", "macs_saved")


class Photographs(unittest.TestCase):
    """A folder of `count` photographs and a file that only looks like one; `expected`: the answers' FIELDS by relative path."""

    count = 240

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.work = pathlib.Path(folder.name)
        cls.photos = cls.work / "photos"
        with Client(MODEL, policy="confidence:0.9") as client:
            answers = [client.classify(Sample.from_file(photo)) for photo in PHOTOS]
        cls.expected = {}
        for number in range(cls.count):
            which = number * 7 % len(PHOTOS)
            # Names that a careless quoting would break.
            name = FOLDERS[number % 2] + f'/{number} "{number}".jpg'
            (cls.photos / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PHOTOS[which], cls.photos / name)
            answer = answers[which]
            cls.expected[name] = (answer.class_name, answer.confidence, answer.exit, answer.macs, answer.macs_saved)
        (cls.photos / "no photograph.jpg").write_text("text")
        cls.names = {*cls.expected, "no photograph.jpg"}


def server_that(folder, script):
    """A folder for PATH with a mexit-serve that is a shell script; $SERVER there is the real one."""
    program = pathlib.Path(tempfile.mkdtemp(dir=folder)) / "mexit-serve"
    program.write_text(f"#!/bin/bash\nSERVER={shlex.quote(SERVER)}\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program.parent


def fails_once(folder):
    """A mexit-serve of which one process answers five requests and fails; the others are real."""
    return server_that(folder, f"if mkdir {shlex.quote(str(folder))}/failed-once 2>/dev/null; then\n"
                               'head -n 5 | "$SERVER" "$@"; echo "failing as told" >&2; exit 3\nfi\nexec "$SERVER" "$@"')


def on_path(folder, **variables):
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **variables}


def run(command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
