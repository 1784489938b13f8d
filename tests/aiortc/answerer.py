"""aiortc answers offers of ours: a peer that a test drives by lines of JSON.

Read from standard input:
    {"streams": N}                    before the offer: as many streams as aiortc takes, less than
                                      all of them
    {"offer": SDP}                    answered with {"answer": SDP}
    {"candidate": RTCIceCandidateInit}
    {"open": {"label": LABEL, …}}     opens a channel with these parameters of createDataChannel
    {"closeChannel": LABEL}           closes that channel
    {"forwardTsn": true}              answered with {"forwardTsn": {"sent": N, "received": N}}
    {"close": true}                   closes; so does the end of the input

Written to standard output:
    {"answer": SDP}                   complete, with all candidates
    {"state": NAME, "of": "ice" | "dtls" | "sctp"}   as they change (a state of less than 20 ms
                                      may be missing)
    {"channel": LABEL, "id": ID, "protocol": …, "ordered": …, "maxRetransmits": …,
     "maxPacketLifeTime": …}          a channel was opened
    {"closed": LABEL}                 and closed
    {"message": "text" | "binary", "bytes": N, "on": LABEL}   a message came, and is sent back
    {"error": TEXT}                   and status 1

Every message is echoed, text as text and binary as binary.
"""

import asyncio
import json
import sys

from aiortc import RTCSessionDescription, rtcsctptransport

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
    out(channel=channel.label, id=channel.id, protocol=channel.protocol, ordered=channel.ordered,
        maxRetransmits=channel.maxRetransmits, maxPacketLifeTime=channel.maxPacketLifeTime)

    @channel.on("close")
    def on_close():
        out(closed=channel.label)

    @channel.on("message")
    def on_message(message):
        text = isinstance(message, str)
        size = len(message.encode() if text else message)
        out(message="text" if text else "binary", bytes=size, on=channel.label)
        if channel.readyState == "connecting":
            # An unordered message may overtake the acknowledgement of the channel (RFC 8832 §6),
            # before which aiortc does not send.
            channel.on("open", lambda: channel.send(message))
        else:
            channel.send(message)


forward_tsn = {"sent": 0, "received": 0}


def count_forward_tsn():
    """aiortc does not say whether it needed any."""
    transport = rtcsctptransport.RTCSctpTransport
    send, receive = transport._send_chunk, transport._receive_forward_tsn_chunk

    async def counted_send(self, chunk):
        forward_tsn["sent"] += isinstance(chunk, rtcsctptransport.ForwardTsnChunk)
        await send(self, chunk)

    async def counted_receive(self, chunk):
        forward_tsn["received"] += 1
        await receive(self, chunk)

    transport._send_chunk, transport._receive_forward_tsn_chunk = counted_send, counted_receive


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
    count_forward_tsn()
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
            elif "streams" in command:
                rtcsctptransport.MAX_STREAMS = command["streams"]
            elif "open" in command:
                echo(pc.createDataChannel(**command["open"]))
            elif "forwardTsn" in command:
                out(forwardTsn=forward_tsn)
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
