"""aiortc answers offers of ours: a peer that a test drives by lines of JSON.

Read from standard input:
    {"offer": SDP}                    answered with {"answer": SDP}
    {"candidate": RTCIceCandidateInit}
    {"negotiate": ID, "label": LABEL} opens a channel that the other side opens by itself, too
    {"closeChannel": LABEL}           closes that channel
    {"close": true}                   closes; so does the end of the input

Written to standard output:
    {"answer": SDP}                   complete, with all candidates
    {"state": NAME, "of": "ice" | "dtls" | "sctp"}   as they change (a state of less than 20 ms
                                      may be missing)
    {"channel": LABEL, "id": ID, "ordered": …, "maxRetransmits": …, "maxPacketLifeTime": …}
                                      a channel was opened
    {"closed": LABEL}                 and closed
    {"message": "text" | "binary", "bytes": N}       a message came, and was sent back
    {"error": TEXT}                   and status 1

Every message is echoed, text as text and binary as binary.
"""

import asyncio
import json
import sys

from aiortc import RTCSessionDescription

from common import candidate, peer_connection

# An offer with many candidates fits in one line.
LONGEST_LINE = 1 << 20
# aiortc has no event for the states of DTLS and SCTP.
LOOK_EVERY = 0.02


def out(**line):
    print(json.dumps(line), flush=True)


channels = {}


def echo(channel):
    channels[channel.label] = channel
    out(channel=channel.label, id=channel.id, ordered=channel.ordered,
        maxRetransmits=channel.maxRetransmits, maxPacketLifeTime=channel.maxPacketLifeTime)

    @channel.on("close")
    def on_close():
        out(closed=channel.label)

    @channel.on("message")
    def on_message(message):
        channel.send(message)
        text = isinstance(message, str)
        size = len(message.encode() if text else message)
        out(message="text" if text else "binary", bytes=size)


class Watch:
    """Reports the states as they change."""

    def __init__(self, pc):
        self._pc = pc
        self._last = {}

    def look(self):
        sctp = self._pc.sctp
        if sctp is None:
            return
        states = {
            "ice": sctp.transport.transport.state,
            "dtls": sctp.transport.state,
            "sctp": sctp.state,
        }
        for name, state in states.items():
            if self._last.get(name) != state:
                out(state=state, of=name)
        self._last = states

    async def run(self):
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY)


async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    pc = peer_connection()
    pc.on("datachannel", echo)
    watch = Watch(pc)
    watching = asyncio.ensure_future(watch.run())
    try:
        while line := await reader.readline():
            command = json.loads(line)
            if "offer" in command:
                offer = RTCSessionDescription(command["offer"], "offer")
                await pc.setRemoteDescription(offer)
                await pc.setLocalDescription(await pc.createAnswer())
                out(answer=pc.localDescription.sdp)
            elif "candidate" in command:
                await pc.addIceCandidate(candidate(command["candidate"]))
            elif "negotiate" in command:
                echo(pc.createDataChannel(
                    command["label"], negotiated=True, id=command["negotiate"]))
            elif "closeChannel" in command:
                channels[command["closeChannel"]].close()
            elif "close" in command:
                break
            else:
                raise ValueError(f"unknown command: {sorted(command)}")
    except Exception as error:
        out(error=repr(error))
        raise
    finally:
        watching.cancel()
        await pc.close()
        watch.look()


if __name__ == "__main__":
    asyncio.run(main())
