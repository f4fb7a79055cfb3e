"""Prints the rows of some databases as the course's script sends them: with PyMySQL and json.dumps.

Usage: as_the_script.py PORT DATABASE...

Each line is a database, a row's index and its JSON, tabs between them. The script's JSON has a space after each separator
and escapes what is not ASCII; both stay out here, since the values are what is compared.
"""

import json
import sys

import pymysql

sys.stdout.reconfigure(encoding="utf-8")
port, *databases = sys.argv[1:]
for database in databases:
    connection = pymysql.connect(
        host="127.0.0.1",
        port=int(port),
        user="reader",
        password="p",
        database=database,
        cursorclass=pymysql.cursors.DictCursor,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM pinterest_data")
        for row in cursor:
            text = json.dumps(row, default=str, ensure_ascii=False, separators=(",", ":"))
            print(database, row["index"], text, sep="\t")
