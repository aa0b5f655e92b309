//! What is configured of a bucket, beside who may use it and how it is a website.
//!
//! Owns the block of the bucket's record, and how it is changed. What stands in each member is `bucket-rules`'.

use aws_types::Tags;
use bucket_rules::object_lock::DefaultRetention;
use bucket_rules::{BucketEncryption, Lifecycle, LoggingTarget, Notifications};
use serde::{Deserialize, Serialize};
use service_api::RequestContext;

use crate::State;
use crate::bucket::{self, Bucket};
use crate::error::Failure;

/// The configurations of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// Its tags.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// That versions can be locked. Once there, it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_lock: Option<ObjectLock>,
    /// How objects are encrypted, where that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<BucketEncryption>,
    /// What becomes of objects in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    /// Whether which versions are too small to be moved varies by storage class.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lifecycle_minimum_varies: bool,
    /// Who is told of events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Notifications>,
    /// Where access logs go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<LoggingTarget>,
}

/// That versions of a bucket can be locked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectLock {
    /// What new versions get that bring nothing.
    pub default_retention: Option<DefaultRetention>,
}

/// Changes the configurations of a bucket that a request names. What `change` refuses changes nothing.
///
/// # Errors
/// Those of [`bucket::find`] and of `change`.
pub(crate) fn change(
    state: &State,
    context: &RequestContext,
    (name, expected_owner): (&str, Option<&str>),
    change: impl FnOnce(&Bucket, &mut Configuration) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let bucket = bucket::find(state, context, name, expected_owner)?;
    bucket::change(state, context, &bucket, |bucket| {
        let mut configuration = bucket.configuration.clone();
        change(bucket, &mut configuration)?;
        bucket.configuration = configuration;
        Ok(())
    })
}
