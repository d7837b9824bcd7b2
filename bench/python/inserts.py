"""Inserts entries of one length into a SQLite table, one transaction for each batch, and prints how long it took.

Reads one JSON object on stdin: {entries, bytes, batch, database}: the file with the entries one after the other, how
long each is, how many make a batch, and the database to make. The log is written ahead and synced at every commit.
Prints one JSON object: {seconds, entries}, the seconds those of the inserts and commits alone.
"""

import json
import sqlite3
import sys
import time

work = json.load(sys.stdin)
length, batch = work["bytes"], work["batch"]
with open(work["entries"], "rb") as file:
    data = file.read()
rows = [(at, data[at * length:(at + 1) * length]) for at in range(len(data) // length)]
connection = sqlite3.connect(work["database"], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA synchronous = FULL")
connection.execute("CREATE TABLE outbox (position INTEGER PRIMARY KEY, entry BLOB NOT NULL)")
begun = time.perf_counter()
for at in range(0, len(rows), batch):
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO outbox VALUES (?, ?)", rows[at:at + batch])
    connection.execute("COMMIT")
seconds = time.perf_counter() - begun
kept = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
json.dump({"seconds": seconds, "entries": kept}, sys.stdout)
