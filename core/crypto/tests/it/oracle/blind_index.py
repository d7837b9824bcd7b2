"""The blind index of docs/formats/field-value.md with Python's own HMAC: bytes in, base64url out."""

import base64
import hashlib
import hmac
import json
import sys


def b(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def index(key, ad, value, bits):
    digest = hmac.new(key, ad + len(value).to_bytes(4, "big") + value, hashlib.sha256).digest()
    number = int.from_bytes(digest, "big") >> (256 - bits) << (-bits % 8)
    return number.to_bytes((bits + 7) // 8, "big")


question = json.load(sys.stdin)
key, ad = b(question["key"]), b(question["ad"])
answer = [
    base64.urlsafe_b64encode(index(key, ad, value.encode(), question["bits"])).decode().rstrip("=")
    for value in question["values"]
]
json.dump(answer, sys.stdout)
