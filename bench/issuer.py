"""The benchmark's issuer: a key set, introspection at once and introspection after one second.

    issuer.py WORK-DIRECTORY

Writes its address to WORK-DIRECTORY/issuer when it listens.
"""

import asyncio
import os
import sys
import time

WORK = sys.argv[1]
DELAY = 1.0


def response(content_type, body):
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
        % (content_type, len(body))
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


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.partition(b":")[2]))
            if path == b"/slow":
                await asyncio.sleep(DELAY)
            writer.write(KEYS if path == b"/jwks" else ACTIVE)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    host, port = server.sockets[0].getsockname()
    temporary = os.path.join(WORK, "issuer.new")
    with open(temporary, "w") as out:
        out.write(f"{host}:{port}")
    os.rename(temporary, os.path.join(WORK, "issuer"))
    await server.serve_forever()


asyncio.run(main())
