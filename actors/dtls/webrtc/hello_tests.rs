use super::*;

fn hello(extensions: &[u8]) -> Vec<u8> {
    let mut hello = vec![0; RECORD_HEADER + HANDSHAKE_HEADER + VERSION_AND_RANDOM];
    hello.extend([2, 9, 9]); // session id
    hello.extend([0]); // cookie
    hello.extend([0, 2, 0xc0, 0x2b]);
    hello.extend([1, 0]);
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    hello
}

#[test]
fn reads_the_profiles_wherever_the_extension_stands() {
    let ems = [0, 23, 0, 0];
    let srtp = [0, 14, 0, 7, 0, 4, 0, 7, 0, 1, 0];
    let both = [&ems[..], &srtp].concat();
    for extensions in [&srtp[..], &both, &[&srtp[..], &ems].concat()] {
        assert_eq!(offered_srtp_profiles(&hello(extensions)), [7, 1]);
    }
    assert_eq!(offered_srtp_profiles(&hello(&ems)), [0; 0]);
    assert_eq!(offered_srtp_profiles(&hello(&[])), [0; 0]);
}

#[test]
fn what_is_cut_off_offers_nothing() {
    let whole = hello(&[0, 14, 0, 5, 0, 2, 0, 7, 0]);
    assert_eq!(offered_srtp_profiles(&whole), [7]);
    for len in 0..whole.len() {
        assert_eq!(offered_srtp_profiles(&whole[..len]), [0; 0], "{len}");
    }
    // A list longer than its extension.
    assert_eq!(
        offered_srtp_profiles(&hello(&[0, 14, 0, 5, 0, 9, 0, 7, 0])),
        [0; 0]
    );
}
