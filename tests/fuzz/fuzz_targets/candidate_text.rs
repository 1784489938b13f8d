//! The candidate line: what is read is printed so that it is read the same again.
#![no_main]

use actix_rtc_proto::ice::{Candidate, MAX_CANDIDATE_LINE};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let Ok(candidate) = input.parse::<Candidate>() else { return };
    let line = candidate.to_string();
    if line.len() <= MAX_CANDIDATE_LINE {
        assert_eq!(line.parse::<Candidate>().as_ref(), Ok(&candidate), "{line}");
    }
});
