//! The resource's side of a request: whose a bucket or an object is, and what its policy comes to.
//!
//! A bucket's policy and the lists of the bucket and of its objects become one policy, so that one evaluation decides. Refuses to
//! know the caller's own policies, and how both sides go together, which is `authorization`'s.
//!
//! | What is asked for | Whose it is | Bucket's policy | Lists |
//! | --- | --- | --- | --- |
//! | the bucket; to put, delete, upload, tag or lock an object | the bucket's owner | counts | the bucket's |
//! | to read an object of the bucket's owner, and its list | the bucket's owner | counts | the object's |
//! | the same of somebody else | its owner | what it denies | the object's |
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-policy-alternatives-guidelines.html>
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html>

use std::sync::Arc;

use aws_types::AccountId;
use bucket_rules::{Acl, AclStatements, PolicyPart};
use iam_policy::Caller;
use service_api::{PrincipalKind, RequestContext};

use crate::bucket::Bucket;
use crate::rows::Version;
use crate::{acl, bucket_policy};

/// Actions on a policy that the root user of the bucket's account has whatever the policy says, so that nobody is locked out.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>
const OF_POLICIES: [&str; 3] = ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"];

/// What the resource's side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) owner: AccountId,
    pub(crate) policy: Option<Arc<str>>,
}

/// For an action on a bucket, or on objects that the bucket's owner decides about. `initiator`: who began the upload that is asked
/// for.
pub(crate) fn of_bucket(
    context: &RequestContext,
    bucket: &Bucket,
    action: &str,
    initiator: Option<AccountId>,
) -> Side {
    let is_root = context.principal.kind == PrincipalKind::Root && context.account() == bucket.owner;
    if is_root && !bucket.access.policy_binds_root && OF_POLICIES.contains(&action) {
        return Side { owner: bucket.owner, policy: None };
    }
    let statements = match initiator.filter(|initiator| *initiator != bucket.owner) {
        Some(initiator) => AclStatements::of_upload(initiator, &bucket.name),
        None => statements(bucket, &bucket.acl(), AclStatements::of_bucket),
    };
    let policy = statements.beside(bucket.access.policy.as_deref(), part(context, bucket));
    Side { owner: bucket.owner, policy: policy.map(Into::into) }
}

/// For an action on a version that is there.
pub(crate) fn of_version(context: &RequestContext, bucket: &Bucket, version: &Version) -> Side {
    let acl = acl::of_version(bucket, version);
    let owner = acl.owner.account();
    let part = if owner == bucket.owner { part(context, bucket) } else { PolicyPart::Denials };
    let statements = statements(bucket, &acl, AclStatements::of_object);
    let policy = statements.beside(bucket.access.policy.as_deref(), part);
    Side { owner, policy: policy.map(Into::into) }
}

/// For the list that the caller gives to a new object. Where that is not the bucket owner's it is the caller's own, and the bucket's
/// policy can do no more than forbid it.
pub(crate) fn of_new_list(context: &RequestContext, bucket: &Bucket) -> Side {
    let is_own = context.account() == bucket.owner;
    let part = if is_own { PolicyPart::Whole } else { PolicyPart::Denials };
    let policy = AclStatements::default().beside(bucket.access.policy.as_deref(), part);
    Side { owner: context.account(), policy: policy.map(Into::into) }
}

/// What a list allows others than the owner, as it counts.
fn statements(
    bucket: &Bucket,
    acl: &Acl,
    make: impl Fn(&Acl, &bucket_rules::BucketName) -> AclStatements,
) -> AclStatements {
    let block = bucket.access.block();
    let counting = block.counting(acl);
    if counting.is_full_control_of(acl.owner) {
        return AclStatements::default();
    }
    make(&counting, &bucket.name)
}

/// How much of the policy counts for the caller.
fn part(context: &RequestContext, bucket: &Bucket) -> PolicyPart {
    let block = bucket.access.block();
    let Some(policy) = bucket.access.policy.as_deref() else { return PolicyPart::Whole };
    if !block.restrict_public_buckets || context.account() == bucket.owner {
        return PolicyPart::Whole;
    }
    let caller = if context.principal.is_anonymous() {
        Caller::Anonymous
    } else {
        Caller::Root { account: context.account() }
    };
    if block.keeps_out(bucket_policy::is_public(policy), &caller, bucket.owner_id()) {
        PolicyPart::Denials
    } else {
        PolicyPart::Whole
    }
}
