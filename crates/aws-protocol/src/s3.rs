//! Where S3 is not like its model: the names of its documents, its statuses, keys in listings, metadata beyond ASCII.
//!
//! Owns these facts alone. Refuses to know how bodies and headers are read and written, which is the codecs' business.

use aws_model::{Fields, Model, Operation, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::ProtocolError;

/// What documents may say that they are of. Without one they are of it too.
pub(crate) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// What is said of every document that is not as it should be, whatever is wrong.
const MALFORMED: &str =
    "The XML you provided was not well-formed or did not validate against our published schema";

/// Members that hold keys or parts of them, in answers that list keys.
const KEYS: [&str; 8] =
    ["Delimiter", "Key", "KeyMarker", "Marker", "NextKeyMarker", "NextMarker", "Prefix", "StartAfter"];
/// What stands for itself in keys that are URL-encoded.
const IN_KEYS: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Whether a model is S3's.
pub(crate) fn is_of(model: &Model) -> bool {
    model.metadata.name == "s3"
}

/// A body that is not what the operation takes.
pub(crate) fn malformed() -> ProtocolError {
    ProtocolError::new("MalformedXML", MALFORMED)
}

/// Whether a document may be of this namespace.
pub(crate) fn is_namespace(uri: &str) -> bool {
    uri.trim_end_matches('/') == NAMESPACE.trim_end_matches('/')
}

/// A parameter in the path, query or headers that is of another type than the model's.
pub(crate) fn bad_parameter(name: &str, is_number: bool) -> ProtocolError {
    let message = match name {
        "partNumber" => "Part number must be an integer between 1 and 10000, inclusive".to_owned(),
        _ if is_number => format!("Provided {name} not an integer or within integer range"),
        _ => format!("The value of {name} is not valid"),
    };
    ProtocolError::new("InvalidArgument", message)
}

/// What is said of a value that is not one of those that its shape has.
pub(crate) fn not_among(shape: &str, is_in_body: bool, sentence: String) -> ProtocolError {
    let (code, message) = match (shape, is_in_body) {
        ("BucketLocationConstraint", _) => {
            ("InvalidLocationConstraint", "The specified location-constraint is not valid")
        }
        ("Event", _) => ("InvalidArgument", "The event is not supported for notifications"),
        ("ChecksumAlgorithm", false) => (
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        ),
        ("StorageClass", false) => ("InvalidStorageClass", "The storage class you specified is not valid"),
        ("ServerSideEncryption", false) => (
            "InvalidEncryptionAlgorithmError",
            "The encryption request that you specified is not valid. The valid value is AES256.",
        ),
        (_, true) => return malformed(),
        (_, false) => return ProtocolError::new("InvalidArgument", sentence),
    };
    ProtocolError::new(code, message)
}

/// A request without the document that its operation takes.
pub(crate) fn without_body() -> ProtocolError {
    ProtocolError::new("MissingRequestBodyError", "Request body is empty")
}

/// The root element of an answer, where it is another than its shape's name gives.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>
pub(crate) fn root(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "CreateMultipartUpload" => "InitiateMultipartUploadResult",
        "DeleteObjects" => "DeleteResult",
        "GetBucketAccelerateConfiguration" => "AccelerateConfiguration",
        "GetBucketAcl" | "GetObjectAcl" => "AccessControlPolicy",
        "GetBucketCors" => "CORSConfiguration",
        "GetBucketLifecycle" | "GetBucketLifecycleConfiguration" => "LifecycleConfiguration",
        "GetBucketLocation" => "LocationConstraint",
        "GetBucketLogging" => "BucketLoggingStatus",
        "GetBucketNotification" | "GetBucketNotificationConfiguration" => "NotificationConfiguration",
        "GetBucketRequestPayment" => "RequestPaymentConfiguration",
        "GetBucketTagging" | "GetObjectTagging" => "Tagging",
        "GetBucketVersioning" => "VersioningConfiguration",
        "GetBucketWebsite" => "WebsiteConfiguration",
        "GetObjectAttributes" => "GetObjectAttributesResponse",
        "ListBuckets" | "ListDirectoryBuckets" => "ListAllMyBucketsResult",
        "ListBucketInventoryConfigurations" => "ListInventoryConfigurationsResult",
        "ListBucketMetricsConfigurations" => "ListMetricsConfigurationsResult",
        "ListObjects" | "ListObjectsV2" => "ListBucketResult",
        "ListObjectVersions" => "ListVersionsResult",
        _ => return None,
    })
}

/// The status of an answer, where it is another than the model's.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html#API_PutBucketPolicy_Examples>
pub(crate) fn answered_with(model: &Model, operation: &Operation) -> Option<u16> {
    let is_empty = matches!(operation.name, "PutBucketPolicy" | "PutBucketTagging");
    (is_of(model) && is_empty).then_some(204)
}

