//! All identities and policies of an account at once.

use aws_api::iam::{self as api, operation as op};

use super::cloud::{ALLOW_ALL, Cloud, attach_to_role, attach_to_user, decoded, join, profile};

const AWS: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/// A cloud with one of each.
fn cloud() -> Cloud {
    let cloud = Cloud::new();
    let own = cloud.policy("Own");
    cloud.policy("Unused");
    cloud.group("G");
    cloud.user("Bob");
    cloud.role("R");
    let (group_name, user_name) = ("G".to_owned(), "Bob".to_owned());
    cloud.ok::<op::AddUserToGroup>(api::AddUserToGroupRequest { group_name, user_name });
    cloud.ok::<op::AttachUserPolicy>(attach_to_user("Bob", &own));
    cloud.ok::<op::AttachRolePolicy>(attach_to_role("R", AWS));
    cloud.ok::<op::PutGroupPolicy>(api::PutGroupPolicyRequest {
        group_name: "G".to_owned(),
        policy_name: "inline".to_owned(),
        policy_document: ALLOW_ALL.to_owned(),
    });
    cloud.ok::<op::CreateInstanceProfile>(profile("P"));
    cloud.ok::<op::AddRoleToInstanceProfile>(join("P", "R"));
    cloud
}

#[test]
fn details_have_all_that_there_is() {
    let cloud = cloud();
    let all = cloud.ok::<op::GetAccountAuthorizationDetails>(Default::default());
    let [users, groups, roles, policies] = [
        all.user_detail_list.as_ref().unwrap().len(),
        all.group_detail_list.as_ref().unwrap().len(),
        all.role_detail_list.as_ref().unwrap().len(),
        all.policies.as_ref().unwrap().len(),
    ];
    // The two policies of the account, and the one of AWS that it uses.
    assert_eq!([users, groups, roles, policies], [1, 1, 1, 3]);
    let user = &all.user_detail_list.unwrap()[0];
    assert_eq!(user.group_list, Some(vec!["G".to_owned()]));
    let attached = user.attached_managed_policies.as_ref().unwrap();
    assert_eq!(attached[0].policy_name.as_deref(), Some("Own"));
    let group = &all.group_detail_list.unwrap()[0];
    let inline = &group.group_policy_list.as_ref().unwrap()[0];
    assert_eq!(decoded(inline.policy_document.as_ref().unwrap()), ALLOW_ALL);
    let role = &all.role_detail_list.unwrap()[0];
    let profiles = role.instance_profile_list.as_ref().unwrap();
    assert_eq!((profiles.len(), profiles[0].roles.len()), (1, 1));
    let policies = all.policies.unwrap();
    let own = policies.iter().find(|policy| policy.policy_name.as_deref() == Some("Own")).unwrap();
    assert_eq!(own.attachment_count, Some(1));
    let versions = own.policy_version_list.as_ref().unwrap();
    assert_eq!(decoded(versions[0].document.as_ref().unwrap()), ALLOW_ALL);
}

#[test]
fn details_are_filtered_and_paged() {
    let cloud = cloud();
    let names = |answer: &api::GetAccountAuthorizationDetailsResponse| {
        let mut names = Vec::new();
        names.extend(answer.user_detail_list.iter().flatten().filter_map(|one| one.user_name.clone()));
        names.extend(answer.group_detail_list.iter().flatten().filter_map(|one| one.group_name.clone()));
        names.extend(answer.role_detail_list.iter().flatten().filter_map(|one| one.role_name.clone()));
        names.extend(answer.policies.iter().flatten().filter_map(|one| one.policy_name.clone()));
        names
    };
    for (kind, expect) in [
        ("User", vec!["Bob"]),
        ("Group", vec!["G"]),
        ("Role", vec!["R"]),
        ("LocalManagedPolicy", vec!["Own", "Unused"]),
        ("AWSManagedPolicy", vec!["ReadOnlyAccess"]),
    ] {
        let filter = Some(vec![kind.to_owned()]);
        let input = api::GetAccountAuthorizationDetailsRequest { filter, ..Default::default() };
        assert_eq!(names(&cloud.ok::<op::GetAccountAuthorizationDetails>(input)), expect, "{kind}");
    }
    let (mut marker, mut seen) = (None, Vec::new());
    loop {
        let input =
            api::GetAccountAuthorizationDetailsRequest { marker, max_items: Some(2), ..Default::default() };
        let page = cloud.ok::<op::GetAccountAuthorizationDetails>(input);
        assert_eq!(page.is_truncated, Some(page.marker.is_some()));
        seen.extend(names(&page));
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["Bob", "G", "R", "Own", "ReadOnlyAccess", "Unused"]);
}
