//! Default encryption of buckets: SSE-S3 always, and whether customers' keys are taken.
//!
//! There is no KMS, so that a default of it is refused: what was written would be sealed in another way than was asked for.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html>

use aws_api::Unit;
use aws_api::s3::{
    BlockedEncryptionTypes, DeleteBucketEncryptionRequest, GetBucketEncryptionOutput,
    GetBucketEncryptionRequest, PutBucketEncryptionRequest, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use bucket_rules::{BucketEncryption, SseAlgorithm, WrittenEncryptionRule};
use service_api::RequestContext;

use crate::bucket::{self, Bucket};
use crate::encryption::Customer;
use crate::error::{self, Failure};
use crate::{State, configuration};

/// Whether what is written to a bucket may have a customer's key.
///
/// # Errors
/// `AccessDenied`.
pub(crate) fn check_customer(bucket: &Bucket, customer: Option<&Customer>) -> Result<(), Failure> {
    let encryption = bucket.configuration.encryption.as_ref();
    let blocks = encryption.and_then(|encryption| encryption.blocks_customer_keys) == Some(true);
    if !blocks || customer.is_none() {
        return Ok(());
    }
    Err(error::access_denied("Access Denied because the bucket blocks SSE-C encryption.").into())
}

fn written(rule: ServerSideEncryptionRule) -> WrittenEncryptionRule {
    let by_default = rule.apply_server_side_encryption_by_default;
    let blocked = rule.blocked_encryption_types.and_then(|blocked| blocked.encryption_type);
    WrittenEncryptionRule {
        by_default: by_default.map(|default| (default.sse_algorithm, default.kms_master_key_id)),
        bucket_key_enabled: rule.bucket_key_enabled == Some(true),
        blocked_encryption_types: blocked.unwrap_or_default(),
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketEncryptionRequest,
) -> Result<Unit, Failure> {
    let rules = request.server_side_encryption_configuration.rules;
    let rules: Vec<_> = rules.into_iter().map(written).collect();
    let encryption = BucketEncryption::of_rules(&rules)?;
    if encryption.algorithm != SseAlgorithm::Aes256 {
        let what = "there is no KMS, so that SSE-KMS cannot be a default; use AES256";
        return Err(error::not_implemented(what).into());
    }
    let named = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    configuration::change(state, context, named, |_, held| {
        held.encryption = Some(encryption);
        Ok(())
    })?;
    Ok(Unit)
}

/// Every bucket has a default, also one that nobody set.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketEncryptionRequest,
) -> Result<GetBucketEncryptionOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let held = bucket.configuration.encryption.clone().unwrap_or_default();
    let blocked = held.blocks_customer_keys.map(|blocks| if blocks { "SSE-C" } else { "NONE" });
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
            sse_algorithm: held.algorithm.as_str().to_owned(),
            kms_master_key_id: held.kms_key,
        }),
        bucket_key_enabled: Some(held.bucket_key_enabled),
        blocked_encryption_types: blocked
            .map(|blocked| BlockedEncryptionTypes { encryption_type: Some(vec![blocked.to_owned()]) }),
    };
    let shown = ServerSideEncryptionConfiguration { rules: vec![rule] };
    Ok(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(shown) })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketEncryption.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteBucketEncryptionRequest,
) -> Result<Unit, Failure> {
    let named = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    configuration::change(state, context, named, |_, held| {
        held.encryption = None;
        Ok(())
    })?;
    Ok(Unit)
}
