"""Two workers against one, on two cores that the clients need, too.

Each worker has a core to itself but for a client that talks to this worker only, and sleeps when it has
nothing to do. One such pair is measured, then the other, then both at once. Whatever the workers share
(the lock of the zone, the lines of its entries) shows as less than twice the requests of a pair, and as
more CPU time per request. Batches of requests make the client's share of the core small, so that the
workers meet in the zone far more often than with single requests.
"""

import json
import os
import subprocess

from machine import cpu, fail

PATHS = {"/plain": "unprotected", "/opaque": "opaque, cached: one", "/jwt": "JWT, cached: one"}
TOKENS = {"/plain": "opaque.txt", "/opaque": "opaque.txt", "/jwt": "rs256.txt"}
BATCHES = (1, 16)


class Workers:
    def __init__(self, client, server, rounds):
        self.client = client
        self.server = server
        self.rounds = rounds
        machine = client.machine
        self.pairs = list(zip((machine.worker_cpu, machine.client_cpu), server.pids, strict=True))
        for core, pid in self.pairs:
            os.sched_setaffinity(pid, {core})

    def together(self, pairs, path, batch):
        """Requests per second and microseconds of a worker's time per request."""
        before = [cpu(pid) for _, pid in pairs]
        clients = [
            subprocess.Popen(
                self.client.command(
                    self.server.address, path, TOKENS[path], f"worker={pid}", "sleep",
                    f"batch={batch}", cpu=core),
                stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
            for core, pid in pairs
        ]  # fmt: skip
        found = [client.communicate(timeout=60)[0] for client in clients]
        if any(client.returncode for client in clients):
            fail(f"workers: {path}: a client failed (see {self.server.log})")
        spent = sum(cpu(pid) - start for (_, pid), start in zip(pairs, before, strict=True))
        counts = [json.loads(text) for text in found]
        requests = sum(count["requests"] for count in counts)
        rate = sum(count["requests"] * 1e6 / count["microseconds"] for count in counts)
        return rate, spent * 1e6 / requests

    def measure(self):
        rows = [
            {"path": path, "title": title, "batch": batch, "one": [], "two": []}
            for path, title in PATHS.items()
            for batch in BATCHES
        ]
        for _ in range(self.rounds):
            for row in rows:
                single = [self.together([pair], row["path"], row["batch"]) for pair in self.pairs]
                row["one"].append([sum(values) / 2 for values in zip(*single, strict=True)])
                row["two"].append(self.together(self.pairs, row["path"], row["batch"]))
        return rows
