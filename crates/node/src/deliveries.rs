//! What services of AWS write into buckets: files of trails and of flow logs, and access logs.
//!
//! Owns the way there. The bucket's policy is asked whether the service may, with whom it does so for; then S3's own PutObject
//! writes, as it does for everybody. Access
//! logs S3 writes itself, once it was asked whether they may be put. Refuses to know what the files say. Objects that get there so are no events.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html>
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html>

mod log_policy;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use authorization::{Authorization, ServiceAsking};
use aws_api::Operation as _;
use aws_api::s3::{PutObjectRequest, operation as op};
use aws_model::{Fields, Value};
use aws_types::{AccountId, Partition, Region, Timestamp};
use bytes::Bytes;
use flow_logs::LogFolder;
use service_api::{
    IdSource as _, NeededPermission, OsRandom, Principal, RequestContext, RequestId, Service as _,
    ServiceError, TargetResource, Way, Whole,
};
use store::{Read as _, Scope, Store};
use svc_cloudtrail::{LogFile, LogPlace, TrailDelivery};
use svc_ec2::record::FlowLogDestinationOptions;
use svc_ec2::{BucketRefusal, FlowLogBuckets};
use svc_s3::{Bucket, LOGGING_SERVICE, LogDelivery, S3};

use crate::now;

/// The services that write, as policies call them.
const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";
pub(crate) const LOG_DELIVERY: &str = "delivery.logs.amazonaws.com";
/// What they say of each object: whoever owns the bucket owns it.
const ACL: &str = "bucket-owner-full-control";

/// The buckets, for services that write into them.
pub(crate) struct Deliveries {
    store: Store,
    s3: Arc<S3>,
    authorization: Arc<Authorization>,
}

/// A service that writes for an account.
#[derive(Clone, Debug)]
pub(crate) struct Deliverer {
    /// The service: `cloudtrail.amazonaws.com`.
    pub(crate) service: &'static str,
    /// The partition.
    pub(crate) partition: Partition,
    /// The account: `aws:SourceAccount`.
    pub(crate) account: AccountId,
    /// For what of it: `aws:SourceArn`.
    pub(crate) source_arn: String,
}

impl Deliverer {
    /// The delivery of flow logs of an account in a region.
    pub(crate) fn of_flow_logs(partition: Partition, account: AccountId, region: &Region) -> Self {
        let source_arn = format!("arn:{partition}:logs:{region}:{account}:vpcflowlogs");
        Self { service: LOG_DELIVERY, partition, account, source_arn }
    }

    fn of_access_log(log: &LogDelivery) -> Self {
        Self {
            service: LOGGING_SERVICE,
            partition: log.partition,
            account: log.source_account,
            source_arn: log.source_arn.clone(),
        }
    }

    fn of_trail(place: &LogPlace) -> Self {
        let LogPlace { partition, trail_owner: account, trail_arn, .. } = place;
        let (partition, account, source_arn) = (*partition, *account, trail_arn.clone());
        Self { service: CLOUDTRAIL, partition, account, source_arn }
    }
}

/// An object to be written.
pub(crate) struct Delivered {
    /// Its key.
    pub(crate) key: String,
    /// What it is, once it is decompressed.
    pub(crate) content_type: &'static str,
    /// Its content, compressed by gzip.
    pub(crate) body: Vec<u8>,
}

/// Why an object did not get into a bucket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// There is no such bucket.
    #[error("there is no such bucket")]
    NoSuchBucket,
    /// In the words of the denial.
    #[error("{0}")]
    AccessDenied(String),
    /// S3 refused, or failed.
    #[error(transparent)]
    Refused(#[from] ServiceError),
}

impl From<DeliveryError> for svc_cloudtrail::DeliveryError {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::NoSuchBucket => Self::NoSuchBucket,
            DeliveryError::AccessDenied(_) => Self::AccessDenied,
            DeliveryError::Refused(error) => Self::Other(error.code.into_owned()),
        }
    }
}

impl Deliveries {
    /// Into the buckets of S3, by the policies in the store.
    pub(crate) fn new(store: Store, s3: Arc<S3>, authorization: Arc<Authorization>) -> Self {
        Self { store, s3, authorization }
    }

    /// Looks whether an object of this key could be written, and the bucket be looked at.
    pub(crate) fn check(
        &self,
        by: &Deliverer,
        bucket: &str,
        key: &str,
        at: Timestamp,
    ) -> Result<(), DeliveryError> {
        let context = context(by, &*self.bucket(by.partition, bucket)?, at);
        let object = self.ask(by, &context, &request(bucket, key, "").into())?;
        let arn = format!("arn:{}:s3:::{bucket}", by.partition);
        let looking = NeededPermission {
            action: Cow::Borrowed("s3:GetBucketAcl"),
            resources: vec![TargetResource { arn, ..object }],
            keys: source(by),
        };
        self.decide(by, &context, "GetBucketAcl", &looking)
    }

