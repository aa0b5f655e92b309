//! The state of older builds opens, and means what it meant. `tests/states` holds their files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_api::organizations::{self as api, operation as op};
use svc_organizations::{Config, Organizations};

use crate::harness::*;
use crate::state_file;

/// No release, but the last build before 0.2, until that release writes its own file in the place of this one.
const NEWEST: &str = "before-0.2";
/// The builds whose state is kept.
const BUILDS: [&str; 1] = [NEWEST];

/// The kinds of records in it.
const KINDS: [&str; 7] = [
    "organizations.account-request",
    "organizations.handshake",
    "organizations.member",
    "organizations.membership",
    "organizations.organization",
    "organizations.policy",
    "organizations.unit",
];

fn file(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(format!("{release}.redb.gz"))
}

/// The kinds that the crate of identities keeps the states of.
fn own(kinds: BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    kinds.into_iter().filter(|kind| kind.starts_with("organizations.")).collect()
}

/// How the newest build's file is made: `cargo nextest run -p svc-organizations --run-ignored only write_state`.
#[test]
#[ignore = "writes the state file of a release"]
fn write_state() {
    let made = state_file::write(&file(NEWEST), |store| {
        let cloud = Cloud::on(store, Config::default());
        cloud.ok::<op::CreateOrganization>(MANAGEMENT, Default::default());
        let (root, member) = (cloud.root(), cloud.new_member("member"));
        let unit = cloud.new_unit(&root, "Custom");
        cloud.ok::<op::MoveAccount>(MANAGEMENT, move_account(&member, &root, &unit));
        let policy = cloud.new_policy("deny", SCP, DENY);
        cloud.attach(&policy, &unit);
        cloud.enable_type("TAG_POLICY");
        let tags = r#"{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"}}}}"#;
        let tags = cloud.new_policy("tags", "TAG_POLICY", tags);
        cloud.attach(&tags, &root);
        crate::handshake::invite(&cloud, STRANGER);
    });
    assert_eq!(own(made), BTreeSet::from(KINDS));
}

#[test]
fn every_kind_of_record_is_in_the_state_of_a_release() {
    assert_eq!(state_file::names(Organizations::record_kinds()), BTreeSet::from(KINDS));
}

#[test]
fn the_state_of_every_release_opens() {
    for release in BUILDS {
        let directory = state_file::directory(&file(release));
        let kinds = state_file::kinds(&state_file::contents(&directory));
        assert_eq!(own(kinds), BTreeSet::from(KINDS), "{release}");
        let store = state_file::open(&directory);
        Organizations::record_kinds().try_for_each(|kind| kind.check(&store)).unwrap();
        let cloud = Cloud::on(store, Config::default());
        cloud.pass(60_000);
        let accounts = cloud.accounts();
        let member = accounts.iter().find(|account| *account != MANAGEMENT).unwrap();
        let full = || vec!["FullAWSAccess".to_owned()];
        let both = vec!["FullAWSAccess".to_owned(), "deny".to_owned()];
        assert_eq!(cloud.levels(member), Some(vec![full(), both, full()]), "{release}");
        let input = api::DescribeEffectivePolicyRequest {
            policy_type: "TAG_POLICY".to_owned(),
            target_id: Some(member.clone()),
        };
        let tags = cloud.ok::<op::DescribeEffectivePolicy>(MANAGEMENT, input).effective_policy.unwrap();
        assert!(tags.policy_content.unwrap().contains("CostCenter"), "{release}");
        // What was open can be answered.
        let open = cloud.ok::<op::ListHandshakesForAccount>(STRANGER, Default::default()).handshakes.unwrap();
        let input = api::AcceptHandshakeRequest { handshake_id: open[0].id.clone().unwrap() };
        cloud.ok::<op::AcceptHandshake>(STRANGER, input);
        assert_eq!(cloud.accounts().len(), 3, "{release}");
    }
}
