use std::net::SocketAddr;

use super::*;
use crate::stun::{BINDING, Builder, Class, Header, attribute, attributes};

const ID: TransactionId = TransactionId([9; 12]);

fn builder() -> Builder {
    Builder::new(Header {
        class: Class::ErrorResponse,
        method: BINDING,
        transaction_id: ID,
    })
}

fn of(value: &[u8]) -> Attribute<'_> {
    Attribute {
        kind: 0,
        value,
        offset: 0,
    }
}

#[test]
fn addresses_come_back_as_they_were_written() {
    for address in ["192.0.2.1:3478", "[2001:db8::1234:5678]:1", "0.0.0.0:0"] {
        let address: SocketAddr = address.parse().unwrap();
        let message = builder()
            .xor_address(attribute::XOR_MAPPED_ADDRESS, address)
            .build();
        let read = attributes(&message).next().unwrap().xor_address(ID);
        assert_eq!(read, Some(address));
    }
    let plain = [0, 1, 0x0d, 0x96, 192, 0, 2, 1];
    assert_eq!(
        of(&plain).address(),
        Some("192.0.2.1:3478".parse().unwrap())
    );
    for broken in [
        &plain[..7],
        &plain[..3],
        &[],
        &[0, 3, 0, 1, 1, 2, 3, 4],
        &[0; 20],
    ] {
        assert_eq!(of(broken).address(), None, "{broken:?}");
        assert_eq!(of(broken).xor_address(ID), None, "{broken:?}");
    }
}

#[test]
fn error_codes_carry_bounded_printable_words() {
    let message = builder().error(437, "Allocation Mismatch").build();
    let read = attributes(&message).next().unwrap().error_code();
    assert_eq!(read, Some((437, "Allocation Mismatch".to_owned())));
    let mut noisy = vec![0, 0, 4, 1, b'\n', 0xff];
    noisy.extend([b'x'; 700]);
    let (code, text) = of(&noisy).error_code().unwrap();
    assert_eq!((code, text.chars().count()), (401, 128));
    assert!(text.starts_with(" \u{fffd}xx"), "{text}");
    for broken in [
        &[0, 0, 4][..],
        &[0, 0, 2, 0],
        &[0, 0, 7, 0],
        &[0, 0, 4, 100],
    ] {
        assert_eq!(of(broken).error_code(), None, "{broken:?}");
    }
}
