"""Measures the module in a running nginx and writes what it finds as Markdown; see bench/run."""

import argparse
import asyncio
import contextlib
import datetime
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ALGORITHMS = ["hs256", "rs256", "ps256", "es256", "eddsa"]
NAMES = {"eddsa": "EdDSA"}
DISTINCT = 10000
CONNECTIONS = 32

# The microseconds of CPU time that a cached hit may add.
HOT = 2.5
MANY = 3.5
# A token verified afresh: this times OpenSSL's own verification, and a hit.
AFRESH = 1.25
POLICY = 0.05  # of the throughput of the unprotected location


def fail(text):
    sys.exit(f"bench: {text}")


class Machine:
    """The processes under measurement; all of them end with it."""

    def __init__(self, work):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            fail("two processor cores are needed: one for nginx, one for the client")
        self.worker_cpu, self.client_cpu = cpus[-2], cpus[-1]
        self.work = work
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, cpu, command, log, **options):
        with open(os.path.join(self.work, log), "wb") as out:
            process = subprocess.Popen(
                ["taskset", "-c", str(cpu), *command],
                stderr=out,
                start_new_session=True,
                **({"stdin": subprocess.DEVNULL, "stdout": out} | options),
            )
        self.processes.append(process)
        return process

    def await_(self, process, what, log, ready):
        deadline = time.monotonic() + 20
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.work, log)) as text:
                    sys.stderr.write(text.read())
                fail(f"{what} does not start")
            time.sleep(0.02)

    def start_issuer(self):
        address = os.path.join(self.work, "issuer")
        process = self.start(
            self.client_cpu,
            [sys.executable, os.path.join(HERE, "issuer.py"), self.work],
            "issuer.log",
        )
        self.await_(process, "the issuer", "issuer.log", lambda: os.path.exists(address))
        with open(address) as text:
            return text.read()


class Nginx:
    """One nginx with one worker, with or without the module."""

    def __init__(self, machine, name, binary, module, issuer):
        self.address = f"127.0.0.1:{free_port()}"
        prefix = os.path.join(machine.work, name)
        os.mkdir(prefix)
        with open(os.path.join(HERE, "nginx.conf")) as text:
            conf = text.read()
        if module:
            conf = conf.replace("#module ", "")
        values = {"MODULE": module, "ISSUER": issuer, "ADDRESS": self.address, "WORK": machine.work}
        for key, value in values.items():
            conf = conf.replace(f"@{key}@", value or "")
        if os.geteuid() == 0:
            conf = "user root;\n" + conf  # the temporary directory is this user's
        path = os.path.join(prefix, "nginx.conf")
        with open(path, "w") as out:
            out.write(conf)
        log = f"{name}/start.log"
        master = machine.start(
            machine.worker_cpu, [binary, "-p", prefix + "/", "-c", path, "-e", "error.log"], log
        )
        machine.await_(master, "nginx", log, self.answers)
        children = f"/proc/{master.pid}/task/{master.pid}/children"
        with open(children) as text:
            (self.worker,) = map(int, text.read().split())
        self.log = os.path.join(prefix, "error.log")

    def answers(self):
        with contextlib.suppress(OSError), connect(self.address):
            return True
        return False

    def cpu(self):
        """Seconds of user and system time of the worker, to the nanosecond."""
        return time.clock_gettime((~self.worker << 3) | 2)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def connect(address):
    host, _, port = address.partition(":")
    return socket.create_connection((host, int(port)), 5)


def tokens_of(path):
    with open(path) as text:
        return text.read().split()


async def ask(address, path, tokens, connections):
    """Sends each token once; the number of each answer, as status and X-Cache."""
    host, _, port = address.partition(":")
    queue = list(reversed(tokens))
    seen = {}

    async def work():
        reader, writer = await asyncio.open_connection(host, int(port))
        while queue:
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: bench.example\r\n"
                f"Authorization: Bearer {queue.pop()}\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = re.search(r"(?i)content-length: (\d+)", head)
            await reader.readexactly(int(size[1]))
            cache = re.search(r"(?i)x-cache: (\S+)", head)
            word = f"{head.split()[1]} {cache[1] if cache else ''}".strip()
            seen[word] = seen.get(word, 0) + 1
        writer.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return seen


