"""Watches a faulty server as an operator does, and sees that everything shows that should:

    python3 tests/dashboards/check.py http://127.0.0.1:PORT/ [--render FOLDER]

Starts a Prometheus with the rules of dashboards/ (without their `for:`), lets the server's sessions
talk and fail in each way, and checks that the text of /metrics is as promtool wants it, that every
expression of every board and rule has data, that every metric is on a board, that no alert fires
before its failure and each one after it, and that 200 sessions add no series. With --render the
boards are drawn. Exits 0 when all that is so.
"""

import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent
DASHBOARDS = HERE.parent.parent / "dashboards"
BOARDS = sorted(DASHBOARDS.glob("*.json"))
WITHIN = 60.0

# Metrics that no board shows, and why not.
ON_NO_BOARD = {}

# What is done to the server, and the alert that has to fire for it.
FAILURES = [
    ("wrong-fingerprints", "RtcDtlsFailures"),
    ("nobody", "RtcConnectSuccessLow"),
    ("silence", "RtcConsentFailures"),
    ("panics", "RtcRestartStorm"),
    ("pile", "RtcMailboxGrowth"),
    ("block", "RtcEventLoopLag"),
    ("forge", "RtcDatagramDrops"),
    ("refused-allocations", "RtcTurnErrors"),
    ("drain", "RtcDrainingStuck"),
]

# Sessions with wrong fingerprints do not connect either: on a slow machine they are enough.
MAY_FIRE_BEFORE = {"RtcConnectSuccessLow"}


def get(url, method="GET", timeout=90):
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.read().decode()
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{url}: {error.code} {error.read().decode()}") from None


class Server:
    def __init__(self, url):
        self.url = url

    def do(self, what):
        return float(get(urllib.parse.urljoin(self.url, f"/do/{what}"), "POST"))

    def scrape(self):
        return get(urllib.parse.urljoin(self.url, "/metrics"))

    def series(self):
        lines = [line for line in self.scrape().splitlines() if line and line[0] != "#"]
        return sorted(line.rsplit(" ", 1)[0] for line in lines)


