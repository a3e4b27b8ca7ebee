"""Clients that wait: connections that ask for one thing after another with a new token each time.

    holders.py ADDRESS PATH CONNECTIONS

Runs until its standard input closes, then prints how many answers were 200, how many were not, and
how many connections broke.
"""

import asyncio
import secrets
import sys

HOST, _, PORT = sys.argv[1].partition(":")
PATH = sys.argv[2]
CONNECTIONS = int(sys.argv[3])

good = 0
bad = 0


async def hold(start):
    global good, bad
    await asyncio.sleep(start)
    reader, writer = await asyncio.open_connection(HOST, int(PORT))
    while True:
        writer.write(
            (
                f"GET {PATH} HTTP/1.1\r\nHost: bench.example\r\n"
                f"Authorization: Bearer {secrets.token_urlsafe(32)}\r\n\r\n"
            ).encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.partition(b":")[2]))
        if head.startswith(b"HTTP/1.1 200"):
            good += 1
        else:
            bad += 1


async def main():
    loop = asyncio.get_running_loop()
    tasks = [
        asyncio.create_task(hold(number / CONNECTIONS)) for number in range(CONNECTIONS)
    ]
    await loop.run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    broken = 0
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        broken += not isinstance(outcome, asyncio.CancelledError)
    print(good, bad, broken)


asyncio.run(main())
