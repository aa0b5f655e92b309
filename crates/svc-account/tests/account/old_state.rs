//! The state of older builds opens, and means what it meant. `tests/states` holds their files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_api::account::{self as api, operation as op};
use svc_account::AccountManagement;

use crate::harness::*;
use crate::state_file;

/// No release, but the last build before 0.2, until that release writes its own file in the place of this one.
const NEWEST: &str = "before-0.2";
/// The builds whose state is kept.
const BUILDS: [&str; 1] = [NEWEST];

/// The kinds of records in it that are the service's own.
const KINDS: [&str; 2] = ["account.alternate-contact", "account.email-update"];

fn file(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(format!("{release}.redb.gz"))
}

fn own(kinds: BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    kinds.into_iter().filter(|kind| KINDS.contains(kind)).collect()
}

/// How the newest build's file is made: `cargo nextest run -p svc-account --run-ignored only write_state`.
#[test]
#[ignore = "writes the state file of a release"]
fn write_state() {
    let made = state_file::write(&file(NEWEST), |store| {
        let cloud = Cloud::on(store);
        cloud.fill();
        let contact = api::PutAlternateContactRequest {
            name: "Ann".to_owned(),
            title: "Boss".to_owned(),
            email_address: "boss@example.com".to_owned(),
            phone_number: "+1 206 555 0101".to_owned(),
            alternate_contact_type: "BILLING".to_owned(),
            account_id: None,
        };
        cloud.ok::<op::PutAlternateContact>(MEMBER, contact);
        let start = api::StartPrimaryEmailUpdateRequest {
            account_id: MEMBER.to_owned(),
            primary_email: "new@example.com".to_owned(),
        };
        cloud.ok::<op::StartPrimaryEmailUpdate>(MANAGEMENT, start);
    });
    assert_eq!(own(made), BTreeSet::from(KINDS));
}

#[test]
fn every_kind_of_record_is_in_the_state_of_a_release() {
    assert_eq!(state_file::names(AccountManagement::record_kinds()), BTreeSet::from(KINDS));
}

#[test]
fn the_state_of_every_release_opens() {
    for release in BUILDS {
        let directory = state_file::directory(&file(release));
        let kinds = state_file::kinds(&state_file::contents(&directory));
        assert_eq!(own(kinds), BTreeSet::from(KINDS), "{release}");
        let store = state_file::open(&directory);
        AccountManagement::record_kinds().try_for_each(|kind| kind.check(&store)).unwrap();
        let cloud = Cloud::on(store);
        let get = api::GetAlternateContactRequest {
            alternate_contact_type: "BILLING".to_owned(),
            account_id: None,
        };
        let contact = cloud.ok::<op::GetAlternateContact>(MEMBER, get).alternate_contact.unwrap();
        assert_eq!(contact.name.as_deref(), Some("Ann"), "{release}");
        // What was under way can be finished: the ids of the tests make this password.
        let accept = api::AcceptPrimaryEmailUpdateRequest {
            account_id: MEMBER.to_owned(),
            primary_email: "new@example.com".to_owned(),
            otp: "BCDEFG".to_owned(),
        };
        cloud.ok::<op::AcceptPrimaryEmailUpdate>(MANAGEMENT, accept);
    }
}
