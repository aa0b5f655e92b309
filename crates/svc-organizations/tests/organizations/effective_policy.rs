use aws_api::organizations::{self as api, operation as op};

use crate::harness::*;

fn describe_for(target: Option<&str>) -> api::DescribeEffectivePolicyRequest {
    api::DescribeEffectivePolicyRequest {
        policy_type: "TAG_POLICY".to_owned(),
        target_id: target.map(str::to_owned),
    }
}

#[test]
fn an_account_inherits_and_adds() {
    let cloud = Cloud::organized();
    let (root, member) = (cloud.root(), cloud.new_member("member"));
    let not_found = "EffectivePolicyNotFoundException";
    cloud.refuses::<op::DescribeEffectivePolicy>(&member, describe_for(None), not_found);
    cloud.enable_type("TAG_POLICY");
    cloud.refuses::<op::DescribeEffectivePolicy>(&member, describe_for(None), not_found);
    let above = r#"{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["Production"]}}}}"#;
    let below = r#"{"tags":{"costcenter":{"tag_value":{"@@append":["Sandbox"]}}}}"#;
    let above = cloud.new_policy("above", "TAG_POLICY", above);
    cloud.attach(&above, &root);
    cloud.pass(1000);
    let changed = cloud.now.get();
    let below = cloud.new_policy("below", "TAG_POLICY", below);
    cloud.attach(&below, &member);
    cloud.pass(1000);
    let policy = |account: &str, target: Option<&str>| {
        let found = cloud.ok::<op::DescribeEffectivePolicy>(account, describe_for(target));
        found.effective_policy.unwrap()
    };
    let expected = r#"{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Production","Sandbox"]}}}"#;
    let own = policy(&member, None);
    assert_eq!(own.policy_content.as_deref(), Some(expected));
    assert_eq!((own.target_id.as_deref(), own.last_updated_timestamp), (Some(&*member), Some(changed)));
    assert_eq!(policy(MANAGEMENT, Some(&member)).policy_content.as_deref(), Some(expected));
    assert_eq!(policy(&member, Some(&member)).policy_content.as_deref(), Some(expected));
    // The management account inherits, too, and nothing from the member.
    let management = policy(MANAGEMENT, None).policy_content.unwrap();
    assert!(management.contains("Production") && !management.contains("Sandbox"), "{management}");
}

#[test]
fn a_member_sees_its_own_and_no_root_has_one() {
    let cloud = Cloud::organized();
    let (root, member) = (cloud.root(), cloud.new_member("member"));
    cloud.enable_type("TAG_POLICY");
    let about = |target: &str| describe_for(Some(target));
    cloud.refuses::<op::DescribeEffectivePolicy>(&member, about(MANAGEMENT), "AccessDeniedException");
    cloud.refuses::<op::DescribeEffectivePolicy>(MANAGEMENT, about(STRANGER), "TargetNotFoundException");
    cloud.refuses::<op::DescribeEffectivePolicy>(
        MANAGEMENT,
        about(&root),
        "InvalidInputException/TARGET_NOT_SUPPORTED",
    );
    let scps = api::DescribeEffectivePolicyRequest { policy_type: SCP.to_owned(), ..Default::default() };
    cloud.refuses::<op::DescribeEffectivePolicy>(
        MANAGEMENT,
        scps,
        "InvalidInputException/INVALID_ENUM_POLICY_TYPE",
    );
}

#[test]
fn plans_that_lack_something_are_told() {
    let cloud = Cloud::organized();
    let (root, member) = (cloud.root(), cloud.new_member("member"));
    cloud.enable_type("BACKUP_POLICY");
    let plan = r#"{"plans":{"production":{"regions":{"@@assign":["us-west-2"]}}}}"#;
    let plan = cloud.new_policy("production", "BACKUP_POLICY", plan);
    let invalid = || {
        let input = api::ListAccountsWithInvalidEffectivePolicyRequest {
            policy_type: "BACKUP_POLICY".to_owned(),
            ..Default::default()
        };
        let found = cloud.ok::<op::ListAccountsWithInvalidEffectivePolicy>(MANAGEMENT, input).accounts;
        found.unwrap().into_iter().map(|account| account.id.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(invalid(), [""; 0]);
    cloud.attach(&plan, &member);
    assert_eq!(invalid(), [member.as_str()]);
    let input = || api::ListEffectivePolicyValidationErrorsRequest {
        account_id: member.clone(),
        policy_type: "BACKUP_POLICY".to_owned(),
        ..Default::default()
    };
    let errors = cloud.ok::<op::ListEffectivePolicyValidationErrors>(MANAGEMENT, input());
    assert!(errors.path.unwrap().ends_with(&format!("/{root}/{member}/")));
    let errors = errors.effective_policy_validation_errors.unwrap();
    assert!(!errors.is_empty());
    assert!(errors.iter().all(|error| error.contributing_policies == Some(vec![plan.clone()])), "{errors:?}");
    cloud.refuses::<op::ListEffectivePolicyValidationErrors>(&member, input(), "AccessDeniedException");
}
