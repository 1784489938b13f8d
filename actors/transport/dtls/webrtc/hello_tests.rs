use super::*;

fn hello(extensions: &[u8]) -> Vec<u8> {
    let mut message = vec![0; HANDSHAKE_HEADER + VERSION_AND_RANDOM];
    message.extend([2, 9, 9]); // session id
    message.extend([0]); // cookie
    message.extend([0, 2, 0xc0, 0x2b]);
    message.extend([1, 0]);
    message.extend((extensions.len() as u16).to_be_bytes());
    message.extend(extensions);
    record(&message)
}

fn record(message: &[u8]) -> Vec<u8> {
    let mut record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend((message.len() as u16).to_be_bytes());
    record.extend(message);
    record
}

#[test]
fn reads_the_profiles_wherever_the_extension_stands() {
    let ems = [0, 23, 0, 0];
    let srtp = [0, 14, 0, 7, 0, 4, 0, 7, 0, 1, 0];
    let both = [&ems[..], &srtp].concat();
    for extensions in [&srtp[..], &both, &[&srtp[..], &ems].concat()] {
        assert_eq!(offered_srtp_profiles(&hello(extensions)), Some(vec![7, 1]));
    }
    assert_eq!(offered_srtp_profiles(&hello(&ems)), Some(vec![]));
    assert_eq!(offered_srtp_profiles(&hello(&[])), Some(vec![]));
    // Another record behind it.
    let two = [hello(&srtp), hello(&ems)].concat();
    assert_eq!(offered_srtp_profiles(&two), Some(vec![7, 1]));
}

#[test]
fn what_is_not_well_formed_is_not_looked_at() {
    let whole = hello(&[0, 14, 0, 5, 0, 2, 0, 7, 0]);
    assert_eq!(offered_srtp_profiles(&whole), Some(vec![7]));
    let without_extensions = whole.len() - 11;
    for len in RECORD_HEADER..whole.len() {
        assert_eq!(offered_srtp_profiles(&whole[..len]), None, "{len}");
        let cut_off = record(&whole[RECORD_HEADER..len]);
        let expected = (len == without_extensions).then_some(vec![]);
        assert_eq!(offered_srtp_profiles(&cut_off), expected, "{len}");
    }
    // A list longer than its extension, half an extension, and something behind the extensions.
    let too_long = hello(&[0, 14, 0, 5, 0, 9, 0, 7, 0]);
    let half = hello(&[0, 23, 0]);
    let behind = record(&[&whole[RECORD_HEADER..], &[0]].concat());
    for hello in [too_long, half, behind] {
        assert_eq!(offered_srtp_profiles(&hello), None);
    }
}
