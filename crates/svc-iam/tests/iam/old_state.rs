//! The state of older builds opens, and means what it meant. `tests/states` holds their files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_api::iam::{self as api, operation as op};
use store::RecordKind;
use svc_iam::Iam;

use super::cloud::{ALLOW_ALL, Cloud, attach_to_user, decoded, join, profile, tags};
use super::{credentials, state_file};

/// No release, but the last build before 0.2, until that release writes its own file in the place of this one.
const NEWEST: &str = "before-0.2";
/// The builds whose state is kept.
const BUILDS: [&str; 1] = [NEWEST];

/// What whoever authenticates requests writes, and no operation of IAM; no file has it yet.
const WITHOUT_RELEASE: [&str; 4] =
    ["iam.access-key-use", "iam.provider-keys", "iam.role-use", "iam.service-uses"];

/// The kinds of records in it.
const KINDS: [&str; 22] = [
    "account.account",
    "iam.access-key",
    "iam.account-alias",
    "iam.credential-report",
    "iam.deletion-task",
    "iam.group",
    "iam.instance-profile",
    "iam.last-accessed-report",
    "iam.login-profile",
    "iam.managed-policy",
    "iam.open-id-connect-provider",
    "iam.password-policy",
    "iam.role",
    "iam.root-access",
    "iam.saml-provider",
    "iam.server-certificate",
    "iam.service-specific-credential",
    "iam.signing-certificate",
    "iam.ssh-public-key",
    "iam.token-preference",
    "iam.user",
    "iam.virtual-mfa-device",
];

/// What the service writes, but for e-mail addresses, which accounts alone have.
fn kinds() -> impl Iterator<Item = RecordKind> {
    let shared = identities::RECORDS.iter().copied().filter(|kind| kind.name() != "account.email");
    shared.chain(Iam::record_kinds())
}

fn file(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(format!("{release}.redb.gz"))
}

/// How the newest build's file is made, with its code: `cargo nextest run -p svc-iam --run-ignored only write_state`.
#[test]
#[ignore = "writes the state file of a release"]
fn write_state() {
    let made = state_file::write(&file(NEWEST), |store| {
        let cloud = Cloud::on(store);
        cloud.add_accounts();
        let arn = cloud.policy("Own");
        cloud.user("Bob");
        cloud.group("G");
        cloud.role("R");
        let (group_name, user_name) = ("G".to_owned(), "Bob".to_owned());
        cloud.ok::<op::AddUserToGroup>(api::AddUserToGroupRequest { group_name, user_name });
        cloud.ok::<op::AttachUserPolicy>(attach_to_user("Bob", &arn));
        cloud.ok::<op::TagUser>(api::TagUserRequest {
            user_name: "Bob".to_owned(),
            tags: tags(&[("Team", "a")]),
        });
        cloud.ok::<op::PutRolePolicy>(api::PutRolePolicyRequest {
            role_name: "R".to_owned(),
            policy_name: "p".to_owned(),
            policy_document: ALLOW_ALL.to_owned(),
        });
        cloud.ok::<op::CreateAccessKey>(api::CreateAccessKeyRequest { user_name: Some("Bob".to_owned()) });
        cloud.ok::<op::CreateInstanceProfile>(profile("P"));
        cloud.ok::<op::AddRoleToInstanceProfile>(join("P", "R"));
        cloud.ok::<op::CreateServiceLinkedRole>(api::CreateServiceLinkedRoleRequest {
            aws_service_name: "ecs.amazonaws.com".to_owned(),
            ..Default::default()
        });
        let role_name = "AWSServiceRoleForECS".to_owned();
        cloud.ok::<op::DeleteServiceLinkedRole>(api::DeleteServiceLinkedRoleRequest { role_name });
        credentials::write(cloud);
    });
    assert_eq!(made, BTreeSet::from(KINDS));
}

#[test]
fn every_kind_of_record_is_in_the_state_of_a_release() {
    let kept: BTreeSet<&str> = KINDS.into_iter().chain(WITHOUT_RELEASE).collect();
    assert_eq!(state_file::names(kinds()), kept);
}

#[test]
fn the_state_of_every_release_opens() {
    for release in BUILDS {
        let directory = state_file::directory(&file(release));
        assert_eq!(state_file::kinds(&state_file::contents(&directory)), BTreeSet::from(KINDS), "{release}");
        let store = state_file::open(&directory);
        kinds().try_for_each(|kind| kind.check(&store)).unwrap();
        let cloud = Cloud::on(store);
        let details = cloud.ok::<op::GetAccountAuthorizationDetails>(Default::default());
        let user = &details.user_detail_list.unwrap()[0];
        assert_eq!(user.user_name.as_deref(), Some("Bob"), "{release}");
        assert_eq!(user.group_list, Some(vec!["G".to_owned()]), "{release}");
        assert_eq!(user.tags, Some(tags(&[("Team", "a")])), "{release}");
        let attached = user.attached_managed_policies.as_ref().unwrap();
        assert_eq!(attached[0].policy_name.as_deref(), Some("Own"), "{release}");
        let role = &details.role_detail_list.unwrap()[0];
        let inline = &role.role_policy_list.as_ref().unwrap()[0];
        assert_eq!(decoded(inline.policy_document.as_ref().unwrap()), ALLOW_ALL, "{release}");
        let profiles = role.instance_profile_list.as_ref().unwrap();
        assert_eq!(profiles[0].instance_profile_name, "P", "{release}");
        let input = api::ListAccessKeysRequest { user_name: Some("Bob".to_owned()), ..Default::default() };
        assert_eq!(cloud.ok::<op::ListAccessKeys>(input).access_key_metadata.len(), 1, "{release}");
        credentials::read(&cloud, release);
    }
}
