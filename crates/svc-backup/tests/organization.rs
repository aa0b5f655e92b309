//! The plans that an organization's backup policy gives to an account: those of the recipe, and that nobody changes them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;

use aws_api::backup::{self as api, operation as op};
use harness::{ACCOUNT, Cloud, OTHER, SINCE, document};

const POLICY: &str = r#"{"plans":{"production":{
    "regions":{"@@assign":["us-west-2","us-east-1"]},
    "rules":{"daily_backup":{"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"},
        "target_backup_vault_name":{"@@assign":"production"},"lifecycle":{"delete_after_days":{"@@assign":"270"}},
        "copy_actions":{"arn:aws:backup:us-west-2:$account:backup-vault:second":{"target_backup_vault_arn":{"@@assign":"arn:aws:backup:us-west-2:$account:backup-vault:second"}}}}},
    "selections":{"tags":{"production":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/service-role/AWSBackupDefaultServiceRole"},
        "tag_key":{"@@assign":"BackupPlan"},"tag_value":{"@@assign":["Production","Critical"]}}}},
    "advanced_backup_settings":{"ec2":{"windows_vss":{"@@assign":"enabled"}}},
    "backup_plan_tags":{"stage":{"tag_key":{"@@assign":"Stage"},"tag_value":{"@@assign":"Beta"}}}}}}"#;

fn plans(cloud: &Cloud, region: &str, account: &str) -> Vec<api::BackupPlansListMember> {
    let answer =
        cloud.call_in::<op::ListBackupPlans>((region, account), api::ListBackupPlansInput::default());
    answer.unwrap().backup_plans_list.unwrap()
}

#[test]
fn the_plan_of_a_policy_is_in_its_regions() {
    let cloud = Cloud::new();
    assert_eq!(plans(&cloud, "us-east-1", ACCOUNT), []);
    cloud.attach(POLICY);
    let own =
        api::CreateBackupPlanInput { backup_plan: document("mine"), ..api::CreateBackupPlanInput::default() };
    cloud.ok::<op::CreateBackupPlan>(own);
    let here = plans(&cloud, "us-east-1", ACCOUNT);
    let names: Vec<_> = here.iter().map(|plan| plan.backup_plan_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["mine", "production"]);
    let plan = &here[1];
    let id = plan.backup_plan_id.clone().unwrap();
    // As AWS forms it: orgs/ and a UUID of version 3.
    let uuid = id.strip_prefix("orgs/").unwrap();
    assert!(
        uuid.len() == 36 && uuid.as_bytes()[14] == b'3' && b"89ab".contains(&uuid.as_bytes()[19]),
        "{uuid}"
    );
    assert_eq!(plan.backup_plan_arn, Some(format!("arn:aws:backup:us-east-1:{ACCOUNT}:backup-plan:{id}")));
    assert_eq!(plan.creation_date, Some(SINCE));
    assert_eq!(plans(&cloud, "us-west-2", ACCOUNT).len(), 1);
    assert_eq!(plans(&cloud, "eu-west-1", ACCOUNT), []);
    let other = plans(&cloud, "us-east-1", OTHER);
    assert_ne!(other[0].backup_plan_id, plan.backup_plan_id);
    assert_eq!(plans(&cloud, "us-east-1", ACCOUNT)[1], *plan, "the ids stay");
    // Another policy is another version of the plan.
    cloud.attach(&POLICY.replace("cron(0 5", "cron(0 6"));
    let changed = &plans(&cloud, "us-east-1", ACCOUNT)[1];
    assert_eq!(changed.backup_plan_id, plan.backup_plan_id);
    assert_ne!(changed.version_id, plan.version_id);
}

