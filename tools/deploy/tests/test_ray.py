"""Ray: tools/deploy/ray/classify.py, on a cluster of this machine with two CPUs, which ends with the test."""
import json
import os
import pathlib
import sys
import unittest

import ray

from examples import DEPLOY, FIELDS, MODEL, ROOT, Photographs, fails_once, run


class Ray(Photographs):
    count = 600

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Workers get their environment from here.
        os.environ.update(RAY_USAGE_STATS_ENABLED="0", PYTHONPATH=str(ROOT / "tools/clients/python"))
        os.environ["PATH"] = f"{fails_once(cls.work)}:{os.environ['PATH']}"
        cls.failed = cls.work / "failed-once"
        cls.failed.mkdir()
        ray.init(num_cpus=2, include_dashboard=False, object_store_memory=80_000_000, _node_ip_address="127.0.0.1", log_to_driver=False)
        cls.addClassCleanup(ray.shutdown)
        cls.environment = {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}

    def setUp(self):
        self.answers = self.work / f"{self._testMethodName}.jsonl"

    def classify(self, *arguments):
        return run([sys.executable, DEPLOY / "ray/classify.py", "--model", MODEL, "--actors", "2", *arguments, self.photos, self.answers],
                   env=self.environment)

    def check(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [json.loads(line) for line in self.answers.read_text(encoding="utf-8").splitlines()]
        answers = {str(pathlib.Path(row["path"]).relative_to(self.photos)): row for row in rows}
        self.assertEqual(len(rows), len(self.names))
        self.assertEqual(set(answers), self.names)
        self.assertIn("bad_input", answers.pop("no photograph.jpg")["error"])
        for name, row in answers.items():
            self.assertEqual(tuple(row[field] for field in FIELDS), self.expected[name])

    def test_pool(self):
        self.check(self.classify())

    def test_actor_whose_server_dies_is_replaced(self):
        self.failed.rmdir()
        done = self.classify("--batch", "20")
        self.assertTrue(self.failed.exists())
        self.check(done)

    def test_photograph_that_cannot_be_read_fails_the_program(self):
        unreadable = self.photos / "gone.jpg"
        unreadable.symlink_to("nowhere")
        self.addCleanup(unreadable.unlink)
        done = self.classify()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("gone.jpg", done.stderr)
        self.assertFalse(self.answers.exists())

    def test_model_that_is_missing_fails_the_program(self):
        done = self.classify("--model", "missing.mexit")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("missing.mexit", done.stderr)


if __name__ == "__main__":
    unittest.main()
