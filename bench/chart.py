#!/usr/bin/env python3
"""Puts a measurement into the documentation: the chart docs/performance.svg, and the tables between the
markers of docs/performance.md.

  bench/chart.py [RESULT.json]      (default: the newest whole one in bench/results)
"""

import html
import json
import pathlib
import sys

sys.dont_write_bytecode = True

import report  # noqa: E402
from rows import MEMORY, POLICY, WORKERS  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
SVG = ROOT / "docs/performance.svg"
PAGE = ROOT / "docs/performance.md"
BEGIN = "<!-- {}: written by bench/chart.py -->"
END = "<!-- end of {} -->"

LABELS = 340
WIDTH = 420
RIGHT = 90
STEP = 26
BAR = 14

HEAD = "Requests per second, of the same server's unprotected location"

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.head { font-weight: 600 }
.quiet { fill: #59636e }
.grid { stroke: #d1d9e0 }
.ours { fill: #0969da }
.other { fill: #9a6700 }
.nginx { stroke: #1f2328; stroke-width: 2 }
.back { fill: #ffffff }
@media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .quiet { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .ours { fill: #4493f8 }
    .other { fill: #d29922 }
    .nginx { stroke: #f0f6fc }
    .back { fill: #0d1117 }
}
"""


def newest():
    found = [
        path
        for path in (ROOT / "bench/results").glob("*.json")
        if not path.stem.endswith(("-quick", "-part"))
    ]
    if not found:
        sys.exit("chart: no whole result in bench/results: bench/run makes one")
    return max(found, key=lambda path: path.stat().st_mtime)


def summary(ours, others):
    """What a reader hears who does not see the chart."""
    said = [
        f"{line.title}: {line.ratio:.0%}"
        + (f" ({line.of_nginx:.0%} of nginx's)" if line.foreign else "")
        for line in ours + others
    ]
    return f"{HEAD}. {'; '.join(said)}."


def svg(found):
    ours, others = report.lines(found), report.lines(found, "rivals")
    width = LABELS + WIDTH + RIGHT
    sections = [("This module, in nginx", ours, "ours"), ("What else there is", others, "other")]
    sections = [section for section in sections if section[1]]
    height = 60 + sum(STEP * (len(lines) + 1) + 12 for _, lines, _ in sections) + 34
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="title desc">',
        '<title id="title">Throughput of protected locations</title>',
        f'<desc id="desc">{html.escape(summary(ours, others))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{width}" height="{height}"/>',
        f'<text class="head" x="12" y="24">{HEAD}</text>',
    ]
    top, bottom = 44, height - 40
    for tenth in range(0, 11, 2):
        x = LABELS + WIDTH * tenth / 10
        out.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>')
        out.append(
            f'<text class="quiet" x="{x}" y="{bottom + 16}" text-anchor="middle">{tenth * 10} %</text>'
        )
    y = top + 6
    for title, lines, kind in sections:
        out.append(f'<text class="head" x="12" y="{y + BAR - 2}">{html.escape(title)}</text>')
        y += STEP
        for line in lines:
            out += bar(line, kind, y)
            y += STEP
        y += 12
    if any(line.foreign for line in others):
        out.append(
            f'<text class="quiet" x="12" y="{height - 6}">The upright mark: of nginx\'s unprotected '
            "location, where the server is another.</text>"
        )
    return "\n".join([*out, "</svg>", ""])


def bar(line, kind, y):
    """A row: its ratio, and a mark for where another server stands beside nginx."""
    long, mark = (WIDTH * max(0, min(ratio, 1.05)) for ratio in (line.ratio, line.of_nginx))
    middle = y + BAR - 2
    yield f'<text x="{LABELS - 10}" y="{middle}" text-anchor="end">{html.escape(line.title)}</text>'
    yield f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{long:.1f}" height="{BAR}" rx="2"/>'
    yield f'<text x="{LABELS + max(long, mark) + 8:.1f}" y="{middle}">{line.ratio:.1%}</text>'
    if line.foreign:
        x = f"{LABELS + mark:.1f}"
        yield f'<line class="nginx" x1="{x}" x2="{x}" y1="{y - 3}" y2="{y + BAR + 3}"/>'


def goals(found):
    """All targets, in one table."""
    table = ["| | measured | target | |", "|---|--:|--:|---|"]

    def add(what, measured, target, good):
        table.append(f"| {what} | {measured} | {target} | {report.verdict(good)} |")

    for line in report.lines(found):
        for what, measured, target, good in line.goals():
            add(f"{line.title}: {what}", measured, target, good)
    cost = report.policy_cost(found)
    if cost is not None:
        what = "a matcho policy of ten leaves: throughput it takes"
        add(what, f"{cost:.3f}", f"≤ {POLICY}", cost <= POLICY)
    for zone in found.get("memory", []):
        size, limit = zone["zone"] / zone["held"], zone["claims"] + MEMORY
        what = f"{zone['title']}: bytes of the zone (claims of {zone['claims']} bytes)"
        add(what, f"{size:.0f}", f"≤ {limit}", size <= limit)
    for row in found.get("workers", []):
        if row["path"] != "/plain":
            rate, spent = report.scaling(row)
            what = f"two workers over one, {row['title']}, {row['batch']} at a time: requests/s, CPU"
            add(what, f"{rate:.2f}, {spent:.2f}", f"≥ {WORKERS}", min(rate, spent) >= WORKERS)
    return table


def blocks(found):
    result = [f"Measured on {found['date']}:", "", *report.described(found)]
    return {
        "machine": result,
        "targets": goals(found),
        "module": report.ours(found),
        "others": report.others(found) or ["Not measured."],
        "unprotected": report.bases(found),
        "workers": report.workers(found) or ["Not measured."],
        "stall": report.stall(found) or ["Not measured."],
    }


def replaced(page, name, lines):
    begin, end = BEGIN.format(name), END.format(name)
    if page.count(begin) != 1 or page.count(end) != 1:
        sys.exit(f"chart: {PAGE.name} has no markers for {name}")
    before, rest = page.split(begin)
    return before + begin + "\n\n" + "\n".join(lines) + "\n\n" + end + rest.split(end)[1]


def main():
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else newest()
    found = json.loads(path.read_text())
    page = PAGE.read_text()
    for name, lines in blocks(found).items():
        page = replaced(page, name, lines)
    PAGE.write_text(page)
    SVG.write_text(svg(found))
    print(f"{path.name}: docs/{PAGE.name}, docs/{SVG.name}")


if __name__ == "__main__":
    main()
