"""Shares by Trezor's reference implementation of SLIP-39, whose field and sharing are ours below the mnemonics.

Reads {"combine": [[[x, y], ...], ...], "extend": [[[x, y], ...], ...]}: sets of shares, y in base64url. Answers with the
secret of each set of the first list and, for each of the second (which is a polynomial by its values), its values at 0
and at 1 to 9.
"""

import base64
import json
import sys

from shamir_mnemonic.shamir import RawShare, _interpolate


def b(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def t(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def shares(pairs):
    return [RawShare(x, b(y)) for x, y in pairs]


question = json.load(sys.stdin)
combined = [t(_interpolate(shares(pairs), 0)) for pairs in question["combine"]]
extended = [[t(_interpolate(shares(pairs), x)) for x in range(10)] for pairs in question["extend"]]
json.dump({"combined": combined, "extended": extended}, sys.stdout)
