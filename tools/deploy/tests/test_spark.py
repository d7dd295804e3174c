"""Apache Spark: tools/deploy/spark/classify.py, in Spark's local mode with two cores."""
import os
import pathlib
import sys
import unittest
import urllib.parse

from pyspark.sql import SparkSession

from examples import DEPLOY, FIELDS, MODEL, SERVER, Photographs, fails_once, run

# Three attempts at a task: what spark.task.maxFailures is on a cluster.
MASTER = "--master local[2,3] --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=2 pyspark-shell"


class Spark(Photographs):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.environ.update(PYSPARK_SUBMIT_ARGS=MASTER, PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
        cls.spark = SparkSession.builder.getOrCreate()
        cls.addClassCleanup(cls.spark.stop)

    def classify(self, name, *arguments):
        table = self.work / name
        done = run([sys.executable, DEPLOY / "spark/classify.py", "--model", MODEL, "--partitions", "4", *arguments, self.photos, table])
        return done, table

    def check(self, table):
        rows = self.spark.read.parquet(str(table)).collect()
        answers = {pathlib.Path(urllib.parse.unquote(row.id.split(":", 1)[1])).relative_to(self.photos).as_posix(): row for row in rows}
        self.assertEqual(len(rows), len(self.names))
        self.assertEqual(set(answers), self.names)
        bad = answers.pop("no photograph.jpg")
        self.assertEqual((bad.code, bad["class"]), ("bad_input", None))
        for name, row in answers.items():
            self.assertEqual(tuple(row[field] for field in FIELDS), self.expected[name])

    def test_table(self):
        done, table = self.classify("answers", "--server", SERVER)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(table)

    def test_task_of_a_server_that_dies_runs_again(self):
        done, table = self.classify("answers-again", "--server", fails_once(self.work) / "mexit-serve")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("failing as told", done.stderr)
        self.check(table)

    def test_model_that_is_missing_fails_the_job(self):
        done, table = self.classify("no-answers", "--server", SERVER, "--model", "missing.mexit")
        self.assertNotEqual(done.returncode, 0)
        self.assertFalse((table / "_SUCCESS").exists())


if __name__ == "__main__":
    unittest.main()
