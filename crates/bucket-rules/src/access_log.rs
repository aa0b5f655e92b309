//! Lines of server access logs: one for each request.
//!
//! Owns what stands in a line and what requests are called there. Where lines go is in `logging`.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html>

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use aws_types::{AccountId, Timestamp};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::CanonicalUserId;
use crate::time::shown;

/// What a key is written with as it is.
const IN_KEYS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*').remove(b'/');
/// What would end a text between quotes, or a line.
const NOT_IN_QUOTES: &AsciiSet = &CONTROLS.add(b'"');
/// What would end a text without quotes.
const NOT_IN_WORDS: &AsciiSet = &NOT_IN_QUOTES.add(b' ');

/// A request, as the log of its bucket tells it. What is not there is written as a dash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLogEntry {
    /// The bucket.
    pub bucket: String,
    /// When the request came.
    pub time: Timestamp,
    /// Where it came from.
    pub remote_ip: Option<IpAddr>,
    /// Who asked: the canonical id of an account, or an ARN; `None` is anybody.
    pub requester: Option<String>,
    /// Its id.
    pub request_id: String,
    /// What was asked for, such as `REST.GET.OBJECT`: see [`operation_name`].
    pub operation: String,
    /// The object.
    pub key: Option<String>,
    /// The first line of the request: method, target and version.
    pub request_uri: Option<String>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The code of the error.
    pub error_code: Option<String>,
    /// The bytes of the answer's body.
    pub sent_bytes: Option<u64>,
    /// How long the object is.
    pub object_bytes: Option<u64>,
    /// How long it took until the last byte of the answer was sent.
    pub total_millis: Option<u64>,
    /// How long it took until the first byte was sent.
    pub turn_around_millis: Option<u64>,
    /// The header `Referer`.
    pub referer: Option<String>,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// The version that was asked for.
    pub version_id: Option<String>,
    /// The other id of the request, which answers have beside the first.
    pub host_id: Option<String>,
    /// `SigV4`, where it was signed.
    pub signature_version: Option<&'static str>,
    /// The cipher of the connection.
    pub cipher_suite: Option<String>,
    /// `AuthHeader` or `QueryString`, where it was signed.
    pub authentication: Option<&'static str>,
    /// The host that was asked.
    pub host_header: Option<String>,
    /// The version of TLS.
    pub tls_version: Option<String>,
    /// Whether it was an access control list that let it in.
    pub acl_required: bool,
}

impl AccessLogEntry {
    /// The line, with its end. `owner` is whose the bucket is.
    pub fn line(&self, owner: AccountId) -> String {
        let mut line = CanonicalUserId::of(owner).to_string();
        self.write(&mut line).expect("texts take everything that is written to them");
        line
    }

    fn write(&self, line: &mut String) -> fmt::Result {
        let time = shown(self.time, "%d/%b/%Y:%H:%M:%S +0000");
        write!(line, " {} [{time}]", plain(Some(&self.bucket)))?;
        let ip = self.remote_ip.map(|ip| ip.to_string());
        write!(line, " {} {}", plain(ip.as_deref()), plain(self.requester.as_deref()))?;
        write!(line, " {} {}", plain(Some(&self.request_id)), plain(Some(&self.operation)))?;
        match &self.key {
            Some(key) => write!(line, " {}", utf8_percent_encode(key, IN_KEYS))?,
            None => line.push_str(" -"),
        }
        write!(line, " {}", quoted(self.request_uri.as_deref()))?;
        write!(line, " {} {}", number(self.status), plain(self.error_code.as_deref()))?;
        write!(line, " {} {}", number(self.sent_bytes), number(self.object_bytes))?;
        write!(line, " {} {}", number(self.total_millis), number(self.turn_around_millis))?;
        write!(line, " {} {}", quoted(self.referer.as_deref()), quoted(self.user_agent.as_deref()))?;
        write!(line, " {} {}", plain(self.version_id.as_deref()), plain(self.host_id.as_deref()))?;
        write!(line, " {} {}", plain(self.signature_version), plain(self.cipher_suite.as_deref()))?;
        write!(line, " {} {}", plain(self.authentication), plain(self.host_header.as_deref()))?;
        // There are no access points, and where in the world a request comes from is not known.
        let acl = if self.acl_required { "Yes" } else { "-" };
        writeln!(line, " {} - {acl} -", plain(self.tls_version.as_deref()))
    }
}

