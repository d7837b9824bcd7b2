"""A reader of protected CSV, JSON and NDJSON files, made from the pages in docs/formats/ alone: what a stranger would write.

Reads a list of questions in JSON from standard input, all bytes in base64url:
  manifest      the manifest beside the output, text
  output        the protected output
  trusted       the public JWKs of the producers that the reader trusts
  private       the dataset's private key
  field_keys    the keys of fields, by the id of their version (`key_...`)
  search        {"field", "value"}: which rows may hold the value, by their blind index; may be missing
and answers each with {"plain", "rows"} or {"refused"}.
"""

import hashlib
import hmac
import json
import re
import sys

import ml_kem
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import mldsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from values import Refused, blind_index, data, ff1_text, key_id, open_value, parts, place, plain_value, text, with_row

# The suites of sealed-key.md: KEM, KDF, AEAD, hash, and the bytes of an encapsulated key.
SUITES = {
    "hybrid-768": (0x647A, 1, 2, "sha256", 1_120),
    "cnsa-2": (0x0042, 2, 2, "sha384", 1_568),
}
SIGNATURES = {"ML-DSA-65": mldsa.MLDSA65PublicKey, "ML-DSA-87": mldsa.MLDSA87PublicKey}


# sealed-key.md


def decapsulate(suite, private, encapsulated):
    if suite == "cnsa-2":
        return ml_kem.decapsulate(1024, private, encapsulated)
    ours = x25519.X25519PrivateKey.from_private_bytes(private[2_400:])
    one = ml_kem.decapsulate(768, private[:2_400], encapsulated[:1_088])
    two = ours.exchange(x25519.X25519PublicKey.from_public_bytes(encapsulated[1_088:]))
    public = ours.public_key().public_bytes_raw()
    label = bytes.fromhex("5c2e2f2f5e5c")
    return hashlib.sha3_256(one + two + encapsulated[1_088:] + public + label).digest()


def hpke_open(suite, private, info, sealed):
    kem, kdf, aead, name, length = SUITES[suite]
    ids = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (kem, kdf, aead))
    size = hashlib.new(name).digest_size

    def extract(salt, label, secret):
        return hmac.digest(salt or bytes(size), b"HPKE-v1" + ids + label + secret, name)

    def expand(secret, label, context, length):
        # No output here is longer than one hash.
        context = length.to_bytes(2, "big") + b"HPKE-v1" + ids + label + context
        return hmac.digest(secret, context + b"\x01", name)[:length]

    shared = decapsulate(suite, private, sealed[:length])
    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key, nonce = expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, sealed[length:], b"")


# manifest.md


def manifest(file, trusted):
    jws = json.loads(file)
    if set(jws) != {"payload", "protected", "signature"}:
        raise Refused("no signed document")
    header = json.loads(data(jws["protected"]))
    if set(header) != {"alg", "kid", "typ"} or header["typ"] != "nexora-manifest+json":
        raise Refused("no signed manifest")
    for jwk in trusted:
        members = {name: jwk[name] for name in ("alg", "kty", "pub")}
        canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
        if text(hashlib.sha256(canonical).digest()) == header["kid"] and jwk["alg"] == header["alg"]:
            break
    else:
        raise Refused("its producer is not trusted")
    key = SIGNATURES[header["alg"]].from_public_bytes(data(jwk["pub"]))
    signed = f"{jws['protected']}.{jws['payload']}".encode()
    try:
        key.verify(data(jws["signature"]), signed)
    except InvalidSignature:
        raise Refused("its signature is wrong") from None
    read = json.loads(data(jws["payload"]))
    if read["format"] != "nexora/manifest/1":
        raise Refused("another format")
    return read


def data_keys(manifest, private):
    """(field, id) → key."""
    modes = {field["path"]: field["mode"] for field in manifest["policy"]["fields"]}
    keys = {}
    for key in manifest["keys"]:
        field, number = key["field"], bytes.fromhex(key["id"])
        info = parts(
            b"nexora/data-key/1",
            manifest["organization"].encode(),
            manifest["dataset"].encode(),
            field.encode(),
            number,
            modes[field].encode(),
            manifest["suite"].encode(),
            manifest["run"].encode(),
        )
        opened = hpke_open(manifest["suite"], private, info, data(key["sealed"]))
        keys[field, int.from_bytes(number, "big")] = opened
    return keys


