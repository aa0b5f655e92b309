//! Tags of parameters: `AddTagsToResource`, `RemoveTagsFromResource` and `ListTagsForResource`.

use std::sync::Arc;

use aws_api::ssm::{
    AddTagsToResourceRequest, AddTagsToResourceResult, ListTagsForResourceRequest, ListTagsForResourceResult,
    RemoveTagsFromResourceRequest, RemoveTagsFromResourceResult, Tag as Given,
};
use aws_types::{Tag, Tags};
use service_api::{RequestContext, ServiceError};
use store::Read;

use super::name::Reference;
use super::record::Parameter;
use crate::State;
use crate::error::validation;

/// How many tags a resource can have.
const MAX_TAGS: usize = 50;

/// Reads the tags of a request; the model checked their lengths.
///
/// # Errors
/// A reserved key, a key given twice, or too many.
pub(super) fn read(given: &[Given]) -> Result<Tags, ServiceError> {
    let mut tags = Tags::default();
    for tag in given {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(validation("aws: prefixed tag key names are not allowed for external use."));
        }
        if tags.get(&tag.key).is_some() {
            return Err(validation(format!("The tag key {} is given more than once.", tag.key)));
        }
        tags.set(Tag { key: tag.key.clone(), value: tag.value.clone() });
    }
    check_count(&tags)?;
    Ok(tags)
}

fn check_count(tags: &Tags) -> Result<(), ServiceError> {
    if tags.len() <= MAX_TAGS {
        return Ok(());
    }
    Err(ServiceError::new("TooManyTagsError", format!("A resource can have at most {MAX_TAGS} tags.")))
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html>
pub(crate) fn add_tags(
    state: &State,
    context: &RequestContext,
    request: AddTagsToResourceRequest,
) -> Result<AddTagsToResourceResult, ServiceError> {
    let added = read(&request.tags)?;
    change(state, context, &request.resource_type, &request.resource_id, |tags| {
        for (key, value) in added.iter() {
            tags.set(Tag { key: key.to_owned(), value: value.to_owned() });
        }
    })?;
    Ok(AddTagsToResourceResult {})
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_RemoveTagsFromResource.html>
pub(crate) fn remove_tags(
    state: &State,
    context: &RequestContext,
    request: RemoveTagsFromResourceRequest,
) -> Result<RemoveTagsFromResourceResult, ServiceError> {
    change(state, context, &request.resource_type, &request.resource_id, |tags| {
        for key in &request.tag_keys {
            tags.remove(key, None);
        }
    })?;
    Ok(RemoveTagsFromResourceResult {})
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html>
pub(crate) fn list_tags(
    state: &State,
    context: &RequestContext,
    request: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResult, ServiceError> {
    let (_, parameter) =
        find(&state.store.snapshot(), context, &request.resource_type, &request.resource_id)?;
    let tag = |(key, value): (&str, &str)| Given { key: key.to_owned(), value: value.to_owned() };
    Ok(ListTagsForResourceResult { tag_list: Some(parameter.tags.iter().map(tag).collect()) })
}

fn change(
    state: &State,
    context: &RequestContext,
    resource_type: &str,
    resource_id: &str,
    change: impl FnOnce(&mut Tags),
) -> Result<(), ServiceError> {
    state.store.transact(|transaction| {
        let (name, parameter) = find(transaction, context, resource_type, resource_id)?;
        let mut parameter = Parameter::clone(&parameter);
        change(&mut parameter.tags);
        check_count(&parameter.tags)?;
        transaction.put(&context.scope(), &name, parameter);
        Ok(())
    })
}

/// The parameter that a request names by type and id. Nothing else that could have tags here is built.
fn find<S: Read>(
    state: &S,
    context: &RequestContext,
    resource_type: &str,
    resource_id: &str,
) -> Result<(String, Arc<Parameter>), ServiceError> {
    if resource_type != "Parameter" {
        let message =
            format!("The resource type {resource_type} is not valid. Valid resource types: Parameter.");
        return Err(ServiceError::new("InvalidResourceType", message));
    }
    let invalid =
        || ServiceError::new("InvalidResourceId", format!("The resource ID {resource_id} is not valid."));
    let name = Reference::parse(context, resource_id).map_err(|_| invalid())?.name;
    let parameter = state.get::<Parameter>(&context.scope(), &name).ok_or_else(invalid)?;
    Ok((name, parameter))
}
