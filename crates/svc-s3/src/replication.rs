//! Replication, which no bucket has.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html>

use aws_api::s3::{GetBucketReplicationOutput, GetBucketReplicationRequest};
use service_api::RequestContext;

use crate::error::{self, Failure};
use crate::{State, bucket};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketReplication.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketReplicationRequest,
) -> Result<GetBucketReplicationOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let message = "The replication configuration was not found";
    Err(error::not_configured("ReplicationConfigurationNotFoundError", message, bucket.name.as_str()).into())
}
