//! What `actix-rtc gather` prints. Where `turnserver` is not installed it says so and passes; with
//! CI=true it fails.

use crate::certificate::Certificate;
use crate::program::program;

/// Runs `actix-rtc gather` and returns whether all servers helped, and what it prints.
fn gather_command(arguments: &[&str]) -> (bool, String) {
    let output = program().arg("gather").args(arguments).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), printed)
}

#[test]
fn the_command_gather_prints_candidates_and_what_each_server_had_to_say() {
    let certificate = Certificate::new(&["127.0.0.1"]);
    let Some(coturn) = certificate.coturn() else {
        return;
    };
    let good = format!("{},user,secret", coturn.url("turns:", ""));
    let wrong = format!("{},user,wrong", coturn.url("turn:", ""));
    let ca = certificate.directory.join("cert.pem");
    let ca = ca.to_str().unwrap();

    let (fine, printed) = gather_command(&["--relay-only", "--ca", ca, "--ice-server", &good]);
    assert!(fine, "{printed}");
    let lines: Vec<_> = printed.lines().collect();
    assert!(
        lines[0].starts_with("candidate:") && lines[0].contains(" typ relay "),
        "{printed}"
    );
    assert_eq!(lines.last(), Some(&"candidates: 1 relay"), "{printed}");

    let (fine, printed) = gather_command(&["--ice-server", &wrong]);
    assert!(!fine, "{printed}");
    let said = format!("{}: 401 Unauthorized", coturn.url("turn:", ""));
    for line in [format!("error: {said}"), format!("failed: {said}")] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line}: {printed}"
        );
    }
    assert!(printed.contains(" typ host"), "{printed}");

    let (fine, printed) = gather_command(&["--json", "--ice-server", &wrong]);
    assert!(!fine, "{printed}");
    let lines: Vec<serde_json::Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        lines[0]["candidate"]
            .as_str()
            .unwrap()
            .contains(" typ host")
    );
    let summary = lines.last().unwrap();
    assert!(
        summary["summary"]["host"].as_u64().unwrap() >= 1,
        "{printed}"
    );
    assert_eq!(summary["errors"][0]["code"], 401);
    assert_eq!(summary["errors"][0]["url"], coturn.url("turn:", ""));
}
