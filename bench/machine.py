"""The processes of a measurement: servers on one core, the client on another; all end with it."""

import contextlib
import http.client
import json
import os
import resource
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECTIONS = 32
EVENTS = ("instructions:u", "instructions:k")


def fail(text):
    sys.exit(f"bench: {text}")


def free_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def answers(address):
    host, _, port = address.partition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 5):
        return True
    return False


def get(address, path, token=None):
    """One request: the status and the body."""
    connection = http.client.HTTPConnection(address, timeout=20)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


class Server:
    """What listens at an address, and the processes whose time counts as its own."""

    def __init__(self, address, process, pids, log):
        self.address = address
        self.process = process
        self.pids = pids
        self.log = log

    def at(self, address):
        return Server(address, self.process, self.pids, self.log)

    def cpu(self):
        """Seconds of user and system time, to the nanosecond."""
        return sum(cpu(pid) for pid in self.pids)


def cpu(pid):
    return time.clock_gettime((~pid << 3) | 2)


def children_of(pid):
    """The child processes that serve; not those that look after nginx's caches."""
    with open(f"/proc/{pid}/task/{pid}/children") as text:
        children = text.read().split()
    found = []
    for child in children:
        with contextlib.suppress(OSError), open(f"/proc/{child}/cmdline") as text:
            if "cache " not in text.read():
                found.append(int(child))
    return found


class Machine:
    def __init__(self, work):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            fail("two processor cores are needed: one for the server, one for the client")
        self.worker_cpu, self.client_cpu = cpus[-2], cpus[-1]
        self.work = work
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in list(self.processes):
            self.stop(process)

    def file(self, name):
        return os.path.join(self.work, name)

    def start(self, cpu, command, log, **options):
        with open(self.file(log), "wb") as out:
            process = subprocess.Popen(
                ["taskset", "-c", str(cpu), *command],
                stderr=out,
                start_new_session=True,
                **({"stdin": subprocess.DEVNULL, "stdout": out} | options),
            )
        self.processes.append(process)
        return process

    def stop(self, process):
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.processes.remove(process)

    def await_(self, process, what, log, ready):
        deadline = time.monotonic() + 20
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                with open(self.file(log)) as text:
                    sys.stderr.write(text.read())
                fail(f"{what} does not start")
            time.sleep(0.02)

    def start_issuer(self):
        """The addresses of the issuer: plain and with TLS."""
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                   "/CN=127.0.0.1", "-keyout", self.file("tls.key"), "-out", self.file("tls.crt")]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        with open(self.file("tls.pem"), "w") as out:
            out.write(self.read("tls.key") + self.read("tls.crt"))
        process = self.start(
            self.client_cpu,
            [sys.executable, "-B", os.path.join(HERE, "issuer.py"), self.work],
            "issuer.log",
        )
        address = self.file("issuer")
        self.await_(process, "the issuer", "issuer.log", lambda: os.path.exists(address))
        return self.read("issuer"), self.read("tls_issuer")

    def read(self, name):
        with open(self.file(name)) as text:
            return text.read()

    def directory(self, name):
        path = self.file(name)
        os.mkdir(path)
        return path

    def render(self, template, target, values, lines=lambda text: text):
        with open(os.path.join(HERE, template)) as text:
            conf = lines(text.read())
        files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 65536)
        for key, value in ({"WORK": self.work, "HERE": HERE, "FILES": str(files)} | values).items():
            conf = conf.replace(f"@{key}@", value)
        with open(target, "w") as out:
            out.write(conf)

    def server(self, name, command, address, workers=0):
        """Starts a server on its core. The time of its `workers` child processes counts, or, without
        any, its own."""
        log = f"{name}/start.log"
        process = self.start(self.worker_cpu, command, log)

        def pids():
            return children_of(process.pid) if workers else [process.pid]

        self.await_(
            process, name, log, lambda: answers(address) and len(pids()) == (workers or 1)
        )
        return Server(address, process, pids(), self.file(f"{name}/error.log"))

    def nginx(self, name, binary, values, template="nginx.conf", use=(), workers=1, before=()):
        """An nginx; `use` says which of the template's marked lines count. With something `before` the
        command it is one process."""

        def lines(text):
            for mark in use:
                text = text.replace(f"#{mark} ", "")
            if before:
                text = text.replace("daemon off;", "daemon off;\nmaster_process off;")
            # the temporary directory is this user's
            return "user root;\n" + text if os.geteuid() == 0 else text

        prefix = self.directory(name)
        address = free_address()
        path = os.path.join(prefix, "nginx.conf")
        values = {"ADDRESS": address, "WORKERS": str(workers)} | values
        self.render(template, path, values, lines)
        command = [*before, binary, "-p", prefix + "/", "-c", path, "-e", "error.log"]
        return self.server(name, command, address, 0 if before else workers)


class Client:
    """The load generator on its core; gives what it counted."""

    def __init__(self, machine, program, seconds):
        self.machine = machine
        self.program = program
        self.seconds = seconds

    def command(
        self, address, path, tokens, *options, cpu=None, connections=CONNECTIONS, seconds=None
    ):
        return [
            "taskset", "-c", str(self.machine.client_cpu if cpu is None else cpu), self.program,
            *address.split(":"), path, self.machine.file(tokens), str(connections),
            str(seconds or self.seconds), *options]  # fmt: skip

    def __call__(self, address, path, *rest, before=(), **more):
        found = subprocess.run(
            [*before, *self.command(address, path, *rest, **more)], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=(more.get("seconds") or self.seconds) + 30)  # fmt: skip
        if found.returncode != 0:
            fail(f"{path}: {found.stderr}")
        return json.loads(found.stdout)

    def once(self, server, path, tokens, seconds=60):
        """Each token once: the counts of answers, of status 200 and of hits."""
        found = self(server.address, path, tokens, "once", connections=16, seconds=seconds)
        return found["requests"], found["good"], found["hits"]


class Counters:
    """Instructions per request, as the processor counts them; nothing where it does not."""

    def __init__(self, client):
        self.client = client
        self.out = client.machine.file("perf.csv")
        self.works = self.try_()

    def try_(self):
        try:
            found = subprocess.run(
                ["perf", "stat", "-x,", "-e", ",".join(EVENTS), "true"],
                capture_output=True, text=True, stdin=subprocess.DEVNULL)  # fmt: skip
        except OSError:
            return False
        return found.returncode == 0 and len(self.parse(found.stderr)) == len(EVENTS)

    @staticmethod
    def parse(text):
        lines = [line.split(",") for line in text.splitlines() if "instructions" in line]
        return [int(line[0]) for line in lines if line[0].isdigit()]

    def __call__(self, server, path, tokens):
        before = ["perf", "stat", "-x,", "-e", ",".join(EVENTS), "-o", self.out, "-p",
                  ",".join(map(str, server.pids)), "--"]  # fmt: skip
        found = self.client(server.address, path, tokens, before=before, seconds=0.2)
        with open(self.out) as text:
            user, kernel = self.parse(text.read())
        return {"user": user / found["requests"], "kernel": kernel / found["requests"]}
