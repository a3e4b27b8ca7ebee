"""What a measurement found, as Markdown; for bench/results and, with bench/chart.py, for docs."""

import statistics

from rows import AFRESH, MEMORY, POLICY, WORKERS


def median(values):
    return statistics.median(list(values))


def spread(values):
    values = list(values)
    if len(values) < 2:
        return ""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{low:.2f}–{high:.2f}"


def verdict(good):
    return "met" if good else "**missed**"


class Line:
    """A row against its unprotected location: medians over the rounds of what was side by side."""

    def __init__(self, row, group):
        pairs = list(zip(row["samples"], row["bases"], strict=True))
        self.key = row["key"]
        self.title = row["title"]
        self.algorithm = row["algorithm"]
        self.ratios = [own["rate"] / base["rate"] for own, base in pairs]
        self.ratio = median(self.ratios)
        self.added_all = [own["cpu"] - base["cpu"] for own, base in pairs]
        self.added = median(self.added_all)
        self.p50, self.p99 = (median(own[key] for own, _ in pairs) for key in ("p50", "p99"))
        self.base_p50, self.base_p99 = (median(base[key] for _, base in pairs) for key in ("p50", "p99"))
        self.of_nginx = self.ratio
        self.foreign = bool(group["references"])
        if self.foreign:
            both = zip(row["samples"], group["references"], strict=True)
            self.of_nginx = median(own["rate"] / nginx["rate"] for own, nginx in both)
        self.instructions = None
        if row["instructions"] and group["instructions"]:
            self.instructions = row["instructions"]["user"] - group["instructions"]["user"]
        self.least_ratio = row["ratio"]
        self.most_added = row["added"]
        self.why = ""

    def goals(self):
        """(what, measured, target, whether it is met) for each target."""
        if self.least_ratio:
            good = self.ratio >= self.least_ratio
            yield "throughput", f"{self.ratio:.3f}", f"≥ {self.least_ratio:.2f}", good
        if self.most_added:
            good = self.added <= self.most_added
            target = self.why or f"≤ {self.most_added:.1f} µs"
            yield "added CPU", f"{self.added:.2f} µs", target, good

    def targets(self):
        return ", ".join(f"{target} {verdict(good)}" for _, _, target, good in self.goals())


def lines(found, part="groups"):
    every = [Line(row, group) for group in found.get(part, []) for row in group["rows"]]
    hit = next((line.added for line in every if line.key == "jwt"), None)
    for line in every:
        if line.algorithm and hit is not None:
            own = median(found["openssl"][line.algorithm])
            line.most_added = AFRESH * own + hit
            line.why = f"≤ {line.most_added:.1f} µs = {AFRESH} × {own:.1f} + {hit:.1f}"
    return every


def number(value):
    return "" if value is None else f"{value:,.0f}"


