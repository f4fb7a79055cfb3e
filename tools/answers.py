"""`make answers`: the course's eight questions, answered from the tables of cleaned rows.

DuckDB runs the texts of `analytics/` unchanged. All of them read the same version of each table, also while rows are added.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import signal
import sys
from collections.abc import Iterable
from urllib.parse import urlsplit

import duckdb

WORKSPACE = pathlib.Path(__file__).resolve().parents[1]

# The SQL of each question, by number.
QUESTIONS = {int(file.name.partition("-")[0]): file for file in sorted((WORKSPACE / "analytics").glob("*.sql"))}

# The archives of `cargo run`, named after the times of their starts.
ARCHIVES = pathlib.Path("pinterest-archive")

# More than an answer has: DuckDB leaves out rows and columns beyond these.
MAX_ROWS, MAX_WIDTH = 10_000, 1_000


class Unusable(Exception):
    """There are no tables to read."""


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make answers", description=__doc__, allow_abbrev=False, usage='make answers ARGS="[options]"',
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--tables", metavar="FOLDER|s3://…", help="a user id's tables, such as s3://bucket/tables/0a1b2c3d4e5f, which "
                        "is read with the AWS credentials of the environment or profile (those of the newest archive in pinterest-archive)")
    source.add_argument("--user-id", metavar="ID", help="the user id in the newest archive (the only one there)")
    parser.add_argument("--question", type=int, choices=QUESTIONS, metavar="NUMBER", help="answer only this question (all eight)")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of tables")
    return parser.parse_args()


def newest(user_id: str | None) -> pathlib.Path:
    """Returns the folder of a user id's tables in the newest archive."""
    archives = folders(ARCHIVES)
    if not archives:
        raise Unusable(f"there is no archive in {ARCHIVES} yet: `cargo run -- --order course` makes one, and --tables names another place")
    archive = max(archives)
    tables = {folder.name: folder for folder in folders(archive / "tables")}
    if not tables:
        raise Unusable(f"{archive} has no tables yet: `cargo run` writes them a second after the first records, unless it has --no-tables")
    if user_id is None and len(tables) == 1:
        return next(iter(tables.values()))
    if user_id not in tables:
        raise Unusable(f"{archive} has tables of {', '.join(sorted(tables))}: choose by --user-id")
    return tables[user_id]


def folders(parent: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []


def tables_of(questions: Iterable[str]) -> list[str]:
    """The names of the tables that the questions read, such as `pin_rows`."""
    return sorted({name for sql in questions for name in re.findall(r"\bFROM (\w+_rows)\b", sql)})


def opened(location: str, names: Iterable[str]) -> tuple[duckdb.DuckDBPyConnection, dict[str, int]]:
    """Returns a connection to tables of a user id, and the number of rows of each. From here on they do not change."""
    # Without a request to DuckDB's own server.
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    load(connection, "delta")
    is_local = not location.startswith("s3://")
    if not is_local:
        log_in_to_s3(connection)
    counts = {}
    for name in names:
        kind = name.removesuffix("_rows")
        folder = str(pathlib.Path(location, kind).resolve()) if is_local else f"{location.rstrip('/')}/{kind}"
        try:
            connection.execute(f"ATTACH {quoted(folder)} AS {name} (TYPE delta, PIN_SNAPSHOT)")
            # The first read fixes the version.
            [[counts[name]]] = connection.execute(f"SELECT count(*) FROM {name}").fetchall()
        except duckdb.Error as error:
            # Of a table whose first version is not written yet, or of a wrong folder.
            if any(text in str(error) for text in ("Path does not exist", "No files in log segment")):
                raise Unusable(f"{location} has no table {kind} yet, or is not the folder of a user id's tables, such as "
                               f"{ARCHIVES}/2026-11-21T09-33-53.104/tables/demo") from error
            raise Unusable(f"{folder} cannot be read: {one_line(error)}") from error
    return connection, counts


def load(connection: duckdb.DuckDBPyConnection, extension: str) -> None:
    """Loads an extension from its Python package."""
    package = importlib.util.find_spec(f"duckdb_extension_{extension}")
    [file] = pathlib.Path(package.submodule_search_locations[0]).rglob(f"{extension}.duckdb_extension")
    connection.execute(f"LOAD {quoted(str(file))}")


def log_in_to_s3(connection: duckdb.DuckDBPyConnection) -> None:
    """Reads the AWS credentials as AWS's own programs do."""
    load(connection, "httpfs")
    load(connection, "aws")
    options = ["TYPE s3", "PROVIDER credential_chain"]
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
    if endpoint.netloc:
        # DuckDB does not read these variables.
        options += [f"ENDPOINT {quoted(endpoint.netloc)}", "URL_STYLE 'path'", f"USE_SSL {endpoint.scheme == 'https'}"]
    try:
        connection.execute(f"CREATE SECRET ({', '.join(options)})")
    except duckdb.Error as error:
        raise Unusable("there are no AWS credentials: `aws configure`, `aws sso login` or AWS_PROFILE; then `aws sts get-caller-identity` "
                       "answers") from error


def quoted(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def title(sql: str) -> str:
    """The comment before the query, on one line."""
    lines = sql.splitlines()
    return " ".join(line.removeprefix("-- ") for line in lines if line.startswith("--"))


def main() -> None:
    # `make answers | head` is no error.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    options = parsed()
    questions = {file.stem: file.read_text() for number, file in QUESTIONS.items() if options.question in (None, number)}
    try:
        location = options.tables or str(newest(options.user_id))
        connection, counts = opened(location, tables_of(questions.values()))
    except Unusable as problem:
        sys.exit(f"error: {problem}")
    if options.json:
        answers = {name: connection.sql(sql) for name, sql in questions.items()}
        answers = {name: {"columns": answer.columns, "rows": answer.fetchall()} for name, answer in answers.items()}
        print(json.dumps({"tables": location, "table_rows": counts, "answers": answers}, ensure_ascii=False))
        return
    print(f"{location}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    for sql in questions.values():
        print(f"\n{title(sql)}", flush=True)
        connection.sql(sql).show(max_rows=MAX_ROWS, max_width=MAX_WIDTH)


if __name__ == "__main__":
    main()
