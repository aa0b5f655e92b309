//! Whose new objects are, and whether access control lists count.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html>

use aws_api::Unit;
use aws_api::s3::{
    DeleteBucketOwnershipControlsRequest, GetBucketOwnershipControlsOutput,
    GetBucketOwnershipControlsRequest, OwnershipControls, OwnershipControlsRule,
    PutBucketOwnershipControlsRequest,
};
use bucket_rules::ObjectOwnership;
use service_api::RequestContext;

use crate::error::{self, Failure};
use crate::{State, bucket};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketOwnershipControls.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketOwnershipControlsRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let rules = request.ownership_controls.rules.iter().map(|rule| rule.object_ownership.as_str());
    let ownership = ObjectOwnership::of_rules(&rules.collect::<Vec<_>>())?;
    bucket::change(state, context, &bucket, |bucket| {
        ownership.check_bucket_acl(&bucket.acl())?;
        bucket.access.ownership = Some(ownership);
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketOwnershipControls.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketOwnershipControlsRequest,
) -> Result<GetBucketOwnershipControlsOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let Some(ownership) = bucket.access.ownership else {
        let message = "The bucket ownership controls were not found";
        let code = "OwnershipControlsNotFoundError";
        return Err(error::not_configured(code, message, bucket.name.as_str()).into());
    };
    let rule = OwnershipControlsRule { object_ownership: ownership.as_str().to_owned() };
    Ok(GetBucketOwnershipControlsOutput { ownership_controls: Some(OwnershipControls { rules: vec![rule] }) })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketOwnershipControls.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteBucketOwnershipControlsRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    bucket::change(state, context, &bucket, |bucket| {
        bucket.access.ownership = None;
        Ok(())
    })?;
    Ok(Unit)
}