def ours(found):
    table = [
        "| request | requests/s, of the unprotected location's | added CPU, µs | middle half "
        "| p50, µs | p99, µs | added instructions | targets |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for line in lines(found):
        table.append(
            f"| {line.title} | {line.ratio:.3f} | {line.added:.2f} | {spread(line.added_all)} "
            f"| {line.p50:.0f} ({line.base_p50:.0f}) | {line.p99:.0f} ({line.base_p99:.0f}) "
            f"| {number(line.instructions)} | {line.targets()} |"
        )
    return table


def others(found):
    """The rivals: against themselves, and against nginx."""
    table = [
        "| request | requests/s, of its own unprotected location's | of nginx's unprotected location's "
        "| added CPU, µs | p50, µs | p99, µs | added instructions |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for line in lines(found, "rivals"):
        table.append(
            f"| {line.title} | {line.ratio:.3f} | {line.of_nginx:.3f} | {line.added:.2f} "
            f"| {line.p50:.0f} ({line.base_p50:.0f}) | {line.p99:.0f} ({line.base_p99:.0f}) "
            f"| {number(line.instructions)} |"
        )
    return table if len(table) > 2 else []


def policy_cost(found):
    """What a policy takes of the unprotected location's throughput, beyond the cached hit."""
    by_key = {line.key: line for line in lines(found)}
    if "jwt" not in by_key or "matcho" not in by_key:
        return None
    pairs = zip(by_key["jwt"].ratios, by_key["matcho"].ratios, strict=True)
    return median(hit - policy for hit, policy in pairs)


def bases(found):
    table = ["| unprotected location, with the headers of | requests/s | CPU, µs | instructions |",
             "|---|--:|--:|--:|"]  # fmt: skip
    for group in found["groups"] + found.get("rivals", []):
        rate, spent = (median(one[key] for one in group["samples"]) for key in ("rate", "cpu"))
        counted = group["instructions"] and group["instructions"]["user"]
        table.append(f"| {group['title']} | {rate:,.0f} | {spent:.2f} | {number(counted)} |")
    return table


def scaling(row):
    """Two workers over one: by requests, and by a worker's time per request."""
    pairs = list(zip(row["one"], row["two"], strict=True))
    return median(two[0] / one[0] for one, two in pairs), median(2 * one[1] / two[1] for one, two in pairs)


def workers(found):
    table = [
        "| two workers over one | requests at a time | by requests/s | by CPU time per request "
        "| target | |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for row in found.get("workers", []):
        rate, spent = scaling(row)
        protected = row["path"] != "/plain"
        good = min(rate, spent) >= WORKERS
        table.append(
            f"| {row['title']} | {row['batch']} | {rate:.2f} | {spent:.2f} "
            + (f"| ≥ {WORKERS} | {verdict(good)} |" if protected else "| | |")
        )
    return table if len(table) > 2 else []


def memory(found):
    table = ["| cached | zone | held | bytes of the zone per token | bytes of the claims | target | |",
             "|---|--:|--:|--:|--:|--:|---|"]  # fmt: skip
    for zone in found.get("memory", []):
        size = zone["zone"] / zone["held"]
        limit = zone["claims"] + MEMORY
        table.append(
            f"| {zone['title']} | {zone['zone'] >> 20} MiB | {zone['held']:,} | {size:.0f} "
            f"| {zone['claims']} | ≤ {limit} | {verdict(size <= limit)} |"
        )
    return table if len(table) > 2 else []


def stall(found):
    if not found.get("stall"):
        return []
    rounds = found["stall"]

    # The scheduler's moods only ever add to a latency: the least of the rounds says most.
    def least(how, what):
        return min(one[what] for one in rounds[how])

    table = [
        "| 100 clients wait one second | p50, µs | p90, µs | p99, µs | longest, µs |",
        "|---|--:|--:|--:|--:|",
    ]
    for how, title in (("direct", "at the issuer itself"), ("through", "in the same worker")):
        cells = " | ".join(str(least(how, what)) for what in ("p50", "p90", "p99", "longest"))
        table.append(f"| {title} | {cells} |")
    p99, p90 = (least("through", what) / least("direct", what) for what in ("p99", "p90"))
    return [
        *table,
        "",
        f"Least of {len(rounds['through'])} rounds; cached hits over 4 connections. p99 is {p99:.2f} "
        f"times what it is when nobody waits in that worker (p90: {p90:.2f}).",
    ]


def parts(found):
    rows = [f"| {part['name']} | {part['ns']:.0f} |" for part in found.get("parts", [])]
    return ["| part | CPU, ns |", "|---|--:|", *rows] if rows else []


def policy(found):
    cost = policy_cost(found)
    if cost is None:
        return []
    return [
        f"The matcho policy of ten leaves costs {cost:.3f} of the unprotected location's requests/s "
        f"beyond the cached hit (target ≤ {POLICY}: {verdict(cost <= POLICY)})."
    ]


def described(found):
    return [f"- {key}: {value}" for key, value in found["machine"].items()]


def markdown(found):
    sections = [
        ("", ours(found)),
        ("", policy(found)),
        ("## Others", others(found)),
        ("## Unprotected", bases(found)),
        ("## Two workers", workers(found)),
        ("## Memory", memory(found)),
        ("## A slow issuer", stall(found)),
        ("## Parts", parts(found)),
    ]
    text = [
        f"# Benchmark, {found['date']}",
        "",
        *described(found),
        "",
        "One worker on a core of its own, the client with 32 connections on another; JWTs of 800 bytes.",
        "Added CPU is the worker's user and system time per request less that of the unprotected",
        "location, which gets the same headers from the same client just before and after; instructions",
        "are those of user space. Latencies are those of a saturated worker; in brackets those of the",
        "unprotected location. docs/performance.md says more.",
        "",
    ]
    for title, content in sections:
        if content:
            text += [title, ""] * bool(title) + content + [""]
    return "\n".join(text)
