"""The recipient of an exported key, written from docs/formats/key-export.md with pyca/cryptography and Tink alone.

First run: {} gives a fresh key pair: {"public": ..., "seed": ...}.
Second run: {"seed", "document", "values": [{"ad", "value"}]} opens the document and, with the keyset in it, the
values: {"opened": [...], "sealed": ...}, where `sealed` is the first one sealed again; with {"index": {"ad", "value",
"bits"}} in place of the values it gives the blind index: {"index": ...}. Bytes in base64url.
"""

import base64
import json
import os
import struct
import sys

import tink
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from tink import daead, prf, secret_key_access


def b(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def t(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def pair(seed):
    return mlkem.MLKEM768PrivateKey.from_seed_bytes(seed[:64]), x25519.X25519PrivateKey.from_private_bytes(seed[64:])


def generate():
    seed = os.urandom(96)
    one, two = pair(seed)
    return {"seed": t(seed), "public": t(one.public_key().public_bytes_raw() + two.public_key().public_bytes_raw())}


def parts(*texts):
    return b"".join(struct.pack(">I", len(part)) + part for part in (text.encode() for text in texts))


def index(keyset, question):
    prf.register()
    value, bits = b(question["value"]), question["bits"]
    message = b(question["ad"]) + struct.pack(">I", len(value)) + value
    found = bytearray(keyset.primitive(prf.PrfSet).primary().compute(message, (bits + 7) // 8))
    found[-1] &= 0xFF << (-bits % 8) & 0xFF
    return {"index": t(bytes(found))}


def receive(question):
    document = json.loads(b(question["document"]))
    assert document["format"] == "nexora/key-export/1" and document["content"] == "tink"
    info = parts("nexora/key-export/1", document["organization"], document["key"], "tink", document["suite"])
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    private = hpke.MLKEM768X25519PrivateKey(*pair(b(question["seed"])))
    keyset = suite.decrypt(b(document["sealed"]), private, info)
    keyset = tink.proto_keyset_format.parse(keyset, secret_key_access.TOKEN)
    if "index" in question:
        return index(keyset, question["index"])
    daead.register()
    client = keyset.primitive(daead.DeterministicAead)
    opened = [client.decrypt_deterministically(b(v["value"]), b(v["ad"])) for v in question["values"]]
    again = client.encrypt_deterministically(opened[0], b(question["values"][0]["ad"]))
    return {"opened": [t(plain) for plain in opened], "sealed": t(again)}


asked = json.load(sys.stdin)
json.dump(receive(asked) if asked else generate(), sys.stdout)
