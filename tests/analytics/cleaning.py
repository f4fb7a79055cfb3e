"""The reference cleaning: rows as the course's script sends them to typed columns, as the course's notebooks clean them.

A slow and plain twin of `tables`. It reads the sample's forms of values only, and fails on any other.
"""

import datetime
import json

# The whole value of a text field in place of a missing one.
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

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

TEXT, INTEGER, BIG_INTEGER, DOUBLE, DOUBLES, TIMESTAMP = "STRING", "INT", "BIGINT", "DOUBLE", "ARRAY<DOUBLE>", "TIMESTAMP"

# The columns of every table: the position in Kafka, the row's place in a value that is a list, and the value itself.
POSITION = {"partition": INTEGER, "offset": BIG_INTEGER, "list_index": INTEGER, "line": TEXT}


def text(value):
    return None if value in MISSING else value


def followers(value):
    """`451`, `20k` or `2M`."""
    if text(value) is None:
        return None
    times = {"k": 1_000, "M": 1_000_000}.get(value[-1], 1)
    return round(float(value.rstrip("kM")) * times)


def micros(moment):
    """The microseconds since 1970."""
    return None if moment is None else (moment - EPOCH) // datetime.timedelta(microseconds=1)


def timestamp(value):
    return datetime.datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=datetime.timezone.utc)


# The columns of each table: name, type, and the function of the row.
COLUMNS = {
    "pin_rows": [
        ("ind", INTEGER, lambda row: int(row["index"])),
        *((name, TEXT, lambda row, name=name: text(row[name])) for name in ("unique_id", "title", "description", "poster_name")),
        ("follower_count", BIG_INTEGER, lambda row: followers(row["follower_count"])),
        *((name, TEXT, lambda row, name=name: text(row[name])) for name in ("tag_list", "is_image_or_video", "image_src")),
        ("downloaded", INTEGER, lambda row: int(row["downloaded"])),
        ("save_location", TEXT, lambda row: text(row["save_location"].removeprefix("Local save in "))),
        ("category", TEXT, lambda row: text(row["category"])),
    ],
    "geo_rows": [
        ("ind", INTEGER, lambda row: int(row["ind"])),
        ("timestamp", TIMESTAMP, lambda row: timestamp(row["timestamp"])),
        ("latitude", DOUBLE, lambda row: float(row["latitude"])),
        ("longitude", DOUBLE, lambda row: float(row["longitude"])),
        ("coordinates", DOUBLES, lambda row: [float(row["latitude"]), float(row["longitude"])]),
        ("country", TEXT, lambda row: text(row["country"])),
    ],
    "user_rows": [
        ("ind", INTEGER, lambda row: int(row["ind"])),
        ("user_name", TEXT, lambda row: f"{row['first_name']} {row['last_name']}"),
        ("age", INTEGER, lambda row: int(row["age"])),
        ("date_joined", TIMESTAMP, lambda row: timestamp(row["date_joined"])),
    ],
}


def types(table):
    """The table's columns and their types, by Spark's names."""
    return POSITION | {name: of_type for name, of_type, _ in COLUMNS[table]}


def rows(table, records):
    """The rows of a topic's records (partition, offset, value): a value is a row, or a list of rows."""
    for partition, offset, line in records:
        value = json.loads(line)
        for list_index, row in enumerate(value if isinstance(value, list) else [value]):
            # The value once, in the list's first row.
            yield (partition, offset, list_index, None if list_index else line, *(column(row) for _, _, column in COLUMNS[table]))
