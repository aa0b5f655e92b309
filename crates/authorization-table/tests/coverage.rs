//! Which operations of the models have an entry, and that entries agree with the reference.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use authorization_table::{action, of_operation, operations, resource_type, split_action};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn implemented() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("models/implemented.toml")).unwrap();
    let services: BTreeMap<String, toml::Table> = toml::from_str(&text).unwrap();
    let names = |table: &toml::Table| -> BTreeSet<String> {
        let operations = table["operations"].as_array().unwrap();
        operations.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    services.iter().map(|(service, table)| (service.clone(), names(table))).collect()
}

#[test]
fn every_operation_that_is_built_has_an_entry() {
    let built = implemented();
    assert!(built.values().map(BTreeSet::len).sum::<usize>() > 300, "the list was not read");
    let missing: Vec<_> = built
        .iter()
        .flat_map(|(service, names)| names.iter().map(move |name| (service, name)))
        .filter(|(service, name)| of_operation(service, name).is_none())
        .collect();
    assert!(missing.is_empty(), "only the account's root can call these: {missing:?}");
}

/// The list may only shrink: an operation without an entry is denied to all but the account's root.
#[test]
fn the_operations_without_an_entry_are_those_of_the_list() {
    let mut found = String::new();
    for service in aws_model::services() {
        for operation in &service.model().operations {
            if of_operation(service.name, operation.name).is_none() {
                writeln!(found, "{} {}", service.name, operation.name).unwrap();
            }
        }
    }
    let list = include_str!("without_entry.txt");
    let (found, listed): (BTreeSet<_>, BTreeSet<_>) = (found.lines().collect(), list.lines().collect());
    let new: Vec<_> = found.difference(&listed).collect();
    assert!(new.is_empty(), "without an entry, and not in without_entry.txt:\n{new:#?}");
    let stale: Vec<_> = listed.difference(&found).collect();
    assert!(stale.is_empty(), "these have an entry; take them from without_entry.txt:\n{stale:#?}");
}

#[test]
fn entries_are_of_actions_and_types_that_the_reference_has() {
    let mut checked = 0;
    for service in aws_model::services() {
        let operations = operations(service.name).unwrap();
        for need in operations.entries.iter().flat_map(|entry| &entry.needs) {
            let (prefix, name) = split_action(need.action);
            let action = action(prefix, name).unwrap_or_else(|| panic!("no action {}", need.action));
            for rule in need.rules.iter().filter(|rule| !rule.resource_type.is_empty()) {
                checked += 1;
                assert!(resource_type(prefix, rule.resource_type).is_some(), "{}", need.action);
                let of_action = action.resource(rule.resource_type).is_some();
                assert!(of_action, "{} is not asked on a {}", need.action, rule.resource_type);
            }
        }
        for (start, name) in &operations.id_prefixes {
            assert!(resource_type(operations.prefix, name).is_some(), "{start} {name}");
        }
    }
    assert!(checked > 3000, "{checked}");
}

/// Ids that begin with nothing of the table are on `*`, which no policy with a resource allows.
#[test]
fn ids_tell_their_types() {
    let check = |model: &str, id: &str, expected: &str| {
        let found = authorization_table::resource_type_of_id(model, id).map(|held| held.name);
        assert_eq!(found.unwrap_or("none"), expected, "{id}");
    };
    check("ec2", "vpc-0123456789abcdef0", "vpc");
    check("ec2", "tgw-0123456789abcdef0", "transit-gateway");
    check("ec2", "tgw-rtb-0123456789abcdef0", "transit-gateway-route-table");
    check("ec2", "vpce-svc-0123456789abcdef0", "vpc-endpoint-service");
    check("ec2", "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-1", "subnet");
    check("ec2", "nothing-1", "none");
    check("ssm", "/a/b", "parameter");
    check("ssm", "mw-1", "maintenancewindow");
    check("organizations", "ou-abcd-12345678", "organizationalunit");
    check("organizations", "111122223333", "account");
    check("iam", "arn:aws:iam::111122223333:role/a/b", "role");
    check("iam", "arn:aws:iam::111122223333:user/b", "user");
    check("cloudtrail", "arn:aws:cloudtrail:eu-west-1:111122223333:trail/t", "trail");
}
