//! Buckets: made, found, listed and removed.
//!
//! Names are one for all accounts and regions of a partition, so that records are in the scope of the cloud. A bucket takes rows
//! for as long as its incarnation has a row in `object-store`, which every transaction there looks at: so a bucket that is
//! removed while something is written to it keeps nothing of it.

use std::sync::Arc;

use aws_api::Unit;
use aws_api::s3::{
    Bucket as Shown, CreateBucketOutput, CreateBucketRequest, DeleteBucketRequest, GetBucketLocationOutput,
    GetBucketLocationRequest, HeadBucketOutput, HeadBucketRequest, ListBucketsOutput, ListBucketsRequest,
};
use aws_types::{AccountId, Partition, Region, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bucket_rules::{BucketName, CanonicalUserId, CorsRules, ObjectOwnership, Tagged, Website};
use object_store::{Read as _, Row};
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ServiceError};
use store::{Read as _, Record, Scope};

use crate::access::Access;
use crate::configuration::{Configuration, ObjectLock};
use crate::error::{self, Failure};
use crate::place::{self, Incarnation};
use crate::versioning::Versioning;
use crate::{State, acl, multipart, owner, tagging};

/// How many buckets an account can have.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html>
const MAX_BUCKETS: usize = 10_000;
/// The region that constraints do not name.
pub(crate) const FIRST_REGION: &str = "us-east-1";

/// A bucket. Stored by its name, in the scope of the cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// The name.
    pub name: BucketName,
    /// Whose it is.
    pub owner: AccountId,
    /// Where it is.
    pub region: Region,
    /// Which of the buckets that had the name.
    pub incarnation: Incarnation,
    /// When it was made.
    pub created: Timestamp,
    /// Whether objects have versions.
    #[serde(default)]
    pub versioning: Versioning,
    /// Who may do what with it.
    #[serde(default)]
    pub access: Access,
    /// What else is configured.
    #[serde(default)]
    pub configuration: Configuration,

    /// Which requests of other origins pass.
    #[serde(default)]
    pub cors: Option<Arc<CorsRules>>,
    /// Its website.
    #[serde(default)]
    pub website: Option<Arc<Website>>,
}

impl Record for Bucket {
    const KIND: &'static str = "s3.bucket";
    const HAS_WHOLE: bool = true;

    /// The owner.
    fn whole(&self) -> Option<String> {
        Some(self.owner.to_string())
    }
}

impl Bucket {
    /// The ARN.
    pub(crate) fn arn(&self, partition: Partition) -> String {
        format!("arn:{partition}:s3:::{}", self.name)
    }
}

/// Where the records of buckets are.
pub(crate) fn scope(partition: Partition) -> Scope {
    Scope::global(partition, AccountId::CLOUD)
}

/// The bucket of this name, wherever it is.
///
/// # Errors
/// `NoSuchBucket`; `AccessDenied`, where it is not whose the request says; `AllAccessDisabled`, where its owner is closed.
pub(crate) fn anywhere(
    reader: &impl store::Read,
    context: &RequestContext,
    name: &str,
    expected_owner: Option<&str>,
) -> Result<Arc<Bucket>, ServiceError> {
    let found = reader.get::<Bucket>(&scope(context.partition), name);
    let bucket = found.ok_or_else(|| error::no_such_bucket(name))?;
    if expected_owner.is_some_and(|expected| expected != bucket.owner.to_string()) {
        return Err(error::access_denied("Access Denied"));
    }
    if !identities::is_reachable(reader, context.partition, bucket.owner) {
        let message = "All access to this object has been disabled";
        return Err(error::error(403, "AllAccessDisabled", message));
    }
    Ok(bucket)
}

/// The bucket of this name, which is in the region of the request.
///
/// # Errors
/// As [`anywhere`], and `PermanentRedirect`.
pub(crate) fn find(
    state: &State,
    context: &RequestContext,
    name: &str,
    expected_owner: Option<&str>,
) -> Result<Arc<Bucket>, ServiceError> {
    let bucket = anywhere(&state.store.snapshot(), context, name, expected_owner)?;
    if bucket.region == context.region { Ok(bucket) } else { Err(elsewhere(&bucket)) }
}

/// The record of a bucket as it is now, for a transaction that writes to it: what was read before the payload came may be old.
///
/// Called under the writer lock of `object-store`, so that who locks a version, which is a write there, comes before this whole
/// transaction or after it: with the bucket's lock in the record, or with nothing that this could take away. A change of the
/// record that is not answered yet may come after a transaction that is inside: see [`settle`].
///
/// # Errors
/// `NoSuchBucket`, also where there is another under the name.
pub(crate) fn current(state: &State, scope: &Scope, bucket: &Bucket) -> Result<Arc<Bucket>, ServiceError> {
    let held = state.store.snapshot().get::<Bucket>(scope, bucket.name.as_str());
    let held = held.filter(|held| held.incarnation == bucket.incarnation);
    held.ok_or_else(|| error::no_such_bucket(bucket.name.as_str()))
}

