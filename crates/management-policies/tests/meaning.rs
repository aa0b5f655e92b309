//! What effective policies say of tags and of backups.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use management_policies::{
    Attached, BackupPlans, ConditionOperator, Document, Effective, NonComplianceReason as Reason, PolicyKind,
    TagRules, effective,
};

fn of(kind: PolicyKind, text: &str) -> Effective {
    let document = Document::parse(kind, text).unwrap_or_else(|error| panic!("{}", error.cause()));
    effective(kind, &[vec![Attached { policy_id: "p-12345678", document: &document }]]).unwrap()
}

fn rules(text: &str) -> TagRules {
    TagRules::of(&of(PolicyKind::Tag, text))
}

#[track_caller]
fn check(rules: &TagRules, resource_type: &str, tags: &[(&str, &str)], expected: &[(&str, Reason)]) {
    let found = rules.check(resource_type, tags.iter().copied());
    let found: Vec<_> = found.iter().map(|one| (one.key.as_str(), one.reason)).collect();
    assert_eq!(found, expected, "{tags:?}");
}

const COST: &str = r#"{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},
    "tag_value":{"@@assign":["Production","Sandbox","x*","*@example.com","a*z","q*q"]},
    "enforced_for":{"@@assign":["ec2:vpc","ssm:*","ram:ALL_SUPPORTED"]},
    "report_required_tag_for":{"@@assign":["ec2:instance"]}}}}"#;

#[test]
fn compliance() {
    let rules = rules(COST);
    check(&rules, "ec2:vpc", &[], &[]);
    check(&rules, "ec2:vpc", &[("Name", "web"), ("CostCenter", "Production")], &[]);
    check(&rules, "ec2:vpc", &[("costcenter", "Production")], &[("costcenter", Reason::Key)]);
    check(&rules, "ec2:vpc", &[("CostCenter", "Prod")], &[("CostCenter", Reason::Value)]);
    check(&rules, "ec2:vpc", &[("CostCenter", "production")], &[("CostCenter", Reason::Value)]);
    check(&rules, "ec2:vpc", &[("CostCenter", "")], &[("CostCenter", Reason::Value)]);
    for (value, is_right) in [
        ("x", true),
        ("x1", true),
        ("1x", false),
        ("me@example.com", true),
        ("az", true),
        ("a", false),
        ("abz", true),
    ] {
        let wrong: &[_] = if is_right { &[] } else { &[("CostCenter", Reason::Value)] };
        check(&rules, "ec2:vpc", &[("CostCenter", value)], wrong);
    }
    // Both spellings on one resource: the wrong one is wrong.
    let both = [("CostCenter", "Sandbox"), ("COSTCENTER", "Sandbox")];
    check(&rules, "ec2:vpc", &both, &[("COSTCENTER", Reason::Key)]);
    check(&rules, "ec2:instance", &[("Name", "web")], &[("CostCenter", Reason::Missing)]);
    check(&rules, "ec2:instance", &[("CostCenter", "Sandbox")], &[]);
}

#[test]
fn keys_without_a_case_are_lower_case_and_keys_without_values_take_any() {
    let rules = rules(
        r#"{"tags":{"Owner":{"enforced_for":{"@@assign":["ec2:vpc"]}},"color":{"tag_value":{"@@assign":[]}}}}"#,
    );
    check(&rules, "ec2:vpc", &[("owner", "anybody")], &[]);
    check(&rules, "ec2:vpc", &[("Owner", "anybody")], &[("Owner", Reason::Key)]);
    check(&rules, "ec2:vpc", &[("color", "")], &[("color", Reason::Value)]);
}

#[test]
fn enforcement() {
    let rules = rules(COST);
    for (resource_type, key, expected) in [
        ("ec2:vpc", "CostCenter", true),
        ("ec2:vpc", "costCENTER", true),
        ("ec2:subnet", "CostCenter", false),
        ("ssm:parameter", "CostCenter", true),
        ("ram:resource-share", "CostCenter", true),
        ("ec2:vpc", "Name", false),
    ] {
        assert_eq!(rules.is_enforced(resource_type, key), expected, "{resource_type} {key}");
    }
    let violation = |resource_type, tags: &[(&str, &str)]| {
        rules.violation(resource_type, tags.iter().copied()).map(|violation| violation.to_string())
    };
    assert_eq!(violation("ec2:vpc", &[("Name", "x"), ("CostCenter", "Sandbox")]), None);
    assert_eq!(violation("ec2:subnet", &[("CostCenter", "Prod")]), None);
    assert_eq!(
        violation("ec2:vpc", &[("CostCenter", "Prod")]).unwrap(),
        "The tag policy does not allow the specified value for the following tag key: 'CostCenter'."
    );
    assert_eq!(
        violation("ec2:vpc", &[("costcenter", "Sandbox")]).unwrap(),
        "The tag policy does not allow the specified capitalization for the following tag key: 'costcenter'."
    );
    // A tag that is missing is reported and refuses nothing.
    assert_eq!(violation("ec2:vpc", &[]), None);
}

