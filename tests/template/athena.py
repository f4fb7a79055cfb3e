"""Runs Athena's views and queries on DuckDB, with the Trino functions that they call as macros.

Input (JSON): `schema`, `lines` (per kind, lists of a user id and a line), `views` and `queries` (names and SQL). Output: their rows.
It proves the SQL and its results for each line, not Trino's parser and casts.
"""

import json
import sys

import duckdb

# Trino's semantics: scalars become text; objects, lists and JSON's null become NULL. DuckDB spells the path `["key"]` as `."key"`.
TRINO = """
CREATE MACRO path_of(path) AS replace(replace(path, '["', '."'), '"]', '"');
CREATE MACRO json_extract_scalar(json, path) AS
  CASE WHEN json_type(json, path_of(path)) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL
  ELSE json_extract_string(json, path_of(path)) END;
CREATE MACRO json_format(json) AS CAST(json AS VARCHAR);
CREATE MACRO from_unixtime(seconds) AS make_timestamp(CAST(floor(seconds) AS BIGINT) * 1000000);
CREATE MACRO approx_percentile(value, share) AS quantile_disc(value, share);
"""


def rows(connection, sql):
    result = connection.execute(sql)
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row)) for row in result.fetchall()]


def main():
    given = json.load(sys.stdin)
    connection = duckdb.connect()
    connection.execute(f"CREATE SCHEMA {given['schema']}; USE {given['schema']};" + TRINO)
    for kind, lines in given["lines"].items():
        connection.execute(f"CREATE TABLE {kind}_lines (user_id VARCHAR, line VARCHAR)")
        if lines:
            connection.executemany(f"INSERT INTO {kind}_lines VALUES (?, ?)", lines)
    results = {}
    for name, sql in given["views"].items():
        connection.execute(f"CREATE VIEW {name} AS {sql}")
        results[name] = rows(connection, f"SELECT * FROM {name}")
    for name, sql in given["queries"].items():
        results[name] = rows(connection, sql)
    json.dump(results, sys.stdout, default=str)


main()
