//! SRTP: nothing that the peer did not send is opened, and what it sent is, once.
#![no_main]

use actix_rtc_proto::srtp::{Config, Contexts, Side, SrtpKeyingMaterial, SrtpProfile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&first, input)) = input.split_first() else { return };
    let profile = SrtpProfile::ALL[usize::from(first) % 3];
    let bytes = (0..profile.keying_material_len() as u8).collect();
    let material = SrtpKeyingMaterial::new(profile, bytes).expect("of the right length");
    let contexts = |side| Contexts::new(&material, side, Config::default()).expect("keys");
    let (mut client, mut server) = (contexts(Side::Client), contexts(Side::Server));

    // As it is, it is not authentic.
    let mut noise = input.to_vec();
    assert!(server.receive.unprotect(&mut noise).is_err());
    assert_eq!(server.receive.streams(), (0, 0));

    // Sealed, it is; a bit of it turned, it is not; and not twice.
    let mut buffer = input.to_vec();
    buffer.resize(input.len() + profile.rtcp_overhead(), 0);
    let Ok(len) = client.send.protect(&mut buffer, input.len()) else {
        assert_eq!(&buffer[..input.len()], input);
        return;
    };
    let sealed = &buffer[..len];
    let mut turned = sealed.to_vec();
    turned[usize::from(first) * 7 % len] ^= 1 << (first % 8);
    assert!(server.receive.unprotect(&mut turned).is_err());
    assert_eq!(server.receive.streams(), (0, 0));
    let mut opened = sealed.to_vec();
    let (_, plain) = server.receive.unprotect(&mut opened).expect("what was sealed");
    assert_eq!(&opened[..plain], input);
    assert!(server.receive.unprotect(&mut sealed.to_vec()).is_err());
});
