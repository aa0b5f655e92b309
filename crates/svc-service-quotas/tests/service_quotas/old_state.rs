//! The state of older builds opens, and means what it meant. `tests/states` holds their files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

/// No release, but the last build before 0.2, until that release writes its own file in the place of this one.
const NEWEST: &str = "before-0.2";
/// The builds whose state is kept.
const BUILDS: [&str; 1] = [NEWEST];

/// The kinds of records in it.
const KINDS: [&str; 2] = ["service-quotas.applied", "service-quotas.change"];

fn file(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(format!("{release}.redb.gz"))
}

/// How the newest build's file is made, with its code: `cargo nextest run -p svc-service-quotas --run-ignored only write_state`.
#[test]
#[ignore = "writes the state file of a release"]
fn write_state() {
    let made = state_file::write(&file(NEWEST), |store| {
        Cloud::on(store).raise(&VPCS_PER_REGION, 9.0);
    });
    assert_eq!(made, BTreeSet::from(KINDS));
}

#[test]
fn every_kind_of_record_is_in_the_state_of_a_release() {
    assert_eq!(state_file::names(ServiceQuotas::record_kinds()), BTreeSet::from(KINDS));
}

#[test]
fn the_state_of_every_release_opens() {
    for release in BUILDS {
        let directory = state_file::directory(&file(release));
        assert_eq!(state_file::kinds(&state_file::contents(&directory)), BTreeSet::from(KINDS), "{release}");
        let store = state_file::open(&directory);
        ServiceQuotas::record_kinds().try_for_each(|kind| kind.check(&store)).unwrap();
        let cloud = Cloud::on(store);
        assert_eq!(cloud.get(&VPCS_PER_REGION).value, Some(9.0), "{release}");
        assert_eq!(
            cloud.get(&INTERNET_GATEWAYS_PER_REGION).value,
            Some(9.0),
            "{release}: they rise together"
        );
        assert_eq!(cloud.history_of(&VPCS_PER_REGION).len(), 1, "{release}");
    }
}
