"""Whether aiortc accepts our answers to its offers of audio, video and data, refused and accepted:

    python tests/sdp/aiortc_peer.py ANSWERER

ANSWERER is the program of answerer.rs. Nothing is connected.
"""

import asyncio
import json
import subprocess
import sys

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

SEQUENCES = [["data"], ["audio", "video", "data"], ["data", "audio", "video"], ["video"]]


def answers(answerer, offer):
    answerer.stdin.write(json.dumps(offer) + "\n")
    answerer.stdin.flush()
    return json.loads(answerer.stdout.readline())


async def accepts(answerer, which, sequence):
    # None, for by default it asks a public server.
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for step in sequence:
        if step == "data":
            pc.createDataChannel("data")
        else:
            pc.addTransceiver(step)
    await pc.setLocalDescription(await pc.createOffer())
    sdp = answers(answerer, pc.localDescription.sdp)[which]
    description = RTCSessionDescription(sdp=sdp, type="answer")
    await pc.setRemoteDescription(description)
    for transceiver in pc.getTransceivers():
        wanted = "inactive" if which == "refused" else transceiver.direction
        assert transceiver.currentDirection == wanted, transceiver.currentDirection
    await pc.close()


async def main():
    answerer = subprocess.Popen(
        [sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    for which in ["refused", "accepted"]:
        for sequence in SEQUENCES:
            await asyncio.wait_for(accepts(answerer, which, sequence), 30)
            print(f"ok      aiortc: {which}, {' + '.join(sequence)}")
    answerer.stdin.close()


asyncio.run(main())
