#!/usr/bin/env python3
"""An issuer of tokens and an upstream for the demo, both on loopback.

    issuer.py DIRECTORY

DIRECTORY holds key.pem, the issuer's RSA key. When both servers listen, DIRECTORY/ports is
written: shell assignments of ISSUER and UPSTREAM.

The issuer publishes its metadata and keys, answers introspection (RFC 7662) and, for the demo
only, makes tokens: GET /mint?kind=valid|expired|readonly|forged|none|opaque|inactive. The upstream
answers every request with the headers it received, one per line.
"""

import base64
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

DIRECTORY = sys.argv[1]
KEY = os.path.join(DIRECTORY, "key.pem")
AUDIENCE = "https://api.example.com"
CLIENT = "Basic " + base64.b64encode(b"gateway:gateway-secret").decode()

LOCK = threading.Lock()
OPAQUE = {}
COUNTS = {"introspections": 0, "keys": 0}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, data=None):
    return subprocess.run(
        ["openssl", *arguments], input=data, stdout=subprocess.PIPE, check=True
    ).stdout


def public_key():
    modulus = openssl("rsa", "-in", KEY, "-noout", "-modulus").decode().strip().split("=")[1]
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": "demo",
        "n": base64url(bytes.fromhex(modulus)),
        "e": base64url((65537).to_bytes(3, "big")),
    }


def jwt(header, claims):
    text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    if header["alg"] == "none":
        return text + "."
    signature = openssl("dgst", "-sha256", "-sign", KEY, "-binary", data=text.encode())
    return text + "." + base64url(signature)


def claims_of(issuer, seconds, scope="read write"):
    now = int(time.time())
    return {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": "2b6d1c4e",
        "username": "alice",
        "scope": scope,
        "iat": now - 10,
        "exp": now + seconds,
        "jti": secrets.token_hex(8),
    }


def mint(kind, issuer):
    header = {"alg": "RS256", "typ": "at+jwt", "kid": "demo"}
    if kind == "valid":
        return jwt(header, claims_of(issuer, 3600))
    if kind == "expired":
        return jwt(header, claims_of(issuer, -5))
    if kind == "readonly":
        return jwt(header, claims_of(issuer, 3600, "read"))
    if kind == "none":
        return jwt({**header, "alg": "none"}, claims_of(issuer, 3600))
    if kind == "forged":
        claims = claims_of(issuer, 3600)
        first, _, signature = jwt(header, claims).split(".")
        payload = base64url(json.dumps({**claims, "username": "root"}).encode())
        return ".".join((first, payload, signature))
    if kind in ("opaque", "inactive"):
        token = secrets.token_urlsafe(24)
        with LOCK:
            OPAQUE[token] = claims_of(issuer, 3600) if kind == "opaque" else None
        return token
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    def answer(self, status, body, content_type="application/json", **headers):
        if not isinstance(body, str):
            body = json.dumps(body)
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)


class Issuer(Handler):
    def url(self):
        return "http://127.0.0.1:%d" % self.server.server_address[1]

    def do_GET(self):
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            self.answer(200, {
                "issuer": self.url(),
                "jwks_uri": self.url() + "/jwks",
                "introspection_endpoint": self.url() + "/introspect",
            })
        elif parts.path == "/jwks":
            with LOCK:
                COUNTS["keys"] += 1
            self.answer(200, {"keys": [self.server.public_key]})
        elif parts.path == "/mint":
            token = mint(parse_qs(parts.query).get("kind", [""])[0], self.url())
            if token is None:
                self.answer(404, "unknown kind\n", "text/plain")
            else:
                self.answer(200, token, "text/plain")
        elif parts.path == "/counts":
            self.answer(200, COUNTS)
        else:
            self.answer(404, "not here\n", "text/plain")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path != "/introspect":
            self.answer(404, "not here\n", "text/plain")
            return
        if self.headers.get("Authorization") != CLIENT:
            self.answer(401, {"error": "invalid_client"}, WWW_Authenticate="Basic")
            return
        with LOCK:
            COUNTS["introspections"] += 1
            claims = OPAQUE.get(parse_qs(body).get("token", [""])[0])
        if claims is None:
            self.answer(200, {"active": False})
        else:
            self.answer(200, {"active": True, "token_type": "Bearer", **claims})


class Upstream(Handler):
    def do_GET(self):
        lines = ["%s: %s\n" % pair for pair in self.headers.items()]
        self.answer(200, "".join(lines), "text/plain")


def main():
    issuer = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    issuer.public_key = public_key()
    threading.Thread(target=upstream.serve_forever, daemon=True).start()

    ports = os.path.join(DIRECTORY, "ports")
    with open(ports + ".new", "w", encoding="ascii") as file:
        file.write("ISSUER=127.0.0.1:%d\n" % issuer.server_address[1])
        file.write("UPSTREAM=127.0.0.1:%d\n" % upstream.server_address[1])
    os.rename(ports + ".new", ports)

    issuer.serve_forever()


if __name__ == "__main__":
    main()
