use super::*;
use crate::base::config::addresses::{AddressFilter, AddressKind, Interfaces, NetworkInterface};

fn host(name: &str, ip: &str, index: u32) -> NetworkInterface {
    NetworkInterface {
        name: name.into(),
        ip: ip.parse().unwrap(),
        index,
    }
}

fn config(filter: AddressFilter) -> Config {
    Config {
        interfaces: Interfaces::from_fn(|| {
            Ok(vec![
                host("lo", "127.0.0.1", 1),
                host("lo", "::1", 1),
                host("eth0", "192.0.2.1", 2),
                host("eth0", "2001:db8::1", 2),
                host("eth0", "fe80::1", 2),
                host("eth1", "10.0.0.1", 3),
                host("eth1", "169.254.7.7", 3),
                host("docker0", "172.17.0.1", 4),
                host("wg0", "fd00::1", 5),
                host("wg0", "100.64.0.1", 5),
                host("eth0:1", "192.0.2.1", 2),
            ])
        }),
        addresses: filter,
        ..Config::default()
    }
}

fn found(config: &Config) -> Vec<String> {
    let found = addresses(config).unwrap();
    found.iter().map(|address| address.to_string()).collect()
}

#[test]
fn by_default_all_but_loopback_and_link_local_each_once() {
    assert_eq!(
        found(&config(AddressFilter::default())),
        [
            "192.0.2.1:0",
            "[2001:db8::1]:0",
            "10.0.0.1:0",
            "172.17.0.1:0",
            "[fd00::1]:0",
            "100.64.0.1:0"
        ]
    );
}

#[test]
fn loopback_on_request_or_when_there_is_nothing_else() {
    let asked = Config {
        loopback: true,
        ..config(AddressFilter::default())
    };
    assert_eq!(found(&asked)[..2], ["127.0.0.1:0", "[::1]:0"]);
    assert_eq!(found(&asked).len(), 8);
    let alone = AddressFilter {
        interfaces: vec!["lo".into()],
        ..AddressFilter::default()
    };
    assert_eq!(found(&config(alone)), ["127.0.0.1:0", "[::1]:0"]);
}

#[test]
fn filters_by_name_address_kind_and_family() {
    let filter = |change: fn(&mut AddressFilter)| {
        let mut filter = AddressFilter::default();
        change(&mut filter);
        found(&config(filter))
    };
    assert_eq!(
        filter(|f| f.interfaces = vec!["eth*".into(), "wg0".into()]),
        [
            "192.0.2.1:0",
            "[2001:db8::1]:0",
            "10.0.0.1:0",
            "[fd00::1]:0",
            "100.64.0.1:0"
        ]
    );
    assert_eq!(
        filter(|f| {
            f.not_interfaces = vec!["docker*".into(), "wg*".into()];
            f.ipv6 = false;
        }),
        ["192.0.2.1:0", "10.0.0.1:0"]
    );
    assert_eq!(
        filter(|f| {
            f.ipv4 = false;
            f.not_addresses = vec!["fd00::1".parse().unwrap()];
        }),
        ["[2001:db8::1]:0"]
    );
    assert_eq!(
        filter(|f| f.addresses = vec!["10.0.0.1".parse().unwrap()]),
        ["10.0.0.1:0"]
    );
    assert_eq!(
        filter(|f| f.kinds = vec![AddressKind::Public]),
        ["192.0.2.1:0", "[2001:db8::1]:0"]
    );
    assert_eq!(
        filter(|f| f.kinds = vec![AddressKind::LinkLocal]),
        ["[fe80::1%2]:0", "169.254.7.7:0"],
        "with the scope of its interface"
    );
}

#[test]
fn a_filter_is_read_from_a_configuration_file() {
    let filter: AddressFilter =
        toml::from_str("not_interfaces = ['docker*']\nkinds = ['link-local', 'public']").unwrap();
    assert_eq!(filter.not_interfaces, ["docker*"]);
    assert_eq!(filter.kinds, [AddressKind::LinkLocal, AddressKind::Public]);
    assert!(filter.ipv4 && filter.ipv6);
    assert!(toml::from_str::<AddressFilter>("interface = ['eth0']").is_err());
}

#[test]
fn this_host_has_addresses() {
    assert!(!addresses(&Config::default()).unwrap().is_empty());
}
