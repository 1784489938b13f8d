//! Which datagrams of a handshake webrtc-dtls is to see.

use std::sync::atomic::Ordering;

use proto::dtls::record::{ClientHello, Summary};
use proto::dtls::{AlertDescription, Certificate, Config, Role};

use super::driver::Driver;
use super::hello::offered_srtp_profiles;
use super::{Live, WakeHandle};

/// All that a handshake may feed to the engine, whose own bound is 2 MB.
const MAX_HANDSHAKE_BYTES: usize = 256 * 1_024;

/// What becomes of a datagram of the handshake.
pub(super) enum Admission {
    Pass,
    Held,
    Overflow,
    Unexpected,
}

impl Live {
    /// Whether the tasks are to see a datagram of the handshake.
    pub(super) fn admit(
        &mut self,
        summary: &Summary,
        datagram: &[u8],
        config: &Config,
        certificate: &Certificate,
        wake: &WakeHandle,
    ) -> Admission {
        if self.handshake_bytes + datagram.len() > MAX_HANDSHAKE_BYTES {
            return Admission::Unexpected;
        }
        self.alert = summary.fatal_alert.map(AlertDescription).or(self.alert);
        match self.role {
            Role::Client => self.admit_to_client(summary, datagram),
            Role::Server
                if summary.client_hello == Some(ClientHello::Complete)
                    && offered_srtp_profiles(datagram).is_none() =>
            {
                Admission::Unexpected
            }
            Role::Server if self.driver.shared.answered.load(Ordering::Relaxed) => Admission::Pass,
            Role::Server if summary.client_hello.is_none() => Admission::Unexpected,
            Role::Server => {
                if summary.client_hello == Some(ClientHello::Complete) {
                    let offered = offered_srtp_profiles(datagram).unwrap_or_default();
                    // What came before may be spoofed, and would stand in the engine's way.
                    if self.handshake_bytes > 0 || !offered.is_empty() {
                        let wake = wake.0.clone();
                        let (role, remote) = (self.role, &self.remote);
                        let fresh =
                            Driver::spawn(config, certificate, role, remote, &offered, wake);
                        if let Ok(driver) = fresh {
                            self.driver = driver;
                        }
                    }
                }
                Admission::Pass
            }
        }
    }

    /// webrtc-dtls takes whatever message comes first for the first of the server.
    fn admit_to_client(&mut self, summary: &Summary, datagram: &[u8]) -> Admission {
        if self.hello || summary.hello_verify_request {
            return Admission::Pass;
        }
        if summary.server_hello.is_some() {
            self.hello = true;
            return Admission::Pass;
        }
        if !summary.handshake && !summary.protected {
            return Admission::Unexpected;
        }
        if self.ahead.hold(datagram) {
            Admission::Held
        } else {
            Admission::Overflow
        }
    }
}