def warm(nginx, path, tokens):
    """Fills the cache and sees to it that all of it is there."""
    asyncio.run(ask(nginx.address, path, tokens, 16))
    seen = asyncio.run(ask(nginx.address, path, tokens, 16))
    if seen != {"200 HIT": len(tokens)}:
        fail(f"{path}: the cache does not hold the tokens: {seen} (see {nginx.log})")


class Client:
    """The load generator on its core; gives what it counted."""

    def __init__(self, machine, program, seconds):
        self.machine = machine
        self.program = program
        self.seconds = seconds

    def __call__(self, address, path, tokens, connections=CONNECTIONS, seconds=None):
        seconds = seconds or self.seconds
        found = subprocess.run(
            ["taskset", "-c", str(self.machine.client_cpu), self.program, *address.split(":"),
             path, tokens, str(connections), str(seconds)],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=seconds + 20)  # fmt: skip
        if found.returncode != 0:
            fail(f"{path}: {found.stderr}")
        return json.loads(found.stdout)


class Row:
    def __init__(self, title, path, tokens, group, target=None, nginx="module"):
        self.title = title
        self.path = path
        self.tokens = tokens
        self.group = group
        self.target = target
        self.nginx = nginx
        self.ratios = []
        self.added = []
        self.rates = []
        self.spent = []


def rows():
    single, many = "rs256.txt", "jwts.txt"
    found = [
        Row("module not loaded", "/plain", single, "single", nginx="bare"),
        Row("JWT, cached: one", "/jwt", single, "single", HOT),
        Row("JWT, cached: one, three claims forwarded", "/forward", single, "single"),
        Row("JWT, cached: one, a claim and a scope required", "/require", single, "single"),
        Row("JWT, cached: one, a matcho policy of ten leaves", "/matcho", single, "single"),
        Row("JWT, cached: one, a json-schema policy", "/schema", single, "single"),
        Row("JWT, cached: 10,000 distinct", "/jwt", many, "jwts", MANY),
        Row("opaque, cached: one", "/opaque", "opaque.txt", "opaque", HOT),
        Row("opaque, cached: 10,000 distinct", "/opaque", "opaques.txt", "opaques", MANY),
    ]
    for algorithm in ALGORITHMS:
        name = NAMES.get(algorithm, algorithm.upper())
        found.append(
            Row(f"JWT, verified afresh: {name}", f"/fresh/{algorithm}", f"{algorithm}.txt", "single")
        )
    return found


