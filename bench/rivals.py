"""What people use today, from Debian's packages: each is started, measured and stopped by itself."""

import base64
import os
import shutil
import sys

from machine import free_address
from rows import Group, Row

# of 43 bytes, as nginx's empty_gif
EMPTY_GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw=="

APACHE_MODULES = "/usr/lib/apache2/modules"
NGINX_MODULES = "/usr/lib/nginx/modules"


class Rival:
    """A server with its own unprotected location; `start` gives it under the names of its rows."""

    needs = ()

    def __init__(self, machine, nginx, issuer):
        self.machine = machine
        self.nginx = nginx
        self.issuer, self.tls_issuer = issuer
        self.values = {"ISSUER": self.issuer, "TLS_ISSUER": self.tls_issuer}

    def missing(self):
        return [path for path in self.needs if not shutil.which(path) and not os.path.exists(path)]

    def public_key(self):
        lines = self.machine.read("rs256.key").splitlines()
        return "".join(line for line in lines if not line.startswith("-----"))


class AuthRequest(Rival):
    key = "auth-request"

    def groups(self):
        return [
            Group("auth-request", "auth_request: one opaque token", self.key, "opaque.txt",
                  [Row("auth-request", "auth_request, proxy_cache: one opaque token", "/opaque", self.key)]),
            Group("auth-request-many", "auth_request: 10,000 opaque tokens", self.key, "opaques.txt",
                  [Row("auth-request-many", "auth_request, proxy_cache: 10,000 distinct", "/opaque",
                       self.key)]),
        ]  # fmt: skip

    def start(self):
        template = "rivals/auth_request.conf"
        return {self.key: self.machine.nginx(self.key, self.nginx, self.values, template)}


class Njs(Rival):
    key = "njs"
    needs = (f"{NGINX_MODULES}/ngx_http_js_module.so",)

    def groups(self):
        return [
            Group("njs", "njs: one opaque token", self.key, "opaque.txt",
                  [Row("njs", "njs, proxy_cache: one opaque token", "/opaque", self.key)]),
            Group("njs-jwt", "njs: one JWT", self.key, "rs256.txt",
                  [Row("njs-jwt", "njs, JWT verified each time: RS256", "/jwt", self.key)]),
        ]  # fmt: skip

    def start(self):
        values = self.values | {"MODULES": NGINX_MODULES, "SPKI": self.public_key()}
        return {self.key: self.machine.nginx(self.key, self.nginx, values, "rivals/njs.conf")}


class Haproxy(Rival):
    key = "haproxy"
    needs = ("haproxy",)
    algorithms = ("hs256", "rs256", "es256")

    def groups(self):
        return [
            Group(
                "haproxy", "HAProxy: one JWT", self.key, "rs256.txt",
                [Row("haproxy-rs256", "HAProxy, JWT verified each time: RS256", "/", "haproxy-rs256")], True),
            Group(
                "haproxy-hs256", "HAProxy: one JWT of HS256", self.key, "hs256.txt",
                [Row("haproxy-hs256", "HAProxy, JWT verified each time: HS256", "/", "haproxy-hs256")], True),
            Group(
                "haproxy-es256", "HAProxy: one JWT of ES256", self.key, "es256.txt",
                [Row("haproxy-es256", "HAProxy, JWT verified each time: ES256", "/", "haproxy-es256")], True),
        ]  # fmt: skip

    def start(self):
        address = free_address()
        ports = {name: free_address() for name in self.algorithms}
        with open(self.machine.file("empty.gif"), "wb") as out:
            out.write(base64.b64decode(EMPTY_GIF))
        values = {"ADDRESS": address, "SECRET": self.machine.read("hs256.key")}
        values |= {name.upper(): port for name, port in ports.items()}
        path = os.path.join(self.machine.directory(self.key), "haproxy.cfg")
        self.machine.render("rivals/haproxy.cfg", path, values)
        server = self.machine.server(self.key, ["haproxy", "-q", "-db", "-f", path], address)
        return {self.key: server} | {
            f"haproxy-{name}": server.at(port) for name, port in ports.items()
        }


class Apache(Rival):
    key = "apache"
    needs = ("apache2", f"{APACHE_MODULES}/mod_auth_openidc.so")

    def groups(self):
        return [
            Group("apache", "Apache: one opaque token", self.key, "opaque.txt",
                  [Row("apache", "Apache, mod_auth_openidc: one opaque token", "/opaque", self.key)], True),
            Group("apache-jwt", "Apache: one JWT", self.key, "rs256.txt",
                  [Row("apache-jwt", "Apache, mod_auth_openidc, JWT: RS256", "/jwt", "apache-jwt")], True),
        ]  # fmt: skip

    def start(self):
        prefix = self.machine.directory(self.key)
        os.mkdir(os.path.join(prefix, "files"))
        for name in ("plain", "opaque", "jwt"):
            with open(os.path.join(prefix, "files", name), "wb") as out:
                out.write(base64.b64decode(EMPTY_GIF))
        user = ""
        if os.geteuid() == 0:  # it does not run as root
            os.chmod(self.machine.work, 0o711)
            user = "User www-data\nGroup www-data"
        address, jwt = free_address(), free_address()
        values = self.values | {
            "ADDRESS": address, "JWT": jwt, "PREFIX": prefix, "MODULES": APACHE_MODULES,
            "USER": user}  # fmt: skip
        path = os.path.join(prefix, "apache.conf")
        self.machine.render("rivals/apache.conf", path, values)
        command = ["apache2", "-f", path, "-DFOREGROUND"]
        server = self.machine.server(self.key, command, address, workers=1)
        return {self.key: server, "apache-jwt": server.at(jwt)}


def rivals(machine, nginx, issuer):
    """Those whose packages are there."""
    found = []
    for kind in (AuthRequest, Njs, Haproxy, Apache):
        rival = kind(machine, nginx, issuer)
        if rival.missing():
            print(f"bench: {rival.key} is left out: no {', '.join(rival.missing())}", file=sys.stderr)
        else:
            found.append(rival)
    return found
