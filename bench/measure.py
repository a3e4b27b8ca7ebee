"""Measures the module, and what people use today, in running servers; see bench/run.

Writes what it finds as JSON (every sample) and as Markdown (medians).
"""

import argparse
import dataclasses
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import time

import memory
import report
import rows
from callgrind import Callgrind
from machine import HERE, Client, Counters, Machine, fail, get
from rivals import rivals
from workers import Workers

FILLING = 120  # seconds, at most, to introspect the million, and again to check it

# what an issuer says of a token in store.conf
ANSWER = (
    '{"active":true,"iss":"https://idp.example.com","sub":"alice","client_id":"web-app",'
    '"scope":"openid read write","username":"alice","token_type":"Bearer","jti":"$request_id",'
    '"exp":%d}' % (time.time() + 86400)
)

# what a security token service issues: an opaque token
EXCHANGED = "x" * 43


def note(text):
    print(f"bench: {text}", file=sys.stderr)


def mean(samples):
    return {key: sum(one[key] for one in samples) / len(samples) for key in samples[0]}


class Bench:
    def __init__(self, machine, options):
        self.machine = machine
        self.options = options
        self.client = Client(machine, options.client, options.seconds)
        self.counters = Counters(self.client)
        self.groups = rows.chosen(rows.ours(), options.only)
        self.servers = {}
        self.openssl = {}
        self.found = {}

    def wants(self, part):
        return re.search(self.options.only, part)

    def nginx(self, name, use=None, **more):
        """An nginx of bench/nginx.conf; its name says what it has of the module."""
        values = {"MODULE": self.options.module, "ISSUER": self.issuer[0], "EXCHANGED": EXCHANGED}
        use = {"bare": [], "loaded": ["loaded"]}.get(use or name, ["loaded", "module"])
        return self.machine.nginx(name, self.options.nginx, values, use=use, **more)

    def under(self, name, before):
        """The same for counting instructions, its cache filled."""
        server = self.nginx(f"{name}-counted", name, before=before)
        if name == "module":
            self.fill_hot(server)
        return server

    def prepare(self):
        self.issuer = self.machine.start_issuer()
        self.servers = {name: self.nginx(name) for name in ("bare", "loaded", "module")}
        self.fill_hot(self.servers["module"])
        if self.options.instructions:
            self.counters = Callgrind(self.client, self.under)
        if self.wants("million") or self.wants("memory"):
            self.start_store()

    def start_store(self):
        values = {"MODULE": self.options.module, "ANSWER": ANSWER}
        values |= {f"{zone.upper()}_ZONE": size for zone, size in memory.ZONES.items()}
        server = self.machine.nginx("store", self.options.nginx, values, "store.conf")
        self.servers["store"] = server
        if self.wants("million"):
            start = time.monotonic()
            problem = self.unfilled(server, "/check/million", "million.txt", FILLING)
            note(f"the million is filled and checked, {time.monotonic() - start:.0f} s")
            if problem:  # a slow machine, or a small one
                note(f"the million is left out: {problem}")
                self.groups = [group for group in self.groups if group.key != "million"]

    def fill_hot(self, server):
        for path, tokens in (
            ("jwt", "rs256.txt"), ("jwt", "jwts.txt"), ("opaque", "opaque.txt"), ("opaque", "opaques.txt")
        ):  # fmt: skip
            self.fill(server, f"/check/{path}", tokens)

    def fill(self, server, path, tokens):
        problem = self.unfilled(server, path, tokens, 60)
        if problem:
            fail(f"{path}: {problem} (see {server.log})")

    def unfilled(self, server, path, tokens, seconds):
        """Fills the cache; what is wrong if not all of it is there in time."""
        self.client.once(server, path, tokens, seconds)
        sent, _, hits = self.client.once(server, path, tokens, seconds)
        count = self.machine.read(tokens).count("\n")
        if count == sent == hits:
            return None
        return f"{hits} hits of {count} tokens, {sent} answers"

    def refuses(self, row, tokens):
        """A protected location that lets anything through would be fast."""
        token = self.machine.read(tokens).split()[0]
        bad = token[:-30] + "A" * 30 if "." in token else "inactive"
        status = get(self.servers[row.server].address, row.path, bad)[0]
        if row.path != "/plain" and row.server != "store" and status not in (401, 403):
            fail(f"{row.title}: a bad token gets {status}")

    def sample(self, server, path, tokens):
        before = server.cpu()
        found = self.client(server.address, path, tokens)
        spent = server.cpu() - before
        if not found["requests"]:
            fail(f"{path}: no answer in {self.options.seconds} s; the machine is too busy")
        return {
            "rate": round(found["requests"] * 1e6 / found["microseconds"], 1),
            "cpu": round(spent * 1e6 / found["requests"], 4),
            "p50": found["p50"],
            "p99": found["p99"],
        }

    def round(self, group, backwards):
        """One round of a group: each row between two looks at the unprotected location, because
        the machine may run faster or slower a second later."""
        base = self.servers[group.server]
        plain = [self.sample(base, "/plain", group.tokens)]
        if group.reference:
            group.references.append(self.sample(self.servers["bare"], "/plain", group.tokens))
        for row in reversed(group.rows) if backwards else group.rows:
            if row.algorithm:
                spent = self.verify(row.algorithm)
                self.openssl.setdefault(row.algorithm, []).append(spent)
            row.samples.append(self.sample(self.servers[row.server], row.path, group.tokens_of(row)))
            plain.append(self.sample(base, "/plain", group.tokens))
            row.bases.append(mean(plain[-2:]))
        group.samples.append(mean(plain))

    def verify(self, algorithm):
        """Microseconds of OpenSSL's own verification, on the worker's core."""
        out = subprocess.run(
            ["taskset", "-c", str(self.machine.worker_cpu), self.options.verify, self.machine.work,
             algorithm, str(self.options.seconds / 8)],
            check=True, capture_output=True, text=True, timeout=60).stdout  # fmt: skip
        return float(out) / 1000

    def rounds(self, groups, title, rounds):
        if not groups:
            return []
        for group in groups:
            for row in group.rows:
                self.refuses(row, group.tokens_of(row))
        asked = self.asked()
        for number in range(rounds):
            for group in reversed(groups) if number % 2 else groups:
                self.round(group, number % 2 == 1)
            note(f"{title}: round {number + 1} of {rounds}")
        if self.asked() != asked:
            note(f"{title}: the issuer was asked {self.asked() - asked} times, not all was cached")
        return [self.describe(group) for group in groups]

    def asked(self):
        return int(get(self.issuer[0], "/requests")[1])

    def instructions(self, name, path, tokens):
        if not self.counters.works:
            return None
        return self.counters(name if self.options.instructions else self.servers[name], path, tokens)

    def describe(self, group):
        """What was found of a group, with the instructions per request of its locations."""
        found = {key: getattr(group, key) for key in ("key", "title", "samples", "references")}
        found["instructions"] = self.instructions(group.server, "/plain", group.tokens)
        found["rows"] = [
            dataclasses.asdict(row)
            | {"instructions": self.instructions(row.server, row.path, group.tokens_of(row))}
            for row in group.rows
        ]
        return found

    def rivals(self):
        found = []
        for rival in rivals(self.machine, self.options.nginx, self.issuer):
            groups = rows.chosen(rival.groups(), self.options.only)
            if not groups:
                continue
            servers = rival.start()
            self.servers |= servers
            for group in groups:
                for row in group.rows:
                    self.fill_rival(self.servers[row.server], row.path, group.tokens_of(row))
            found += self.rounds(groups, rival.key, self.options.few)
            self.machine.stop(servers[rival.key].process)
        return found

    def fill_rival(self, server, path, tokens):
        """A second time asks the issuer for nothing."""
        for _ in range(2):
            asked = self.asked()
            sent, good, _ = self.client.once(server, path, tokens)
            if sent != good:
                fail(f"{path}: {good} good answers of {sent} (see {server.log})")
        if self.asked() != asked:
            note(f"{path}: {self.asked() - asked} of {sent} tokens are not cached")

    waiting = 100

    def stalled(self, how):
        """Cached hits while many clients wait for an issuer that takes a second: through nginx,
        or, to charge the client's core alike, at the issuer itself."""
        module = self.servers["module"]
        address = module.address if how == "through" else self.issuer[0]
        holders = self.machine.start(
            self.machine.client_cpu,
            [sys.executable, os.path.join(HERE, "holders.py"), address, "/slow", str(self.waiting)],
            "holders.log",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(1.5)
        found = self.client(module.address, "/opaque", "opaque.txt", connections=4, seconds=1.5)
        good, bad, broken = map(int, holders.communicate("", timeout=20)[0].split())
        if bad or broken or good < self.waiting:
            fail(f"the clients that wait: {good} good answers, {bad} bad, {broken} broken")
        return found

    def stalls(self):
        found = {"direct": [], "through": []}
        for number in range(self.options.stalls):
            for how in ("direct", "through") if number % 2 else ("through", "direct"):
                found[how].append(self.stalled(how))
        return found

    def parts(self):
        if not self.options.micro:
            return []
        out = subprocess.run(
            ["taskset", "-c", str(self.machine.worker_cpu), self.options.micro, self.machine.work,
             f"--benchmark_min_time={self.options.seconds / 8}", "--benchmark_format=json"],
            check=True, capture_output=True, text=True, timeout=120).stdout  # fmt: skip
        return [
            {"name": found["name"].replace("_", " "), "ns": found["cpu_time"]}
            for found in json.loads(out)["benchmarks"]
        ]

    def workers(self):
        server = self.nginx("workers", workers=2)
        self.fill_hot(server)
        found = Workers(self.client, server, self.options.few).measure()
        self.machine.stop(server.process)
        return found

    def run(self):
        start = time.monotonic()
        self.prepare()
        found = {"date": datetime.date.today().isoformat(), "machine": description(self.options)}
        if self.wants("memory"):
            found["memory"] = memory.measure(
                self.machine, self.client, self.servers["store"], ANSWER
            )
        found["groups"] = self.rounds(self.groups, "module", self.options.rounds)
        found["openssl"] = self.openssl
        if self.wants("workers"):
            found["workers"] = self.workers()
        if self.wants("stall"):
            found["stall"] = self.stalls()
        if self.wants("parts"):
            found["parts"] = self.parts()
        if self.options.rivals:
            found["rivals"] = self.rivals()
        note(f"took {time.monotonic() - start:.0f} s")
        return found


def first_line(*command):
    found = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return (found.stdout + found.stderr).strip().splitlines()[0]


def description(options):
    with open("/proc/cpuinfo") as text:
        model = re.search(r"^model name\s*: (.*)$", text.read(), re.M)
    kernel = os.uname()
    openssl = first_line("openssl", "version").split(" (")[0]
    found = {
        "processor": f"{model[1] if model else kernel.machine}, {os.cpu_count()} cores",
        "kernel": f"{kernel.sysname} {kernel.release}",
        "nginx": f"{first_line(options.nginx, '-v').removeprefix('nginx version: ')}; {openssl}",
        "compiler": first_line("c++", "--version"),
        "module": options.origin,
        "rounds": f"{options.rounds} ({options.few} of others and of two workers), "
        f"{options.seconds} s each; medians; load averages "
        + " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }
    packages = ["libnginx-mod-http-js", "haproxy", "apache2", "libapache2-mod-auth-openidc"]
    versions = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *packages], capture_output=True, text=True
    ).stdout.strip(", ")
    return found | ({"others": versions} if versions and options.rivals else {})


def main():
    parser = argparse.ArgumentParser()
    for name in ("work", "nginx", "module", "client", "verify", "result", "origin"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--micro")
    parser.add_argument("--only", default="")
    parser.add_argument("--no-rivals", dest="rivals", action="store_false")
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--few", type=int, required=True)
    parser.add_argument("--stalls", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    with Machine(options.work) as machine:
        found = Bench(machine, options).run()
    with open(f"{options.result}.json", "w") as out:
        json.dump(found, out, indent=1)
        out.write("\n")
    text = report.markdown(found)
    print(text, end="")
    with open(f"{options.result}.md", "w") as out:
        out.write(text)


if __name__ == "__main__":
    main()
