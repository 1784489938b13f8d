//! What stands in two places of the repository says the same in both.

use std::collections::BTreeSet;

const README: &str = include_str!("../README.md");
const EMBEDDED: &str = include_str!("embed/src/main.rs");
const NAMES: &str = include_str!("../actors/metrics/names.rs");
const DASHBOARDS: &str = include_str!("../dashboards/README.md");

/// The code blocks of a language, with `no_run` and the like or without.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    text.split("\n```")
        .filter_map(|block| block.split_once('\n'))
        .filter(|(kind, _)| kind.split(',').next() == Some(language))
        .map(|(_, code)| code)
        .collect()
}

/// `tests/run.sh embed` compiles and runs that project.
#[test]
fn the_readme_embeds_as_the_embedding_project_does() {
    let examples = blocks(README, "rust");
    let example = examples.iter().find(|code| code.contains("HttpServer"));
    assert_eq!(example.map(|code| code.trim()), Some(EMBEDDED.trim()));
}

#[test]
fn the_readme_names_both_commands_and_they_are_there() {
    for command in ["cargo run --release", "tests/run.sh"] {
        assert!(
            blocks(README, "sh")
                .iter()
                .any(|code| code.contains(command)),
            "{command}"
        );
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/run.sh");
    let script = std::fs::metadata(script).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_ne!(
            script.permissions().mode() & 0o111,
            0,
            "tests/run.sh is not executable"
        );
    }
    assert!(script.is_file());
}

/// Words that are names of metrics, between a pair of `quote`s.
fn metrics(text: &str, quote: char) -> BTreeSet<&str> {
    let word = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    text.split(quote)
        .filter(|text| text.starts_with("rtc_") && word(text))
        .collect()
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let named = metrics(NAMES, '"');
    assert!(named.contains("rtc_sessions"), "{named:?}");
    assert_eq!(metrics(DASHBOARDS, '`'), named);
}
