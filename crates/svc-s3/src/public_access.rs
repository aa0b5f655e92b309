//! Block public access of buckets.
//!
//! What each switch stands against is in `bucket_rules`; they are looked at where lists and policies are written, and in
//! `resource_side`. The switches of accounts are another API's, S3 Control.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>

use aws_api::Unit;
use aws_api::s3::{
    DeletePublicAccessBlockRequest, GetPublicAccessBlockOutput, GetPublicAccessBlockRequest,
    PublicAccessBlockConfiguration, PutPublicAccessBlockRequest,
};
use bucket_rules::PublicAccessBlock;
use service_api::RequestContext;

use crate::error::{self, Failure};
use crate::{State, bucket};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutPublicAccessBlock.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutPublicAccessBlockRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let asked = request.public_access_block_configuration;
    let block = PublicAccessBlock::of_document(
        asked.block_public_acls,
        asked.ignore_public_acls,
        asked.block_public_policy,
        asked.restrict_public_buckets,
    )?;
    bucket::change(state, context, &bucket, |bucket| {
        bucket.access.public_access_block = Some(block);
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetPublicAccessBlockRequest,
) -> Result<GetPublicAccessBlockOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let Some(block) = bucket.access.public_access_block else {
        let message = "The public access block configuration was not found";
        let code = "NoSuchPublicAccessBlockConfiguration";
        return Err(error::not_configured(code, message, bucket.name.as_str()).into());
    };
    let shown = PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        ignore_public_acls: Some(block.ignore_public_acls),
        block_public_policy: Some(block.block_public_policy),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    };
    Ok(GetPublicAccessBlockOutput { public_access_block_configuration: Some(shown) })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletePublicAccessBlock.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeletePublicAccessBlockRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    bucket::change(state, context, &bucket, |bucket| {
        bucket.access.public_access_block = None;
        Ok(())
    })?;
    Ok(Unit)
}
