//! Vaults: where backups are kept.
//!
//! A vault is empty for as long as nothing is backed up.

use std::sync::Arc;

use aws_api::Unit;
use aws_api::backup::{
    BackupVaultListMember, CreateBackupVaultInput, CreateBackupVaultOutput, DeleteBackupVaultInput,
    DescribeBackupVaultInput, DescribeBackupVaultOutput, ListBackupVaultsInput, ListBackupVaultsOutput,
};
use aws_types::{Arn, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ServiceError};
use store::{Read, Record};

use crate::{State, error, id, page, tag};

/// How many vaults an account can have in a region.
const MAX_VAULTS: usize = 100;
/// The type of all vaults here.
const TYPE: &str = "BACKUP_VAULT";

/// A vault. Stored by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vault {
    /// The name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The key that was asked for; there is no KMS that has it.
    pub encryption_key_arn: Option<String>,
    /// The tags.
    pub tags: Tags,
    /// The token of the request that made it.
    pub creator_request_id: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

impl Record for Vault {
    const KIND: &'static str = "backup.vault";
}

/// A vault of the caller's.
///
/// # Errors
/// `ResourceNotFoundException`.
pub(crate) fn named(
    reader: &impl Read,
    context: &RequestContext,
    name: &str,
) -> Result<Arc<Vault>, ServiceError> {
    let found = reader.get::<Vault>(&context.scope(), name);
    found.ok_or_else(|| error::not_found(format!("Backup vault {name} does not exist.")))
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreateBackupVaultInput,
) -> Result<CreateBackupVaultOutput, ServiceError> {
    let key = request.encryption_key_arn;
    if let Some(key) = key.as_ref().filter(|key| key.parse::<Arn>().is_err()) {
        return Err(error::invalid_parameter(format!("The key {key} is not an ARN.")));
    }
    let mut tags = Tags::default();
    tag::set(&mut tags, &request.backup_vault_tags.unwrap_or_default())?;
    let vault = Vault {
        arn: id::arn(context, "backup-vault", &request.backup_vault_name),
        name: request.backup_vault_name,
        encryption_key_arn: key,
        tags,
        creator_request_id: request.creator_request_id,
        created: context.now,
    };
    let scope = context.scope();
    let made = state.store.transact(|transaction| {
        if let Some(held) = transaction.get::<Vault>(&scope, &vault.name) {
            // The same request, sent again.
            if held.creator_request_id.is_some() && held.creator_request_id == vault.creator_request_id {
                return Ok(held);
            }
            return Err(error::already_exists(
                "Backup vault with the same name already exists",
                Some(&held.arn),
                held.creator_request_id.as_ref(),
            ));
        }
        if transaction.count::<Vault>(&scope) >= MAX_VAULTS {
            return Err(error::limit_exceeded("backup vaults in a region", MAX_VAULTS));
        }
        transaction.put(&scope, &vault.name, vault.clone());
        Ok(Arc::new(vault.clone()))
    })?;
    Ok(CreateBackupVaultOutput {
        backup_vault_name: Some(made.name.clone()),
        backup_vault_arn: Some(made.arn.clone()),
        creation_date: Some(made.created),
    })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeBackupVault.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    request: DescribeBackupVaultInput,
) -> Result<DescribeBackupVaultOutput, ServiceError> {
    let account = context.account().to_string();
    if request.backup_vault_account_id.is_some_and(|wanted| wanted != account) {
        return Err(error::not_found("The vaults of other accounts are not shared with this one."));
    }
    let vault = named(&state.store.snapshot(), context, &request.backup_vault_name)?;
    Ok(DescribeBackupVaultOutput {
        backup_vault_name: Some(vault.name.clone()),
        backup_vault_arn: Some(vault.arn.clone()),
        vault_type: Some(TYPE.to_owned()),
        vault_state: Some("AVAILABLE".to_owned()),
        encryption_key_arn: vault.encryption_key_arn.clone(),
        creation_date: Some(vault.created),
        creator_request_id: vault.creator_request_id.clone(),
        number_of_recovery_points: Some(0),
        locked: Some(false),
        ..DescribeBackupVaultOutput::default()
    })
}

fn shown(vault: &Vault) -> BackupVaultListMember {
    BackupVaultListMember {
        backup_vault_name: Some(vault.name.clone()),
        backup_vault_arn: Some(vault.arn.clone()),
        vault_type: Some(TYPE.to_owned()),
        vault_state: Some("AVAILABLE".to_owned()),
        creation_date: Some(vault.created),
        encryption_key_arn: vault.encryption_key_arn.clone(),
        creator_request_id: vault.creator_request_id.clone(),
        number_of_recovery_points: Some(0),
        locked: Some(false),
        ..BackupVaultListMember::default()
    }
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListBackupVaults.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListBackupVaultsInput,
) -> Result<ListBackupVaultsOutput, ServiceError> {
    let is_any = request.by_vault_type.is_none_or(|wanted| wanted == TYPE) && request.by_shared != Some(true);
    let snapshot = state.store.snapshot();
    let vaults = snapshot.scan::<Vault>(&context.scope()).filter(|_| is_any);
    let vaults = vaults.map(|(_, vault)| (vault.name.clone(), shown(&vault)));
    let page = page::take(vaults, request.next_token.as_deref(), request.max_results)?;
    Ok(ListBackupVaultsOutput { backup_vault_list: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteBackupVault.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteBackupVaultInput,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        named(transaction, context, &request.backup_vault_name)?;
        transaction.delete::<Vault>(&context.scope(), &request.backup_vault_name);
        Ok(Unit)
    })
}
