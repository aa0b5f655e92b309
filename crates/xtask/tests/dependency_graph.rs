//! Who may know whom: the dependencies between the crates of this workspace, compared with a reviewed list.
//!
//! The list is `dependency_graph.txt` beside this file. A change of it is a change of the architecture: set
//! `BRUME_BLESS=1` to write the new list, and say in the commit why the edge is right.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Crates whose results depend on nothing but their arguments.
const PURE: &[&str] = &[
    "authorization-table",
    "aws-managed-policies",
    "aws-catalog",
    "aws-model",
    "aws-types",
    "flow-logs",
    "management-policies",
    "saml-assertions",
    "sigv4",
    "vpc-abi",
    "vpc-engine",
    "vpc-model",
];

/// What a pure crate may not depend on: runtimes, the host, clocks and randomness.
const EFFECTS: [&str; 16] = [
    "aya",
    "fastrand",
    "getrandom",
    "host-ebpf",
    "host-net",
    "hyper",
    "libc",
    "nix",
    "rand",
    "redb",
    "rtnetlink",
    "rustix",
    "socket2",
    "store",
    "tempfile",
    "tokio",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap()
}

/// Direct dependencies of each crate that its library or program needs; those of its tests are not counted.
fn normal_dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    metadata
        .packages
        .iter()
        .map(|package| {
            let normal =
                package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
            (package.name.to_string(), normal.map(|dependency| dependency.name.clone()).collect())
        })
        .collect()
}

#[test]
fn crates_depend_on_each_other_as_reviewed() {
    let dependencies = normal_dependencies(&metadata());
    let mut found = String::from(
        "# Each crate and the crates of this workspace that it depends on. See dependency_graph.rs.\n",
    );
    for (name, all) in &dependencies {
        let own: Vec<&str> =
            all.iter().filter(|one| dependencies.contains_key(*one)).map(String::as_str).collect();
        found.push_str(&format!("{name}: {}", own.join(" ")));
        found.truncate(found.trim_end().len());
        found.push('\n');
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dependency_graph.txt");
    if std::env::var_os("BRUME_BLESS").is_some() {
        fs::write(&golden, &found).unwrap();
    }
    let reviewed = fs::read_to_string(&golden).unwrap();
    let differences: Vec<String> = found
        .lines()
        .filter(|line| !reviewed.lines().any(|other| other == *line))
        .map(|line| format!("now       {line}"))
        .chain(
            reviewed
                .lines()
                .filter(|line| !found.lines().any(|other| other == *line))
                .map(|line| format!("reviewed  {line}")),
        )
        .collect();
    assert!(
        differences.is_empty(),
        "the dependencies between crates have changed:\n{}",
        differences.join("\n")
    );
}

#[test]
fn pure_crates_depend_on_no_effects() {
    let dependencies = normal_dependencies(&metadata());
    for name in PURE {
        let all = dependencies.get(*name).unwrap_or_else(|| panic!("there is no crate {name}"));
        let effects: Vec<&str> = EFFECTS.into_iter().filter(|effect| all.contains(*effect)).collect();
        assert!(effects.is_empty(), "{name} is pure, and depends on {effects:?}");
    }
}

#[test]
fn services_never_import_one_another() {
    for (name, all) in normal_dependencies(&metadata()) {
        if name.starts_with("svc-") {
            let others: Vec<&String> =
                all.iter().filter(|other| other.starts_with("svc-") || *other == "gateway").collect();
            assert!(others.is_empty(), "{name} imports {others:?}");
        }
    }
}

#[test]
fn only_the_hosts_crates_change_the_host() {
    // Netlink and BPF are reached through these crates; the rest of the product asks them. The toolbox configures
    // interfaces from inside a guest.
    let allowed = ["host-net", "host-ebpf", "toolbox"];
    for (name, all) in normal_dependencies(&metadata()) {
        if !allowed.contains(&name.as_str()) {
            for tool in ["aya", "rtnetlink", "netlink-sys", "netlink-packet-route"] {
                assert!(!all.contains(tool), "{name} depends on {tool}");
            }
        }
    }
}

#[test]
fn every_version_is_declared_in_the_workspace() {
    for package in metadata().packages {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        let mut section = String::new();
        for line in manifest.lines() {
            if let Some(header) = line.strip_prefix('[') {
                section = header.trim_end_matches(']').to_owned();
            } else if section.ends_with("dependencies") && !line.trim().is_empty() && !line.starts_with('#') {
                assert!(
                    line.contains("workspace = true") || !line.contains('='),
                    "{}: `{line}` does not take its version from the workspace",
                    package.name
                );
            }
        }
    }
}
