//! Amazon S3: buckets, objects, versions and multipart uploads.
//!
//! Owns the operations of the `s3` model that are about them, the records of buckets, and what the rows of `object-store` say
//! ([`place`] has their keys). Refuses to know XML, signatures and redirects, which are the gateway's, how bytes are kept, which
//! is `object-store`'s, and policies.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html>

mod acceleration;
mod access;
mod access_log;
mod acl;
mod asked;
mod attached;
mod attached_permission;
mod attributes;
mod authorization;
mod bucket;
mod bucket_encryption;
mod bucket_policy;
mod check;
mod checksum;
mod completion;
mod configuration;
mod copy;
mod cors;
mod deletion;
mod encryption;
mod erasure;
mod error;
mod intake;
mod lifecycle;
mod lifecycle_run;
mod listing;
mod logging;
mod multipart;
mod notification;
mod object;
mod object_lock;
mod owner;
mod ownership;
mod part_list;
mod place;
mod public_access;
mod reading;
mod replication;
mod request_payment;
mod resource_side;
mod rows;
mod seal;
mod survey;
mod tagging;
mod upload_listing;
mod usage;
mod versioning;
mod versions;
mod walk;
mod website;
mod whose;

use std::path::Path;
use std::sync::Arc;

use aws_api::s3::operation as op;
use aws_model::Value;
use aws_types::Partition;
use object_store::{BlobSecret, ObjectStore};
use service_api::{
    ConditionKeys, IdSource, NeededPermission, Operations, Payload, RequestContext, ResourceFacts, Service,
    ServiceError, Streamed, StreamedValue,
};
use store::{Read as _, RecordKind, Store};

use crate::error::Failure;

pub use access::Access;
pub use access_log::{LOGGING_SERVICE, LogDelivery, LogReport};
pub use bucket::Bucket;
pub use check::{CheckReport, Fault, FaultKind, MAX_FAULTS, Repair, unwatched};
pub use configuration::{Configuration, ObjectLock};
pub use lifecycle_run::LifecycleReport;
pub use place::{Incarnation, ParseIncarnationError};
pub use seal::{SealError, secret_of_store};
pub use survey::{SurveyError, Watcher};
pub use usage::BucketUsage;
pub use versioning::Versioning;
pub use whose::Holder;

/// The service.
pub struct S3 {
    pub(crate) state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) objects: ObjectStore,
    pub(crate) ids: Arc<dyn IdSource>,
    /// Lines of access logs that wait.
    pub(crate) access_logs: access_log::AccessLogs,
}

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The objects' store could not be opened.
    #[error("the store of objects could not be opened: {0}")]
    Objects(#[from] object_store::StoreError),
    /// What a crash left half done could not be ended.
    #[error("buckets could not be repaired: {0}")]
    Repair(String),
}

/// An operation as the table takes it.
fn plain<I, O>(
    handler: impl Fn(&State, &RequestContext, I) -> Result<O, Failure>,
) -> impl Fn(&State, &RequestContext, I) -> Result<O, ServiceError> {
    move |state, context, input| handler(state, context, input).map_err(ServiceError::from)
}

/// An operation with a streaming member, as the table takes it.
fn streaming<I, O>(
    handler: impl Fn(&State, &RequestContext, I, &mut dyn Payload) -> Result<Streamed<O>, Failure>,
) -> impl Fn(&State, &RequestContext, I, &mut dyn Payload) -> Result<Streamed<O>, ServiceError> {
    move |state, context, input, payload| handler(state, context, input, payload).map_err(ServiceError::from)
}

