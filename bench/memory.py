"""How many bytes of a zone a cached token takes, seen from outside.

More tokens than a zone of known size can hold are sent, then the issuer is closed and the tokens are
asked for again, the newest first: what is a hit then is what the zone holds.
"""

import base64

from machine import fail

ZONES = {"answers": "16m", "jwts": "2m"}
SIZES = {"answers": 16 << 20, "jwts": 2 << 20}
TOKENS = {"answers": 150_000, "jwts": 10_000}
TITLES = {"answers": "opaque token", "jwts": "JWT of 800 bytes"}


def measure(machine, client, server, answer):
    files = {"answers": "million.txt", "jwts": "jwts.txt"}
    found = []
    for zone, file in files.items():
        tokens = machine.read(file).split()[: TOKENS[zone]]
        claims = answer
        if zone == "jwts":
            payload = tokens[0].split(".")[1]
            claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
        for name, order in (("fill.txt", tokens), ("back.txt", reversed(tokens))):
            with open(machine.file(name), "w") as out:
                out.writelines(f"{token}\n" for token in order)
        sent, good, _ = client.once(server, f"/check/{zone}", "fill.txt")
        if not sent == good == len(tokens):
            fail(f"memory: {good} good answers of {sent} to {len(tokens)} tokens (see {server.log})")
        asked, _, hits = client.once(server, f"/check/{zone}?closed", "back.txt")
        if asked != len(tokens) or not 0 < hits < len(tokens):
            fail(f"memory: a zone of {ZONES[zone]} holds {hits} of {len(tokens)} tokens, {asked} asked")
        found.append(
            {
                "key": zone,
                "title": TITLES[zone],
                "zone": SIZES[zone],
                "tokens": len(tokens),
                "held": hits,
                "claims": len(claims.replace("$request_id", "0" * 32)),
            }
        )
    return found
