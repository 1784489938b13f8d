#!/usr/bin/env python3
"""Writes the dashboards beside it, from the tables below:

    python3 dashboards/generate.py            writes them
    python3 dashboards/generate.py --check    exits 1 if one is not what it would write

In an expression, `@` stands for the job and the instance that are chosen on the board.
"""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent

# --- how panels are made ---------------------------------------------------------------------

GREEN, YELLOW, RED = "green", "#EAB839", "red"


def steps(*pairs, first=GREEN):
    """Thresholds: the first colour, then (from this value on, this colour)."""
    found = [{"color": first, "value": None}]
    return found + [{"color": color, "value": value} for value, color in pairs]


def panel(kind, title, description, unit, *targets, width=8, height=7, thresholds=None, **more):
    """Each target is (expression, legend)."""
    defaults = {
        "unit": unit,
        "color": {"mode": "thresholds" if thresholds else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": thresholds or steps()},
        "custom": {},
    }
    defaults |= {name: more[name] for name in ("min", "max", "decimals") if name in more}
    options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    if kind == "timeseries":
        defaults["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 60 if more.get("stacked") else 10,
            "showPoints": "never",
            "stacking": {"mode": "normal" if more.get("stacked") else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line+area" if thresholds else "off"},
        }
        defaults["color"] = {"mode": "palette-classic"}
        defaults.setdefault("min", 0)
        options = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    elif kind == "stat":
        options |= {"colorMode": "value", "graphMode": "area", "justifyMode": "auto",
                    "textMode": "auto"}
    elif kind == "bargauge":
        options |= {"displayMode": "basic", "orientation": "horizontal", "showUnfilled": True,
                    "valueMode": "color"}
        defaults.setdefault("min", 0)
    instant = kind == "bargauge"
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "expr": expr.replace("@", 'job=~"$job",instance=~"$instance"'),
                "legendFormat": legend,
                "editorMode": "code",
                "range": not instant,
                "instant": instant,
            }
            for number, (expr, legend) in enumerate(targets)
        ],
        "size": (width, height),
    }


def graph(title, description, unit, *targets, **more):
    return panel("timeseries", title, description, unit, *targets, **more)


def stat(title, description, unit, *targets, width=4, height=4, **more):
    return panel("stat", title, description, unit, *targets, width=width, height=height, **more)


def rate(name, labels="", by=""):
    """The sum of rates, by these labels."""
    selector = f"{labels},@" if labels else "@"
    return f"sum by ({by}) (rate({name}{{{selector}}}[$__rate_interval]))"


def happening(name, labels, by):
    """As `rate`, but what does not happen is left out; "none" says that nothing does."""
    nothing = rate(name, labels) + " == 0"
    for label in by.split(", "):
        nothing = f'label_replace({nothing}, "{label}", "none", "", "")'
    return f"{rate(name, labels, by)} > 0 or {nothing}"


def quantile(q, name, labels="", by=""):
    selector = f"{labels},@" if labels else "@"
    by = f"le, {by}" if by else "le"
    inner = f"sum by ({by}) (rate({name}_bucket{{{selector}}}[$__rate_interval]))"
    return f"histogram_quantile({q}, {inner})"


def quantiles(name, labels=""):
    return [(quantile(q, name, labels), legend)
            for q, legend in ((0.5, "median"), (0.9, "90 %"), (0.99, "99 %"))]


def share(part, whole):
    """A ratio that is 0 where nothing happened at all."""
    return f"{part} / clamp_min({whole}, 1e-9)"


# --- what every actor's board begins with ----------------------------------------------------

