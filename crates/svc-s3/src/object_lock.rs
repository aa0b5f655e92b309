//! Object lock: the configuration of buckets, and retention and legal hold of versions.
//!
//! Whether somebody may bypass governance is asked for before, by the permission, of whoever says so; here it is enough that the
//! request says so.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>

use aws_api::s3::{
    DefaultRetention as ShownDefault, GetObjectLegalHoldOutput, GetObjectLegalHoldRequest,
    GetObjectLockConfigurationOutput, GetObjectLockConfigurationRequest, GetObjectRetentionOutput,
    GetObjectRetentionRequest, ObjectLockConfiguration, ObjectLockLegalHold, ObjectLockRetention,
    ObjectLockRule, PutObjectLegalHoldOutput, PutObjectLegalHoldRequest, PutObjectLockConfigurationOutput,
    PutObjectLockConfigurationRequest, PutObjectRetentionOutput, PutObjectRetentionRequest,
};
use bucket_rules::object_lock::{self, DefaultRetention, Retention, RetentionPeriod, WrittenRetention};
use service_api::{RequestContext, ServiceError};

use crate::attached::Attached;
use crate::bucket::{self, Bucket};
use crate::configuration::{self, ObjectLock};
use crate::error::{self, Failure};
use crate::versioning::Versioning;
use crate::{State, versions};

/// What a hold is called.
pub(crate) fn hold_name(is_held: bool) -> &'static str {
    if is_held { "ON" } else { "OFF" }
}

