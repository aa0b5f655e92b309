//! Tags of trails.
//!
//! Owns AddTags, RemoveTags and ListTags. Refuses to know other things that CloudTrail can tag: there are none here.

use aws_api::cloudtrail::{
    self as api, AddTagsRequest, AddTagsResponse, ListTagsRequest, ListTagsResponse, RemoveTagsRequest,
    RemoveTagsResponse, ResourceTag,
};
use aws_types::{Tag, Tags};
use service_api::{RequestContext, ServiceError};

use crate::{State, error, trail, trail_name};

/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>
const MAX_TAGS: usize = 50;
const MAX_KEY_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 256;
/// How many trails one request can ask about.
const MAX_RESOURCES: usize = 20;

/// Sets tags.
///
/// # Errors
/// `InvalidTagParameterException`, `TagsLimitExceededException`.
pub(crate) fn set(tags: &mut Tags, wanted: Vec<api::Tag>) -> Result<(), ServiceError> {
    for tag in wanted {
        let value = tag.value.unwrap_or_default();
        let is_valid = (1..=MAX_KEY_CHARS).contains(&tag.key.chars().count())
            && value.chars().count() <= MAX_VALUE_CHARS
            && !tag.key.to_ascii_lowercase().starts_with("aws:");
        if !is_valid {
            let message = format!("The tag {} is not valid.", tag.key);
            return Err(ServiceError::new("InvalidTagParameterException", message));
        }
        tags.set(Tag { key: tag.key, value });
    }
    if tags.len() > MAX_TAGS {
        let message = format!("A trail can have at most {MAX_TAGS} tags.");
        return Err(ServiceError::new("TagsLimitExceededException", message));
    }
    Ok(())
}

fn change(
    state: &State,
    context: &RequestContext,
    arn: &str,
    change: impl Fn(&mut Tags) -> Result<(), ServiceError>,
) -> Result<(), ServiceError> {
    state.store.transact(|transaction| {
        let (scope, mut found) = tagged(state, transaction, context, arn)?;
        trail::require_own(context, &scope, &found)?;
        change(&mut found.tags)?;
        transaction.put(&scope, &found.name.clone(), found);
        Ok(())
    })
}

/// The trail of an ARN; names are not enough here.
fn tagged(
    state: &State,
    reader: &impl store::Read,
    context: &RequestContext,
    arn: &str,
) -> Result<(store::Scope, trail::Trail), ServiceError> {
    if trail_name::Arn::parse(arn).is_none() {
        return Err(error::invalid_arn(arn));
    }
    trail::find(state, reader, context, arn).map_err(|error| match error.code.as_ref() {
        "TrailNotFoundException" => {
            ServiceError::new("ResourceNotFoundException", format!("The resource {arn} is not found."))
        }
        _ => error,
    })
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AddTags.html>
pub(crate) fn add(
    state: &State,
    context: &RequestContext,
    request: AddTagsRequest,
) -> Result<AddTagsResponse, ServiceError> {
    change(state, context, &request.resource_id, |tags| set(tags, request.tags_list.clone()))?;
    Ok(AddTagsResponse {})
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_RemoveTags.html>
pub(crate) fn remove(
    state: &State,
    context: &RequestContext,
    request: RemoveTagsRequest,
) -> Result<RemoveTagsResponse, ServiceError> {
    change(state, context, &request.resource_id, |tags| {
        for tag in &request.tags_list {
            tags.remove(&tag.key, tag.value.as_deref().filter(|value| !value.is_empty()));
        }
        Ok(())
    })?;
    Ok(RemoveTagsResponse {})
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListTags.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListTagsRequest,
) -> Result<ListTagsResponse, ServiceError> {
    if request.resource_id_list.len() > MAX_RESOURCES {
        let message = format!("At most {MAX_RESOURCES} resources can be named.");
        return Err(ServiceError::new("InvalidParameterException", message));
    }
    // All that are named are on one page, so that no token is ever given.
    if request.next_token.is_some() {
        return Err(ServiceError::new("InvalidTokenException", "The token is not valid."));
    }
    let snapshot = state.store.snapshot();
    let mut listed = Vec::new();
    for arn in request.resource_id_list {
        let (_, found) = tagged(state, &snapshot, context, &arn)?;
        let tags = found
            .tags
            .iter()
            .map(|(key, value)| api::Tag { key: key.to_owned(), value: Some(value.to_owned()) });
        let tags_list = Some(tags.collect());
        listed.push(ResourceTag { resource_id: Some(arn), tags_list });
    }
    Ok(ListTagsResponse { resource_tag_list: Some(listed), next_token: None })
}
