//! Pages of websites: requests to the endpoints that answer browsers, and not programs.
//!
//! Owns the way from a path to a page: the object, the index of a folder, a redirection, or a page of errors. Each object is read as
//! by anybody who does not sign, so that policies decide what a website shows. What a website's document means is in `bucket-rules`.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html>

use std::sync::Arc;

use aws_protocol::{Codec, Request, Response};
use aws_types::Region;
use bucket_rules::{ErrorPage, Page, PageRequest, Redirection, Website};
use bytes::Bytes;
use http::header::{
    ALLOW, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LOCATION,
    ORIGIN, RANGE, REFERER, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use service_api::{Principal, ServiceError};
use sigv4::SignatureError;

use super::{Answer, Body, Handler, Order, Received};
use crate::access::Access;
use crate::failure::{Dialect, Failure, hide_cause};
use crate::markup::escaped;
use crate::s3::S3;
use crate::{WebBucket, s3_answer, target, virtual_host};

/// Where an object says that requests for it are sent.
const REDIRECT_LOCATION: &str = "x-amz-website-redirect-location";
/// What of a request is looked at for its page.
const OF_PAGE: [HeaderName; 8] =
    [IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, RANGE, ORIGIN, REFERER, USER_AGENT];
const NOT_FOUND: u16 = 404;
const FORBIDDEN: u16 = 403;

/// A website that a request is for, whether there is one or not.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The name of its bucket.
    pub(crate) bucket: String,
    /// Whether the host is called like the bucket, and is none of our endpoints.
    is_namesake: bool,
}

impl Site {
    /// Whether it may answer a request that was read to its end. Anybody may make a bucket that is called like a name by which
    /// this gateway is reached, so a namesake gets what nothing else claims.
    pub(super) fn may_answer(&self, request: &Request) -> bool {
        !self.is_namesake || (is_visit(request) && !target::is_claimed(request))
    }
}

/// A request for a page.
struct Visit<'a> {
    handler: &'a Handler,
    received: &'a Received,
    access: &'a mut Access,
    bucket: &'a str,
    region: Region,
}

/// Why there is no page, and what is told of it.
struct Missing {
    error: Box<ServiceError>,
    /// What became of the page that was to be shown in the place of one.
    of_error_page: Option<Box<ServiceError>>,
}

impl From<ServiceError> for Missing {
    fn from(error: ServiceError) -> Self {
        Self { error: Box::new(error), of_error_page: None }
    }
}

impl Handler {
    /// The website that a request is for: by an endpoint's name, or by a host that is called like a bucket with a website. Whoever
    /// signs asks the other endpoint.
    pub(super) fn site(
        &self,
        request: &Request,
        host: Option<&str>,
        presented: Option<&SignatureError>,
    ) -> Option<Site> {
        let host = host?;
        if let Some(bucket) = virtual_host::website(host) {
            return Some(Site { bucket: bucket.to_ascii_lowercase(), is_namesake: false });
        }
        if presented != Some(&SignatureError::Missing) {
            return None;
        }
        let site = Site { bucket: virtual_host::of_somebody(host)?.to_ascii_lowercase(), is_namesake: true };
        if !site.may_answer(request) {
            return None;
        }
        let found = self.buckets.bucket(self.config.partition, &site.bucket)?;
        found.website.is_some().then_some(site)
    }

    /// The answer to a request to a website.
    pub(super) fn visit(&self, site: &Site, received: &Received, access: &mut Access) -> Answer {
        access.service = S3;
        let region = self.region_of(received.host.as_deref()).clone();
        let mut visit = Visit { handler: self, received, access, bucket: &site.bucket, region };
        let mut answer = visit.answer().unwrap_or_else(|missing| visit.shown(missing).into());
        if received.request.method == Method::HEAD.as_str() {
            // Its answer has no body; what is said of its length is that of the page.
            answer.response.body = Bytes::new();
        }
        answer
    }
}

