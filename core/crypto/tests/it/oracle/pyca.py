"""pyca/cryptography on the other side: a list of acts in, the list of their answers out, both JSON.

Binary values are base64url without padding. What is refused answers {"refused": reason}.
"""

import base64
import json
import sys

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519

AES = hpke.AEAD.AES_256_GCM
SUITES = {
    "hybrid-768": hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, AES),
    "cnsa-2": hpke.Suite(hpke.KEM.MLKEM1024, hpke.KDF.HKDF_SHA384, AES),
}
SIGNERS = {
    "Ed25519": (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey),
    "ML-DSA-44": (mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
    "ML-DSA-65": (mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
    "ML-DSA-87": (mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
}


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private_key(suite, seed):
    """From 64 bytes for ML-KEM, then 32 for X25519 where the suite is a hybrid."""
    if suite == "cnsa-2":
        return mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed)
    return hpke.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(seed[:64]),
        x25519.X25519PrivateKey.from_private_bytes(seed[64:]),
    )


def public_bytes(suite, seed):
    """As HPKE encodes them: of a hybrid, one after the other."""
    if suite == "cnsa-2":
        return private_key(suite, seed).public_key().public_bytes_raw()
    one = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed[:64]).public_key().public_bytes_raw()
    two = x25519.X25519PrivateKey.from_private_bytes(seed[64:]).public_key().public_bytes_raw()
    return one + two


def public_key(suite, public):
    if suite == "cnsa-2":
        return mlkem.MLKEM1024PublicKey.from_public_bytes(public)
    return hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184]),
        x25519.X25519PublicKey.from_public_bytes(public[1184:]),
    )


def public(act):
    return {"public": text(public_bytes(act["suite"], data(act["seed"])))}


def seal(act):
    to = public_key(act["suite"], data(act["public"]))
    return {"sealed": text(SUITES[act["suite"]].encrypt(data(act["plain"]), to, data(act["info"])))}


def open_sealed(act):
    key = private_key(act["suite"], data(act["seed"]))
    try:
        plain = SUITES[act["suite"]].decrypt(data(act["sealed"]), key, data(act["info"]))
    except InvalidTag:
        return {"refused": "tag"}
    return {"plain": text(plain)}


def sign(act):
    private, _ = SIGNERS[act["algorithm"]]
    make = getattr(private, "from_seed_bytes", None) or private.from_private_bytes
    key = make(data(act["seed"]))
    signature = key.sign(data(act["message"]))
    return {"public": text(key.public_key().public_bytes_raw()), "signature": text(signature)}


def verify(act):
    _, public = SIGNERS[act["algorithm"]]
    key = public.from_public_bytes(data(act["public"]))
    try:
        key.verify(data(act["signature"]), data(act["message"]))
    except InvalidSignature:
        return {"refused": "signature"}
    return {"verifies": True}


ACTS = {"public": public, "seal": seal, "open": open_sealed, "sign": sign, "verify": verify}
json.dump([ACTS[act["do"]](act) for act in json.load(sys.stdin)], sys.stdout)
