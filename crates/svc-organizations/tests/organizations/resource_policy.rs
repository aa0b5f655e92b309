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

/// The policy is held against all that is known of the request: who asks, what it says, and the tags of what it names.
#[test]
fn the_policys_conditions_see_the_request() {
    let cloud = Cloud::organized();
    let (member, other) = (cloud.new_member("member"), cloud.new_member("other"));
    let organization =
        cloud.ok::<op::DescribeOrganization>(MANAGEMENT, Unit).organization.unwrap().id.unwrap();
    let denied = "AccessDeniedException";
    let let_in = |action: &str, condition: &str| {
        let content = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"*"}},"Action":"organizations:{action}","Resource":"*","Condition":{{"StringEquals":{{{condition}}}}}}}]}}"#
        );
        cloud.ok::<op::PutResourcePolicy>(MANAGEMENT, put(&content));
    };
    let list = || api::ListAccountsRequest::default();
    let_in(
        "ListAccounts",
        &format!(r#""aws:PrincipalOrgID":"{organization}","aws:RequestedRegion":"us-east-1""#),
    );
    cloud.ok::<op::ListAccounts>(&member, list());
    let_in("ListAccounts", r#""aws:PrincipalOrgID":"o-anotherone""#);
    cloud.refuses::<op::ListAccounts>(&member, list(), denied);
    let_in(
        "ListAccounts",
        &format!(r#""aws:ResourceAccount":"{MANAGEMENT}","aws:ResourceOrgID":"{organization}""#),
    );
    cloud.ok::<op::ListAccounts>(&member, list());
    // What the request says.
    let_in("CreatePolicy", r#""organizations:PolicyType":"TAG_POLICY""#);
    cloud.refuses::<op::CreatePolicy>(&member, new_policy("deny", SCP, DENY), denied);
    let_in("CreatePolicy", &format!(r#""organizations:PolicyType":"{SCP}","aws:RequestTag/team":"red""#));
    cloud.refuses::<op::CreatePolicy>(&member, new_policy("deny", SCP, DENY), denied);
    let tag = |value: &str| Some(vec![api::Tag { key: "team".to_owned(), value: value.to_owned() }]);
    let tagged = |value: &str| api::CreatePolicyRequest { tags: tag(value), ..new_policy("deny", SCP, DENY) };
    cloud.refuses::<op::CreatePolicy>(&member, tagged("blue"), denied);
    let policy = cloud.ok::<op::CreatePolicy>(&member, tagged("red")).policy.unwrap();
    let id = policy.policy_summary.unwrap().id.unwrap();
    // The tags of what it names.
    let delete = || api::DeletePolicyRequest { policy_id: id.clone() };
    let_in("DeletePolicy", r#""aws:ResourceTag/team":"blue""#);
    cloud.refuses::<op::DeletePolicy>(&member, delete(), denied);
    let describe = |account: &str| api::DescribeAccountRequest { account_id: account.to_owned() };
    let tag_other = api::TagResourceRequest { resource_id: other.clone(), tags: tag("red").unwrap() };
    cloud.ok::<op::TagResource>(MANAGEMENT, tag_other);
    let_in("D*", r#""aws:ResourceTag/team":"red""#);
    cloud.ok::<op::DescribeAccount>(&member, describe(&other));
    cloud.refuses::<op::DescribeAccount>(&member, describe(&member), denied);
    cloud.ok::<op::DeletePolicy>(&member, delete());
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
