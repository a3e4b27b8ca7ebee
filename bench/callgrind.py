"""Instructions per request, counted by Valgrind: for machines whose processor's counters are out of reach.

They are exact, but those of a processor without the instructions for SHA-256 that OpenSSL would use.
"""

import glob
import os
import shutil
import subprocess

from machine import fail

SECONDS = 1.0


class Callgrind:
    """One nginx under Valgrind for each of the configurations that are asked for."""

    works = True

    def __init__(self, client, start):
        """`start` makes an nginx of a name, with what goes before its command."""
        if not shutil.which("valgrind"):
            fail("--instructions needs valgrind")
        self.client = client
        self.machine = client.machine
        self.start = start
        self.servers = {}

    def server(self, name):
        if name not in self.servers:
            out = self.machine.file(f"{name}-callgrind.out")
            before = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
            self.servers[name] = self.start(name, before)
        return self.servers[name]

    def control(self, server, option):
        subprocess.run(
            ["callgrind_control", option, str(server.pids[0])],
            check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)  # fmt: skip

    def __call__(self, name, path, tokens):
        if name not in ("bare", "loaded", "module"):
            return None
        server = self.server(name)
        run = dict(connections=8, seconds=SECONDS)
        self.client(server.address, path, tokens, **run)
        self.control(server, "--zero")
        found = self.client(server.address, path, tokens, **run)
        self.control(server, "--dump")
        counts = []
        for dump in glob.glob(self.machine.file(f"{name}-callgrind.out.*")):
            with open(dump) as text:
                counts += [int(line.split()[1]) for line in text if line.startswith("totals:")]
            os.remove(dump)
        return {"user": sum(counts) / found["requests"], "kernel": None}
