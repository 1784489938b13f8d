//! Both directions of one transport.

use super::config::Config;
use super::error::KeyError;
use super::keying::{SrtpKeyingMaterial, SrtpProfile};
use super::receive::ReceiveContext;
use super::send::SendContext;

/// Which side of the DTLS handshake is ours (RFC 5764 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The DTLS client.
    Client,
    /// The DTLS server.
    Server,
}

/// The two contexts of one transport. They share no state and no key.
#[derive(Debug)]
pub struct Contexts {
    /// What we send.
    pub send: SendContext,
    /// What the peer sends.
    pub receive: ReceiveContext,
}

impl Contexts {
    /// From what the DTLS handshake yielded.
    ///
    /// # Errors
    /// [`KeyError`] when the cryptographic library does not take the keys.
    pub fn new(
        material: &SrtpKeyingMaterial,
        side: Side,
        config: Config,
    ) -> Result<Contexts, KeyError> {
        let profile: SrtpProfile = material.profile();
        let ((our_key, our_salt), (their_key, their_salt)) = match side {
            Side::Client => (material.client(), material.server()),
            Side::Server => (material.server(), material.client()),
        };
        Ok(Contexts {
            send: SendContext::new(profile, our_key, our_salt, config)?,
            receive: ReceiveContext::new(profile, their_key, their_salt, config)?,
        })
    }
}
