use aws_api::Unit;
use aws_api::organizations::{self as api, operation as op};

use crate::harness::*;

fn put(content: &str) -> api::PutResourcePolicyRequest {
    api::PutResourcePolicyRequest { content: content.to_owned(), ..Default::default() }
}

fn delegation(account: &str, action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"One","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{account}:root"}},"Action":{action},"Resource":"*"}}]}}"#
    )
}

#[test]
fn members_do_what_the_policy_lets_them() {
    let cloud = Cloud::organized();
    let (member, other) = (cloud.new_member("member"), cloud.new_member("other"));
    let not_found = "ResourcePolicyNotFoundException";
    cloud.refuses::<op::DescribeResourcePolicy>(MANAGEMENT, Unit, not_found);
    let denied = "AccessDeniedException";
    cloud.refuses::<op::CreatePolicy>(&member, new_policy("deny", SCP, DENY), denied);
    let actions = r#"["organizations:CreatePolicy","organizations:List*","organizations:AttachPolicy"]"#;
    let made = cloud.ok::<op::PutResourcePolicy>(MANAGEMENT, put(&delegation(&member, actions)));
    let summary = made.resource_policy.unwrap().resource_policy_summary.unwrap();
    assert!(summary.id.as_deref().unwrap().starts_with("rp-"), "{summary:?}");
    let policy = cloud.ok::<op::CreatePolicy>(&member, new_policy("deny", SCP, DENY)).policy.unwrap();
    let policy = policy.policy_summary.unwrap().id.unwrap();
    cloud.ok::<op::AttachPolicy>(&member, attach(&policy, &other));
    assert_eq!(cloud.ok::<op::ListAccounts>(&member, Default::default()).accounts.unwrap().len(), 3);
    let delete = || api::DeletePolicyRequest { policy_id: policy.clone() };
    cloud.refuses::<op::DeletePolicy>(&member, delete(), denied);
    cloud.refuses::<op::CreatePolicy>(&other, new_policy("more", SCP, DENY), denied);
    // It delegates policies, not the organization.
    cloud.refuses::<op::CreateAccount>(&member, new_account("third"), denied);
    cloud.refuses::<op::PutResourcePolicy>(&member, put(&delegation(&member, actions)), denied);
    cloud.ok::<op::DeleteResourcePolicy>(MANAGEMENT, Unit);
    cloud.refuses::<op::ListAccounts>(&member, Default::default(), denied);
    cloud.refuses::<op::DeleteResourcePolicy>(MANAGEMENT, Unit, not_found);
}

#[test]
fn the_policy_is_about_organizations() {
    let cloud = Cloud::organized();
    cloud.refuses::<op::PutResourcePolicy>(
        MANAGEMENT,
        put("{"),
        "InvalidInputException/INVALID_RESOURCE_POLICY_JSON",
    );
    let other = delegation(STRANGER, r#""s3:*""#);
    cloud.refuses::<op::PutResourcePolicy>(
        MANAGEMENT,
        put(&other),
        "InvalidInputException/UNSUPPORTED_ACTION_IN_RESOURCE_POLICY",
    );
    let first = delegation(STRANGER, r#""organizations:List*""#);
    let id = |content: &str| {
        let made = cloud.ok::<op::PutResourcePolicy>(MANAGEMENT, put(content)).resource_policy.unwrap();
        made.resource_policy_summary.unwrap().id.unwrap()
    };
    let made = id(&first);
    let second = delegation(STRANGER, r#""organizations:Describe*""#);
    assert_eq!(id(&second), made);
    let shown = cloud.ok::<op::DescribeResourcePolicy>(MANAGEMENT, Unit).resource_policy.unwrap();
    assert_eq!(shown.content, Some(second));
}
