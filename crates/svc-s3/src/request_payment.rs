//! Who pays for requests: the owner of the bucket, for nothing costs anything.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html>

use aws_api::Unit;
use aws_api::s3::{
    GetBucketRequestPaymentOutput, GetBucketRequestPaymentRequest, PutBucketRequestPaymentRequest,
};
use service_api::RequestContext;

use crate::error::{self, Failure};
use crate::{State, bucket};

const OWNER: &str = "BucketOwner";

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketRequestPayment.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketRequestPaymentRequest,
) -> Result<Unit, Failure> {
    bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    match request.request_payment_configuration.payer.as_str() {
        OWNER => Ok(Unit),
        "Requester" => Err(error::not_implemented("requests are not paid for by who asks").into()),
        _ => Err(error::malformed_xml().into()),
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketRequestPayment.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketRequestPaymentRequest,
) -> Result<GetBucketRequestPaymentOutput, Failure> {
    bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    Ok(GetBucketRequestPaymentOutput { payer: Some(OWNER.to_owned()) })
}
