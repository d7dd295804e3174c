"""The Dockerfile: builds the image with the engine that ENGINE names and classifies photographs in a container."""
import os
import shlex
import subprocess
import unittest

from examples import DEPLOY, MODEL, PHOTOS, ROOT, Client, Sample

ENGINE = os.environ.get("ENGINE", "docker")
# More flags of the build, such as --build-arg BUILD_IMAGE=... where the images have other names.
FLAGS = shlex.split(os.environ.get("BUILD_FLAGS", ""))
IMAGE = "mexit-test"


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
