//! What requests need to be allowed, where the reference does not tell.

use aws_api::Operation;
use aws_api::iam::{self as api, operation as op};
use aws_model::Value;
use service_api::Service as _;

use super::cloud::{By, Cloud, join};

#[track_caller]
fn check<O: Operation>(input: O::Input, expect: &str)
where
    O::Input: Into<Value>,
{
    let cloud = Cloud::new();
    let needed = cloud.service.needed_permissions(&cloud.context(&By::Root), O::NAME, &input.into()).unwrap();
    let [permission] = &needed[..] else { panic!("{needed:?}") };
    let arns: Vec<_> = permission.resources.iter().map(|resource| resource.arn.as_str()).collect();
    assert_eq!(format!("{} {}", permission.action, arns.join(" ")), expect);
}

#[test]
fn lists_are_of_all_that_may_be_in_them() {
    check::<op::ListUsers>(Default::default(), "iam:ListUsers arn:aws:iam::123456789012:user/");
    let below = api::ListRolesRequest { path_prefix: Some("/team/".to_owned()), ..Default::default() };
    check::<op::ListRoles>(below, "iam:ListRoles arn:aws:iam::123456789012:role/team/");
    check::<op::ListGroups>(Default::default(), "iam:ListGroups arn:aws:iam::123456789012:group/");
    check::<op::ListInstanceProfiles>(
        Default::default(),
        "iam:ListInstanceProfiles arn:aws:iam::123456789012:instance-profile/",
    );
    check::<op::ListVirtualMFADevices>(
        Default::default(),
        "iam:ListVirtualMFADevices arn:aws:iam::123456789012:mfa/",
    );
    check::<op::ListPolicies>(Default::default(), "iam:ListPolicies *");
}

#[test]
fn the_role_of_a_profile_is_passed_to_ec2() {
    let cloud = Cloud::new();
    let input = join("p", "r").into();
    let context = cloud.context(&By::Root);
    let needed = cloud.service.needed_permissions(&context, "AddRoleToInstanceProfile", &input).unwrap();
    let passed = needed.iter().find(|permission| permission.action == "iam:PassRole").unwrap();
    let key = ("iam:PassedToService".to_owned(), vec!["ec2.amazonaws.com".to_owned()]);
    assert_eq!(passed.keys, [key]);
}
