use super::super::testkit::{AES_128, AES_256, hex};
use super::*;

const ALL: [SrtpProfile; 3] = SrtpProfile::ALL;

/// RFC 7714 §16: "Gallia est omnis divisa in partes tres".
const RTP: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320\
                   64697669736120696e207061727465732074726573";
/// What §17.1 to §17.4 of RFC 7714 protect (the packet that §17 prints first is another one).
const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e930\
                    4c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

fn gcm(key: &str) -> Transform {
    let salt = hex("517569642070726f2071756f").try_into().unwrap();
    Transform::gcm(&hex(key), Zeroizing::new(salt)).unwrap()
}

fn rtp_both_ways(transform: &Transform, plain: &str, ssrc: u32, index: u64, protected: &str) {
    let plain = hex(plain);
    let mut packet = plain.clone();
    packet.resize(plain.len() + transform.tag_len(), 0);
    transform.seal_rtp(&mut packet, 12, ssrc, index).unwrap();
    assert_eq!(packet, hex(protected));
    transform.open_rtp(&mut packet, 12, ssrc, index).unwrap();
    assert_eq!(packet[..plain.len()], plain);
}

fn rtcp_both_ways(transform: &Transform, plain: &str, ssrc: u32, index: u32, protected: &str) {
    let plain = hex(plain);
    let mut packet = plain.clone();
    packet.resize(plain.len() + transform.tag_len() + TRAILER, 0);
    transform.seal_rtcp(&mut packet, ssrc, index).unwrap();
    assert_eq!(packet, hex(protected));
    assert_eq!(transform.rtcp_index(&packet), Some((true, index)));
    transform.open_rtcp(&mut packet, ssrc).unwrap();
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn rfc_3711_b_2() {
    let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
    let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
    let transform = Transform::counter_mode(&key, &[0; 20], Zeroizing::new(salt)).unwrap();
    let mut packet = vec![0; 12 + 0xFF02 * 16 + CM_TAG];
    transform.seal_rtp(&mut packet, 12, 0, 0).unwrap();
    let block = |number: usize| packet[12 + number * 16..][..16].to_vec();
    for (number, keystream) in [
        (0x0000, "E03EAD0935C95E80E166B16DD92B4EB4"),
        (0x0001, "D23513162B02D0F72A43A2FE4A5F97AB"),
        (0x0002, "41E95B3BB0A2E8DD477901E4FCA894C0"),
        (0xFEFF, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
        (0xFF00, "362B7C3C6773516318A077D7FC5073AE"),
        (0xFF01, "6A2CC3787889374FBEB4C81B17BA6C44"),
    ] {
        assert_eq!(block(number), hex(keystream), "{number:x}");
    }
}

/// The packets that libsrtp checks itself with; their keys are those of RFC 3711 §B.3.
#[test]
fn the_reference_packets_of_libsrtp() {
    let keys = SessionKeys::new(
        SrtpProfile::Aes128CmHmacSha1_80,
        &hex("e1f97a0d3e018be0d64fa32c06de4139"),
        &hex("0ec675ad498afeebb6960b3aabe6"),
    )
    .unwrap();
    rtp_both_ways(
        &keys.rtp,
        "800f1234decafbadcafebabeabababababababababababababababab",
        0xcafe_babe,
        0x1234,
        "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
    );
    rtcp_both_ways(
        &keys.rtcp,
        "81c8000bcafebabeabababababababababababababababab",
        0xcafe_babe,
        1,
        "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798",
    );
}

#[test]
fn rfc_7714_16() {
    rtp_both_ways(
        &gcm(AES_128),
        RTP,
        0x5501_a0b2,
        0xf17b,
        "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f\
         42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
    );
    rtp_both_ways(
        &gcm(AES_256),
        RTP,
        0x5501_a0b2,
        0xf17b,
        "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3\
         b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
    );
}

#[test]
fn rfc_7714_17_1_and_17_2() {
    rtcp_both_ways(
        &gcm(AES_128),
        RTCP,
        0x4d61_7273,
        0x5d4,
        "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1\
         730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
    );
    rtcp_both_ways(
        &gcm(AES_256),
        RTCP,
        0x4d61_7273,
        0x5d4,
        "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1\
         110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
    );
}

#[test]
fn rfc_7714_17_3_authenticates_what_is_not_encrypted() {
    let tagged = hex(
        "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeef\
         deadbeefdeadbeefdeadbeefdeadbeef841dd9683dd78ec92ae58790125f62b3000005d4",
    );
    let transform = gcm(AES_128);
    assert_eq!(transform.rtcp_index(&tagged), Some((false, 0x5d4)));
    let plain = hex(RTCP);
    let mut packet = tagged.clone();
    transform.open_rtcp(&mut packet, 0x4d61_7273).unwrap();
    assert_eq!(packet[..plain.len()], plain);
    for at in 0..tagged.len() {
        let mut forged = tagged.clone();
        forged[at] ^= 0x40;
        let ssrc = u32::from_be_bytes(forged[4..8].try_into().unwrap());
        assert_eq!(transform.open_rtcp(&mut forged, ssrc), Err(Failed), "{at}");
    }
}

/// E is 0: nothing is encrypted, and the tag is right.
fn clear_rtcp(hmac: &hmac::Key, plain: &[u8], index: u32) -> Vec<u8> {
    let mut packet = plain.to_vec();
    packet.extend(index.to_be_bytes());
    let tag = hmac::sign(hmac, &packet);
    packet.extend(&tag.as_ref()[..CM_TAG]);
    packet
}

#[test]
fn counter_mode_authenticates_what_is_not_encrypted() {
    let master = Derivation::new(&[7; 16], &[8; 14]).unwrap();
    let keys = SessionKeys::new(SrtpProfile::Aes128CmHmacSha1_80, &[7; 16], &[8; 14]).unwrap();
    let authentication = master.derive::<20>(Label::RtcpAuthentication).unwrap();
    let hmac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &*authentication);
    let plain = hex(RTCP);
    let good = clear_rtcp(&hmac, &plain, 3);
    let mut packet = good.clone();
    keys.rtcp.open_rtcp(&mut packet, 0x4d61_7273).unwrap();
    assert_eq!(packet[..plain.len()], plain);
    for at in 0..good.len() {
        let mut forged = good.clone();
        forged[at] ^= 1;
        let ssrc = u32::from_be_bytes(forged[4..8].try_into().unwrap());
        assert_eq!(keys.rtcp.open_rtcp(&mut forged, ssrc), Err(Failed), "{at}");
    }
}

#[test]
fn each_bit_counts_and_so_does_the_index() {
    for profile in ALL {
        let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
        let keys = SessionKeys::new(profile, &key, &salt).unwrap();
        let mut good = hex(RTP);
        good.resize(good.len() + profile.rtp_overhead(), 0);
        keys.rtp.seal_rtp(&mut good, 12, 9, 1 << 16).unwrap();
        for bit in 0..good.len() * 8 {
            let mut forged = good.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let opened = keys.rtp.open_rtp(&mut forged, 12, 9, 1 << 16);
            assert_eq!(opened, Err(Failed), "{profile:?} {bit}");
        }
        for index in [0, 1, 2 << 16, 1 << 32] {
            let opened = keys.rtp.open_rtp(&mut good.clone(), 12, 9, index);
            assert_eq!(opened, Err(Failed), "{profile:?} {index}");
        }
        keys.rtp.open_rtp(&mut good, 12, 9, 1 << 16).unwrap();
    }
}

#[test]
fn what_is_too_short_fails() {
    for profile in ALL {
        let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
        let keys = SessionKeys::new(profile, &key, &salt).unwrap();
        for len in 0..8 + profile.rtcp_overhead() {
            let mut packet = vec![0; len];
            assert_eq!(keys.rtcp.rtcp_index(&packet), None);
            assert_eq!(keys.rtcp.open_rtcp(&mut packet, 0), Err(Failed));
            assert_eq!(keys.rtcp.seal_rtcp(&mut packet, 0, 0), Err(Failed));
        }
        for len in 0..12 + profile.rtp_overhead() {
            let mut packet = vec![0; len];
            assert_eq!(keys.rtp.open_rtp(&mut packet, 12, 0, 0), Err(Failed));
            assert_eq!(keys.rtp.seal_rtp(&mut packet, 12, 0, 0), Err(Failed));
        }
    }
}

#[test]
fn keys_of_another_length_are_refused() {
    for profile in ALL {
        let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
        let short = SessionKeys::new(profile, &key[1..], &salt).err();
        assert_eq!(short, Some(KeyError::KeyLength));
        let short = SessionKeys::new(profile, &key, &salt[1..]).err();
        assert_eq!(short, Some(KeyError::SaltLength));
    }
}
