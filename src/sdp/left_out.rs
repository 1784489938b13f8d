//! What a peer's description has too much of, and which part of it is used.

use std::collections::HashMap;
use std::fmt;

use sdp_types::Attribute;

use super::MAX_CANDIDATES;

/// Something in the peer's description that is not used, because it is not needed. The rest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeftOut {
    /// So many candidates beyond [`MAX_CANDIDATES`]. Those that stay are of all kinds.
    Candidates(usize),
}

impl LeftOut {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            LeftOut::Candidates(_) => "candidates",
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeftOut::Candidates(count) => {
                write!(f, "{count} candidates beyond the first {MAX_CANDIDATES}")
            }
        }
    }
}

/// The candidate lines, as they are: ICE judges each for itself. Where there are too many, the last
/// ones of the most common kind are left out: relayed ones stand at the end, and may be the only
/// ones that work.
pub(super) fn candidates<'a>(
    attributes: impl Iterator<Item = &'a Attribute>,
) -> (Vec<String>, Vec<LeftOut>) {
    let values = attributes
        .filter(|a| a.attribute == "candidate")
        .map(|a| a.value.as_deref().unwrap_or_default());
    let values: Vec<_> = values.collect();
    let mut counts = HashMap::new();
    for value in &values {
        *counts.entry(Kind::of(value)).or_insert(0) += 1;
    }
    let excess = values.len().saturating_sub(MAX_CANDIDATES);
    for _ in 0..excess {
        if let Some(most) = counts.values_mut().max() {
            *most -= 1;
        }
    }
    let mut takes = |value: &&&str| {
        let left = counts.entry(Kind::of(value)).or_insert(0);
        let taken = *left > 0_usize;
        *left -= usize::from(taken);
        taken
    };
    let kept = values.iter().filter(|value| takes(value));
    let kept = kept.map(|value| format!("candidate:{value}")).collect();
    let left_out = (excess > 0).then_some(LeftOut::Candidates(excess));
    (kept, left_out.into_iter().collect())
}

/// What a candidate line says of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    /// The place in `TYPES`, the number of those for another one.
    candidate_type: usize,
    is_tcp: bool,
    is_ipv6: bool,
}

const TYPES: [&str; 4] = ["host", "srflx", "prflx", "relay"];

impl Kind {
    fn of(value: &str) -> Kind {
        // After the foundation, which may be missing: component, protocol, priority, address,
        // port, "typ" and the type (RFC 8839 §5.1).
        let words = value.split_once(' ').map_or("", |(_, rest)| rest);
        let mut words = words.split_ascii_whitespace().skip(1);
        let is_tcp = words.next().is_some_and(|w| w.eq_ignore_ascii_case("tcp"));
        let is_ipv6 = words.nth(1).is_some_and(|address| address.contains(':'));
        let named = words.nth(2).unwrap_or_default();
        let position = TYPES.iter().position(|name| *name == named);
        Kind {
            candidate_type: position.unwrap_or(TYPES.len()),
            is_tcp,
            is_ipv6,
        }
    }
}

#[cfg(test)]
#[path = "left_out_tests.rs"]
mod tests;
