"""Compares Delta tables of geo rows with the archive that they were made from, on two readers that share no code with `tables`.

Argument: the archive's folder. Output (JSON): the tables' figures, and `problems`: the rows that a reader finds lost, doubled or
wrong.
"""

import collections
import json
import pathlib
import sys

import deltalake
import duckdb
import duckdb_extension_delta

# The rows to expect. The place of an archived line follows from its object's name and the lines before it.
EXPECTED = r"""
CREATE OR REPLACE TABLE expected AS
WITH objects AS (
    SELECT
        regexp_extract(filename, '\+(\d+)\+(\d+)\.json$', ['partition', 'start']) AS place,
        string_split(rtrim(content, chr(10)), chr(10)) AS lines
    FROM read_text(?)
), archived AS (
    SELECT
        place."partition"::INT AS "partition",
        place."start"::BIGINT + generate_subscripts(lines, 1) - 1 AS "offset",
        unnest(lines) AS line
    FROM objects
), placed AS (
    SELECT *, unnest(range(CASE WHEN line LIKE '[{%' THEN json_array_length(line)::BIGINT ELSE 1 END)) AS list_index
    FROM archived
), rows AS (
    SELECT *, CASE WHEN line LIKE '[{%' THEN line -> list_index ELSE line::JSON END AS value
    FROM placed
)
SELECT
    "partition",
    "offset",
    list_index,
    CASE list_index WHEN 0 THEN line END AS line,
    (value ->> 'ind')::INT AS ind,
    (value ->> 'timestamp')::TIMESTAMPTZ AS "timestamp",
    (value ->> 'latitude')::DOUBLE AS latitude,
    (value ->> 'longitude')::DOUBLE AS longitude,
    CASE WHEN latitude IS NOT NULL THEN [latitude, longitude] END AS coordinates,
    value ->> 'country' AS country
FROM rows
"""

CELLS = "line, ind, \"timestamp\", latitude, longitude, coordinates, country"

DIFFERENCES = f"""
WITH wanted AS (
    SELECT "partition", "offset", list_index, row({CELLS}) AS cells FROM expected
), found AS (
    SELECT "partition", "offset", list_index, any_value(row({CELLS})) AS cells, count(*) AS times FROM found_rows GROUP BY ALL
)
SELECT
    count(wanted.cells),
    count(*) FILTER (times IS NULL),
    coalesce(sum(times - 1), 0)::BIGINT,
    count(*) FILTER (times IS NOT NULL AND found.cells IS DISTINCT FROM wanted.cells)
FROM wanted FULL JOIN found USING ("partition", "offset", list_index)
"""


def compare(connection, folder, topic):
    """The figures of a topic's table, and what each reader finds wrong with it."""
    table, problems = folder / "tables" / topic.replace(".", "/"), []
    if not (table / "_delta_log").exists():
        return {}, [f"{topic}: there is no table"]
    connection.execute(EXPECTED, [f"{folder}/topics/{topic}/*/*.json"])
    delta = deltalake.DeltaTable(table)
    operations = [commit["operation"] for commit in delta.history()]
    [[records]] = connection.execute("SELECT count(*) FROM expected WHERE list_index = 0").fetchall()
    figures = collections.Counter(
        tables=1,
        records=records,
        commits=len(operations),
        merges=operations.count("OPTIMIZE"),
        checkpoints=len(list(table.glob("_delta_log/*.checkpoint.parquet"))),
    )
    by_deltalake = deltalake.QueryBuilder().register("found_rows", delta).execute("SELECT * FROM found_rows").read_all()
    connection.register("by_deltalake", by_deltalake)
    for reader, rows in ("DuckDB", f"delta_scan('{table}')"), ("deltalake", "by_deltalake"):
        connection.execute(f"CREATE OR REPLACE TEMPORARY VIEW found_rows AS SELECT * FROM {rows}")
        [[figures["rows"], *differences]] = connection.execute(DIFFERENCES).fetchall()
        figures["differences"] += sum(differences)
        found = zip(differences, ("lost", "doubled", "wrong"))
        problems += [f"{topic}: {count} rows {problem}, as {reader} reads the table" for count, problem in found if count]
    return figures, problems


def main():
    folder = pathlib.Path(sys.argv[1])
    connection = duckdb.connect()
    [extension] = pathlib.Path(duckdb_extension_delta.__path__[0]).rglob("delta.duckdb_extension")
    connection.execute(f"LOAD '{extension}'")
    connection.execute("SET TimeZone = 'UTC'")
    total, all_problems = collections.Counter(), []
    for topic in sorted(folder.glob("topics/*.geo")):
        figures, problems = compare(connection, folder, topic.name)
        total.update(figures)
        all_problems += problems
    json.dump({**total, "problems": all_problems}, sys.stdout)


main()
