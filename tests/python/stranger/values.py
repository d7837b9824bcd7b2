"""Field values, made from docs/formats/field-value.md alone: written and read, with pyca/cryptography's ciphers."""

import base64
import hashlib
import hmac
import math
import struct
import unicodedata

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV, AESSIV

AEADS = {"aead": AESGCM, "gcm-siv": AESGCMSIV}


class Refused(Exception):
    """What is read is not what was written."""


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(text):
    read = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if "=" in text or base64.urlsafe_b64encode(read).rstrip(b"=").decode() != text:
        raise Refused("no unpadded base64url")
    return read


def parts(*parts):
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def place(organization, dataset, field):
    return parts(b"nexora/field/1", organization.encode(), dataset.encode(), field.encode())


def with_row(place, row_key):
    return place + parts(row_key.encode())


# aead, gcm-siv, siv


def key_id(value):
    if len(value) < 5 or value[0] != 1:
        raise Refused("not a protected value")
    return int.from_bytes(value[1:5], "big")


def seal(mode, key, number, nonce, associated_data, plain):
    head = b"\x01" + number.to_bytes(4, "big")
    if mode == "siv":
        return head + AESSIV(key).encrypt(plain, [associated_data])
    return head + nonce + AEADS[mode](key).encrypt(nonce, plain, associated_data)


def open_value(mode, key, associated_data, value):
    key_id(value)
    if mode == "siv":
        return AESSIV(key).decrypt(value[5:], [associated_data])
    return AEADS[mode](key).decrypt(value[5:17], value[17:], associated_data)


# Plain values: the ones that Python has a word for.

NUMBERS = {
    "int8": "<b",
    "int16": "<h",
    "int32": "<i",
    "int64": "<q",
    "uint8": "<B",
    "uint16": "<H",
    "uint32": "<I",
    "uint64": "<Q",
    "float16": "<e",
    "float32": "<f",
    "float64": "<d",
}


def plain_value(kind, plain):
    if kind in ("utf8", "large-utf8", "utf8-view"):
        return plain.decode()
    if kind == "bool":
        return {b"\x00": False, b"\x01": True}[plain]
    if kind in NUMBERS:
        return struct.unpack(NUMBERS[kind], plain)[0]
    return plain


# ff1


def ff1(key, radix, tweak, numerals, decrypt=False):
    n, t = len(numerals), len(tweak)
    if radix**n < 1_000_000:
        raise Refused("the domain is too small")
    u = n // 2
    v = n - u
    number = lambda numerals: sum(x * radix**i for i, x in enumerate(reversed(numerals)))
    a, b = number(numerals[:u]), number(numerals[u:])
    width = ((radix**v - 1).bit_length() + 7) // 8
    d = 4 * math.ceil(width / 4) + 4
    p = bytes([1, 2, 1]) + radix.to_bytes(3, "big") + bytes([10, u % 256]) + n.to_bytes(4, "big") + t.to_bytes(4, "big")
    block = lambda x: Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(x)

    def s(i, half):
        q = tweak + bytes((-t - width - 1) % 16) + bytes([i]) + half.to_bytes(width, "big")
        r = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor().update(p + q)[-16:]
        out, j = r, 1
        while len(out) < d:
            out += block((int.from_bytes(r, "big") ^ j).to_bytes(16, "big"))
            j += 1
        return int.from_bytes(out[:d], "big")

    if decrypt:
        for i in reversed(range(10)):
            m = u if i % 2 == 0 else v
            a, b = (b - s(i, a)) % radix**m, a
    else:
        for i in range(10):
            m = u if i % 2 == 0 else v
            a, b = b, (a + s(i, b)) % radix**m
    digits = lambda x, count: [x // radix**i % radix for i in reversed(range(count))]
    return digits(a, u) + digits(b, v)


def luhn(digits):
    total = 0
    for at, digit in enumerate(reversed(digits)):
        total += sum(divmod(2 * digit, 10)) if at % 2 == 0 else digit
    return -total % 10


def ff1_text(key, alphabet, check, tweak, value, decrypt=False):
    numerals = [alphabet.index(c) for c in value if c in alphabet]
    for c in value:
        if c not in alphabet and (c.isalpha() or c.isnumeric()):
            raise Refused("a letter or digit that the alphabet lacks")
    if check:
        if luhn(numerals[:-1]) != numerals[-1]:
            raise Refused("the check digit is wrong")
        numerals = ff1(key, len(alphabet), tweak, numerals[:-1], decrypt)
        numerals.append(luhn(numerals))
    else:
        numerals = ff1(key, len(alphabet), tweak, numerals, decrypt)
    out = iter(numerals)
    return "".join(alphabet[next(out)] if c in alphabet else c for c in value)


# blind-index, mask

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


def normalized(steps, value):
    for step in steps:
        if step == "trim":
            value = value.strip(WHITE_SPACE)
        elif step == "nfkc":
            value = unicodedata.normalize("NFKC", value)
        elif step == "lowercase":
            value = value.lower()
        elif step == "digits":
            value = "".join(c for c in value if c in "0123456789")
        else:
            raise Refused(f"unknown step {step}")
    return value


def blind_index(key, associated_data, bits, steps, value):
    value = normalized(steps, value).encode()
    digest = hmac.new(key, associated_data + parts(value), hashlib.sha256).digest()
    number = int.from_bytes(digest, "big") >> (256 - bits) << (-bits % 8)
    return number.to_bytes((bits + 7) // 8, "big")


def mask(first, last, replacement, value):
    hidden = len(value) - first - last
    if hidden <= 0:
        return replacement * len(value)
    return value[:first] + replacement * hidden + value[len(value) - last :]
