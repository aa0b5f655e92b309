//! Service-linked roles: those that belong to a service of AWS, which alone assumes and changes them.
//!
//! Owns how they are made and deleted. [`crate::linked_service`] says what each is called.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_api::iam::{
    CreateServiceLinkedRoleRequest, CreateServiceLinkedRoleResponse, DeleteServiceLinkedRoleRequest,
    DeleteServiceLinkedRoleResponse, GetServiceLinkedRoleDeletionStatusRequest,
    GetServiceLinkedRoleDeletionStatusResponse, operation as op,
};
use aws_types::{AccountId, Arn, Partition, Tags, Timestamp};
use iam_policy::{Policy, PolicyKind};
use identities::{IdKind, Role, name_key, unique_id};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, RequestId, ServiceError};
use store::{Read, Record, Scope, Transaction};

use crate::linked_service::{self, LinkedService};
use crate::{State, error, quota, role, scope};

/// What the paths of all such roles begin with.
pub(crate) const PATH: &str = "/aws-service-role/";
/// What their names begin with.
const NAME_START: &str = "AWSServiceRoleFor";
/// How long it can be asked how a deletion went.
const TASK_LIFETIME_MILLIS: i64 = 24 * 60 * 60 * 1000;

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateServiceLinkedRole>(create)
        .with::<op::DeleteServiceLinkedRole>(delete)
        .with::<op::GetServiceLinkedRoleDeletionStatus>(get_deletion_status)
}

/// The deletion of a service-linked role, which is done when the answer to its request arrives. Kept under its account's
/// global scope by its id, `task/aws-service-role/…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeletionTask {
    /// When.
    at: Timestamp,
}

impl Record for DeletionTask {
    const KIND: &'static str = "iam.deletion-task";
}

/// Why a service has no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkedRoleError {
    /// No service of this cloud has this principal.
    #[error("Service-linked roles are not available for {0}.")]
    UnknownService(String),
    /// The service has one role only.
    #[error("Custom suffix is not allowed for {0}")]
    SuffixNotAllowed(String),
    /// The account has the role.
    #[error("Service role name {0} has been taken in this account, please try a different suffix.")]
    Taken(String),
}

/// Gives a service its role in an account, as CreateServiceLinkedRole does, or as the service does for itself.
///
/// # Errors
/// [`LinkedRoleError`].
pub fn create_service_linked_role(
    transaction: &mut Transaction,
    (partition, account): (Partition, AccountId),
    bits: &mut dyn FnMut() -> u128,
    now: Timestamp,
    service: &str,
    suffix: Option<&str>,
) -> Result<Role, LinkedRoleError> {
    let linked =
        linked_service::find(service).ok_or_else(|| LinkedRoleError::UnknownService(service.to_owned()))?;
    if suffix.is_some() && !linked.takes_suffix {
        return Err(LinkedRoleError::SuffixNotAllowed(service.to_owned()));
    }
    let suffix = suffix.map(|suffix| format!("_{suffix}")).unwrap_or_default();
    let name = format!("{NAME_START}{}{suffix}", linked.role);
    let scope = Scope::global(partition, account);
    if transaction.contains::<Role>(&scope, &name_key(&name)) {
        return Err(LinkedRoleError::Taken(name));
    }
    let path = format!("{PATH}{service}/");
    let policy = aws_managed_policies::by_name(linked.policy).expect("a test has looked for all of them");
    let role = Role {
        id: unique_id(IdKind::Role, bits),
        arn: Arn::global(partition, "iam", account, &format!("role{path}{name}")),
        name,
        path,
        created: now,
        trust_policy: trust_policy(linked),
        description: None,
        max_session_secs: role::DEFAULT_SESSION_SECS,
        permissions_boundary: None,
        inline_policies: BTreeMap::new(),
        attached_policies: BTreeSet::from([policy.arn()]),
        tags: Tags::default(),
        linked_service: Some(service.to_owned()),
    };
    transaction.put(&scope, &name_key(&role.name), role.clone());
    Ok(role)
}

fn trust_policy(linked: &LinkedService) -> Policy {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{}"}},"Action":"sts:AssumeRole"}}]}}"#,
        linked.principal
    );
    Policy::parse(&text, PolicyKind::Trust).expect("the text is that of a trust policy")
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceLinkedRole.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateServiceLinkedRoleRequest,
) -> Result<CreateServiceLinkedRoleResponse, ServiceError> {
    state.store.transact(|transaction| {
        quota::ROLES.check(transaction.count::<Role>(&scope(context)) + 1)?;
        let mut made = create_service_linked_role(
            transaction,
            (context.partition, context.account()),
            &mut || state.ids.bits(),
            context.now,
            &request.aws_service_name,
            request.custom_suffix.as_deref(),
        )
        .map_err(|error| error::invalid_input(error.to_string()))?;
        made.description = request.description;
        let answer = CreateServiceLinkedRoleResponse { role: Some(role::shown(&made)) };
        role::put(transaction, context, made);
        Ok(answer)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServiceLinkedRole.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteServiceLinkedRoleRequest,
) -> Result<DeleteServiceLinkedRoleResponse, ServiceError> {
    let uuid = RequestId::from_bits(state.ids.bits());
    state.store.transact(|transaction| {
        let role = role::find(transaction, context, &request.role_name)?;
        let Some(service) = &role.linked_service else {
            return Err(error::invalid_input(format!(
                "The role {} is not a service-linked role.",
                role.name
            )));
        };
        let scope = scope(context);
        forget_old_tasks(transaction, context, &scope);
        let task = format!("task{PATH}{service}/{}/{uuid}", role.name);
        role::remove(transaction, context, &role);
        transaction.put(&scope, &task, DeletionTask { at: context.now });
        Ok(DeleteServiceLinkedRoleResponse { deletion_task_id: task })
    })
}

fn forget_old_tasks(transaction: &mut Transaction, context: &RequestContext, scope: &Scope) {
    let is_old = |task: &DeletionTask| task.at.plus_millis(TASK_LIFETIME_MILLIS) < context.now;
    let old = transaction.scan::<DeletionTask>(scope).filter(|(_, task)| is_old(task));
    let old: Vec<String> = old.map(|(id, _)| id.to_owned()).collect();
    for id in old {
        transaction.delete::<DeletionTask>(scope, &id);
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServiceLinkedRoleDeletionStatus.html>
fn get_deletion_status(
    state: &State,
    context: &RequestContext,
    request: GetServiceLinkedRoleDeletionStatusRequest,
) -> Result<GetServiceLinkedRoleDeletionStatusResponse, ServiceError> {
    let id = request.deletion_task_id;
    if !state.store.snapshot().contains::<DeletionTask>(&scope(context), &id) {
        return Err(error::no_such_entity(format!("Deletion task {id} cannot be found.")));
    }
    Ok(GetServiceLinkedRoleDeletionStatusResponse { status: "SUCCEEDED".to_owned(), reason: None })
}
