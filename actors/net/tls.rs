//! The TLS handshake with TURN servers (`turns:`).

use std::fmt;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use proto::turn::Failure;

use crate::base::config::tls_roots::TlsRoots;

/// Speaks TLS on a connection, with a server that has a certificate for `name`.
pub(crate) async fn handshake(
    roots: TlsRoots,
    name: String,
    connection: TcpStream,
) -> Result<TlsStream<TcpStream>, Failure> {
    let failure = |error: &dyn fmt::Display| Failure::Tls {
        detail: error.to_string(),
    };
    let server = ServerName::try_from(name).map_err(|error| failure(&error))?;
    let client = tokio::task::spawn_blocking(move || roots.client())
        .await
        .map_err(|error| failure(&error))?
        .map_err(|error| failure(&error))?;
    TlsConnector::from(client)
        .connect(server, connection)
        .await
        .map_err(|error| failure(&error))
}