fn operations() -> Operations<State> {
    let operations = Operations::new()
        .with::<op::CreateBucket>(plain(bucket::create))
        .with::<op::HeadBucket>(plain(bucket::head))
        .with::<op::DeleteBucket>(plain(bucket::delete))
        .with::<op::ListBuckets>(plain(bucket::list))
        .with::<op::GetBucketLocation>(plain(bucket::location))
        .with::<op::PutBucketVersioning>(plain(versioning::put))
        .with::<op::GetBucketVersioning>(plain(versioning::get))
        .with::<op::PutBucketPolicy>(plain(bucket_policy::put))
        .with::<op::GetBucketPolicy>(plain(bucket_policy::get))
        .with::<op::DeleteBucketPolicy>(plain(bucket_policy::delete))
        .with::<op::GetBucketPolicyStatus>(plain(bucket_policy::status))
        .with::<op::PutPublicAccessBlock>(plain(public_access::put))
        .with::<op::GetPublicAccessBlock>(plain(public_access::get))
        .with::<op::DeletePublicAccessBlock>(plain(public_access::delete))
        .with::<op::PutBucketOwnershipControls>(plain(ownership::put))
        .with::<op::GetBucketOwnershipControls>(plain(ownership::get))
        .with::<op::DeleteBucketOwnershipControls>(plain(ownership::delete))
        .with::<op::PutBucketAcl>(plain(acl::put_of_bucket))
        .with::<op::GetBucketAcl>(plain(acl::get_of_bucket))
        .with::<op::PutObjectAcl>(plain(acl::put_of_object))
        .with::<op::GetObjectAcl>(plain(acl::get_of_object))
        .with::<op::PutBucketCors>(plain(cors::put))
        .with::<op::GetBucketCors>(plain(cors::get))
        .with::<op::DeleteBucketCors>(plain(cors::delete))
        .with::<op::PutBucketWebsite>(plain(website::put))
        .with::<op::GetBucketWebsite>(plain(website::get))
        .with::<op::DeleteBucketWebsite>(plain(website::delete))
        .with_streaming::<op::PutObject>(streaming(object::put))
        .with_streaming::<op::GetObject>(streaming(object::get))
        .with::<op::HeadObject>(plain(object::head))
        .with::<op::GetObjectAttributes>(plain(attributes::get))
        .with::<op::CopyObject>(plain(copy::copy))
        .with::<op::DeleteObject>(plain(deletion::one))
        .with::<op::DeleteObjects>(plain(deletion::many))
        .with::<op::ListObjects>(plain(listing::first_kind))
        .with::<op::ListObjectsV2>(plain(listing::second_kind))
        .with::<op::ListObjectVersions>(plain(listing::versions))
        .with::<op::CreateMultipartUpload>(plain(multipart::create))
        .with_streaming::<op::UploadPart>(streaming(multipart::upload_part))
        .with::<op::UploadPartCopy>(plain(multipart::copy_part))
        .with::<op::AbortMultipartUpload>(plain(multipart::abort))
        .with::<op::CompleteMultipartUpload>(plain(completion::complete))
        .with::<op::ListMultipartUploads>(plain(upload_listing::uploads))
        .with::<op::ListParts>(plain(upload_listing::parts));
    with_configurations(operations)
}

/// The operations on what is configured of buckets, and attached to versions.
fn with_configurations(operations: Operations<State>) -> Operations<State> {
    operations
        .with::<op::PutBucketTagging>(plain(tagging::put_bucket))
        .with::<op::GetBucketTagging>(plain(tagging::get_bucket))
        .with::<op::DeleteBucketTagging>(plain(tagging::delete_bucket))
        .with::<op::PutObjectTagging>(plain(tagging::put_object))
        .with::<op::GetObjectTagging>(plain(tagging::get_object))
        .with::<op::DeleteObjectTagging>(plain(tagging::delete_object))
        .with::<op::PutObjectLockConfiguration>(plain(object_lock::put_configuration))
        .with::<op::GetObjectLockConfiguration>(plain(object_lock::get_configuration))
        .with::<op::PutObjectRetention>(plain(object_lock::put_retention))
        .with::<op::GetObjectRetention>(plain(object_lock::get_retention))
        .with::<op::PutObjectLegalHold>(plain(object_lock::put_legal_hold))
        .with::<op::GetObjectLegalHold>(plain(object_lock::get_legal_hold))
        .with::<op::PutBucketEncryption>(plain(bucket_encryption::put))
        .with::<op::GetBucketEncryption>(plain(bucket_encryption::get))
        .with::<op::DeleteBucketEncryption>(plain(bucket_encryption::delete))
        .with::<op::PutBucketLifecycleConfiguration>(plain(lifecycle::put))
        .with::<op::GetBucketLifecycleConfiguration>(plain(lifecycle::get))
        .with::<op::DeleteBucketLifecycle>(plain(lifecycle::delete))
        .with::<op::PutBucketNotificationConfiguration>(plain(notification::put))
        .with::<op::GetBucketNotificationConfiguration>(plain(notification::get))
        .with::<op::PutBucketLogging>(plain(logging::put))
        .with::<op::GetBucketLogging>(plain(logging::get))
        .with::<op::PutBucketRequestPayment>(plain(request_payment::put))
        .with::<op::GetBucketRequestPayment>(plain(request_payment::get))
        .with::<op::PutBucketAccelerateConfiguration>(plain(acceleration::put))
        .with::<op::GetBucketAccelerateConfiguration>(plain(acceleration::get))
        .with::<op::GetBucketReplication>(plain(replication::get))
}

