//! Every crate that is linked in has a licence that lets it be.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use cargo_metadata::MetadataCommand;

/// Licences that a dependency may have, by SPDX identifier.
const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

/// Whether an SPDX expression can be satisfied with allowed licences alone.
fn is_allowed(expression: &str) -> bool {
    // Older manifests write `MIT/Apache-2.0` for a choice.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = either(&mut words);
    allowed && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>) -> bool {
    let mut allowed = both(words);
    while words.next_if_eq(&"OR").is_some() {
        allowed |= both(words);
    }
    allowed
}

fn both(words: &mut Words<'_>) -> bool {
    let mut allowed = one(words);
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut Words<'_>) -> bool {
    match words.next() {
        Some("(") => {
            let allowed = either(words);
            words.next_if_eq(&")").is_some() && allowed
        }
        Some(name) => {
            // `MPL-2.0+`: this version or a later one, so this one will do.
            let mut name = name.trim_end_matches('+').to_owned();
            if words.next_if_eq(&"WITH").is_some() {
                name = format!("{name} WITH {}", words.next().unwrap_or_default());
            }
            ALLOWED.contains(&name.as_str())
        }
        None => false,
    }
}

#[test]
fn expressions_are_read_as_spdx_says() {
    let check =
        |expression: &str, expected: bool| assert_eq!(is_allowed(expression), expected, "{expression}");
    check("MIT", true);
    check("MIT/Apache-2.0", true);
    check("MPL-2.0+", true);
    check("GPL-3.0-only", false);
    check("MIT OR GPL-3.0-only", true);
    check("MIT AND GPL-3.0-only", false);
    check("(MIT OR GPL-2.0-only) AND ISC", true);
    check("ISC AND (GPL-2.0-only OR LGPL-2.1-only)", false);
    check("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true);
    check("GPL-2.0-only WITH Linux-syscall-note", false);
    check("(MIT", false);
    check("", false);
}

#[test]
fn all_dependencies_may_be_linked() {
    let metadata = MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"))
        .other_options(["--locked".to_owned(), "--filter-platform=x86_64-unknown-linux-gnu".to_owned()])
        .exec()
        .unwrap();
    let resolved = metadata.resolve.as_ref().unwrap();
    let mut refused = Vec::new();
    for node in &resolved.nodes {
        let package = &metadata[&node.id];
        let licence = package.license.as_deref().unwrap_or_default();
        if !is_allowed(licence) {
            refused.push(format!("{} {}: '{licence}'", package.name, package.version));
        }
    }
    assert!(resolved.nodes.len() > 50, "the list of dependencies is not complete");
    assert!(refused.is_empty(), "licences that are not on the list:\n{}", refused.join("\n"));
}
