//! Selections: which resources a plan is for.

use std::sync::Arc;

use aws_api::Unit;
use aws_api::backup::{
    BackupSelection, BackupSelectionsListMember, CreateBackupSelectionInput, CreateBackupSelectionOutput,
    DeleteBackupSelectionInput, GetBackupSelectionInput, GetBackupSelectionOutput, ListBackupSelectionsInput,
    ListBackupSelectionsOutput,
};
use aws_types::{Arn, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ServiceError};
use store::{Read, Record};

use crate::organization::{self, managed};
use crate::{State, error, id, page, plan};

/// How many selections a plan can have.
const MAX_SELECTIONS: usize = 100;
/// How many resources, and how many conditions, one selection can name.
const MAX_RESOURCES: usize = 500;
const MAX_CONDITIONS: usize = 30;

/// A selection. Stored by its plan's id and its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// Its id.
    pub id: String,
    /// The plan.
    pub plan_id: String,
    /// What it selects.
    pub selection: BackupSelection,
    /// The token of the request that made it.
    pub creator_request_id: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

impl Record for Selection {
    const KIND: &'static str = "backup.selection";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        Some(self.plan_id.clone())
    }
}

fn key(plan_id: &str, id: &str) -> String {
    format!("{plan_id}/{id}")
}

/// Whether a plan has any.
pub(crate) fn is_any(reader: &impl Read, context: &RequestContext, plan_id: &str) -> bool {
    reader.parts::<Selection>(&context.scope(), plan_id).next().is_some()
}

