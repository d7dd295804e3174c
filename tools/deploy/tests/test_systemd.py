"""The systemd units: checked by systemd-analyze, and the service's own command line behind a socket of systemd-socket-activate.

Also docs/deploy/systemd.md's way without systemd, by socat. What is missing here is said by tools/deploy/test.sh.
"""
import concurrent.futures
import configparser
import contextlib
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest

from examples import DEPLOY, MODEL, PHOTOS, SERVER, Client, Sample, run

UNITS = DEPLOY / "systemd"


def command_of_the_service():
    """ExecStart= of the unit, with the server and the model of this tree in place of the installed ones."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNITS / "mexit@.service")
    words = shlex.split(unit["Service"]["ExecStart"])
    assert words[:2] == ["/usr/local/bin/mexit-serve", "/srv/mexit/model.mexit"], words
    return [SERVER, MODEL, *words[2:]]


@contextlib.contextmanager
def listening(command, path):
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not os.path.exists(path):
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{command[0]} made no {path}"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(30)


class Sockets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "mexit.sock")

    def check(self):
        """Three connections at once, 100 requests each, every one answered although the last are still under way at the end of input."""
        samples = [Sample.from_file(photo) for photo in PHOTOS]
        with Client(MODEL, policy="confidence:0.9") as client:
            expected = [client.classify(sample).class_name for sample in samples]

        def ask(_):
            with Client.connect(self.path) as client:
                futures = [client.submit(samples[number % len(samples)]) for number in range(100)]
            return [future.result(0).class_name for future in futures]

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for answers in pool.map(ask, range(3)):
                self.assertEqual(answers, [expected[number % len(samples)] for number in range(100)])

    @unittest.skipUnless(shutil.which("systemd-socket-activate"), "systemd-socket-activate is not installed")
    def test_socket_activation(self):
        # --inetd: the connection is standard input and output, as StandardInput=socket makes it.
        with listening(["systemd-socket-activate", "--accept", "--inetd", "--listen", self.path, *command_of_the_service()], self.path):
            self.check()

    @unittest.skipUnless(shutil.which("socat"), "socat is not installed")
    def test_socat(self):
        server = shlex.join(command_of_the_service()).replace(":", "\\:")  # socat's own separator
        with listening(["socat", f"UNIX-LISTEN:{self.path},fork", f"EXEC:{server},nofork"], self.path):
            self.check()


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
class Units(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.units = pathlib.Path(folder.name)
        # systemd-analyze wants the program to be there.
        for unit in UNITS.iterdir():
            (self.units / unit.name).write_text(unit.read_text().replace("/usr/local/bin/mexit-serve", SERVER))

    def test_units_are_valid(self):
        done = run(["systemd-analyze", "verify", "--man=no", self.units / "mexit.socket", self.units / "mexit@.service"])
        said = [line for line in (done.stdout + done.stderr).splitlines() if "mexit" in line]
        self.assertEqual((done.returncode, said), (0, []), done.stderr)

    def test_a_mistake_would_be_seen(self):
        unit = self.units / "mexit@.service"
        unit.write_text(unit.read_text() + "NoSuchSetting=yes\n")
        done = run(["systemd-analyze", "verify", "--man=no", unit])
        self.assertIn("NoSuchSetting", done.stderr)

    def test_service_is_confined(self):
        done = run(["systemd-analyze", "security", "--offline=true", "--threshold=20", self.units / "mexit@.service"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
