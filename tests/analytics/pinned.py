"""Opens the tables of a folder before their newest version, and reads them when it is there.

Output (JSON): the number of a table's rows when it was `opened`, that which a question `read` from it later, and that `now`.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))

import answers

TABLE = "user_rows"


def main():
    tables = pathlib.Path(sys.argv[1])
    newest = max((tables / "user/_delta_log").glob("*.json"))
    hidden = newest.rename(newest.with_suffix(".hidden"))
    connection, opened = answers.opened(str(tables), [TABLE])
    hidden.rename(newest)
    read = sum(posts for _, posts in connection.sql(answers.QUESTIONS[6].read_text()).fetchall())
    _, now = answers.opened(str(tables), [TABLE])
    json.dump({"opened": opened[TABLE], "read": read, "now": now[TABLE]}, sys.stdout)


main()
