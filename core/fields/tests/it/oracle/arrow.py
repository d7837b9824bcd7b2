"""pyarrow as the other side: makes Parquet files, and reads what came of them. JSON on stdin and stdout."""

import base64
import datetime
import decimal
import io
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq


def enc(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def dec(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def table(int96):
    def some(at, value):
        return None if at % 7 == 3 else value

    rows = range(300)
    utc = datetime.timezone.utc
    start = datetime.datetime(2001, 2, 3, 4, 5, 6, 789)
    columns = {
        "id": (pa.int32(), list(rows)),
        "text": (pa.string(), [some(n, "canary-text-%d" % n if n % 5 else "") for n in rows]),
        "long": (pa.int64(), [some(n, (-1) ** n * (2**62 + n)) for n in rows]),
        "small": (pa.int16(), [n - 150 for n in rows]),
        "unsigned": (pa.uint32(), [some(n, 2**32 - 1 - n) for n in rows]),
        "real": (pa.float64(), [some(n, n / 7) for n in rows]),
        "half": (pa.float32(), [some(n, n / 4) for n in rows]),
        "flag": (pa.bool_(), [some(n, n % 2 == 0) for n in rows]),
        "day": (pa.date32(), [some(n, datetime.date(1969, 12, 1) + datetime.timedelta(n)) for n in rows]),
        "clock": (pa.time64("us"), [some(n, datetime.time(1, 2, 3, n)) for n in rows]),
        "when": (pa.timestamp("us"), [some(n, start + datetime.timedelta(n)) for n in rows]),
        "zoned": (
            pa.timestamp("ms", "Europe/Berlin"),
            [some(n, datetime.datetime(2001, 2, 3, tzinfo=utc) + datetime.timedelta(n)) for n in rows],
        ),
        "money": (pa.decimal128(12, 2), [some(n, decimal.Decimal(n * 1001 - 5) / 100) for n in rows]),
        "raw": (pa.binary(), [some(n, bytes([n % 256, 255, 0])) for n in rows]),
        "fixed": (pa.binary(16), [some(n, bytes([n % 256] * 16)) for n in rows]),
        "home": (
            pa.struct([("city", pa.string()), ("zip", pa.int32())]),
            [some(n, {"city": some(n + 1, "city %d" % n), "zip": n}) for n in rows],
        ),
        "items": (
            pa.list_(pa.struct([("sku", pa.string()), ("count", pa.int32())])),
            [some(n, [{"sku": some(i, "sku-%d-%d" % (n, i)), "count": i} for i in range(n % 6)]) for n in rows],
        ),
        "tags": (pa.list_(pa.string()), [some(n, ["tag-%d" % i for i in range(n % 4)]) for n in rows]),
        "map": (pa.map_(pa.string(), pa.int64()), [some(n, [("k%d" % i, n * i) for i in range(n % 3)]) for n in rows]),
        "kind": (pa.dictionary(pa.int8(), pa.string()), [some(n, "kind %d" % (n % 3)) for n in rows]),
        "plain": (pa.string(), ["left alone %d" % n for n in rows]),
    }
    arrays = {
        name: pa.array(values, of if not pa.types.is_dictionary(of) else pa.string()).cast(of)
        for name, (of, values) in columns.items()
    }
    return pa.table(arrays).replace_schema_metadata({"made": "by pyarrow"})


def read(text):
    return pq.ParquetFile(io.BytesIO(dec(text)))


def differ(one, other):
    return [name for name in one.schema.names if one[name] != other[name]]


def make(request):
    out = io.BytesIO()
    options = request["options"]
    pq.write_table(table(False), out, row_group_size=128, **options)
    return enc(out.getvalue())


def compare(request):
    wrong = []
    before, protected, back = (read(request[name]) for name in ("input", "protected", "back"))
    old, sealed, new = before.read(), protected.read(), back.read()
    if old.schema.metadata != new.schema.metadata or not old.schema.equals(new.schema, check_metadata=True):
        wrong.append("the schema is another")
    if not old.equals(new, check_metadata=True):
        wrong.append("values are others: %s" % differ(old, new))
    if before.schema != back.schema:
        wrong.append("the Parquet schema is another")
    for name in ("id", "plain", "kind"):
        if old[name] != sealed[name] or old.schema.field(name) != sealed.schema.field(name):
            wrong.append("column %s, which nobody named, is another" % name)
    for name in ("text", "long", "money", "when", "fixed"):
        if sealed[name].type != pa.string():
            wrong.append("protected column %s is %s" % (name, sealed[name].type))
        if sealed[name].is_null() != old[name].is_null():
            wrong.append("column %s has other nulls" % name)
        texts = [text for text in sealed[name].to_pylist() if text is not None]
        if any(dec(text)[0] != 1 for text in texts) or len(set(texts)) != len(texts):
            wrong.append("column %s is not sealed" % name)
    if sealed["items"].type.value_type.field("sku").type != pa.string():
        wrong.append("a nested leaf is not text")
    for group in range(protected.metadata.num_row_groups):
        for at in range(protected.metadata.num_columns):
            chunk = protected.metadata.row_group(group).column(at)
            if chunk.path_in_schema in ("text", "long", "money") and chunk.statistics is not None:
                wrong.append("%s has statistics" % chunk.path_in_schema)
    if request["marker"].encode() in (back.metadata.metadata or {}):
        wrong.append("the description of the input is still there")
    return {"rows": new.num_rows, "wrong": wrong}


def columns(request):
    return {"differ": differ(read(request["input"]).read(), read(request["other"]).read())}


def types(request):
    return {field.name: str(field.type) for field in read(request["input"]).schema_arrow}


request = json.load(sys.stdin)
json.dump(globals()[request["do"]](request), sys.stdout)