# CSV


def cells(file, delimiter):
    """(value, its bytes, the bytes behind it) of every cell. An empty cell is null, a quoted one is text."""
    at = 0
    while True:
        start, value = at, None
        if file[at : at + 1] == b'"':
            value = b""
            while True:
                stop = file.index(b'"', at + 1)
                value += file[at + 1 : stop]
                at = stop + 1
                if file[at : at + 1] != b'"':
                    break
                value += b'"'
        else:
            while at < len(file) and file[at : at + 1] not in (delimiter, b"\n") and file[at : at + 2] != b"\r\n":
                at += 1
            value = file[start:at] or None
        behind = at + (2 if file[at : at + 2] == b"\r\n" else 1)
        yield value and value.decode() if value != b"" else "", file[start:at], file[at:behind]
        if behind >= len(file):
            return
        at = behind


def rows(file, delimiter):
    row = []
    for cell in cells(file, delimiter):
        row.append(cell)
        if cell[2] != delimiter:
            yield row
            row = []


def written(value, delimiter):
    if value is None:
        return b""
    must = value == "" or any(c in value for c in (delimiter.decode(), '"', "\r", "\n"))
    return b'"' + value.encode().replace(b'"', b'""') + b'"' if must else value.encode()


def csv_file(file, output, policy, reveal):
    """The plain file, its number of rows, and (row, cell) of each cell of a field whose mode is `blind-index`."""
    delimiter, bom, body = output["delimiter"].encode(), b"", file
    if body.startswith(b"\xef\xbb\xbf"):
        bom, body = body[:3], body[3:]
    every = rows(body, delimiter)
    header = next(every)
    names = [cell[0] for cell in header]
    plain = bom + b"".join(raw + behind for _, raw, behind in header)
    columns = {names.index(field["path"]): field for field in policy["fields"]}
    row_key = names.index(policy["row_key"]) if "row_key" in policy else None
    count, indexes = 0, []
    for row in every:
        if len(row) == 1 and row[0][1] == b"":
            plain += row[0][2]
            continue
        count += 1
        for column, (cell, raw, behind) in enumerate(row):
            field = columns.get(column)
            if field and cell is not None:
                if field["mode"] == "blind-index":
                    indexes.append((count, field["path"], cell))
                if field["mode"] in OPEN:
                    raw = written(reveal(field, row_key is not None and row[row_key][0], cell), delimiter)
            plain += raw + behind
    return plain, count, indexes


# JSON and NDJSON


def steps(path):
    """The steps of a path: names, and None for all elements."""
    if not path.startswith(("$.", "$[")):
        return (path,)
    out, at = [], 1
    while at < len(path):
        if path.startswith("[*]", at):
            out.append(None)
            at += 3
        elif path.startswith("['", at):
            name, at = "", at + 2
            while path[at] != "'":
                at += path[at] == "\\"
                name, at = name + path[at], at + 1
            out.append(name)
            at += 2
        else:
            found = re.compile(r"\.([^.\[]+)").match(path, at)
            out.append(found[1])
            at = found.end()
    return tuple(out)


SPACE = re.compile(r"[ \t\r\n]*")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
PLAIN = re.compile(r"[^ \t\r\n,\]}]+")


def spans(text, at, here):
    """(steps, start, end) of every value from here on, the outer before the inner; the last item is where it ends."""
    at = SPACE.match(text, at).end()
    start, inner = at, []
    if text[at] in "{[":
        close = {"{": "}", "[": "]"}[text[at]]
        at = SPACE.match(text, at + 1).end()
        while text[at] != close:
            name = None
            if close == "}":
                key = STRING.match(text, at)
                name = json.loads(key[0])
                at = SPACE.match(text, key.end()).end() + 1
            *found, at = spans(text, at, here + (name,))
            inner += found
            at = SPACE.match(text, at).end()
            if text[at] == ",":
                at = SPACE.match(text, at + 1).end()
        at += 1
    else:
        at = (STRING if text[at] == '"' else PLAIN).match(text, at).end()
    return [(here, start, at), *inner, at]


