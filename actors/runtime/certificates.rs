//! The certificate that the sessions of a runtime present.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use proto::dtls::{Certificate, CertificateError};
use proto::random::Random;

/// How long before its end a certificate of our own is replaced for new sessions: the handshake of
/// a session that is opened now is over by then.
const RENEW_BEFORE: Duration = Duration::from_secs(24 * 3600);

/// One certificate for all sessions: the application's, or one of our own, which is replaced in
/// time. Sessions that are open keep theirs.
pub(crate) struct Certificates {
    current: Mutex<Certificate>,
    own: bool,
}

impl Certificates {
    /// Those of an application.
    pub(crate) fn given(certificate: Certificate) -> Certificates {
        Certificates {
            current: Mutex::new(certificate),
            own: false,
        }
    }

    /// A fresh one.
    pub(crate) fn generate(
        random: &mut Random,
        now: SystemTime,
    ) -> Result<Certificates, CertificateError> {
        let certificate = Certificate::generate(random, now, Certificate::DEFAULT_VALIDITY)?;
        Ok(Certificates {
            current: Mutex::new(certificate),
            own: true,
        })
    }

    /// That of a session which is opened now.
    pub(crate) fn at(&self, now: SystemTime, random: &mut Random) -> Certificate {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if self.own && !current.is_valid_at(now + RENEW_BEFORE) {
            match Certificate::generate(random, now, Certificate::DEFAULT_VALIDITY) {
                Ok(fresh) => *current = fresh,
                // The next session tries again.
                Err(error) => tracing::warn!(%error, "the certificate cannot be renewed"),
            }
        }
        current.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_certificate_of_our_own_is_replaced_before_it_ends() {
        let now = SystemTime::now();
        let mut random = Random::from_number(1);
        let certificates = Certificates::generate(&mut random, now).unwrap();
        let first = certificates.at(now, &mut random);
        let same = certificates.at(first.expires() - 2 * DAY, &mut random);
        assert_eq!(same.der(), first.der());
        let late = first.expires() - DAY / 2;
        let second = certificates.at(late, &mut random);
        assert_ne!(second.der(), first.der());
        assert!(second.is_valid_at(late + 20 * DAY));
        // A clock that was set back over the beginning.
        let third = certificates.at(now - 40 * DAY, &mut random);
        assert!(third.is_valid_at(now - 40 * DAY));
    }

    #[test]
    fn a_certificate_of_the_application_is_never_replaced() {
        let now = SystemTime::now();
        let mut random = Random::from_number(1);
        let given = Certificate::generate(&mut random, now, DAY).unwrap();
        let certificates = Certificates::given(given.clone());
        let later = certificates.at(now + 90 * DAY, &mut random);
        assert_eq!(later.der(), given.der());
    }
}
