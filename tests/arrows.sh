#!/usr/bin/env bash
# The rule of arrows and the map of rooms (CONTRIBUTING.md), by the code's own imports. First it
# shows on trees with a breach planted in them that it bites, and on one without that it does not.
#
#   tests/arrows.sh              the gate
#   tests/arrows.sh --circles    files that import each other in a circle, and how many
#   tests/arrows.sh --tree       which room takes from which
#   … --root DIR                 of another tree than this one
set -euo pipefail
cd "$(dirname "$0")/.."

arrows() {
    python3 -B tests/arrows "$@"
}
if [ $# -gt 0 ]; then
    arrows "$@"
    exit
fi

probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT

# --- a tree without a breach, in which much looks like one ----------------------------------------

file() {
    mkdir -p "$(dirname "$probe/$1")"
    cat >"$probe/$1"
}
file CONTRIBUTING.md <<'MAP'
```rooms
actors/
  lib.rs          the face
  api/  handles
  transport/{ice,dtls}/  actors
  base.rs kit/    two rooms of one floor

src/
  lib.rs  the face
  net.rs  what all share
```
MAP
file actors/lib.rs <<'RUST'
mod api;
mod base;
mod kit;
mod transport;
#[cfg(test)]
mod testkit;
pub use api::{Handle, session::Session};
pub use proto;
RUST
file actors/api/mod.rs <<'RUST'
mod parts;
pub(crate) mod session;
pub use self::parts::Part;
use crate::{
    base::{self as ground, Error},
    transport::{dtls, ice::{Actor as IceActor, Actor}},
};
/// Like [`crate::Handle`].
pub struct Handle(Part, ground::Kind);
RUST
file actors/api/parts.rs <<'RUST'
use super::Handle;
pub struct Part(Option<Box<Handle>>);
RUST
file actors/api/session.rs <<'RUST'
pub(super) mod open;
use super::parts::Part;
use proto::sctp;
pub struct Session;
RUST
file actors/api/session/open.rs <<'RUST'
use crate::api::Handle;
pub(crate) struct Open;
RUST
file actors/transport/mod.rs <<'RUST'
pub(crate) mod dtls;
pub(crate) mod ice;
RUST
file actors/transport/ice/mod.rs <<'RUST'
mod data;
#[cfg(all(test, feature = "chaos"))]
#[path = "mod_tests.rs"]
mod tests;
use crate::kit::{Mailbox, observed};
/* use crate::api::Handle; /* and */ crate::lib::x() */
const TEXT: (&str, &str, char) = ("crate::api::Handle", r#"" crate::api::Handle "#, '"');
pub(crate) struct Actor<'a>(&'a Mailbox);
pub(in crate::transport) fn f<'a>(x: &'a str) -> &'a str {
    // crate::api::Handle::new()
    #[cfg(test)]
    let x = if x.is_empty() { "x" } else { crate::api::Handle::NAME };
    x
}
#[cfg(test)]
pub(crate) fn probe<A, B>(map: HashMap<A, crate::api::Handle>) -> B {
    crate::api::Handle::new(map)
}
#[cfg(test)]
mod inner {
    use crate::api::Handle;
}
RUST
file actors/transport/ice/data.rs <<'RUST'
use super::Actor;
impl Actor<'_> {
    fn state(&self) -> crate::base::Kind {
        match self {
            #[cfg(test)]
            Probe => crate::api::Handle::kind(),
            _ => crate::base::Kind::New,
        }
    }
}
RUST
echo 'use crate::api::Handle;' | file actors/transport/ice/mod_tests.rs
file actors/transport/dtls/mod.rs <<'RUST'
use proto::dtls::Endpoint;
pub(crate) struct Actor(Endpoint);
RUST
file actors/base.rs <<'RUST'
use std::fmt::{self, Display};
pub(crate) enum Kind { New }
pub(crate) struct Error;
RUST
file actors/kit/mod.rs <<'RUST'
mod alone;
mod guard;
mod mailbox;
mod meter;
macro_rules! observed { () => {} }
pub(crate) use observed;
pub(crate) use meter::*;
pub(crate) use guard::Guard;
pub(crate) use self::mailbox::Mailbox;
RUST
echo 'pub(crate) struct Alone;' | file actors/kit/alone.rs
echo 'pub(crate) struct Guard;' | file actors/kit/guard.rs
echo 'pub(crate) struct Meter;' | file actors/kit/meter.rs
echo 'pub(crate) struct Mailbox(super::guard::Guard);' | file actors/kit/mailbox.rs
echo 'use crate::api::Handle;' | file actors/testkit.rs
echo 'pub mod net;' | file src/lib.rs
echo 'pub struct Segments;' | file src/net.rs