/// The default retention that a document asks for.
fn default_of(written: &ObjectLockConfiguration) -> Result<Option<DefaultRetention>, Failure> {
    let default = written.rule.as_ref().map(|rule| rule.default_retention.as_ref());
    if default.flatten().is_some_and(|default| default.default_event_hold.is_some()) {
        return Err(error::not_implemented("event holds").into());
    }
    let rule = default.map(|default| {
        default.map(|default| WrittenRetention {
            mode: default.mode.as_deref(),
            days: default.days.map(i64::from),
            years: default.years.map(i64::from),
        })
    });
    Ok(DefaultRetention::of_document(written.object_lock_enabled.as_deref(), rule)?)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLockConfiguration.html>
pub(crate) fn put_configuration(
    state: &State,
    context: &RequestContext,
    request: PutObjectLockConfigurationRequest,
) -> Result<PutObjectLockConfigurationOutput, Failure> {
    let written = request.object_lock_configuration.as_ref().ok_or_else(error::malformed_xml)?;
    let default_retention = default_of(written)?;
    let named = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    configuration::change(state, context, named, |bucket, held| {
        let is_enabled = bucket.versioning == Versioning::Enabled;
        object_lock::check_lockable(is_enabled)?;
        held.object_lock = Some(ObjectLock { default_retention });
        Ok(())
    })?;
    let bucket = bucket::find(state, context, named.0, named.1)?;
    bucket::settle(state, &bucket)?;
    Ok(PutObjectLockConfigurationOutput::default())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLockConfiguration.html>
pub(crate) fn get_configuration(
    state: &State,
    context: &RequestContext,
    request: GetObjectLockConfigurationRequest,
) -> Result<GetObjectLockConfigurationOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let Some(lock) = bucket.configuration.object_lock else {
        let message = "Object Lock configuration does not exist for this bucket";
        let code = "ObjectLockConfigurationNotFoundError";
        return Err(error::not_configured(code, message, bucket.name.as_str()).into());
    };
    let rule = lock.default_retention.map(|default| {
        let (days, years) = match default.period {
            RetentionPeriod::Days(days) => (i32::try_from(days).ok(), None),
            RetentionPeriod::Years(years) => (None, i32::try_from(years).ok()),
        };
        let mode = Some(default.mode.as_str().to_owned());
        let default_retention = ShownDefault { mode, days, years, ..ShownDefault::default() };
        ObjectLockRule { default_retention: Some(default_retention) }
    });
    let shown = ObjectLockConfiguration { object_lock_enabled: Some("Enabled".to_owned()), rule };
    Ok(GetObjectLockConfigurationOutput { object_lock_configuration: Some(shown) })
}

fn check_is_locked(bucket: &Bucket) -> Result<(), Failure> {
    Ok(object_lock::check_is_locked(bucket.configuration.object_lock.is_some())?)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html>
pub(crate) fn put_retention(
    state: &State,
    context: &RequestContext,
    request: PutObjectRetentionRequest,
) -> Result<PutObjectRetentionOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    check_is_locked(&bucket)?;
    let written = request.retention.ok_or_else(error::malformed_xml)?;
    if written.event_hold.is_some() || written.event_hold_duration.is_some() {
        return Err(error::not_implemented("event holds").into());
    }
    let wanted = Retention::of_document(written.mode.as_deref(), written.retain_until_date, context.now)?;
    let may_bypass = request.bypass_governance_retention == Some(true);
    let named = (request.key.as_str(), request.version_id.as_deref());
    versions::change(state, &bucket, named, |version| {
        let held = &mut version.attached.retention;
        Retention::check_change(held.as_ref(), wanted.as_ref(), may_bypass, context.now)?;
        *held = wanted;
        Ok(())
    })?;
    Ok(PutObjectRetentionOutput::default())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLegalHold.html>
pub(crate) fn put_legal_hold(
    state: &State,
    context: &RequestContext,
    request: PutObjectLegalHoldRequest,
) -> Result<PutObjectLegalHoldOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    check_is_locked(&bucket)?;
    let status = request.legal_hold.and_then(|hold| hold.status);
    let is_held = object_lock::legal_hold_of_document(status.as_deref())?;
    let named = (request.key.as_str(), request.version_id.as_deref());
    versions::change(state, &bucket, named, |version| {
        version.attached.legal_hold = Some(is_held);
        Ok(())
    })?;
    Ok(PutObjectLegalHoldOutput::default())
}

/// What is attached to the version that a request names.
fn attached(
    state: &State,
    context: &RequestContext,
    (bucket, expected_owner): (&str, Option<&str>),
    (key, id): (&str, Option<&str>),
) -> Result<Attached, Failure> {
    let bucket = bucket::find(state, context, bucket, expected_owner)?;
    check_is_locked(&bucket)?;
    Ok(versions::find(&state.objects.snapshot(), &bucket, key, id)?.version.attached)
}

fn not_locked() -> ServiceError {
    let message = "The specified object does not have a ObjectLock configuration";
    error::error(404, "NoSuchObjectLockConfiguration", message)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectRetention.html>
pub(crate) fn get_retention(
    state: &State,
    context: &RequestContext,
    request: GetObjectRetentionRequest,
) -> Result<GetObjectRetentionOutput, Failure> {
    let bucket = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    let named = (request.key.as_str(), request.version_id.as_deref());
    let retention = attached(state, context, bucket, named)?.retention.ok_or_else(not_locked)?;
    let shown = ObjectLockRetention {
        mode: Some(retention.mode.as_str().to_owned()),
        retain_until_date: Some(retention.until),
        ..ObjectLockRetention::default()
    };
    Ok(GetObjectRetentionOutput { retention: Some(shown) })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLegalHold.html>
pub(crate) fn get_legal_hold(
    state: &State,
    context: &RequestContext,
    request: GetObjectLegalHoldRequest,
) -> Result<GetObjectLegalHoldOutput, Failure> {
    let bucket = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    let named = (request.key.as_str(), request.version_id.as_deref());
    let is_held = attached(state, context, bucket, named)?.legal_hold.ok_or_else(not_locked)?;
    let shown = ObjectLockLegalHold { status: Some(hold_name(is_held).to_owned()) };
    Ok(GetObjectLegalHoldOutput { legal_hold: Some(shown) })
}
