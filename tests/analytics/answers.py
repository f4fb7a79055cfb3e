"""Cleans records into the three tables, and answers the questions on an engine.

Input (JSON): `engine`, which is `duckdb`, `spark` or `trino`; `records`, by table, lists of a partition, an offset and a value;
`questions`, by name, their SQL. Output: each question's rows, as lists.
"""

import json
import pathlib
import subprocess
import sys

import cleaning

ROOT = pathlib.Path(__file__).parents[2]


def duckdb(tables, questions):
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table, rows in tables.items():
        types = cleaning.types(table)
        columns = ", ".join(f'"{column}" {of_type.replace("ARRAY<DOUBLE>", "DOUBLE[]")}' for column, of_type in types.items())
        connection.execute(f"CREATE TABLE {table} ({columns})")
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(types))})", rows)
    return {name: connection.execute(sql).fetchall() for name, sql in questions.items()}


def spark(tables, questions):
    import pyspark.sql

    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        # Compiling the plans takes longer than some hundred rows need without it.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.shuffle.partitions": 1,
    }
    session = pyspark.sql.SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    for table, rows in tables.items():
        columns = ", ".join(f"`{column}` {of_type}" for column, of_type in cleaning.types(table).items())
        session.createDataFrame(rows, columns).createTempView(table)
    return {name: [list(row) for row in session.sql(sql).collect()] for name, sql in questions.items()}


def trino(tables, questions):
    """The engine stores nothing here: each text is preceded by the tables, as subqueries of their names."""
    subqueries = ", ".join(map(subquery, tables, tables.values()))
    queries = {name: sql.replace("\nWITH ", f"\nWITH {subqueries}, ", 1) for name, sql in questions.items()}
    command = ["java", "-cp", f"{ROOT}/.tools/trino/lib/*", f"{ROOT}/tests/analytics/Trino.java"]
    done = subprocess.run(command, input=json.dumps(queries), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def subquery(table, rows):
    """A table for Trino, from JSON, which has no timestamps."""
    sql_types = {
        "ARRAY<DOUBLE>": "ARRAY(DOUBLE)",
        "INT": "INTEGER",
        "STRING": "VARCHAR",
        "TIMESTAMP": "VARCHAR",
    }
    types = cleaning.types(table)
    fields = ", ".join(f'"{column}" {sql_types.get(of_type, of_type)}' for column, of_type in types.items())
    names = ((f'"{column}"', of_type == "TIMESTAMP") for column, of_type in types.items())
    columns = (f"CAST({name} AS TIMESTAMP) AS {name}" if is_timestamp else name for name, is_timestamp in names)
    text = json.dumps(rows, default=lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S")).replace("'", "''")
    return f"{table} AS (SELECT {', '.join(columns)} FROM UNNEST(CAST(json_parse('{text}') AS ARRAY(ROW({fields})))))"


def main():
    given = json.load(sys.stdin)
    tables = {table: list(cleaning.rows(table, records)) for table, records in given["records"].items()}
    engine = {"duckdb": duckdb, "spark": spark, "trino": trino}[given["engine"]]
    json.dump(engine(tables, given["questions"]), sys.stdout)


main()
