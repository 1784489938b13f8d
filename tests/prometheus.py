"""Scrapes a server as Prometheus does, before and after a session:

    python tests/prometheus.py http://127.0.0.1:8080/ dashboards/prometheus.yml

Runs a session of aiortc's, checks what /metrics counted of it, has promtool judge the text, and
starts a Prometheus with the given configuration, which must find the server up. Exits 0 when all
that is so.
"""

import asyncio
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "aiortc"))

import offerer  # noqa: E402

WITHIN = 30.0
PROMETHEUS = "http://127.0.0.1:9090"


def get(url):
    with urllib.request.urlopen(url, timeout=5) as response:
        return response.headers.get("Content-Type"), response.read().decode()


class Scrape:
    """A scrape, as text and as values by name and labels."""

    def __init__(self, server):
        self.content_type, self.text = get(urllib.parse.urljoin(server, "/metrics"))
        self.values = {}
        for line in self.text.splitlines():
            if line and not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                name, _, labels = series.partition("{")
                pairs = frozenset(re.findall(r'(\w+)="([^"]*)"', labels))
                self.values[name, pairs] = float(value)

    def sum(self, name, **labels):
        """Of all series with this name that have these labels."""
        wanted = set(labels.items())
        return sum(v for (n, l), v in self.values.items() if n == name and wanted <= l)

    def names(self):
        return {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in self.values}


def session_is_counted(server):
    before = Scrape(server)
    asyncio.run(offerer.every_kind_of_message_comes_back_and_delete_closes_both_sides(server))
    deadline = time.monotonic() + WITHIN
    while True:
        after = Scrape(server)
        if after.sum("rtc_session_seconds_count") > before.sum("rtc_session_seconds_count"):
            break
        assert time.monotonic() < deadline, f"the end of the session was not counted:\n{after.text}"
        time.sleep(0.1)

    def grown(name, **labels):
        return after.sum(name, **labels) - before.sum(name, **labels)

    assert after.content_type.startswith("text/plain; version=0.0.4"), after.content_type
    assert grown("rtc_sessions_total", result="connected") == 1, after.text
    assert grown("rtc_session_connect_seconds_count") == 1, after.text
    assert grown("rtc_dtls_handshake_seconds_count") == 1, after.text
    # Each of the messages, alone and all at once.
    messages = offerer.messages()
    size = sum(len(m.encode() if isinstance(m, str) else m) for m in messages)
    for direction in ("in", "out"):
        count = grown("rtc_sctp_messages_total", direction=direction)
        assert count == 2 * len(messages), (direction, count)
        carried = grown("rtc_sctp_message_bytes_total", direction=direction)
        # An empty message is one byte on the wire (RFC 8831 §6.6).
        assert 2 * size <= carried <= 2 * size + 4, (direction, carried, size)
        for actor in ("gatherer", "ice", "dtls", "sctp"):
            assert grown("rtc_actor_datagrams_total", actor=actor, direction=direction) > 0, actor
            assert grown("rtc_actor_bytes_total", actor=actor, direction=direction) > size, actor
    for actor in ("ice", "dtls", "sctp"):
        for state in ("connected", "closed"):
            assert grown("rtc_actor_transitions_total", actor=actor, to=state) >= 1, (actor, state)
    # A session that is gone is no instance of anything.
    for actor in ("gatherer", "ice", "dtls", "sctp"):
        assert after.sum("rtc_actor_instances", actor=actor) == 0, f"{actor}:\n{after.text}"
    assert after.sum("rtc_sessions") == 0, after.text
    assert grown("rtc_actor_failures_total") == 0, after.text


def promtool_likes_the_text(server):
    checked = subprocess.run(["promtool", "check", "metrics"], input=Scrape(server).text,
                             text=True, capture_output=True, timeout=WITHIN)
    said = checked.stdout + checked.stderr
    assert checked.returncode == 0 and not said.strip(), said


def every_series_is_documented(server):
    documented = (HERE.parent / "dashboards/README.md").read_text()
    missing = [name for name in sorted(Scrape(server).names()) if f"`{name}`" not in documented]
    assert not missing, f"not in dashboards/README.md: {missing}"


def prometheus_finds_the_server_up(_server, configuration):
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryFile() as said:
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={data}",
             f"--web.listen-address={PROMETHEUS.removeprefix('http://')}"],
            stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + WITHIN
            found = None
            while found != ["1"]:
                said.seek(0)
                assert prometheus.poll() is None, said.read().decode()
                assert time.monotonic() < deadline, f"up: {found}; {said.read().decode()}"
                time.sleep(0.2)
                try:
                    query = urllib.parse.urlencode({"query": 'up{job="actix-rtc"}'})
                    answer = json.loads(get(f"{PROMETHEUS}/api/v1/query?{query}")[1])
                except OSError:
                    continue
                found = [result["value"][1] for result in answer["data"]["result"]]
        finally:
            prometheus.terminate()
            try:
                prometheus.wait(10)
            except subprocess.TimeoutExpired:
                prometheus.kill()


def main(server, configuration):
    checks = [
        (session_is_counted, (server,)),
        (promtool_likes_the_text, (server,)),
        (every_series_is_documented, (server,)),
        (prometheus_finds_the_server_up, (server, configuration)),
    ]
    failed = 0
    for check, arguments in checks:
        try:
            check(*arguments)
            print(f"ok      {check.__name__}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED  {check.__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
