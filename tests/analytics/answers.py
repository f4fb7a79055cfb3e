"""Answers the questions on an engine from Delta tables, after comparing the tables' rows with the reference cleaning's.

Input (JSON): `engine`, which is `duckdb`, `spark` or `trino`; `tables`, by name, the folders of Delta tables; `records`, by table,
what they were made from, as lists of a partition, an offset and a value; `questions`, by name, their SQL. Output: each question's
rows, as lists.
"""

import json
import pathlib
import subprocess
import sys

import cleaning
import deltalake

ROOT = pathlib.Path(__file__).parents[2]


def compare(table, rows, given):
    """Fails if rows differ from those of the reference cleaning. Moments are microseconds since 1970 in both."""
    expected = cleaning.rows(table, given["records"][table])
    moments = [of_type == "TIMESTAMP" for of_type in cleaning.types(table).values()]
    expected = [tuple(cleaning.micros(cell) if moment else cell for cell, moment in zip(row, moments)) for row in expected]
    # The first three columns are a row's place.
    rows = sorted(map(tuple, rows), key=lambda row: row[:3])
    if len(rows) != len(expected):
        sys.exit(f"{table}: {len(rows)} rows, not {len(expected)}")
    for row, other in zip(rows, sorted(expected, key=lambda row: row[:3])):
        if row != other:
            sys.exit(f"{table}: {row}, not {other}")


def selection(table, moment):
    """The table's columns in SQL, with an expression for moments."""
    columns = cleaning.types(table).items()
    names = ((f'"{column}"', of_type == "TIMESTAMP") for column, of_type in columns)
    return ", ".join(moment.format(name) if is_moment else name for name, is_moment in names)


def duckdb(given):
    import duckdb
    import duckdb_extension_delta

    [extension] = pathlib.Path(duckdb_extension_delta.__path__[0]).rglob("delta.duckdb_extension")
    connection = duckdb.connect()
    connection.execute(f"LOAD '{extension}'")
    connection.execute("SET TimeZone = 'UTC'")
    for table, folder in given["tables"].items():
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM delta_scan('{folder}')")
        rows = connection.execute(f"SELECT {selection(table, 'epoch_us({})')} FROM {table}")
        compare(table, rows.fetchall(), given)
    return {name: connection.execute(sql).fetchall() for name, sql in given["questions"].items()}


def spark(given):
    import pyspark.sql

    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.databricks.delta.snapshotPartitions": 1,
        "spark.jars": ",".join(map(str, (ROOT / ".tools/delta-spark/lib").glob("*.jar"))),
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        # Compiling the plans takes longer than some hundred rows need without it.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.shuffle.partitions": 1,
    }
    session = pyspark.sql.SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    for table, folder in given["tables"].items():
        session.read.format("delta").load(folder).createTempView(table)
        columns = selection(table, "unix_micros({})").replace('"', "`")
        compare(table, session.sql(f"SELECT {columns} FROM {table}").collect(), given)
    return {name: [list(row) for row in session.sql(sql).collect()] for name, sql in given["questions"].items()}


def trino(given):
    """The engine reads no files here: each text is preceded by the tables' rows, as subqueries of their names."""
    subqueries = ", ".join(subquery(table, folder, given) for table, folder in given["tables"].items())
    queries = {name: sql.replace("\nWITH ", f"\nWITH {subqueries}, ", 1) for name, sql in given["questions"].items()}
    command = ["java", "-cp", f"{ROOT}/.tools/trino/lib/*", f"{ROOT}/tests/analytics/Trino.java"]
    done = subprocess.run(command, input=json.dumps(queries), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def subquery(table, folder, given):
    """A table for Trino, from JSON, which has no timestamps."""
    types = cleaning.types(table)
    read = deltalake.QueryBuilder().register(table, deltalake.DeltaTable(folder))
    read = read.execute(f"SELECT {selection(table, '{}')} FROM {table}")
    rows = list(zip(*(column.to_pylist() for column in read.read_all().columns)))
    moments = [of_type == "TIMESTAMP" for of_type in types.values()]
    compare(table, [[cleaning.micros(cell) if moment else cell for cell, moment in zip(row, moments)] for row in rows], given)
    sql_types = {
        "ARRAY<DOUBLE>": "ARRAY(DOUBLE)",
        "INT": "INTEGER",
        "STRING": "VARCHAR",
        "TIMESTAMP": "VARCHAR",
    }
    fields = ", ".join(f'"{column}" {sql_types.get(of_type, of_type)}' for column, of_type in types.items())
    names = ((f'"{column}"', of_type == "TIMESTAMP") for column, of_type in types.items())
    columns = (f"CAST({name} AS TIMESTAMP) AS {name}" if is_timestamp else name for name, is_timestamp in names)
    text = json.dumps(rows, default=lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S")).replace("'", "''")
    return f"{table} AS (SELECT {', '.join(columns)} FROM UNNEST(CAST(json_parse('{text}') AS ARRAY(ROW({fields})))))"


def main():
    given = json.load(sys.stdin)
    engine = {"duckdb": duckdb, "spark": spark, "trino": trino}[given["engine"]]
    json.dump(engine(given), sys.stdout)


main()