/// A text without spaces.
fn plain(text: Option<&str>) -> String {
    match text {
        None | Some("") => "-".to_owned(),
        Some(text) => utf8_percent_encode(text, NOT_IN_WORDS).to_string(),
    }
}

fn quoted(text: Option<&str>) -> String {
    match text {
        None | Some("") => "\"-\"".to_owned(),
        Some(text) => format!("\"{}\"", utf8_percent_encode(text, NOT_IN_QUOTES)),
    }
}

fn number(number: Option<impl ToString>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// What operations are about, where that does not follow from their names.
const RESOURCES: [(&str, &str); 37] = [
    ("AbortMultipartUpload", "UPLOAD"),
    ("CompleteMultipartUpload", "UPLOAD"),
    ("CopyObject", "OBJECT"),
    ("CreateMultipartUpload", "UPLOADS"),
    ("DeleteObjectTagging", "OBJECT_TAGGING"),
    ("DeleteObjects", "MULTI_OBJECT_DELETE"),
    ("DeletePublicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
    ("GetBucketLocation", "LOCATION"),
    ("GetBucketPolicy", "BUCKETPOLICY"),
    ("GetBucketPolicyStatus", "POLICY_STATUS"),
    ("GetBucketVersioning", "VERSIONING"),
    ("GetObjectAcl", "ACL"),
    ("GetObjectAttributes", "OBJECT_ATTRIBUTES"),
    ("GetObjectLegalHold", "OBJECT_LOCK_LEGALHOLD"),
    ("GetObjectLockConfiguration", "OBJECT_LOCK_CONFIGURATION"),
    ("GetObjectRetention", "OBJECT_LOCK_RETENTION"),
    ("GetObjectTagging", "OBJECT_TAGGING"),
    ("GetPublicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
    ("ListBuckets", "SERVICE"),
    ("ListMultipartUploads", "UPLOADS"),
    ("ListObjectVersions", "BUCKETVERSIONS"),
    ("ListObjects", "BUCKET"),
    ("ListObjectsV2", "BUCKET"),
    ("ListParts", "UPLOAD"),
    ("PutBucketPolicy", "BUCKETPOLICY"),
    ("PutBucketVersioning", "VERSIONING"),
    ("PutObjectAcl", "ACL"),
    ("PutObjectLegalHold", "OBJECT_LOCK_LEGALHOLD"),
    ("PutObjectLockConfiguration", "OBJECT_LOCK_CONFIGURATION"),
    ("PutObjectRetention", "OBJECT_LOCK_RETENTION"),
    ("PutObjectTagging", "OBJECT_TAGGING"),
    ("PutPublicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
    ("UploadPart", "PART"),
    ("UploadPartCopy", "PART"),
    ("DeleteBucketPolicy", "BUCKETPOLICY"),
    ("GetBucketLogging", "LOGGING_STATUS"),
    ("PutBucketLogging", "LOGGING_STATUS"),
];

/// What an operation is called in logs, by its method: `REST.GET.OBJECT`.
pub fn operation_name(operation: &str, method: &str) -> String {
    // Copies come by PUT, and have a word of their own.
    let method = if operation.ends_with("Copy") || operation == "CopyObject" { "COPY" } else { method };
    let named = RESOURCES.iter().find(|(name, _)| *name == operation);
    let resource = match named {
        Some((_, resource)) => (*resource).to_owned(),
        None => {
            let verbs = ["Get", "Put", "Head", "Delete", "Create", "List"];
            let rest = verbs.iter().find_map(|verb| operation.strip_prefix(verb)).unwrap_or(operation);
            let rest = rest.strip_prefix("Bucket").filter(|rest| !rest.is_empty()).unwrap_or(rest);
            words(rest.strip_suffix("Configuration").unwrap_or(rest))
        }
    };
    format!("REST.{method}.{resource}")
}

/// `RequestPayment` as `REQUEST_PAYMENT`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for (at, letter) in name.chars().enumerate() {
        if at > 0 && letter.is_ascii_uppercase() {
            words.push('_');
        }
        words.push(letter.to_ascii_uppercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::at;

    fn entry() -> AccessLogEntry {
        AccessLogEntry {
            bucket: "amzn-bucket".into(),
            time: at("2019-02-06T00:00:38Z"),
            remote_ip: Some([192, 0, 2, 3].into()),
            requester: Some("arn:aws:iam::111122223333:user/a b".into()),
            request_id: "3E57427F3EXAMPLE".into(),
            operation: "REST.GET.OBJECT".into(),
            key: Some("a b/ü\"\n".into()),
            request_uri: Some("GET /amzn-bucket/a%20b HTTP/1.1".into()),
            status: Some(200),
            error_code: None,
            sent_bytes: Some(113),
            object_bytes: Some(2_000),
            total_millis: Some(7),
            turn_around_millis: Some(5),
            referer: None,
            user_agent: Some("curl \"x\"\r\n evil".into()),
            version_id: None,
            host_id: Some("s9lz".into()),
            signature_version: Some("SigV4"),
            cipher_suite: Some("TLS13_AES_256_GCM_SHA384".into()),
            authentication: Some("AuthHeader"),
            host_header: Some("s3.amazonaws.com".into()),
            tls_version: Some("TLSv1.3".into()),
            acl_required: false,
        }
    }

    #[test]
    fn a_line_has_its_fields_in_order() {
        let owner: AccountId = "111122223333".parse().unwrap();
        let expected = format!(
            "{} amzn-bucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 arn:aws:iam::111122223333:user/a%20b 3E57427F3EXAMPLE \
             REST.GET.OBJECT a%20b/%C3%BC%22%0A \"GET /amzn-bucket/a%20b HTTP/1.1\" 200 - 113 2000 7 5 \"-\" \
             \"curl %22x%22%0D%0A evil\" - s9lz SigV4 TLS13_AES_256_GCM_SHA384 AuthHeader s3.amazonaws.com TLSv1.3 - - -\n",
            CanonicalUserId::of(owner)
        );
        assert_eq!(entry().line(owner), expected);
        let nothing = AccessLogEntry {
            requester: None,
            key: None,
            request_uri: None,
            status: None,
            remote_ip: None,
            acl_required: true,
            ..entry()
        };
        let line = nothing.line(owner);
        assert!(line.contains("+0000] - - 3E57427F3EXAMPLE REST.GET.OBJECT - \"-\" - - 113"), "{line}");
        assert!(line.ends_with("TLSv1.3 - Yes -\n"), "{line}");
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn names_of_operations() {
        for (operation, method, expected) in [
            ("GetObject", "GET", "REST.GET.OBJECT"),
            ("HeadObject", "HEAD", "REST.HEAD.OBJECT"),
            ("CopyObject", "PUT", "REST.COPY.OBJECT"),
            ("UploadPart", "PUT", "REST.PUT.PART"),
            ("UploadPartCopy", "PUT", "REST.COPY.PART"),
            ("CreateMultipartUpload", "POST", "REST.POST.UPLOADS"),
            ("DeleteObjects", "POST", "REST.POST.MULTI_OBJECT_DELETE"),
            ("ListObjectsV2", "GET", "REST.GET.BUCKET"),
            ("CreateBucket", "PUT", "REST.PUT.BUCKET"),
            ("GetBucketAcl", "GET", "REST.GET.ACL"),
            ("PutBucketLifecycleConfiguration", "PUT", "REST.PUT.LIFECYCLE"),
            ("GetBucketRequestPayment", "GET", "REST.GET.REQUEST_PAYMENT"),
            ("PutBucketLogging", "PUT", "REST.PUT.LOGGING_STATUS"),
        ] {
            assert_eq!(operation_name(operation, method), expected);
        }
    }
}
