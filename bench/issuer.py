"""The benchmark's issuer: a key set, introspection at once and after one second, an answer by status
alone, and how many requests there were. Every token is active but "inactive".

    issuer.py WORK-DIRECTORY

Writes its address to WORK-DIRECTORY/issuer when it listens; with WORK-DIRECTORY/tls.pem (a certificate
and its key) that of a TLS port to WORK-DIRECTORY/tls_issuer before that.
"""

import asyncio
import os
import ssl
import sys
import time

WORK = sys.argv[1]
DELAY = 1.0


def response(content_type, body, status=b"200 OK"):
    return (
        b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
        % (status, content_type, len(body))
    ) + body


with open(os.path.join(WORK, "jwks.json"), "rb") as file:
    KEYS = response(b"application/json", file.read())

ACTIVE = response(
    b"application/json",
    (
        '{"active":true,"iss":"https://idp.example.com","sub":"alice","client_id":"web-app",'
        '"scope":"openid read write","username":"alice","token_type":"Bearer","exp":%d}'
        % (time.time() + 86400)
    ).encode(),
)

INACTIVE = response(b"application/json", b'{"active":false}')
REFUSED = response(b"application/json", b"{}", b"401 Unauthorized")

requests = 0


def answer(path, asked):
    global requests
    if path == b"/requests":
        return response(b"text/plain", b"%d" % requests)
    requests += 1
    if path == b"/jwks":
        return KEYS
    if b"inactive" in asked:
        return REFUSED if path == b"/userinfo" else INACTIVE
    return ACTIVE


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            asked = head
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    asked += await reader.readexactly(int(line.partition(b":")[2]))
            found = answer(path, asked)
            if path == b"/slow":
                await asyncio.sleep(DELAY)
            writer.write(found)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def listen(name, tls=None):
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024, ssl=tls)
    host, port = server.sockets[0].getsockname()
    temporary = os.path.join(WORK, f"{name}.new")
    with open(temporary, "w") as out:
        out.write(f"{host}:{port}")
    os.rename(temporary, os.path.join(WORK, name))
    return server


async def main():
    certificate = os.path.join(WORK, "tls.pem")
    if os.path.exists(certificate):
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        await listen("tls_issuer", tls)
    server = await listen("issuer")
    await server.serve_forever()


asyncio.run(main())
