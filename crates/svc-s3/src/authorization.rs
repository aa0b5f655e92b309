//! What requests to S3 need to be allowed, as policies see it.
//!
//! Owns whose buckets and objects are that a request names, which versions and sources need other actions, and the `s3:` keys of
//! requests. Refuses to know policies.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>

use std::borrow::Cow;

use aws_model::{Fields, Value};
use bucket_rules::CopySource;
use service_api::{ConditionKeys, NeededPermission, RequestContext, TargetResource, needed_by_table};

use crate::bucket::{self, Bucket};
use crate::{S3, attached_permission};
use store::Read as _;

/// Actions on a version that is named, by those on the newest one.
const OF_VERSIONS: [(&str, &str); 7] = [
    ("s3:GetObject", "s3:GetObjectVersion"),
    ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    ("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"),
    ("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
    ("s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
    ("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
    ("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
];

/// Members of requests, with the keys that conditions know them by.
const SAID: [(&str, &str); 18] = [
    ("Prefix", "s3:prefix"),
    ("Delimiter", "s3:delimiter"),
    ("MaxKeys", "s3:max-keys"),
    ("VersionId", "s3:VersionId"),
    ("ACL", "s3:x-amz-acl"),
    ("GrantFullControl", "s3:x-amz-grant-full-control"),
    ("GrantRead", "s3:x-amz-grant-read"),
    ("GrantReadACP", "s3:x-amz-grant-read-acp"),
    ("GrantWrite", "s3:x-amz-grant-write"),
    ("GrantWriteACP", "s3:x-amz-grant-write-acp"),
    ("CopySource", "s3:x-amz-copy-source"),
    ("MetadataDirective", "s3:x-amz-metadata-directive"),
    ("ServerSideEncryption", "s3:x-amz-server-side-encryption"),
    ("SSEKMSKeyId", "s3:x-amz-server-side-encryption-aws-kms-key-id"),
    ("SSECustomerAlgorithm", "s3:x-amz-server-side-encryption-customer-algorithm"),
    ("StorageClass", "s3:x-amz-storage-class"),
    ("WebsiteRedirectLocation", "s3:x-amz-website-redirect-location"),
    ("ObjectOwnership", "s3:x-amz-object-ownership"),
];

fn text<'a>(fields: &'a Fields, name: &str) -> Option<Cow<'a, str>> {
    match fields.get(name)? {
        Value::String(text) => Some(text.into()),
        Value::Integer(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// What a request says of whatever it touches.
pub(crate) fn said(context: &RequestContext, input: &Value) -> ConditionKeys {
    let Value::Structure(fields) = input else { return Vec::new() };
    let mut keys: ConditionKeys = Vec::new();
    for (member, key) in SAID {
        if let Some(value) = text(fields, member) {
            keys.push((key.to_owned(), vec![value.into_owned()]));
        }
    }
    if let Some(Value::Structure(configuration)) = fields.get("CreateBucketConfiguration")
        && let Some(region) = text(configuration, "LocationConstraint")
    {
        keys.push(("s3:locationconstraint".to_owned(), vec![region.into_owned()]));
    }
    for (name, conditional) in [("IfMatch", "s3:if-match"), ("IfNoneMatch", "s3:if-none-match")] {
        if let Some(value) = text(fields, name) {
            keys.push((conditional.to_owned(), vec![value.into_owned()]));
        }
    }
    attached_permission::say(context, fields, &mut keys);
    keys
}

/// What a request needs: by the table, with the owners and policies of the buckets that the resources are or are in.
pub(crate) fn needed(
    s3: &S3,
    context: &RequestContext,
    operation: &str,
    input: &Value,
) -> Option<Vec<NeededPermission>> {
    let mut needed = needed_by_table(s3, context, operation, input)?;
    let Value::Structure(fields) = input else { return Some(needed) };
    let is_copy = matches!(operation, "CopyObject" | "UploadPartCopy");
    for permission in &mut needed {
        if is_copy && permission.action == "s3:GetObject" {
            name_source(context, permission, fields);
        } else if text(fields, "VersionId").is_some_and(|id| !id.is_empty()) {
            set_version(permission);
        }
    }
    if operation == "DeleteObjects" {
        needed = of_deletions(context, fields, &needed);
    }
    let reads = |held: &NeededPermission| matches!(&*held.action, "s3:GetObject" | "s3:GetObjectVersion");
    // Whoever asks for attributes could read the object.
    if operation == "GetObjectAttributes" && !needed.iter().any(reads) {
        let mut reading = needed.first().cloned()?;
        reading.action = Cow::Borrowed("s3:GetObject");
        if text(fields, "VersionId").is_some_and(|id| !id.is_empty()) {
            set_version(&mut reading);
        }
        needed.push(reading);
    }
    attached_permission::add(s3, context, operation, fields, &mut needed);
    if operation != "CreateBucket" {
        let resources = needed.iter_mut().flat_map(|permission| &mut permission.resources);
        resources.for_each(|resource| add_bucket(s3, context, resource));
    }
    Some(needed)
}

fn set_version(permission: &mut NeededPermission) {
    if let Some((_, of_version)) = OF_VERSIONS.iter().find(|(plain, _)| *plain == permission.action) {
        permission.action = Cow::Borrowed(of_version);
    }
}

/// The source of a copy is in a header, and not in the bucket of the request.
fn name_source(context: &RequestContext, permission: &mut NeededPermission, fields: &Fields) {
    let source = text(fields, "CopySource").and_then(|source| CopySource::parse(&source).ok());
    let Some(source) = source else {
        // What names nothing is refused by the operation.
        permission.resources = vec![TargetResource::all()];
        return;
    };
    let arn = object_arn(context, source.bucket.as_str(), source.key.as_str());
    if let Some(id) = &source.version_id {
        permission.action = Cow::Borrowed("s3:GetObjectVersion");
        permission.keys.push(("s3:VersionId".to_owned(), vec![id.clone()]));
    }
    permission.resources = vec![TargetResource { arn, ..TargetResource::default() }];
}

fn object_arn(context: &RequestContext, bucket: &str, key: &str) -> String {
    format!("arn:{}:s3:::{bucket}/{key}", context.partition)
}

/// Objects that are named with a version are asked for another action than the others.
fn of_deletions(
    context: &RequestContext,
    fields: &Fields,
    table: &[NeededPermission],
) -> Vec<NeededPermission> {
    let keys = table.first().map(|permission| permission.keys.clone()).unwrap_or_default();
    let bucket = text(fields, "Bucket").unwrap_or_default();
    let objects = match fields.get("Delete") {
        Some(Value::Structure(delete)) => match delete.get("Objects") {
            Some(Value::List(objects)) => objects.as_slice(),
            _ => &[],
        },
        _ => &[],
    };
    let (mut newest, mut versions) = (Vec::new(), Vec::new());
    for object in objects {
        let Value::Structure(object) = object else { continue };
        let arn = object_arn(context, &bucket, &text(object, "Key").unwrap_or_default());
        let mut resource = TargetResource { arn, ..TargetResource::default() };
        match text(object, "VersionId") {
            None => newest.push(resource),
            Some(id) => {
                resource.keys.push(("s3:VersionId".to_owned(), vec![id.into_owned()]));
                versions.push(resource);
            }
        }
    }
    let actions = [("s3:DeleteObject", newest), ("s3:DeleteObjectVersion", versions)];
    let needed = actions.into_iter().filter(|(_, resources)| !resources.is_empty());
    let needed: Vec<_> = needed
        .map(|(action, resources)| NeededPermission {
            action: Cow::Borrowed(action),
            resources,
            keys: keys.clone(),
        })
        .collect();
    if needed.is_empty() { table.to_vec() } else { needed }
}

/// Adds what is known of the bucket that a resource is, or is in. Of one that is not there nothing is known: then the caller's
/// own policies decide whether that is told.
fn add_bucket(s3: &S3, context: &RequestContext, resource: &mut TargetResource) {
    let Some(name) = resource.arn.split(":::").nth(1) else { return };
    let name = name.split_once('/').map_or(name, |(bucket, _)| bucket);
    let snapshot = s3.state.store.snapshot();
    let Some(bucket) = snapshot.get::<Bucket>(&bucket::scope(context.partition), name) else { return };
    resource.keys.push(("s3:ResourceAccount".to_owned(), vec![bucket.owner.to_string()]));
    resource.owner = Some(bucket.owner).filter(|owner| *owner != context.account());
    resource.policy.clone_from(&bucket.policy);
}
