"""ML-KEM decapsulation (FIPS 203) from an expanded key, which pyca/cryptography does not take.

For tests: nothing here is made to withstand whoever measures its time.
"""

import hashlib

Q = 3329
# k, eta1, du, dv of the parameter sets; eta2 is 2 in both.
SETS = {768: (3, 2, 10, 4), 1024: (4, 2, 11, 5)}


def _reversed(i):
    return int(f"{i:07b}"[::-1], 2)


ZETAS = [pow(17, _reversed(i), Q) for i in range(128)]
GAMMAS = [pow(17, 2 * _reversed(i) + 1, Q) for i in range(128)]


def ntt(f):
    f, i, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, 256, 2 * length):
            zeta, i = ZETAS[i], i + 1
            for j in range(start, start + length):
                t = zeta * f[j + length] % Q
                f[j + length], f[j] = (f[j] - t) % Q, (f[j] + t) % Q
        length //= 2
    return f


def inverse_ntt(f):
    f, i, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, 256, 2 * length):
            zeta, i = ZETAS[i], i - 1
            for j in range(start, start + length):
                t = f[j]
                f[j] = (t + f[j + length]) % Q
                f[j + length] = zeta * (f[j + length] - t) % Q
        length *= 2
    return [x * 3303 % Q for x in f]


def multiply(f, g):
    h = [0] * 256
    for i in range(128):
        a, b, c, d = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        h[2 * i] = (a * c + b * d * GAMMAS[i]) % Q
        h[2 * i + 1] = (a * d + b * c) % Q
    return h


def add(f, g):
    return [(a + b) % Q for a, b in zip(f, g)]


def sub(f, g):
    return [(a - b) % Q for a, b in zip(f, g)]


def total(polynomials):
    result = [0] * 256
    for polynomial in polynomials:
        result = add(result, polynomial)
    return result


def decode(data, d):
    number = int.from_bytes(data, "little")
    return [number >> d * i & (1 << d) - 1 for i in range(256)]


def encode(f, d):
    return sum(x << d * i for i, x in enumerate(f)).to_bytes(32 * d, "little")


def compress(f, d):
    return [((x << d) + Q // 2) // Q % (1 << d) for x in f]


def decompress(f, d):
    return [(x * Q + (1 << d - 1)) >> d for x in f]


def sample_ntt(seed):
    stream, result, at = hashlib.shake_128(seed).digest(1_344), [], 0
    while len(result) < 256:
        a, b, c = stream[at : at + 3]
        at += 3
        result += [x for x in (a + 256 * (b % 16), b // 16 + 16 * c) if x < Q]
    return result[:256]


def sample_cbd(eta, seed, n):
    bits = int.from_bytes(hashlib.shake_256(seed + bytes([n])).digest(64 * eta), "little")
    count = lambda at: (bits >> at & (1 << eta) - 1).bit_count()
    return [(count(2 * i * eta) - count((2 * i + 1) * eta)) % Q for i in range(256)]


def encrypt(bits, ek, message, randomness):
    """K-PKE.Encrypt."""
    k, eta, du, dv = SETS[bits]
    t = [decode(ek[384 * i : 384 * (i + 1)], 12) for i in range(k)]
    rho = ek[384 * k :]
    y = [ntt(sample_cbd(eta, randomness, n)) for n in range(k)]
    e1 = [sample_cbd(2, randomness, k + n) for n in range(k)]
    e2 = sample_cbd(2, randomness, 2 * k)
    # The transposed matrix: entry (i, j) of its own is sampled from rho, j, i.
    u = [
        add(e1[i], inverse_ntt(total(multiply(sample_ntt(rho + bytes([i, j])), y[j]) for j in range(k))))
        for i in range(k)
    ]
    v = total([inverse_ntt(total(map(multiply, t, y))), e2, decompress(decode(message, 1), 1)])
    return b"".join(encode(compress(f, du), du) for f in u) + encode(compress(v, dv), dv)


def decapsulate(bits, dk, ciphertext):
    """The 32 bytes of the shared secret."""
    k, _, du, dv = SETS[bits]
    if len(dk) != 768 * k + 96 or len(ciphertext) != 32 * (du * k + dv):
        raise ValueError("wrong length")
    secret, ek, h, z = dk[: 384 * k], dk[384 * k : -64], dk[-64:-32], dk[-32:]
    if hashlib.sha3_256(ek).digest() != h:
        raise ValueError("the key is damaged")
    u = [decompress(decode(ciphertext[32 * du * i : 32 * du * (i + 1)], du), du) for i in range(k)]
    v = decompress(decode(ciphertext[32 * du * k :], dv), dv)
    s = [decode(secret[384 * i : 384 * (i + 1)], 12) for i in range(k)]
    w = sub(v, inverse_ntt(total(multiply(s[i], ntt(u[i])) for i in range(k))))
    message = encode(compress(w, 1), 1)
    both = hashlib.sha3_512(message + h).digest()
    if encrypt(bits, ek, message, both[32:]) == ciphertext:
        return both[:32]
    return hashlib.shake_256(z + ciphertext).digest(32)
