//! Which addresses of this host may stand in candidates, and where they are found.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::builders::builders;

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkInterface {
    /// The interface's name, `eth0` say.
    pub name: String,
    /// One of its addresses; the others have entries of their own.
    pub ip: IpAddr,
    /// Its number, the scope of its link-local IPv6 address.
    pub index: u32,
}

impl NetworkInterface {
    /// An address of the interface of this name and number.
    pub fn new(name: impl Into<String>, ip: IpAddr, index: u32) -> NetworkInterface {
        NetworkInterface {
            name: name.into(),
            ip,
            index,
        }
    }
}

/// Where the list of interfaces comes from: the operating system, unless a program knows better.
#[derive(Clone)]
pub struct Interfaces(Arc<dyn Fn() -> io::Result<Vec<NetworkInterface>> + Send + Sync>);

impl Interfaces {
    /// Asks `list` whenever the addresses are wanted. They must be addresses of this host.
    pub fn from_fn(
        list: impl Fn() -> io::Result<Vec<NetworkInterface>> + Send + Sync + 'static,
    ) -> Interfaces {
        Interfaces(Arc::new(list))
    }

    pub(crate) fn list(&self) -> io::Result<Vec<NetworkInterface>> {
        (self.0)()
    }
}

impl Default for Interfaces {
    /// Those of the operating system.
    fn default() -> Self {
        Interfaces::from_fn(|| {
            let found = if_addrs::get_if_addrs()?.into_iter();
            Ok(found
                .map(|interface| NetworkInterface {
                    ip: interface.ip(),
                    index: interface.index.unwrap_or(0),
                    name: interface.name,
                })
                .collect())
        })
    }
}

impl std::fmt::Debug for Interfaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interfaces")
    }
}

/// What kind of address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AddressKind {
    /// Valid on one link only: `fe80::/10`, `169.254.0.0/16`. Browsers do not offer such, and a
    /// wildcard socket cannot use those of IPv6.
    LinkLocal,
    /// Of a private network: RFC 1918, `100.64.0.0/10` and `fc00::/7`.
    Private,
    /// All others.
    Public,
}

impl AddressKind {
    fn of(ip: IpAddr) -> AddressKind {
        match ip {
            IpAddr::V4(ip) if ip.is_link_local() => AddressKind::LinkLocal,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => AddressKind::LinkLocal,
            IpAddr::V4(ip)
                if ip.is_private() || ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64 =>
            {
                AddressKind::Private
            }
            IpAddr::V6(ip) if ip.is_unique_local() => AddressKind::Private,
            _ => AddressKind::Public,
        }
    }
}

/// Which addresses of this host become host candidates, and are asked from. An address has to
/// pass all of it. Loopback is [`Config::loopback`](crate::Config::loopback)'s business, not that of `kinds`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AddressFilter {
    /// Only interfaces of these names; one that ends in `*` stands for all that begin so. Empty
    /// (the default): all.
    pub interfaces: Vec<String>,
    /// None of these, `docker*` say. Default: none is left out.
    pub not_interfaces: Vec<String>,
    /// Only these addresses. Empty (the default): all.
    pub addresses: Vec<IpAddr>,
    /// None of these. Default: none is left out.
    pub not_addresses: Vec<IpAddr>,
    /// Only these kinds. Default: private and public ones.
    pub kinds: Vec<AddressKind>,
    /// Whether IPv4 addresses. Default yes.
    pub ipv4: bool,
    /// Whether IPv6 addresses. Default yes.
    pub ipv6: bool,
}

impl Default for AddressFilter {
    fn default() -> Self {
        AddressFilter {
            interfaces: Vec::new(),
            not_interfaces: Vec::new(),
            addresses: Vec::new(),
            not_addresses: Vec::new(),
            kinds: vec![AddressKind::Private, AddressKind::Public],
            ipv4: true,
            ipv6: true,
        }
    }
}

builders! {
    AddressFilter {
        interfaces: impl IntoIterator<Item: Into<String>> => strings(interfaces),
        not_interfaces: impl IntoIterator<Item: Into<String>> => strings(not_interfaces),
        addresses: impl Into<Vec<IpAddr>>,
        not_addresses: impl Into<Vec<IpAddr>>,
        kinds: impl Into<Vec<AddressKind>>,
        ipv4: bool,
        ipv6: bool,
    }
}

fn strings(given: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    given.into_iter().map(Into::into).collect()
}

impl AddressFilter {
    pub(crate) fn passes(&self, interface: &NetworkInterface) -> bool {
        let ip = interface.ip;
        let named = |names: &[String]| names.iter().any(|name| is_named(&interface.name, name));
        let family = if ip.is_ipv4() { self.ipv4 } else { self.ipv6 };
        family
            && (self.interfaces.is_empty() || named(&self.interfaces))
            && !named(&self.not_interfaces)
            && (self.addresses.is_empty() || self.addresses.contains(&ip))
            && !self.not_addresses.contains(&ip)
            && (ip.is_loopback() || self.kinds.contains(&AddressKind::of(ip)))
    }
}

fn is_named(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}
