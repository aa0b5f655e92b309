//! Whether the objects of a bucket have versions.
//!
//! ```text
//! Never --> Enabled <--> Suspended
//! ```
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html>

use aws_api::Unit;
use aws_api::s3::{GetBucketVersioningOutput, GetBucketVersioningRequest, PutBucketVersioningRequest};
use bucket_rules::object_lock;
use serde::{Deserialize, Serialize};
use service_api::RequestContext;

use crate::State;
use crate::bucket;
use crate::error::{self, Failure};

/// What becomes of an object when another is written in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    /// It goes. There never were versions.
    #[default]
    Never,
    /// It stays, with its id.
    Enabled,
    /// It stays if it has an id, and goes if it is the one called `null`.
    Suspended,
}

impl Versioning {
    /// AWS's name; none before there were versions.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Never => None,
            Self::Enabled => Some("Enabled"),
            Self::Suspended => Some("Suspended"),
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketVersioningRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let configuration = request.versioning_configuration;
    if request.mfa.is_some() || configuration.mfa_delete.as_deref() == Some("Enabled") {
        return Err(error::not_implemented("MFA delete").into());
    }
    let versioning = match configuration.status.as_deref() {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        None => {
            let error = error::error(
                400,
                "IllegalVersioningConfigurationException",
                "The Versioning element must be specified",
            );
            return Err(error.into());
        }
        Some(_) => return Err(error::malformed_xml().into()),
    };
    bucket::change(state, context, &bucket, |bucket| {
        if versioning == Versioning::Suspended {
            let is_locked = bucket.configuration.object_lock.is_some();
            object_lock::check_suspend(is_locked)?;
        }
        bucket.versioning = versioning;
        Ok(())
    })?;
    bucket::settle(state, &bucket)?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketVersioningRequest,
) -> Result<GetBucketVersioningOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    Ok(GetBucketVersioningOutput { status: bucket.versioning.name().map(str::to_owned), mfa_delete: None })
}
