//! The addresses of this host, and which of them may stand in candidates.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::base::config::Config;

/// The addresses that can stand in host candidates, with port 0 and the scope of link-local ones:
/// those that the filter lets pass, without loopback unless it is asked for or there is nothing
/// else.
pub(crate) fn addresses(config: &Config) -> io::Result<Vec<SocketAddr>> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for interface in config.interfaces.list()? {
        let address = match interface.ip {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => {
                SocketAddrV6::new(ip, 0, 0, interface.index).into()
            }
            ip => SocketAddr::new(ip, 0),
        };
        if config.addresses.passes(&interface) && !all.contains(&address) {
            all.push(address);
        }
    }
    let is_outside = |address: &SocketAddr| !address.ip().is_loopback();
    if !config.loopback && all.iter().any(is_outside) {
        all.retain(is_outside);
    }
    Ok(all)
}

#[cfg(test)]
#[path = "interfaces_tests.rs"]
mod tests;
