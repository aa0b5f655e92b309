use aws_api::organizations::{self as api, operation as op};

use crate::harness::*;

const TAGS: &str = r#"{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"}}}}"#;

fn update(id: &str, content: &str) -> api::UpdatePolicyRequest {
    api::UpdatePolicyRequest {
        policy_id: id.to_owned(),
        content: Some(content.to_owned()),
        ..Default::default()
    }
}

#[test]
fn a_policy_is_made_shown_changed_and_deleted() {
    let cloud = Cloud::organized();
    let made = cloud.ok::<op::CreatePolicy>(MANAGEMENT, new_policy("deny", SCP, DENY)).policy.unwrap();
    let summary = made.policy_summary.clone().unwrap();
    let id = summary.id.unwrap();
    let organization = cloud.ok::<op::DescribeOrganization>(MANAGEMENT, aws_api::Unit).organization.unwrap();
    let organization = organization.id.unwrap();
    assert_eq!(
        summary.arn.unwrap(),
        format!("arn:aws:organizations::{MANAGEMENT}:policy/{organization}/service_control_policy/{id}")
    );
    let input = || api::DescribePolicyRequest { policy_id: id.clone() };
    assert_eq!(cloud.ok::<op::DescribePolicy>(MANAGEMENT, input()).policy, Some(made));
    let allow = DENY.replace("Deny", "Allow");
    cloud.ok::<op::UpdatePolicy>(MANAGEMENT, update(&id, &allow));
    let shown = cloud.ok::<op::DescribePolicy>(MANAGEMENT, input()).policy.unwrap();
    assert_eq!(shown.content, Some(allow));
    let listed = |filter: &str| {
        let input = api::ListPoliciesRequest { filter: filter.to_owned(), ..Default::default() };
        let policies = cloud.ok::<op::ListPolicies>(MANAGEMENT, input).policies.unwrap();
        let mut names: Vec<_> = policies.into_iter().map(|policy| policy.name.unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(listed(SCP), ["FullAWSAccess", "deny"]);
    assert_eq!(listed("RESOURCE_CONTROL_POLICY"), ["RCPFullAWSAccess"]);
    assert_eq!(listed("TAG_POLICY"), [""; 0]);
    let delete = || api::DeletePolicyRequest { policy_id: id.clone() };
    cloud.ok::<op::DeletePolicy>(MANAGEMENT, delete());
    cloud.refuses::<op::DeletePolicy>(MANAGEMENT, delete(), "PolicyNotFoundException");
    assert_eq!(listed(SCP), ["FullAWSAccess"]);
}

#[test]
fn names_are_unique_for_a_type() {
    let cloud = Cloud::organized();
    let id = cloud.new_policy("one", SCP, DENY);
    cloud.new_policy("one", "TAG_POLICY", TAGS);
    let taken = "DuplicatePolicyException";
    cloud.refuses::<op::CreatePolicy>(MANAGEMENT, new_policy("one", SCP, DENY), taken);
    cloud.refuses::<op::CreatePolicy>(MANAGEMENT, new_policy("FullAWSAccess", SCP, DENY), taken);
    cloud.new_policy("two", SCP, DENY);
    let input =
        api::UpdatePolicyRequest { policy_id: id, name: Some("two".to_owned()), ..Default::default() };
    cloud.refuses::<op::UpdatePolicy>(MANAGEMENT, input, taken);
}

#[test]
fn a_policy_has_a_length_and_a_language() {
    let cloud = Cloud::organized();
    let padded = |text: &str, length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    let id = cloud.new_policy("longest", SCP, &padded(DENY, 5120));
    let too_long = "ConstraintViolationException/POLICY_CONTENT_LIMIT_EXCEEDED";
    let create = |name: &str, policy_type: &str, text: &str, code: &str| {
        cloud.refuses::<op::CreatePolicy>(MANAGEMENT, new_policy(name, policy_type, text), code);
    };
    create("longer", SCP, &padded(DENY, 5121), too_long);
    cloud.refuses::<op::UpdatePolicy>(MANAGEMENT, update(&id, &padded(DENY, 5121)), too_long);
    cloud.new_policy("tags", "TAG_POLICY", &padded(TAGS, 10_000));
    create("more tags", "TAG_POLICY", &padded(TAGS, 10_001), too_long);
    let malformed = "MalformedPolicyDocumentException";
    create("bad", SCP, "{", malformed);
    create("bad", SCP, TAGS, malformed);
    create("bad", "TAG_POLICY", DENY, malformed);
    create("bad", "BACKUP_POLICY", TAGS, malformed);
    cloud.refuses::<op::UpdatePolicy>(MANAGEMENT, update(&id, "{}"), malformed);
    create("bad", "CHATBOT_POLICY", "{}", "InvalidInputException/INVALID_ENUM_POLICY_TYPE");
}

#[test]
fn the_policies_of_aws_do_not_change() {
    let cloud = Cloud::organized();
    let immutable = "InvalidInputException/IMMUTABLE_POLICY";
    cloud.refuses::<op::UpdatePolicy>(MANAGEMENT, update("p-FullAWSAccess", DENY), immutable);
    let delete = api::DeletePolicyRequest { policy_id: "p-FullAWSAccess".to_owned() };
    cloud.refuses::<op::DeletePolicy>(MANAGEMENT, delete, immutable);
    let input = api::DescribePolicyRequest { policy_id: "p-FullAWSAccess".to_owned() };
    let policy = cloud.ok::<op::DescribePolicy>(MANAGEMENT, input).policy.unwrap();
    let summary = policy.policy_summary.unwrap();
    assert_eq!(summary.aws_managed, Some(true));
    assert_eq!(
        summary.arn.as_deref(),
        Some("arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess")
    );
}
