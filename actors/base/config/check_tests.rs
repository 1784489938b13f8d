use proto::gather::IceServer;

use super::*;

fn mux(ip: &str, port: u16) -> Config {
    Config {
        workers: 4,
        udp: UdpMode::Mux {
            ip: ip.parse().unwrap(),
            port,
        },
        ..Config::default()
    }
}

#[test]
fn the_defaults_are_sound() {
    Config::default().check().unwrap();
    mux("0.0.0.0", 0).check().unwrap();
    mux("0.0.0.0", 65_532).check().unwrap();
}

#[test]
fn what_cannot_work_is_refused_with_a_sentence() {
    let refused = |config: Config, words: &str| {
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(
        Config {
            workers: 0,
            ..Config::default()
        },
        "at least one worker",
    );
    refused(mux("0.0.0.0", 65_533), "at most 65532");
    refused(
        Config {
            workers: usize::MAX,
            ..mux("0.0.0.0", 1)
        },
        "fewer workers",
    );
    refused(
        Config {
            ice_grace: std::time::Duration::MAX,
            ..Config::default()
        },
        "a year at most",
    );
    for busy_poll in [0, 10_001] {
        let config = Config {
            busy_poll: Some(std::time::Duration::from_micros(busy_poll)),
            ..Config::default()
        };
        refused(config, "at most 10 ms");
    }
    for (first, last) in [(0, 9), (5000, 4999)] {
        let port_range = Some(first..=last);
        let config = Config {
            port_range,
            ..Config::default()
        };
        refused(config, "at least one port");
    }
    let announce = |ip: &str, c: Config| Config {
        announce: vec![ip.parse().unwrap()],
        ..c
    };
    refused(
        announce("2001:db8::1", mux("0.0.0.0", 0)),
        "not of the same family",
    );
    refused(announce("192.0.2.1", Config::default()), "udp_mux");
    refused(
        Config {
            node: Some("a/b".into()),
            ..Config::default()
        },
        "node name",
    );
    refused(
        Config {
            max_sessions: 0,
            ..Config::default()
        },
        "max_sessions is 0",
    );
    refused(
        Config {
            idle_timeout: Some(Duration::ZERO),
            ..Config::default()
        },
        "leave it out for no limit",
    );
    let without_password = Config {
        ice_servers: vec![IceServer::stun("turn:turn.example.org")],
        ..Config::default()
    };
    refused(without_password, "needs a username and a credential");
}
