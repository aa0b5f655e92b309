//! Buckets in the names of hosts.
//!
//! S3 takes a bucket as the first part of the path, or as the first labels of the host. A path with the bucket in it is what
//! the model knows; the signature covers the other one.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>

use aws_protocol::{Codec, Request};

use crate::s3::S3;

/// The label of S3's endpoints, also before a region (`s3-eu-west-1`).
const LABEL: &str = "s3";
/// What endpoints of AWS end in, and those of a cloud on this machine.
const AWS: &str = ".amazonaws.com";
const LOCAL: &str = ".localhost";

/// The bucket that a host names, if it names one.
pub(crate) fn bucket(host: &str) -> Option<&str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let labels = strip_suffix(name, AWS).or_else(|| strip_suffix(name, LOCAL))?;
    // bucket.s3.eu-west-1, bucket.s3.dualstack.eu-west-1, bucket.s3-eu-west-1, bucket.s3; a bucket may have dots.
    let mut end = labels.len();
    for label in labels.rsplit('.') {
        let start = end - label.len();
        if label.eq_ignore_ascii_case(LABEL) || is_prefixed(label) {
            return start.checked_sub(1).map(|end| &labels[..end]);
        }
        end = start.saturating_sub(1);
    }
    // A client that was given http://localhost and puts buckets before it.
    let is_local = strip_suffix(name, LOCAL).is_some();
    (is_local && !labels.is_empty()).then_some(labels)
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
