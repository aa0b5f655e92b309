//! Plans of an account's own, their versions and selections.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;

use aws_api::backup::{self as api, operation as op};
use harness::{Cloud, NOW, document, rule};

const INVALID: &str = "InvalidParameterValueException";
const ROLE: &str = "arn:aws:iam::123456789012:role/scan";
const NOT_FOUND: &str = "ResourceNotFoundException";

fn asked(document: api::BackupPlanInput) -> api::CreateBackupPlanInput {
    api::CreateBackupPlanInput { backup_plan: document, ..api::CreateBackupPlanInput::default() }
}

fn create(cloud: &Cloud, name: &str) -> String {
    cloud.ok::<op::CreateBackupPlan>(asked(document(name))).backup_plan_id.unwrap()
}

fn get(id: &str) -> api::GetBackupPlanInput {
    api::GetBackupPlanInput { backup_plan_id: id.to_owned(), ..api::GetBackupPlanInput::default() }
}

fn names(cloud: &Cloud, include_deleted: bool) -> Vec<String> {
    let input = api::ListBackupPlansInput {
        include_deleted: Some(include_deleted),
        ..api::ListBackupPlansInput::default()
    };
    let plans = cloud.ok::<op::ListBackupPlans>(input).backup_plans_list.unwrap();
    let mut names: Vec<_> = plans.into_iter().map(|plan| plan.backup_plan_name.unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_plan_is_shown_with_what_its_rules_leave_out() {
    let cloud = Cloud::new();
    let id = create(&cloud, "mine");
    let shown = cloud.ok::<op::GetBackupPlan>(get(&id));
    let arn = format!("arn:aws:backup:us-east-1:123456789012:backup-plan:{id}");
    assert_eq!((shown.backup_plan_arn, shown.creation_date), (Some(arn), Some(NOW)));
    let plan = shown.backup_plan.unwrap();
    assert_eq!(plan.backup_plan_name, "mine");
    let rule = &plan.rules[0];
    assert_eq!(rule.schedule_expression.as_deref(), Some("cron(0 5 ? * * *)"));
    assert_eq!((rule.start_window_minutes, rule.completion_window_minutes), (Some(480), Some(10_080)));
    assert_eq!(rule.enable_continuous_backup, Some(false));
    assert!(rule.rule_id.is_some());
    cloud.refuses::<op::GetBackupPlan>(get("none"), NOT_FOUND, "none");
    let preview = api::GetBackupPlanInput { max_scheduled_runs_preview: Some(3), ..get(&id) };
    cloud.refuses::<op::GetBackupPlan>(preview, INVALID, "not implemented");
}

#[test]
fn a_document_is_in_one_plan_only_and_a_repeated_request_makes_one() {
    let cloud = Cloud::new();
    let with = |token: &str| api::CreateBackupPlanInput {
        creator_request_id: Some(token.to_owned()),
        ..asked(document("mine"))
    };
    let first = cloud.ok::<op::CreateBackupPlan>(with("one"));
    assert_eq!(cloud.ok::<op::CreateBackupPlan>(with("one")), first);
    cloud.refuses::<op::CreateBackupPlan>(with("two"), "AlreadyExistsException", "same plan document");
    assert_eq!(names(&cloud, false), ["mine"]);
}

#[test]
fn a_change_is_a_new_version() {
    let cloud = Cloud::new();
    let id = create(&cloud, "mine");
    let first = cloud.ok::<op::GetBackupPlan>(get(&id));
    let mut changed = document("renamed");
    changed.rules.insert(0, rule("weekly"));
    let update = |document| api::UpdateBackupPlanInput { backup_plan_id: id.clone(), backup_plan: document };
    let answer = cloud.ok::<op::UpdateBackupPlan>(update(changed));
    let second = cloud.ok::<op::GetBackupPlan>(get(&id));
    assert_eq!(answer.version_id, second.version_id);
    assert_ne!(first.version_id, second.version_id);
    let ids = |plan: &api::GetBackupPlanOutput| {
        let rules = &plan.backup_plan.as_ref().unwrap().rules;
        rules.iter().map(|rule| (rule.rule_name.clone(), rule.rule_id.clone().unwrap())).collect::<Vec<_>>()
    };
    // The rule that stayed is the same one.
    assert_eq!(ids(&second)[1], ids(&first)[0]);
    assert_ne!(ids(&second)[0].1, ids(&first)[0].1);
    let before = api::GetBackupPlanInput { version_id: first.version_id.clone(), ..get(&id) };
    assert_eq!(cloud.ok::<op::GetBackupPlan>(before.clone()).backup_plan, first.backup_plan);
    let none = api::GetBackupPlanInput { version_id: Some("none".to_owned()), ..get(&id) };
    cloud.refuses::<op::GetBackupPlan>(none, NOT_FOUND, "no version");
    let versions = || api::ListBackupPlanVersionsInput {
        backup_plan_id: id.clone(),
        ..api::ListBackupPlanVersionsInput::default()
    };
    let listed = cloud.ok::<op::ListBackupPlanVersions>(versions()).backup_plan_versions_list.unwrap();
    let listed: Vec<_> =
        listed.into_iter().map(|one| (one.version_id, one.backup_plan_name.unwrap())).collect();
    assert_eq!(listed, [(first.version_id, "mine".to_owned()), (second.version_id, "renamed".to_owned())]);
    // Once the plan is deleted its versions can still be read.
    let deleted = cloud.ok::<op::DeleteBackupPlan>(api::DeleteBackupPlanInput { backup_plan_id: id.clone() });
    assert_eq!((deleted.deletion_date, deleted.version_id), (Some(NOW), answer.version_id));
    assert_eq!(cloud.ok::<op::GetBackupPlan>(before).deletion_date, Some(NOW));
    cloud.refuses::<op::GetBackupPlan>(get(&id), NOT_FOUND, &id);
    cloud.refuses::<op::UpdateBackupPlan>(update(document("again")), NOT_FOUND, &id);
    cloud.refuses::<op::ListBackupPlanVersions>(versions(), NOT_FOUND, &id);
    assert_eq!(names(&cloud, false), [] as [&str; 0]);
    assert_eq!(names(&cloud, true), ["renamed"]);
}

fn selection(name: &str) -> api::BackupSelection {
    api::BackupSelection {
        selection_name: name.to_owned(),
        iam_role_arn: "arn:aws:iam::123456789012:role/service-role/AWSBackupDefaultServiceRole".to_owned(),
        list_of_tags: Some(vec![api::Condition {
            condition_type: "STRINGEQUALS".to_owned(),
            condition_key: "BackupPlan".to_owned(),
            condition_value: "Production".to_owned(),
        }]),
        ..api::BackupSelection::default()
    }
}

#[test]
fn a_plan_has_selections_and_cannot_be_deleted_with_them() {
    let cloud = Cloud::new();
    let plan = create(&cloud, "mine");
    let asked = |plan: &str, selection| api::CreateBackupSelectionInput {
        backup_plan_id: plan.to_owned(),
        backup_selection: selection,
        creator_request_id: None,
    };
    let made = cloud.ok::<op::CreateBackupSelection>(asked(&plan, selection("tagged")));
    let id = made.selection_id.unwrap();
    cloud.refuses::<op::CreateBackupSelection>(
        asked(&plan, selection("tagged")),
        "AlreadyExistsException",
        "name",
    );
    cloud.refuses::<op::CreateBackupSelection>(asked("none", selection("tagged")), INVALID, "none");
    for (wrong, message) in [
        (api::BackupSelection { iam_role_arn: "role".to_owned(), ..selection("x") }, "role"),
        (api::BackupSelection { list_of_tags: None, ..selection("x") }, "must name"),
        (api::BackupSelection { resources: Some(vec!["tables".to_owned()]), ..selection("x") }, "tables"),
    ] {
        cloud.refuses::<op::CreateBackupSelection>(asked(&plan, wrong), INVALID, message);
    }
    let get = |plan: &str| api::GetBackupSelectionInput {
        backup_plan_id: plan.to_owned(),
        selection_id: id.clone(),
    };
    assert_eq!(cloud.ok::<op::GetBackupSelection>(get(&plan)).backup_selection, Some(selection("tagged")));
    cloud.refuses::<op::GetBackupSelection>(get("other"), NOT_FOUND, &id);
    let list = |plan: &str| api::ListBackupSelectionsInput {
        backup_plan_id: plan.to_owned(),
        ..api::ListBackupSelectionsInput::default()
    };
    let listed = cloud.ok::<op::ListBackupSelections>(list(&plan)).backup_selections_list.unwrap();
    assert_eq!((listed.len(), listed[0].selection_name.as_deref()), (1, Some("tagged")));
    cloud.refuses::<op::ListBackupSelections>(list("none"), NOT_FOUND, "none");
    let delete_plan = || api::DeleteBackupPlanInput { backup_plan_id: plan.clone() };
    cloud.refuses::<op::DeleteBackupPlan>(
        delete_plan(),
        "InvalidRequestException",
        "selections must be deleted",
    );
    let delete =
        || api::DeleteBackupSelectionInput { backup_plan_id: plan.clone(), selection_id: id.clone() };
    cloud.ok::<op::DeleteBackupSelection>(delete());
    cloud.refuses::<op::DeleteBackupSelection>(delete(), NOT_FOUND, &id);
    cloud.ok::<op::DeleteBackupPlan>(delete_plan());
}

#[test]
fn what_no_plan_may_say() {
    let cloud = Cloud::new();
    let with = |change: &dyn Fn(&mut api::BackupPlanInput)| {
        let mut document = document("mine");
        change(&mut document);
        asked(document)
    };
    let lifecycle = |cold, delete| api::Lifecycle {
        move_to_cold_storage_after_days: Some(cold),
        delete_after_days: Some(delete),
        ..api::Lifecycle::default()
    };
    let copy = |arn: &str| api::CopyAction { destination_backup_vault_arn: arn.to_owned(), lifecycle: None };
    let index = |types: &[&str]| api::IndexAction {
        resource_types: Some(types.iter().map(|&name| name.to_owned()).collect()),
    };
    let guard_duty = || Some("GUARDDUTY".to_owned());
    let scan = || api::ScanAction { malware_scanner: guard_duty(), scan_mode: Some("FULL_SCAN".to_owned()) };
    let scanner = |resource_type: &str, role: &str| api::ScanSetting {
        malware_scanner: guard_duty(),
        resource_types: Some(vec![resource_type.to_owned()]),
        scanner_role_arn: Some(role.to_owned()),
    };
    for (wrong, message) in [
        (with(&|plan| plan.rules.clear()), "rules"),
        (with(&|plan| plan.rules = (0..11).map(|index| rule(&format!("r{index}"))).collect()), "rules"),
        (with(&|plan| plan.backup_plan_name = "a plan".to_owned()), "name"),
        (with(&|plan| plan.rules[0].schedule_expression = Some("hourly".to_owned())), "schedule"),
        (with(&|plan| plan.rules[0].start_window_minutes = Some(59)), "start window"),
        (with(&|plan| plan.rules[0].completion_window_minutes = Some(500)), "completion window"),
        (
            with(&|plan| plan.rules[0].lifecycle = Some(lifecycle(30, 119))),
            "DeleteAfterDays cannot be less than 90 days",
        ),
        (with(&|plan| plan.rules[0].lifecycle = Some(lifecycle(0, 119))), "at least 1"),
        (with(&|plan| plan.rules[0].enable_continuous_backup = Some(true)), "1 to 35"),
        (with(&|plan| plan.rules[0].copy_actions = Some(vec![copy("vault")])), "destination"),
        (with(&|plan| plan.rules[0].schedule_expression_timezone = Some("noon".to_owned())), "time zone"),
        (with(&|plan| plan.rules[0].index_actions = Some(vec![index(&["RDS"])])), "indexed"),
        (
            with(&|plan| {
                let event = Some("DELETE_AFTER_COPY".to_owned());
                let lifecycle = api::Lifecycle { delete_after_event: event, ..Default::default() };
                plan.rules[0].lifecycle = Some(lifecycle);
            }),
            "DeleteAfterEvent",
        ),
        // A scan is by a scanner that the plan has settings of.
        (with(&|plan| plan.rules[0].scan_actions = Some(vec![scan()])), "scan"),
        (with(&|plan| plan.scan_settings = Some(vec![scanner("EFS", ROLE)])), "scan settings"),
        (with(&|plan| plan.scan_settings = Some(vec![scanner("EC2", "role")])), "scan settings"),
        (
            with(&|plan| {
                let options = harness::tags(&[("WindowsVSS", "maybe")]);
                plan.advanced_backup_settings = Some(vec![api::AdvancedBackupSetting {
                    resource_type: Some("EC2".to_owned()),
                    backup_options: Some(options),
                }]);
            }),
            "advanced",
        ),
    ] {
        cloud.refuses::<op::CreateBackupPlan>(wrong, INVALID, message);
    }
    let right = with(&|plan| {
        plan.rules[0].lifecycle = Some(lifecycle(30, 120));
        plan.rules[0].schedule_expression_timezone = Some("America/New_York".to_owned());
        plan.rules[0].index_actions = Some(vec![index(&["EBS", "S3"])]);
        plan.rules[0].scan_actions = Some(vec![scan()]);
        plan.scan_settings = Some(vec![scanner("ALL", ROLE)]);
        plan.rules[0].copy_actions =
            Some(vec![copy("arn:aws:backup:us-west-2:123456789012:backup-vault:second")]);
        plan.rules[0].schedule_expression = Some("cron(0 5 ? * MON *)".to_owned());
    });
    cloud.ok::<op::CreateBackupPlan>(right);
    assert_eq!(names(&cloud, true), ["mine"]);
}

#[test]
fn versions_and_deleted_plans_have_their_limits() {
    let mut cloud = Cloud::new();
    let id = create(&cloud, "mine");
    let update = |cloud: &Cloud, name: String| {
        let input = api::UpdateBackupPlanInput { backup_plan_id: id.clone(), backup_plan: document(&name) };
        cloud.ok::<op::UpdateBackupPlan>(input).version_id.unwrap()
    };
    let versions: Vec<String> = (0..100).map(|number| update(&cloud, format!("v{number}"))).collect();
    let of = |version: &str| api::GetBackupPlanInput { version_id: Some(version.to_owned()), ..get(&id) };
    cloud.ok::<op::GetBackupPlan>(of(&versions[0]));
    update(&cloud, "last".to_owned());
    cloud.refuses::<op::GetBackupPlan>(of(&versions[0]), NOT_FOUND, "no version");
    cloud.ok::<op::GetBackupPlan>(of(&versions[1]));
    cloud.ok::<op::GetBackupPlan>(get(&id));

    let delete = |cloud: &Cloud, id: &str| {
        cloud.ok::<op::DeleteBackupPlan>(api::DeleteBackupPlanInput { backup_plan_id: id.to_owned() });
    };
    delete(&cloud, &id);
    for number in 0..100 {
        cloud.now = cloud.now.plus_millis(1000);
        let id = create(&cloud, &format!("p{number}"));
        assert!(names(&cloud, true).contains(&"last".to_owned()), "{number}");
        delete(&cloud, &id);
    }
    let left = names(&cloud, true);
    assert!(left.len() == 100 && !left.contains(&"last".to_owned()), "{left:?}");
    let gone = cloud.refused::<op::GetBackupPlan>(of(&versions[1]));
    assert_eq!(gone.code, NOT_FOUND);
}
