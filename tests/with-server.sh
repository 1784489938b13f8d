#!/usr/bin/env bash
# Runs a command against a server that lives as long as it:
#
#   tests/with-server.sh [--at URL] SERVER [ARGUMENT]... -- COMMAND [ARGUMENT]...
#
# Each '{}' among the command's arguments becomes the server's URL: the one given with --at, else
# the one that the server prints as `open http://…/`. In the end the server gets SIGTERM and must
# exit with 0. The status is the command's, or 1 where the server failed.
set -eu

at=
if [ "$1" = --at ]; then
    at=$2
    shift 2
fi
server=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    server+=("$1")
    shift
done
if [ $# -lt 2 ] || [ ${#server[@]} -eq 0 ]; then
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
shift

# In tenths of a second.
start_limit=150
# The server drains for up to ten seconds.
stop_limit=200

said=$(mktemp)
"${server[@]}" >"$said" 2>&1 </dev/null &
pid=$!

# shellcheck disable=SC2317  # called by the trap
finish() {
    if [ -n "$pid" ]; then kill -KILL "$pid" 2>/dev/null || true; fi
    rm -f "$said"
}
trap finish EXIT
trap 'exit 130' INT TERM

give_up() {
    echo "FAILED  $1; the server ${server[*]} said:" >&2
    cat "$said" >&2
    exit 1
}

alive() {
    kill -0 "$pid" 2>/dev/null
}

answers() {
    local hostport=${1#http://}
    hostport=${hostport%%/*}
    (exec 3<>"/dev/tcp/${hostport%:*}/${hostport##*:}") 2>/dev/null
}

url=
waited=0
while [ -z "$url" ]; do
    if ! alive; then give_up "the server ended at once"; fi
    if [ $waited -ge $start_limit ]; then give_up "the server did not start"; fi
    if [ -z "$at" ]; then
        url=$(sed -n 's/^open \(http:.*\)$/\1/p' "$said" | head -n 1)
    elif answers "$at"; then
        url=$at
    fi
    sleep 0.1
    waited=$((waited + 1))
done

command=()
for argument in "$@"; do command+=("${argument//'{}'/$url}"); done
status=0
"${command[@]}" || status=$?

if ! alive; then give_up "the server did not outlive ${command[*]} (status $status)"; fi
kill -TERM "$pid"
waited=0
while alive; do
    if [ $waited -ge $stop_limit ]; then give_up "the server did not end after SIGTERM"; fi
    sleep 0.1
    waited=$((waited + 1))
done
ended=0
wait "$pid" || ended=$?
# The number may be somebody else's from now on.
pid=
if [ $ended -ne 0 ]; then give_up "the server ended with status $ended after SIGTERM"; fi
if [ $status -ne 0 ]; then
    echo "the server said:" >&2
    cat "$said" >&2
fi
exit $status
