//! To whom an address belongs.

use std::time::{Duration, Instant};

/// An address in the table: who holds it, and who waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held<Id> {
    owner: Id,
    /// When a check of the owner's to this address was answered last.
    answered: Option<Instant>,
    heir: Option<Heir<Id>>,
}

/// Who gets an address that is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heir<Id> {
    session: Id,
    answered: Option<Instant>,
}

/// What came of wanting an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Claim {
    /// It is the session's own.
    Held,
    /// It was another one's, which has no consent (any more), and is the session's from now on.
    Moved,
    /// It is another one's. The session gets it when that one lets it go.
    Taken,
}

impl<Id: Copy + Eq> Held<Id> {
    pub(super) fn new(owner: Id, answered: Option<Instant>) -> Held<Id> {
        Held {
            owner,
            answered,
            heir: None,
        }
    }

    /// Who gets what comes from here.
    pub fn owner(&self) -> Id {
        self.owner
    }

    /// `session` wants the address; `answered` if a check of its own was answered from there just
    /// now. An answer is consent for the time `consent`.
    pub(super) fn claim(
        &mut self,
        now: Instant,
        session: Id,
        answered: bool,
        consent: Duration,
    ) -> Claim {
        let answer = answered.then_some(now);
        if self.owner == session {
            self.answered = answer.or(self.answered);
            return Claim::Held;
        }
        let has_consent = self.answered.is_some_and(|at| now < at + consent);
        if answered && !has_consent {
            self.owner = session;
            self.answered = answer;
            self.heir.take_if(|heir| heir.session == session);
            return Claim::Moved;
        }
        // One that has been answered goes before one that was only heard.
        match &mut self.heir {
            Some(heir) if heir.session == session => heir.answered = answer.or(heir.answered),
            Some(heir) if heir.answered.is_some() && !answered => {}
            heir => {
                *heir = Some(Heir {
                    session,
                    answered: answer,
                });
            }
        }
        Claim::Taken
    }

    /// `session` does not want it any more: what is left of the entry.
    pub(super) fn release(mut self, session: Id) -> Option<Held<Id>> {
        if self.owner == session {
            let Heir { session, answered } = self.heir?;
            return Some(Held::new(session, answered));
        }
        self.heir.take_if(|heir| heir.session == session);
        Some(self)
    }
}
