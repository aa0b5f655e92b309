//! TagResources and UntagResources: one request to the service of each resource.
//!
//! A resource whose service refuses is told of in the answer, and the others get their tags all the same. Whether the caller
//! may tag a resource is for its service to be asked, beside the permission to call this one ([`crate::TaggedResources`]).

use std::collections::BTreeMap;

use aws_api::resourcegroupstaggingapi::{
    FailureInfo, TagResourcesInput, TagResourcesOutput, UntagResourcesInput, UntagResourcesOutput,
};
use aws_types::{Arn, Tag, Tags};
use service_api::{RequestContext, ServiceError};

use crate::{State, error};

/// The status of a failure that the caller can mend, where its service says no other, and of one that it cannot.
const BAD_REQUEST: i32 = 400;
const SERVER_ERROR: i32 = 500;

/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_TagResources.html>
pub(crate) fn tag(
    state: &State,
    context: &RequestContext,
    request: TagResourcesInput,
) -> Result<TagResourcesOutput, ServiceError> {
    check_keys(request.tags.keys())?;
    let tags: Tags = request.tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    let rules = state.policy.rules(&state.store.snapshot(), context.partition, context.account())?;
    let types: BTreeMap<Arn, String> = if rules.is_empty() { Vec::new() } else { state.own(context) }
        .into_iter()
        .map(|resource| (resource.arn, resource.resource_type))
        .collect();
    let failed = each(context, &request.resource_arn_list, |arn| {
        let resource_type = types.get(arn).map(String::as_str).unwrap_or_default();
        match rules.violation(resource_type, tags.iter()) {
            Some(violation) => Err(error::invalid_parameter(violation.to_string())),
            None => state.resources.tag(context, arn, &tags),
        }
    })?;
    Ok(TagResourcesOutput { failed_resources_map: Some(failed) })
}

/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_UntagResources.html>
pub(crate) fn untag(
    state: &State,
    context: &RequestContext,
    request: UntagResourcesInput,
) -> Result<UntagResourcesOutput, ServiceError> {
    check_keys(request.tag_keys.iter())?;
    let failed = each(context, &request.resource_arn_list, |arn| {
        state.resources.untag(context, arn, &request.tag_keys)
    })?;
    Ok(UntagResourcesOutput { failed_resources_map: Some(failed) })
}

fn check_keys<'a>(mut keys: impl Iterator<Item = &'a String>) -> Result<(), ServiceError> {
    match keys.find(|key| key.to_lowercase().starts_with("aws:")) {
        Some(key) => Err(error::invalid_parameter(format!("The tag key {key} is reserved for AWS."))),
        None => Ok(()),
    }
}

fn each(
    context: &RequestContext,
    arns: &[String],
    change: impl Fn(&Arn) -> Result<(), ServiceError>,
) -> Result<BTreeMap<String, FailureInfo>, ServiceError> {
    let read = |text: &String| {
        let arn = text.parse::<Arn>();
        arn.map_err(|_| error::invalid_parameter(format!("The ARN {text} is not valid.")))
    };
    let arns: Vec<Arn> = arns.iter().map(read).collect::<Result<_, _>>()?;
    let mut failed = BTreeMap::new();
    for arn in &arns {
        let changed = if is_here(context, arn) { change(arn) } else { Err(elsewhere(context, arn)) };
        if let Err(error) = changed {
            failed.insert(arn.to_string(), shown(error));
        }
    }
    Ok(failed)
}

/// Whether an ARN is of the caller's account, and of the region or of none.
fn is_here(context: &RequestContext, arn: &Arn) -> bool {
    let mut parts = arn.as_str().splitn(6, ':').skip(3);
    let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    (region.is_empty() || region == context.region.as_str())
        && (account.is_empty() || account == context.account().to_string())
}

fn elsewhere(context: &RequestContext, arn: &Arn) -> ServiceError {
    error::invalid_parameter(format!(
        "{arn} is not a resource of the account {} in {}.",
        context.account(),
        context.region
    ))
}

/// A failure has the code of the service whose resource it is.
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_FailureInfo.html>
fn shown(error: ServiceError) -> FailureInfo {
    let (status, code) = if error.is_fault {
        (SERVER_ERROR, "InternalServiceException".into())
    } else {
        (error.status.map_or(BAD_REQUEST, i32::from), error.code)
    };
    FailureInfo {
        status_code: Some(status),
        error_code: Some(code.into()),
        error_message: Some(error.message),
    }
}
