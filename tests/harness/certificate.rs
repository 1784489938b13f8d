//! Certificates of TURN servers that are reached by TLS.

#![allow(dead_code, reason = "each test uses its part of it")]

use std::net::Ipv4Addr;

use actix_rtc::TlsRoots;

use crate::coturn::{Coturn, LOOPBACK_PEERS, free_address};

/// A certificate for `names`, as files for coturn and as roots for us.
pub(crate) struct Certificate {
    pub(crate) directory: std::path::PathBuf,
    pub(crate) roots: TlsRoots,
}

impl Certificate {
    pub(crate) fn new(names: &[&str]) -> Certificate {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let unique = free_address(Ipv4Addr::LOCALHOST.into()).port();
        let directory = std::env::temp_dir().join(format!("turns-{}-{unique}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(directory.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let roots = TlsRoots::from_pem(made.cert.pem().as_bytes()).unwrap();
        Certificate { directory, roots }
    }

    pub(crate) fn coturn(&self) -> Option<Coturn> {
        let file = |option, name| format!("--{option}={}", self.directory.join(name).display());
        let (cert, key) = (file("cert", "cert.pem"), file("pkey", "key.pem"));
        Coturn::start(&[LOOPBACK_PEERS, &cert, &key])
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
