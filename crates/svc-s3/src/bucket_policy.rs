//! Policies of buckets.
//!
//! Owns that the principals of this cloud that a policy names are there. What may stand in one is `bucket_rules`'s, and what it
//! comes to for a request is in `resource_side`.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html>

use std::sync::LazyLock;

use authorization_table::{Action, actions};
use aws_api::Unit;
use aws_api::s3::{
    DeleteBucketPolicyRequest, GetBucketPolicyOutput, GetBucketPolicyRequest, GetBucketPolicyStatusOutput,
    GetBucketPolicyStatusRequest, PolicyStatus, PutBucketPolicyRequest,
};
use aws_types::Partition;
use bucket_rules::{
    CanonicalUserId, NamedPrincipal, RuleError, S3Action, is_public_policy, parse_bucket_policy,
    principals_of,
};
use iam_policy::Policy;
use identities::{account_is_there, principal_is_there};
use service_api::{RequestContext, ServiceError};
use store::Read;

use crate::State;
use crate::access::{Blocked, blocked};
use crate::bucket::{self, Bucket};
use crate::error::{self, Failure};

/// What policies can be about.
static ACTIONS: LazyLock<Vec<S3Action<'static>>> = LazyLock::new(|| {
    let of = |action: &'static Action| S3Action {
        name: action.name,
        on_bucket: action.resource("bucket").is_some(),
        on_object: action.resource("object").is_some(),
    };
    actions("s3").iter().map(of).collect()
});

/// The policy is the account's own to change, whomever it allows that.
fn check_own(context: &RequestContext, bucket: &Bucket) -> Result<(), ServiceError> {
    if context.account() == bucket.owner {
        return Ok(());
    }
    let message = "The specified method is not allowed against this resource.";
    let error = error::error(405, "MethodNotAllowed", message);
    Err(error.with_field("ResourceType", "BUCKETPOLICY"))
}

fn is_there(reader: &impl Read, partition: Partition, principal: &NamedPrincipal) -> bool {
    match principal.kind.as_str() {
        "AWS" => principal_is_there(reader, partition, &principal.name),
        "CanonicalUser" => {
            let id = principal.name.parse::<CanonicalUserId>();
            id.is_ok_and(|id| account_is_there(reader, partition, id.account()))
        }
        // Services and providers of identities are AWS's or others', and have no record here.
        _ => true,
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketPolicyRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    check_own(context, &bucket)?;
    let policy = parse_bucket_policy(&request.policy, &bucket.name, &ACTIONS)?;
    let records = state.store.snapshot();
    let named = principals_of(&policy);
    if let Some(unknown) = named.iter().find(|named| !is_there(&records, context.partition, named)) {
        let error = error::of_rule(&RuleError::Policy("Invalid principal in policy".into()));
        let detail = format!("\"{}\" : \"{}\"", unknown.kind, unknown.name);
        return Err(error.with_field("Detail", detail).into());
    }
    let is_public = is_public_policy(&policy);
    let binds_root = request.confirm_remove_self_bucket_access == Some(true);
    bucket::change(state, context, &bucket, |bucket| {
        bucket.access.block().check_policy(is_public).map_err(|_| {
            blocked(context, Blocked::Policy, "s3:PutBucketPolicy", &bucket.arn(context.partition))
        })?;
        bucket.access.policy = Some(policy.text().to_owned());
        bucket.access.policy_binds_root = binds_root;
        Ok(())
    })?;
    Ok(Unit)
}

/// The policy of a bucket.
fn policy_of(bucket: &Bucket) -> Result<&str, ServiceError> {
    bucket.access.policy.as_deref().ok_or_else(|| {
        let message = "The bucket policy does not exist";
        error::not_configured("NoSuchBucketPolicy", message, bucket.name.as_str())
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketPolicyRequest,
) -> Result<GetBucketPolicyOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    check_own(context, &bucket)?;
    Ok(GetBucketPolicyOutput { policy: Some(policy_of(&bucket)?.to_owned()) })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteBucketPolicyRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    check_own(context, &bucket)?;
    bucket::change(state, context, &bucket, |bucket| {
        bucket.access.policy = None;
        bucket.access.policy_binds_root = false;
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicyStatus.html>
pub(crate) fn status(
    state: &State,
    context: &RequestContext,
    request: GetBucketPolicyStatusRequest,
) -> Result<GetBucketPolicyStatusOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let is_public = is_public(policy_of(&bucket)?);
    Ok(GetBucketPolicyStatusOutput { policy_status: Some(PolicyStatus { is_public: Some(is_public) }) })
}

/// Whether the text of a policy is public. What cannot be read is not shown to be private.
pub(crate) fn is_public(policy: &str) -> bool {
    Policy::parse_stored(policy).map_or(true, |policy| is_public_policy(&policy))
}
