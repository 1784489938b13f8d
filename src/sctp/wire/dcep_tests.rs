use super::*;

fn open(options: ChannelOptions) -> Open {
    Open {
        label: "größe".to_owned(),
        options,
    }
}

#[test]
fn an_open_reads_as_it_was_written() {
    for ordered in [true, false] {
        for (max_retransmits, max_packet_lifetime) in
            [(None, None), (Some(0), None), (None, Some(500))]
        {
            let open = open(ChannelOptions {
                ordered,
                max_retransmits,
                max_packet_lifetime,
                protocol: "p".to_owned(),
                priority: Priority::Medium,
                negotiated: None,
            });
            let message = Open::encode(&open.label, &open.options);
            assert_eq!(Dcep::decode(&message), Ok(Dcep::Open(open)));
        }
    }
}

#[test]
fn the_open_of_a_browser() {
    // Chromium: reliable and ordered, priority 256, label "chat".
    let message = b"\x03\x00\x01\x00\x00\x00\x00\x00\x00\x04\x00\x00chat";
    let expected = Open {
        label: "chat".to_owned(),
        options: ChannelOptions::default(),
    };
    assert_eq!(Dcep::decode(message), Ok(Dcep::Open(expected.clone())));
    assert_eq!(&Open::encode("chat", &expected.options)[..], message);
    assert_eq!(Dcep::decode(&Dcep::encode_ack()), Ok(Dcep::Ack));
}

#[test]
fn a_reliability_beyond_16_bits_is_the_largest() {
    let message = b"\x03\x81\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00";
    let Ok(Dcep::Open(open)) = Dcep::decode(message) else {
        panic!()
    };
    assert_eq!(open.options.max_retransmits, Some(u16::MAX));
    assert!(!open.options.ordered);
}

#[test]
fn what_is_no_dcep_is_an_error() {
    let whole = Open::encode("label", &ChannelOptions::default());
    for length in 0..whole.len() {
        assert_eq!(
            Dcep::decode(&whole[..length]),
            Err(DcepError::Truncated),
            "{length}"
        );
    }
    let mut text = whole.to_vec();
    text[12] = 0xff;
    assert_eq!(Dcep::decode(&text), Err(DcepError::NotUtf8));
    let mut kind = whole.to_vec();
    kind[1] = 0x03;
    assert_eq!(Dcep::decode(&kind), Err(DcepError::UnknownChannelType(3)));
    assert_eq!(Dcep::decode(&[4]), Err(DcepError::UnknownMessage(4)));
}
