#!/bin/sh
# Runs a command in a network namespace of its own, where browsers gather candidates:
#
#   tests/netns.sh COMMAND [ARGUMENT]...
#
# Chromium offers no candidate on a host that has only loopback, and neither browser gathers
# without a default route. The namespace has loopback, 10.99.0.1 on a bridge, and a route that
# leads nowhere; it goes when the command ends. What the command starts and connects to must all
# run inside.
#
# Exits with the command's status, or with 77 (skipped) where namespaces are not permitted; with
# CI=true that is a failure (1).
set -eu

if [ $# -eq 0 ]; then
    echo "usage: $0 COMMAND [ARGUMENT]..." >&2
    exit 2
fi

skip() {
    echo "SKIPPED: $1" >&2
    echo "SKIPPED: not run: $command" >&2
    if [ "${CI:-}" = true ]; then
        exit 1
    fi
    exit 77
}

command="$*"
setup='
    ip link set lo up &&
    ip link add d0 type bridge &&
    ip addr add 10.99.0.1/24 dev d0 &&
    ip link set d0 up &&
    ip route add default via 10.99.0.254
'

for tool in unshare ip; do
    if ! command -v "$tool" >/dev/null; then
        skip "$tool is not installed (Debian: util-linux, iproute2)"
    fi
done

# Root needs no user namespace; others become root inside one where the kernel lets them.
if [ "$(id -u)" -eq 0 ]; then
    unshare="unshare --net"
else
    unshare="unshare --user --map-root-user --net"
fi
if ! reason=$($unshare sh -c "$setup" 2>&1); then
    skip "no network namespace can be made here: $reason"
fi

# The namespace has no name: it lives as long as a process in it, and needs no clean-up.
exec $unshare sh -c "{ $setup
} || exit 1
exec \"\$@\"" netns "$@"
