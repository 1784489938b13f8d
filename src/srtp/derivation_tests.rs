use super::super::testkit::hex;
use super::*;

fn derived<const N: usize>(key: &str, salt: &str, label: Label) -> Vec<u8> {
    let derivation = Derivation::new(&hex(key), &hex(salt)).unwrap();
    derivation.derive::<N>(label).unwrap().to_vec()
}

#[test]
fn rfc_3711_b_3() {
    let (key, salt) = (
        "E1F97A0D3E018BE0D64FA32C06DE4139",
        "0EC675AD498AFEEBB6960B3AABE6",
    );
    assert_eq!(
        derived::<16>(key, salt, Label::RtpEncryption),
        hex("C61E7A93744F39EE10734AFE3FF7A087")
    );
    assert_eq!(
        derived::<14>(key, salt, Label::RtpSalt),
        hex("30CBBC08863D8C85D49DB34A9AE1")
    );
    assert_eq!(
        derived::<94>(key, salt, Label::RtpAuthentication),
        hex("CEBE321F6FF7716B6FD4AB49AF256A15\
             6D38BAA48F0A0ACF3C34E2359E6CDBCE\
             E049646C43D9327AD175578EF7227098\
             6371C10C9A369AC2F94A8C5FBCDDDC25\
             6D6E919A48B610EF17C2041E47403576\
             6B68642C59BBFC2F34DB60DBDFB2")
    );
}

#[test]
fn rfc_6188_7_2() {
    let (key, salt) = (
        "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
        "3b04803de51ee7c96423ab5b78d2",
    );
    assert_eq!(
        derived::<32>(key, salt, Label::RtpEncryption),
        hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4")
    );
    assert_eq!(
        derived::<14>(key, salt, Label::RtpSalt),
        hex("fa31791685ca444a9e07c6c64e93")
    );
    assert_eq!(
        derived::<20>(key, salt, Label::RtpAuthentication),
        hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")
    );
}

/// RFC 7714 §11 has no vector; this is what two other stacks derive of it.
#[test]
fn a_salt_of_twelve_bytes_is_padded_behind() {
    let key = "000102030405060708090a0b0c0d0e0f";
    assert_eq!(
        derived::<12>(key, "404142434445464748494a4b", Label::RtpSalt),
        hex("1fcd5d561e66dc49ec1c3ccb")
    );
    assert_eq!(
        derived::<16>(key, "a0a1a2a3a4a5a6a7a8a9aaab", Label::RtpEncryption),
        hex("077c6143cb221bc355ff23d5f984a16e")
    );
}

#[test]
fn other_lengths_are_refused() {
    let error = |key: usize, salt: usize| Derivation::new(&vec![0; key], &vec![0; salt]).err();
    assert_eq!(error(24, 14), Some(KeyError::KeyLength));
    assert_eq!(error(16, 15), Some(KeyError::SaltLength));
    assert_eq!(error(16, 14), None);
}
