//! The block of header extensions (RFC 8285).

/// The form with headers of one byte (RFC 8285 §4.2).
const ONE_BYTE: u16 = 0xBEDE;
/// The form with headers of two bytes (RFC 8285 §4.3); its lowest four bits are the application's.
const TWO_BYTE: u16 = 0x1000;

/// The header extensions of a packet: identifier and value of each. What is cut off ends them.
#[derive(Debug, Clone)]
pub struct Extensions<'a> {
    form: Option<Form>,
    rest: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    OneByte,
    TwoByte,
}

impl<'a> Extensions<'a> {
    /// From the block's form and contents; there are none in a block of another form.
    pub fn new(form: u16, contents: &'a [u8]) -> Extensions<'a> {
        let form = match form {
            ONE_BYTE => Some(Form::OneByte),
            form if form & 0xFFF0 == TWO_BYTE => Some(Form::TwoByte),
            _ => None,
        };
        Extensions {
            form,
            rest: contents,
        }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let form = self.form?;
        loop {
            let (&first, rest) = self.rest.split_first()?;
            // A byte of padding, in both forms.
            if first == 0 {
                self.rest = rest;
                continue;
            }
            let (id, len, rest) = match form {
                // RFC 8285 §4.2: 15 ends them; 0 with a length is ignored.
                Form::OneByte if first >> 4 == 15 => return None,
                Form::OneByte => (first >> 4, usize::from(first & 0x0F) + 1, rest),
                Form::TwoByte => {
                    let (&len, rest) = rest.split_first()?;
                    (first, usize::from(len), rest)
                }
            };
            let (value, rest) = rest.split_at_checked(len)?;
            self.rest = rest;
            if id != 0 {
                return Some((id, value));
            }
        }
    }
}

/// A block of header extensions to be written: at most 255 bytes, in the form with the shorter
/// headers that can hold it.
#[derive(Debug, Clone)]
pub struct ExtensionBlock {
    /// Identifier, length and value of each: the form with headers of two bytes.
    contents: [u8; ExtensionBlock::MAX],
    len: usize,
    one_byte: bool,
}

impl Default for ExtensionBlock {
    fn default() -> Self {
        ExtensionBlock {
            contents: [0; ExtensionBlock::MAX],
            len: 0,
            one_byte: true,
        }
    }
}

impl ExtensionBlock {
    const MAX: usize = 256;

    /// Adds one; `false`, and nothing is added, when its identifier is 0 or the block is full.
    pub fn push(&mut self, id: u8, value: &[u8]) -> bool {
        let end = self.len + 2 + value.len();
        let Ok(value_len @ 0..=253) = u8::try_from(value.len()) else {
            return false;
        };
        if id == 0 || end > Self::MAX {
            return false;
        }
        self.contents[self.len..end][..2].copy_from_slice(&[id, value_len]);
        self.contents[self.len + 2..end].copy_from_slice(value);
        self.len = end;
        // RFC 8285 §4.2
        self.one_byte &= id < 15 && (1..=16).contains(&value.len());
        true
    }

    /// Whether there is no extension in it; then the packet has no block.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes the block's contents, padded to whole words, and returns them and the form's
    /// identifier: what [`RtpPacketBuilder::extension`](super::RtpPacketBuilder::extension) takes.
    pub fn write<'a>(&self, into: &'a mut [u8; 256]) -> (u16, &'a [u8]) {
        into.fill(0);
        let mut end = 0;
        let written = Extensions {
            form: Some(Form::TwoByte),
            rest: &self.contents[..self.len],
        };
        for (id, value) in written {
            let header = match self.one_byte {
                true => &[id << 4 | (value.len() as u8).wrapping_sub(1)][..],
                false => &[id, value.len() as u8],
            };
            for part in [header, value] {
                // Never longer than what was pushed, which fits.
                into[end..end + part.len()].copy_from_slice(part);
                end += part.len();
            }
        }
        let form = if self.one_byte { ONE_BYTE } else { TWO_BYTE };
        (form, &into[..end.next_multiple_of(4)])
    }
}

#[cfg(test)]
#[path = "extension_tests.rs"]
mod tests;