/// Waits until no write is under way any more that goes by an older record: called after one was changed that says what becomes
/// of versions, and before that is answered. So what is overwritten after the answer, is under the new record.
///
/// Transactions have one order, also on the disk: this one is after all that could have seen the old record.
///
/// # Errors
/// `NoSuchBucket`; rows cannot be written.
pub(crate) fn settle(state: &State, bucket: &Bucket) -> Result<(), Failure> {
    state.objects.transact(|rows| {
        check_lives(rows, bucket)?;
        // A transaction that writes nothing would not wait for those before.
        Ok(rows.put(place::BUCKETS, bucket.incarnation.bytes(), Row::new(bucket.name.as_str()))?)
    })
}

/// Changes the record of a bucket, unless that was removed meanwhile.
///
/// # Errors
/// `NoSuchBucket`, and those of `change`; nothing is changed then.
pub(crate) fn change(
    state: &State,
    context: &RequestContext,
    bucket: &Bucket,
    change: impl FnOnce(&mut Bucket) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let scope = scope(context.partition);
    state.store.transact(|transaction| {
        let held = transaction.get::<Bucket>(&scope, bucket.name.as_str());
        let held = held.filter(|held| held.incarnation == bucket.incarnation);
        let held = held.ok_or_else(|| error::no_such_bucket(bucket.name.as_str()))?;
        let mut changed = Bucket::clone(&held);
        change(&mut changed)?;
        if changed != *held {
            transaction.put(&scope, bucket.name.as_str(), changed);
        }
        Ok(())
    })
}

/// Where a bucket is. The gateway makes headers of the members.
fn elsewhere(bucket: &Bucket) -> ServiceError {
    let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all \
                   future requests to this endpoint.";
    let error = error::error(301, "PermanentRedirect", message);
    let endpoint = format!("{}.s3.{}.amazonaws.com", bucket.name, bucket.region);
    let error = error.with_field("Endpoint", endpoint).with_field("Bucket", bucket.name.as_str());
    error.with_field("Region", bucket.region.as_str())
}

/// Whether a bucket takes rows, in a transaction that writes some.
///
/// # Errors
/// `NoSuchBucket`: it is being removed.
pub(crate) fn check_lives(rows: &impl object_store::Read, bucket: &Bucket) -> Result<(), Failure> {
    match rows.get(place::BUCKETS, bucket.incarnation.bytes())? {
        Some(_) => Ok(()),
        None => Err(error::no_such_bucket(bucket.name.as_str()).into()),
    }
}

/// The region that a request puts a bucket in.
fn wanted_region(context: &RequestContext, constraint: Option<&str>) -> Result<Region, ServiceError> {
    let here = context.region.as_str();
    let constraint = if constraint == Some("EU") { Some("eu-west-1") } else { constraint };
    let incompatible = |what: &str| {
        let message = format!(
            "The {what} location constraint is incompatible for the region specific endpoint this request was sent to."
        );
        error::error(400, "IllegalLocationConstraintException", message)
    };
    match constraint.filter(|constraint| !constraint.is_empty()) {
        None if here == FIRST_REGION => Ok(context.region.clone()),
        None => Err(incompatible("unspecified")),
        Some(wanted) => {
            let region: Option<Region> = wanted.parse().ok();
            let known = region.filter(|region| aws_catalog::region(region).is_some());
            let Some(region) = known.filter(|_| wanted != FIRST_REGION) else {
                let message = "The specified location-constraint is not valid";
                let error = error::error(400, "InvalidLocationConstraint", message);
                return Err(error.with_field("LocationConstraint", wanted));
            };
            if here == FIRST_REGION || here == wanted { Ok(region) } else { Err(incompatible(wanted)) }
        }
    }
}

/// Whether a request asks for nothing that is not built.
fn check_create(request: &CreateBucketRequest) -> Result<(), ServiceError> {
    let configuration = request.create_bucket_configuration.as_ref();
    if request.bucket_namespace.as_deref().is_some_and(|namespace| namespace != "global") {
        return Err(error::not_implemented("namespaces of accounts"));
    }
    if configuration.is_some_and(|asked| asked.location.is_some() || asked.bucket.is_some()) {
        return Err(error::not_implemented("directory buckets"));
    }
    Ok(())
}

