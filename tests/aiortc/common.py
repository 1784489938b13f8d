"""What both scripts share: aiortc's settings, and the HTTP side of a session."""

import asyncio
import json
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

try:
    import aioice.ice
    from aiortc import RTCConfiguration, RTCPeerConnection
    from aiortc.sdp import candidate_from_sdp
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: pip install -r tests/aiortc/requirements.txt")

# How long anything may take that should take milliseconds.
WITHIN = 20.0

_host_addresses = aioice.ice.get_host_addresses


def _with_loopback(use_ipv4, use_ipv6):
    """aioice leaves loopback out, which may be all that this machine has."""
    found = _host_addresses(use_ipv4, use_ipv6)
    return found + (["127.0.0.1"] if use_ipv4 else [])


aioice.ice.get_host_addresses = _with_loopback


def peer_connection():
    """A connection that asks no STUN server."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def candidate(init):
    """aiortc's candidate from an RTCIceCandidateInit; None for the end of candidates."""
    line = init["candidate"].removeprefix("a=").removeprefix("candidate:")
    if not line:
        return None
    parsed = candidate_from_sdp(line)
    parsed.sdpMid = init.get("sdpMid")
    parsed.sdpMLineIndex = init.get("sdpMLineIndex")
    return parsed


def _request(method, url, body=None, content_type=None):
    request = urllib.request.Request(url, method=method, data=body)
    if content_type:
        request.add_header("Content-Type", content_type)
    try:
        with urllib.request.urlopen(request, timeout=WITHIN) as response:
            return response.status, dict(response.headers), response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


class Session:
    """A session on the server, and the events that it streams."""

    def __init__(self, location):
        self.location = location
        self.events = []
        self._changed = asyncio.Event()

    @classmethod
    async def create(cls, server, offer):
        """Posts the offer. Returns the session and the answer."""
        url = urllib.parse.urljoin(server, "/rtc/sessions")
        status, headers, body = await asyncio.to_thread(
            _request, "POST", url, offer.encode(), "application/sdp")
        if status != 201:
            raise AssertionError(f"POST /rtc/sessions: {status} {body}")
        headers = {name.lower(): value for name, value in headers.items()}
        assert headers["content-type"].startswith("application/sdp"), headers
        assert headers.get("etag"), "the answer has no ETag"
        session = cls(urllib.parse.urljoin(url, headers["location"]))
        loop = asyncio.get_running_loop()
        # A daemon: a stream that never ends does not hold the program.
        threading.Thread(target=session._read, args=(loop,), daemon=True).start()
        return session, body

    async def delete(self):
        """Closes the session; returns the status."""
        status, _, _ = await asyncio.to_thread(_request, "DELETE", self.location)
        return status

    def _read(self, loop):
        try:
            with urllib.request.urlopen(f"{self.location}/events") as stream:
                name, data = "message", []
                for line in stream:
                    field, _, value = line.decode().rstrip("\r\n").partition(":")
                    value = value.removeprefix(" ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        data.append(value)
                    elif not field and not value and data:
                        event = (name, json.loads("\n".join(data)))
                        loop.call_soon_threadsafe(self._add, event)
                        name, data = "message", []
        except (OSError, RuntimeError) as error:
            # RuntimeError: the loop is closed, the test is over.
            print(f"events ended: {error}", file=sys.stderr)

    def _add(self, event):
        self.events.append(event)
        self._changed.set()

    def state(self, transport):
        """The state that the server reported last."""
        states = [data["state"] for name, data in self.events
                  if name == "state" and data["transport"] == transport]
        return states[-1] if states else "new"

    async def until(self, what, check):
        """Waits until `check()` is true; looks at each event of the server."""
        async def wait():
            while not check():
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), 0.1)
                except asyncio.TimeoutError:
                    pass  # What is waited for may also be on our side.
        try:
            await asyncio.wait_for(wait(), WITHIN)
        except asyncio.TimeoutError:
            raise AssertionError(f"waited {WITHIN:.0f} s for {what}; events: {self.events}") from None

    async def feed(self, pc):
        """Gives the server's candidates to `pc` as they come; cancel it at the end."""
        seen = 0
        while True:
            for name, data in self.events[seen:]:
                seen += 1
                if name == "candidate":
                    assert data["sdpMid"] is not None, f"no browser takes this: {data}"
                    await pc.addIceCandidate(candidate(data))
            await asyncio.sleep(0.02)
