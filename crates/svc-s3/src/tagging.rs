//! Tags of buckets, and of versions of objects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>

use aws_api::Unit;
use aws_api::s3::{
    DeleteBucketTaggingRequest, DeleteObjectTaggingOutput, DeleteObjectTaggingRequest,
    GetBucketTaggingOutput, GetBucketTaggingRequest, GetObjectTaggingOutput, GetObjectTaggingRequest,
    PutBucketTaggingRequest, PutObjectTaggingOutput, PutObjectTaggingRequest, Tag as Shown,
};
use aws_types::{Tag, Tags};
use bucket_rules::Tagged;
use service_api::RequestContext;

use crate::error::{self, Failure};
use crate::{State, bucket, configuration, versions};

/// The tags of a request.
///
/// # Errors
/// `InvalidTag`, `BadRequest`.
pub(crate) fn read(tagged: Tagged, tags: Vec<Shown>) -> Result<Tags, Failure> {
    let tags = tags.into_iter().map(|tag| Tag { key: tag.key, value: tag.value });
    Ok(tagged.tags(tags)?)
}

fn shown(tags: &Tags) -> Vec<Shown> {
    tags.iter().map(|(key, value)| Shown { key: key.to_owned(), value: value.to_owned() }).collect()
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html>
pub(crate) fn put_bucket(
    state: &State,
    context: &RequestContext,
    request: PutBucketTaggingRequest,
) -> Result<Unit, Failure> {
    let tags = read(Tagged::Bucket, request.tagging.tag_set)?;
    let named = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    configuration::change(state, context, named, |_, held| {
        held.tags = tags;
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html>
pub(crate) fn get_bucket(
    state: &State,
    context: &RequestContext,
    request: GetBucketTaggingRequest,
) -> Result<GetBucketTaggingOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let tags = &bucket.configuration.tags;
    if tags.is_empty() {
        return Err(
            error::not_configured("NoSuchTagSet", "The TagSet does not exist", bucket.name.as_str()).into()
        );
    }
    Ok(GetBucketTaggingOutput { tag_set: shown(tags) })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketTagging.html>
pub(crate) fn delete_bucket(
    state: &State,
    context: &RequestContext,
    request: DeleteBucketTaggingRequest,
) -> Result<Unit, Failure> {
    let named = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    configuration::change(state, context, named, |_, held| {
        held.tags = Tags::default();
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html>
pub(crate) fn put_object(
    state: &State,
    context: &RequestContext,
    request: PutObjectTaggingRequest,
) -> Result<PutObjectTaggingOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let tags = read(Tagged::Object, request.tagging.tag_set)?;
    let named = (request.key.as_str(), request.version_id.as_deref());
    let version_id = versions::change(state, &bucket, named, |version| {
        version.attached.tags = tags;
        Ok(())
    })?;
    Ok(PutObjectTaggingOutput { version_id })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html>
pub(crate) fn get_object(
    state: &State,
    context: &RequestContext,
    request: GetObjectTaggingRequest,
) -> Result<GetObjectTaggingOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let rows = state.objects.snapshot();
    let found = versions::find(&rows, &bucket, &request.key, request.version_id.as_deref())?;
    Ok(GetObjectTaggingOutput {
        version_id: versions::shown_id(&bucket, &found.version),
        tag_set: shown(&found.version.attached.tags),
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html>
pub(crate) fn delete_object(
    state: &State,
    context: &RequestContext,
    request: DeleteObjectTaggingRequest,
) -> Result<DeleteObjectTaggingOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let named = (request.key.as_str(), request.version_id.as_deref());
    let version_id = versions::change(state, &bucket, named, |version| {
        version.attached.tags = Tags::default();
        Ok(())
    })?;
    Ok(DeleteObjectTaggingOutput { version_id })
}
