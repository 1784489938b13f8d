use super::*;

const CERTIFICATE: u8 = 11;
const SERVER_HELLO: u8 = 2;

fn fragment(kind: u8, sequence: u16, body: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut header = handshake_header(kind, sequence, body.len());
    header[6..9].copy_from_slice(&(from as u32).to_be_bytes()[1..]);
    header[9..].copy_from_slice(&((to - from) as u32).to_be_bytes()[1..]);
    [&header[..], &body[from..to]].concat()
}

fn whole(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, sequence, body, 0, body.len())
}

fn hash(transcript: &Transcript) -> Option<Vec<u8>> {
    transcript.hash().map(|hash| hash.as_ref().to_vec())
}

#[test]
fn the_transcript_is_that_of_unfragmented_messages_without_the_cookie() {
    let mut transcript = Transcript::default();
    assert_eq!(hash(&transcript), None);
    transcript.add(true, &whole(CLIENT_HELLO, 0, b"without cookie"));
    transcript.add(false, &whole(HELLO_VERIFY_REQUEST, 0, b"cookie"));
    transcript.add(true, &whole(CLIENT_HELLO, 1, b"with cookie"));
    transcript.add(false, &whole(SERVER_HELLO, 1, b"server"));
    let certificate = b"a certificate in three fragments";
    for (from, to) in [(20, certificate.len()), (0, 8), (6, 20)] {
        transcript.add(true, &fragment(CERTIFICATE, 2, certificate, from, to));
        // What comes again, or in its place, changes nothing.
        transcript.add(true, &fragment(CERTIFICATE, 2, certificate, from, to));
        let other = [0; 32];
        transcript.add(true, &fragment(CERTIFICATE, 2, &other, from, to));
        transcript.add(true, &whole(SERVER_HELLO, 2, &other));
    }
    let messages = [
        whole(CLIENT_HELLO, 1, b"with cookie"),
        whole(SERVER_HELLO, 1, b"server"),
        whole(CERTIFICATE, 2, certificate),
    ];
    let expected = digest::digest(&digest::SHA256, &messages.concat());
    assert_eq!(hash(&transcript), Some(expected.as_ref().to_vec()));
    // Several messages in one record.
    let mut at_once = Transcript::default();
    at_once.add(true, &[messages[0].clone(), messages[2].clone()].concat());
    at_once.add(false, &messages[1]);
    assert_eq!(hash(&at_once), hash(&transcript));
}

#[test]
fn a_transcript_with_a_gap_has_no_hash_and_does_not_grow() {
    let mut transcript = Transcript::default();
    transcript.add(true, &fragment(CLIENT_HELLO, 0, &[7; 40], 0, 39));
    assert_eq!(hash(&transcript), None);
    for sequence in 0..1_000 {
        transcript.add(false, &whole(CERTIFICATE, sequence, b"x"));
        // Longer than it says, and longer than anything.
        transcript.add(false, &fragment(CERTIFICATE, sequence, &[7; 70_000], 0, 9));
        transcript.add(false, &handshake_header(CERTIFICATE, sequence, 5));
    }
    assert_eq!(transcript.server.len(), MAX_MESSAGES);
}

/// A record of the client as it would seal it.
fn sealed(secrets: &Secrets, kind: u8, verify_data: &[u8; 12]) -> Vec<u8> {
    let [key, _] = secrets.keys().unwrap();
    let mut message = [&handshake_header(kind, 5, 12)[..], verify_data].concat();
    let number = (1_u64 << 48).to_be_bytes();
    let header: [u8; 13] = [&[22, 254, 253][..], &number, &[0, 48]]
        .concat()
        .try_into()
        .unwrap();
    let tag = key
        .seal(number, associated_data(&header, 24), &mut message)
        .unwrap();
    [&header[..], &number, &message, &tag].concat()
}

#[test]
fn only_a_finished_of_this_very_handshake_is_right() {
    let secrets = super::super::secrets::tests::secrets();
    let mut transcript = Transcript::default();
    transcript.add(true, &whole(CLIENT_HELLO, 0, b"client"));
    transcript.add(false, &whole(SERVER_HELLO, 0, b"server"));
    let check = FinishedCheck::new(&secrets, &transcript).unwrap();
    let right = secrets.client_verify_data(&hash(&transcript).unwrap());
    let mut record = sealed(&secrets, FINISHED, &right);
    assert_eq!(check.judge(&record), Verdict::Right);
    assert_eq!(
        check.judge(&sealed(&secrets, CERTIFICATE, &right)),
        Verdict::Wrong
    );
    let of_another = sealed(&secrets, FINISHED, &[7; 12]);
    assert_eq!(check.judge(&of_another), Verdict::Wrong);
    record[40] ^= 1;
    assert_eq!(check.judge(&record), Verdict::NotAuthentic);
    assert_eq!(check.judge(&record[1..]), Verdict::NotAuthentic);
}