#[test]
fn a_plan_of_an_organization_is_read_as_any_other() {
    let cloud = Cloud::new();
    cloud.attach(POLICY);
    let listed = plans(&cloud, "us-east-1", ACCOUNT).remove(0);
    let id = listed.backup_plan_id.unwrap();
    let get = api::GetBackupPlanInput { backup_plan_id: id.clone(), ..api::GetBackupPlanInput::default() };
    let shown = cloud.ok::<op::GetBackupPlan>(get.clone());
    assert_eq!(shown.version_id, listed.version_id);
    let plan = shown.backup_plan.unwrap();
    let rule = &plan.rules[0];
    assert_eq!((plan.backup_plan_name.as_str(), rule.rule_name.as_str()), ("production", "daily_backup"));
    assert_eq!(rule.target_backup_vault_name, "production");
    assert_eq!(rule.schedule_expression.as_deref(), Some("cron(0 5 ? * * *)"));
    assert_eq!(rule.lifecycle.as_ref().unwrap().delete_after_days, Some(270));
    assert_eq!(
        rule.copy_actions.as_ref().unwrap()[0].destination_backup_vault_arn,
        format!("arn:aws:backup:us-west-2:{ACCOUNT}:backup-vault:second")
    );
    assert_eq!(plan.advanced_backup_settings.unwrap()[0].resource_type.as_deref(), Some("EC2"));
    let selections = api::ListBackupSelectionsInput {
        backup_plan_id: id.clone(),
        ..api::ListBackupSelectionsInput::default()
    };
    let selections = cloud.ok::<op::ListBackupSelections>(selections).backup_selections_list.unwrap();
    let selection = api::GetBackupSelectionInput {
        backup_plan_id: id.clone(),
        selection_id: selections[0].selection_id.clone().unwrap(),
    };
    let selection = cloud.ok::<op::GetBackupSelection>(selection).backup_selection.unwrap();
    assert_eq!(
        selection.iam_role_arn,
        format!("arn:aws:iam::{ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole")
    );
    let tags: Vec<_> = selection
        .list_of_tags
        .unwrap()
        .into_iter()
        .map(|tag| (tag.condition_key, tag.condition_value))
        .collect();
    let tag = |value: &str| ("BackupPlan".to_owned(), value.to_owned());
    assert_eq!(tags, [tag("Production"), tag("Critical")]);
    let versions = api::ListBackupPlanVersionsInput {
        backup_plan_id: id.clone(),
        ..api::ListBackupPlanVersionsInput::default()
    };
    assert_eq!(cloud.ok::<op::ListBackupPlanVersions>(versions).backup_plan_versions_list.unwrap().len(), 1);
    let tags =
        api::ListTagsInput { resource_arn: listed.backup_plan_arn.unwrap(), ..api::ListTagsInput::default() };
    assert_eq!(cloud.ok::<op::ListTags>(tags).tags, Some(harness::tags(&[("Stage", "Beta")])));
    // The plan goes with the policy.
    cloud.attach(r#"{"plans":{}}"#);
    cloud.refuses::<op::GetBackupPlan>(get, "ResourceNotFoundException", &id);
}

#[test]
fn nobody_in_the_account_changes_a_plan_of_the_organization() {
    let cloud = Cloud::new();
    cloud.attach(POLICY);
    let plan = plans(&cloud, "us-east-1", ACCOUNT).remove(0);
    let id = plan.backup_plan_id.unwrap();
    let managed = "managed by AWS Organizations";
    let invalid = "InvalidParameterValueException";
    let update = api::UpdateBackupPlanInput { backup_plan_id: id.clone(), backup_plan: document("mine") };
    cloud.refuses::<op::UpdateBackupPlan>(update, invalid, managed);
    let delete = api::DeleteBackupPlanInput { backup_plan_id: id.clone() };
    cloud.refuses::<op::DeleteBackupPlan>(delete, "InvalidRequestException", managed);
    let select = api::CreateBackupSelectionInput {
        backup_plan_id: id.clone(),
        backup_selection: api::BackupSelection::default(),
        creator_request_id: None,
    };
    cloud.refuses::<op::CreateBackupSelection>(select, invalid, managed);
    let unselect = api::DeleteBackupSelectionInput { backup_plan_id: id, selection_id: "x".to_owned() };
    cloud.refuses::<op::DeleteBackupSelection>(unselect, invalid, managed);
    let tag = api::TagResourceInput {
        resource_arn: plan.backup_plan_arn.unwrap(),
        tags: harness::tags(&[("a", "b")]),
    };
    cloud.refuses::<op::TagResource>(tag, "ResourceNotFoundException", "");
}