    /// Looks whether an access log may be put where it is to go: the bucket's policy lets the service in, or, where access control
    /// lists count, its list does and the policy does not deny it.
    pub(crate) fn check_access_log(&self, log: &LogDelivery, at: Timestamp) -> Result<(), DeliveryError> {
        let by = Deliverer::of_access_log(log);
        let context = context(&by, &*self.bucket(log.partition, &log.target)?, at);
        let (bucket, key) = (log.target.clone(), log.key.clone());
        let put = PutObjectRequest { bucket, key, ..PutObjectRequest::default() };
        self.ask(&by, &context, &put.into()).map(drop)
    }

    /// Writes an object, if the bucket's policy lets the service do that.
    pub(crate) fn deliver(
        &self,
        by: &Deliverer,
        bucket: &str,
        object: Delivered,
        at: Timestamp,
    ) -> Result<(), DeliveryError> {
        let context = context(by, &*self.bucket(by.partition, bucket)?, at);
        let input: Value = request(bucket, &object.key, object.content_type).into();
        self.ask(by, &context, &input)?;
        let mut payload = Whole::new(Bytes::from(object.body));
        self.s3.call_streaming(&context, op::PutObject::NAME, input, &mut payload)?;
        Ok(())
    }

    fn bucket(&self, partition: Partition, name: &str) -> Result<Arc<Bucket>, DeliveryError> {
        let scope = Scope::global(partition, AccountId::CLOUD);
        self.store.snapshot().get::<Bucket>(&scope, name).ok_or(DeliveryError::NoSuchBucket)
    }

    /// Asks whether an object may be written. Answers the object as policies see it.
    fn ask(
        &self,
        by: &Deliverer,
        context: &RequestContext,
        input: &Value,
    ) -> Result<TargetResource, DeliveryError> {
        // That the bucket's owner owns the object needs no permission of its own.
        let needed = self.s3.needed_permissions(context, op::PutObject::NAME, input).unwrap_or_default();
        let needed = needed.into_iter().find(|needed| needed.action == "s3:PutObject");
        let object = needed.as_ref().and_then(|needed| needed.resources.first()).cloned();
        let (Some(mut needed), Some(object)) = (needed, object) else {
            return Err(ServiceError::internal("PutObject needs nothing on an object").into());
        };
        needed.keys.extend(source(by));
        self.decide(by, context, op::PutObject::NAME, &needed)?;
        Ok(object)
    }

    fn decide(
        &self,
        by: &Deliverer,
        context: &RequestContext,
        operation: &str,
        needed: &NeededPermission,
    ) -> Result<(), DeliveryError> {
        // Whose a resource is that is not the caller's: here the bucket's owner is taken for that.
        let owner = context.account();
        let of_owner = |resource: &TargetResource| TargetResource {
            owner: Some(resource.owner.unwrap_or(owner)),
            ..resource.clone()
        };
        let resources = needed.resources.iter().map(of_owner).collect();
        let needed = NeededPermission { resources, ..needed.clone() };
        let asking = ServiceAsking {
            request_id: &context.request_id,
            service: by.service,
            account: by.account,
            partition: by.partition,
            region: &context.region,
            now: context.now,
        };
        let decided = self.authorization.decide_for_service(&asking, ("s3", operation), &needed);
        decided.map_err(DeliveryError::AccessDenied)
    }

    /// Adds to the policy of a caller's bucket what lets the delivery of logs in, if the caller may do that.
    fn let_logs_in(
        &self,
        context: &RequestContext,
        bucket: &str,
        files: &LogFolder,
    ) -> Result<(), ServiceError> {
        let denied = |message: &str| ServiceError::new("AccessDenied", message);
        let found = self.bucket(context.partition, bucket);
        let found = found.map_err(|error| denied(&error.to_string()))?;
        if found.owner != context.account() {
            return Err(denied("the bucket is another account's"));
        }
        let in_region = RequestContext { region: found.region.clone(), ..context.clone() };
        let named = |more: Option<(&'static str, Value)>| {
            let name = ("Bucket", Value::String(bucket.to_owned()));
            Value::Structure(std::iter::once(name).chain(more).collect::<Fields>())
        };
        let held = match self.as_caller(&in_region, "GetBucketPolicy", named(None)) {
            Ok(Value::Structure(answer)) => match answer.get("Policy") {
                Some(Value::String(policy)) => Some(policy.clone()),
                _ => None,
            },
            Ok(_) => None,
            Err(error) if error.code == "NoSuchBucketPolicy" => None,
            Err(error) => return Err(error),
        };
        let policy = log_policy::with_delivery(held.as_deref(), context, bucket, &files.root())?;
        let Some(policy) = policy else {
            return Err(denied("the policy lets the delivery of logs in, and denies it elsewhere"));
        };
        let put = named(Some(("Policy", Value::String(policy))));
        self.as_caller(&in_region, "PutBucketPolicy", put).map(drop)
    }

