#!/usr/bin/env bash
# Installs what the tests need, where it may, and runs every test:
#
#   tests/run.sh                   all stages
#   tests/run.sh browser aiortc    only these
#   tests/run.sh --long            also the soaks and the large seed counts
#   tests/run.sh --list            names of the stages
#
# What cannot be installed is named loudly, and the stage that needs it is skipped; with CI=true a
# skip is a failure. Each stage prints its time, and leaves its output in target/tests/STAGE.log.
# Debian packages are installed with apt-get when run as root, Python packages into target/, npm
# packages into tests/browser/node_modules, cargo-deny where cargo installs programs.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh

# Name, and how many minutes it may take from a cold target directory on two cores.
stages='
fetch 10
fmt 1
clippy 15
doc 15
deny 10
purity 10
arrows 2
test 35
features 10
fuzz 25
release 20
loopback 6
embed 12
browser 20
aiortc 12
metrics 8
dashboards 15
'
long_stages='
bench 20
soak 120
'

export CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never
# Nothing here measures speed, and programs that are laid out as one for it take minutes to link.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
target=${CARGO_TARGET_DIR:-$PWD/target}
binary=$target/release/actix-rtc
logs=target/tests
engines='dimpl webrtc-dtls'

# --- the stages -----------------------------------------------------------------------------------

# Only here is anything downloaded for cargo, apart from cargo-deny and its database.
stage_fetch() {
    fetch --locked
    fetch_for_fuzzing
}

fetch() {
    if CARGO_NET_OFFLINE=false cargo fetch --quiet "$@" 2>/dev/null; then return; fi
    # Without a network it is enough that everything was downloaded before.
    cargo fetch --offline --quiet "$@" 2>/dev/null ||
        fail "the crates of Cargo.lock can neither be downloaded nor are they all here ($*)"
}

# The same versions as here, and libFuzzer besides.
fetch_for_fuzzing() {
    cp Cargo.lock tests/fuzz/Cargo.lock
    fetch --manifest-path tests/fuzz/Cargo.toml
}

stage_fmt() {
    need_component rustfmt
    cargo fmt --all -- --check
}

stage_clippy() {
    need_component clippy
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
}

stage_doc() {
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --all-features --locked
}

stage_deny() {
    need_cargo_deny
    local deny=(cargo deny --workspace --all-features --config .deny.toml)
    quietly "${deny[@]}" --offline check --hide-inclusion-graph bans licenses sources
    # The database is a repository on another host than the crates: it is not reachable everywhere.
    if "${deny[@]}" fetch db >/dev/null 2>&1; then
        quietly "${deny[@]}" check --hide-inclusion-graph advisories
    else
        echo "NOTE: advisories were not checked: their database cannot be reached from here" >&2
    fi
}

stage_purity() {
    need_component clippy
    bash tests/purity.sh
}

stage_arrows() {
    need python3 python3
    bash tests/arrows.sh
}

stage_test() {
    # For the tests that drive a peer of another make; they say so when they have none.
    want turnserver coturn
    want openssl openssl
    want nft nftables
    want ip iproute2
    if find_aiortc; then export RTC_AIORTC_PYTHON=$aiortc_python; fi
    cargo test --workspace --all-features --locked
}

# What an embedder turns off must not be needed. Of the library alone: beside the program it would be
# built with the program's features.
stage_features() {
    local features
    for features in '' web prometheus dtls-webrtc; do
        echo "check: --no-default-features --features '$features'"
        cargo check --quiet -p actix-rtc --lib --locked --no-default-features --features "$features"
    done
    echo "check: the program without dtls-webrtc"
    cargo check --quiet -p actix-rtc-server --locked --no-default-features
}

