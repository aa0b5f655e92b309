//! The state of older builds opens, and means what it meant. `tests/states` holds their files.

#![allow(clippy::unwrap_used)]

mod harness;
#[path = "../../store/tests/state_file/mod.rs"]
mod state_file;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_api::backup::{self as api, operation as op};
use harness::{Cloud, document, rule, tags};
use svc_backup::Backup;

/// No release, but the last build before 0.2, until that release writes its own file in the place of this one.
const NEWEST: &str = "before-0.2";
/// The builds whose state is kept.
const BUILDS: [&str; 1] = [NEWEST];

/// The kinds of records in it.
const KINDS: [&str; 4] = ["backup.plan", "backup.plan-version", "backup.selection", "backup.vault"];

fn file(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(format!("{release}.redb.gz"))
}

fn selection() -> api::BackupSelection {
    api::BackupSelection {
        selection_name: "tables".to_owned(),
        iam_role_arn: "arn:aws:iam::123456789012:role/backups".to_owned(),
        resources: Some(vec!["arn:aws:dynamodb:*:*:table/*".to_owned()]),
        not_resources: Some(vec!["arn:aws:dynamodb:*:*:table/x".to_owned()]),
        list_of_tags: Some(vec![api::Condition {
            condition_type: "STRINGEQUALS".to_owned(),
            condition_key: "BackupPlan".to_owned(),
            condition_value: "Production".to_owned(),
        }]),
        conditions: Some(api::Conditions {
            string_like: Some(vec![api::ConditionParameter {
                condition_key: Some("aws:ResourceTag/a".to_owned()),
                condition_value: Some("b*".to_owned()),
            }]),
            ..Default::default()
        }),
    }
}

/// A rule with all that a rule can have.
fn whole_rule() -> api::BackupRuleInput {
    let lifecycle = api::Lifecycle {
        move_to_cold_storage_after_days: Some(30),
        delete_after_days: Some(120),
        opt_in_to_archive_for_supported_resources: Some(true),
        delete_after_event: None,
    };
    api::BackupRuleInput {
        schedule_expression: Some("cron(0 6 ? * * *)".to_owned()),
        start_window_minutes: Some(60),
        completion_window_minutes: Some(240),
        lifecycle: Some(lifecycle.clone()),
        recovery_point_tags: Some(tags(&[("Owner", "me")])),
        copy_actions: Some(vec![api::CopyAction {
            lifecycle: Some(lifecycle),
            destination_backup_vault_arn: "arn:aws:backup:us-west-2:123456789012:backup-vault:second"
                .to_owned(),
        }]),
        schedule_expression_timezone: Some("Europe/Berlin".to_owned()),
        index_actions: Some(vec![api::IndexAction { resource_types: Some(vec!["S3".to_owned()]) }]),
        ..rule("whole")
    }
}

/// How the newest build's file is made, with its code: `cargo nextest run -p svc-backup --run-ignored only write_state`.
#[test]
#[ignore = "writes the state file of a release"]
fn write_state() {
    let made = state_file::write(&file(NEWEST), |store| {
        let cloud = Cloud::on(store);
        cloud.ok::<op::CreateBackupVault>(api::CreateBackupVaultInput {
            backup_vault_name: "production".to_owned(),
            backup_vault_tags: Some(tags(&[("Stage", "prod")])),
            creator_request_id: Some("one".to_owned()),
            encryption_key_arn: Some("arn:aws:kms:us-east-1:123456789012:key/k".to_owned()),
        });
        let plan = cloud.ok::<op::CreateBackupPlan>(api::CreateBackupPlanInput {
            backup_plan: document("mine"),
            backup_plan_tags: Some(tags(&[("Stage", "test")])),
            creator_request_id: None,
        });
        let id = plan.backup_plan_id.unwrap();
        let mut changed = document("renamed");
        changed.rules.push(whole_rule());
        cloud.ok::<op::UpdateBackupPlan>(api::UpdateBackupPlanInput {
            backup_plan_id: id.clone(),
            backup_plan: changed,
        });
        cloud.ok::<op::CreateBackupSelection>(api::CreateBackupSelectionInput {
            backup_plan_id: id,
            backup_selection: selection(),
            creator_request_id: None,
        });
    });
    assert_eq!(made, BTreeSet::from(KINDS));
}

#[test]
fn every_kind_of_record_is_in_the_state_of_a_release() {
    assert_eq!(state_file::names(Backup::record_kinds()), BTreeSet::from(KINDS));
}

#[test]
fn the_state_of_every_release_opens() {
    for release in BUILDS {
        let directory = state_file::directory(&file(release));
        assert_eq!(state_file::kinds(&state_file::contents(&directory)), BTreeSet::from(KINDS), "{release}");
        let store = state_file::open(&directory);
        Backup::record_kinds().try_for_each(|kind| kind.check(&store)).unwrap();
        let cloud = Cloud::on(store);
        let vault = cloud.ok::<op::DescribeBackupVault>(api::DescribeBackupVaultInput {
            backup_vault_name: "production".to_owned(),
            backup_vault_account_id: None,
        });
        assert_eq!(vault.creator_request_id.as_deref(), Some("one"), "{release}");
        let vault =
            api::ListTagsInput { resource_arn: vault.backup_vault_arn.unwrap(), ..Default::default() };
        assert_eq!(cloud.ok::<op::ListTags>(vault).tags, Some(tags(&[("Stage", "prod")])), "{release}");
        let plans = cloud.ok::<op::ListBackupPlans>(Default::default()).backup_plans_list.unwrap();
        let id = plans[0].backup_plan_id.clone().unwrap();
        let get = api::GetBackupPlanInput { backup_plan_id: id.clone(), ..Default::default() };
        let plan = cloud.ok::<op::GetBackupPlan>(get).backup_plan.unwrap();
        assert_eq!(plan.backup_plan_name, "renamed", "{release}");
        let (shown, wanted) = (&plan.rules[1], whole_rule());
        assert_eq!(
            (&shown.lifecycle, &shown.copy_actions),
            (&wanted.lifecycle, &wanted.copy_actions),
            "{release}"
        );
        assert_eq!(shown.recovery_point_tags, wanted.recovery_point_tags, "{release}");
        let versions = api::ListBackupPlanVersionsInput { backup_plan_id: id.clone(), ..Default::default() };
        let versions = cloud.ok::<op::ListBackupPlanVersions>(versions).backup_plan_versions_list.unwrap();
        assert_eq!(versions.len(), 2, "{release}");
        let selections = api::ListBackupSelectionsInput { backup_plan_id: id.clone(), ..Default::default() };
        let selections = cloud.ok::<op::ListBackupSelections>(selections).backup_selections_list.unwrap();
        let get = api::GetBackupSelectionInput {
            backup_plan_id: id,
            selection_id: selections[0].selection_id.clone().unwrap(),
        };
        assert_eq!(cloud.ok::<op::GetBackupSelection>(get).backup_selection, Some(selection()), "{release}");
    }
}
