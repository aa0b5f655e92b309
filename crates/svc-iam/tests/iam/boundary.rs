//! Permissions boundaries of users and roles.

use aws_api::iam::{self as api, operation as op};

use super::cloud::{Cloud, TRUST_EC2, role};

#[test]
fn users_and_roles_have_boundaries() {
    let cloud = Cloud::new();
    let arn = cloud.policy("Limit");
    let shown = Some(api::AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".to_owned()),
        permissions_boundary_arn: Some(arn.clone()),
    });
    let user_name = "Bob".to_owned();
    let permissions_boundary = Some(arn.clone());
    let made = cloud.ok::<op::CreateUser>(api::CreateUserRequest {
        user_name,
        permissions_boundary,
        ..Default::default()
    });
    assert_eq!(made.user.unwrap().permissions_boundary, shown);
    cloud.role("R");
    let role_name = || "R".to_owned();
    let put = |arn: &str| api::PutRolePermissionsBoundaryRequest {
        role_name: role_name(),
        permissions_boundary: arn.to_owned(),
    };
    let of_role = || {
        let found = cloud.ok::<op::GetRole>(api::GetRoleRequest { role_name: role_name() });
        found.role.permissions_boundary
    };
    cloud.ok::<op::PutRolePermissionsBoundary>(put(&arn));
    assert_eq!(of_role(), shown);
    let aws = "arn:aws:iam::aws:policy/PowerUserAccess";
    cloud.ok::<op::PutRolePermissionsBoundary>(put(aws));
    assert_eq!(of_role().unwrap().permissions_boundary_arn.as_deref(), Some(aws));
    let input = api::GetPolicyRequest { policy_arn: aws.to_owned() };
    let policy = cloud.ok::<op::GetPolicy>(input).policy.unwrap();
    assert_eq!((policy.attachment_count, policy.permissions_boundary_usage_count), (Some(0), Some(1)));
    let delete = api::DeleteRolePermissionsBoundaryRequest { role_name: role_name() };
    cloud.ok::<op::DeleteRolePermissionsBoundary>(delete);
    assert_eq!(of_role(), None);
    let user_name = "Bob".to_owned();
    cloud.ok::<op::DeleteUserPermissionsBoundary>(api::DeleteUserPermissionsBoundaryRequest { user_name });
    let input = api::GetUserRequest { user_name: Some("Bob".to_owned()) };
    assert_eq!(cloud.ok::<op::GetUser>(input).user.permissions_boundary, None);
}

#[test]
fn a_boundary_has_to_be_a_policy() {
    let cloud = Cloud::new();
    let missing = "arn:aws:iam::123456789012:policy/None";
    let expect = format!("NoSuchEntity: Scope ARN: {missing} does not exist or is not attachable.");
    let permissions_boundary = Some(missing.to_owned());
    cloud.refuses::<op::CreateRole>(
        api::CreateRoleRequest { permissions_boundary, ..role("R", TRUST_EC2) },
        &expect,
    );
    cloud.user("Bob");
    let put = |arn: &str| api::PutUserPermissionsBoundaryRequest {
        user_name: "Bob".to_owned(),
        permissions_boundary: arn.to_owned(),
    };
    cloud.refuses::<op::PutUserPermissionsBoundary>(put(missing), &expect);
    cloud.refuses::<op::PutUserPermissionsBoundary>(
        put("not-the-arn-of-a-policy"),
        "InvalidInput: ARN not-the-arn-of-a-policy is not valid.",
    );
}
