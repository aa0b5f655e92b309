//! Managed policies of users, groups and roles.

use aws_api::iam::{self as api, operation as op};

use super::cloud::{Cloud, attach_to_role, attach_to_user};

const AWS: &str = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";

fn attach_to_group(group: &str, arn: &str) -> api::AttachGroupPolicyRequest {
    api::AttachGroupPolicyRequest { group_name: group.to_owned(), policy_arn: arn.to_owned() }
}

fn names(policies: Option<Vec<api::AttachedPolicy>>) -> Vec<String> {
    policies.unwrap().into_iter().map(|policy| policy.policy_name.unwrap()).collect()
}

fn of_role(cloud: &Cloud, prefix: Option<&str>) -> Vec<String> {
    let path_prefix = prefix.map(str::to_owned);
    let input =
        api::ListAttachedRolePoliciesRequest { role_name: "R".to_owned(), path_prefix, ..Default::default() };
    names(cloud.ok::<op::ListAttachedRolePolicies>(input).attached_policies)
}

#[test]
fn policies_come_and_go() {
    let cloud = Cloud::new();
    let own = cloud.policy("Own");
    cloud.user("Bob");
    cloud.group("G");
    cloud.role("R");
    cloud.ok::<op::AttachUserPolicy>(attach_to_user("bob", &own));
    cloud.ok::<op::AttachGroupPolicy>(attach_to_group("G", AWS));
    for arn in [&own, AWS, AWS] {
        cloud.ok::<op::AttachRolePolicy>(attach_to_role("R", arn));
    }
    let input = api::ListAttachedUserPoliciesRequest { user_name: "Bob".to_owned(), ..Default::default() };
    assert_eq!(names(cloud.ok::<op::ListAttachedUserPolicies>(input).attached_policies), ["Own"]);
    let input = api::ListAttachedGroupPoliciesRequest { group_name: "G".to_owned(), ..Default::default() };
    let of_group = cloud.ok::<op::ListAttachedGroupPolicies>(input).attached_policies;
    assert_eq!(of_group.as_ref().unwrap()[0].policy_arn.as_deref(), Some(AWS));
    assert_eq!(names(of_group), ["ViewOnlyAccess"]);
    assert_eq!(of_role(&cloud, None), ["Own", "ViewOnlyAccess"]);
    assert_eq!(of_role(&cloud, Some("/job-function/")), ["ViewOnlyAccess"]);
    let detach = || api::DetachRolePolicyRequest { role_name: "R".to_owned(), policy_arn: AWS.to_owned() };
    cloud.ok::<op::DetachRolePolicy>(detach());
    assert_eq!(of_role(&cloud, None), ["Own"]);
    cloud.refuses::<op::DetachRolePolicy>(
        detach(),
        "NoSuchEntity: Policy arn:aws:iam::aws:policy/job-function/ViewOnlyAccess was not found.",
    );
    let (group_name, policy_arn) = ("G".to_owned(), AWS.to_owned());
    cloud.ok::<op::DetachGroupPolicy>(api::DetachGroupPolicyRequest { group_name, policy_arn });
    let (user_name, policy_arn) = ("Bob".to_owned(), own);
    cloud.ok::<op::DetachUserPolicy>(api::DetachUserPolicyRequest { user_name, policy_arn });
    cloud.ok::<op::DeleteUser>(api::DeleteUserRequest { user_name: "Bob".to_owned() });
}

#[test]
fn what_cannot_be_attached() {
    let cloud = Cloud::new();
    cloud.role("R");
    cloud.policy("Own");
    for (arn, expect) in [
        (
            "arn:aws:iam::123456789012:policy/x/Own",
            "NoSuchEntity: Policy arn:aws:iam::123456789012:policy/x/Own does not exist or is not attachable.",
        ),
        (
            "arn:aws:iam::210987654321:policy/Own",
            "NoSuchEntity: Policy arn:aws:iam::210987654321:policy/Own does not exist or is not attachable.",
        ),
        (
            "arn:aws:iam::123456789012:policy/None",
            "NoSuchEntity: Policy arn:aws:iam::123456789012:policy/None does not exist or is not attachable.",
        ),
        (
            "arn:aws:iam::aws:policy/ViewOnlyAccess",
            "NoSuchEntity: Policy arn:aws:iam::aws:policy/ViewOnlyAccess does not exist or is not attachable.",
        ),
        ("AdministratorAccess", "InvalidInput: ARN AdministratorAccess is not valid."),
        (
            "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy",
            "PolicyNotAttachable: Cannot attach a Service Role Policy to a Customer Role.",
        ),
    ] {
        cloud.refuses::<op::AttachRolePolicy>(attach_to_role("R", arn), expect);
    }
    for number in 0..10 {
        let arn = cloud.policy(&format!("p{number}"));
        cloud.ok::<op::AttachRolePolicy>(attach_to_role("R", &arn));
    }
    cloud.refuses::<op::AttachRolePolicy>(
        attach_to_role("R", AWS),
        "LimitExceeded: Cannot exceed quota for PoliciesPerRole: 10",
    );
}

#[test]
fn a_policy_tells_who_has_it() {
    let cloud = Cloud::new();
    let own = cloud.policy("Own");
    for name in ["Ann", "Bob"] {
        cloud.user(name);
    }
    cloud.group("G");
    cloud.role("R");
    cloud.ok::<op::AttachUserPolicy>(attach_to_user("Bob", &own));
    cloud.ok::<op::AttachGroupPolicy>(attach_to_group("G", &own));
    cloud.ok::<op::AttachRolePolicy>(attach_to_role("R", &own));
    cloud.ok::<op::PutUserPermissionsBoundary>(api::PutUserPermissionsBoundaryRequest {
        user_name: "Ann".to_owned(),
        permissions_boundary: own.clone(),
    });
    let all = || api::ListEntitiesForPolicyRequest { policy_arn: own.clone(), ..Default::default() };
    let list = |input| {
        let found = cloud.ok::<op::ListEntitiesForPolicy>(input);
        let mut names: Vec<_> =
            found.policy_groups.unwrap().into_iter().filter_map(|one| one.group_name).collect();
        names.extend(found.policy_roles.unwrap().into_iter().filter_map(|one| one.role_name));
        names.extend(found.policy_users.unwrap().into_iter().filter_map(|one| one.user_name));
        (names, found.marker)
    };
    assert_eq!(list(all()).0, ["G", "R", "Ann", "Bob"]);
    let (first, marker) = list(api::ListEntitiesForPolicyRequest { max_items: Some(3), ..all() });
    assert_eq!(first, ["G", "R", "Ann"]);
    assert_eq!(list(api::ListEntitiesForPolicyRequest { marker, ..all() }).0, ["Bob"]);
    let entity_filter = Some("User".to_owned());
    assert_eq!(list(api::ListEntitiesForPolicyRequest { entity_filter, ..all() }).0, ["Ann", "Bob"]);
    for (filter, expect) in
        [("PermissionsBoundary", vec!["Ann"]), ("PermissionsPolicy", vec!["G", "R", "Bob"])]
    {
        let policy_usage_filter = Some(filter.to_owned());
        assert_eq!(list(api::ListEntitiesForPolicyRequest { policy_usage_filter, ..all() }).0, expect);
    }
    let path_prefix = Some("/x/".to_owned());
    assert!(list(api::ListEntitiesForPolicyRequest { path_prefix, ..all() }).0.is_empty());
}
