//! What stands in two places of the repository says the same in both.

use std::collections::BTreeSet;
use std::path::Path;

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

/// The sources below a folder.
fn sources(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => sources(&path),
            path if path.extension().is_some_and(|kind| kind == "rs") => vec![read(&path)],
            _ => Vec::new(),
        })
        .collect()
}

/// Errors and options get more variants and fields: nobody may depend on having named all.
#[test]
fn public_errors_and_options_can_grow() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let grows = |line: &str| match line.trim().strip_suffix(" {").map(|l| l.rsplit_once(' ')) {
        Some(Some(("pub enum", name))) => name.ends_with("Error") || name.ends_with("Reason"),
        Some(Some(("pub struct", name))) => name.ends_with("Config") || name.ends_with("Options"),
        _ => false,
    };
    let mut seen = 0;
    for text in ["src", "actors"]
        .map(|folder| sources(&root.join(folder)))
        .concat()
    {
        let lines: Vec<&str> = text.lines().collect();
        for (before, line) in lines
            .iter()
            .zip(&lines[1..])
            .filter(|(_, line)| grows(line))
        {
            assert_eq!(before.trim(), "#[non_exhaustive]", "{line}");
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} were found");
}
