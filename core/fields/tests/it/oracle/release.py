"""pyarrow reads a file of Parquet Modular Encryption through a KmsClient, which asks the other side of the pipe.

The first line of stdin is the request; every line that this writes is a question or, at the end, the answer.
"""

import base64
import json
import os
import sys
import tempfile
import threading

import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe


def dec(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


# Columns are read on several threads.
conversation = threading.Lock()


class Client(pe.KmsClient):
    def __init__(self, config):
        pe.KmsClient.__init__(self)

    def wrap_key(self, key_bytes, master_key_identifier):
        raise NotImplementedError("it only reads")

    def unwrap_key(self, wrapped_key, master_key_identifier):
        name = master_key_identifier
        with conversation:
            say({
                "wrapped_key": wrapped_key.decode() if isinstance(wrapped_key, bytes) else wrapped_key,
                "key_name": name.decode() if isinstance(name, bytes) else name,
            })
            key = json.loads(sys.stdin.readline())["key"]
        if key is None:
            raise PermissionError("the key is not released")
        return dec(key)


def table(path, **options):
    # With threads, pyarrow 26 decrypts columns under one another's associated data now and then.
    return pq.ParquetFile(path, **options).read(use_threads=False)


request = json.loads(sys.stdin.readline())
with tempfile.TemporaryDirectory() as folder:
    paths = {}
    for name in ("input", "output"):
        paths[name] = os.path.join(folder, name)
        with open(paths[name], "wb") as file:
            file.write(dec(request[name]))
    before = table(paths["input"])
    answer = {"wrong": []}
    try:
        factory = pe.CryptoFactory(Client)
        properties = factory.file_decryption_properties(pe.KmsConnectionConfig(), pe.DecryptionConfiguration())
        after = table(paths["output"], decryption_properties=properties)
        for name in request["whole"] + request["kept"]:
            if before[name] != after[name]:
                answer["wrong"].append("column %s is another" % name)
        for name in request["sealed"]:
            if str(after[name].type) != "string" or before[name].is_null() != after[name].is_null():
                answer["wrong"].append("column %s is not sealed" % name)
    except (PermissionError, OSError) as error:
        answer["refused"] = str(error)
    plain = pq.ParquetFile(paths["output"])
    for name in request["kept"]:
        if plain.read(columns=[name])[name] != before[name]:
            answer["wrong"].append("column %s is not read without keys" % name)
    for name in request["whole"]:
        try:
            plain.read(columns=[name])
            answer["wrong"].append("column %s is read without its key" % name)
        except OSError:
            pass
say(answer)
