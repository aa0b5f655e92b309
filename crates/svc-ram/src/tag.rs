//! Tags of resource shares: TagResource and UntagResource.

use aws_api::ram::{
    self as api, TagResourceRequest, TagResourceResponse, UntagResourceRequest, UntagResourceResponse,
};
use aws_types::{Tag, Tags};
use service_api::{RequestContext, ServiceError};

use crate::{State, error, share};

/// How many tags a share can have.
const MAX_TAGS: usize = 50;
/// The longest key and value, in characters.
const MAX_KEY_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 256;

pub(crate) fn shown(tags: &Tags) -> Vec<api::Tag> {
    let shown =
        |(key, value): (&str, &str)| api::Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) };
    tags.iter().map(shown).collect()
}

/// Sets tags.
///
/// # Errors
/// `InvalidParameterException`, `TagLimitExceededException`.
pub(crate) fn set(tags: &mut Tags, wanted: Vec<api::Tag>) -> Result<(), ServiceError> {
    for tag in wanted {
        let (key, value) = (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        let is_valid = (1..=MAX_KEY_CHARS).contains(&key.chars().count())
            && value.chars().count() <= MAX_VALUE_CHARS
            && !key.to_ascii_lowercase().starts_with("aws:");
        if !is_valid {
            return Err(error::invalid_parameter(format!("The tag {key} is not valid.")));
        }
        tags.set(Tag { key, value });
    }
    if tags.len() > MAX_TAGS {
        let message = format!("A resource share can have at most {MAX_TAGS} tags.");
        return Err(ServiceError::new("TagLimitExceededException", message));
    }
    Ok(())
}

fn change(
    state: &State,
    context: &RequestContext,
    arns: [Option<&String>; 2],
    change: impl Fn(&mut Tags) -> Result<(), ServiceError>,
) -> Result<(), ServiceError> {
    let ([Some(arn), None] | [None, Some(arn)]) = arns else {
        return Err(error::invalid_parameter("Name either resourceShareArn or resourceArn."));
    };
    state.store.transact(|transaction| {
        let mut share = share::own(transaction, context, arn)?;
        change(&mut share.tags)?;
        transaction.put(&context.scope(), &share.id.clone(), share);
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_TagResource.html>
pub(crate) fn tag(
    state: &State,
    context: &RequestContext,
    request: TagResourceRequest,
) -> Result<TagResourceResponse, ServiceError> {
    let arns = [request.resource_share_arn.as_ref(), request.resource_arn.as_ref()];
    change(state, context, arns, |tags| set(tags, request.tags.clone()))?;
    Ok(TagResourceResponse {})
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_UntagResource.html>
pub(crate) fn untag(
    state: &State,
    context: &RequestContext,
    request: UntagResourceRequest,
) -> Result<UntagResourceResponse, ServiceError> {
    let arns = [request.resource_share_arn.as_ref(), request.resource_arn.as_ref()];
    change(state, context, arns, |tags| {
        request.tag_keys.iter().for_each(|key| tags.remove(key, None));
        Ok(())
    })?;
    Ok(UntagResourceResponse {})
}
