"""Writes token.json from docs/formats/token-vault.md: run with pyca/cryptography."""

import json
import struct
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def bare(raw):
    """26 characters for 16 bytes, the highest bits first."""
    number = int.from_bytes(raw, "big") << 2
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def parts(*texts):
    return b"".join(struct.pack(">I", len(text)) + text for text in map(str.encode, texts))


field, token, plain = "$.who['e mail']", "0123456789abcdef", "ada@example.com"
place = ["org_" + bare(b"\1" * 16), "dst_" + bare(b"\2" * 16), field, "key_" + bare(b"\3" * 16)]
siv = AESSIV(bytes(range(64)))
kept = siv.encrypt(plain.encode(), [parts("nexora/token/1", *place, token)])
found = siv.encrypt(plain.encode(), [parts("nexora/token-lookup/1", *place)])[:16]
golden = {
    "field": field,
    "token": token,
    "plain": plain,
    "lookup": found.hex(),
    "value": (b"\1" + bytes([1, 2, 3, 4]) + kept).hex(),
}
Path(__file__).with_name("token.json").write_text(json.dumps(golden, indent=2) + "\n")
