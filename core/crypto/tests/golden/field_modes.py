"""Writes field-modes.json: values of every mode by a foreign writer, made from docs/formats/field-value.md alone
(`tests/python/stranger/values.py`). Run once per new mode, never again for an old one: what is pinned is that values
written once are read for ever.
"""

import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parents[3] / "tests" / "python" / "stranger"))
import values

PLACE = ("org_040g2081040g2081040g208104", "dst_081040g2081040g2081040g208")
ID = 0x01020304
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
cases = []


def case(mode, field, key, plain, value, row_key=None, **parameters):
    associated_data = values.place(*PLACE, field)
    if row_key is not None:
        associated_data = values.with_row(associated_data, row_key)
    made = value(key, associated_data)
    case = {"mode": mode, "field": field, "key": values.text(key), "plain": plain} | parameters
    cases.append(case | {"associated_data": values.text(associated_data), "value": made})


for mode in ("gcm-siv", "siv"):
    for row_key, plain in ((None, "ada@example.com"), ("17", "größe"), (None, "")):
        sealed = lambda key, ad: values.text(values.seal(mode, key, ID, os.urandom(12), ad, plain.encode()))
        case(mode, "email", os.urandom(64 if mode == "siv" else 32), plain, sealed, row_key)

for alphabet, check, plain in (
    ("0123456789", False, "+1 (555) 010-0199"),
    ("0123456789", True, "4111 1111 1111 1111"),
    ("0123456789", True, "3782-822463-10005"),
    ("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", False, "DE89 3704 0044 0532 0130 00"),
    (ALPHANUMERIC, False, "x" * 200),
    ("αβγδεζηθικλμνξοπρστυφχψω", False, "λογοσ-μυθοσ"),
):
    for row_key in (None, "17"):
        made = lambda key, ad: values.ff1_text(key, alphabet, check, ad, plain)
        case("ff1", "card", os.urandom(32), plain, made, row_key, alphabet=alphabet, luhn=check)

for bits, steps, plain in (
    (10, ["trim", "nfkc", "lowercase"], "  ADA@Example.com\u3000"),
    (256, [], "ada@example.com"),
    (13, ["nfkc", "digits"], "+1 (５５５) 010"),
    (1, ["lowercase"], "ΟΔΟΣ"),
):
    made = lambda key, ad: values.text(values.blind_index(key, ad, bits, steps, plain))
    case("blind-index", "email", os.urandom(32), plain, made, bits=bits, normalize=steps)

for first, last, plain in ((0, 4, "4111111111111111"), (2, 2, "größe"), (2, 3, "größe")):
    case("mask", "card", b"", plain, lambda key, ad: values.mask(first, last, "•", plain), first=first, last=last)

(HERE / "field-modes.json").write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")
