//! Vaults, and the tags of vaults and plans.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;

use aws_api::backup::{self as api, operation as op};
use harness::{ACCOUNT, Cloud, NOW, OTHER, document, tags};

fn named(name: &str) -> api::CreateBackupVaultInput {
    api::CreateBackupVaultInput {
        backup_vault_name: name.to_owned(),
        ..api::CreateBackupVaultInput::default()
    }
}

fn describe(name: &str) -> api::DescribeBackupVaultInput {
    api::DescribeBackupVaultInput { backup_vault_name: name.to_owned(), backup_vault_account_id: None }
}

fn list(cloud: &Cloud) -> Vec<String> {
    let vaults =
        cloud.ok::<op::ListBackupVaults>(api::ListBackupVaultsInput::default()).backup_vault_list.unwrap();
    vaults.into_iter().map(|vault| vault.backup_vault_name.unwrap()).collect()
}

#[test]
fn vaults_are_made_shown_and_deleted() {
    let cloud = Cloud::new();
    let made = cloud.ok::<op::CreateBackupVault>(named("production"));
    let arn = "arn:aws:backup:us-east-1:123456789012:backup-vault:production";
    assert_eq!((made.backup_vault_arn.as_deref(), made.creation_date), (Some(arn), Some(NOW)));
    cloud.ok::<op::CreateBackupVault>(named("archive"));
    assert_eq!(list(&cloud), ["archive", "production"]);
    let shown = cloud.ok::<op::DescribeBackupVault>(describe("production"));
    assert_eq!((shown.backup_vault_arn.as_deref(), shown.number_of_recovery_points), (Some(arn), Some(0)));
    assert_eq!(
        (shown.vault_type.as_deref(), shown.vault_state.as_deref()),
        (Some("BACKUP_VAULT"), Some("AVAILABLE"))
    );
    let error = cloud.refused::<op::CreateBackupVault>(named("production"));
    assert_eq!(
        (error.code.as_ref(), error.fields.get("Arn")),
        ("AlreadyExistsException", Some(&aws_model::Value::String(arn.to_owned())))
    );
    // Others have their own, and so has every region.
    for place in [("us-east-1", OTHER), ("eu-west-1", ACCOUNT)] {
        let vaults =
            cloud.call_in::<op::ListBackupVaults>(place, api::ListBackupVaultsInput::default()).unwrap();
        assert_eq!(vaults.backup_vault_list.unwrap().len(), 0, "{place:?}");
        cloud.call_in::<op::CreateBackupVault>(place, named("production")).unwrap();
    }
    let delete = || api::DeleteBackupVaultInput { backup_vault_name: "production".to_owned() };
    cloud.ok::<op::DeleteBackupVault>(delete());
    assert_eq!(list(&cloud), ["archive"]);
    cloud.refuses::<op::DeleteBackupVault>(delete(), "ResourceNotFoundException", "production");
    cloud.refuses::<op::DescribeBackupVault>(
        describe("production"),
        "ResourceNotFoundException",
        "production",
    );
}

#[test]
fn a_request_that_is_sent_again_makes_one_vault() {
    let cloud = Cloud::new();
    let asked = |token: &str| api::CreateBackupVaultInput {
        creator_request_id: Some(token.to_owned()),
        ..named("production")
    };
    let first = cloud.ok::<op::CreateBackupVault>(asked("one"));
    assert_eq!(cloud.ok::<op::CreateBackupVault>(asked("one")), first);
    cloud.refuses::<op::CreateBackupVault>(asked("two"), "AlreadyExistsException", "same name");
    let key = api::CreateBackupVaultInput { encryption_key_arn: Some("my-key".to_owned()), ..named("keyed") };
    cloud.refuses::<op::CreateBackupVault>(key, "InvalidParameterValueException", "my-key");
}

#[test]
fn vaults_come_in_pages() {
    let cloud = Cloud::new();
    for name in ["v1", "v2", "v3"] {
        cloud.ok::<op::CreateBackupVault>(named(name));
    }
    let page = |next_token| {
        let input = api::ListBackupVaultsInput {
            max_results: Some(2),
            next_token,
            ..api::ListBackupVaultsInput::default()
        };
        cloud.ok::<op::ListBackupVaults>(input)
    };
    let first = page(None);
    assert_eq!(first.backup_vault_list.unwrap().len(), 2);
    let second = page(first.next_token);
    assert_eq!((second.backup_vault_list.unwrap().len(), second.next_token), (1, None));
    let forged = api::ListBackupVaultsInput {
        next_token: Some("forged".to_owned()),
        ..api::ListBackupVaultsInput::default()
    };
    cloud.refuses::<op::ListBackupVaults>(forged, "InvalidParameterValueException", "NextToken");
}

#[test]
fn vaults_and_plans_have_tags() {
    let cloud = Cloud::new();
    let asked = api::CreateBackupVaultInput {
        backup_vault_tags: Some(tags(&[("Stage", "prod")])),
        ..named("production")
    };
    let vault = cloud.ok::<op::CreateBackupVault>(asked).backup_vault_arn.unwrap();
    let asked = api::CreateBackupPlanInput {
        backup_plan: document("plan"),
        backup_plan_tags: Some(tags(&[("Stage", "prod")])),
        creator_request_id: None,
    };
    let plan = cloud.ok::<op::CreateBackupPlan>(asked).backup_plan_arn.unwrap();
    for arn in [&vault, &plan] {
        let held = || {
            let input = api::ListTagsInput { resource_arn: arn.clone(), ..api::ListTagsInput::default() };
            cloud.ok::<op::ListTags>(input).tags.unwrap()
        };
        assert_eq!(held(), tags(&[("Stage", "prod")]));
        let added = tags(&[("Stage", "test"), ("Owner", "me")]);
        cloud.ok::<op::TagResource>(api::TagResourceInput { resource_arn: arn.clone(), tags: added.clone() });
        assert_eq!(held(), added);
        let gone = vec!["Owner".to_owned(), "None".to_owned()];
        cloud.ok::<op::UntagResource>(api::UntagResourceInput {
            resource_arn: arn.clone(),
            tag_key_list: gone,
        });
        assert_eq!(held(), tags(&[("Stage", "test")]));
        for (key, most) in [("aws:x".to_owned(), 1), (String::new(), 1), ("k".repeat(129), 1)] {
            let wrong = api::TagResourceInput { resource_arn: arn.clone(), tags: tags(&[(&key, "v")]) };
            cloud.refuses::<op::TagResource>(wrong, "InvalidParameterValueException", "not valid");
            assert_eq!(held().len(), most);
        }
        let many: Vec<String> = (0..50).map(|index| format!("k{index}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "v")).collect();
        let many = api::TagResourceInput { resource_arn: arn.clone(), tags: tags(&many) };
        cloud.refuses::<op::TagResource>(many, "LimitExceededException", "50");
    }
    for (arn, code) in [
        (vault.replace("production", "gone"), "ResourceNotFoundException"),
        (vault.replace(ACCOUNT, OTHER), "InvalidParameterValueException"),
        (vault.replace("us-east-1", "eu-west-1"), "InvalidParameterValueException"),
        ("vault".to_owned(), "InvalidParameterValueException"),
    ] {
        let input = api::ListTagsInput { resource_arn: arn, ..api::ListTagsInput::default() };
        cloud.refuses::<op::ListTags>(input, code, "");
    }
}