def common(actor):
    only = f'actor="{actor}"'
    return [
        graph("Instances by state", "Live transports of this kind. A pile in a state that should "
              "pass (checking, connecting) says that peers do not get through.", "short",
              (f'sum by (state) (rtc_actor_instances{{{only},@}})', "{{state}}"), stacked=True),
        graph("State changes", "How often transports move from one state to another.", "ops",
              (happening("rtc_actor_transitions_total", only, "from, to"), "{{from}} → {{to}}")),
        graph("Failures by reason, and restarts",
              "Failures, recovered or not, by the reason that the error has; restarts are those "
              "that were recovered.", "ops",
              (happening("rtc_actor_failures_total", only, "reason"), "{{reason}}"),
              (rate("rtc_actor_restarts_total", only), "restarts")),
        graph("Throughput", "Bytes through the actor, seen from this process.", "Bps",
              (rate("rtc_actor_bytes_total", only, "direction"), "{{direction}}")),
        graph("Datagrams", "Datagrams, or packets, through the actor.", "pps",
              (rate("rtc_actor_datagrams_total", only, "direction"), "{{direction}}")),
    ]


def drops(actor):
    only = f'actor="{actor}"'
    return graph("Dropped datagrams by reason", "What the actor did not take. Some noise is normal "
                 "on a public address; a rise is an attack, a slow session or a broken peer.",
                 "pps", (happening("rtc_actor_datagrams_dropped_total", only, "reason"), "{{reason}}"))


# --- the boards ------------------------------------------------------------------------------

OVERVIEW = [
    stat("Connect success", "Of the attempts to connect that ended in the last minutes, the share "
         "that is connected. Abandoned ones do not count.", "percentunit",
         ("(sum(job_instance:rtc_sessions_connected:increase5m{@}) / "
          "(sum(job_instance:rtc_sessions_attempted:increase5m{@}) > 0)) or vector(1)", "success"),
         thresholds=steps((0.9, YELLOW), (0.97, GREEN), first=RED), min=0, max=1),
    stat("Time to connect, 90 %", "From opening a session to all transports connected: what a user "
         "waits for.", "s", (quantile(0.9, "rtc_session_connect_seconds"), "90 %"),
         thresholds=steps((2, YELLOW), (5, RED))),
    stat("Live sessions", "Sessions in any state but closed.", "short",
         ('sum(rtc_sessions{state!="closed",@})', "sessions")),
    stat("Throughput", "Bytes of messages of data channels, both directions.", "Bps",
         (rate("rtc_sctp_message_bytes_total"), "bytes")),
    stat("Failures", "Failures of actors, recovered or not, in the last five minutes.", "short",
         ("sum(increase(rtc_actor_failures_total{@}[5m]))", "failures"),
         thresholds=steps((1, YELLOW), (50, RED)), decimals=0),
    stat("Draining", "Processes that take no new sessions.", "short",
         ("sum(rtc_draining{@})", "draining"), thresholds=steps((1, YELLOW)), decimals=0),
    graph("Sessions by state", "Live sessions.", "short",
          ("sum by (state) (rtc_sessions{@})", "{{state}}"), stacked=True),
    graph("Attempts to connect", "How they ended. Failed: a transport failed or it took too long; "
          "abandoned: closed before it was decided.", "ops",
          (rate("rtc_sessions_total", "", "result"), "{{result}}")),
    graph("Time to connect", "From opening a session to all transports connected.", "s",
          *quantiles("rtc_session_connect_seconds")),
    graph("Messages", "Messages of data channels.", "ops",
          (rate("rtc_sctp_messages_total", "", "direction"), "{{direction}}")),
    graph("Round-trip time", "As ICE and SCTP measure it: the network, and how fast peers answer.",
          "s", (quantile(0.9, "rtc_ice_rtt_seconds"), "ICE, 90 %"),
          (quantile(0.9, "rtc_sctp_rtt_seconds"), "SCTP, 90 %")),
    graph("How long sessions live", "Of the sessions that ended.", "s",
          *quantiles("rtc_session_seconds")),
    panel("bargauge", "Failures by actor and reason", "In the last hour, the most frequent.",
          "short",
          ("topk(8, sum by (actor, reason) (increase(rtc_actor_failures_total{@}[1h])))",
           "{{actor}}: {{reason}}"), width=10, height=9, decimals=0),
    panel("bargauge", "Datagrams dropped, by actor", "In the last hour.", "short",
          ("sum by (actor) (increase(rtc_actor_datagrams_dropped_total{@}[1h]))", "{{actor}}"),
          width=8, height=9, decimals=0),
    graph("Processes by version", "How many run which.", "short",
          ("sum by (version) (rtc_build_info{@})", "{{version}}"), width=6, height=9, decimals=0,
          stacked=True),
]

