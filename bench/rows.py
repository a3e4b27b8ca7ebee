"""What is measured: rows, in groups that share an unprotected location and its tokens."""

import dataclasses
import re

ALGORITHMS = ["hs256", "rs256", "ps256", "es256", "eddsa"]
DISTINCT = 10_000
MILLION = 1_000_000

AFRESH = 1.10  # a token verified afresh: this times OpenSSL's own verification, and a cached hit
POLICY = 0.05  # what a policy may take of the unprotected location's throughput
WORKERS = 1.8  # two workers: this times one
MEMORY = 256  # bytes per token beyond those of its claims


@dataclasses.dataclass
class Row:
    key: str
    title: str
    path: str
    server: str = "module"
    ratio: float = None  # at least this part of the unprotected location's requests/s
    added: float = None  # at most these microseconds
    algorithm: str = None  # OpenSSL's own time for it is measured beside it
    samples: list = dataclasses.field(default_factory=list)
    bases: list = dataclasses.field(default_factory=list)  # the unprotected location beside each


@dataclasses.dataclass
class Group:
    """Rows with the same tokens, and the server whose unprotected location they are held against."""

    key: str
    title: str
    server: str
    tokens: str
    rows: list
    reference: bool = False  # the server is not nginx: nginx's unprotected location is measured, too
    samples: list = dataclasses.field(default_factory=list)
    references: list = dataclasses.field(default_factory=list)

    def tokens_of(self, row):
        """All of 800 bytes, where they differ."""
        return f"{row.algorithm}.txt" if row.algorithm else self.tokens


def name_of(algorithm):
    return {"eddsa": "EdDSA"}.get(algorithm, algorithm.upper())


def ours():
    fresh = [
        Row(f"fresh-{name}", f"JWT, verified each time: {name_of(name)}", f"/fresh/{name}", algorithm=name)
        for name in ALGORITHMS
    ]
    return [
        Group(
            "jwt", "one JWT", "module", "rs256.txt",
            [
                Row("bare", "nginx without the module", "/plain", "bare"),
                Row("loaded", "module loaded, not used", "/plain", "loaded"),
                Row("jwt", "JWT, cached: one", "/jwt", ratio=0.90, added=0.7),
                Row("forward", "JWT, cached, three claims forwarded", "/forward", ratio=0.80),
                Row("require", "JWT, cached, a claim and a scope required", "/require"),
                Row("matcho", "JWT, cached, a matcho policy of ten leaves", "/matcho"),
                Row("exchange", "JWT, cached, exchanged for another, cached", "/exchange"),
                Row("schema", "JWT, cached, a json-schema policy", "/schema"),
                *fresh,
            ],
        ),
        Group(
            "jwts", "10,000 JWTs", "module", "jwts.txt",
            [Row("jwts", "JWT, cached: 10,000 distinct", "/jwt", ratio=0.85, added=1.1)],
        ),
        Group(
            "opaque", "one opaque token", "module", "opaque.txt",
            [Row("opaque", "opaque, cached: one", "/opaque", ratio=0.92, added=0.5)],
        ),
        Group(
            "opaques", "10,000 opaque tokens", "module", "opaques.txt",
            [Row("opaques", "opaque, cached: 10,000 distinct", "/opaque", ratio=0.85, added=1.1)],
        ),
        Group(
            "million", "1,000,000 opaque tokens", "store", "million.txt",
            [Row("million", "opaque, cached: 1,000,000 distinct", "/million", "store", ratio=0.78)],
        ),
    ]  # fmt: skip


def chosen(groups, only):
    """The rows that are wanted, and the cached hit that those verified afresh are held against."""
    pattern = re.compile(only)
    for group in groups:
        rows = [row for row in group.rows if pattern.search(row.key)]
        if any(row.algorithm or row.key == "matcho" for row in rows):
            rows = [row for row in group.rows if row in rows or row.key == "jwt"]
        group.rows = rows
    return [group for group in groups if group.rows]
