//! Service-linked roles: those that belong to a service of AWS, which alone assumes and changes them.
//!
//! Owns how they are asked for and deleted. How one is made, `identities` knows: services make their own, too.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html>

use aws_api::iam::{
    CreateServiceLinkedRoleRequest, CreateServiceLinkedRoleResponse, DeleteServiceLinkedRoleRequest,
    DeleteServiceLinkedRoleResponse, GetServiceLinkedRoleDeletionStatusRequest,
    GetServiceLinkedRoleDeletionStatusResponse, operation as op,
};
use aws_types::Timestamp;
use identities::{Role, SERVICE_LINKED_ROLE_PATH as PATH, create_service_linked_role};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, RequestId, ServiceError};
use store::{Read as _, Record, Scope, Transaction};

use crate::{State, error, quota, retention, role, scope};

/// How long it can be asked how a deletion went.
const TASK_LIFETIME_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// How many deletions of an account can be asked about; the oldest make room.
const MAX_TASKS: usize = 1000;

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
    let held = transaction.scan::<DeletionTask>(scope);
    let held = held.map(|(id, task)| (task.at, id.to_owned())).collect();
    for id in retention::gone(held, context.now, TASK_LIFETIME_MILLIS, MAX_TASKS - 1) {
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
