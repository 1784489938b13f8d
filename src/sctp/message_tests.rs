use super::*;

#[test]
fn messages_go_over_the_wire_and_back() {
    for message in [
        Message::text("text"),
        Message::text(""),
        Message::binary(vec![1, 2]),
        Message::binary(vec![]),
    ] {
        let (ppid, contents) = message.clone().into_wire();
        assert!(!contents.is_empty());
        assert_eq!(Message::from_wire(ppid, contents), Some((message, false)));
    }
    assert_eq!(Message::from_wire(Ppid::Unknown, Bytes::new()), None);
}

#[test]
fn contents_are_not_copied() {
    let contents = Bytes::from(vec![1; 100]);
    let message = Message::from(contents.clone());
    let (_, out) = message.into_wire();
    assert_eq!(out.as_ptr(), contents.as_ptr());
    let text = Text::from_utf8(Bytes::from("text".to_owned())).unwrap();
    let at = text.as_ptr();
    assert_eq!(Message::from(text).into_bytes().as_ptr(), at);
}

#[test]
fn text_is_always_utf8() {
    assert!(Text::from_utf8(Bytes::from_static(&[0xff])).is_err());
    let (text, mended) = Text::from_utf8_lossy(Bytes::from_static(b"a\xffb"));
    assert_eq!((text.as_str(), mended), ("a\u{fffd}b", true));
    assert_eq!(format!("{text} {text:?}"), "a\u{fffd}b \"a\u{fffd}b\"");
}
