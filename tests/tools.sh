# shellcheck shell=bash
# Finds and installs what the tests need; sourced by run.sh.
#
# The output of installers is thrown away: it names hosts that are nobody's business here.

PATH=$PATH:/usr/sbin:/sbin
aiortc_python=$PWD/target/aiortc/bin/python

fail() {
    echo "FAILED  $*" >&2
    exit 1
}

# Ends the stage: run.sh counts it as skipped, or as failed with CI=true.
skip() {
    echo "SKIPPED: $*" >&2
    exit 77
}

# Shows what a command says only if it fails, and else its last line.
quietly() {
    local said
    if said=$("$@" 2>&1); then
        tail -n 1 <<<"$said"
    else
        printf '%s\n' "$said" >&2
        return 1
    fi
}

# need COMMAND PACKAGE: the command is there, or the stage is skipped.
need() {
    if command -v "$1" >/dev/null; then return; fi
    install_package "$2"
    if ! command -v "$1" >/dev/null; then skip "$1 is not installed (Debian: $2)"; fi
}

# want COMMAND PACKAGE: the tests that need the command say so themselves where it is not there.
want() {
    command -v "$1" >/dev/null || install_package "$2"
}

install_package() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then return; fi
    echo "installing the Debian package $1"
    # The lists may be as old as the image: only if the package is not found in them.
    apt_install "$1" || { timeout 120 apt-get update >/dev/null 2>&1 && apt_install "$1"; } ||
        echo "the Debian package $1 cannot be installed" >&2
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive timeout 400 apt-get install -y --no-install-recommends "$1" \
        </dev/null >/dev/null 2>&1
}

need_component() {
    local command=$1
    if [ "$command" = rustfmt ]; then command=fmt; fi
    if cargo "$command" --version >/dev/null 2>&1; then return; fi
    if command -v rustup >/dev/null; then rustup component add "$1" >/dev/null 2>&1 || true; fi
    if ! cargo "$command" --version >/dev/null 2>&1; then skip "$1 is not installed"; fi
}

need_cargo_deny() {
    if cargo deny --version >/dev/null 2>&1; then return; fi
    echo "installing cargo-deny: a few minutes, once"
    # Unoptimised: it builds in half the time, and checks in a few seconds.
    CARGO_TARGET_DIR=$PWD/target/cargo-deny \
        cargo install cargo-deny --locked --profile dev --quiet >/dev/null 2>&1 || true
    rm -rf target/cargo-deny
    if ! cargo deny --version >/dev/null 2>&1; then skip "cargo-deny cannot be installed"; fi
}

need_netns() {
    need unshare util-linux
    need ip iproute2
    if ! tests/netns.sh true; then
        skip "no network namespace can be made here"
    fi
}

need_aiortc() {
    if ! find_aiortc; then skip "aiortc cannot be installed"; fi
}

# aiortc in a virtual environment under target/.
find_aiortc() {
    local made=target/aiortc/made
    # shellcheck disable=SC2015
    if cmp -s tests/aiortc/requirements.txt "$made" && "$aiortc_python" -c 'import aiortc' 2>/dev/null
    then
        return
    fi
    need python3 python3
    rm -rf target/aiortc
    if ! make_venv; then
        install_package python3-venv
        if ! make_venv; then
            echo "no virtual environment can be made (Debian: python3-venv)" >&2
            return 1
        fi
    fi
    echo "installing aiortc into target/aiortc"
    timeout 400 "$aiortc_python" -m pip install --quiet -r tests/aiortc/requirements.txt \
        >/dev/null 2>&1 || return 1
    "$aiortc_python" -c 'import aiortc' || return 1
    cp tests/aiortc/requirements.txt "$made"
}

make_venv() {
    python3 -m venv target/aiortc >/dev/null 2>&1 && "$aiortc_python" -m pip --version >/dev/null 2>&1
}

# need_npm_packages FOLDER: what its lock file says is in its node_modules.
need_npm_packages() {
    need node nodejs
    local made=$1/node_modules/made
    if cmp -s "$1/package-lock.json" "$made"; then return; fi
    need npm npm
    echo "installing the npm packages of $1"
    if ! timeout 400 npm ci --prefix "$1" --no-audit --no-fund >/dev/null 2>&1; then
        skip "the npm packages of $1 cannot be installed"
    fi
    cp "$1/package-lock.json" "$made"
}