class Prometheus:
    """One that scrapes and evaluates every second, with the alerts' `for:` taken out."""

    def __init__(self, server, folder):
        self.rules = (DASHBOARDS / "rules.yml").read_text()
        impatient = re.sub(r"^ +for: .*\n", "", self.rules, flags=re.M)
        pathlib.Path(folder, "rules.yml").write_text(impatient)
        target = urllib.parse.urlsplit(server.url).netloc
        pathlib.Path(folder, "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {"job_name": "actix-rtc", "static_configs": [{"targets": [target]}]}],
        }))
        self.said = tempfile.TemporaryFile()
        self.url = "http://127.0.0.1:19090"
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/data", f"--web.listen-address={self.url[7:]}"],
            stdout=self.said, stderr=self.said)
        self.until(lambda: self.query("up == 1"), "the server is not up")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def api(self, path, **query):
        return json.loads(get(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"))["data"]

    def query(self, expression):
        try:
            return self.api("query", query=expression)["result"]
        except OSError:
            if self.process.poll() is not None:
                self.said.seek(0)
                raise AssertionError(self.said.read().decode()) from None
            return []

    def alerts(self):
        return {alert["labels"]["alertname"] for alert in self.api("alerts")["alerts"]}

    def until(self, condition, otherwise):
        deadline = time.monotonic() + WITHIN
        while not condition():
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.3)


def expressions():
    """Of all boards, with the variables filled in."""
    variables = {"$__rate_interval": "15s", "$job": ".+", "$instance": ".+"}
    for path in BOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                expression = target["expr"]
                for name, value in variables.items():
                    expression = expression.replace(name, value)
                assert "$" not in expression, f"{path.name}, {panel['title']}: {expression}"
                yield f"{path.stem}: {panel['title']}", expression


def every_expression_has_data(prometheus):
    empty = [(where, e) for where, e in expressions() if not prometheus.query(e)]
    assert not empty, empty
    recorded = re.findall(r"record: (\S+)", prometheus.rules)
    assert recorded and not [name for name in recorded if not prometheus.query(name)]
    for group in prometheus.api("rules")["groups"]:
        for rule in group["rules"]:
            assert rule["health"] == "ok", rule
    # The board's own variables.
    for label in ("job", "instance"):
        assert prometheus.api(f"label/{label}/values", **{"match[]": "rtc_build_info"}), label


def every_metric_is_on_a_board(server):
    shown = " ".join(e for _, e in expressions()) + (DASHBOARDS / "rules.yml").read_text()
    shown = {re.sub(r"_(bucket|sum|count)$", "", n) for n in re.findall(r"\brtc_\w+", shown)}
    names = set(re.findall(r"^# TYPE (\S+)", server.scrape(), flags=re.M))
    assert names - shown == set(ON_NO_BOARD), (names - shown, ON_NO_BOARD)
    documented = (DASHBOARDS / "README.md").read_text()
    missing = [name for name in sorted(names) if f"`{name}`" not in documented]
    assert not missing, f"not in dashboards/README.md: {missing}"


def promtool_is_silent(server):
    checked = subprocess.run(["promtool", "check", "metrics"], input=server.scrape(), text=True,
                             capture_output=True, timeout=WITHIN)
    said = checked.stdout + checked.stderr
    assert checked.returncode == 0 and not said.strip(), said


def series_stay(server):
    server.do("one")
    few = server.series()
    server.do("many")
    many = server.series()
    assert few == many, set(few) ^ set(many)
    workers = sum("lag_seconds_count" in series for series in many)
    assert len(many) <= 1500 + 15 * workers, len(many)
    print(f"        {len(many)} series with {workers} workers, after one pair of sessions and after 200 sessions")


def rendering_disturbs_nobody(server):
    alone = min(server.do("transfer") for _ in range(2))
    times, moving = [], threading.Event()

    def scrape():
        while not moving.is_set():
            began = time.perf_counter()
            server.scrape()
            times.append(time.perf_counter() - began)
            time.sleep(0.1)

    scraper = threading.Thread(target=scrape)
    scraper.start()
    try:
        scraped = min(server.do("transfer") for _ in range(2))
    finally:
        moving.set()
        scraper.join()
    print(f"        /metrics takes {1000 * statistics.median(times):.1f} ms (median of "
          f"{len(times)}); 10 MB there and back take {alone:.2f} s alone, {scraped:.2f} s "
          "with ten scrapes a second")


def a_healthy_server_is_silent(server, prometheus):
    server.do("keep")
    time.sleep(6)
    every_expression_has_data(prometheus)
    no_alert(prometheus)


def no_alert(prometheus):
    assert not prometheus.alerts(), prometheus.alerts()


def every_alert_has_its_failure(prometheus):
    alerts = set(re.findall(r"alert: (\S+)", prometheus.rules))
    assert alerts == {alert for _, alert in FAILURES}, alerts


def fires(server, prometheus, failure, alert):
    early = alert in prometheus.alerts() and alert not in MAY_FIRE_BEFORE
    assert not early, f"{alert} fires before {failure}"
    doing = threading.Thread(target=lambda: done.append(server.do(failure)))
    done = []
    doing.start()
    prometheus.until(lambda: alert in prometheus.alerts(), f"{alert} does not fire")
    doing.join()
    assert done, f"{failure} failed"
    firing = {a["state"] for a in prometheus.api("alerts")["alerts"]
              if a["labels"]["alertname"] == alert}
    assert firing <= {"firing"}, firing


def boards_are_drawn(prometheus, began, folder):
    seconds = str(int(time.time() - began) + 5)
    drawn = subprocess.run(
        ["node", HERE / "render.mjs", prometheus.url, seconds, folder, *BOARDS], timeout=180)
    assert drawn.returncode == 0


def main(url, folder):
    server, failed = Server(url), 0

    def check(name, function, *arguments):
        nonlocal failed
        try:
            function(*arguments)
            print(f"ok      {name}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED  {name}: {error!r}", flush=True)

    with tempfile.TemporaryDirectory() as data:
        began = time.time()
        prometheus = Prometheus(server, data)
        try:
            check("promtool is silent about a fresh server", promtool_is_silent, server)
            check("every metric is on a board", every_metric_is_on_a_board, server)
            check("200 sessions add no series", series_stay, server)
            check("a healthy server raises no alert, and every expression has data",
                  a_healthy_server_is_silent, server, prometheus)
            check("rendering disturbs nobody", rendering_disturbs_nobody, server)
            check("neither raised an alert", no_alert, prometheus)
            for failure, alert in FAILURES:
                check(f"{alert} fires by {failure}", fires, server, prometheus, failure, alert)
            check("every expression has data after all failures", every_expression_has_data,
                  prometheus)
            check("promtool is silent after all failures", promtool_is_silent, server)
            check("every alert has its failure", every_alert_has_its_failure, prometheus)
            if folder:
                check("every board is drawn", boards_are_drawn, prometheus, began, folder)
        finally:
            prometheus.stop()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[3] if len(sys.argv) == 4 else None)
