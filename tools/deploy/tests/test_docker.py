"""The Dockerfile: builds the image with the engine that ENGINE names and classifies photographs in a container.

Without an engine, `File` checks what the file says against this tree and this machine's Debian.
"""
import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import unittest

from examples import DEPLOY, MODEL, PHOTOS, ROOT, SERVER, Client, Sample, run

ENGINE = os.environ.get("ENGINE", "docker")
# More flags of the build, such as --build-arg BUILD_IMAGE=... where the images have other names.
FLAGS = shlex.split(os.environ.get("BUILD_FLAGS", ""))
IMAGE = "mexit-test"


class File(unittest.TestCase):
    def setUp(self):
        text = (DEPLOY / "docker/Dockerfile").read_text().replace("\\\n", " ")
        self.lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        install = next(line for line in self.lines if "apt-get install" in line)
        self.packages = re.search(r"apt-get install ([^&]*)", install)[1].split()
        self.packages = [word for word in self.packages if not word.startswith("-")]

    def test_what_is_copied_is_there_and_in_the_context(self):
        rules = [line for line in (DEPLOY / "docker/Dockerfile.dockerignore").read_text().splitlines() if line and not line.startswith("#")]

        def is_ignored(path):
            verdict = False
            parents = [str(path), *(str(parent) for parent in path.parents if str(parent) != ".")]
            for rule in rules:
                pattern = rule.lstrip("!").rstrip("/")
                if any(fnmatch.fnmatch(name, pattern) for name in parents):
                    verdict = not rule.startswith("!")
            return verdict

        copied = [word for line in self.lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]]
        self.assertIn("Package.swift", copied)
        for name in copied:
            self.assertTrue((ROOT / name).exists(), name)
            self.assertFalse(is_ignored((ROOT / name).relative_to(ROOT)), f"{name} is kept out of the context")
        for line in self.lines:
            for script in re.findall(r"^RUN (tools/\S+)", line):
                self.assertTrue(os.access(ROOT / script, os.X_OK), script)

    def test_both_images_are_of_one_release(self):
        images = dict(re.findall(r"^ARG (\w+)=(\S+)", "\n".join(self.lines), re.M))
        self.assertEqual(re.search("bookworm|trixie", images["BUILD_IMAGE"])[0], re.search("bookworm|trixie", images["RUN_IMAGE"])[0])

    @unittest.skipUnless(shutil.which("dpkg-query") and shutil.which("ldd"), "no Debian: its packages cannot be asked")
    def test_the_packages_have_the_libraries_of_the_server(self):
        needed = re.findall(r"^\s*(\S+) => (/\S+)", run(["ldd", SERVER], check=True).stdout, re.M)
        # What no package has came with Swift, and --static-swift-stdlib puts it into the server.
        found = run(["dpkg-query", "--search", *(f"*/{name}" for name, _ in needed)]).stdout
        owners = {line.split(":")[0] for line in found.splitlines()}
        base = {"libc6", "libgcc-s1"}  # in every Debian image
        self.assertEqual(owners - base - set(self.packages), set(), f"libraries of packages that are not installed; needed are {needed}")
        self.assertEqual(set(self.packages) - owners, set(), "packages that the server does not need")


class Docker(unittest.TestCase):
    def test_image(self):
        subprocess.run([ENGINE, "build", *FLAGS, "-f", DEPLOY / "docker/Dockerfile", "-t", IMAGE, ROOT], check=True)
        with Client(MODEL, policy="confidence:0.9") as here:
            expected = [here.classify(Sample.from_file(photo)).class_name for photo in PHOTOS]
        container = [ENGINE, "run", "--rm", "-i", "--network", "none", "--read-only", IMAGE]
        with Client("/models/" + os.path.basename(MODEL), policy="confidence:0.9", server=container) as client:
            answers = [answer.class_name for answer in client.map(Sample.from_file(photo) for photo in PHOTOS)]
        self.assertEqual(answers, expected)


if __name__ == "__main__":
    unittest.main()
