//! The state of older builds opens, and means what it meant. `tests/states` holds their files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

/// No release, but the last build before 0.2, until that release writes its own file in the place of this one.
const NEWEST: &str = "before-0.2";
/// The builds whose state is kept.
const BUILDS: [&str; 1] = [NEWEST];

/// The kinds of records in it.
const KINDS: [&str; 3] = ["ram.invitation", "ram.resource-share", "ram.sharing-partner"];

fn file(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(format!("{release}.redb.gz"))
}

/// How the newest build's file is made, with its code: `cargo nextest run -p svc-ram --run-ignored only write_state`.
#[test]
#[ignore = "writes the state file of a release"]
fn write_state() {
    let made = state_file::write(&file(NEWEST), |store| {
        let cloud = Cloud::on(store);
        cloud.create(wanted("net", &[SUBNET], &[OTHER]));
        let arn = cloud.invitations(OTHER)[0].resource_share_invitation_arn.clone().unwrap();
        cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&arn));
        cloud.create(wanted("lists", &[LIST], &[OTHER]));
    });
    assert_eq!(made, BTreeSet::from(KINDS));
}

#[test]
fn every_kind_of_record_is_in_the_state_of_a_release() {
    assert_eq!(state_file::names(Ram::record_kinds()), BTreeSet::from(KINDS));
}

#[test]
fn the_state_of_every_release_opens() {
    for release in BUILDS {
        let directory = state_file::directory(&file(release));
        assert_eq!(state_file::kinds(&state_file::contents(&directory)), BTreeSet::from(KINDS), "{release}");
        let store = state_file::open(&directory);
        Ram::record_kinds().try_for_each(|kind| kind.check(&store)).unwrap();
        Ram::upgrade_records(&store).unwrap();
        let cloud = Cloud::on(store);
        let mut names: Vec<_> =
            cloud.shares(OWNER, "SELF").into_iter().map(|share| share.name.unwrap()).collect();
        names.sort();
        assert_eq!(names, ["lists", "net"], "{release}");
        assert!(cloud.is_shared(SUBNET) && !cloud.is_shared(LIST), "{release}");
        assert_eq!(cloud.related(), [vec![OTHER.to_owned()], vec![OWNER.to_owned()]], "{release}");
        // What was open can be answered.
        let is_open = |one: &api::ResourceShareInvitation| one.status.as_deref() == Some("PENDING");
        let open = cloud.invitations(OTHER).into_iter().find(is_open).unwrap();
        let arn = open.resource_share_invitation_arn.unwrap();
        cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&arn));
        let mut shared = cloud.resources(OTHER, "OTHER-ACCOUNTS");
        shared.sort();
        assert_eq!(shared, [LIST, SUBNET], "{release}");
    }
}
