//! The STUN edge: any datagram, and any attributes under a right signature.
#![no_main]

use actix_rtc_proto::stun::{
    self, BINDING, Builder, Class, Header, Key, MAX_ATTRIBUTES, TransactionId, binding,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let key = Key::short_term("a password that is known");
    let header = stun::peek(input);
    let _ = stun::username(input);
    assert!(stun::attributes(input).count() <= MAX_ATTRIBUTES);
    if let Ok(verified) = stun::verify(input, &key, false) {
        assert_eq!(Some(verified.header()), header);
        let _ = binding::decode(&verified);
    }
    let _ = stun::decode_unauthenticated(input);

    // The same bytes as attributes of a message that is signed: what the codec sees of a peer.
    let Some((&first, mut rest)) = input.split_first() else { return };
    let class = [Class::Request, Class::SuccessResponse, Class::ErrorResponse][first as usize % 3];
    let transaction_id = TransactionId([first; 12]);
    let mut message = Builder::new(Header { class, method: BINDING, transaction_id });
    while let Some((&[high, low, len], more)) = rest.split_first_chunk::<3>() {
        let (value, more) = more.split_at(usize::from(len).min(more.len()));
        message = message.attribute(u16::from_be_bytes([high, low]), value);
        rest = more;
    }
    let message = message.integrity(&key).fingerprint().build();
    if let Ok(verified) = stun::verify(&message, &key, true) {
        let _ = binding::decode(&verified);
    }
});
