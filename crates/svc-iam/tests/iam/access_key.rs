//! Access keys.

use aws_api::iam::{self as api, operation as op};
use aws_types::Partition;
use identities::{AccessKey, AccessKeyOwner, AccessKeyStatus, AccessKeyUse, RoleUse, cloud_scope};
use store::{Read as _, Scope, StoreError};
use svc_iam::KeyUse;

use super::cloud::{ACCOUNT, By, Cloud};

fn of(name: &str) -> api::CreateAccessKeyRequest {
    api::CreateAccessKeyRequest { user_name: Some(name.to_owned()) }
}

fn list(cloud: &Cloud, by: &By<'_>, name: Option<&str>) -> Vec<api::AccessKeyMetadata> {
    let input = api::ListAccessKeysRequest { user_name: name.map(str::to_owned), ..Default::default() };
    cloud.ok_by::<op::ListAccessKeys>(by, input).access_key_metadata
}

fn record(cloud: &Cloud, id: &str) -> Option<AccessKey> {
    let found = cloud.store.snapshot().get::<AccessKey>(&cloud_scope(Partition::Aws), id);
    found.map(|key| (*key).clone())
}

fn delete(name: Option<&str>, id: &str) -> api::DeleteAccessKeyRequest {
    api::DeleteAccessKeyRequest { user_name: name.map(str::to_owned), access_key_id: id.to_owned() }
}

fn set(id: &str, status: &str) -> api::UpdateAccessKeyRequest {
    api::UpdateAccessKeyRequest {
        user_name: Some("Bob".to_owned()),
        access_key_id: id.to_owned(),
        status: status.to_owned(),
    }
}

#[test]
fn a_user_has_two_keys_whose_secrets_are_said_once() {
    let cloud = Cloud::new();
    let bob = cloud.user("Bob");
    let made = cloud.ok::<op::CreateAccessKey>(of("Bob")).access_key;
    assert!(made.access_key_id.starts_with("AKIA") && made.access_key_id.len() == 20);
    assert_eq!((made.user_name.as_str(), made.status.as_str()), ("Bob", "Active"));
    let kept = record(&cloud, &made.access_key_id).unwrap();
    assert_eq!((kept.secret.as_str(), kept.secret.len()), (made.secret_access_key.as_str(), 40));
    let owner = AccessKeyOwner::User { id: bob.user_id, name: "Bob".to_owned() };
    assert_eq!((kept.owner, kept.status), (owner, AccessKeyStatus::Active));
    // The user itself makes the other.
    cloud.ok_by::<op::CreateAccessKey>(&By::User("Bob"), Default::default());
    cloud.refuses::<op::CreateAccessKey>(
        of("Bob"),
        "LimitExceeded: Cannot exceed quota for AccessKeysPerUser: 2",
    );
    let listed = list(&cloud, &By::User("Bob"), None);
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|key| key.user_name.as_deref() == Some("Bob")));
    cloud.refuses::<op::DeleteUser>(
        api::DeleteUserRequest { user_name: "Bob".to_owned() },
        "DeleteConflict: Cannot delete entity, must delete access keys first.",
    );
    for key in listed {
        cloud.ok::<op::DeleteAccessKey>(delete(Some("Bob"), &key.access_key_id.unwrap()));
    }
    assert_eq!(record(&cloud, &made.access_key_id), None);
    cloud.ok::<op::DeleteUser>(api::DeleteUserRequest { user_name: "Bob".to_owned() });
}

/// When something was used goes with it: nothing would ever remove it later.
#[test]
fn uses_go_with_what_was_used() {
    let cloud = Cloud::new();
    let key = cloud.ok::<op::CreateAccessKey>(Default::default()).access_key.access_key_id;
    let role = cloud.role("R").role_id;
    let (clouds, own) =
        (cloud_scope(Partition::Aws), Scope::global(Partition::Aws, ACCOUNT.parse().unwrap()));
    let region: aws_types::Region = "us-east-1".parse().unwrap();
    let used = cloud.store.transact(|transaction| {
        let service = "s3".to_owned();
        transaction.put(&clouds, &key, AccessKeyUse { at: cloud.now, region: region.clone(), service });
        transaction.put(&own, &role, RoleUse { at: cloud.now, region: region.clone() });
        Ok::<_, StoreError>(())
    });
    used.unwrap();
    cloud.ok::<op::DeleteAccessKey>(delete(None, &key));
    cloud.ok::<op::DeleteRole>(api::DeleteRoleRequest { role_name: "R".to_owned() });
    let snapshot = cloud.store.snapshot();
    assert_eq!((snapshot.count::<AccessKeyUse>(&clouds), snapshot.count::<RoleUse>(&own)), (0, 0));
}

