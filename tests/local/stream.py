"""Reads a topic's archive as a stream with Spark, as docs/api.md shows, and prints each row's `ind` when it arrives.

Arguments: the folder of the partition, and the number of rows after which it stops.
"""

import sys

from pyspark.sql import SparkSession

folder, rows = sys.argv[1], int(sys.argv[2])
settings = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}
builder = SparkSession.builder.master("local[2]")
for name, value in settings.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")

read = []
schema = "ind INT, timestamp STRING, latitude DOUBLE, longitude DOUBLE, country STRING"
stream = spark.readStream.schema(schema).json(folder)


def add(batch, _):
    read.extend(row.ind for row in batch.select("ind").collect())
    print(f"rows read: {len(read)}", file=sys.stderr, flush=True)


query = stream.writeStream.foreachBatch(add).start()
while len(read) < rows:
    query.processAllAvailable()
# Rows that are read twice would come in a later batch.
query.processAllAvailable()
query.stop()
print(" ".join(str(ind) for ind in read))