if ! clean=$(arrows --root "$probe" 2>&1); then
    printf 'FAILED  the gate bites where there is nothing:\n%s\n' "$clean"
    exit 1
fi
echo "ok      the gate lets a tree pass that obeys"

# --- and with each breach -------------------------------------------------------------------------

# plant FILE TEXT SAID...: with that text at the file's end, this and no more is said.
plant() {
    local file=$probe/$1 text=$2 said word status=0
    shift 2
    cp "$file" "$probe/saved"
    printf '%b\n' "$text" >>"$file"
    said=$(arrows --root "$probe" 2>&1) || status=$?
    cp "$probe/saved" "$file"
    for word in "$@"; do
        if ! grep -qF -e "$word" <<<"$said"; then
            printf 'FAILED  the gate does not find %s:\n  %s\nIt says: %s\n' "$text" "$word" "$said"
            exit 1
        fi
    done
    if [ $status -ne 1 ] || [ "$(grep -c '^[^ ]' <<<"$said")" -ne $# ]; then
        printf 'FAILED  the gate finds other things than %s, too:\n%s\n' "$text" "$said"
        exit 1
    fi
    breaches=$((breaches + 1))
}
breaches=0
alone=actors/kit/alone.rs ice=actors/transport/ice/data.rs base=actors/base.rs

# From above: by every kind of `use` and path.
above='kit/ is below api/'
plant $alone 'use crate::api::Handle;' \
    "$alone:2 takes crate::api::Handle from actors/api/mod.rs: $above"
plant $alone 'use crate::{\n    kit as _,\n    api::{\n        parts::{Part as P},\n    },\n};' \
    "$alone:5 takes crate::api::parts::Part from actors/api/parts.rs: $above"
plant $alone 'pub(crate) use super::super::api::session::*;' \
    "$alone:2 takes super::super::api::session::* from actors/api/session.rs: $above"
plant $alone 'fn f() -> u8 {\n    g(|x| crate::api::session::Session::new(x))\n}' \
    "$alone:3 takes crate::api::session::Session::new from actors/api/session.rs: $above"
plant $alone 'macro_rules! m { () => { use $crate::{api::Handle}; } }' \
    "$alone:2 takes crate::api::Handle from actors/api/mod.rs: $above"
plant $alone 'mod inner {\n    use super::super::super::api::Handle;\n}' \
    "$alone:3 takes super::super::super::api::Handle from actors/api/mod.rs: $above"
plant $alone '#[cfg(any(test, feature = "chaos"))]\nuse crate::api::Handle;' \
    "$alone:3 takes crate::api::Handle from actors/api/mod.rs: $above"
plant $alone '#[cfg(not(test))]\nfn f(x: crate::api::Handle) {}' \
    "$alone:3 takes crate::api::Handle from actors/api/mod.rs: $above"
plant $alone '#[cfg(test)]\nconst A: [u8; 2] = [0; 2];\nuse crate::api::Handle;' \
    "$alone:4 takes crate::api::Handle from actors/api/mod.rs: $above"
plant $alone '#[cfg(test)]\nfn f() {}\nfn g(x: crate::api::Handle) {}' \
    "$alone:4 takes crate::api::Handle from actors/api/mod.rs: $above"
plant $alone "fn f() {\n    g('\"', crate::api::Handle, '\"')\n}" \
    "$alone:3 takes crate::api::Handle from actors/api/mod.rs: $above"
# What an imported item has is told of once.
plant $alone 'use crate::api::Handle;\nfn f() {\n    Handle::new()\n}' \
    "$alone:2 takes crate::api::Handle from actors/api/mod.rs: $above"
# A name that is passed on, from where it is taken and where it is.
plant $alone 'use crate::api::Part;' \
    "$alone:2 takes crate::api::Part from actors/api/mod.rs: $above" \
    "$alone:2 takes crate::api::Part from actors/api/parts.rs: $above"
# What a renamed module leads to; and a file that stands between the rooms may give nothing itself.
plant $base 'use crate::transport as t;\nfn f(x: t::dtls::Actor) {}' \
    'actors/transport/mod.rs is in no room of the map' \
    "$base:5 takes t::dtls::Actor from actors/transport/dtls/mod.rs: base.rs is below "

# From beside.
beside='transport/ice/ and transport/dtls/ are siblings'
plant $ice 'use super::super::dtls::Actor as Other;' \
    "$ice:11 takes super::super::dtls::Actor from actors/transport/dtls/mod.rs: $beside"
plant $base 'use crate::kit::observed;' \
    "$base:4 takes crate::kit::observed from actors/kit/mod.rs: base.rs and kit/ are siblings"

plant $base 'use crate::kit::Meter;' \
    "$base:4 takes crate::kit::Meter from actors/kit/mod.rs: base.rs and kit/ are siblings" \
    "$base:4 takes crate::kit::Meter from actors/kit/meter.rs: base.rs and kit/ are siblings"

# Circles: of siblings, and of a file and its child by way of a third.
plant actors/kit/guard.rs 'use super::mailbox::Mailbox;' \
    '2 files import each other in a circle, such as
    actors/kit/guard.rs:2 takes super::mailbox::Mailbox from actors/kit/mailbox.rs
    actors/kit/mailbox.rs:1 takes super::guard::Guard from actors/kit/guard.rs'
plant actors/api/parts.rs 'use super::session::open::Open;' \
    '3 files import each other in a circle, such as
    actors/api/mod.rs:3 takes self::parts::Part from actors/api/parts.rs
    actors/api/parts.rs:3 takes super::session::open::Open from actors/api/session/open.rs
    actors/api/session/open.rs:1 takes crate::api::Handle from actors/api/mod.rs'

# The machines, and the face.
machines='the machines are imported as `proto`'
plant $ice 'use crate::proto::ice::Agent;' "$ice:11 takes crate::proto::ice::Agent: $machines"
plant $ice 'fn f(x: actix_rtc_proto::ice::Agent) {}' \
    "$ice:11 takes actix_rtc_proto::ice::Agent: $machines"
plant actors/api/session.rs 'use crate::Handle;' \
    'actors/api/session.rs:5 takes crate::Handle from actors/api/mod.rs: nobody imports the face'
plant src/net.rs 'use super::Machine;' \
    'src/net.rs:2 takes super::Machine from src/lib.rs: nobody imports the face'

# What would go unseen.
echo 'use crate::api::Handle;' | file actors/kit/lost.rs
plant $alone '' 'actors/kit/lost.rs: no module of actors/lib.rs reaches it'
rm "$probe/actors/kit/lost.rs"
plant $alone '#[macro_use]\nmod secret;' "$alone:2: macro_use hides" \
    "$alone:3: there is no file for secret"
sed -i 's|^  base.rs kit/.*|  base.rs kit/ net/|' "$probe/CONTRIBUTING.md"
plant $alone '' 'CONTRIBUTING.md: there is no actors/net/'
echo 'No map.' | file CONTRIBUTING.md
plant $alone '' 'CONTRIBUTING.md has no map of rooms'
echo "ok      the gate finds each of $breaches breaches that are planted"

# --- this tree ------------------------------------------------------------------------------------

if ! said=$(arrows 2>&1); then
    printf 'FAILED  arrows against the map of rooms in CONTRIBUTING.md:\n%s\n' "$said"
    exit 1
fi
echo "ok      arrows in actors/ and src/"
