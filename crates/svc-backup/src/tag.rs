//! Tags of vaults and plans: TagResource, UntagResource and ListTags.
//!
//! Owns which tags are allowed, and the way from an ARN to what carries them.

use std::collections::BTreeMap;

use aws_api::Unit;
use aws_api::backup::{ListTagsInput, ListTagsOutput, TagResourceInput, UntagResourceInput};
use aws_types::{Tag, Tags};
use service_api::{RequestContext, ServiceError};
use store::{Snapshot, Transaction};

use crate::{Plan, State, Vault, error, id, organization, page, plan, vault};

/// How many tags a resource can have.
const MAX_TAGS: usize = 50;
/// The longest key and value, in characters.
const MAX_KEY_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 256;

/// Sets tags.
///
/// # Errors
/// A key or value that is not allowed; too many tags.
pub(crate) fn set(tags: &mut Tags, wanted: &BTreeMap<String, String>) -> Result<(), ServiceError> {
    for (key, value) in wanted {
        let is_valid = (1..=MAX_KEY_CHARS).contains(&key.chars().count())
            && value.chars().count() <= MAX_VALUE_CHARS
            && !key.to_lowercase().starts_with("aws:");
        if !is_valid {
            return Err(error::invalid_parameter(format!("The tag {key} is not valid.")));
        }
        tags.set(Tag { key: key.clone(), value: value.clone() });
    }
    if tags.len() > MAX_TAGS {
        return Err(error::limit_exceeded("tags on a resource", MAX_TAGS));
    }
    Ok(())
}

/// What an ARN names.
enum Tagged {
    Vault(String),
    Plan(String),
}

/// # Errors
/// `InvalidParameterValueException` for what is no ARN of a vault or plan of the caller's in the region.
fn read(context: &RequestContext, arn: &str) -> Result<Tagged, ServiceError> {
    let of = |kind: &str| {
        let id = arn.strip_prefix(&id::arn(context, kind, ""))?;
        Some(id.to_owned()).filter(|id| !id.is_empty())
    };
    of("backup-vault").map(Tagged::Vault).or_else(|| of("backup-plan").map(Tagged::Plan)).ok_or_else(|| {
        error::invalid_parameter(format!("The ARN {arn} names no vault and no plan of this account."))
    })
}

fn change(
    transaction: &mut Transaction,
    context: &RequestContext,
    tagged: &Tagged,
    change: impl Fn(&mut Tags) -> Result<(), ServiceError>,
) -> Result<(), ServiceError> {
    let scope = context.scope();
    match tagged {
        Tagged::Vault(name) => {
            let mut held = Vault::clone(&*vault::named(transaction, context, name)?);
            change(&mut held.tags)?;
            transaction.put(&scope, name, held);
        }
        Tagged::Plan(id) => {
            let mut held = Plan::clone(&*plan::own(transaction, context, id)?);
            change(&mut held.tags)?;
            transaction.put(&scope, id, held);
        }
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_TagResource.html>
pub(crate) fn tag(
    state: &State,
    context: &RequestContext,
    request: TagResourceInput,
) -> Result<Unit, ServiceError> {
    let tagged = read(context, &request.resource_arn)?;
    state.store.transact(|transaction| {
        change(transaction, context, &tagged, |tags| set(tags, &request.tags))?;
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_UntagResource.html>
pub(crate) fn untag(
    state: &State,
    context: &RequestContext,
    request: UntagResourceInput,
) -> Result<Unit, ServiceError> {
    let tagged = read(context, &request.resource_arn)?;
    state.store.transact(|transaction| {
        change(transaction, context, &tagged, |tags| {
            request.tag_key_list.iter().for_each(|key| tags.remove(key, None));
            Ok(())
        })?;
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListTags.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListTagsInput,
) -> Result<ListTagsOutput, ServiceError> {
    let tagged = read(context, &request.resource_arn)?;
    let tags = held(state, &state.store.snapshot(), context, &tagged)?;
    let pairs = tags.iter().map(|(key, value)| (key.to_owned(), (key.to_owned(), value.to_owned())));
    let page = page::take(pairs, request.next_token.as_deref(), request.max_results)?;
    Ok(ListTagsOutput { next_token: page.next_token, tags: Some(page.items.into_iter().collect()) })
}

fn held(
    state: &State,
    snapshot: &Snapshot,
    context: &RequestContext,
    tagged: &Tagged,
) -> Result<Tags, ServiceError> {
    match tagged {
        Tagged::Vault(name) => Ok(vault::named(snapshot, context, name)?.tags.clone()),
        Tagged::Plan(id) if id.starts_with(id::ORGANIZATION) => {
            let plan = organization::plan(state, snapshot, context, id)?;
            Ok(plan.tags.into_iter().map(|(key, value)| Tag { key, value }).collect())
        }
        Tagged::Plan(id) => Ok(plan::own(snapshot, context, id)?.tags.clone()),
    }
}
