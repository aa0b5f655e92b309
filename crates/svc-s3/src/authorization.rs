//! What requests to S3 need to be allowed, as policies see it.
//!
//! Owns whose buckets and objects are that a request names, which versions and sources need other actions, and the `s3:` keys of
//! requests. Refuses to know policies.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use aws_model::{Fields, Value};
use aws_types::AccountId;
use bucket_rules::CopySource;
use service_api::{
    ConditionKeys, NeededPermission, RequestContext, SignaturePlace, TargetResource, needed_by_table,
};
use store::Read as _;

use crate::bucket::{self, Bucket};
use crate::resource_side::{self, Side};
use crate::rows::Version;
use crate::{S3, attached_permission, multipart, versions};

/// Actions on a version that is named, by those on the newest one.
const OF_VERSIONS: [(&str, &str); 8] = [
    ("s3:GetObject", "s3:GetObjectVersion"),
    ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    ("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"),
    ("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
    ("s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
    ("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
    ("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
    ("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
];

/// The key of a version that a request names.
const VERSION_ID: &str = "s3:VersionId";
/// What tells which objects there are.
const LIST: &str = "s3:ListBucket";
/// Actions that read the newest version of an object.
const READS: [&str; 4] = ["s3:GetObject", "s3:GetObjectAcl", "s3:GetObjectAttributes", "s3:GetObjectTagging"];
/// Actions on an object that its owner decides about. About all others the owner of the bucket does, whosever the object is.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#acl-access-policy-permission-mapping>
const OF_OBJECT_OWNER: [&str; 8] = [
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectAttributes",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionAttributes",
    "s3:PutObjectAcl",
    "s3:PutObjectVersionAcl",
];
/// Those that whoever began an upload may do with it.
const OF_INITIATOR: [&str; 2] = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"];

/// Members of requests, with the keys that conditions know them by.
const SAID: [(&str, &str); 19] = [
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
    ("BucketNamespace", "s3:x-amz-bucket-namespace"),
];

fn text<'a>(fields: &'a Fields, name: &str) -> Option<Cow<'a, str>> {
    match fields.get(name)? {
        Value::String(text) => Some(text.into()),
        Value::Integer(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// What can be asked of how a request is signed.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html>
fn of_signature(context: &RequestContext) -> ConditionKeys {
    let Some(signature) = context.way.signature else { return Vec::new() };
    let place = match signature.place {
        SignaturePlace::Header => "REST-HEADER",
        SignaturePlace::Query => "REST-QUERY-STRING",
        SignaturePlace::Form => "POST",
    };
    let age_millis = context.now.unix_millis().saturating_sub(signature.signed.unix_millis()).max(0);
    let keys = [
        ("s3:signatureversion", "AWS4-HMAC-SHA256".to_owned()),
        ("s3:authType", place.to_owned()),
        ("s3:signatureAge", age_millis.to_string()),
    ];
    keys.into_iter().map(|(key, value)| (key.to_owned(), vec![value])).collect()
}

/// Whether an operation that needs `s3:PutObject` makes an object, so that a condition on writes can be asked of it.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html>
fn creates_object(operation: &str) -> Option<bool> {
    match operation {
        "PutObject" | "CopyObject" | "CompleteMultipartUpload" => Some(true),
        "CreateMultipartUpload" | "UploadPart" | "UploadPartCopy" => Some(false),
        _ => None,
    }
}

/// What a request says of whatever it touches.
pub(crate) fn said(context: &RequestContext, operation: &str, input: &Value) -> ConditionKeys {
    let Value::Structure(fields) = input else { return Vec::new() };
    let mut keys = of_signature(context);
    let sent = [
        ("s3:x-amz-content-sha256", context.way.content_sha256.clone()),
        ("s3:TlsVersion", context.way.tls_version.map(str::to_owned)),
    ];
    keys.extend(sent.into_iter().filter_map(|(key, value)| Some((key.to_owned(), vec![value?]))));
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
    if let Some(creates) = creates_object(operation) {
        keys.push(("s3:ObjectCreationOperation".to_owned(), vec![creates.to_string()]));
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
    let (records, rows) = (s3.state.store.snapshot(), s3.state.objects.snapshot());
    let known = Known { context, records, rows, sides: RefCell::default() };
    attached_permission::add(&known, operation, fields, &mut needed);
    if operation == "CreateBucket" {
        // Whoever has the name already has no say in that another one makes it, and the operation tells that it is taken.
        for resource in needed.iter_mut().flat_map(|permission| &mut permission.resources) {
            *resource = TargetResource { owner: None, policy: None, ..resource.clone() };
        }
    } else {
        complete_all(&known, fields, &mut needed);
    }
    let made = needed.first().and_then(|permission| permission.resources.first()).cloned();
    needed.extend(made.map(|made| with_new(&known, operation, fields, &made)).unwrap_or_default());
    Some(needed)
}

/// Adds what is known of all resources, and that whoever looks for what is not there has to be allowed to list.
fn complete_all(known: &Known<'_>, fields: &Fields, needed: &mut Vec<NeededPermission>) {
    let asked = text(fields, "VersionId").filter(|id| !id.is_empty());
    let upload = text(fields, "UploadId");
    let mut missing: Vec<(Arc<Bucket>, String)> = Vec::new();
    for permission in &mut *needed {
        // The version of a copy's source stands with its permission.
        let of_source = permission.keys.iter().find(|(key, _)| key == VERSION_ID);
        let of_source = of_source.and_then(|(_, values)| values.first().cloned());
        let version = of_source.as_deref().or(asked.as_deref());
        for resource in &mut permission.resources {
            let found = known.complete(&permission.action, version, upload.as_deref(), resource);
            missing.extend(found.filter(|found| !missing.contains(found)));
        }
    }
    needed.extend(missing.into_iter().map(|(bucket, key)| known.to_list(&bucket, key)));
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
        permission.keys.push((VERSION_ID.to_owned(), vec![id.clone()]));
    }
    permission.resources = vec![TargetResource { arn, ..TargetResource::default() }];
}

fn object_arn(context: &RequestContext, bucket: &str, key: &str) -> String {
    format!("arn:{}:s3:::{bucket}/{key}", context.partition)
}

/// Objects that are named with a version are asked for another action than the others. Each is asked for once, however often it
/// is named.
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
    let (mut newest, mut versions, mut named) = (Vec::new(), Vec::new(), HashSet::new());
    for object in objects {
        let Value::Structure(object) = object else { continue };
        let (key, version) = (text(object, "Key").unwrap_or_default(), text(object, "VersionId"));
        let arn = object_arn(context, &bucket, &key);
        if !named.insert((key, version.clone())) {
            continue;
        }
        let mut resource = TargetResource { arn, ..TargetResource::default() };
        match version {
            None => newest.push(resource),
            Some(id) => {
                resource.keys.push((VERSION_ID.to_owned(), vec![id.into_owned()]));
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

/// What is known of what a request touches.
pub(crate) struct Known<'a> {
    context: &'a RequestContext,
    records: store::Snapshot,
    rows: object_store::Snapshot,
    /// What the sides of buckets come to, with what was asked for: it is the same for all the objects that a request names.
    sides: RefCell<Vec<(Arc<Bucket>, String, Side)>>,
}

impl Known<'_> {
    /// The version that a resource is; none where there is none, or a delete marker.
    pub(crate) fn version(&self, arn: &str, id: Option<&str>) -> Option<Version> {
        let (name, key) = names(arn)?;
        let bucket = self.records.get::<Bucket>(&bucket::scope(self.context.partition), name)?;
        versions::find(&self.rows, &bucket, key?, id).ok().map(|found| found.version)
    }

    /// Adds what is known of the bucket that a resource is, or is in. Of one that is not there nothing is known: then the caller's
    /// own policies decide whether that is told. Gives the bucket and the key where an object is to be read that is not there.
    fn complete(
        &self,
        action: &str,
        version: Option<&str>,
        upload: Option<&str>,
        resource: &mut TargetResource,
    ) -> Option<(Arc<Bucket>, String)> {
        let (name, key) = names(&resource.arn)?;
        let bucket = self.records.get::<Bucket>(&bucket::scope(self.context.partition), name)?;
        let key = key.map(str::to_owned);
        resource.keys.push(("s3:ResourceAccount".to_owned(), vec![bucket.owner.to_string()]));
        let (side, is_missing) = match key.as_deref() {
            Some(key) if OF_OBJECT_OWNER.contains(&action) || READS.contains(&action) => {
                self.of_object(&bucket, action, (key, version))
            }
            Some(key) => {
                let initiator = upload.filter(|_| OF_INITIATOR.contains(&action));
                let side = match initiator.and_then(|id| self.initiator(&bucket, key, id)) {
                    None => self.of_bucket(&bucket, action),
                    initiator => resource_side::of_bucket(self.context, &bucket, action, initiator),
                };
                (side, false)
            }
            None => (self.of_bucket(&bucket, action), false),
        };
        self.set(resource, side);
        key.filter(|_| is_missing).map(|key| (bucket, key))
    }

    /// The side of a bucket, which is found once for an action.
    fn of_bucket(&self, bucket: &Arc<Bucket>, action: &str) -> Side {
        let mut sides = self.sides.borrow_mut();
        let is_it = |(of, asked, _): &&(Arc<Bucket>, String, Side)| of.name == bucket.name && asked == action;
        if let Some((_, _, side)) = sides.iter().find(is_it) {
            return side.clone();
        }
        let side = resource_side::of_bucket(self.context, bucket, action, None);
        sides.push((Arc::clone(bucket), action.to_owned(), side.clone()));
        side
    }

    fn set(&self, resource: &mut TargetResource, side: Side) {
        resource.owner = Some(side.owner).filter(|owner| *owner != self.context.account());
        resource.policy = side.policy;
    }

    /// The side of an object, and whether it is to be read and not there. What cannot be looked at is taken for there: the
    /// operation will tell.
    fn of_object(
        &self,
        bucket: &Arc<Bucket>,
        action: &str,
        (key, version): (&str, Option<&str>),
    ) -> (Side, bool) {
        let found = match version {
            Some(id) => versions::with_id(&self.rows, bucket, key, id),
            None => versions::newest(&self.rows, bucket, key),
        };
        let found = found.map(|found| found.filter(|found| !found.version.is_marker));
        match found {
            Ok(Some(found)) if OF_OBJECT_OWNER.contains(&action) => {
                (resource_side::of_version(self.context, bucket, &found.version), false)
            }
            Ok(None) => {
                let is_missing = version.is_none() && READS.contains(&action);
                (self.of_bucket(bucket, action), is_missing)
            }
            Ok(Some(_)) | Err(_) => (self.of_bucket(bucket, action), false),
        }
    }

    fn initiator(&self, bucket: &Bucket, key: &str, upload: &str) -> Option<AccountId> {
        multipart::find(&self.rows, bucket, key, upload).ok()?.upload.account
    }

    /// That there is no object of a key is for those to know who may list the bucket.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    fn to_list(&self, bucket: &Bucket, key: String) -> NeededPermission {
        let mut resource =
            TargetResource { arn: bucket.arn(self.context.partition), ..TargetResource::default() };
        resource.keys.push(("s3:prefix".to_owned(), vec![key]));
        self.complete(LIST, None, None, &mut resource);
        NeededPermission { action: Cow::Borrowed(LIST), resources: vec![resource], keys: Vec::new() }
    }
}

/// The bucket and the key that an ARN names.
fn names(arn: &str) -> Option<(&str, Option<&str>)> {
    let (_, rest) = arn.split_once(":::")?;
    Some(rest.split_once('/').map_or((rest, None), |(bucket, key)| (bucket, Some(key))))
}

/// What a request needs that gives an access control list or an owner to what it makes.
fn with_new(
    known: &Known<'_>,
    operation: &str,
    fields: &Fields,
    made: &TargetResource,
) -> Vec<NeededPermission> {
    let has_list = ["ACL", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP"]
        .into_iter()
        .any(|member| text(fields, member).is_some());
    let permission = |action: &'static str, resource: TargetResource| NeededPermission {
        action: Cow::Borrowed(action),
        resources: vec![resource],
        keys: Vec::new(),
    };
    let mut needed = Vec::new();
    match operation {
        "CreateBucket" => {
            if has_list {
                needed.push(permission("s3:PutBucketAcl", made.clone()));
            }
            if text(fields, "ObjectOwnership").is_some() {
                needed.push(permission("s3:PutBucketOwnershipControls", made.clone()));
            }
        }
        "PutObject" | "CopyObject" | "CreateMultipartUpload" if has_list => {
            let mut resource = made.clone();
            let bucket = names(&made.arn).and_then(|(name, _)| {
                known.records.get::<Bucket>(&bucket::scope(known.context.partition), name)
            });
            if let Some(bucket) = bucket {
                known.set(&mut resource, resource_side::of_new_list(known.context, &bucket));
            }
            needed.push(permission("s3:PutObjectAcl", resource));
        }
        _ => {}
    }
    needed
}
