"""Field values and Tink: what our side sealed is opened, and what our side is to open is sealed.

Reads {"keyset_json", "keyset_binary", "kind", "raw", "cases": [{"ad", "plain", "ours"}]} with bytes in base64url,
writes {"opened": [...], "sealed": [...], "refused": n}. Raises where the two forms of a keyset disagree.
"""

import base64
import json
import sys

import tink
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV, AESSIV
from tink import aead, daead, secret_key_access

aead.register()
daead.register()


def b(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def t(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def pyca(kind, raw, ad, value):
    """Opens a value without Tink, from its documented bytes alone."""
    assert value[0] == 1
    if kind == "siv":
        return AESSIV(raw).decrypt(value[5:], [ad])
    cipher = AESGCM(raw) if kind == "gcm" else AESGCMSIV(raw)
    return cipher.decrypt(value[5:17], value[17:], ad)


def main():
    question = json.load(sys.stdin)
    kind, raw = question["kind"], b(question["raw"])
    answer = {"opened": [], "sealed": [], "refused": 0}
    handles = [
        tink.json_proto_keyset_format.parse(question["keyset_json"], secret_key_access.TOKEN),
        tink.proto_keyset_format.parse(b(question["keyset_binary"]), secret_key_access.TOKEN),
    ]
    interface = daead.DeterministicAead if kind == "siv" else aead.Aead
    clients = [handle.primitive(interface) for handle in handles]
    for case in question["cases"]:
        ad, plain, ours = b(case["ad"]), b(case["plain"]), b(case["ours"])
        if kind == "siv":
            opened = [c.decrypt_deterministically(ours, ad) for c in clients]
            sealed = clients[0].encrypt_deterministically(plain, ad)
        else:
            opened = [c.decrypt(ours, ad) for c in clients]
            sealed = clients[1].encrypt(plain, ad)
        opened.append(pyca(kind, raw, ad, ours))
        assert opened[0] == opened[1] == opened[2], "three readers read three things"
        answer["opened"].append(t(opened[0]))
        answer["sealed"].append(t(sealed))
        try:
            if kind == "siv":
                clients[0].decrypt_deterministically(ours, ad + b"x")
            else:
                clients[0].decrypt(ours, ad + b"x")
        except tink.TinkError:
            answer["refused"] += 1
    json.dump(answer, sys.stdout)


main()
