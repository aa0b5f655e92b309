//! Where requests have tags, over all operations that are built.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;

use aws_model::{Fields, Value};
use service_api::{TagMembers, tag_members, tag_specifications, tags_of_request};

/// Members whose names speak of tags and which hold none that a request sets or removes.
const NO_TAGS: [&str; 9] = [
    "ec2 TagFieldSpecifications",
    "ec2 InstanceMetadataTags",
    "ram tagFilters",
    "resourcegroupstaggingapi TagFilters",
    "resourcegroupstaggingapi TagKeyFilters",
    "resourcegroupstaggingapi TagsPerPage",
    // Policies of S3 know tags of objects by keys of their own, which `svc-s3` tells.
    "s3 Tagging",
    "s3 TaggingDirective",
    // Which tags go on from session to session: the tags themselves stand beside them.
    "sts TransitiveTagKeys",
];

/// The operations that are built, each with its model.
fn built() -> Vec<(String, String)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/implemented.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let (mut model, mut is_list, mut found) = (String::new(), false, Vec::new());
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            model = name.to_owned();
        }
        is_list = (is_list || line.starts_with("operations")) && line != "]";
        if let Some(name) = line.strip_prefix('"').and_then(|rest| rest.split('"').next()).filter(|_| is_list)
        {
            found.push((model.clone(), name.to_owned()));
        }
    }
    found
}

#[test]
fn every_member_that_speaks_of_tags_is_read_or_known_to_hold_none() {
    let (mut with_tags, mut unread) = (0, BTreeSet::new());
    let built = built();
    assert!(built.len() > 600, "{}", built.len());
    for (name, operation) in &built {
        let model = aws_model::service(name).unwrap().model();
        let input = model.operation(operation).unwrap().input.as_ref();
        let Some(input) = input.and_then(|input| model.structure(input.shape)) else { continue };
        let TagMembers { tags, keys } = tag_members(name, operation);
        with_tags += usize::from(tags.is_some() || keys.is_some());
        for member in &input.members {
            let is_read = [tags, keys].contains(&Some(member.name));
            let is_specified = ["TagSpecifications", "PoolTagSpecifications"].contains(&member.name);
            if member.name.to_ascii_lowercase().contains("tag") && !is_read && !is_specified {
                unread.insert(format!("{name} {}", member.name));
            }
        }
    }
    let known: BTreeSet<String> = NO_TAGS.iter().map(|&one| one.to_owned()).collect();
    assert_eq!(unread.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(with_tags > 40, "{with_tags}");
}

#[test]
fn members_are_told_by_their_shapes() {
    let members = |tags, keys| TagMembers { tags, keys };
    for (model, operation, expected) in [
        ("backup", "CreateBackupVault", members(Some("BackupVaultTags"), None)),
        ("backup", "CreateBackupPlan", members(Some("BackupPlanTags"), None)),
        ("backup", "UntagResource", members(None, Some("TagKeyList"))),
        ("cloudtrail", "CreateTrail", members(Some("TagsList"), None)),
        ("cloudtrail", "RemoveTags", members(Some("TagsList"), None)),
        ("iam", "UntagUser", members(None, Some("TagKeys"))),
        ("ram", "TagResource", members(Some("tags"), None)),
        ("ram", "GetResourceShares", members(None, None)),
        ("ec2", "RunInstances", members(None, None)),
        ("sts", "AssumeRole", members(Some("Tags"), None)),
        ("no-such-model", "TagUser", members(None, None)),
    ] {
        assert_eq!(tag_members(model, operation), expected, "{model} {operation}");
    }
}

#[test]
fn tags_are_read_from_maps_and_lists() {
    let text = |text: &str| Value::String(text.to_owned());
    let structure =
        |members: &[(&'static str, Value)]| Value::Structure(members.iter().cloned().collect::<Fields>());
    let expected = [("Team".to_owned(), "red".to_owned())];
    let map = Value::Map(vec![("Team".to_owned(), text("red"))]);
    let vault = structure(&[("BackupVaultTags", map)]);
    assert_eq!(tags_of_request("backup", "CreateBackupVault", &vault), expected);
    let list = Value::List(vec![structure(&[("Key", text("Team")), ("Value", text("red"))])]);
    let trail = structure(&[("TagsList", list.clone())]);
    assert_eq!(tags_of_request("cloudtrail", "CreateTrail", &trail), expected);
    let pool = structure(&[("ResourceType", text("ipv4pool-ec2")), ("Tags", list)]);
    let pool = structure(&[("PoolTagSpecifications", Value::List(vec![pool]))]);
    let types: Vec<&str> = tag_specifications(&pool).map(|(resource_type, _)| resource_type).collect();
    assert_eq!(types, ["ipv4pool-ec2"]);
}
