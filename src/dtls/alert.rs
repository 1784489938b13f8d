//! Alerts (RFC 5246 §7.2, RFC 8446 §6).

use std::fmt;

/// What an alert says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlertDescription(pub u8);

impl AlertDescription {
    /// The sender has no more to say.
    pub const CLOSE_NOTIFY: AlertDescription = AlertDescription(0);
    /// No acceptable set of parameters.
    pub const HANDSHAKE_FAILURE: AlertDescription = AlertDescription(40);
    /// The certificate is not the one that was expected.
    pub const BAD_CERTIFICATE: AlertDescription = AlertDescription(42);
    /// The certificate is of a kind that cannot be checked.
    pub const UNSUPPORTED_CERTIFICATE: AlertDescription = AlertDescription(43);
    /// A message is not as the protocol wants it.
    pub const ILLEGAL_PARAMETER: AlertDescription = AlertDescription(47);

    /// All that have a name, for tables of labels.
    pub const ALL: [AlertDescription; 25] = {
        const fn of(code: u8) -> AlertDescription {
            AlertDescription(code)
        }
        [
            of(0),
            of(10),
            of(20),
            of(22),
            of(40),
            of(42),
            of(43),
            of(44),
            of(45),
            of(46),
            of(47),
            of(48),
            of(49),
            of(50),
            of(51),
            of(70),
            of(71),
            of(80),
            of(86),
            of(90),
            of(100),
            of(109),
            of(110),
            of(116),
            of(120),
        ]
    };

    /// The name in the IANA registry, `unknown` for one that is not there.
    pub fn as_str(self) -> &'static str {
        match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => "unknown",
        }
    }

    /// Whether it says that our certificate is not accepted.
    pub fn is_about_certificate(self) -> bool {
        matches!(self.0, 42..=46 | 48 | 49 | 116)
    }

    /// A plaintext record of DTLS 1.2 with this as a fatal alert.
    pub(super) fn to_plaintext_record(self, sequence: u64) -> [u8; 15] {
        let s = sequence.to_be_bytes();
        // RFC 6347 §4.1: type, version, epoch 0, 48 bits of sequence number, length; level, alert.
        [
            21, 254, 253, 0, 0, s[2], s[3], s[4], s[5], s[6], s[7], 0, 2, 2, self.0,
        ]
    }
}

impl fmt::Display for AlertDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            "unknown" => write!(f, "alert {}", self.0),
            name => f.write_str(name),
        }
    }
}
