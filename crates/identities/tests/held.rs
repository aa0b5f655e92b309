//! The policies that users, roles and groups have, as the evaluator gets them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_types::{Arn, Partition, Tags, Timestamp};
use iam_policy::{Attached, Caller, Context, Policies, Policy, Request, evaluate};
use identities::{FoundPolicy, Group, HeldPolicies, ManagedPolicy, PolicyVersion, Role, User, name_key};
use store::{MemoryBackend, Read as _, Scope, Snapshot, Store, StoreError};

const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);

fn scope() -> Scope {
    Scope::global(Partition::Aws, "123456789012".parse().unwrap())
}

fn arn(resource: &str) -> Arn {
    Arn::global(Partition::Aws, "iam", scope().account, resource)
}

fn allow(action: &str) -> Policy {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
    );
    Policy::parse_stored(&text).unwrap()
}

fn inline(pairs: &[(&str, &str)]) -> BTreeMap<String, Policy> {
    pairs.iter().map(|(name, action)| ((*name).to_owned(), allow(action))).collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn managed(name: &str, path: &str, action: &str) -> ManagedPolicy {
    ManagedPolicy {
        id: "ANPA1".to_owned(),
        name: name.to_owned(),
        path: path.to_owned(),
        arn: arn(&format!("policy{path}{name}")),
        description: None,
        created: NOW,
        updated: NOW,
        default_version: 2,
        next_version: 3,
        versions: BTreeMap::from([
            (1, PolicyVersion { policy: allow("s3:*"), created: NOW }),
            (2, PolicyVersion { policy: allow(action), created: NOW }),
        ]),
        tags: Tags::default(),
    }
}

fn user() -> User {
    User {
        id: "AIDA1".to_owned(),
        name: "Bob".to_owned(),
        path: "/".to_owned(),
        arn: arn("user/Bob"),
        created: NOW,
        password_last_used: None,
        permissions_boundary: None,
        inline_policies: inline(&[("own", "sqs:SendMessage")]),
        attached_policies: set(&[READ_ONLY, "arn:aws:iam::123456789012:policy/a/b/Keys"]),
        groups: set(&["admins"]),
        tags: Tags::default(),
    }
}

fn group() -> Group {
    Group {
        id: "AGPA1".to_owned(),
        name: "Admins".to_owned(),
        path: "/".to_owned(),
        arn: arn("group/Admins"),
        created: NOW,
        inline_policies: inline(&[("g", "sns:Publish")]),
        attached_policies: set(&["arn:aws:iam::123456789012:policy/a/b/Keys"]),
    }
}

/// An account with a group and a managed policy.
fn snapshot() -> Snapshot {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let done: Result<(), StoreError> = store.transact(|transaction| {
        transaction.put(&scope(), &name_key("Keys"), managed("Keys", "/a/b/", "kms:Decrypt"));
        transaction.put(&scope(), &name_key("Admins"), group());
        Ok(())
    });
    done.unwrap();
    store.snapshot()
}

fn names<'a>(held: &[Attached<'a>]) -> Vec<(&'a str, &'a str)> {
    held.iter().map(|one| (one.name, one.owner.rsplit(':').next().unwrap())).collect()
}

fn may(held: &HeldPolicies, action: &str) -> bool {
    let policies = Policies { identity: held.identity(), boundary: held.boundary(), ..Policies::default() };
    let caller = Caller::User { account: scope().account, arn: arn("user/Bob") };
    let context = Context::new();
    evaluate(&policies, &Request { caller: &caller, action, resource: "*", context: &context }).is_allowed()
}

#[test]
fn a_user_has_its_own_policies_and_those_of_its_groups() {
    let snapshot = snapshot();
    let held = HeldPolicies::of_user(&snapshot, &scope(), Arc::new(user()));
    let expected = [
        ("own", "user/Bob"),
        ("arn:aws:iam::123456789012:policy/a/b/Keys", "user/Bob"),
        (READ_ONLY, "user/Bob"),
        ("g", "group/Admins"),
        ("arn:aws:iam::123456789012:policy/a/b/Keys", "group/Admins"),
    ];
    assert_eq!(names(&held.identity()), expected);
    assert!(held.boundary().is_none());
    for action in ["sqs:SendMessage", "kms:Decrypt", "ec2:DescribeVpcs", "sns:Publish"] {
        assert!(may(&held, action), "{action}");
    }
    assert!(!may(&held, "s3:PutObject"), "version 1 does not count");
    // The evaluator reads the record's own text.
    let own: Arc<ManagedPolicy> = snapshot.get(&scope(), "keys").unwrap();
    assert!(std::ptr::eq(held.identity()[1].policy.text(), own.policy().text()));
}

#[test]
fn a_boundary_that_is_not_there_lets_nothing_pass() {
    let snapshot = snapshot();
    let with = |boundary: &str| {
        let user = User { permissions_boundary: Some(boundary.to_owned()), ..user() };
        HeldPolicies::of_user(&snapshot, &scope(), Arc::new(user))
    };
    let held = with("arn:aws:iam::123456789012:policy/a/b/Keys");
    assert!(may(&held, "kms:Decrypt") && !may(&held, "sns:Publish"));
    let held = with("arn:aws:iam::123456789012:policy/Gone");
    assert_eq!(held.boundary().unwrap().name, "arn:aws:iam::123456789012:policy/Gone");
    assert!(!may(&held, "kms:Decrypt") && !may(&held, "sns:Publish"));
}

#[test]
fn roles_and_groups_have_theirs() {
    let snapshot = snapshot();
    let role = Role {
        id: "AROA1".to_owned(),
        name: "R".to_owned(),
        path: "/".to_owned(),
        arn: arn("role/R"),
        created: NOW,
        trust_policy: allow("sts:AssumeRole"),
        description: None,
        max_session_secs: 3600,
        permissions_boundary: Some(READ_ONLY.to_owned()),
        inline_policies: inline(&[("r", "ec2:*")]),
        attached_policies: set(&["arn:aws:iam::aws:policy/NoSuchPolicyOfAws"]),
        tags: Tags::default(),
        linked_service: None,
    };
    let held = HeldPolicies::of_role(&snapshot, &scope(), Arc::new(role));
    assert_eq!(names(&held.identity()), [("r", "role/R")]);
    assert!(may(&held, "ec2:DescribeVpcs") && !may(&held, "ec2:CreateVpc"));
    let held = HeldPolicies::of_group(&snapshot, &scope(), Arc::new(group()));
    assert_eq!(held.identity().len(), 2);
}

#[test]
fn a_managed_policy_is_found_by_its_whole_arn() {
    let snapshot = snapshot();
    let find = |arn: &str| {
        let found = FoundPolicy::find(&snapshot, &scope(), arn);
        found.map(|policy| policy.name().to_owned())
    };
    assert_eq!(find("arn:aws:iam::123456789012:policy/a/b/Keys").as_deref(), Some("Keys"));
    assert_eq!(find(READ_ONLY).as_deref(), Some("ReadOnlyAccess"));
    for other in [
        "arn:aws:iam::123456789012:policy/Keys",
        "arn:aws:iam::123456789012:policy/a/b/keys",
        "arn:aws:iam::210987654321:policy/a/b/Keys",
        "arn:aws:iam::aws:policy/Keys",
        "Keys",
        "",
    ] {
        assert_eq!(find(other), None, "{other}");
    }
}
