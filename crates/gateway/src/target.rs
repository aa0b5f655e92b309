//! Which service a request is for.
//!
//! The signature says it; unsigned requests (which are refused, or call one of the few operations that need no
//! signature) say it by their headers, host, or the version of the API. What nothing of that tells may be an object of S3.

use aws_model::{Service, service_of_target, services, services_at_endpoint, services_signing_as};
use aws_protocol::Request;
use aws_types::Region;
use sigv4::Presented;

use crate::s3::{self, S3};

/// The header that names the operation in the JSON protocols.
pub(crate) const TARGET_HEADER: &str = "x-amz-target";

/// Endpoint hosts whose labels before these name a service, and perhaps a bucket or region.
const HOST_SUFFIXES: [&str; 2] = [".amazonaws.com", ".localhost"];

/// The service that a request is for, if its model is built in.
pub(crate) fn service(
    request: &Request,
    presented: Option<&Presented>,
    host: Option<&str>,
    has_s3: bool,
) -> Option<&'static Service> {
    let of_s3 = || (has_s3 && s3::claims(request, host)).then(|| aws_model::service(S3)).flatten();
    match presented {
        Some(presented) => choose(services_signing_as(&presented.scope.service), request),
        None => by_header(request)
            .or_else(|| by_host(host?, request))
            .or_else(|| by_version(request))
            .or_else(of_s3),
    }
}

/// The region that an endpoint's host names.
pub(crate) fn region<'a>(host: &str, regions: &'a [Region]) -> Option<&'a Region> {
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    host.split('.').find_map(|label| regions.iter().find(|region| region.as_str() == label))
}

/// Whether a request says by itself that it is an operation of some service, though perhaps not of which.
pub(crate) fn is_claimed(request: &Request) -> bool {
    let body = std::str::from_utf8(&request.body).unwrap_or_default();
    let mut names = [request.query.as_str(), body].into_iter().flat_map(s3::names);
    request.headers.contains_key(TARGET_HEADER)
        || request.path.starts_with("/service/")
        || names.any(|name| ["Action", "Version"].contains(&name))
}

fn by_header(request: &Request) -> Option<&'static Service> {
    let prefix = match request.header(TARGET_HEADER) {
        Some(target) => target.rsplit_once('.')?.0,
        // RPC v2: /service/Name/operation/Name
        None => request.path.strip_prefix("/service/")?.split_once("/operation/")?.0,
    };
    service_of_target(prefix)
}

fn by_host(host: &str, request: &Request) -> Option<&'static Service> {
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let labels = HOST_SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix))?;
    // bucket.s3.region: the service is the last label that is one.
    labels.rsplit('.').find_map(|label| choose(services_at_endpoint(label), request))
}

/// The service that alone has the version which a query request names.
fn by_version(request: &Request) -> Option<&'static Service> {
    let version = version(request)?;
    let mut services = services().iter().filter(|service| service.api_version == version);
    services.next().filter(|_| services.next().is_none())
}

/// Of services that share a name, as the generations of load balancing do, the one whose version the request names.
fn choose(services: impl Iterator<Item = &'static Service>, request: &Request) -> Option<&'static Service> {
    let mut services = services.peekable();
    let first = services.next()?;
    if services.peek().is_none() {
        return Some(first);
    }
    let version = version(request);
    let rest = services.find(|service| version == Some(service.api_version));
    Some(rest.unwrap_or(first))
}

pub(crate) fn version(request: &Request) -> Option<&str> {
    let form = std::str::from_utf8(&request.body).ok().into_iter().chain([request.query.as_str()]);
    form.flat_map(|form| form.split('&')).find_map(|pair| pair.strip_prefix("Version="))
}
