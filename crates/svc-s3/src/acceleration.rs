//! Transfer acceleration, which no bucket has: there are no edge locations.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration.html>

use aws_api::Unit;
use aws_api::s3::{
    GetBucketAccelerateConfigurationOutput, GetBucketAccelerateConfigurationRequest,
    PutBucketAccelerateConfigurationRequest,
};
use service_api::RequestContext;

use crate::error::{self, Failure};
use crate::{State, bucket};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAccelerateConfiguration.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketAccelerateConfigurationRequest,
) -> Result<Unit, Failure> {
    bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    match request.accelerate_configuration.status.as_deref() {
        Some("Enabled" | "Suspended") => Err(error::not_implemented("transfer acceleration").into()),
        _ => Err(error::malformed_xml().into()),
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAccelerateConfiguration.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketAccelerateConfigurationRequest,
) -> Result<GetBucketAccelerateConfigurationOutput, Failure> {
    bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    Ok(GetBucketAccelerateConfigurationOutput::default())
}
