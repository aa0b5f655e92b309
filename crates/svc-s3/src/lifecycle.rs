//! Lifecycle configurations of buckets, and what answers say of them.
//!
//! Owns the document. What comes of it is in `lifecycle_run.rs`; what rules mean is `bucket-rules`'.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html>

use aws_api::Unit;
use aws_api::s3::{
    self as api, DeleteBucketLifecycleRequest, GetBucketLifecycleConfigurationOutput,
    GetBucketLifecycleConfigurationRequest, PutBucketLifecycleConfigurationOutput,
    PutBucketLifecycleConfigurationRequest,
};
use aws_types::{Tag, Timestamp};
use bucket_rules::{
    Expiration, Lifecycle, LifecycleAnd, LifecycleFilter, LifecycleRule, NoncurrentVersionExpiration,
    NoncurrentVersionTransition, Place, Transition, VersionFacts,
};
use service_api::RequestContext;

use crate::bucket::{self, Bucket};
use crate::error::{self, Failure};
use crate::rows::Version;
use crate::{State, configuration};

/// Which versions are too small to be moved, where rules do not say it. Both mean the same for the classes that there are.
const MINIMA: [&str; 2] = ["all_storage_classes_128K", "varies_by_storage_class"];

/// What rules look at in a version.
pub(crate) fn facts<'a>(key: &'a str, version: &'a Version, place: Place) -> VersionFacts<'a> {
    VersionFacts {
        key,
        size_bytes: version.size_bytes,
        tags: &version.attached.tags,
        last_modified: version.modified,
        place,
    }
}

/// What an answer says of when a current version expires.
pub(crate) fn expiration(bucket: &Bucket, key: &str, version: &Version) -> Option<String> {
    let lifecycle = bucket.configuration.lifecycle.as_ref()?;
    lifecycle.expiration_header(&facts(key, version, Place::Current))
}

/// What an answer says of when an upload is given up.
pub(crate) fn abort(bucket: &Bucket, key: &str, initiated: Timestamp) -> (Option<Timestamp>, Option<String>) {
    let lifecycle = bucket.configuration.lifecycle.as_ref();
    let due = lifecycle.and_then(|lifecycle| lifecycle.abort_due(key, initiated));
    due.map_or((None, None), |(at, rule)| (Some(at), Some(rule.to_owned())))
}

fn tag(tag: api::Tag) -> Tag {
    Tag { key: tag.key, value: tag.value }
}

fn shown_tag(tag: &Tag) -> api::Tag {
    api::Tag { key: tag.key.clone(), value: tag.value.clone() }
}

fn filter(written: api::LifecycleRuleFilter) -> LifecycleFilter {
    LifecycleFilter {
        prefix: written.prefix,
        tag: written.tag.map(tag),
        object_size_greater_than_bytes: written.object_size_greater_than,
        object_size_less_than_bytes: written.object_size_less_than,
        and: written.and.map(|and| LifecycleAnd {
            prefix: and.prefix,
            tags: and.tags.unwrap_or_default().into_iter().map(tag).collect(),
            object_size_greater_than_bytes: and.object_size_greater_than,
            object_size_less_than_bytes: and.object_size_less_than,
        }),
    }
}

fn shown_filter(held: &LifecycleFilter) -> api::LifecycleRuleFilter {
    api::LifecycleRuleFilter {
        prefix: held.prefix.clone(),
        tag: held.tag.as_ref().map(shown_tag),
        object_size_greater_than: held.object_size_greater_than_bytes,
        object_size_less_than: held.object_size_less_than_bytes,
        and: held.and.as_ref().map(|and| api::LifecycleRuleAndOperator {
            prefix: and.prefix.clone(),
            tags: Some(and.tags.iter().map(shown_tag).collect()),
            object_size_greater_than: and.object_size_greater_than_bytes,
            object_size_less_than: and.object_size_less_than_bytes,
        }),
    }
}

fn rule(written: api::LifecycleRule) -> Result<LifecycleRule, Failure> {
    let transitions = written.transitions.unwrap_or_default().into_iter().map(|one| {
        let storage_class = one.storage_class.ok_or_else(error::malformed_xml)?;
        Ok(Transition { days: one.days.map(i64::from), date: one.date, storage_class })
    });
    let noncurrent = written.noncurrent_version_transitions.unwrap_or_default().into_iter().map(|one| {
        Ok(NoncurrentVersionTransition {
            noncurrent_days: one.noncurrent_days.map(i64::from),
            newer_noncurrent_versions: one.newer_noncurrent_versions.map(i64::from),
            storage_class: one.storage_class.ok_or_else(error::malformed_xml)?,
        })
    });
    let abort = written.abort_incomplete_multipart_upload.map(|abort| {
        // An element without days says nothing.
        abort.days_after_initiation.map(i64::from).ok_or_else(error::malformed_xml)
    });
    Ok(LifecycleRule {
        id: written.id,
        prefix: written.prefix,
        filter: written.filter.map(filter),
        status: written.status,
        expiration: written.expiration.map(|expiration| Expiration {
            days: expiration.days.map(i64::from),
            date: expiration.date,
            expired_object_delete_marker: expiration.expired_object_delete_marker,
        }),
        noncurrent_version_expiration: written.noncurrent_version_expiration.map(|expiration| {
            NoncurrentVersionExpiration {
                noncurrent_days: expiration.noncurrent_days.map(i64::from),
                newer_noncurrent_versions: expiration.newer_noncurrent_versions.map(i64::from),
            }
        }),
        abort_incomplete_multipart_upload_days: abort.transpose()?,
        transitions: transitions.collect::<Result<_, Failure>>()?,
        noncurrent_version_transitions: noncurrent.collect::<Result<_, Failure>>()?,
    })
}

