"""The examples of docs/deploy/python-client.md, run as they stand there."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import MODEL, PHOTOS, ROOT

PAGE = ROOT / "docs/deploy/python-client.md"


class Documentation(unittest.TestCase):
    def test_examples_run(self):
        examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
        self.assertGreaterEqual(len(examples), 3)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(MODEL, os.path.join(folder, "photos.mexit"))
            for photo in PHOTOS:
                shutil.copy(photo, folder)
            shutil.copy(PHOTOS[0], os.path.join(folder, "cat.jpg"))
            for example in examples:
                done = subprocess.run([sys.executable, "-c", example], cwd=folder, capture_output=True, text=True, timeout=60,
                                      env={**os.environ, "PYTHONPATH": str(ROOT / "tools/clients/python")})
                self.assertEqual((done.returncode, done.stderr), (0, ""), example)
                self.assertTrue(done.stdout, example)


if __name__ == "__main__":
    unittest.main()
