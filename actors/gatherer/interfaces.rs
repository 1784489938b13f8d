//! The addresses of this host.

use std::io;
use std::net::IpAddr;

/// The addresses that can stand in host candidates: those of interfaces that are up, without
/// loopback unless it is asked for or there is nothing else; link-local IPv6 is left out, since
/// a browser cannot use it without its zone.
pub(crate) fn addresses(loopback: bool) -> io::Result<Vec<IpAddr>> {
    let mut all: Vec<IpAddr> = Vec::new();
    for interface in if_addrs::get_if_addrs()? {
        let ip = interface.ip();
        let usable = match ip {
            IpAddr::V4(ip) => !ip.is_link_local(),
            IpAddr::V6(ip) => !ip.is_unicast_link_local(),
        };
        if usable && !all.contains(&ip) {
            all.push(ip);
        }
    }
    let outside: Vec<IpAddr> = all.iter().copied().filter(|ip| !ip.is_loopback()).collect();
    Ok(if loopback || outside.is_empty() {
        all
    } else {
        outside
    })
}