/// Whose the objects of a new bucket are, and its access control list.
fn new_access(
    state: &State,
    context: &RequestContext,
    request: &CreateBucketRequest,
) -> Result<Access, Failure> {
    let ownership = request.object_ownership.as_deref().map(ObjectOwnership::of_header).transpose()?;
    let ownership = ownership.unwrap_or_default();
    let mut access = Access { ownership: Some(ownership), ..Access::default() };
    let owner = CanonicalUserId::of(context.account());
    let asked = acl::for_bucket!(request);
    if let Some(acl) = asked.acl(&state.store.snapshot(), context.partition, owner, owner)? {
        ownership.check_bucket_acl(&acl)?;
        access.block().check_new_bucket(&acl)?;
        access.acl = Some(acl);
    }
    Ok(access)
}

/// What somebody is answered who makes a bucket that is there.
fn already_there(held: &Bucket, context: &RequestContext, wanted: &Region) -> Result<(), ServiceError> {
    if held.owner != context.account() {
        let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the system. \
                       Please select a different name and try again.";
        let error = error::error(409, "BucketAlreadyExists", message);
        return Err(error.with_field("BucketName", held.name.as_str()));
    }
    // The oldest region says yes again.
    if held.region.as_str() == FIRST_REGION && *wanted == held.region && context.region == held.region {
        return Ok(());
    }
    let message = "Your previous request to create the named bucket succeeded and you already own it.";
    Err(error::error(409, "BucketAlreadyOwnedByYou", message).with_field("BucketName", held.name.as_str()))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreateBucketRequest,
) -> Result<CreateBucketOutput, Failure> {
    let name: BucketName = request.bucket.parse()?;
    check_create(&request)?;
    let constraint = request.create_bucket_configuration.as_ref();
    let region = wanted_region(context, constraint.and_then(|asked| asked.location_constraint.as_deref()))?;
    let tags = constraint.and_then(|asked| asked.tags.clone()).unwrap_or_default();
    let is_locked = request.object_lock_enabled_for_bucket == Some(true);
    let configuration = Configuration {
        tags: tagging::read(Tagged::Bucket, tags)?,
        object_lock: is_locked.then(ObjectLock::default),
        ..Configuration::default()
    };
    let bucket = Bucket {
        name: name.clone(),
        owner: context.account(),
        region,
        incarnation: Incarnation::from_bits(state.ids.bits()),
        created: context.now,
        versioning: if is_locked { Versioning::Enabled } else { Versioning::Never },
        access: new_access(state, context, &request)?,
        configuration,
        cors: None,
        website: None,
    };
    let output = CreateBucketOutput {
        location: Some(format!("/{name}")),
        bucket_arn: Some(bucket.arn(context.partition)),
    };
    let scope = scope(context.partition);
    if let Some(held) = state.store.snapshot().get::<Bucket>(&scope, name.as_str()) {
        already_there(&held, context, &bucket.region)?;
        return Ok(output);
    }
    // Its rows first: a row of no bucket is found at the next start, a bucket without one could not be written to.
    set_living(state, &bucket)?;
    let made = state.store.transact(|transaction| {
        if let Some(held) = transaction.get::<Bucket>(&scope, name.as_str()) {
            already_there(&held, context, &bucket.region)?;
            return Ok(false);
        }
        if transaction.parts::<Bucket>(&scope, &bucket.owner.to_string()).count() >= MAX_BUCKETS {
            let message = "You have attempted to create more buckets than allowed";
            return Err(error::error(400, "TooManyBuckets", message));
        }
        transaction.put(&scope, name.as_str(), bucket.clone());
        Ok(true)
    });
    if !matches!(made, Ok(true)) {
        set_dead(state, &bucket.incarnation)?;
    }
    made?;
    Ok(output)
}

fn set_living(state: &State, bucket: &Bucket) -> Result<(), Failure> {
    state.objects.transact(|rows| {
        Ok(rows.put(place::BUCKETS, bucket.incarnation.bytes(), Row::new(bucket.name.as_str()))?)
    })
}

fn set_dead(state: &State, incarnation: &Incarnation) -> Result<(), Failure> {
    state.objects.transact(|rows| Ok(rows.delete(place::BUCKETS, incarnation.bytes()).map(|_| ())?))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteBucketRequest,
) -> Result<Unit, Failure> {
    let bucket = find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let first = place::of_beginning(&bucket.incarnation, "");
    let end = object_store::after_prefix(&first);
    let end = end.as_ref().map(Vec::as_slice);
    state.objects.transact(|rows| {
        let from = std::ops::Bound::Included(first.as_slice());
        if let Some(found) = rows.scan(place::OBJECTS, from, end, object_store::Direction::Forward).next() {
            found?;
            let message = "The bucket you tried to delete is not empty";
            let error = error::error(409, "BucketNotEmpty", message);
            return Err(Failure::from(error.with_field("BucketName", bucket.name.as_str())));
        }
        rows.delete(place::BUCKETS, bucket.incarnation.bytes())?;
        Ok(())
    })?;
    remove(state, &scope(context.partition), &bucket)?;
    Ok(Unit)
}

