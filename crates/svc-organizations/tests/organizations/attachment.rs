use aws_api::organizations::{self as api, operation as op};

use crate::harness::*;

fn full() -> Vec<String> {
    vec!["FullAWSAccess".to_owned()]
}

#[test]
fn what_allows_everything_is_everywhere_from_the_start() {
    let cloud = Cloud::organized();
    let (root, member) = (cloud.root(), cloud.new_member("member"));
    let unit = cloud.new_unit(&root, "Custom");
    cloud.ok::<op::MoveAccount>(MANAGEMENT, move_account(&member, &root, &unit));
    assert_eq!(cloud.levels(&member), Some(vec![full(), full(), full()]));
    assert_eq!(cloud.levels(MANAGEMENT), None, "policies do not bear on the management account");
    let policy = cloud.new_policy("deny", SCP, DENY);
    cloud.attach(&policy, &unit);
    let both = vec!["FullAWSAccess".to_owned(), "deny".to_owned()];
    assert_eq!(cloud.levels(&member), Some(vec![full(), both, full()]));
    cloud.ok::<op::DetachPolicy>(MANAGEMENT, detach(&policy, &unit));
    assert_eq!(cloud.levels(&member), Some(vec![full(), full(), full()]));
}

#[test]
fn a_target_has_one_to_five_policies() {
    let cloud = Cloud::organized();
    let member = cloud.new_member("member");
    let last = "ConstraintViolationException/MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED";
    cloud.refuses::<op::DetachPolicy>(MANAGEMENT, detach("p-FullAWSAccess", &member), last);
    let policies: Vec<String> =
        (0..5).map(|number| cloud.new_policy(&format!("deny {number}"), SCP, DENY)).collect();
    for policy in &policies[..4] {
        cloud.attach(policy, &member);
    }
    cloud.refuses::<op::AttachPolicy>(
        MANAGEMENT,
        attach(&policies[4], &member),
        "ConstraintViolationException/MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
    );
    cloud.refuses::<op::AttachPolicy>(
        MANAGEMENT,
        attach(&policies[0], &member),
        "DuplicatePolicyAttachmentException",
    );
    // The default can go once there is another.
    cloud.ok::<op::DetachPolicy>(MANAGEMENT, detach("p-FullAWSAccess", &member));
    cloud.attach(&policies[4], &member);
    let not_attached = "PolicyNotAttachedException";
    cloud.refuses::<op::DetachPolicy>(MANAGEMENT, detach("p-FullAWSAccess", &member), not_attached);
}

#[test]
fn a_policy_and_its_targets_find_each_other() {
    let cloud = Cloud::organized();
    let (root, member) = (cloud.root(), cloud.new_member("member"));
    let unit = cloud.new_unit(&root, "Custom");
    let policy = cloud.new_policy("deny", SCP, DENY);
    for target in [&root, &unit, &member] {
        cloud.attach(&policy, target);
    }
    let input = api::ListTargetsForPolicyRequest { policy_id: policy.clone(), ..Default::default() };
    let targets = cloud.ok::<op::ListTargetsForPolicy>(MANAGEMENT, input).targets.unwrap();
    let mut shown: Vec<_> =
        targets.into_iter().map(|target| (target.r#type.unwrap(), target.name.unwrap())).collect();
    shown.sort();
    let pair = |target_type: &str, name: &str| (target_type.to_owned(), name.to_owned());
    let expected = [pair("ACCOUNT", "member"), pair("ORGANIZATIONAL_UNIT", "Custom"), pair("ROOT", "Root")];
    assert_eq!(shown, expected);
    let of = |target: &str, filter: &str| api::ListPoliciesForTargetRequest {
        target_id: target.to_owned(),
        filter: filter.to_owned(),
        ..Default::default()
    };
    let policies = cloud.ok::<op::ListPoliciesForTarget>(MANAGEMENT, of(&unit, SCP)).policies.unwrap();
    assert_eq!(policies.len(), 2);
    let tags = cloud.ok::<op::ListPoliciesForTarget>(MANAGEMENT, of(&unit, "TAG_POLICY")).policies.unwrap();
    assert_eq!(tags.len(), 0);
    let none = "TargetNotFoundException";
    cloud.refuses::<op::ListPoliciesForTarget>(MANAGEMENT, of(STRANGER, SCP), none);
    cloud.refuses::<op::AttachPolicy>(MANAGEMENT, attach(&policy, STRANGER), none);
    let delete = || api::DeletePolicyRequest { policy_id: policy.clone() };
    cloud.refuses::<op::DeletePolicy>(MANAGEMENT, delete(), "PolicyInUseException");
    for target in [&root, &unit, &member] {
        cloud.ok::<op::DetachPolicy>(MANAGEMENT, detach(&policy, target));
    }
    cloud.ok::<op::DeletePolicy>(MANAGEMENT, delete());
}

#[test]
fn types_are_enabled_and_disabled() {
    let cloud = Cloud::organized();
    let (root, member) = (cloud.root(), cloud.new_member("member"));
    let tags = cloud.new_policy("tags", "TAG_POLICY", r#"{"tags":{"a":{"tag_key":{"@@assign":"a"}}}}"#);
    cloud.refuses::<op::AttachPolicy>(MANAGEMENT, attach(&tags, &member), "PolicyTypeNotEnabledException");
    cloud.enable_type("TAG_POLICY");
    cloud.attach(&tags, &member);
    let already = "PolicyTypeAlreadyEnabledException";
    cloud.refuses::<op::EnablePolicyType>(MANAGEMENT, cloud.enabling("TAG_POLICY"), already);
    cloud.refuses::<op::EnablePolicyType>(MANAGEMENT, cloud.enabling(SCP), already);
    let elsewhere = api::EnablePolicyTypeRequest {
        root_id: "r-none".to_owned(),
        policy_type: "BACKUP_POLICY".to_owned(),
    };
    cloud.refuses::<op::EnablePolicyType>(MANAGEMENT, elsewhere, "RootNotFoundException");
    cloud.refuses::<op::EnablePolicyType>(
        MANAGEMENT,
        cloud.enabling("S3_POLICY"),
        "InvalidInputException/INVALID_ENUM_POLICY_TYPE",
    );
    // What was attached is gone when the type is disabled, and only what allows everything is back with it.
    let deny = cloud.new_policy("deny", SCP, DENY);
    cloud.attach(&deny, &member);
    let disable = || api::DisablePolicyTypeRequest { root_id: root.clone(), policy_type: SCP.to_owned() };
    let left = cloud.ok::<op::DisablePolicyType>(MANAGEMENT, disable()).root.unwrap().policy_types.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(cloud.levels(&member), None);
    cloud.refuses::<op::DisablePolicyType>(MANAGEMENT, disable(), "PolicyTypeNotEnabledException");
    cloud.enable_type(SCP);
    assert_eq!(cloud.levels(&member), Some(vec![full(), full()]));
}

#[test]
fn resource_control_policies_keep_their_default() {
    let cloud = Cloud::organized();
    let member = cloud.new_member("member");
    cloud.enable_type("RESOURCE_CONTROL_POLICY");
    let deny = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}}"#;
    let policy = cloud.new_policy("deny", "RESOURCE_CONTROL_POLICY", deny);
    cloud.attach(&policy, &member);
    cloud.refuses::<op::DetachPolicy>(
        MANAGEMENT,
        detach("p-RCPFullAWSAccess", &member),
        "InvalidInputException/NON_DETACHABLE_POLICY",
    );
}
