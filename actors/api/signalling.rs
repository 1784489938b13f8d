//! Offers and answers: the SDP of a session, from and to its transports.

use std::str::FromStr;
use std::sync::{MutexGuard, PoisonError};

use proto::sdp::{Description, Fragment, IceCredentials, SdpError, SdpWriteError, Setup};
use proto::{dtls, ice, sctp, sdp};

use crate::api::negotiation::{Generation, Negotiation};
use crate::api::session::Session;
use crate::base::config::DtlsEngine;
use crate::base::error::{DtlsError, GatherError, IceError, SctpError};

/// Why a description was not accepted, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The peer's text is at fault.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// Our own description could not be written.
    #[error(transparent)]
    Write(#[from] SdpWriteError),
    /// Gathering failed.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// ICE does not accept the peer's parameters.
    #[error(transparent)]
    Ice(#[from] IceError),
    /// DTLS does not accept the peer's parameters.
    #[error(transparent)]
    Dtls(#[from] DtlsError),
    /// SCTP does not accept the peer's parameters.
    #[error(transparent)]
    Sctp(#[from] SctpError),
    /// The session was negotiated before.
    #[error("the session is negotiated already: trickle candidates or restart ICE instead")]
    Negotiated,
}

impl SignalError {
    /// Whether the peer is at fault, and a better description would be accepted.
    pub fn is_peers_fault(&self) -> bool {
        match self {
            SignalError::Sdp(_) => true,
            SignalError::Ice(error) => matches!(error, IceError::Parameters(_)),
            SignalError::Dtls(error) => matches!(error, DtlsError::Start(_)),
            SignalError::Sctp(error) => matches!(error, SctpError::BadPort),
            _ => false,
        }
    }
}

/// What came of a trickle fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trickled {
    /// The candidates were taken.
    Candidates,
    /// The fragment asked for an ICE restart; this fragment is the answer to it.
    Restarted(String),
}

impl Session {
    fn negotiation(&self) -> MutexGuard<'_, Negotiation> {
        self.negotiation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The m-section of the data channels, once an offer or an answer has named it.
    #[cfg(feature = "web")]
    pub(crate) fn mid(&self) -> Option<String> {
        self.negotiation().mid.clone()
    }

    /// Counts ICE generations: the entity tag of the session over HTTP.
    pub fn generation(&self) -> u64 {
        self.negotiation().origin.version
    }

    /// Answers a peer's offer: gathers, starts all transports, and returns the answer. What
    /// comes of it is told by events and by [`connected`](Session::connected).
    ///
    /// # Errors
    /// When the offer cannot be used, with a sentence that says why, or gathering fails.
    pub async fn accept(&self, offer: &str) -> Result<String, SignalError> {
        let offer = Description::parse_offer(offer)?;
        let remote = &offer.description;
        self.remember(remote)?;
        // RFC 8445 §6.1.1: the offerer controls, but a lite agent never does against a full one.
        let role = if remote.ice.lite {
            ice::Role::Controlling
        } else {
            ice::Role::Controlled
        };
        self.ice().set_role(role);
        let setup = self.setup_for(remote.setup);
        self.dtls().set_role(dtls_role(setup));
        self.gatherer()
            .gather(Some(self.scope().ice_servers().to_vec()))
            .await?;
        let answer = offer.answer(self.negotiation().origin, &self.describe(setup))?;
        self.start_transports(remote).await?;
        Ok(answer)
    }

    /// Gathers and returns an offer of data channels.
    ///
    /// # Errors
    /// When gathering fails.
    pub async fn offer(&self) -> Result<String, SignalError> {
        self.ice().set_role(ice::Role::Controlling);
        self.gatherer()
            .gather(Some(self.scope().ice_servers().to_vec()))
            .await?;
        Ok(self
            .describe(Setup::ActPass)
            .to_offer(self.negotiation().origin)?)
    }

    /// Takes the peer's answer to our [`offer`](Self::offer) and starts all transports.
    ///
    /// # Errors
    /// When the answer cannot be used, with a sentence that says why.
    pub async fn set_answer(&self, answer: &str) -> Result<(), SignalError> {
        let remote = Description::parse_answer(answer)?;
        self.remember(&remote)?;
        self.dtls().set_role(dtls_role(remote.setup.answer()));
        self.start_transports(&remote).await
    }

    /// Takes candidates of the peer, or its ICE restart, from a trickle fragment (RFC 8840).
    ///
    /// # Errors
    /// When the fragment cannot be read, or the session is closed.
    pub async fn trickle(&self, fragment: &str) -> Result<Trickled, SignalError> {
        let _turn = self.trickling.lock().await;
        self.take_fragment(fragment).await
    }

    /// As [`trickle`](Self::trickle), if `expected` says yes to the generation when it is this
    /// fragment's turn; else nothing is done. Tells the generation after it, too.
    #[cfg(feature = "web")]
    pub(crate) async fn trickle_if(
        &self,
        expected: impl FnOnce(u64) -> bool,
        fragment: &str,
    ) -> Result<(Option<Trickled>, u64), SignalError> {
        let _turn = self.trickling.lock().await;
        if !expected(self.generation()) {
            return Ok((None, self.generation()));
        }
        let trickled = self.take_fragment(fragment).await?;
        Ok((Some(trickled), self.generation()))
    }

    async fn take_fragment(&self, fragment: &str) -> Result<Trickled, SignalError> {
        let mid = self.negotiation().mid.clone();
        let fragment = Fragment::parse(fragment, mid.as_deref())?;
        let mut trickled = Trickled::Candidates;
        if let Some(remote) = fragment.ice {
            // Not inside the match: its lock would be held while the restart needs it.
            let generation = self.negotiation().generation_of(&remote);
            match generation {
                Generation::Current => {}
                Generation::Earlier => return Ok(trickled),
                Generation::New if self.negotiation().restarting => {
                    self.ice().begin(parameters(&remote)).await?;
                    let mut negotiation = self.negotiation();
                    negotiation.restarting = false;
                    negotiation.advance(remote);
                }
                Generation::New => trickled = self.restart_with(remote, mid).await?,
            }
        }
        self.add_remote_candidates(&fragment.candidates, fragment.end_of_candidates);
        Ok(trickled)
    }

    /// Begins an ICE restart, after [`RestartNeeded`](crate::IceTransportEvent::RestartNeeded) or
    /// for reasons of one's own: returns the fragment that the peer is to be given (its
    /// [`trickle`](Self::trickle) answers with [`Trickled::Restarted`]). What it answers is given
    /// to `trickle` on this side. DTLS, SCTP and the channels live on. When both sides begin at
    /// once, each takes the other's fragment as the answer to its own.
    ///
    /// # Errors
    /// When the session is closed.
    pub async fn restart_ice(&self) -> Result<String, SignalError> {
        let _turn = self.trickling.lock().await;
        let local = self.ice().restart().await?;
        let mid = {
            let mut negotiation = self.negotiation();
            negotiation.restarting = true;
            negotiation.mid.clone()
        };
        self.fragment(&local, mid)
    }

    /// Our side of an ICE generation.
    fn fragment(
        &self,
        local: &ice::Parameters,
        mid: Option<String>,
    ) -> Result<String, SignalError> {
        let fragment = Fragment {
            ice: Some(credentials(local)),
            mid,
            candidates: self.candidate_lines(),
            end_of_candidates: true,
            left_out: Vec::new(),
        };
        Ok(fragment.to_text()?)
    }

    /// The peer's ICE restart: new credentials on both sides.
    async fn restart_with(
        &self,
        remote: IceCredentials,
        mid: Option<String>,
    ) -> Result<Trickled, SignalError> {
        let local = self.ice().restart().await?;
        self.ice().begin(parameters(&remote)).await?;
        self.negotiation().advance(remote);
        Ok(Trickled::Restarted(self.fragment(&local, mid)?))
    }

    /// The first description of the peer is remembered, a second one refused.
    fn remember(&self, remote: &Description) -> Result<(), SignalError> {
        let mut negotiation = self.negotiation();
        if negotiation.remote.is_some() {
            return Err(SignalError::Negotiated);
        }
        negotiation.remote = Some(remote.ice.clone());
        negotiation.mid = remote.mid.clone();
        negotiation.origin.version = 1;
        Ok(())
    }

    /// What we answer to an offer's setup. A client on webrtc-dtls either offers SRTP and fails with
    /// a server that has none, or does not and fails with one that insists on it (aiortc); as a
    /// server it works with all of them.
    fn setup_for(&self, offered: Setup) -> Setup {
        match (offered, self.scope().dtls_engine()) {
            (Setup::ActPass, DtlsEngine::WebrtcDtls) => Setup::Passive,
            _ => offered.answer(),
        }
    }

    /// Our side.
    fn describe(&self, setup: Setup) -> Description {
        let fingerprints = self.dtls().local_parameters().fingerprints;
        Description {
            ice: credentials(&self.gatherer().local_parameters()),
            candidates: self.candidate_lines(),
            end_of_candidates: true,
            left_out: Vec::new(),
            trickle: true,
            fingerprints: fingerprints
                .into_iter()
                .map(|f| sdp::Fingerprint {
                    algorithm: f.algorithm,
                    value: f.value,
                })
                .collect(),
            setup,
            sctp_port: self.sctp().port(),
            max_message_size: Some(self.sctp().local_capabilities().max_message_size),
            mid: None,
            m_line_index: 0,
        }
    }

    fn candidate_lines(&self) -> Vec<String> {
        self.gatherer()
            .local_candidates()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    async fn start_transports(&self, remote: &Description) -> Result<(), SignalError> {
        let fingerprints = remote
            .fingerprints
            .iter()
            .map(|f| dtls::Fingerprint {
                algorithm: f.algorithm.clone(),
                value: f.value.clone(),
            })
            .collect();
        let role = dtls_role(remote.setup);
        self.dtls()
            .begin(dtls::Parameters { fingerprints, role })
            .await?;
        let capabilities = sctp::Capabilities {
            max_message_size: remote
                .max_message_size
                .unwrap_or(sdp::DEFAULT_MAX_MESSAGE_SIZE),
        };
        self.sctp()
            .begin(capabilities, Some(remote.sctp_port))
            .await?;
        self.add_remote_candidates(&remote.candidates, remote.end_of_candidates);
        self.ice().begin(parameters(&remote.ice)).await?;
        Ok(())
    }

    /// One candidate that cannot be read does not spoil the others: its kind may be one that is
    /// yet to be invented.
    fn add_remote_candidates(&self, lines: &[String], end: bool) {
        for line in lines {
            match ice::Candidate::from_str(line) {
                Ok(candidate) => self.ice().add_remote_candidate(candidate),
                Err(error) => {
                    tracing::debug!(session = %self.id(), %error, line, "candidate not understood");
                }
            }
        }
        if end {
            self.ice().add_remote_candidate(None);
        }
    }
}

fn parameters(ice: &IceCredentials) -> ice::Parameters {
    ice::Parameters {
        username_fragment: ice.ufrag.clone(),
        password: ice.pwd.clone(),
        ice_lite: ice.lite,
    }
}

fn credentials(parameters: &ice::Parameters) -> IceCredentials {
    IceCredentials {
        ufrag: parameters.username_fragment.clone(),
        pwd: parameters.password.clone(),
        lite: parameters.ice_lite,
    }
}

fn dtls_role(setup: Setup) -> dtls::ParametersRole {
    match setup {
        Setup::ActPass => dtls::ParametersRole::Auto,
        Setup::Active => dtls::ParametersRole::Client,
        Setup::Passive => dtls::ParametersRole::Server,
    }
}