GATHERER = common("gatherer") + [
    drops("gatherer"),
    graph("Candidates found", "By type and transport. No srflx or relay although servers are "
          "configured: they do not answer.", "ops",
          (rate("rtc_candidates_gathered_total", "", "candidate_type, transport"),
           "{{candidate_type}} {{transport}}")),
    graph("Time to find a candidate, 90 %", "From the begin of gathering.", "s",
          (quantile(0.9, "rtc_gather_seconds", "", "candidate_type"), "{{candidate_type}}")),
    graph("Requests to STUN servers", "Transactions by their result.", "ops",
          (rate("rtc_stun_requests_total", "", "result"), "{{result}}")),
    graph("Errors of TURN servers", "By STUN's error code: 401 wrong credentials, 438 stale nonce, "
          "486 quota reached, 508 no capacity.", "ops",
          (rate("rtc_turn_errors_total", "", "code"), "{{code}}")),
    graph("Allocations on TURN servers", "Live ones, by how the server is reached.", "short",
          ("sum by (transport) (rtc_turn_allocations{@})", "{{transport}}"), stacked=True),
    graph("Nobody's datagrams", "Datagrams on a shared port that belong to no session: latecomers "
          "of closed sessions, scans, attacks.", "pps",
          (rate("rtc_udp_mux_misses_total", "", "reason"), "{{reason}}")),
]

ICE = common("ice") + [
    drops("ice"),
    graph("Checks", "Connectivity and consent checks: out are ours by what became of them, in are "
          "the peers'.", "ops",
          (rate("rtc_ice_checks_total", "", "direction, result"), "{{direction}} {{result}}")),
    graph("Time to connect", "From the start of ICE to its first connected pair.", "s",
          (quantile(0.5, "rtc_ice_connect_seconds", "", "role"), "{{role}}, median"),
          (quantile(0.9, "rtc_ice_connect_seconds", "", "role"), "{{role}}, 90 %")),
    graph("Round-trip time", "Of answered checks on selected pairs.", "s",
          *quantiles("rtc_ice_rtt_seconds")),
    graph("Selected pairs", "By the types of our and the peer's candidate.", "ops",
          (happening("rtc_ice_selected_pairs_total", "", "local, remote"), "{{local}} – {{remote}}")),
    graph("Failures", "Why ICE gave up.", "ops",
          (rate("rtc_ice_failures_total", "", "reason"), "{{reason}}")),
    graph("Refused candidates", "Remote candidates that could not be used, by reason.", "ops",
          (happening("rtc_ice_candidates_rejected_total", "", "reason"), "{{reason}}")),
    graph("Lost consent, and restarts", "Connected pairs whose peer fell silent, and ICE restarts "
          "from either side.", "ops",
          (rate("rtc_ice_consent_failures_total"), "consent lost"),
          (rate("rtc_ice_restarts_total"), "restarts")),
]

DTLS = common("dtls") + [
    stat("Handshake success", "Of the handshakes that ended.", "percentunit",
         ("(sum(job_instance:rtc_dtls_handshakes_completed:increase5m{@}) / "
          "(sum(job_instance:rtc_dtls_handshakes:increase5m{@}) > 0)) or vector(1)", "success"),
         width=8, height=7,
         thresholds=steps((0.9, YELLOW), (0.98, GREEN), first=RED), min=0, max=1),
    graph("Handshakes", "By our role and their result.", "ops",
          (rate("rtc_dtls_handshakes_total", "", "role, result"), "{{role}} {{result}}")),
    graph("Duration of handshakes", "Of those that were completed.", "s",
          (quantile(0.5, "rtc_dtls_handshake_seconds", "", "role"), "{{role}}, median"),
          (quantile(0.99, "rtc_dtls_handshake_seconds", "", "role"), "{{role}}, 99 %")),
    graph("Alerts", "close_notify is an orderly end; others name what was wrong.", "ops",
          (happening("rtc_dtls_alerts_total", "", "direction, description"),
           "{{direction}} {{description}}")),
    graph("Rejected records", "Datagrams that were no acceptable DTLS: forged, replayed, late.",
          "pps", (rate("rtc_dtls_records_rejected_total", "", "reason"), "{{reason}}")),
    drops("dtls"),
]