# Each target for some seconds, always from the same seed; with RTC_LONG=1 for a minute, from any. The
# instrumentation is that of cargo-fuzz, less AddressSanitizer: it is what needs a nightly compiler,
# and there is no unsafe code for it to watch.
stage_fuzz() {
    need c++ g++
    fetch_for_fuzzing
    local flags='--cfg fuzzing -Cpasses=sancov-module -Cdebug-assertions -Ccodegen-units=1' option
    for option in level=4 inline-8bit-counters pc-table trace-compares; do
        flags="$flags -Cllvm-args=-sanitizer-coverage-$option"
    done
    local host name pid pids=() bad=0
    host=$(rustc -vV | sed -n 's/^host: //p')
    # With a target, build scripts and macros are not instrumented.
    RUSTFLAGS=$flags CARGO_TARGET_DIR=$target/fuzz cargo build --bins --target "$host" \
        --manifest-path tests/fuzz/Cargo.toml
    for name in tests/fuzz/fuzz_targets/*.rs; do
        name=$(basename "$name" .rs)
        if ! grep -q "^name = \"$name\"" tests/fuzz/Cargo.toml; then
            fail "fuzz $name: it has no [[bin]] in tests/fuzz/Cargo.toml"
        fi
        fuzz "$name" "$target/fuzz/$host/debug/$name" &
        pids+=($!)
        if [ ${#pids[@]} -ge "$(nproc)" ]; then
            wait "${pids[0]}" || bad=1
            pids=("${pids[@]:1}")
        fi
    done
    for pid in "${pids[@]}"; do wait "$pid" || bad=1; done
    return $bad
}

fuzz() {
    local name=$1 binary=$2 log=$logs/fuzz/$1.log seconds=5 seed=1
    if [ -n "${RTC_LONG:-}" ]; then seconds=60 seed=0; fi
    # What was found worth keeping stays for the next run.
    mkdir -p "$logs/fuzz" "$target/fuzz/corpus/$name"
    if "$binary" "$target/fuzz/corpus/$name" -max_total_time=$seconds -seed=$seed -timeout=10 \
        -rss_limit_mb=1024 -artifact_prefix="$logs/fuzz/$name-" >"$log" 2>&1
    then
        echo "ok      fuzz $name: $(tail -n 1 "$log")"
    else
        tail -n 60 "$log" >&2
        echo "FAILED  fuzz $name: what failed is in $logs/fuzz" >&2
        return 1
    fi
}

stage_release() {
    cargo build --release --locked
}

stage_loopback() {
    built
    local engine
    for engine in $engines; do
        loopback --engine "$engine" --megabytes 64
        loopback --engine "$engine" --sessions 50 --megabytes 1
    done
}

loopback() {
    local result
    result=$("$binary" loopback --json "$@") || fail "loopback $*: status $?: $result"
    if ! grep -Eq '"failed":0[,}]' <<<"$result" || ! grep -Eq '"lost":0[,}]' <<<"$result"; then
        fail "loopback $*: $result"
    fi
    echo "ok      loopback $*: $result"
}

# The README's example, in a project of its own. It has a fixed port, and so a network of its own.
stage_embed() {
    need_netns
    need_aiortc
    # The same versions as here, so that all that is built is the ten lines.
    cp Cargo.lock tests/embed/Cargo.lock
    CARGO_TARGET_DIR=$target cargo build --release --manifest-path tests/embed/Cargo.toml
    tests/netns.sh bash tests/with-server.sh --at http://127.0.0.1:8080/ \
        "$target/release/actix-rtc-embedded" -- "$aiortc_python" tests/aiortc/offerer.py '{}'
}

stage_browser() {
    built
    need_netns
    need chromium chromium
    need_npm_packages tests/browser
    local engine browser
    for engine in $engines; do
        echo "engine $engine"
        in_server "$engine" node tests/browser/run.mjs '{}' --chromium "$(command -v chromium)" \
            --screenshots "$logs/screenshots/$engine"
    done
    # Answers alone, to every kind of offer, in both browsers.
    need firefox-esr firefox-esr
    cargo build --locked -p actix-rtc-proto --example answerer
    for browser in chromium firefox; do
        tests/netns.sh node tests/sdp/browsers.mjs "$target/debug/examples/answerer" $browser \
            "$(command -v $browser || command -v $browser-esr)"
    done
    # Actors of a server that can be told to fail: the tests have built one.
    cargo build --all-features --locked
    tests/netns.sh bash tests/with-server.sh "$target/debug/actix-rtc" serve --bind 127.0.0.1:0 -- \
        node tests/browser/run.mjs '{}' --chaos --chromium "$(command -v chromium)"
    # A server that opens channels itself, on a network that loses datagrams when nft is told to.
    need nft nftables
    cargo build --all-features --locked --example opener
    tests/netns.sh bash tests/with-server.sh "$target/debug/examples/opener" -- \
        node tests/browser/run.mjs '{}' --channels --chromium "$(command -v chromium)"
}

stage_aiortc() {
    built
    need_netns
    need_aiortc
    local engine
    for engine in $engines; do
        in_server "$engine" "$aiortc_python" tests/aiortc/offerer.py '{}'
    done
    cargo build --locked -p actix-rtc-proto --example answerer
    tests/netns.sh "$aiortc_python" tests/sdp/aiortc_peer.py "$target/debug/examples/answerer"
    RTC_AIORTC_PYTHON=$aiortc_python cargo test --all-features --locked --test aiortc --test srtp
}

# The scrape configuration as it is, and so its ports: in a network of its own.
stage_metrics() {
    built
    need_netns
    need_aiortc
    need promtool prometheus
    promtool check config dashboards/prometheus.yml
    tests/netns.sh bash tests/with-server.sh "$binary" serve --bind 127.0.0.1:8080 -- \
        "$aiortc_python" tests/prometheus.py '{}' dashboards/prometheus.yml
}

# Boards, rules and alerts, by a server that is made to fail; pictures of the boards are in the logs.
stage_dashboards() {
    need python3 python3
    need promtool prometheus
    python3 dashboards/generate.py --check
    promtool test rules dashboards/rules_test.yml
    need_netns
    need chromium chromium
    need_npm_packages tests/dashboards
    (cd tests/dashboards && node build.mjs)
    cargo build --workspace --all-features --locked --example faulty
    tests/netns.sh bash tests/with-server.sh "$target/debug/examples/faulty" -- \
        python3 tests/dashboards/check.py '{}' --render "$logs/dashboards"
}

stage_bench() {
    need python3 python3
    local benches
    benches=$(cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    for target in package["targets"]:
        if "bench" in target["kind"]:
            print("--bench", target["name"])')
    if [ -z "$benches" ]; then skip "no benchmark is declared in the manifests"; fi
    # Each once, to see that it runs; for figures: cargo bench.
    # shellcheck disable=SC2086
    cargo bench --workspace --all-features --locked $benches -- --test
}

stage_soak() {
    built
    RTC_LONG=1 cargo test --release --workspace --all-features --locked -- --include-ignored
    local engine
    for engine in $engines; do
        loopback --engine "$engine" --megabytes 2048
        loopback --engine "$engine" --sessions 500 --megabytes 500
    done
}

built() {
    if [ ! -x "$binary" ]; then cargo build --release --locked; fi
}

# A command against the demo server, both in a network of their own.
in_server() {
    local engine=$1
    shift
    tests/netns.sh bash tests/with-server.sh \
        "$binary" serve --bind 127.0.0.1:0 --engine "$engine" -- "$@"
}

# --- running them ---------------------------------------------------------------------------------

if [ "${1:-}" = --stage ]; then
    # A stage in a shell of its own, where `set -e` holds.
    mkdir -p "$logs"
    if [ "$2" != fetch ] && [ "$2" != deny ]; then export CARGO_NET_OFFLINE=true; fi
    "stage_$2"
    exit 0
fi

chosen=
for argument in "$@"; do
    case $argument in
        --long) stages=$stages$long_stages ;;
        --list) awk 'NF { print $1 }' <<<"$stages$long_stages"; exit 0 ;;
        -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *)
            if ! awk 'NF { print $1 }' <<<"$stages$long_stages" | grep -qx -e "$argument"; then
                echo "there is no stage '$argument': see $0 --list" >&2
                exit 2
            fi
            chosen="$chosen $argument "
            ;;
    esac
done
if [ -n "$chosen" ]; then stages=$stages$long_stages; fi

if ! command -v cargo >/dev/null; then
    echo "cargo is not installed: the tests need Rust (see README.md)" >&2
    exit 1
fi

mkdir -p "$logs"
running=
trap 'if [ -n "$running" ]; then kill "$running" 2>/dev/null || true; fi; exit 130' INT TERM
passed=0 failed=0 skipped=0
summary=
began=$SECONDS

count() {
    grep -cE "$1" "$2" || true
}

# How many tests passed and failed by a stage's output: cargo's sums, and lines of ok and FAILED.
results() {
    local log=$1 cargo_passed cargo_failed
    cargo_passed=$(awk '/^test result:/ { sum += $4 } END { print sum + 0 }' "$log")
    cargo_failed=$(awk '/^test result:/ { sum += $6 } END { print sum + 0 }' "$log")
    echo "$((cargo_passed + $(count '^ok  ' "$log"))) $((cargo_failed + $(count '^FAILED  ' "$log")))"
}

while read -r name minutes; do
    if [ -z "$name" ]; then continue; fi
    if [ -n "$chosen" ] && [[ $chosen != *" $name "* ]]; then continue; fi
    echo "=== $name"
    log=$logs/$name.log
    from=$SECONDS
    status=0
    exec {output}> >(exec tee "$log")
    writer=$!
    timeout --kill-after=10 "${minutes}m" bash "$0" --stage "$name" \
        </dev/null >&"$output" 2>&1 {output}>&- &
    running=$!
    exec {output}>&-
    wait "$running" || status=$?
    running=
    wait "$writer" || true
    read -r ok bad <<<"$(results "$log")"
    case $status in
        0) outcome=passed ;;
        77) outcome=skipped ;;
        124 | 137) outcome="failed (stopped after $minutes minutes)" ;;
        *) outcome="failed (status $status)" ;;
    esac
    if [ $status -eq 77 ] && [ "${CI:-}" = true ]; then
        outcome="failed (skipped, and CI=true)"
        status=1
    fi
    if [ $status -eq 0 ]; then
        if [ "$bad" -gt 0 ]; then outcome="failed ($bad tests, and yet status 0)"; fi
        if [ $((ok + bad)) -eq 0 ]; then ok=1; fi
    elif [ $status -eq 77 ]; then
        skipped=$((skipped + 1))
    elif [ "$bad" -eq 0 ]; then
        bad=1
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    line=$(printf '%-10s %5d s  %s' "$name" $((SECONDS - from)) "$outcome")
    echo "=== $line"
    summary="$summary$line"$'\n'
done <<<"$stages"

printf '\n%s%-10s %5d s\n\n' "$summary" all $((SECONDS - began))
if [ $skipped -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ]
