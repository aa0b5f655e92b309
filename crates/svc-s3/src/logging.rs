//! Access logs of buckets: where they go.
//!
//! Owns the document. Lines are `bucket-rules`'.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html>

use aws_api::Unit;
use aws_api::s3::{
    BucketLoggingStatus, GetBucketLoggingOutput, GetBucketLoggingRequest, Grantee as ShownGrantee,
    LoggingEnabled, PartitionedPrefix, PutBucketLoggingRequest, SimplePrefix, TargetGrant,
    TargetObjectKeyFormat,
};
use bucket_rules::{
    BucketName, Grant, Grantee, Group, LogKeyFormat, LoggingTarget, Permission, TargetFacts, WrittenGrantee,
};
use service_api::RequestContext;
use store::Read as _;

use crate::bucket::{self, Bucket};
use crate::error::{self, Failure};
use crate::{State, configuration};

fn grant(written: &TargetGrant) -> Result<Grant, Failure> {
    let grantee = written.grantee.as_ref().ok_or_else(error::malformed_xml)?;
    let read = WrittenGrantee {
        kind: &grantee.r#type,
        id: grantee.id.as_deref(),
        uri: grantee.uri.as_deref(),
        email: grantee.email_address.as_deref(),
    };
    let grantee = read.grantee()?;
    let permission: Permission = written.permission.as_deref().unwrap_or_default().parse()?;
    // Nothing is written to a log by others.
    match permission {
        Permission::FullControl | Permission::Read | Permission::Write => Ok(Grant { grantee, permission }),
        Permission::ReadAcp | Permission::WriteAcp => Err(error::malformed_xml().into()),
    }
}

fn shown_grant(held: &Grant) -> TargetGrant {
    let grantee = match &held.grantee {
        Grantee::CanonicalUser(user) => ShownGrantee {
            id: Some(user.to_string()),
            r#type: "CanonicalUser".to_owned(),
            ..ShownGrantee::default()
        },
        Grantee::Group(group) => ShownGrantee {
            uri: Some(group.uri().to_owned()),
            r#type: "Group".to_owned(),
            ..ShownGrantee::default()
        },
    };
    TargetGrant { grantee: Some(grantee), permission: Some(held.permission.as_str().to_owned()) }
}

fn target(written: LoggingEnabled) -> Result<LoggingTarget, Failure> {
    let format = match &written.target_object_key_format {
        None => LogKeyFormat::default(),
        Some(format) => {
            let partitioned = format.partitioned_prefix.as_ref();
            let partitioned = partitioned.map(|prefix| prefix.partition_date_source.as_deref());
            LogKeyFormat::of_document(format.simple_prefix.is_some(), partitioned)?
        }
    };
    let grants = written.target_grants.iter().flatten().map(grant).collect::<Result<_, _>>()?;
    let bucket: BucketName = written.target_bucket.parse().map_err(|_| {
        let message = "The target bucket for logging does not exist";
        error::error(400, "InvalidTargetBucketForLogging", message)
            .with_field("TargetBucket", written.target_bucket.as_str())
    })?;
    Ok(LoggingTarget { bucket, prefix: written.target_prefix, grants, format })
}

fn facts(target: &Bucket) -> TargetFacts<'_> {
    let ownership = target.access.object_ownership();
    TargetFacts { owner: target.owner, region: &target.region, ownership }
}

/// Whether the access control list of a bucket lets logs in.
fn is_let_in_by_list(target: &Bucket) -> bool {
    let group = Grantee::Group(Group::LogDelivery);
    let acl = target.acl();
    let of_group = acl.grants.iter().filter(|grant| grant.grantee == group);
    let given: Vec<Permission> = of_group.map(|grant| grant.permission).collect();
    let has = |permission| given.contains(&permission) || given.contains(&Permission::FullControl);
    target.access.has_lists() && has(Permission::Write) && has(Permission::ReadAcp)
}

/// Where lists count, either the list or a policy has to let logs in. What a policy says is asked when a log is delivered.
fn check_lets_in(target: &Bucket) -> Result<(), Failure> {
    if !target.access.has_lists() || target.access.policy.is_some() || is_let_in_by_list(target) {
        return Ok(());
    }
    let message = "You must give the log-delivery group WRITE and READ_ACP permissions to the target bucket";
    let error = error::error(400, "InvalidTargetBucketForLogging", message);
    Err(error.with_field("TargetBucket", target.name.as_str()).into())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketLoggingRequest,
) -> Result<Unit, Failure> {
    let BucketLoggingStatus { logging_enabled } = request.bucket_logging_status;
    let logging = logging_enabled.map(target).transpose()?;
    if let Some(logging) = &logging {
        let owner = request.expected_bucket_owner.as_deref();
        let source = bucket::find(state, context, &request.bucket, owner)?;
        let records = state.store.snapshot();
        let target = records.get::<Bucket>(&bucket::scope(context.partition), logging.bucket.as_str());
        let facts = target.as_deref().map(facts);
        logging.check(source.owner, &source.region, facts.as_ref())?;
        target.as_deref().map(check_lets_in).transpose()?;
    }
    let named = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    configuration::change(state, context, named, |_, held| {
        held.logging = logging;
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLogging.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketLoggingRequest,
) -> Result<GetBucketLoggingOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let shown = bucket.configuration.logging.as_ref().map(|held| {
        let partitioned = |source: &str| TargetObjectKeyFormat {
            partitioned_prefix: Some(PartitionedPrefix { partition_date_source: Some(source.to_owned()) }),
            ..TargetObjectKeyFormat::default()
        };
        let format = match held.format {
            LogKeyFormat::Simple => {
                TargetObjectKeyFormat { simple_prefix: Some(SimplePrefix {}), partitioned_prefix: None }
            }
            LogKeyFormat::PartitionedByDelivery => partitioned("DeliveryTime"),
            LogKeyFormat::PartitionedByEvent => partitioned("EventTime"),
        };
        LoggingEnabled {
            target_bucket: held.bucket.to_string(),
            target_grants: Some(held.grants.iter().map(shown_grant).collect::<Vec<_>>())
                .filter(|grants| !grants.is_empty()),
            target_prefix: held.prefix.clone(),
            target_object_key_format: Some(format),
        }
    });
    Ok(GetBucketLoggingOutput { logging_enabled: shown })
}
