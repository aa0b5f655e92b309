//! Objects are deleted, one or many.

use aws_api::s3::{
    DeleteObjectOutput, DeleteObjectRequest, DeleteObjectsOutput, DeleteObjectsRequest, DeletedObject, Error,
};
use bucket_rules::WriteCondition;
use service_api::{RequestContext, ServiceError};

use crate::error::{self, Failure};
use crate::versions::{self, Deleted};
use crate::{State, bucket};

/// How many objects one request can name.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
const MOST_OBJECTS: usize = 1000;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>
pub(crate) fn one(
    state: &State,
    context: &RequestContext,
    request: DeleteObjectRequest,
) -> Result<DeleteObjectOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    versions::check_key(&request.key)?;
    if request.if_match_last_modified_time.is_some() || request.if_match_size.is_some() {
        return Err(error::not_implemented("conditions of directory buckets").into());
    }
    if request.mfa.is_some() {
        return Err(error::not_implemented("MFA delete").into());
    }
    let condition = WriteCondition::of_delete(request.if_match.as_deref());
    let id = request.version_id.as_deref();
    let may_bypass = request.bypass_governance_retention == Some(true);
    let (scope, random) = (bucket::scope(context.partition), state.ids.bits());
    let deleted = state.objects.transact(|rows| {
        let bucket = bucket::current(state, &scope, &bucket)?;
        let meant = match id {
            Some(id) => versions::with_id(rows, &bucket, &request.key, id)?,
            None => versions::newest(rows, &bucket, &request.key)?,
        };
        versions::check_condition(&condition, &request.key, meant.as_ref())?;
        versions::delete(rows, &bucket, (&request.key, id), may_bypass, (context.now, random))
    })?;
    Ok(DeleteObjectOutput {
        delete_marker: deleted.is_marker.then_some(true),
        version_id: deleted.id,
        request_charged: None,
    })
}

/// All are one transaction, so that they wait for the disk once; what one of them is refused for says so beside the others.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
pub(crate) fn many(
    state: &State,
    context: &RequestContext,
    request: DeleteObjectsRequest,
) -> Result<DeleteObjectsOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let objects = &request.delete.objects;
    if objects.is_empty() || objects.len() > MOST_OBJECTS {
        return Err(error::malformed_xml().into());
    }
    if request.mfa.is_some() {
        return Err(error::not_implemented("MFA delete").into());
    }
    let may_bypass = request.bypass_governance_retention == Some(true);
    let scope = bucket::scope(context.partition);
    let results = state.objects.transact(|rows| {
        let bucket = bucket::current(state, &scope, &bucket)?;
        let mut results = Vec::new();
        for object in objects {
            let random = state.ids.bits();
            let mut delete = || {
                versions::check_key(&object.key)?;
                if object.last_modified_time.is_some() || object.size.is_some() {
                    return Err(error::not_implemented("conditions of directory buckets").into());
                }
                let condition = WriteCondition::of_delete(object.e_tag.as_deref());
                let id = object.version_id.as_deref();
                let meant = match id {
                    Some(id) => versions::with_id(rows, &bucket, &object.key, id)?,
                    None => versions::newest(rows, &bucket, &object.key)?,
                };
                versions::check_condition(&condition, &object.key, meant.as_ref())?;
                versions::delete(rows, &bucket, (&object.key, id), may_bypass, (context.now, random))
            };
            match delete() {
                Ok(deleted) => results.push(Ok(deleted)),
                Err(Failure::Rule(refused)) => results.push(Err(error::of_rule(&refused))),
                Err(Failure::Answer(refused)) if refused.code != "NoSuchBucket" => results.push(Err(refused)),
                Err(other) => return Err(other),
            }
        }
        Ok(results)
    })?;
    let is_quiet = request.delete.quiet == Some(true);
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (object, result) in objects.iter().zip(results) {
        match result {
            Ok(_) if is_quiet => {}
            Ok(done) => deleted.push(shown(&object.key, object.version_id.as_deref(), done)),
            Err(refused) => errors.push(refusal(&object.key, object.version_id.as_deref(), &refused)),
        }
    }
    Ok(DeleteObjectsOutput { deleted: Some(deleted), errors: Some(errors), request_charged: None })
}

fn shown(key: &str, named: Option<&str>, done: Deleted) -> DeletedObject {
    DeletedObject {
        key: Some(key.to_owned()),
        version_id: named.map(str::to_owned),
        delete_marker: done.is_marker.then_some(true),
        delete_marker_version_id: done.id.filter(|_| done.is_marker),
    }
}

fn refusal(key: &str, named: Option<&str>, refused: &ServiceError) -> Error {
    Error {
        key: Some(key.to_owned()),
        version_id: named.map(str::to_owned),
        code: Some(refused.code.to_string()),
        message: Some(refused.message.clone()),
    }
}