def string(value):
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    other = lambda c: f"\\u{ord(c):04x}" if c < " " else c
    return '"' + "".join(escapes.get(c) or other(c) for c in value) + '"'


def json_file(file, output, policy, reveal):
    text, at, records = file.decode(), 0, []
    if text.startswith("\ufeff"):
        at = 1
    at = SPACE.match(text, at).end()
    array = output["format"] == "json" and text[at] == "["
    at += array
    while True:
        at = SPACE.match(text, at).end()
        if at == len(text) or array and text[at] == "]":
            break
        *found, at = spans(text, at, ())
        records.append(found)
        at = SPACE.match(text, at).end()
        at += array and text[at] == ","
    fields = {steps(field["path"]): field for field in policy["fields"]}
    row_key = steps(policy["row_key"]) if "row_key" in policy else None
    plain, since, indexes = "", 0, []
    for row, record in enumerate(records, 1):
        bound = False
        if row_key:
            keys = [text[start:end] for path, start, end in record if path == row_key]
            key = next(key for key in keys if key != "null" and key[0] not in "{[")
            bound = json.loads(key) if key[0] == '"' else key
        for path, start, end in record:
            field, raw = fields.get(path), text[start:end]
            if field and raw != "null":
                if field["mode"] == "blind-index":
                    indexes.append((row, field["path"], json.loads(raw)))
                if field["mode"] in OPEN:
                    value = reveal(field, bound, json.loads(raw))
                    if isinstance(value, bytes) and value[:1] == b"\xff":
                        value = value[1:].decode()
                    else:
                        value = string(value.decode() if isinstance(value, bytes) else value)
                    plain, since = plain + text[since:start] + value, end
    return (plain + text[since:]).encode(), len(records), indexes


FORMATS = {"csv": csv_file, "json": json_file, "ndjson": json_file}
OPEN = ("aead", "gcm-siv", "siv", "ff1")


def read(question):
    signed = manifest(question["manifest"], question["trusted"])
    keys = data_keys(signed, data(question["private"]))
    versions = {key["field"]: (int(key["id"], 16), key["key"]) for key in signed.get("field_keys", [])}
    field_keys = {name: data(key) for name, key in question["field_keys"].items()}
    file, output, policy = data(question["output"]), signed["output"], signed["policy"]

    def at(path):
        return place(signed["organization"], signed["dataset"], path)

    def reveal(field, row_key, cell):
        mode, path = field["mode"], field["path"]
        associated_data = at(path) if row_key is False else with_row(at(path), row_key)
        if mode == "ff1":
            key = field_keys[versions[path][1]]
            return ff1_text(key, field["alphabet"], field.get("luhn", False), associated_data, cell, decrypt=True)
        value = data(cell)
        if mode == "siv":
            number, version = versions[path]
            key = field_keys[version] if key_id(value) == number else None
        else:
            key = keys.get((path, key_id(value)))
        if key is None:
            raise Refused("a key that the manifest does not have")
        return plain_value(field.get("type", "utf8"), open_value(mode, key, associated_data, value))

    plain, count, indexes = FORMATS[output["format"]](file, output, policy, reveal)
    # Only now is it known that the file is whole.
    if (output["rows"], output["bytes"], output["sha256"]) != (count, len(file), hashlib.sha256(file).hexdigest()):
        raise Refused("the file is not the one that was written")
    found = []
    if search := question.get("search"):
        field = next(field for field in policy["fields"] if field["path"] == search["field"])
        path, key = field["path"], field_keys[versions[field["path"]][1]]
        wanted = blind_index(key, at(path), field["bits"], field.get("normalize", []), search["value"])
        found = [row for row, of, cell in indexes if of == path and data(cell) == wanted]
    return {"plain": text(plain), "rows": found}


def main():
    answers = []
    for question in json.load(sys.stdin):
        try:
            answers.append(read(question))
        except Refused as refused:
            answers.append({"refused": str(refused)})
        except InvalidTag:
            answers.append({"refused": "a value or key does not open"})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
