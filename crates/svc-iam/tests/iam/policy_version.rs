//! Versions of managed policies.

use aws_api::iam::{self as api, operation as op};

use super::cloud::{ALLOW_ALL, Cloud, decoded};

const DENY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

fn create(arn: &str, set_as_default: bool) -> api::CreatePolicyVersionRequest {
    api::CreatePolicyVersionRequest {
        policy_arn: arn.to_owned(),
        policy_document: DENY_ALL.to_owned(),
        set_as_default: Some(set_as_default),
    }
}

fn get(arn: &str, version: &str) -> api::GetPolicyVersionRequest {
    api::GetPolicyVersionRequest { policy_arn: arn.to_owned(), version_id: version.to_owned() }
}

fn delete(arn: &str, version: &str) -> api::DeletePolicyVersionRequest {
    api::DeletePolicyVersionRequest { policy_arn: arn.to_owned(), version_id: version.to_owned() }
}

fn set_default(arn: &str, version: &str) -> api::SetDefaultPolicyVersionRequest {
    api::SetDefaultPolicyVersionRequest { policy_arn: arn.to_owned(), version_id: version.to_owned() }
}

/// The versions that are listed, the default one marked.
fn list(cloud: &Cloud, arn: &str, max_items: Option<i32>) -> Vec<String> {
    let (mut marker, mut found) = (None, Vec::new());
    loop {
        let input = api::ListPolicyVersionsRequest { policy_arn: arn.to_owned(), marker, max_items };
        let page = cloud.ok::<op::ListPolicyVersions>(input);
        found.extend(page.versions.unwrap().into_iter().map(|version| {
            assert!(version.document.is_none());
            let mark = if version.is_default_version == Some(true) { "*" } else { "" };
            format!("{}{mark}", version.version_id.unwrap())
        }));
        marker = page.marker;
        if marker.is_none() {
            return found;
        }
    }
}

#[test]
fn a_policy_has_five_versions_and_numbers_are_not_used_again() {
    let cloud = Cloud::new();
    let arn = cloud.policy("P");
    let made = cloud.ok::<op::CreatePolicyVersion>(create(&arn, false)).policy_version.unwrap();
    assert_eq!((made.version_id.as_deref(), made.is_default_version), (Some("v2"), Some(false)));
    cloud.ok::<op::CreatePolicyVersion>(create(&arn, true));
    assert_eq!(list(&cloud, &arn, None), ["v3*", "v2", "v1"]);
    let document = |version: &str| {
        let found = cloud.ok::<op::GetPolicyVersion>(get(&arn, version)).policy_version.unwrap();
        decoded(&found.document.unwrap())
    };
    assert_eq!((document("v1").as_str(), document("v3").as_str()), (ALLOW_ALL, DENY_ALL));
    let input = api::GetPolicyRequest { policy_arn: arn.clone() };
    let shown = cloud.ok::<op::GetPolicy>(input).policy.unwrap();
    assert_eq!(shown.default_version_id.as_deref(), Some("v3"));
    cloud.ok::<op::CreatePolicyVersion>(create(&arn, false));
    cloud.ok::<op::CreatePolicyVersion>(create(&arn, false));
    cloud.refuses::<op::CreatePolicyVersion>(
        create(&arn, false),
        "LimitExceeded: A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    );
    cloud.ok::<op::DeletePolicyVersion>(delete(&arn, "v5"));
    cloud.ok::<op::CreatePolicyVersion>(create(&arn, false));
    assert_eq!(list(&cloud, &arn, Some(2)), ["v6", "v4", "v3*", "v2", "v1"]);
}

#[test]
fn the_default_version_stays_and_another_can_be_made_it() {
    let cloud = Cloud::new();
    let arn = cloud.policy("P");
    cloud.ok::<op::CreatePolicyVersion>(create(&arn, false));
    cloud.refuses::<op::DeletePolicyVersion>(
        delete(&arn, "v1"),
        "DeleteConflict: Cannot delete the default version of a policy.",
    );
    cloud.refuses::<op::DeletePolicy>(
        api::DeletePolicyRequest { policy_arn: arn.clone() },
        "DeleteConflict: This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
    );
    cloud.ok::<op::SetDefaultPolicyVersion>(set_default(&arn, "v2"));
    cloud.ok::<op::DeletePolicyVersion>(delete(&arn, "v1"));
    assert_eq!(list(&cloud, &arn, None), ["v2*"]);
    let missing = format!("NoSuchEntity: Policy {arn} version v1 does not exist or is not attachable.");
    cloud.refuses::<op::GetPolicyVersion>(get(&arn, "v1"), &missing);
    cloud.refuses::<op::DeletePolicyVersion>(delete(&arn, "v1"), &missing);
    cloud.refuses::<op::SetDefaultPolicyVersion>(set_default(&arn, "v1"), &missing);
    cloud.ok::<op::DeletePolicy>(api::DeletePolicyRequest { policy_arn: arn });
}

#[test]
fn the_policies_of_aws_have_their_default_version() {
    let cloud = Cloud::new();
    let arn = "arn:aws:iam::aws:policy/AdministratorAccess";
    assert_eq!(list(&cloud, arn, None), ["v1*"]);
    let found = cloud.ok::<op::GetPolicyVersion>(get(arn, "v1")).policy_version.unwrap();
    assert_eq!(decoded(&found.document.unwrap()), ALLOW_ALL);
    let refused = cloud.call::<op::CreatePolicyVersion>(&super::cloud::By::Root, create(arn, true));
    assert_eq!(refused.unwrap_err().code, "AccessDenied");
}
