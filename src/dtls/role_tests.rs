use super::*;

#[test]
fn an_open_role_follows_the_other_side_and_then_the_ice_role() {
    use ParametersRole::{Auto, Client, Server};
    let resolve = |local, remote, controlling| Role::resolve(local, remote, controlling);
    for controlling in [false, true] {
        assert_eq!(resolve(Client, Server, controlling), Ok(Role::Client));
        assert_eq!(resolve(Server, Auto, controlling), Ok(Role::Server));
        assert_eq!(resolve(Auto, Client, controlling), Ok(Role::Server));
        assert_eq!(resolve(Auto, Server, controlling), Ok(Role::Client));
        let conflict = RoleConflict { role: Role::Client };
        assert_eq!(resolve(Client, Client, controlling), Err(conflict));
    }
    assert_eq!(resolve(Auto, Auto, true), Ok(Role::Server));
    assert_eq!(resolve(Auto, Auto, false), Ok(Role::Client));
}

#[test]
fn parameters_are_the_browsers_json() {
    let json = r#"{"fingerprints":[{"algorithm":"sha-256","value":"AB:CD"}],"role":"client"}"#;
    let parameters: Parameters = serde_json::from_str(json).unwrap();
    assert_eq!(parameters.role, ParametersRole::Client);
    assert_eq!(serde_json::to_string(&parameters).unwrap(), json);
    let open: Parameters = serde_json::from_str(r#"{"fingerprints":[]}"#).unwrap();
    assert_eq!(open.role, ParametersRole::Auto);
}
