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
    let_in("TagResource", r#""aws:ResourceTag/team":"red""#);
    let tag_it = |id: &str| api::TagResourceRequest { resource_id: id.to_owned(), tags: tag("red").unwrap() };
    cloud.ok::<op::TagResource>(&member, tag_it(&id));
    cloud.refuses::<op::TagResource>(&member, tag_it(&member), denied);
    let_in("Describe*", r#""aws:ResourceTag/team":"red""#);
    cloud.ok::<op::DescribeAccount>(&member, describe(&other));
    cloud.refuses::<op::DescribeAccount>(&member, describe(&member), denied);
    let_in("DeletePolicy", r#""aws:ResourceTag/team":"red""#);
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

#[test]
fn only_what_is_about_policies_is_delegated() {
    let cloud = Cloud::organized();
    let unsupported = "InvalidInputException/UNSUPPORTED_ACTION_IN_RESOURCE_POLICY";
    let refused = [
        "organizations:CreateAccount",
        "organizations:*",
        "organizations:*Policy",
        "organizations:NoSuchThing",
        "Organizations:Create*",
        "*",
    ];
    for action in refused {
        let content = delegation(STRANGER, &format!("[\"organizations:List*\",\"{action}\"]"));
        cloud.refuses::<op::PutResourcePolicy>(MANAGEMENT, put(&content), unsupported);
    }
    let without_action =
        delegation(STRANGER, r#""organizations:List*""#).replace(r#""Action""#, r#""NotAction""#);
    cloud.refuses::<op::PutResourcePolicy>(MANAGEMENT, put(&without_action), unsupported);
    let without_resource =
        delegation(STRANGER, r#""organizations:List*""#).replace(r#""Resource""#, r#""NotResource""#);
    let resource = "InvalidInputException/UNSUPPORTED_RESOURCE_IN_RESOURCE_POLICY";
    cloud.refuses::<op::PutResourcePolicy>(MANAGEMENT, put(&without_resource), resource);
    let allowed = r#"["organizations:describe*","organizations:T?gResource","organizations:CreatePolicy"]"#;
    cloud.ok::<op::PutResourcePolicy>(MANAGEMENT, put(&delegation(STRANGER, allowed)));
    // What is denied delegates nothing.
    let denied = delegation(STRANGER, r#""organizations:*""#).replace("Allow", "Deny");
    cloud.ok::<op::PutResourcePolicy>(MANAGEMENT, put(&denied));
    let tagged = api::PutResourcePolicyRequest {
        content: denied,
        tags: Some(vec![api::Tag { key: "a".to_owned(), value: "1".to_owned() }]),
    };
    cloud.refuses::<op::PutResourcePolicy>(MANAGEMENT, tagged, "InvalidInputException/INVALID_LIST_MEMBER");
}

/// What is looked at is what the statement has to be about.
#[test]
fn members_look_at_the_resources_that_the_policy_names() {
    let cloud = Cloud::organized();
    let (member, root) = (cloud.new_member("member"), cloud.root());
    let (unit, other) = (cloud.new_unit(&root, "One"), cloud.new_unit(&root, "Other"));
    let (policy, more) = (cloud.new_policy("deny", SCP, DENY), cloud.new_policy("more", SCP, DENY));
    let describe = |id: &str| api::DescribePolicyRequest { policy_id: id.to_owned() };
    let arn = cloud.ok::<op::DescribePolicy>(MANAGEMENT, describe(&policy)).policy.unwrap();
    let arn = arn.policy_summary.unwrap().arn.unwrap();
    let denied = "AccessDeniedException";
    let of_unit = |id: &str| api::DescribeOrganizationalUnitRequest { organizational_unit_id: id.to_owned() };
    cloud.refuses::<op::DescribeOrganizationalUnit>(&member, of_unit(&unit), denied);
    let unit_arn = cloud.ok::<op::DescribeOrganizationalUnit>(MANAGEMENT, of_unit(&unit));
    let unit_arn = unit_arn.organizational_unit.unwrap().arn.unwrap();
    let actions = r#"["organizations:Describe*","organizations:List*","organizations:TagResource"]"#;
    let resources = format!("\"Resource\":[\"{arn}\",\"{unit_arn}\"]");
    let content = delegation(&member, actions).replace(r#""Resource":"*""#, &resources);
    cloud.ok::<op::PutResourcePolicy>(MANAGEMENT, put(&content));
    cloud.ok::<op::DescribeOrganizationalUnit>(&member, of_unit(&unit));
    cloud.refuses::<op::DescribeOrganizationalUnit>(&member, of_unit(&other), denied);
    cloud.ok::<op::DescribePolicy>(&member, describe(&policy));
    cloud.refuses::<op::DescribePolicy>(&member, describe(&more), denied);
    let children = |id: &str| api::ListChildrenRequest {
        parent_id: id.to_owned(),
        child_type: "ACCOUNT".to_owned(),
        ..Default::default()
    };
    cloud.ok::<op::ListChildren>(&member, children(&unit));
    cloud.refuses::<op::ListChildren>(&member, children(&root), denied);
    let targets =
        |id: &str| api::ListTargetsForPolicyRequest { policy_id: id.to_owned(), ..Default::default() };
    cloud.ok::<op::ListTargetsForPolicy>(&member, targets(&policy));
    cloud.refuses::<op::ListTargetsForPolicy>(&member, targets(&more), denied);
    let tag = |id: &str| api::TagResourceRequest {
        resource_id: id.to_owned(),
        tags: vec![api::Tag { key: "a".to_owned(), value: "1".to_owned() }],
    };
    cloud.ok::<op::TagResource>(&member, tag(&policy));
    cloud.refuses::<op::TagResource>(&member, tag(&more), denied);
    // Lists of all are of no resource.
    cloud.refuses::<op::ListAccounts>(&member, Default::default(), denied);
}