#[test]
fn a_key_is_turned_off_and_is_its_users_alone() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.user("Eve");
    let id = cloud.ok::<op::CreateAccessKey>(of("Bob")).access_key.access_key_id;
    cloud.ok::<op::UpdateAccessKey>(set(&id, "Inactive"));
    assert_eq!(record(&cloud, &id).unwrap().status, AccessKeyStatus::Inactive);
    assert_eq!(list(&cloud, &By::Root, Some("Bob"))[0].status.as_deref(), Some("Inactive"));
    cloud.ok::<op::UpdateAccessKey>(set(&id, "Active"));
    assert_eq!(record(&cloud, &id).unwrap().status, AccessKeyStatus::Active);
    let refused = cloud.call::<op::UpdateAccessKey>(&By::Root, set(&id, "Expired")).unwrap_err();
    assert_eq!(refused.code, "ValidationError");
    let missing = format!("NoSuchEntity: The Access Key with id {id} cannot be found.");
    cloud.refuses::<op::DeleteAccessKey>(delete(Some("Eve"), &id), &missing);
    cloud.refuses::<op::DeleteAccessKey>(delete(None, &id), &missing);
    cloud.refuses_to::<op::GetAccessKeyLastUsed>(
        &By::OtherRoot,
        api::GetAccessKeyLastUsedRequest { access_key_id: id },
        &missing,
    );
}

#[test]
fn the_root_user_has_keys_of_its_own() {
    let cloud = Cloud::new();
    let made = cloud.ok::<op::CreateAccessKey>(Default::default()).access_key;
    assert_eq!(record(&cloud, &made.access_key_id).unwrap().owner, AccessKeyOwner::Root);
    assert_eq!(list(&cloud, &By::Root, None).len(), 1);
    assert!(list(&cloud, &By::OtherRoot, None).is_empty());
    let summary = cloud.ok::<op::GetAccountSummary>(aws_api::Unit).summary_map.unwrap();
    assert_eq!(summary["AccountAccessKeysPresent"], 1);
    cloud.ok::<op::DeleteAccessKey>(delete(None, &made.access_key_id));
    assert!(list(&cloud, &By::Root, None).is_empty());
}

#[test]
fn the_keys_of_a_renamed_user_say_its_new_name() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let id = cloud.ok::<op::CreateAccessKey>(of("Bob")).access_key.access_key_id;
    cloud.ok::<op::UpdateUser>(api::UpdateUserRequest {
        user_name: "Bob".to_owned(),
        new_path: None,
        new_user_name: Some("Ann".to_owned()),
    });
    let AccessKeyOwner::User { name, .. } = record(&cloud, &id).unwrap().owner else { panic!("a user's") };
    assert_eq!((name.as_str(), list(&cloud, &By::Root, Some("Ann")).len()), ("Ann", 1));
}

#[test]
fn it_is_known_when_a_key_was_last_used() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let id = cloud.ok::<op::CreateAccessKey>(of("Bob")).access_key.access_key_id;
    let get = || {
        let input = api::GetAccessKeyLastUsedRequest { access_key_id: id.clone() };
        let found = cloud.ok::<op::GetAccessKeyLastUsed>(input);
        assert_eq!(found.user_name.as_deref(), Some("Bob"));
        found.access_key_last_used.unwrap()
    };
    let never = get();
    assert_eq!(
        (never.last_used_date, never.service_name.as_str(), never.region.as_str()),
        (None, "N/A", "N/A")
    );
    let (service, region) = ("s3".to_owned(), "eu-west-1".to_owned());
    cloud.seen.keys.lock().unwrap().insert(id.clone(), KeyUse { at: cloud.now, service, region });
    let used = get();
    assert_eq!(
        (used.last_used_date, used.service_name.as_str(), used.region.as_str()),
        (Some(cloud.now), "s3", "eu-west-1")
    );
}