const BACKUPS: &str = r#"{"plans":{"production":{
    "regions":{"@@assign":["us-west-2","us-east-1"]},
    "rules":{"daily_backup":{"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"},
        "target_backup_vault_name":{"@@assign":"production"},"start_backup_window_minutes":{"@@assign":"480"},
        "enable_continuous_backup":{"@@assign":"true"},
        "lifecycle":{"delete_after_days":{"@@assign":270},"move_to_cold_storage_after_days":{"@@assign":"180"}},
        "recovery_point_tags":{"owner":{"tag_key":{"@@assign":"Owner"},"tag_value":{"@@assign":"Backup"}}},
        "copy_actions":{"arn:aws:backup:us-west-2:$account:backup-vault:Second":{},
            "arn:aws:backup:us-west-2:$account:backup-vault:Third":{"target_backup_vault_arn":{"@@assign":"arn:aws:backup:us-west-2:$account:backup-vault:Third"},
            "lifecycle":{"delete_after_days":{"@@assign":"7"}}}}}},
    "selections":{"tags":{"production":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/service-role/AWSBackupDefaultServiceRole"},
        "tag_key":{"@@assign":"BackupPlan"},"tag_value":{"@@assign":["Production"]},
        "conditions":{"string_like":{"c":{"condition_key":{"@@assign":"aws:ResourceTag/a"},"condition_value":{"@@assign":"b*"}}}}}}},
    "advanced_backup_settings":{"ec2":{"windows_vss":{"@@assign":"enabled"}}},
    "backup_plan_tags":{"stage":{"tag_key":{"@@assign":"Stage"},"tag_value":{"@@assign":"Beta"}}}}}}"#;

#[test]
fn plans() {
    let effective = of(PolicyKind::Backup, BACKUPS);
    assert_eq!(effective.errors(), []);
    let plans = BackupPlans::of(&effective, "123456789012");
    let names = |region| plans.in_region(region).map(|plan| plan.name.clone()).collect::<Vec<_>>();
    assert_eq!(
        [names("us-west-2"), names("us-east-1"), names("eu-west-1")],
        [vec!["production".to_owned()], vec!["production".to_owned()], vec![]]
    );
    let plan = plans.iter().next().unwrap();
    let rule = &plan.rules[0];
    assert_eq!((rule.name.as_str(), rule.vault.as_str()), ("daily_backup", "production"));
    assert_eq!((rule.schedule.as_str(), rule.is_continuous), ("cron(0 5 ? * * *)", true));
    assert_eq!((rule.start_window_minutes, rule.completion_window_minutes), (Some(480), None));
    let lifecycle = rule.lifecycle.unwrap();
    assert_eq!((lifecycle.cold_after_days, lifecycle.delete_after_days), (Some(180), Some(270)));
    assert_eq!(rule.recovery_point_tags, [("Owner".to_owned(), "Backup".to_owned())]);
    assert_eq!(plan.tags, [("Stage".to_owned(), "Beta".to_owned())]);
    // A copy whose vault is named by its key alone goes to that name in lower case, as AWS warns.
    let vaults: Vec<_> = rule.copies.iter().map(|copy| copy.vault_arn.as_str()).collect();
    assert_eq!(
        vaults,
        [
            "arn:aws:backup:us-west-2:123456789012:backup-vault:second",
            "arn:aws:backup:us-west-2:123456789012:backup-vault:Third"
        ]
    );
    let selection = &plan.selections[0];
    assert_eq!(selection.role_arn, "arn:aws:iam::123456789012:role/service-role/AWSBackupDefaultServiceRole");
    assert_eq!(selection.tagged, Some(("BackupPlan".to_owned(), vec!["Production".to_owned()])));
    assert_eq!(selection.conditions[0].operator, ConditionOperator::Like);
    let setting = &plan.advanced_settings[0];
    assert_eq!(
        (setting.resource_type, setting.name, setting.value.as_str()),
        ("EC2", "WindowsVSS", "enabled")
    );
}

#[test]
fn half_a_plan_is_an_error_and_no_plan() {
    let text = r#"{"plans":{"P":{"regions":{"@@assign":[]},"rules":{"Daily":{"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"}}}}}}"#;
    let effective = of(PolicyKind::Backup, text);
    let errors: Vec<_> =
        effective.errors().into_iter().map(|error| (error.code, error.message, error.path)).collect();
    let error = |code, message: &str, path: &str| (code, message.to_owned(), path.to_owned());
    assert_eq!(
        errors,
        [
            error("KEY_REQUIRED", "'selections' is missing", "plans/p"),
            error("KEY_REQUIRED", "'target_backup_vault_name' is missing", "plans/p/rules/daily"),
            error(
                "ELEMENTS_TOO_FEW",
                "'regions' is less than the allowed minimum limit 1",
                "plans/p/regions"
            ),
        ]
    );
    assert!(effective.errors().iter().all(|error| error.contributing_policies.contains("p-12345678")));
    assert_eq!(BackupPlans::of(&effective, "123456789012").iter().count(), 0);
    let rule = r#"{"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"},"target_backup_vault_name":{"@@assign":"vault"}}"#;
    let rules: Vec<_> = (0..11).map(|index| format!(r#""r{index}":{rule}"#)).collect();
    let many = BACKUPS.replace(r#""rules":{"#, &format!(r#""rules":{{{},"#, rules.join(",")));
    let errors = of(PolicyKind::Backup, &many).errors();
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].code, errors[0].path.as_str()), ("ELEMENTS_TOO_MANY", "plans/production/rules"));
    assert_eq!(errors[0].message, "'rules' exceeds the allowed maximum limit 10");
}
