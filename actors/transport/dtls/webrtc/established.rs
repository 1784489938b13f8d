//! What a handshake of webrtc-dtls has brought to light.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use proto::dtls::{ExportError, SrtpKeyingMaterial};
use webrtc_util::KeyingMaterialExporter;

use super::sealer::Sealer;

/// What a handshake has brought to light.
pub(super) struct Established {
    pub(super) peer_certificate: Bytes,
    pub(super) cipher_suite: &'static str,
    pub(super) srtp: Option<SrtpKeyingMaterial>,
    pub(super) sealer: Sealer,
    pub(super) state: webrtc_dtls::state::State,
}

impl Established {
    /// The exporter of RFC 5705 without context.
    pub(super) fn export(
        &self,
        label: &str,
        context: &[u8],
        len: usize,
    ) -> Result<Vec<u8>, ExportError> {
        // It is `async` for a lock that nobody else takes.
        let export = pin!(self.state.export_keying_material(label, context, len));
        match export.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(material)) => Ok(material),
            Poll::Ready(Err(_)) | Poll::Pending => Err(ExportError::Unsupported),
        }
    }
}

impl fmt::Debug for Established {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the keys.
        f.debug_struct("Established")
            .field("cipher_suite", &self.cipher_suite)
            .field("srtp", &self.srtp)
            .finish_non_exhaustive()
    }
}
