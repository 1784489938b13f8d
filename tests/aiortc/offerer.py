"""aiortc offers, the server answers:

    python tests/aiortc/offerer.py http://127.0.0.1:8080

Exits 0 when every scenario passed; else it says which did not, and why.
"""

import asyncio
import random
import sys
import time
import traceback

from aiortc import RTCSessionDescription

from common import WITHIN, Session, peer_connection

LARGE = 200 * 1024
CONNECTED = ("connected", "completed")


class Client:
    """A connection to the server with one data channel."""

    def __init__(self):
        self.pc = peer_connection()
        self.channel = self.pc.createDataChannel("echo")
        self.open = asyncio.Event()
        self.received = asyncio.Queue()
        self.channel.on("open", self.open.set)
        self.channel.on("message", self.received.put_nowait)
        self.session = None
        self._feed = None

    async def connect(self, server, change=lambda sdp: sdp):
        """Exchanges descriptions; `change` is applied to what the server sees of ours."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        offer = change(self.pc.localDescription.sdp)
        self.session, answer = await Session.create(server, offer)
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        self._feed = asyncio.ensure_future(self.session.feed(self.pc))

    async def connected(self):
        await asyncio.wait_for(self.open.wait(), WITHIN)
        await self.session.until("the server to be connected", lambda: (
            self.session.state("ice") in CONNECTED
            and self.session.state("dtls") == "connected"
            and self.session.state("sctp") == "connected"))

    async def echo(self, message):
        self.channel.send(message)
        echo = await asyncio.wait_for(self.received.get(), WITHIN)
        assert type(echo) is type(message), f"{type(message)} came back as {type(echo)}"
        assert echo == message, f"{len(message)} came back as {len(echo)}, or changed"

    async def close(self):
        if self._feed:
            self._feed.cancel()
        await self.pc.close()


def messages():
    seeded = random.Random(1)
    return [
        "Grüße, server",
        b"\x00\x01\xfe\xff",
        "",
        b"",
        # Two bytes a character: 200 KB on the wire.
        "é" * (LARGE // 2),
        seeded.randbytes(LARGE),
        "and after it",
    ]


async def every_kind_of_message_comes_back_and_delete_closes_both_sides(server):
    client = Client()
    try:
        await client.connect(server)
        await client.connected()
        for message in messages():
            await client.echo(message)
        # All at once: nothing is lost, and the order stays.
        for message in messages():
            client.channel.send(message)
        for message in messages():
            echo = await asyncio.wait_for(client.received.get(), WITHIN)
            assert echo == message and type(echo) is type(message)

        assert await client.session.delete() == 200
        session = client.session
        await session.until("the server's states to be closed", lambda: all(
            session.state(transport) == "closed" for transport in ("ice", "dtls", "sctp")))
        await session.until("the event of the close", lambda: ("closed", {}) in session.events)
        await session.until("our side to be closed", lambda: (
            client.pc.sctp.state == "closed" and client.pc.sctp.transport.state == "closed"))
    finally:
        await client.close()


async def closing_our_side_closes_the_servers(server):
    client = Client()
    await client.connect(server)
    await client.connected()
    await client.echo("one")
    session = client.session
    await client.close()
    await session.until("DTLS and SCTP of the server to be closed", lambda: all(
        session.state(transport) == "closed" for transport in ("dtls", "sctp")))
    # It may have gone already.
    assert await session.delete() in (200, 404)


async def two_channels_echo_independently(server):
    client = Client()
    second = client.pc.createDataChannel("second", ordered=False, maxRetransmits=3)
    echoes = asyncio.Queue()
    second.on("open", lambda: second.send(b"second"))
    second.on("message", echoes.put_nowait)
    try:
        await client.connect(server)
        await client.connected()
        await client.echo("first")
        assert await asyncio.wait_for(echoes.get(), WITHIN) == b"second"
        await client.session.delete()
    finally:
        await client.close()


async def a_wrong_fingerprint_fails_dtls_on_both_sides(server):
    def wrong(sdp):
        lines = []
        for line in sdp.splitlines():
            if line.startswith("a=fingerprint:"):
                head, _, value = line.partition(" ")
                line = f"{head} {'BB' if value.startswith('AA') else 'AA'}{value[2:]}"
            lines.append(line)
        return "\r\n".join(lines) + "\r\n"

    client = Client()
    try:
        await client.connect(server, wrong)
        session = client.session
        await session.until("DTLS of the server to fail", lambda: session.state("dtls") == "failed")
        errors = [at for at, (name, data) in enumerate(session.events)
                  if name == "error" and data["actor"] == "dtls"]
        failed = session.events.index(("state", {"transport": "dtls", "state": "failed"}))
        assert errors and errors[0] < failed, f"no error event before the state: {session.events}"
        assert ("state", {"transport": "dtls", "state": "connected"}) not in session.events
        await session.until("our side to be told", lambda: (
            client.pc.sctp.transport.state in ("failed", "closed")))
        assert not client.open.is_set(), "the channel opened"
        await session.delete()
    finally:
        await client.close()


SCENARIOS = [
    every_kind_of_message_comes_back_and_delete_closes_both_sides,
    closing_our_side_closes_the_servers,
    two_channels_echo_independently,
    a_wrong_fingerprint_fails_dtls_on_both_sides,
]


async def main(server):
    failed = 0
    for scenario in SCENARIOS:
        started = time.monotonic()
        try:
            await asyncio.wait_for(scenario(server), 3 * WITHIN)
            outcome = "ok     "
        except Exception:
            traceback.print_exc()
            failed += 1
            outcome = "FAILED "
        took = (time.monotonic() - started) * 1000
        print(f"{outcome} {scenario.__name__} ({took:.0f} ms)", flush=True)
    if failed:
        sys.exit(f"{failed} of {len(SCENARIOS)} scenarios failed")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1]))