impl S3 {
    /// A service on this store, with its objects in a directory, sealed under a secret that the caller keeps. What a crash left
    /// half done is ended first.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        store: Store,
        ids: Arc<dyn IdSource>,
        dir: &Path,
        secret: BlobSecret,
    ) -> Result<Self, OpenError> {
        let service = Self::open_as_it_is(store, ids, dir, secret)?;
        bucket::repair(&service.state).map_err(|failure| OpenError::Repair(failure.to_string()))?;
        Ok(service)
    }

    /// The same, for who wants to see what a crash left.
    ///
    /// # Errors
    /// [`OpenError::Objects`].
    pub fn open_as_it_is(
        store: Store,
        ids: Arc<dyn IdSource>,
        dir: &Path,
        secret: BlobSecret,
    ) -> Result<Self, OpenError> {
        let objects = ObjectStore::open(dir, secret)?;
        let state = State { store, objects, ids, access_logs: access_log::AccessLogs::default() };
        Ok(Self { state, operations: operations() })
    }

    /// The store of objects, for whoever looks after it.
    pub fn objects(&self) -> &ObjectStore {
        &self.state.objects
    }

    /// The bucket of a name, whoever has it and wherever it is.
    pub fn bucket(&self, partition: Partition, name: &str) -> Option<Arc<Bucket>> {
        self.state.store.snapshot().get(&bucket::scope(partition), name)
    }

    /// Every kind of record that the service writes.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        [RecordKind::of::<Bucket>(), RecordKind::of::<seal::SealSecret>()].into_iter()
    }
}

impl Service for S3 {
    fn model(&self) -> &'static str {
        "s3"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    /// Copies, of which each reads and writes up to 5 GiB.
    fn takes_long(&self, operation: &str) -> bool {
        ["CopyObject", "UploadPartCopy"].contains(&operation)
    }

    /// A bucket by its name. Objects are found by their buckets: see `authorization`.
    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        if resource_type != "bucket" {
            return None;
        }
        let bucket = self.state.store.snapshot().get::<Bucket>(&bucket::scope(context.partition), id)?;
        Some(ResourceFacts {
            arn: Some(bucket.arn(context.partition)),
            owner: Some(bucket.owner),
            ..ResourceFacts::default()
        })
    }

    fn said_of(
        &self,
        context: &RequestContext,
        operation: &str,
        _: &str,
        _: bool,
        input: &Value,
    ) -> ConditionKeys {
        authorization::said(context, operation, input)
    }

    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        authorization::needed(self, context, operation, input)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.operations.call(&self.state, context, operation, input)
    }

    fn call_streaming(
        &self,
        context: &RequestContext,
        operation: &str,
        input: Value,
        payload: &mut dyn Payload,
    ) -> Result<StreamedValue, ServiceError> {
        self.operations.call_streaming(&self.state, context, operation, input, payload)
    }
}