SCTP = common("sctp") + [
    drops("sctp"),
    graph("Channels", "Live data channels.", "short",
          ("sum by (state) (rtc_sctp_channels{@})", "{{state}}"), stacked=True),
    graph("Messages", "Messages of data channels.", "ops",
          (rate("rtc_sctp_messages_total", "", "direction"), "{{direction}}")),
    graph("Bytes of messages", "What applications send and receive.", "Bps",
          (rate("rtc_sctp_message_bytes_total", "", "direction"), "{{direction}}")),
    graph("Round-trip time", "Smoothed, of associations that send.", "s",
          *quantiles("rtc_sctp_rtt_seconds")),
    graph("Retransmitted chunks", "Loss on the way, or timeouts of a peer that is too slow.",
          "ops", (rate("rtc_sctp_retransmits_total"), "chunks")),
    graph("Bytes under way", "Given to send and not acknowledged, of all channels.", "bytes",
          ("sum(rtc_sctp_buffered_bytes{@})", "buffered")),
    graph("Sends that waited", "Backpressure: the application is faster than the peer or the "
          "network.", "ops", (rate("rtc_sctp_backpressure_total"), "sends")),
]

WAIT, HANDLE = "rtc_actor_mailbox_wait_seconds", "rtc_actor_handle_seconds"
LAG = "rtc_worker_event_loop_lag_seconds"


def all_messages(name):
    """Of traffic, only every eighth message is timed."""
    traffic = 'message=~"inbound|outbound"'
    return (f"8 * {rate(name, traffic, 'actor, message')} or "
            f"{rate(name, '', 'actor, message')}")


ACTORS = [
    stat("Share of late ticks", "Of the ticks of the workers' event loops, those that "
          "came more than 50 ms late: something blocks a thread.", "percentunit",
          ("max(job_instance:rtc_worker_late_ticks:ratio_rate5m{@})", "late"), width=6, height=7, thresholds=steps((0.01, YELLOW), (0.05, RED)), min=0),
    graph("Event-loop lag by worker, 99 %", "How late a worker runs what is due. An application "
          "callback that blocks its thread shows here.", "s",
          (quantile(0.99, LAG, "", "worker"), "worker {{worker}}"), width=9,
          thresholds=steps((0.05, RED))),
    graph("Messages in mailboxes", "What waits. It should be near zero: batches of traffic carry "
          "permits, so a pile is of commands, or of a stuck worker.", "short",
          ("sum by (actor) (rtc_actor_mailbox_messages{@})", "{{actor}}"), width=9),
    graph("Wait in mailboxes, 99 %", "From sending a message to its actor taking it.", "s",
          (quantile(0.99, WAIT, "", "actor"), "{{actor}}")),
    graph("Time to handle a message, 99 %", "A message is a whole batch of traffic.", "s",
          (quantile(0.99, HANDLE, "", "actor"), "{{actor}}")),
    graph("Time to handle, by message, mean", "The mean, by actor and kind of message.", "s",
          (share(rate(f"{HANDLE}_sum", "", "actor, message"),
                 rate(f"{HANDLE}_count", "", "actor, message")), "{{actor}} {{message}}")),
    graph("Messages handled", "By actor and kind.", "ops",
          (all_messages(f"{HANDLE}_count"), "{{actor}} {{message}}")),
    graph("Messages that reached nobody", "closed: the actor was gone, which a few always are at "
          "the end of sessions; full: the session had enough to do.", "ops",
          (rate("rtc_actor_messages_rejected_total", "", "actor, reason"),
           "{{actor}} {{reason}}")),
    graph("Restarts", "By the supervisor, after a panic or an error.", "ops",
          (rate("rtc_actor_restarts_total", "", "actor"), "{{actor}}")),
    graph("Failures", "By actor; supervisor stands for the session as a whole.", "ops",
          (rate("rtc_actor_failures_total", "", "actor"), "{{actor}}")),
    graph("Busy time", "The share of one core's time that actors spend in their handlers.",
          "percentunit", (f"sum by (actor) ({all_messages(f'{HANDLE}_sum')})", "{{actor}}"),
          stacked=True),
    graph("Workers lost, news not delivered", "Workers that died and were replaced; events for "
          "subscribers that were gone or too slow.", "ops",
          (rate("rtc_workers_lost_total"), "workers lost"),
          (rate("rtc_events_undelivered_total", "", "reason"), "events: {{reason}}")),
]

