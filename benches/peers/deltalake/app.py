"""`tables` as one would write it with deltalake, for pins: appends new archived records to a Delta table, cleaned as docs/analytics.md says.

Each partition's next offset is an application transaction of the commit that adds the rows, so that a run can stop or repeat. It does not
recognize another archive, count gaps or merge files. The columns are arrays of arro3, on which deltalake depends: with pyarrow the package
would exceed Lambda's 250 MB.
"""

import os
import re
import time

import boto3
import orjson
from arro3.core import Array, DataType, Field, RecordBatch, Schema, Table
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

USER_IDS = os.environ["USER_IDS"].split(",")
ARCHIVE_URL = os.environ["ARCHIVE_URL"]
BUCKET, _, PREFIX = ARCHIVE_URL.removeprefix("s3://").partition("/")
# deltalake does not read the variable with the service's name.
STORAGE = {"AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL_S3"]} if "AWS_ENDPOINT_URL_S3" in os.environ else {}
S3 = boto3.client("s3", region_name=os.environ["AWS_REGION"])

# The whole value of a text in place of a missing one.
MISSING = {
    "",
    "Image src error.",
    "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
    "NaN",
    "No Title Data Available",
    "No description available",
    "No description available Story format",
    "Untitled",
    "User Info Error",
}
FOLLOWERS = re.compile(r"([0-9]{1,12})(?:\.([0-9]*))?([kM]?)")
ZEROS = {"": 0, "k": 3, "M": 6}

TEXT, INTEGER, BIG_INTEGER = DataType.utf8(), DataType.int32(), DataType.int64()
COLUMNS = {
    "partition": INTEGER,
    "offset": BIG_INTEGER,
    "list_index": INTEGER,
    "line": TEXT,
    "ind": INTEGER,
    "unique_id": TEXT,
    "title": TEXT,
    "description": TEXT,
    "poster_name": TEXT,
    "follower_count": BIG_INTEGER,
    "tag_list": TEXT,
    "is_image_or_video": TEXT,
    "image_src": TEXT,
    "downloaded": INTEGER,
    "save_location": TEXT,
    "category": TEXT,
}
SCHEMA = Schema([Field(name, of_type) for name, of_type in COLUMNS.items()])


def handle(_event, _context):
    begun = time.monotonic()
    rows = sum(append(user_id) for user_id in USER_IDS)
    return {"rows": rows, "seconds": time.monotonic() - begun}


def append(user_id):
    topic, url = f"{user_id}.pin", f"{ARCHIVE_URL}/tables/{user_id}/pin"
    table = DeltaTable(url, storage_options=STORAGE) if DeltaTable.is_deltatable(url, STORAGE) else None
    batches, transactions = [], []
    for folder in listed(f"topics/{topic}/", "CommonPrefixes", Delimiter="/"):
        partition = int(folder["Prefix"].rstrip("/").rpartition("partition=")[2])
        application = f"archive/{topic}/{partition}"
        start = end = table and table.transaction_version(application) or 0
        stem = f"topics/{topic}/partition={partition}/{topic}+{partition}+"
        for found in listed(stem, "Contents", StartAfter=key(f"{stem}{start:010}")):
            end = int(found["Key"].removeprefix(key(stem)).removesuffix(".json"))
            lines = S3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read().decode().removesuffix("\n").split("\n")
            batches.append(batch(partition, end, lines))
            end += len(lines)
        if end > start:
            transactions.append(Transaction(application, end))
    if batches:
        commit = CommitProperties(app_transactions=transactions)
        data = Table.from_batches(batches, schema=SCHEMA)
        write_deltalake(table or url, data, mode="append", storage_options=STORAGE, commit_properties=commit)
    return sum(batch.num_rows for batch in batches)


def key(name):
    return f"{PREFIX}/{name}" if PREFIX else name


def listed(prefix, what, **more):
    for page in S3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=key(prefix), **more):
        yield from page.get(what, [])


def batch(partition, first, lines):
    columns = zip(*(row for offset, line in enumerate(lines, first) for row in rows(partition, offset, line)))
    arrays = [Array(list(column), of_type) for column, of_type in zip(columns, COLUMNS.values())]
    return RecordBatch.from_arrays(arrays, schema=SCHEMA)


def rows(partition, offset, line):
    """One row for each element of a list that holds a row, otherwise one. Any other value gives nulls."""
    value = orjson.loads(line)
    is_list = isinstance(value, list) and any(isinstance(row, dict) for row in value)
    for index, row in enumerate(value if is_list else [value]):
        yield partition, offset, index, None if index else line, *cleaned(row if isinstance(row, dict) else {})


def cleaned(row):
    tags, saved = row.get("tag_list"), row.get("save_location")
    if isinstance(tags, list):
        tags = ",".join(tags) if all(isinstance(tag, str) for tag in tags) else None
    return (
        integer(row.get("index", row.get("ind")), 2**31 - 1),
        text(row.get("unique_id")),
        text(row.get("title")),
        text(row.get("description")),
        text(row.get("poster_name")),
        followers(row.get("follower_count")),
        text(tags),
        text(row.get("is_image_or_video")),
        text(row.get("image_src")),
        integer(row.get("downloaded"), 1),
        text(saved.removeprefix("Local save in ") if isinstance(saved, str) else None),
        text(row.get("category")),
    )


def text(value):
    return value if isinstance(value, str) and value not in MISSING else None


def integer(value, most):
    """A number, also one sent as text."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= 10:
        value = int(value)
    return value if type(value) is int and 0 <= value <= most else None


def followers(value):
    """`451`, `20k` or `2M`."""
    found = FOLLOWERS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    whole, fraction, suffix = found.groups("")
    zeros = ZEROS[suffix]
    return int(whole + fraction.ljust(zeros, "0")) if len(fraction) <= zeros else None
