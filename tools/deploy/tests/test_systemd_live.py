"""The systemd units under a systemd of their own: it boots in a container (systemd-nspawn) that has this machine's /usr, read only."""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from examples import DEPLOY, MODEL, PHOTOS, SERVER, Client, Sample, run

TARGET = "[Unit]\nRequires=mexit.socket\nAfter=mexit.socket\nWants=systemd-journald.service\n"


def libraries():
    """Folders outside /usr of which the server takes libraries: Swift's, unless they are inside it."""
    paths = re.findall(r"=> (/\S+)", run(["ldd", SERVER], check=True).stdout)
    return sorted({os.path.dirname(path) for path in paths if not path.startswith(("/usr/", "/lib"))})


class Live(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        root = pathlib.Path(folder.name) / "mexit"
        for name in ("etc/systemd/system", "srv/mexit", "usr", "run", "tmp", "var", "proc", "sys", "dev", "root"):
            (root / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (root / name).symlink_to(f"usr/{name}")
        for name in ("passwd", "group", "nsswitch.conf"):
            shutil.copy(f"/etc/{name}", root / "etc")
        (root / "etc/machine-id").touch()
        for unit in (DEPLOY / "systemd").iterdir():
            shutil.copy(unit, root / "etc/systemd/system")
        (root / "etc/systemd/system/test.target").write_text(TARGET)
        shutil.copy(MODEL, root / "srv/mexit/model.mexit")
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe", f"--directory={root}",
                   "--bind-ro=/usr", "--tmpfs=/usr/local", f"--bind-ro={SERVER}:/usr/local/bin/mexit-serve",
                   *(f"--bind-ro={path}" for path in libraries()),
                   "--", "/usr/lib/systemd/systemd", "--unit=test.target"]
        cls.log = open(os.path.join(folder.name, "log"), "w+")
        cls.addClassCleanup(cls.log.close)
        nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=cls.log, stderr=cls.log)
        cls.addClassCleanup(nspawn.wait, 60)
        cls.addClassCleanup(nspawn.terminate)
        children = pathlib.Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
        deadline = time.monotonic() + 60
        while True:
            assert nspawn.poll() is None and time.monotonic() < deadline, pathlib.Path(cls.log.name).read_text()
            inside = children.read_text().split()
            if inside and os.path.exists(f"/proc/{inside[0]}/root/run/mexit.sock"):
                break
            time.sleep(0.1)
        cls.systemd = inside[0]
        cls.path = f"/proc/{cls.systemd}/root/run/mexit.sock"

    def systemctl(self, *arguments):
        return run(["nsenter", "-t", self.systemd, "-m", "-p", "-r", "systemctl", "--no-pager", *arguments], check=True).stdout

    def servers(self):
        return [pid for pid in os.listdir("/proc") if pid.isdigit() and self.is_server(pid)]

    def is_server(self, pid):
        try:
            return (pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/usr/local/bin/mexit-serve\0/srv/mexit/")
                    and os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{self.systemd}/ns/pid"))
        except OSError:
            return False

    def test_connections_are_served(self):
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
        self.assertEqual(self.systemctl("list-units", "--failed", "--plain", "--no-legend", "mexit*"), "")

    def test_restrictions_hold_and_sigterm_drains(self):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path)
            lines = connection.makefile("rb")
            self.assertEqual(json.loads(lines.readline())["type"], "ready")
            (server,) = self.servers()
            status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{server}/status").read_text().splitlines() if ":\t" in line)
            self.assertNotIn("0", status["Uid"].split())
            self.assertEqual((int(status["CapEff"], 16), int(status["CapBnd"], 16)), (0, 0))
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
            for name in ("net", "user", "mnt"):
                self.assertNotEqual(os.readlink(f"/proc/{server}/ns/{name}"), os.readlink(f"/proc/{self.systemd}/ns/{name}"), name)
            written = run(["nsenter", "-t", server, "-m", "--", "touch", "/srv/mexit/x", "/etc/x"])
            self.assertEqual(written.stderr.count("Read-only file system"), 2, written.stderr)

            request = json.dumps({"tensor": "A" * 4096, "dtype": "u8", "policy": {"kind": "last"}})
            for number in range(200):
                connection.sendall((request + "\n").encode())
            connection.sendall(b'{"id":"read","op":"stats"}\n')
            answers = []
            while not answers or answers[-1]["id"] != "read":
                answers.append(json.loads(lines.readline()))
            self.systemctl("stop", "mexit@*")
            answers += [json.loads(line) for line in lines]
            self.assertEqual(len(answers), 201)
            self.assertEqual([answer for answer in answers if answer["type"] == "error"], [])


if __name__ == "__main__":
    unittest.main()