/// A number that was read from a document, as one.
fn number(held: i64) -> Option<i32> {
    i32::try_from(held).ok()
}

fn shown(held: &LifecycleRule) -> api::LifecycleRule {
    let transitions = held.transitions.iter().map(|one| api::Transition {
        date: one.date,
        days: one.days.and_then(number),
        storage_class: Some(one.storage_class.clone()),
    });
    let noncurrent = held.noncurrent_version_transitions.iter().map(|one| api::NoncurrentVersionTransition {
        noncurrent_days: one.noncurrent_days.and_then(number),
        storage_class: Some(one.storage_class.clone()),
        newer_noncurrent_versions: one.newer_noncurrent_versions.and_then(number),
    });
    let abort = held.abort_incomplete_multipart_upload_days;
    api::LifecycleRule {
        expiration: held.expiration.map(|expiration| api::LifecycleExpiration {
            date: expiration.date,
            days: expiration.days.and_then(number),
            expired_object_delete_marker: expiration.expired_object_delete_marker,
        }),
        id: held.id.clone(),
        prefix: held.prefix.clone(),
        filter: held.filter.as_ref().map(shown_filter),
        status: held.status.clone(),
        transitions: Some(transitions.collect::<Vec<_>>()).filter(|all| !all.is_empty()),
        noncurrent_version_transitions: Some(noncurrent.collect::<Vec<_>>()).filter(|all| !all.is_empty()),
        noncurrent_version_expiration: held.noncurrent_version_expiration.map(|expiration| {
            api::NoncurrentVersionExpiration {
                noncurrent_days: expiration.noncurrent_days.and_then(number),
                newer_noncurrent_versions: expiration.newer_noncurrent_versions.and_then(number),
            }
        }),
        abort_incomplete_multipart_upload: abort
            .map(|days| api::AbortIncompleteMultipartUpload { days_after_initiation: number(days) }),
    }
}

fn minimum(varies: bool) -> Option<String> {
    Some(MINIMA[usize::from(varies)].to_owned())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketLifecycleConfigurationRequest,
) -> Result<PutBucketLifecycleConfigurationOutput, Failure> {
    let asked = request.transition_default_minimum_object_size.as_deref().unwrap_or(MINIMA[0]);
    let Some(at) = MINIMA.iter().position(|minimum| *minimum == asked) else {
        let message = "Invalid value for the default minimum object size of transitions";
        let header = "x-amz-transition-default-minimum-object-size";
        return Err(error::invalid_argument(message, header, asked).into());
    };
    let varies = at > 0;
    let written = request.lifecycle_configuration.ok_or_else(error::malformed_xml)?;
    let rules: Vec<_> = written.rules.into_iter().map(rule).collect::<Result<_, _>>()?;
    let lifecycle = Lifecycle::new(rules, || hex::encode(state.ids.bits().to_be_bytes()));
    let lifecycle = lifecycle?;
    let named = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    configuration::change(state, context, named, |_, held| {
        held.lifecycle = Some(lifecycle);
        held.lifecycle_minimum_varies = varies;
        Ok(())
    })?;
    Ok(PutBucketLifecycleConfigurationOutput { transition_default_minimum_object_size: minimum(varies) })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketLifecycleConfigurationRequest,
) -> Result<GetBucketLifecycleConfigurationOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let Some(lifecycle) = &bucket.configuration.lifecycle else {
        let message = "The lifecycle configuration does not exist";
        return Err(
            error::not_configured("NoSuchLifecycleConfiguration", message, bucket.name.as_str()).into()
        );
    };
    Ok(GetBucketLifecycleConfigurationOutput {
        rules: Some(lifecycle.rules().iter().map(shown).collect()),
        transition_default_minimum_object_size: minimum(bucket.configuration.lifecycle_minimum_varies),
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketLifecycle.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteBucketLifecycleRequest,
) -> Result<Unit, Failure> {
    let named = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    configuration::change(state, context, named, |_, held| {
        (held.lifecycle, held.lifecycle_minimum_varies) = (None, false);
        Ok(())
    })?;
    Ok(Unit)
}
