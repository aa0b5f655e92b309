//! Which requests of pages from other origins a bucket lets pass. The gateway asks; here is what its owner has written.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html>

use aws_api::Unit;
use aws_api::s3::{
    CORSRule, DeleteBucketCorsRequest, GetBucketCorsOutput, GetBucketCorsRequest, PutBucketCorsRequest,
};
use bucket_rules::{CorsRule, CorsRules};
use service_api::RequestContext;

use crate::error::{self, Failure};
use crate::{State, bucket};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketCorsRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let rules = request.cors_configuration.cors_rules.into_iter().map(read).collect();
    let rules = CorsRules::new(rules)?;
    bucket::change(state, context, &bucket, |bucket| {
        bucket.cors = Some(rules.into());
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketCors.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketCorsRequest,
) -> Result<GetBucketCorsOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let rules = bucket.cors.as_ref().ok_or_else(|| {
        let message = "The CORS configuration does not exist";
        error::not_configured("NoSuchCORSConfiguration", message, bucket.name.as_str())
    })?;
    Ok(GetBucketCorsOutput { cors_rules: Some(rules.rules().iter().map(shown).collect()) })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketCors.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteBucketCorsRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    bucket::change(state, context, &bucket, |bucket| {
        bucket.cors = None;
        Ok(())
    })?;
    Ok(Unit)
}

fn read(rule: CORSRule) -> CorsRule {
    CorsRule {
        id: rule.id,
        allowed_headers: rule.allowed_headers.unwrap_or_default(),
        allowed_methods: rule.allowed_methods,
        allowed_origins: rule.allowed_origins,
        expose_headers: rule.expose_headers.unwrap_or_default(),
        max_age_secs: rule.max_age_seconds,
    }
}

fn shown(rule: &CorsRule) -> CORSRule {
    let some = |list: &Vec<String>| Some(list.clone()).filter(|list| !list.is_empty());
    CORSRule {
        id: rule.id.clone(),
        allowed_headers: some(&rule.allowed_headers),
        allowed_methods: rule.allowed_methods.clone(),
        allowed_origins: rule.allowed_origins.clone(),
        expose_headers: some(&rule.expose_headers),
        max_age_seconds: rule.max_age_secs,
    }
}