/// The status of an error that the model does not have.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
pub(crate) fn status(code: &str) -> Option<u16> {
    Some(match code {
        "PermanentRedirect" => 301,
        "NotModified" => 304,
        "Redirect" | "TemporaryRedirect" => 307,
        "AccessDenied"
        | "AccountProblem"
        | "AllAccessDisabled"
        | "CrossLocationLoggingProhibited"
        | "InvalidAccessKeyId"
        | "InvalidObjectState"
        | "InvalidPayer"
        | "InvalidSecurity"
        | "NotSignedUp"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch" => 403,
        "NoSuchBucket"
        | "NoSuchBucketPolicy"
        | "NoSuchConfiguration"
        | "NoSuchCORSConfiguration"
        | "NoSuchKey"
        | "NoSuchLifecycleConfiguration"
        | "NoSuchObjectLockConfiguration"
        | "NoSuchPublicAccessBlockConfiguration"
        | "NoSuchTagSet"
        | "NoSuchUpload"
        | "NoSuchVersion"
        | "NoSuchWebsiteConfiguration"
        | "ObjectLockConfigurationNotFoundError"
        | "OwnershipControlsNotFoundError"
        | "ReplicationConfigurationNotFoundError"
        | "ServerSideEncryptionConfigurationNotFoundError" => 404,
        "MethodNotAllowed" => 405,
        "BucketAlreadyExists"
        | "BucketAlreadyOwnedByYou"
        | "BucketNotEmpty"
        | "ConditionalRequestConflict"
        | "InvalidBucketState"
        | "OperationAborted"
        | "RestoreAlreadyInProgress" => 409,
        "MissingContentLength" => 411,
        "PreconditionFailed" => 412,
        "InvalidRange" => 416,
        "InternalError" => 500,
        "NotImplemented" => 501,
        "ServiceUnavailable" | "SlowDown" => 503,
        _ => return None,
    })
}

/// An answer that lists keys, with these URL-encoded where the answer says so. The other members stay as they are.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub(crate) fn with_keys_encoded(fields: &Fields) -> Option<Fields> {
    let is_encoded = matches!(fields.get("EncodingType"), Some(Value::String(encoding)) if encoding == "url");
    is_encoded.then(|| encoded(fields))
}

fn encoded(fields: &Fields) -> Fields {
    let member = |(name, value): (&'static str, &Value)| match value {
        Value::String(text) if KEYS.contains(&name) => {
            (name, Value::String(utf8_percent_encode(text, &IN_KEYS).to_string()))
        }
        Value::List(items) => {
            let item = |item: &Value| match item {
                Value::Structure(fields) => Value::Structure(encoded(fields)),
                other => other.clone(),
            };
            (name, Value::List(items.iter().map(item).collect()))
        }
        other => (name, other.clone()),
    };
    fields.iter().map(member).collect()
}

/// Metadata as a header has it: as it is where that is ASCII, or else as an encoded word of RFC 2047.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
pub(crate) fn metadata_in_header(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { format!("=?UTF-8?B?{}?=", STANDARD.encode(text)) }
}

/// Metadata as a header had it, with the encoded words of RFC 2047 decoded. Spaces between two of them are not part of it.
pub(crate) fn metadata_of_header(text: &str) -> String {
    let mut decoded = String::new();
    let (mut rest, mut is_after_word) = (text, false);
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        let found = encoded_word(from);
        if !(is_after_word && found.is_some() && before.trim().is_empty()) {
            decoded.push_str(before);
        }
        is_after_word = found.is_some();
        let (word, length) = found.unwrap_or_else(|| ("=?".to_owned(), 2));
        decoded.push_str(&word);
        rest = &from[length..];
    }
    decoded + rest
}

/// The encoded word that a text begins with, and how long it is. None where it is none, or of another character set.
fn encoded_word(text: &str) -> Option<(String, usize)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (data, _) = rest.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(data).ok()?,
        "Q" | "q" => quoted_printable(data)?,
        _ => return None,
    };
    let word = match charset.to_ascii_lowercase().as_str() {
        "utf-8" | "us-ascii" => String::from_utf8(bytes).ok()?,
        "iso-8859-1" => bytes.into_iter().map(char::from).collect(),
        _ => return None,
    };
    Some((word, 2 + charset.len() + 1 + encoding.len() + 1 + data.len() + 2))
}

fn quoted_printable(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'_' => b' ',
            b'=' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_beyond_ascii_is_in_encoded_words() {
        let check = |header: &str, text: &str| assert_eq!(metadata_of_header(header), text, "{header}");
        check("plain = ?", "plain = ?");
        check("=?UTF-8?B?w4TDnA==?=", "ÄÜ");
        check("a =?utf-8?q?=C3=84_b?= c", "a Ä b c");
        check("=?UTF-8?B?w4Q=?= =?UTF-8?B?w5w=?=", "ÄÜ");
        check("=?ISO-8859-1?Q?=C4?=x", "Äx");
        // What is none stays as it is.
        for text in
            ["=?", "=?UTF-8?B?!?=", "=?koi8-r?B?w4Q=?=", "=?UTF-8?X?a?=", "=?UTF-8?Q?=C?=", "=?UTF-8?Q?=FF?="]
        {
            check(text, text);
        }
        assert_eq!(metadata_in_header("plain"), "plain");
        for text in ["Ä b", "中", "\u{1f600}"] {
            let header = metadata_in_header(text);
            assert!(header.is_ascii(), "{header}");
            check(&header, text);
        }
    }

    #[test]
    fn keys_are_encoded_where_the_answer_says_so() {
        let list = |encoding: Option<&str>| {
            let text = |text: &str| Value::String(text.to_owned());
            let key =
                Value::Structure(Fields::from_iter([("Key", text("a+b/ä c")), ("ETag", text("\"x\""))]));
            let mut fields =
                Fields::from_iter([("Contents", Value::List(vec![key])), ("Prefix", text("a+"))]);
            fields.push("ContinuationToken", text("a+"));
            if let Some(encoding) = encoding {
                fields.push("EncodingType", text(encoding));
            }
            with_keys_encoded(&fields).map(|fields| format!("{fields:?}"))
        };
        assert_eq!(list(None), None);
        let encoded = list(Some("url")).unwrap_or_default();
        for part in [
            r#""Key", String("a%2Bb/%C3%A4%20c")"#,
            r#""Prefix", String("a%2B")"#,
            r#""ContinuationToken", String("a+")"#,
        ] {
            assert!(encoded.contains(part), "{part} is not in {encoded}");
        }
    }
}
