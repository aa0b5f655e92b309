//! Buckets in the names of hosts.
//!
//! S3 takes a bucket as the first part of the path, or as the first labels of the host. A path with the bucket in it is what
//! the model knows; the signature covers the other one.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>

use std::net::IpAddr;

use aws_protocol::{Codec, Request};
use percent_encoding::percent_decode_str;

use crate::s3::S3;
use crate::tls;

/// The label of S3's endpoints, also before a region (`s3-eu-west-1`).
const LABEL: &str = "s3";
/// What endpoints of AWS end in, and those of a cloud on this machine.
const AWS: &str = ".amazonaws.com";
const LOCAL: &str = ".localhost";
/// The label of endpoints of websites, also before a region (`s3-website-eu-west-1`).
const WEBSITE: &str = "s3-website";

/// What the path and the host of a request name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addressed {
    /// The bucket; empty where none is named.
    pub(crate) bucket: String,
    /// The object; empty where none is named.
    pub(crate) key: String,
}

impl Addressed {
    pub(crate) fn of(request: &Request, host: Option<&str>) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let path = request.path.strip_prefix('/').unwrap_or(&request.path);
        if let Some(bucket) = host.and_then(bucket) {
            return Self { bucket: bucket.to_ascii_lowercase(), key: decoded(path) };
        }
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        Self { bucket: decoded(bucket), key: decoded(key) }
    }
}

/// The bucket that a host names, if it names one.
pub(crate) fn bucket(host: &str) -> Option<&str> {
    let name = without_port(host);
    let labels = strip_suffix(name, AWS).or_else(|| strip_suffix(name, LOCAL))?;
    if let Some((bucket, _)) = split_at_label(labels) {
        return bucket;
    }
    // A client that was given http://localhost and puts buckets before it.
    let is_local = strip_suffix(name, LOCAL).is_some();
    (is_local && !labels.is_empty()).then_some(labels)
}

/// The bucket whose website a host is, if it is one of an endpoint of websites. The bucket is empty where the host is the
/// endpoint's own.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html>
pub(crate) fn website(host: &str) -> Option<&str> {
    let name = without_port(host);
    let labels = strip_suffix(name, AWS).or_else(|| strip_suffix(name, LOCAL))?;
    let (bucket, label) = split_at_label(labels)?;
    let start = label.get(..WEBSITE.len())?;
    let is_website = start.eq_ignore_ascii_case(WEBSITE)
        && matches!(label.as_bytes().get(WEBSITE.len()), None | Some(b'-'));
    is_website.then_some(bucket.unwrap_or_default())
}

/// A host that is of nobody's endpoints, and of which we have no certificate, so that it may be the name of a bucket whose
/// website it is.
pub(crate) fn of_somebody(host: &str) -> Option<&str> {
    let name = without_port(host);
    let is_own = tls::is_ours(&name.to_ascii_lowercase());
    (name.contains('.') && !is_own && name.parse::<IpAddr>().is_err()).then_some(name)
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// The last label that is S3's, and the bucket before it: bucket.s3.eu-west-1, bucket.s3.dualstack.eu-west-1,
/// bucket.s3-eu-west-1, bucket.s3, bucket.s3-website-eu-west-1. A bucket may have dots.
fn split_at_label(labels: &str) -> Option<(Option<&str>, &str)> {
    let mut end = labels.len();
    for label in labels.rsplit('.') {
        let start = end - label.len();
        if label.eq_ignore_ascii_case(LABEL) || is_prefixed(label) {
            return Some((start.checked_sub(1).map(|end| &labels[..end]), label));
        }
        end = start.saturating_sub(1);
    }
    None
}

fn is_prefixed(label: &str) -> bool {
    label.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("s3-"))
}

fn strip_suffix<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let at = name.len().checked_sub(suffix.len())?;
    (name.is_char_boundary(at) && name[at..].eq_ignore_ascii_case(suffix)).then(|| &name[..at])
}

/// The same request with the bucket of its host in its path. `None` where the host names none, and for services that have none.
pub(crate) fn in_path(codec: Codec, request: &Request, host: Option<&str>) -> Option<Request> {
    if codec.model().metadata.signing_name != S3 {
        return None;
    }
    let path = format!("/{}{}", bucket(host?)?.to_ascii_lowercase(), request.path);
    Some(Request { path, ..request.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn websites_have_hosts_of_their_own() {
        let check = |host: &str, expected: Option<&str>| assert_eq!(website(host), expected, "{host}");
        check("b.s3-website-eu-west-1.amazonaws.com", Some("b"));
        check("a.b.S3-Website.eu-central-1.amazonaws.com:80", Some("a.b"));
        check("b.s3-website.localhost:4566", Some("b"));
        check("b.s3-website-us-east-1.localhost:4566", Some("b"));
        check("s3-website-us-east-1.amazonaws.com", Some(""));
        check("b.s3-websites.localhost", None);
        check("s3-website.s3.amazonaws.com", None);
        check("b.s3.localhost", None);
        check("b.localhost", None);
        check("s3-website.example.com", None);
        assert_eq!(of_somebody("www.example.com:4566"), Some("www.example.com"));
        for other in [
            "localhost:4566",
            "127.0.0.1:4566",
            "b.localhost",
            "s3.amazonaws.com",
            "[::1]:4566",
            "EC2.eu-west-1.api.aws:4566",
            "sts.cn-north-1.amazonaws.com.cn",
        ] {
            assert_eq!(of_somebody(other), None, "{other}");
        }
    }

    #[test]
    fn the_labels_before_s3_are_a_bucket() {
        let check = |host: &str, expected: Option<&str>| assert_eq!(bucket(host), expected, "{host}");
        check("s3.amazonaws.com", None);
        check("s3.eu-west-1.amazonaws.com", None);
        check("s3-eu-west-1.amazonaws.com", None);
        check("127.0.0.1:4566", None);
        check("localhost:4566", None);
        check("s3.localhost:4566", None);
        check("a.s3.amazonaws.com", Some("a"));
        check("a.b.S3.eu-west-1.AmazonAWS.com:443", Some("a.b"));
        check("a.s3.dualstack.eu-west-1.amazonaws.com", Some("a"));
        check("a.s3-eu-west-1.amazonaws.com", Some("a"));
        check("s3.s3.amazonaws.com", Some("s3"));
        check("a.s3.eu-west-1.localhost:4566", Some("a"));
        check("a.localhost:4566", Some("a"));
        check("a.example.com", None);
    }
}
