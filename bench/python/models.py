"""Scores the same activities with river and krcf, one after the other, and prints the seconds that each took.

Reads one JSON object on stdin: {dir, rows, features}: a folder with the file `features`, rows of so many numbers between
0 and 1 (64-bit, little-endian). Each model scores a row and then learns it. Writes the scores to the files `river` and
`krcf`, the higher the stranger. Prints one JSON object: {river, krcf, river_version, krcf_version}, in seconds on the
processor.
"""

import array
import importlib.metadata
import json
import os
import sys
import time

from krcf import RandomCutForest
from river import anomaly

work = json.load(sys.stdin)
width = work["features"]
numbers = array.array("d")
with open(os.path.join(work["dir"], "features"), "rb") as file:
    numbers.frombytes(file.read())
rows = [list(numbers[at * width:(at + 1) * width]) for at in range(work["rows"])]


def timed(name, step, rows):
    begun = time.process_time()
    scores = array.array("d", (step(row) for row in rows))
    took = time.process_time() - begun
    with open(os.path.join(work["dir"], name), "wb") as file:
        scores.tofile(file)
    return took


# Twenty-five trees, as in the paper (Tan, Ting and Liu 2011); the rest are the library's own settings.
trees = anomaly.HalfSpaceTrees(n_trees=25, seed=1)


def by_river(row):
    score = trees.score_one(row)
    trees.learn_one(row)
    return score


# The library's own settings.
forest = RandomCutForest({"dimensions": width, "shingle_size": 1, "random_seed": 1})


def by_krcf(row):
    score = forest.score(row)
    forest.update(row)
    return score


named = [dict(enumerate(row)) for row in rows]
print(json.dumps({
    "river": timed("river", by_river, named),
    "krcf": timed("krcf", by_krcf, rows),
    "river_version": importlib.metadata.version("river"),
    "krcf_version": importlib.metadata.version("krcf"),
}))
