"""Opens a recovery package, made from docs/formats/recovery-package.md and the pages that it names alone.

Reads a list of questions in JSON from standard input:
  package       the package, text
  custodians    a quorum of custodians: {"document", "passphrase"}, their private keys
and answers each with {"keys": {id: private half in base64url}} or {"refused"}.
"""

import hashlib
import hmac
import json
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from reader import hpke_open
from values import Refused, data, parts, text


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def id_bytes(name):
    """The 16 bytes of an id: 26 characters, the most significant bits first."""
    number = 0
    for character in name.split("_")[1]:
        number = number * 32 + CROCKFORD.index(character)
    return (number >> 2).to_bytes(16, "big")


# passphrase-sealed.md


def unsealed(document, passphrase, wanted):
    document = json.loads(document)
    if document["format"] != wanted or document["kdf"] != "argon2id-v19" or document["cipher"] != "AES-256-GCM":
        raise Refused("another format, derivation or cipher")
    cost = [document[name] for name in ("memory_kib", "passes", "lanes")]
    salt = data(document["salt"])
    kdf = Argon2id(salt=salt, length=32, memory_cost=cost[0], iterations=cost[1], lanes=cost[2])
    numbers = [number.to_bytes(4, "big") for number in cost]
    bound = parts(wanted.encode(), document["kdf"].encode(), *numbers, salt, document["cipher"].encode())
    return AESGCM(kdf.derive(passphrase.encode())).decrypt(data(document["nonce"]), data(document["ciphertext"]), bound)


# Shamir over GF(2⁸)


def times(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def inverse(a):
    return next(b for b in range(1, 256) if times(a, b) == 1)


def combined(shares):
    secret = bytearray(32)
    for share in shares:
        factor = 1
        for other in shares:
            if other[0] != share[0]:
                factor = times(factor, times(other[0], inverse(other[0] ^ share[0])))
        for at in range(32):
            secret[at] ^= times(factor, share[1 + at])
    return bytes(secret)


# recovery-package.md


def holds(commitment, *message):
    mac = hmac.digest(bytes.fromhex(commitment["salt"]), b"".join(message), "sha256")
    return mac == bytes.fromhex(commitment["hash"])


def opened(question):
    package = json.loads(question["package"])
    if package["format"] != "nexora/recovery-package/1":
        raise Refused("another format")
    setup = package["setup"]
    organization, name = setup["organization"].encode(), setup["setup"].encode()
    own_id = id_bytes(setup["setup"])
    shares = []
    for custodian in question["custodians"]:
        private = json.loads(unsealed(custodian["document"], custodian["passphrase"], "nexora/custodian-key/1"))
        seat = next(seat for seat in setup["custodians"] if seat["public"] == private["public"])
        sealed = seat["share"]
        info = parts(
            b"nexora/recovery-share/1",
            organization,
            name,
            sealed["custodian"].encode(),
            bytes([sealed["share"], sealed["quorum"]]),
            sealed["suite"].encode(),
        )
        share = hpke_open(private["suite"], data(private["private"]), info, data(sealed["sealed"]))
        if not holds(seat["hash"], b"nexora/recovery-share-hash/1", own_id, share):
            raise Refused("a wrong share")
        shares.append(share)
    secret = combined(shares)
    said = {member: value for member, value in setup.items() if member not in ("check", "private")}
    said = hashlib.sha256(canonical(said)).digest()
    if not holds(setup["check"], b"nexora/recovery-check/1", own_id, secret, said):
        raise Refused("not the recovery key")
    wrapped = data(setup["private"])
    if wrapped[0] != 1:
        raise Refused("another envelope")
    bound = parts(b"nexora/recovery-key/1", organization, name, setup["suite"].encode())
    private = AESGCM(secret).decrypt(wrapped[1:13], wrapped[13:], bound)
    info = parts(
        b"nexora/recovery-package/1",
        organization,
        name,
        package["generation"].to_bytes(8, "big"),
        hashlib.sha256(canonical(package["keys"])).digest(),
    )
    plain, keys = hpke_open(setup["suite"], private, info, data(package["sealed"])), {}
    for key in package["keys"]:
        length = int.from_bytes(plain[:4], "big")
        keys[key["id"]], plain = text(plain[4 : 4 + length]), plain[4 + length :]
    if plain:
        raise Refused("something follows the last key")
    return {"keys": keys}


def main():
    answers = []
    for question in json.load(sys.stdin):
        try:
            answers.append(opened(question))
        except (Refused, InvalidTag, StopIteration) as why:
            answers.append({"refused": str(why) or type(why).__name__})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
