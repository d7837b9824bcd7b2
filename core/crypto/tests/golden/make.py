"""Writes the golden files: a foreign writer, made from docs/formats/ alone.

Needs pyca/cryptography 47 or later. What is pinned is that files written once open for ever: a file
that is there is left as it is. `key-pair*.json` are key pairs of ours, because pyca does not export
the expanded private key.
"""

import base64
import hashlib
import json
import os
import pathlib

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

HERE = pathlib.Path(__file__).parent


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(*parts):
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def write(name, value):
    if not (HERE / name).exists():
        (HERE / name).write_text(json.dumps(value, indent=2) + "\n")


ORGANIZATION = b"org_040g2081040g2081040g208104"
DATASET = b"dst_081040g2081040g2081040g208"
RUN = b"job_00000000000000000000000000"

# docs/formats/field-value.md
key, key_id, nonce = os.urandom(32), bytes.fromhex("01020304"), os.urandom(12)
place = parts(b"nexora/field/1", ORGANIZATION, DATASET, b"email")
value = b"\x01" + key_id + nonce + AESGCM(key).encrypt(nonce, b"ada@example.com", place)
field_value = {"key": key, "key_id": key_id, "associated_data": place, "value": value}
write("field-value.json", {name: text(value) for name, value in field_value.items()})

# docs/formats/sealed-key.md
pair = json.loads((HERE / "key-pair.json").read_text())
public = data(pair["public"])
to = hpke.MLKEM768X25519PublicKey(
    mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184]),
    x25519.X25519PublicKey.from_public_bytes(public[1184:]),
)
suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
info = parts(
    b"nexora/data-key/1", ORGANIZATION, DATASET, b"email", key_id, b"aead", b"hybrid-768", RUN
)
sealed = suite.encrypt(key, to, info)
sealed_key = {"info": info, "aad": b"", "sealed": sealed, "key": key}
write("sealed-key.json", pair | {name: text(value) for name, value in sealed_key.items()})

pair = json.loads((HERE / "key-pair-cnsa-2.json").read_text())
suite = hpke.Suite(hpke.KEM.MLKEM1024, hpke.KDF.HKDF_SHA384, hpke.AEAD.AES_256_GCM)
to = mlkem.MLKEM1024PublicKey.from_public_bytes(data(pair["public"]))
info = parts(
    b"nexora/data-key/1", ORGANIZATION, DATASET, b"email", key_id, b"gcm-siv", b"cnsa-2", RUN
)
sealed_key = {"info": info, "aad": b"", "sealed": suite.encrypt(key, to, info), "key": key}
write(
    "sealed-key-cnsa-2.json", pair | {name: text(value) for name, value in sealed_key.items()}
)

# docs/formats/passphrase-sealed.md
salt, nonce, cost = os.urandom(16), os.urandom(12), (65536, 3, 4)
kdf = Argon2id(salt=salt, length=32, iterations=cost[1], lanes=cost[2], memory_cost=cost[0])
bound = parts(
    b"nexora/golden/1",
    b"argon2id-v19",
    *(number.to_bytes(4, "big") for number in cost),
    salt,
    b"AES-256-GCM",
)
cipher = AESGCM(kdf.derive(b"correct horse battery staple"))
write(
    "passphrase-sealed.json",
    {
        "format": "nexora/golden/1",
        "kdf": "argon2id-v19",
        "memory_kib": cost[0],
        "passes": cost[1],
        "lanes": cost[2],
        "salt": text(salt),
        "cipher": "AES-256-GCM",
        "nonce": text(nonce),
        "ciphertext": text(cipher.encrypt(nonce, b"sealed by a foreign writer", bound)),
    },
)

# docs/formats/manifest.md: RFC 7515 flattened JSON, RFC 9964 names, RFC 7638 thumbprint
signer = mldsa.MLDSA65PrivateKey.generate()
jwk = {"alg": "ML-DSA-65", "kty": "AKP", "pub": text(signer.public_key().public_bytes_raw())}
kid = text(hashlib.sha256(json.dumps(jwk, separators=(",", ":")).encode()).digest())
header = {"alg": "ML-DSA-65", "kid": kid, "typ": "nexora-golden+json"}
protected = text(json.dumps(header).encode())
payload = text(b'{"hello":"world"}')
signature = signer.sign(f"{protected}.{payload}".encode())
write(
    "signed.json",
    {
        "jwk": jwk | {"kid": kid},
        "jws": {"payload": payload, "protected": protected, "signature": text(signature)},
    },
)