    /// An operation of S3 that the caller of another service may do, done for it.
    fn as_caller(
        &self,
        context: &RequestContext,
        operation: &str,
        input: Value,
    ) -> Result<Value, ServiceError> {
        if !self.s3.implements(operation) {
            return Err(ServiceError::new("NotImplemented", format!("{operation} is not implemented")));
        }
        let needed = self.s3.needed_permissions(context, operation, &input);
        let decided = self.authorization.decide(context, "s3", operation, needed.as_deref());
        decided.map_err(|refusal| ServiceError::new("AccessDenied", refusal.message))?;
        self.s3.call(context, operation, input)
    }
}

/// The request of a service, in the name of whoever owns the bucket, and so the object.
fn context(by: &Deliverer, bucket: &Bucket, at: Timestamp) -> RequestContext {
    RequestContext {
        partition: by.partition,
        region: bucket.region.clone(),
        principal: Principal::root(by.partition, bucket.owner, ""),
        request_id: RequestId::from_bits(OsRandom.bits()),
        now: at,
        source_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        user_agent: by.service.to_owned(),
        secure_transport: true,
        way: Way::default(),
    }
}

fn request(bucket: &str, key: &str, content_type: &str) -> PutObjectRequest {
    PutObjectRequest {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        acl: Some(ACL.to_owned()),
        content_type: Some(content_type.to_owned()).filter(|kind| !kind.is_empty()),
        content_encoding: Some("gzip".to_owned()),
        ..PutObjectRequest::default()
    }
}

fn source(by: &Deliverer) -> Vec<(String, Vec<String>)> {
    vec![("aws:SourceArn".to_owned(), vec![by.source_arn.clone()])]
}

impl TrailDelivery for Deliveries {
    fn check(&self, place: &LogPlace, at: Timestamp) -> Result<(), svc_cloudtrail::DeliveryError> {
        Ok(Deliveries::check(self, &Deliverer::of_trail(place), &place.bucket, &place.key, at)?)
    }

    fn deliver(&self, file: LogFile, at: Timestamp) -> Result<(), svc_cloudtrail::DeliveryError> {
        let LogFile { place, body } = file;
        let object = Delivered { key: place.key.clone(), content_type: "application/json", body };
        Ok(Deliveries::deliver(self, &Deliverer::of_trail(&place), &place.bucket, object, at)?)
    }
}

/// The buckets of flow logs.
pub(crate) struct LogBuckets(pub(crate) Arc<Deliveries>);

impl FlowLogBuckets for LogBuckets {
    fn admit(
        &self,
        context: &RequestContext,
        bucket: &str,
        folder: &str,
        options: FlowLogDestinationOptions,
    ) -> Result<(), BucketRefusal> {
        let by = Deliverer::of_flow_logs(context.partition, context.account(), &context.region);
        let files = log_folder(context.account(), folder, options);
        // The name of no file in particular: policies are about what it begins with.
        let key = format!("{}/vpcflowlogs/{}/new.log.gz", files.root(), context.region);
        let refused = |error: DeliveryError| match error {
            DeliveryError::NoSuchBucket => BucketRefusal::NoSuchBucket,
            DeliveryError::AccessDenied(_) => BucketRefusal::AccessDenied,
            DeliveryError::Refused(error) => {
                tracing::warn!(bucket, %error, "whether flow logs can go to a bucket cannot be told");
                BucketRefusal::AccessDenied
            }
        };
        match self.0.check(&by, bucket, &key, now()) {
            Err(DeliveryError::AccessDenied(_)) => {}
            other => return other.map_err(refused),
        }
        if let Err(error) = self.0.let_logs_in(context, bucket, &files) {
            tracing::info!(bucket, %error, "a bucket's policy does not let flow logs in, and stays so");
            return Err(BucketRefusal::AccessDenied);
        }
        self.0.check(&by, bucket, &key, now()).map_err(refused)
    }
}

/// The files of an account's flow logs in a folder.
pub(crate) fn log_folder(account: AccountId, folder: &str, options: FlowLogDestinationOptions) -> LogFolder {
    LogFolder {
        folder: folder.to_owned(),
        account,
        is_hive_compatible: options.hive_compatible_partitions,
        is_per_hour: options.per_hour_partition,
    }
}

#[cfg(test)]
mod tests;