class Bench:
    def __init__(self, machine, options):
        self.machine = machine
        self.options = options
        self.client = Client(machine, options.client, options.seconds)
        self.rows = rows()
        self.bases = {}
        self.openssl = {algorithm: [] for algorithm in ALGORITHMS}
        self.stall = {"direct": [], "through": []}

    def file(self, name):
        return os.path.join(self.machine.work, name)

    def prepare(self):
        issuer = self.machine.start_issuer()
        self.issuer = issuer
        self.nginx = {
            name: Nginx(self.machine, name, self.options.nginx, module, issuer)
            for name, module in (("bare", None), ("module", self.options.module))
        }
        single = tokens_of(self.file("rs256.txt"))
        warm(self.nginx["module"], "/check/jwt", single + tokens_of(self.file("jwts.txt")))
        opaque = tokens_of(self.file("opaque.txt"))
        warm(self.nginx["module"], "/check/opaque", opaque + tokens_of(self.file("opaques.txt")))

    def sample(self, nginx, path, tokens):
        before = nginx.cpu()
        found = self.client(nginx.address, path, self.file(tokens))
        spent = (nginx.cpu() - before) * 1e6 / found["requests"]
        return found["requests"] * 1e6 / found["microseconds"], spent

    def group(self, name, backwards):
        """One round of a group: the unprotected location first and last."""
        members = [row for row in self.rows if row.group == name]
        module = self.nginx["module"]
        around = [self.sample(module, "/plain", members[0].tokens)]
        for row in reversed(members) if backwards else members:
            if row.path.startswith("/fresh/"):
                algorithm = row.path.rpartition("/")[2]
                self.openssl[algorithm].append(self.verify(algorithm))
            rate, spent = self.sample(self.nginx[row.nginx], row.path, row.tokens)
            row.rates.append(rate)
            row.spent.append(spent)
        if len(members) > 2:
            around.append(self.sample(module, "/plain", members[0].tokens))
        rate = statistics.mean(rate for rate, _ in around)
        spent = statistics.mean(spent for _, spent in around)
        self.bases.setdefault(name, []).append((rate, spent))
        for row in members:
            row.ratios.append(row.rates[-1] / rate)
            row.added.append(row.spent[-1] - spent)

    def verify(self, algorithm):
        """Microseconds of OpenSSL's own verification, on the worker's core."""
        out = subprocess.run(
            ["taskset", "-c", str(self.machine.worker_cpu), self.options.verify, self.machine.work,
             algorithm, str(self.options.seconds / 8)],
            check=True, capture_output=True, text=True, timeout=60).stdout  # fmt: skip
        return float(out) / 1000

    def stalled(self, how):
        """Cached hits while many clients wait for an issuer that takes a second: through nginx,
        or, to charge the client's core alike, at the issuer itself."""
        module = self.nginx["module"]
        address = module.address if how == "through" else self.issuer
        holders = self.machine.start(
            self.machine.client_cpu,
            [sys.executable, os.path.join(HERE, "holders.py"), address, "/slow", str(self.waiting)],
            "holders.log",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(1.5)
        found = self.client(module.address, "/opaque", self.file("opaque.txt"), 4, 1.5)
        good, bad, broken = map(int, holders.communicate("", timeout=20)[0].split())
        if bad or broken or good < self.waiting:
            fail(f"the clients that wait: {good} good answers, {bad} bad, {broken} broken")
        found["waited"] = good
        self.stall[how].append(found)

    waiting = 100

    def run(self):
        self.prepare()
        for number in range(self.options.rounds):
            groups = list(dict.fromkeys(row.group for row in self.rows))
            for name in reversed(groups) if number % 2 else groups:
                self.group(name, number % 2 == 1)
            print(f"bench: round {number + 1} of {self.options.rounds}", file=sys.stderr)
        for number in range(self.options.stalls):
            for how in ("direct", "through") if number % 2 else ("through", "direct"):
                self.stalled(how)


def spread(values):
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{low:.2f}–{high:.2f}"


def verdict(value, limit):
    return "met" if value <= limit else "**missed**"


def table(bench):
    median = statistics.median
    hit = median(next(row for row in bench.rows if row.path == "/jwt").added)
    lines = [
        "| request | requests/s, of the unprotected location's | added CPU, µs | middle half | target, µs | |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for row in bench.rows:
        added = median(row.added)
        target = row.target
        note = f"≤ {target}" if target else ""
        if row.path.startswith("/fresh/"):
            own = median(bench.openssl[row.path.rpartition("/")[2]])
            target = AFRESH * own + hit
            note = f"≤ {target:.1f} = {AFRESH} × {own:.1f} + {hit:.1f}"
        lines.append(
            f"| {row.title} | {median(row.ratios):.3f} | {added:.2f} | {spread(row.added)} "
            f"| {note} | {verdict(added, target) if target else ''} |"
        )
    lines += ["", policy_cost(bench)]
    return lines


def policy_cost(bench):
    """What a policy takes of the unprotected location's throughput, beyond the cached hit."""
    hit, policy = (
        next(row for row in bench.rows if row.path == path).ratios for path in ("/jwt", "/matcho")
    )
    cost = statistics.median(a - b for a, b in zip(hit, policy))
    return (
        f"The matcho policy of ten leaves costs {cost:.3f} of the unprotected location's requests/s "
        f"beyond the cached hit (target ≤ {POLICY}: {verdict(cost, POLICY)})."
    )


def bases(bench):
    lines = ["| unprotected location, with the headers of | requests/s | CPU, µs |", "|---|--:|--:|"]
    names = {
        "single": "one JWT",
        "jwts": "10,000 JWTs",
        "opaque": "one opaque token",
        "opaques": "10,000 opaque tokens",
    }
    for name, values in bench.bases.items():
        rate = statistics.median(rate for rate, _ in values)
        spent = statistics.median(spent for _, spent in values)
        lines.append(f"| {names[name]} | {rate:,.0f} | {spent:.2f} |")
    return lines


def stall(bench):
    # The scheduler's moods only ever add to a latency: the least of the rounds says most.
    def least(how, what):
        return min(found[what] for found in bench.stall[how])

    summary = (
        f"Least of {bench.options.stalls} rounds; cached hits over 4 connections. p99 is "
        f"{least('through', 'p99') / least('direct', 'p99'):.2f} times what it is when nobody waits "
        f"in that worker (p90: {least('through', 'p90') / least('direct', 'p90'):.2f})."
    )
    lines = [
        f"| {bench.waiting} clients wait one second | p50, µs | p90, µs | p99, µs | longest, µs |",
        "|---|--:|--:|--:|--:|",
    ]
    for how, title in (("direct", "at the issuer itself"), ("through", "in the same worker")):
        lines.append(
            f"| {title} | {least(how, 'p50')} | {least(how, 'p90')} "
            f"| {least(how, 'p99')} | {least(how, 'longest')} |"
        )
    return lines, summary


def micro(bench):
    if not bench.options.micro:
        return []
    out = subprocess.run(
        ["taskset", "-c", str(bench.machine.worker_cpu), bench.options.micro, bench.machine.work,
         f"--benchmark_min_time={bench.options.seconds / 8}", "--benchmark_format=json"],
        check=True, capture_output=True, text=True, timeout=120).stdout  # fmt: skip
    lines = ["", "## Parts", "", "| part | CPU, ns |", "|---|--:|"]
    for found in json.loads(out)["benchmarks"]:
        lines.append(f"| {found['name'].replace('_', ' ')} | {found['cpu_time']:.0f} |")
    return lines


def first_line(*command):
    found = subprocess.run(command, capture_output=True, text=True)
    return (found.stdout + found.stderr).strip().splitlines()[0]


def description(options):
    with open("/proc/cpuinfo") as text:
        model = re.search(r"^model name\s*: (.*)$", text.read(), re.M)
    modules = first_line(options.nginx, "-v").removeprefix("nginx version: ")
    kernel = os.uname()
    return [
        f"- processor: {model[1] if model else kernel.machine}, {os.cpu_count()} cores",
        f"- kernel: {kernel.sysname} {kernel.release}",
        f"- nginx: {modules}; {first_line('openssl', 'version').split(' (')[0]}",
        f"- compiler: {first_line('c++', '--version')}",
        f"- module: {options.origin}",
        f"- {options.rounds} rounds, {options.seconds} s each; medians; "
        f"load averages {' '.join(f'{load:.1f}' for load in os.getloadavg())}",
    ]


def report(bench):
    lines, summary = stall(bench)
    today = datetime.date.today().isoformat()
    return "\n".join(
        [
            f"# Benchmark, {today}",
            "",
            *description(bench.options),
            "",
            "One worker on a core of its own, the client on another; JWTs of 800 bytes. Added CPU is the",
            "worker's user and system time per request less that of the unprotected location, which",
            "gets the same headers from the same client in the same round.",
            "",
            *table(bench),
            "",
            *bases(bench),
            "",
            "## A slow issuer",
            "",
            *lines,
            "",
            summary,
            *micro(bench),
            "",
        ]
    )


def main():
    parser = argparse.ArgumentParser()
    for name in ("work", "nginx", "module", "client", "verify", "result", "origin"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--micro")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--stalls", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    with Machine(options.work) as machine:
        bench = Bench(machine, options)
        bench.run()
        text = report(bench)
    print(text, end="")
    with open(options.result, "w") as out:
        out.write(text)


if __name__ == "__main__":
    main()
