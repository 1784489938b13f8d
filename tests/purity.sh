#!/usr/bin/env bash
# The machines in src/ are pure: no clock, socket, thread, runtime or recorder, and ICE, DTLS,
# SCTP and SRTP know nothing of one another but that DTLS makes keys for SRTP. Four checks, each of
# which first shows that it can fail.
set -euo pipefail
cd "$(dirname "$0")/.."

bad=0
verdict() {
    if [ -z "$2" ]; then
        echo "ok      $1"
    else
        echo "FAILED  $1:"
        printf '%s\n' "$2"
        bad=1
    fi
}

# Fails unless the text in $2 has been found out by the check $1.
bites() {
    if [ -z "$2" ]; then
        echo "FAILED  the check of $1 finds nothing even where there is something"
        exit 1
    fi
}

# --- 1. what src/ depends on ----------------------------------------------------------------------

impure='^(actix|tokio|mio|socket2|quinn|async-std|smol|futures|metrics|dashmap|if-addrs|reqwest|hyper|polling|webrtc)([-_].*)?$'
bites dependencies "$(printf 'actix-rt\n' | grep -E "$impure" || true)"
dependencies=$(cargo tree --locked -p actix-rtc-proto --edges normal --prefix none --format '{p}' |
    awk '$1 != "actix-rtc-proto" { print $1 }' | sort -u)
bites dependencies "$(grep -x bytes <<<"$dependencies" || true)"
verdict "what src/ depends on" "$(grep -E "$impure" <<<"$dependencies" || true)"

# --- 2. what src/ names, outside its tests --------------------------------------------------------

# Comments are cut off. Randomness is in random.rs, seeded by whoever makes a machine.
banned='Instant::now|SystemTime::now|\.elapsed\(\)|std::(thread|fs|env|process|io::std)|\b(Udp|Tcp|Unix)(Socket|Stream|Listener|Datagram)\b|ToSocketAddrs|to_socket_addrs|\b(tokio|actix|metrics|socket2)::|\basync (fn|move)|\.await\b|\b(e?println|e?print|dbg)!|static mut|\bunsafe\b'
code() {
    # FILE:LINE: text, without comments and without modules and functions of tests
    awk 'FNR == 1 { test = 0 }
        /^#\[cfg\(test\)\]/ { test = 1; next }
        test && /^\}|^[^ ].*;$/ { test = 0; next }
        test { next }
        { line = $0; sub(/\/\/.*$/, "", line); print FILENAME ":" FNR ": " line }' "$@"
}
names() {
    code "$@" | grep -E ":[0-9]+: .*($banned)" || true
}
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
cat >"$probe/probe.rs" <<'PROBE'
// Instant::now in a comment
#[cfg(test)]
mod tests;
#[cfg(test)]
fn now() -> Instant {
    Instant::now()
}
fn f() { let t = std::time::Instant::now(); }
PROBE
bites names "$(names "$probe/probe.rs")"
if [ "$(names "$probe/probe.rs" | cut -d: -f2)" != 8 ]; then
    echo "FAILED  the check of names finds other lines than those of the code"
    exit 1
fi
mapfile -t sources < <(find src -name '*.rs' ! -name '*_tests.rs' ! -name 'test*.rs' ! -path '*/test*/*' \
    ! -path '*/benches/*' | sort)
bites names "${sources[*]}"
verdict "what src/ names" "$(names "${sources[@]}")"

# --- 3. that clippy enforces src/.clippy.toml -----------------------------------------------------

mkdir -p "$probe/lint/src"
cp src/.clippy.toml "$probe/lint/.clippy.toml"
cat >"$probe/lint/Cargo.toml" <<'MANIFEST'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"
[workspace]
MANIFEST
{
    echo '#![allow(unused)]'
    # A use of each banned path.
    sed -n 's/^ *{ path = "\([^"]*\)".*/\1/p' src/.clippy.toml | awk '
        /::(Mutex|RwLock|JoinHandle|Receiver|Sender|SyncSender|OnceLock|LazyLock)$/ {
            print "type T" NR " = " $1 "<()>;"; next }
        /::[A-Z][A-Za-z]*$/ { print "type T" NR " = " $1 ";"; next }
        /::spawn$/ { $1 = $1 "::<fn(), ()>" }
        /::fs::read/ { $1 = $1 "::<&str>" }
        /::env::var$/ { $1 = $1 "::<&str>" }
        /::thread::scope$/ { print "fn f" NR "() { std::thread::scope(|_| ()); }"; next }
        { print "fn f" NR "() { let f = " $1 "; }" }'
} >"$probe/lint/src/lib.rs"
bans=$(grep -c '{ path = ' src/.clippy.toml)
said=$(CARGO_TARGET_DIR=$PWD/target/purity cargo clippy --quiet --offline \
    --manifest-path "$probe/lint/Cargo.toml" -- -D warnings 2>&1 || true)
found=$(grep -cE '^error: use of a disallowed (method|type)' <<<"$said" || true)
if [ "$bans" -lt 10 ] || [ "$found" -ne "$bans" ]; then
    verdict "clippy finds each of the $bans bans of src/.clippy.toml" "it found $found: $said"
else
    verdict "clippy finds each of the $bans bans of src/.clippy.toml" ""
fi
exceptions=$(code "${sources[@]}" | grep -E 'disallowed_(methods|types)' || true)
verdict "no exception from the bans outside tests" "$exceptions"

# --- 4. who knows whom ----------------------------------------------------------------------------

imports() {
    # imports FOLDER NAME…: where FOLDER names one of the other modules.
    local folder=$1
    shift
    local others
    others=$(IFS='|'; echo "$*")
    grep -rnE "(crate|super::super|actix_rtc_proto|proto)::(\{[^}]*\b)?($others)\b" "$folder" --include='*.rs' || true
}
mkdir -p "$probe/ice"
printf 'use crate::dtls::Fingerprint;\n' >"$probe/ice/mod.rs"
bites imports "$(imports "$probe/ice" dtls sctp)"
verdict "ice imports neither dtls nor sctp" "$(imports src/ice dtls sctp srtp rtp sdp gather turn)"
verdict "dtls imports neither ice nor sctp" "$(imports src/dtls ice sctp sdp gather turn stun rtp)"
verdict "sctp imports neither ice nor dtls" "$(imports src/sctp ice dtls srtp rtp sdp gather turn stun)"
# The keys that a handshake yields are SRTP's, so that SRTP need not know DTLS.
verdict "srtp imports of the machines only rtp" "$(imports src/srtp ice dtls sctp sdp gather turn stun route)"
verdict "rtp imports no machine" "$(imports src/rtp srtp ice dtls sctp sdp gather turn stun route)"

exit $bad
