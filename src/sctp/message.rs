//! What is sent over a channel, and how it is marked on the wire (RFC 8831 §6.6, §8).

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

/// A message of a data channel. Cloning it and handing it on never copies the contents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// What a browser sends and receives as a string.
    Text(Text),
    /// What a browser sends and receives as an `ArrayBuffer` or a `Blob`.
    Binary(Bytes),
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<Text>) -> Message {
        Message::Text(text.into())
    }

    /// A binary message.
    pub fn binary(contents: impl Into<Bytes>) -> Message {
        Message::Binary(contents.into())
    }

    /// The size in bytes: of a text, that of its UTF-8 form.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there are no contents. Empty messages are sent like all others.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is a text message.
    pub fn is_text(&self) -> bool {
        matches!(self, Message::Text(_))
    }

    /// The contents; of a text, its UTF-8 form.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Message::Text(text) => &text.0,
            Message::Binary(contents) => contents,
        }
    }

    /// The contents; of a text, its UTF-8 form.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Message::Text(text) => text.0,
            Message::Binary(contents) => contents,
        }
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Message {
        Message::Text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::text(text)
    }
}

impl From<Bytes> for Message {
    fn from(contents: Bytes) -> Message {
        Message::Binary(contents)
    }
}

impl From<Vec<u8>> for Message {
    fn from(contents: Vec<u8>) -> Message {
        Message::binary(contents)
    }
}

/// UTF-8 text in a shared buffer: cheap to clone, and a `&str` to read.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(Bytes);

impl Text {
    /// The text in `contents`; `Err` gives them back if they are not UTF-8.
    pub fn from_utf8(contents: Bytes) -> Result<Text, Bytes> {
        match std::str::from_utf8(&contents) {
            Ok(_) => Ok(Text(contents)),
            Err(_) => Err(contents),
        }
    }

    /// The text in `contents`, with U+FFFD in place of what is not UTF-8: what a browser makes of
    /// such a message. The second value tells whether anything was replaced.
    pub fn from_utf8_lossy(contents: Bytes) -> (Text, bool) {
        match Text::from_utf8(contents) {
            Ok(text) => (text, false),
            Err(contents) => (String::from_utf8_lossy(&contents).into_owned().into(), true),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("every constructor has checked that it is UTF-8")
    }

    /// The buffer.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Bytes::from(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The payload protocol identifiers of data channels (RFC 8831 §8), without the deprecated ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ppid {
    Dcep,
    String,
    Binary,
    StringEmpty,
    BinaryEmpty,
    /// None of ours.
    Unknown,
}

impl Ppid {
    /// The number on the wire.
    pub(super) fn number(self) -> u32 {
        match self {
            Ppid::Dcep => 50,
            Ppid::String => 51,
            Ppid::Binary => 53,
            Ppid::StringEmpty => 56,
            Ppid::BinaryEmpty => 57,
            Ppid::Unknown => 0,
        }
    }

    pub(super) fn from_number(number: u32) -> Ppid {
        match number {
            50 => Ppid::Dcep,
            51 => Ppid::String,
            53 => Ppid::Binary,
            56 => Ppid::StringEmpty,
            57 => Ppid::BinaryEmpty,
            _ => Ppid::Unknown,
        }
    }
}

/// What an empty message carries: SCTP has no message without data (RFC 8831 §6.6).
static EMPTY: Bytes = Bytes::from_static(&[0]);

impl Message {
    /// The PPID and the user data on the wire.
    pub(super) fn into_wire(self) -> (Ppid, Bytes) {
        match self {
            Message::Text(text) if text.is_empty() => (Ppid::StringEmpty, EMPTY.clone()),
            Message::Binary(contents) if contents.is_empty() => (Ppid::BinaryEmpty, EMPTY.clone()),
            Message::Text(text) => (Ppid::String, text.0),
            Message::Binary(contents) => (Ppid::Binary, contents),
        }
    }

    /// The message that came with this PPID, and whether it had to be mended. `None` if the PPID
    /// is none of a data channel's messages.
    pub(super) fn from_wire(ppid: Ppid, contents: Bytes) -> Option<(Message, bool)> {
        match ppid {
            Ppid::String => {
                let (text, mended) = Text::from_utf8_lossy(contents);
                Some((Message::Text(text), mended))
            }
            Ppid::Binary => Some((Message::Binary(contents), false)),
            // RFC 8831 §6.6: whatever an empty message carries is ignored.
            Ppid::StringEmpty => Some((Message::Text(Text::default()), false)),
            Ppid::BinaryEmpty => Some((Message::Binary(Bytes::new()), false)),
            Ppid::Dcep | Ppid::Unknown => None,
        }
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