/// Removes what is left of a bucket that takes no rows any more: its uploads, and its record.
///
/// # Errors
/// Something could not be written.
pub(crate) fn remove(state: &State, scope: &Scope, bucket: &Bucket) -> Result<(), Failure> {
    multipart::forget_all(state, &bucket.incarnation)?;
    state.store.transact(|transaction| {
        let held = transaction.get::<Bucket>(scope, bucket.name.as_str());
        if held.is_some_and(|held| held.incarnation == bucket.incarnation) {
            transaction.delete::<Bucket>(scope, bucket.name.as_str());
        }
        Ok::<_, ServiceError>(())
    })?;
    Ok(())
}

/// Ends what a crash left half done: buckets that no longer take rows, and rows of buckets that were never there.
pub(crate) fn repair(state: &State) -> Result<(), Failure> {
    let rows = state.objects.snapshot();
    let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    let mut living = std::collections::BTreeSet::new();
    for row in rows.scan(place::BUCKETS, all.0, all.1, object_store::Direction::Forward) {
        living.insert(row?.0);
    }
    let mut dying = Vec::new();
    for (scope, name, bucket) in state.store.snapshot().scan_all::<Bucket>() {
        if !living.remove(bucket.incarnation.bytes()) {
            dying.push((scope.clone(), name.to_owned(), bucket.incarnation));
        }
    }
    for (scope, name, incarnation) in dying {
        multipart::forget_all(state, &incarnation)?;
        state.store.transact(|transaction| {
            transaction.delete::<Bucket>(&scope, &name);
            Ok::<_, ServiceError>(())
        })?;
    }
    for row in living {
        state.objects.transact(|rows| Ok::<_, Failure>(rows.delete(place::BUCKETS, &row).map(|_| ())?))?;
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>
pub(crate) fn head(
    state: &State,
    context: &RequestContext,
    request: HeadBucketRequest,
) -> Result<HeadBucketOutput, Failure> {
    let bucket = find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    Ok(HeadBucketOutput {
        bucket_arn: Some(bucket.arn(context.partition)),
        bucket_region: Some(bucket.region.to_string()),
        access_point_alias: Some(false),
        ..HeadBucketOutput::default()
    })
}

/// Answered from every region: it is how clients find the right one.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html>
pub(crate) fn location(
    state: &State,
    context: &RequestContext,
    request: GetBucketLocationRequest,
) -> Result<GetBucketLocationOutput, Failure> {
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = anywhere(&state.store.snapshot(), context, &request.bucket, owner)?;
    let region = bucket.region.to_string();
    Ok(GetBucketLocationOutput { location_constraint: Some(region).filter(|region| region != FIRST_REGION) })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListBucketsRequest,
) -> Result<ListBucketsOutput, Failure> {
    let most = match request.max_buckets {
        None => MAX_BUCKETS,
        Some(most) => {
            usize::try_from(most).ok().filter(|most| (1..=MAX_BUCKETS).contains(most)).ok_or_else(|| {
                error::invalid_argument(
                    "MaxBuckets must be between 1 and 10000.",
                    "max-buckets",
                    &most.to_string(),
                )
            })?
        }
    };
    let after = request.continuation_token.as_deref().map(|token| {
        let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        name.ok_or_else(|| {
            let message = "The continuation token provided is incorrect";
            error::invalid_argument(message, "continuation-token", token)
        })
    });
    let after = after.transpose()?;
    let prefix = request.prefix.as_deref().unwrap_or_default();
    let region = request.bucket_region.as_deref();
    let snapshot = state.store.snapshot();
    let owner = context.account().to_string();
    let scope = scope(context.partition);
    let mut rest = snapshot
        .parts::<Bucket>(&scope, &owner)
        .map(|(_, bucket)| bucket)
        .filter(|bucket| after.as_ref().is_none_or(|after| bucket.name.as_str() > after.as_str()))
        .filter(|bucket| bucket.name.as_str().starts_with(prefix))
        .filter(|bucket| region.is_none_or(|region| bucket.region.as_str() == region));
    let buckets: Vec<Shown> = rest.by_ref().take(most).map(|bucket| shown(context, &bucket)).collect();
    let more = rest.next().is_some();
    let last = buckets.last().and_then(|bucket| bucket.name.as_deref());
    let token = last.filter(|_| more).map(|name| URL_SAFE_NO_PAD.encode(name));
    Ok(ListBucketsOutput {
        buckets: Some(buckets),
        owner: Some(owner::shown(CanonicalUserId::of(context.account()))),
        continuation_token: token,
        prefix: request.prefix,
    })
}

fn shown(context: &RequestContext, bucket: &Bucket) -> Shown {
    Shown {
        name: Some(bucket.name.to_string()),
        creation_date: Some(bucket.created),
        bucket_region: Some(bucket.region.to_string()),
        bucket_arn: Some(bucket.arn(context.partition)),
    }
}
