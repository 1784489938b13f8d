//! What an endpoint counted.

/// Totals of one endpoint since it was made. Whatever a peer, or somebody else, sent and we did not
/// want is here and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Datagrams handed in.
    pub datagrams_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Datagrams handed out.
    pub datagrams_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Records of application data that were opened.
    pub records_received: u64,
    /// Records of application data that were sealed.
    pub records_sent: u64,
    /// Times that a handshake flight was sent again because its timer ran out.
    pub retransmissions: u64,
    /// Datagrams held because the endpoint was not ready for them.
    pub early_held: u64,
    /// Datagrams dropped because the buffer for these was full.
    pub early_dropped: u64,
    /// Datagrams dropped because their records have no DTLS form.
    pub malformed: u64,
    /// Datagrams dropped before the peer's first believable message.
    pub unexpected: u64,
    /// Datagrams dropped after establishment because they were plaintext.
    pub plaintext: u64,
    /// Datagrams dropped because their epoch does not exist.
    pub wrong_epoch: u64,
    /// Protected datagrams out of which nothing came: not authentic, replayed, or of no effect.
    pub rejected: u64,
    /// Attempts of the peer to renegotiate, all ignored.
    pub renegotiations: u64,
    /// Datagrams that came after the end.
    pub late: u64,
    /// Times that the peer was told again that it was rejected.
    pub rejections_sent: u64,
}

impl Counters {
    /// All datagrams that were dropped, whatever the reason.
    pub fn dropped(&self) -> u64 {
        self.early_dropped
            + self.malformed
            + self.unexpected
            + self.plaintext
            + self.wrong_epoch
            + self.rejected
            + self.renegotiations
            + self.late
    }
}
