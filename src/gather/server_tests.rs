use super::*;

#[test]
fn urls_are_a_string_or_an_array_in_json() {
    let one: IceServer = serde_json::from_str(r#"{"urls":"stun:a.example"}"#).unwrap();
    assert_eq!(one, IceServer::stun("stun:a.example"));
    let many: IceServer = serde_json::from_str(
        r#"{"urls":["turn:a.example","turns:a.example"],"username":"u","credential":"c",
            "credentialType":"password"}"#,
    )
    .unwrap();
    assert_eq!(many.urls, ["turn:a.example", "turns:a.example"]);
    assert_eq!(many.parse().unwrap().len(), 2);
    assert_eq!(
        serde_json::to_string(&one).unwrap(),
        r#"{"urls":["stun:a.example"]}"#
    );
    assert!(serde_json::from_str::<IceServer>(r#"{"urls":7}"#).is_err());
}

#[test]
fn a_turn_server_needs_both_credentials() {
    let full = IceServer::turn("turn:a.example", "user", "");
    assert!(full.parse().is_ok(), "an empty password is a password");
    for broken in [
        IceServer {
            username: None,
            ..full.clone()
        },
        IceServer {
            username: Some(String::new()),
            ..full.clone()
        },
        IceServer {
            credential: None,
            ..full.clone()
        },
    ] {
        assert_eq!(broken.parse().unwrap_err().reason(), "no_credentials");
    }
    let long = IceServer {
        username: Some("u".repeat(MAX_USERNAME_LEN + 1)),
        ..full
    };
    assert_eq!(long.parse().unwrap_err().reason(), "username_too_long");
    assert!(IceServer::stun("stun:a.example").parse().is_ok());
}

#[test]
fn the_first_broken_url_is_named() {
    let server = IceServer {
        urls: vec!["stun:a.example".into(), "stun://b.example".into()],
        ..IceServer::default()
    };
    let error = server.parse().unwrap_err();
    assert_eq!(error.reason(), "slashes");
    assert!(
        error.to_string().starts_with("stun://b.example: "),
        "{error}"
    );
    assert_eq!(IceServer::default().parse(), Err(ServerError::NoUrls));
    let long = IceServer::stun("\u{fc}".repeat(1000)).parse().unwrap_err();
    assert!(long.to_string().len() < 250, "{long}");
}

#[test]
fn passwords_are_not_shown() {
    let server = IceServer::turn("turn:a.example", "user", "hunter2");
    let shown = format!("{server:?} {:?}", server.credentials());
    assert!(
        shown.contains("user") && !shown.contains("hunter2"),
        "{shown}"
    );
}