BOARDS = [
    ("overview", "RTC overview", "Is it healthy, and what do users feel?", OVERVIEW),
    ("gatherer", "RTC gatherer", "Sockets, candidates, STUN and TURN servers.", GATHERER),
    ("ice", "RTC ICE", "Connectivity: checks, pairs, consent.", ICE),
    ("dtls", "RTC DTLS", "Handshakes, alerts, records.", DTLS),
    ("sctp", "RTC SCTP", "Associations and data channels.", SCTP),
    ("actors", "RTC actors", "The actors as actors: mailboxes, time, restarts, event loops.",
     ACTORS),
]


# --- putting them together -------------------------------------------------------------------

def variables():
    def query(name, label, text):
        return {
            "name": name, "type": "query", "label": name, "multi": True, "includeAll": True,
            "allValue": ".+", "refresh": 2, "sort": 1,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "definition": text, "query": {"query": text, "refId": label},
            "current": {"text": "All", "value": "$__all"},
        }
    return [
        {"name": "datasource", "type": "datasource", "label": "data source",
         "query": "prometheus", "current": {}},
        query("job", "job", "label_values(rtc_build_info, job)"),
        query("instance", "instance", 'label_values(rtc_build_info{job=~"$job"}, instance)'),
    ]


def board(uid, title, description, panels):
    x = y = row = 0
    placed = []
    for number, found in enumerate(panels, 1):
        found = dict(found)
        width, height = found.pop("size")
        if x + width > 24:
            x, y, row = 0, y + row, 0
        found |= {"id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}}
        x, row = x + width, max(row, height)
        placed.append(found)
    links = [{"type": "link", "title": other_title, "url": f"/d/rtc-{other}", "icon": "dashboard",
              "keepTime": True, "includeVars": True, "tags": [], "targetBlank": False,
              "asDropdown": False, "tooltip": about}
             for other, other_title, about, _ in BOARDS if other != uid]
    return {
        "uid": f"rtc-{uid}", "title": title, "description": description, "tags": ["rtc"],
        "schemaVersion": 39, "version": 1, "editable": True, "timezone": "browser",
        "graphTooltip": 1, "refresh": "10s", "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": variables()}, "annotations": {"list": []}, "links": links,
        "panels": placed,
    }


def main():
    stale = []
    for uid, title, description, panels in BOARDS:
        path = HERE / f"{uid}.json"
        text = json.dumps(board(uid, title, description, panels), indent=1, ensure_ascii=False)
        # One line a field is enough: small objects stay on theirs.
        text = re.sub(r"\{\s*([^{}\[\]]{1,90}?)\s*\}",
                      lambda m: "{" + re.sub(r"\s*\n\s*", " ", m.group(1)) + "}", text) + "\n"
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                stale.append(path.name)
        else:
            path.write_text(text)
    if stale:
        sys.exit(f"not what dashboards/generate.py writes: {', '.join(stale)}")


if __name__ == "__main__":
    main()
