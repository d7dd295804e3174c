#!/usr/bin/env python3
"""Classifies a folder of photographs on Apache Spark and writes a table of answers (Parquet).

    spark-submit tools/deploy/spark/classify.py --model /srv/photos.mexit photos answers

Each partition goes through one mexit-serve process by `rdd.pipe`. mexit-serve and the model must be at the same paths on every
worker. A sample that cannot be classified is a row with `code` and `message` instead of a class. A server that dies fails its
task, which Spark runs again.
"""
import argparse
import base64
import json
import shlex
import shutil

from pyspark.sql import SparkSession

ANSWER = ("id string, type string, class string, label int, confidence double, exit int, macs long, macs_saved long, "
          "code string, message string")


def request(row):
    return json.dumps({"id": row.path, "image": base64.b64encode(bytes(row.content)).decode()})


def classify(spark, photos, command, partitions):
    """photos: rows with path and content. Returns a data frame of answers, one a photograph."""
    requests = photos.select("path", "content").rdd.map(request).repartition(partitions)
    # checkCode: without it a server that died in the middle would look like one that had fewer requests.
    lines = requests.pipe(shlex.join(command), checkCode=True)
    answers = lines.filter(lambda line: not line.startswith('{"type":"ready"'))
    return spark.read.schema(ANSWER).option("mode", "FAILFAST").json(answers).drop("type")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", help="folder of JPEG and PNG files, anywhere that Spark can read")
    parser.add_argument("answers", help="where the table is written; must not exist")
    parser.add_argument("--model", required=True)
    parser.add_argument("--policy", default="confidence:0.9")
    parser.add_argument("--server", default=shutil.which("mexit-serve") or "/usr/local/bin/mexit-serve")
    parser.add_argument("--partitions", type=int, help="processes in all (default: one per core)")
    arguments = parser.parse_args()

    spark = SparkSession.builder.appName("mexit").getOrCreate()
    photos = (spark.read.format("binaryFile").option("recursiveFileLookup", "true")
              .option("pathGlobFilter", "*.{jpg,jpeg,png,JPG,JPEG,PNG}").load(arguments.photos))
    # A task has as many cores as Spark counts for it.
    threads = spark.sparkContext.getConf().get("spark.task.cpus", "1")
    command = [arguments.server, arguments.model, "--policy", arguments.policy, "--threads", threads, "--quiet"]
    partitions = arguments.partitions or spark.sparkContext.defaultParallelism
    classify(spark, photos, command, partitions).write.parquet(arguments.answers)
    spark.stop()


if __name__ == "__main__":
    main()
