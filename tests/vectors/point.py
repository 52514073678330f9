"""Points of Ed25519, as far as a public key must be one (RFC 8032, 5.1)."""
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
IDENTITY = (0, 1)


def add(a, b):
    """In projective coordinates (x / z, y / z), which need no division:
    Bernstein and others, "Twisted Edwards curves", section 6."""
    (x1, y1, z1), (x2, y2, z2) = a, b
    z, x, y = z1 * z2, x1 * x2, y1 * y2
    zz, t = z * z, D * x * y
    f, g = zz - t, zz + t
    return (z * f * ((x1 + y1) * (x2 + y2) - x - y) % P, z * g * (y + x) % P,
            f * g % P)


def times(n, point):
    total, a = IDENTITY + (1,), point + (1,)
    while n:
        if n & 1:
            total = add(total, a)
        a, n = add(a, a), n >> 1
    x, y, z = total
    return (x * pow(z, -1, P) % P, y * pow(z, -1, P) % P)


def decode(key):
    """The point of 32 bytes, or None where they are no encoding of one."""
    y = int.from_bytes(key, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != xx or (x == 0 and sign):
        return None
    return (P - x if x % 2 != sign else x, y)


def usable(key):
    """May this public key be used: a point of the prime-order group?"""
    point = decode(key) if len(key) == 32 else None
    return (point is not None and point != IDENTITY and
            times(ORDER, point) == IDENTITY)
