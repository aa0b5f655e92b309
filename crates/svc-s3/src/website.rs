//! The website of a bucket. The gateway has the endpoint; here is what the bucket's owner has written.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/EnableWebsiteHosting.html>

use aws_api::Unit;
use aws_api::s3::{
    Condition, DeleteBucketWebsiteRequest, ErrorDocument, GetBucketWebsiteOutput, GetBucketWebsiteRequest,
    IndexDocument, PutBucketWebsiteRequest, Redirect, RedirectAllRequestsTo, RoutingRule,
    WebsiteConfiguration,
};
use bucket_rules::{RedirectAll, RoutingCondition, Website};
use service_api::RequestContext;

use crate::error::{self, Failure};
use crate::{State, bucket};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketWebsite.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketWebsiteRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let website = Website::new(read(request.website_configuration))?;
    bucket::change(state, context, &bucket, |bucket| {
        bucket.website = Some(website.into());
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketWebsite.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketWebsiteRequest,
) -> Result<GetBucketWebsiteOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let website = bucket.website.as_ref().ok_or_else(|| {
        let message = "The specified bucket does not have a website configuration";
        error::not_configured("NoSuchWebsiteConfiguration", message, bucket.name.as_str())
    })?;
    let written = website.configuration().clone();
    let rules = written.routing_rules.map(|rules| rules.into_iter().map(shown).collect());
    Ok(GetBucketWebsiteOutput {
        redirect_all_requests_to: written
            .redirect_all
            .map(|all| RedirectAllRequestsTo { host_name: all.host_name, protocol: all.protocol }),
        index_document: written.index_suffix.map(|suffix| IndexDocument { suffix }),
        error_document: written.error_key.map(|key| ErrorDocument { key }),
        routing_rules: rules,
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketWebsite.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteBucketWebsiteRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    bucket::change(state, context, &bucket, |bucket| {
        bucket.website = None;
        Ok(())
    })?;
    Ok(Unit)
}

fn read(written: WebsiteConfiguration) -> bucket_rules::WebsiteConfiguration {
    let rule = |rule: RoutingRule| bucket_rules::RoutingRule {
        condition: rule.condition.map(|condition| RoutingCondition {
            key_prefix_equals: condition.key_prefix_equals,
            http_error_code_returned_equals: condition.http_error_code_returned_equals,
        }),
        redirect: bucket_rules::Redirect {
            host_name: rule.redirect.host_name,
            http_redirect_code: rule.redirect.http_redirect_code,
            protocol: rule.redirect.protocol,
            replace_key_prefix_with: rule.redirect.replace_key_prefix_with,
            replace_key_with: rule.redirect.replace_key_with,
        },
    };
    bucket_rules::WebsiteConfiguration {
        index_suffix: written.index_document.map(|index| index.suffix),
        error_key: written.error_document.map(|error| error.key),
        redirect_all: written
            .redirect_all_requests_to
            .map(|all| RedirectAll { host_name: all.host_name, protocol: all.protocol }),
        routing_rules: written.routing_rules.map(|rules| rules.into_iter().map(rule).collect()),
    }
}

fn shown(rule: bucket_rules::RoutingRule) -> RoutingRule {
    RoutingRule {
        condition: rule.condition.map(|condition| Condition {
            http_error_code_returned_equals: condition.http_error_code_returned_equals,
            key_prefix_equals: condition.key_prefix_equals,
        }),
        redirect: Redirect {
            host_name: rule.redirect.host_name,
            http_redirect_code: rule.redirect.http_redirect_code,
            protocol: rule.redirect.protocol,
            replace_key_prefix_with: rule.redirect.replace_key_prefix_with,
            replace_key_with: rule.redirect.replace_key_with,
        },
    }
}
