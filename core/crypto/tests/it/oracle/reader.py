"""A reader of Nexora's formats, made from the pages in docs/formats/ alone, with pyca/cryptography.

One JSON document in, {"read": what, "told": …}; one out. Binary values are base64url without padding.
"""

import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


class Refused(Exception):
    """What was read is not what it should be."""


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value):
    return value.to_bytes(4, "big")


def parts(*parts):
    """Each behind its length."""
    return b"".join(number(len(part)) + part for part in parts)


# sealed-key.md: suites and keys


def suite(name):
    if name == "hybrid-768":
        return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    if name == "cnsa-2":
        return hpke.Suite(hpke.KEM.MLKEM1024, hpke.KDF.HKDF_SHA384, hpke.AEAD.AES_256_GCM)
    raise Refused(f"unknown suite {name}")


def own_key(told):
    """This reader's own private key, from its seeds: for HPKE, and the public bytes."""
    seed = data(told["seed"])
    if told["suite"] == "cnsa-2":
        key = mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed)
        return key, key.public_key().public_bytes_raw()
    one = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed[:64])
    two = x25519.X25519PrivateKey.from_private_bytes(seed[64:])
    public = one.public_key().public_bytes_raw() + two.public_key().public_bytes_raw()
    return hpke.MLKEM768X25519PrivateKey(one, two), public


def public(told):
    return {"public": text(own_key(told)[1])}


def private(told):
    """The public key that stands in an expanded private one."""
    key = data(told["private"])
    x25519_key = b""
    if told["suite"] == "hybrid-768":
        key, x25519_key = key[:2400], key[2400:]
        if len(x25519_key) != 32:
            raise Refused("2,432 bytes")
    at = {"hybrid-768": 1152, "cnsa-2": 1536}[told["suite"]]
    found, digest = key[at:-64], key[-64:-32]
    if hashlib.sha3_256(found).digest() != digest:
        raise Refused("the hash beside the public key is another")
    if x25519_key:
        own = x25519.X25519PrivateKey.from_private_bytes(x25519_key)
        found += own.public_key().public_bytes_raw()
    return {"public": text(found)}


# sealed-key.md: the data key; field-value.md: the value


def value(told):
    names = ("organization", "dataset", "field")
    organization, dataset, field = (told[name].encode() for name in names)
    info = parts(
        b"nexora/data-key/1",
        organization,
        dataset,
        field,
        bytes.fromhex(told["key_id"]),
        told["mode"].encode(),
        told["suite"].encode(),
        told["run"].encode(),
    )
    key = suite(told["suite"]).decrypt(data(told["sealed"]), own_key(told)[0], info)
    sealed = data(told["value"])
    if sealed[:1] != b"\x01" or sealed[1:5] != bytes.fromhex(told["key_id"]):
        raise Refused("the value is not under this key")
    place = parts(b"nexora/field/1", organization, dataset, field, told["row_key"].encode())
    return {"plain": AESGCM(key).decrypt(sealed[5:17], sealed[17:], place).decode()}


# passphrase-sealed.md


def passphrase(told):
    document = json.loads(told["document"])
    if document["kdf"] != "argon2id-v19" or document["cipher"] != "AES-256-GCM":
        raise Refused("another derivation or cipher")
    memory, passes, lanes = (document[name] for name in ("memory_kib", "passes", "lanes"))
    if memory > 1048576 or passes > 64 or lanes > 64:
        raise Refused("too dear")
    salt = data(document["salt"])
    kdf = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory)
    bound = parts(
        document["format"].encode(),
        document["kdf"].encode(),
        number(memory),
        number(passes),
        number(lanes),
        salt,
        document["cipher"].encode(),
    )
    cipher = AESGCM(kdf.derive(told["passphrase"].encode()))
    plain = cipher.decrypt(data(document["nonce"]), data(document["ciphertext"]), bound)
    return {"plain": text(plain)}


# manifest.md: the signature


def signed(told):
    document, jwk = told["document"], told["key"]
    if set(document) != {"payload", "protected", "signature"}:
        raise Refused("other members")
    header = json.loads(data(document["protected"]))
    if set(header) != {"alg", "kid", "typ"} or header["typ"] != told["typ"]:
        raise Refused("another header")
    if jwk["kty"] == "OKP":
        named = {"crv": jwk["crv"], "kty": "OKP", "x": jwk["x"]}
        algorithm, public = jwk["crv"], data(jwk["x"])
    else:
        named = {"alg": jwk["alg"], "kty": "AKP", "pub": jwk["pub"]}
        algorithm, public = jwk["alg"], data(jwk["pub"])
    thumbprint = hashlib.sha256(json.dumps(named, separators=(",", ":")).encode()).digest()
    if header["alg"] != algorithm or header["kid"] != text(thumbprint):
        raise Refused("another key")
    keys = {
        "Ed25519": ed25519.Ed25519PublicKey,
        "ML-DSA-44": mldsa.MLDSA44PublicKey,
        "ML-DSA-65": mldsa.MLDSA65PublicKey,
        "ML-DSA-87": mldsa.MLDSA87PublicKey,
    }
    message = f"{document['protected']}.{document['payload']}".encode()
    keys[algorithm].from_public_bytes(public).verify(data(document["signature"]), message)
    return json.loads(data(document["payload"]))


READ = {
    "public": public,
    "private": private,
    "value": value,
    "passphrase": passphrase,
    "signed": signed,
}


def main():
    question = json.load(sys.stdin)
    try:
        answer = READ[question["read"]](question["told"])
    except (Refused, InvalidTag, InvalidSignature) as error:
        answer = {"refused": f"{type(error).__name__}: {error}"}
    json.dump(answer, sys.stdout)


main()