fn named(
    reader: &impl Read,
    context: &RequestContext,
    plan_id: &str,
    id: &str,
) -> Result<Arc<Selection>, ServiceError> {
    reader.get::<Selection>(&context.scope(), &key(plan_id, id)).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> ServiceError {
    error::not_found(format!("Cannot find backup selection with ID {id}"))
}

fn check(selection: &BackupSelection) -> Result<(), ServiceError> {
    let is_role = selection.iam_role_arn.parse::<Arn>().is_ok_and(|arn| arn.resource().starts_with("role/"));
    if !is_role {
        return Err(error::invalid_parameter(format!(
            "{} is not the ARN of a role.",
            selection.iam_role_arn
        )));
    }
    let lists = [&selection.resources, &selection.not_resources];
    let named = || lists.iter().copied().flatten().flatten();
    if let Some(wrong) = named().find(|arn| *arn != "*" && arn.parse::<Arn>().is_err()) {
        return Err(error::invalid_parameter(format!("{wrong} is not the ARN of a resource.")));
    }
    if lists.iter().any(|list| list.as_ref().is_some_and(|list| list.len() > MAX_RESOURCES)) {
        return Err(error::invalid_parameter(format!(
            "A selection can name at most {MAX_RESOURCES} resources."
        )));
    }
    let conditions = selection.conditions.as_ref().map_or(0, |held| {
        let lists = [&held.string_equals, &held.string_not_equals, &held.string_like, &held.string_not_like];
        lists.into_iter().flatten().map(Vec::len).sum()
    });
    let tags = selection.list_of_tags.as_ref().map_or(0, Vec::len);
    if conditions > MAX_CONDITIONS || tags > MAX_CONDITIONS {
        return Err(error::invalid_parameter(format!(
            "A selection can have at most {MAX_CONDITIONS} conditions."
        )));
    }
    if named().next().is_none() && conditions + tags == 0 {
        return Err(error::invalid_parameter("A selection must name resources, tags or conditions."));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupSelection.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreateBackupSelectionInput,
) -> Result<CreateBackupSelectionOutput, ServiceError> {
    let plan_id = &request.backup_plan_id;
    if plan_id.starts_with(id::ORGANIZATION) {
        return Err(error::invalid_parameter(managed(plan_id)));
    }
    check(&request.backup_selection)?;
    let scope = context.scope();
    let selection = Selection {
        id: id::random(state),
        plan_id: plan_id.clone(),
        selection: request.backup_selection.clone(),
        creator_request_id: request.creator_request_id.clone(),
        created: context.now,
    };
    let made = state.store.transact(|transaction| {
        // AWS's model has no other error for a plan that is not there.
        plan::own(transaction, context, plan_id).map_err(|error| error::invalid_parameter(error.message))?;
        let held: Vec<_> = transaction.parts::<Selection>(&scope, plan_id).map(|(_, held)| held).collect();
        for held in &held {
            if held.creator_request_id.is_some() && held.creator_request_id == selection.creator_request_id {
                return Ok(Arc::clone(held));
            }
            if held.selection.selection_name == selection.selection.selection_name {
                return Err(error::already_exists(
                    "Backup selection with the same name already exists",
                    None,
                    held.creator_request_id.as_ref(),
                ));
            }
        }
        if held.len() >= MAX_SELECTIONS {
            return Err(error::limit_exceeded("selections in a plan", MAX_SELECTIONS));
        }
        transaction.put(&scope, &key(plan_id, &selection.id), selection.clone());
        Ok(Arc::new(selection.clone()))
    })?;
    Ok(CreateBackupSelectionOutput {
        selection_id: Some(made.id.clone()),
        backup_plan_id: Some(plan_id.clone()),
        creation_date: Some(made.created),
    })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_GetBackupSelection.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBackupSelectionInput,
) -> Result<GetBackupSelectionOutput, ServiceError> {
    let snapshot = state.store.snapshot();
    let (plan_id, id) = (&request.backup_plan_id, &request.selection_id);
    if plan_id.starts_with(id::ORGANIZATION) {
        let plan = organization::plan(state, &snapshot, context, plan_id)?;
        let (id, selection) =
            plan.selections.into_iter().find(|(held, _)| held == id).ok_or_else(|| unknown(id))?;
        return Ok(GetBackupSelectionOutput {
            backup_selection: Some(selection),
            selection_id: Some(id),
            backup_plan_id: Some(plan_id.clone()),
            creation_date: Some(plan.since),
            creator_request_id: None,
        });
    }
    let held = named(&snapshot, context, plan_id, id)?;
    Ok(GetBackupSelectionOutput {
        backup_selection: Some(held.selection.clone()),
        selection_id: Some(held.id.clone()),
        backup_plan_id: Some(plan_id.clone()),
        creation_date: Some(held.created),
        creator_request_id: held.creator_request_id.clone(),
    })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListBackupSelections.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListBackupSelectionsInput,
) -> Result<ListBackupSelectionsOutput, ServiceError> {
    let snapshot = state.store.snapshot();
    let plan_id = &request.backup_plan_id;
    let member = |id: &str, selection: &BackupSelection, created, creator_request_id: Option<String>| {
        let shown = BackupSelectionsListMember {
            selection_id: Some(id.to_owned()),
            selection_name: Some(selection.selection_name.clone()),
            backup_plan_id: Some(plan_id.clone()),
            creation_date: Some(created),
            creator_request_id,
            iam_role_arn: Some(selection.iam_role_arn.clone()),
        };
        (id.to_owned(), shown)
    };
    let mut selections: Vec<_> = if plan_id.starts_with(id::ORGANIZATION) {
        let plan = organization::plan(state, &snapshot, context, plan_id)?;
        plan.selections.iter().map(|(id, selection)| member(id, selection, plan.since, None)).collect()
    } else {
        plan::own(&snapshot, context, plan_id)?;
        let held = snapshot.parts::<Selection>(&context.scope(), plan_id).map(|(_, held)| held);
        held.map(|held| member(&held.id, &held.selection, held.created, held.creator_request_id.clone()))
            .collect()
    };
    selections.sort_by(|one, other| one.0.cmp(&other.0));
    let page = page::take(selections, request.next_token.as_deref(), request.max_results)?;
    Ok(ListBackupSelectionsOutput { next_token: page.next_token, backup_selections_list: Some(page.items) })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteBackupSelection.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteBackupSelectionInput,
) -> Result<Unit, ServiceError> {
    let (plan_id, id) = (&request.backup_plan_id, &request.selection_id);
    if plan_id.starts_with(id::ORGANIZATION) {
        return Err(error::invalid_parameter(managed(plan_id)));
    }
    state.store.transact(|transaction| {
        named(transaction, context, plan_id, id)?;
        transaction.delete::<Selection>(&context.scope(), &key(plan_id, id));
        Ok(Unit)
    })
}
