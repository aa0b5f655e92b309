//! What a bucket has for browsers: rules for pages of other origins, and a website.

use aws_api::s3::{self as api, operation as op};
use aws_types::Partition;

use crate::harness::{Cloud, HOME, some};

fn rules(methods: &[&str]) -> api::PutBucketCorsRequest {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    api::PutBucketCorsRequest {
        bucket: "web".to_owned(),
        cors_configuration: api::CORSConfiguration {
            cors_rules: vec![api::CORSRule {
                id: some("first"),
                allowed_headers: Some(vec!["*".to_owned()]),
                allowed_methods: texts(methods),
                allowed_origins: texts(&["http://*.app"]),
                expose_headers: None,
                max_age_seconds: Some(5),
            }],
        },
        ..api::PutBucketCorsRequest::default()
    }
}

fn get_rules(bucket: &str) -> api::GetBucketCorsRequest {
    api::GetBucketCorsRequest { bucket: bucket.to_owned(), ..api::GetBucketCorsRequest::default() }
}

#[test]
fn rules_for_other_origins() {
    let mut cloud = Cloud::with("web");
    let none = cloud.refused::<op::GetBucketCors>(HOME, get_rules("web"));
    assert_eq!((none.code.as_ref(), none.status), ("NoSuchCORSConfiguration", Some(404)));
    assert_eq!(cloud.code::<op::PutBucketCors>(rules(&["FLY"])), "InvalidRequest");
    assert_eq!(cloud.code::<op::PutBucketCors>(rules(&[])), "MalformedXML");
    let put = rules(&["GET", "PUT"]);
    cloud.ok::<op::PutBucketCors>(put.clone());
    cloud.open();
    let found = cloud.ok::<op::GetBucketCors>(get_rules("web"));
    assert_eq!(found.cors_rules, Some(put.cors_configuration.cors_rules));
    let seen = cloud.s3().bucket(Partition::Aws, "web").unwrap();
    assert_eq!(seen.cors.as_ref().unwrap().rules()[0].allowed_origins, ["http://*.app"]);
    let delete =
        api::DeleteBucketCorsRequest { bucket: "web".to_owned(), ..api::DeleteBucketCorsRequest::default() };
    cloud.ok::<op::DeleteBucketCors>(delete.clone());
    // There need be none.
    cloud.ok::<op::DeleteBucketCors>(delete);
    assert_eq!(cloud.code::<op::GetBucketCors>(get_rules("web")), "NoSuchCORSConfiguration");
    assert_eq!(cloud.code::<op::GetBucketCors>(get_rules("none")), "NoSuchBucket");
    assert!(cloud.s3().bucket(Partition::Aws, "none").is_none());
    let elsewhere = cloud.refused::<op::GetBucketCors>(("eu-west-1", HOME.1), get_rules("web"));
    assert_eq!(elsewhere.code, "PermanentRedirect");
}

fn site(suffix: &str) -> api::PutBucketWebsiteRequest {
    let rule = api::RoutingRule {
        condition: Some(api::Condition {
            http_error_code_returned_equals: some("404"),
            key_prefix_equals: some("old/"),
        }),
        redirect: api::Redirect {
            host_name: some("example.com"),
            http_redirect_code: some("302"),
            protocol: some("https"),
            replace_key_prefix_with: some("new/"),
            replace_key_with: None,
        },
    };
    api::PutBucketWebsiteRequest {
        bucket: "web".to_owned(),
        website_configuration: api::WebsiteConfiguration {
            error_document: Some(api::ErrorDocument { key: "error.html".to_owned() }),
            index_document: Some(api::IndexDocument { suffix: suffix.to_owned() }),
            redirect_all_requests_to: None,
            routing_rules: Some(vec![rule]),
        },
        ..api::PutBucketWebsiteRequest::default()
    }
}

fn get_site() -> api::GetBucketWebsiteRequest {
    api::GetBucketWebsiteRequest { bucket: "web".to_owned(), ..api::GetBucketWebsiteRequest::default() }
}

#[test]
fn websites() {
    let mut cloud = Cloud::with("web");
    let none = cloud.refused::<op::GetBucketWebsite>(HOME, get_site());
    assert_eq!((none.code.as_ref(), none.status), ("NoSuchWebsiteConfiguration", Some(404)));
    assert_eq!(cloud.code::<op::PutBucketWebsite>(site("a/b")), "InvalidArgument");
    let put = site("index.html");
    cloud.ok::<op::PutBucketWebsite>(put.clone());
    cloud.open();
    let found = cloud.ok::<op::GetBucketWebsite>(get_site());
    let written = put.website_configuration;
    assert_eq!(found.index_document, written.index_document);
    assert_eq!(found.error_document, written.error_document);
    assert_eq!(found.routing_rules, written.routing_rules);
    assert_eq!(found.redirect_all_requests_to, None);
    let mut all = site("index.html");
    all.website_configuration = api::WebsiteConfiguration {
        redirect_all_requests_to: Some(api::RedirectAllRequestsTo {
            host_name: "example.com".to_owned(),
            protocol: None,
        }),
        ..api::WebsiteConfiguration::default()
    };
    cloud.ok::<op::PutBucketWebsite>(all.clone());
    let found = cloud.ok::<op::GetBucketWebsite>(get_site());
    assert_eq!(found.redirect_all_requests_to, all.website_configuration.redirect_all_requests_to);
    assert_eq!((found.index_document, found.routing_rules), (None, None));
    cloud.ok::<op::DeleteBucketWebsite>(api::DeleteBucketWebsiteRequest {
        bucket: "web".to_owned(),
        ..api::DeleteBucketWebsiteRequest::default()
    });
    assert_eq!(cloud.code::<op::GetBucketWebsite>(get_site()), "NoSuchWebsiteConfiguration");
    assert!(cloud.s3().bucket(Partition::Aws, "web").unwrap().website.is_none());
}
