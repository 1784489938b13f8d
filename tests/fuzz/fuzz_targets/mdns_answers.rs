//! Whatever is multicast on a link: few addresses come of it, and none that cannot be a host's.
#![no_main]

use actix_rtc_proto::mdns::{Answers, Name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let name: Name = "a.local".parse().expect("a name");
    let answers: Vec<_> = Answers::parse(input, &name).collect();
    assert!(answers.len() <= 64);
    assert!(answers.iter().all(|ip| !ip.is_unspecified() && !ip.is_multicast()));
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(name) = text.parse::<Name>()
    {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
});
