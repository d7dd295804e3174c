"""GNU parallel: tools/deploy/make-requests.py and tools/deploy/parallel/classify.sh."""
import json
import unittest

from examples import DEPLOY, FIELDS, MODEL, Photographs, fails_once, on_path, run, server_that

CLASSIFY = DEPLOY / "parallel/classify.sh"


class Parallel(Photographs):
    def requests(self, *arguments):
        done = run([DEPLOY / "make-requests.py", *arguments, self.photos], check=True)
        file = self.work / "requests.jsonl"
        file.write_text(done.stdout)
        return file

    def check(self, output):
        answers = [json.loads(line) for line in output.splitlines()]
        for answer in answers:
            if answer["id"] == "no photograph.jpg":
                self.assertEqual((answer["type"], answer["code"]), ("error", "bad_input"))
            else:
                self.assertEqual(tuple(answer[field] for field in FIELDS), self.expected[answer["id"]])
        ids = [answer["id"] for answer in answers]
        self.assertEqual(len(ids), len(self.names))
        self.assertEqual(set(ids), self.names)
        return ids

    def test_file(self):
        requests = self.requests()
        pids = self.work / "pids"
        counted = server_that(self.work, f'echo $$ >> {pids}; exec "$SERVER" "$@"')
        done = run([CLASSIFY, MODEL, requests, "--allow-paths", self.photos, "--policy", "confidence:0.9"], check=True,
                   env=on_path(counted, JOBS="3"))
        self.assertEqual(self.check(done.stdout), [json.loads(line)["id"] for line in requests.read_text().splitlines()])
        self.assertEqual(len(set(pids.read_text().split())), 3)

    def test_stream(self):
        pids = self.work / "pids-of-stream"
        counted = server_that(self.work, f'echo $$ >> {pids}; exec "$SERVER" "$@"')
        with self.requests("--embed").open() as requests:
            done = run([CLASSIFY, MODEL, "-", "--policy", "confidence:0.9"], check=True, stdin=requests,
                       env=on_path(counted, JOBS="2"))
        self.check(done.stdout)
        self.assertEqual(len(set(pids.read_text().split())), 2)

    def test_failures_are_seen(self):
        requests = self.requests("--embed")
        self.assertEqual(run([CLASSIFY, self.work / "missing.mexit", requests], env=on_path(self.work, JOBS="2")).returncode, 2)
        one = run([CLASSIFY, MODEL, requests], env=on_path(fails_once(self.work), JOBS="2"))
        self.assertEqual(one.returncode, 1, one.stderr)
        self.assertEqual(run([CLASSIFY]).returncode, 64)


if __name__ == "__main__":
    unittest.main()
