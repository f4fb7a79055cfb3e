"""Reads archived objects as a notebook does: types are guessed from the JSON, a row a line is printed.

Usage: read_archive.py 'FOLDER/topics/TOPIC/partition=0/*.json'
"""

import json
import sys

import duckdb

rows = duckdb.sql(f"SELECT * FROM read_json('{sys.argv[1]}', format = 'newline_delimited', hive_partitioning = false)")
for row in rows.fetchall():
    # Dates and ids are printed as they were written; they have been guessed as such.
    print(json.dumps(dict(zip(rows.columns, row)), default=str))
