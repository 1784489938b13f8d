use super::super::verify;
use super::*;

const TRANSACTION: TransactionId = TransactionId([5; 12]);

fn key() -> Key {
    Key::short_term("the password of the peer")
}

fn decoded(datagram: &[u8]) -> Message {
    decode(&verify(datagram, &key(), true).unwrap()).unwrap()
}

#[test]
fn a_check_says_what_it_was_given() {
    for role in [
        RoleClaim::Controlling(u64::MAX - 1),
        RoleClaim::Controlled(3),
    ] {
        for use_candidate in [false, true] {
            let check = Check {
                transaction_id: TRANSACTION,
                username: "them:us",
                priority: 0x6E00_01FF,
                role,
                use_candidate,
            };
            let want = Request {
                priority: Some(0x6E00_01FF),
                role: Some(role),
                use_candidate,
                unknown: vec![],
            };
            assert_eq!(decoded(&check.encode(&key())), Message::Request(want));
        }
    }
}

#[test]
fn responses_say_what_they_were_given() {
    for from in [
        "192.0.2.1:32853",
        "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
    ] {
        let mapped = from.parse().unwrap();
        assert_eq!(
            decoded(&success(TRANSACTION, mapped, &key())),
            Message::Success { mapped }
        );
    }
    for code in [300, 400, 487, 699] {
        assert_eq!(
            decoded(&error(TRANSACTION, code, "No", &key())),
            Message::Error { code }
        );
    }
    let refused = unknown_attributes(TRANSACTION, &[0x7F01, 0x0031], &key());
    assert_eq!(decoded(&refused), Message::Error { code: 420 });
    assert!(refused.windows(4).any(|w| w == [0x7F, 0x01, 0x00, 0x31]));
}

#[test]
fn only_required_attributes_are_reported_as_unknown() {
    let message = start(Class::Request, TRANSACTION)
        .attribute(0x7F01, b"x")
        .attribute(0xC057, &[0, 1, 0, 10])
        .attribute(attribute::SOFTWARE, b"other")
        .integrity(&key())
        .fingerprint()
        .build();
    match decoded(&message) {
        Message::Request(request) => assert_eq!(request.unknown, [0x7F01]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_method_and_a_success_without_address_are_rejected() {
    let other = Builder::new(Header {
        class: Class::Request,
        method: 0x003,
        transaction_id: TRANSACTION,
    })
    .integrity(&key())
    .fingerprint()
    .build();
    assert_eq!(
        decode(&verify(&other, &key(), true).unwrap()),
        Err(Rejected::Malformed)
    );
    let empty = start(Class::SuccessResponse, TRANSACTION)
        .integrity(&key())
        .fingerprint()
        .build();
    assert_eq!(
        decode(&verify(&empty, &key(), true).unwrap()),
        Err(Rejected::Undecodable)
    );
}

#[test]
fn a_response_with_the_older_form_of_the_address_is_understood() {
    let mapped: SocketAddr = "192.0.2.1:32853".parse().unwrap();
    let plain = [0, 1, 0x80, 0x55, 192, 0, 2, 1];
    let response = start(Class::SuccessResponse, TRANSACTION)
        .attribute(attribute::MAPPED_ADDRESS, &plain)
        .integrity(&key())
        .fingerprint()
        .build();
    assert_eq!(decoded(&response), Message::Success { mapped });
    // Where both are, a NAT may have written over this one.
    let response = start(Class::SuccessResponse, TRANSACTION)
        .attribute(attribute::MAPPED_ADDRESS, &[0, 1, 0, 9, 9, 9, 9, 9])
        .xor_address(attribute::XOR_MAPPED_ADDRESS, mapped)
        .integrity(&key())
        .fingerprint()
        .build();
    assert_eq!(decoded(&response), Message::Success { mapped });
}
