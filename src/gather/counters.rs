//! What a gatherer counts.

/// What a [`Gatherer`](super::Gatherer) saw, since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// STUN requests sent, repetitions included.
    pub requests_sent: u64,
    /// Responses that ended a transaction.
    pub responses: u64,
    /// Transactions that brought a mapped address.
    pub mapped: u64,
    /// Transactions that nobody answered.
    pub timeouts: u64,
    /// Transactions that ended by an error response, or because nobody listens there.
    pub errors: u64,
    /// Responses with the number of a transaction, but from elsewhere than asked: dropped.
    pub responses_from_elsewhere: u64,
    /// Responses with the number of a transaction that made no sense: dropped.
    pub responses_malformed: u64,
    /// Candidates that were not reported because another has the same address and base.
    pub candidates_redundant: u64,
    /// Candidates that were not reported because of [`MAX_CANDIDATES`](super::MAX_CANDIDATES).
    pub candidates_over_limit: u64,
    /// Answers of the owner to look-ups or allocations that were no longer waited for.
    pub answers_too_late: u64,
    /// Renewals of a mapping that failed.
    pub keepalives_failed: u64,
}
