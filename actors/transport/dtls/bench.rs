//! Two engines and nothing between them, for benchmarks.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use proto::Machine;
use proto::dtls::{Certificate, CertificateError, Config, Event, Role, State};
use proto::net::Segments;
use proto::random::Random;

use super::engine::Engine;
use crate::base::config::DtlsEngine;

/// A client and a server that hand each other what they send at once.
#[derive(Debug)]
pub struct DtlsLoop {
    engines: [Engine; 2],
    certificates: [Certificate; 2],
}

impl DtlsLoop {
    /// Makes the certificates, which are not part of a handshake.
    pub fn certificates() -> Result<[Certificate; 2], CertificateError> {
        let mut random = Random::from_number(1);
        let mut certificate =
            || Certificate::generate(&mut random, SystemTime::now(), Duration::from_secs(3600));
        Ok([certificate()?, certificate()?])
    }

    /// Not yet connected.
    pub fn new(kind: DtlsEngine, config: &Config, certificates: &[Certificate; 2]) -> DtlsLoop {
        let engine = |at: usize| {
            let certificate = certificates[at].clone();
            Engine::new(kind, config.clone(), certificate, Arc::new(|| {}))
        };
        DtlsLoop {
            engines: [engine(0), engine(1)],
            certificates: certificates.clone(),
        }
    }

    /// Makes the handshake; whether both sides are connected then.
    pub async fn connect(&mut self) -> bool {
        for (at, role) in [(1, Role::Server), (0, Role::Client)] {
            let remote = self.certificates[1 - at].fingerprints();
            if self.engines[at].start(now(), role, &remote).is_err() {
                return false;
            }
        }
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            for at in [0, 1] {
                for segments in self.sent(at) {
                    self.receive(1 - at, &segments);
                }
                while self.engines[at].poll_event().is_some() {}
            }
            if self.engines.iter().all(|e| e.state() == State::Connected) {
                return true;
            }
            // The engine's own tasks have their turn.
            tokio::task::yield_now().await;
        }
        false
    }

    /// Seals so many records at the client.
    pub fn seal(&mut self, payload: &[u8], records: usize) {
        for _ in 0..records {
            let _ = self.engines[0].send(now(), payload);
        }
    }

    /// What one side has to send.
    pub fn sent(&mut self, at: usize) -> Vec<Segments> {
        std::iter::from_fn(|| self.engines[at].poll_transmit(now())).collect()
    }

    /// Hands one side what the other has sent.
    pub fn receive(&mut self, at: usize, segments: &Segments) {
        for datagram in segments.iter() {
            self.engines[at].handle_datagram(now(), &datagram);
        }
    }

    /// Takes so many payloads out of the server; how many came, which is fewer when it takes
    /// for ever.
    pub async fn opened(&mut self, records: usize) -> usize {
        let mut count = 0;
        for _ in 0..100_000 {
            while let Some(event) = self.engines[1].poll_event() {
                count += usize::from(matches!(event, Event::ApplicationData(_)));
            }
            if count >= records {
                break;
            }
            tokio::task::yield_now().await;
        }
        count
    }
}

fn now() -> Instant {
    Instant::now()
}
