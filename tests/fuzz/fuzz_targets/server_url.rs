//! Every URL that is read is printed as it was given, and read alike again.
#![no_main]

use actix_rtc_proto::gather::{Host, ServerUrl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(url) = text.parse::<ServerUrl>() else { return };
    assert_eq!(url.to_string(), text);
    assert_eq!(text.parse::<ServerUrl>().as_ref(), Ok(&url));
    assert_ne!(url.port(), 0);
    if let Host::Name(name) = url.host() {
        assert!(!name.is_empty() && name.is_ascii());
    }
});