impl Visit<'_> {
    fn answer(&mut self) -> Result<Answer, Missing> {
        let Received { request, host, peer, .. } = self.received;
        if !is_visit(request) {
            let message = "The specified method is not allowed against this resource.";
            let error = ServiceError::new("MethodNotAllowed", message).with_status(405);
            let error =
                error.with_field("Method", request.method.as_str()).with_header(ALLOW.as_str(), "GET, HEAD");
            return Err(error.with_field("ResourceType", "OBJECT").into());
        }
        let website = self.website()?;
        let path = request.path.strip_prefix('/').unwrap_or(&request.path);
        let key = percent_decode_str(path).decode_utf8();
        let key = key.map_err(|_| {
            ServiceError::new("InvalidURI", "Couldn't parse the specified URI.").with_status(400)
        })?;
        let protocol = if peer.tls.is_some() { "https" } else { "http" };
        let asked = PageRequest { protocol, host: host.as_deref().unwrap_or_default(), key: &key };
        match website.page(&asked) {
            Page::Redirection(to) => Ok(self.sent_on(&to).into()),
            Page::Object(key) => {
                if let Some(log) = &mut self.access.log {
                    log.set_key(&key);
                }
                match self.object(&key, &request.headers) {
                    Ok(answer) => Ok(self.moved(answer)),
                    Err(error) => self.instead(&website, &asked, error),
                }
            }
        }
    }

    /// The website, whose bucket has to be where the endpoint is.
    fn website(&mut self) -> Result<Arc<Website>, ServiceError> {
        let config = &self.handler.config;
        let found = self.handler.buckets.bucket(config.partition, self.bucket);
        let Some(WebBucket { region, website, .. }) = found else {
            let error = ServiceError::new("NoSuchBucket", "The specified bucket does not exist")
                .with_status(NOT_FOUND);
            return Err(error.with_field("BucketName", self.bucket));
        };
        let host = self.received.host.as_deref().unwrap_or_default();
        let named = named_region(host, &config.regions);
        if named.is_some_and(|named| *named != region) {
            let message = "The specified bucket exists in another region. Please direct requests to the specified endpoint.";
            let endpoint = format!("{}.s3-website-{region}.amazonaws.com", self.bucket);
            let error = ServiceError::new("IncorrectEndpoint", message).with_status(400);
            return Err(error
                .with_field("Endpoint", endpoint)
                .with_header("x-amz-bucket-region", region.as_str()));
        }
        self.region = region;
        website.ok_or_else(|| {
            let message = "The specified bucket does not have a website configuration";
            let error = ServiceError::new("NoSuchWebsiteConfiguration", message).with_status(NOT_FOUND);
            error.with_field("BucketName", self.bucket)
        })
    }

    /// What comes in the place of an object that is not to be had.
    fn instead(
        &mut self,
        website: &Website,
        asked: &PageRequest<'_>,
        error: ServiceError,
    ) -> Result<Answer, Missing> {
        let status = status_of(&error);
        if status == StatusCode::NOT_MODIFIED.as_u16() {
            return Ok(self.unchanged(&error).into());
        }
        if [NOT_FOUND, FORBIDDEN].contains(&status)
            && let Some((index, folder)) = website.folder(asked)
            && self.object(&index, &HeaderMap::new()).is_ok()
        {
            return Ok(self.sent_on(&folder).into());
        }
        match website.error_page(asked, status) {
            ErrorPage::Redirection(to) => Ok(self.sent_on(&to).into()),
            ErrorPage::Plain => Err(error.into()),
            ErrorPage::Object(key) => match self.object(&key, &HeaderMap::new()) {
                Ok(mut answer) => {
                    answer.response.status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
                    answer.response.headers.remove(REDIRECT_LOCATION);
                    self.access.error_code = Some(error.code.to_string());
                    Ok(answer)
                }
                Err(of_error_page) => {
                    Err(Missing { error: Box::new(error), of_error_page: Some(Box::new(of_error_page)) })
                }
            },
        }
    }

    /// An object of the website, read as by anybody.
    fn object(&mut self, key: &str, headers: &HeaderMap) -> Result<Answer, ServiceError> {
        let Received { request, host, peer, .. } = self.received;
        let service =
            aws_model::service(S3).ok_or_else(|| ServiceError::internal("there is no model of S3"))?;
        let bucket = self.bucket;
        let encoded = utf8_percent_encode(key, NON_ALPHANUMERIC);
        let mut kept = HeaderMap::new();
        for name in OF_PAGE {
            if let Some(value) = headers.get(&name) {
                kept.insert(name, value.clone());
            }
        }
        let request = Request {
            method: request.method.clone(),
            path: format!("/{bucket}/{encoded}"),
            query: String::new(),
            headers: kept,
            body: Bytes::new(),
        };
        let codec = Codec::for_request(service.model(), &request);
        let mut dialect = Dialect::new(codec);
        let operation = codec.route(&request).map_err(|error| *dialect.refuse(error).error)?;
        dialect.operation = Some(operation);
        self.access.operation = operation.name;
        let principal = Principal::anonymous(self.handler.config.partition);
        let caller = (principal, self.region.clone(), None);
        let context = self.handler.context(&request, caller, self.access, peer);
        let order =
            Order { dialect, operation, request: &request, context, tls: peer.tls, host: host.clone() };
        self.handler
            .carry_out(order, Body::default())
            .map_err(|Failure { error, .. }| s3_answer::with_headers(*error))
    }

    fn response(&self, status: StatusCode) -> Response {
        s3_answer::empty(status, self.access.request_id.as_str())
    }

    fn sent_on(&self, to: &Redirection) -> Response {
        let mut response =
            self.response(StatusCode::from_u16(to.status).unwrap_or(StatusCode::MOVED_PERMANENTLY));
        set(&mut response.headers, LOCATION, &to.location);
        response
    }

    /// An object, or where it says that requests for it are sent.
    fn moved(&self, mut answer: Answer) -> Answer {
        let Some(location) = answer.response.headers.remove(REDIRECT_LOCATION) else { return answer };
        let mut response = self.response(StatusCode::MOVED_PERMANENTLY);
        response.headers.insert(LOCATION, location);
        response.into()
    }

    fn unchanged(&self, error: &ServiceError) -> Response {
        let mut response = self.response(StatusCode::NOT_MODIFIED);
        if let Some((_, tag)) = error.headers.iter().find(|(name, _)| *name == ETAG.as_str()) {
            set(&mut response.headers, ETAG, tag);
        }
        response
    }

    /// A page of our own that tells an error.
    fn shown(&mut self, missing: Missing) -> Response {
        let Missing { mut error, mut of_error_page } = missing;
        self.access.error_code = Some(error.code.to_string());
        hide_cause(&mut error, self.access);
        if let Some(error) = &mut of_error_page {
            hide_cause(error, self.access);
        }
        let status = StatusCode::from_u16(status_of(&error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = self.response(status);
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        set(&mut response.headers, HeaderName::from_static("x-amz-error-code"), &error.code);
        set(&mut response.headers, HeaderName::from_static("x-amz-error-message"), &error.message);
        for (name, value) in &error.headers {
            set(&mut response.headers, HeaderName::from_static(name), value);
        }
        let id = self.access.request_id.as_str();
        response.body = error_page(status, &error, of_error_page.as_deref(), id).into();
        response
    }
}

/// Whether a request is one for a page.
fn is_visit(request: &Request) -> bool {
    [Method::GET.as_str(), Method::HEAD.as_str()].contains(&request.method.as_str())
}

/// The region that an endpoint of websites names: in a label of its own, or behind the label of websites.
fn named_region<'a>(host: &str, regions: &'a [Region]) -> Option<&'a Region> {
    let in_label = || {
        let host = host.to_ascii_lowercase();
        let behind =
            host.split('.').find_map(|label| label.strip_prefix("s3-website-").map(str::to_owned))?;
        regions.iter().find(|region| region.as_str() == behind)
    };
    virtual_host::website(host)?;
    in_label().or_else(|| target::region(host, regions))
}

fn status_of(error: &ServiceError) -> u16 {
    error.status.unwrap_or(if error.is_fault { 500 } else { 400 })
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

fn error_page(
    status: StatusCode,
    error: &ServiceError,
    of_error_page: Option<&ServiceError>,
    id: &str,
) -> String {
    let title = status.to_string();
    let told = |error: &ServiceError| {
        let fields = error.fields.iter().filter_map(|(name, value)| match value {
            aws_model::Value::String(text) => Some(format!("<li>{name}: {}</li>", escaped(text))),
            _ => None,
        });
        format!(
            "<li>Code: {}</li><li>Message: {}</li>{}",
            escaped(&error.code),
            escaped(&error.message),
            fields.collect::<String>()
        )
    };
    let second = of_error_page.map(|error| {
        format!("<p>The page for such errors could not be shown either.</p>\n<ul>{}</ul>\n", told(error))
    });
    format!(
        "<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body><h1>{title}</h1>\n\
         <ul>{}<li>RequestId: {id}</li></ul>\n{}</body></html>\n",
        told(error),
        second.unwrap_or_default()
    )
}
