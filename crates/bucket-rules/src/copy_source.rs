//! The header `x-amz-copy-source`: `/bucket/key?versionId=id`, URL-encoded.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>

use percent_encoding::percent_decode_str;

use crate::{BucketName, ObjectKey, RuleError};

const NAME: &str = "x-amz-copy-source";

/// What is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopySource {
    /// The bucket.
    pub bucket: BucketName,
    /// The key in it.
    pub key: ObjectKey,
    /// Which version; `None` is the current one.
    pub version_id: Option<String>,
}

impl CopySource {
    /// Reads the header. The slash before the bucket may be missing. A question mark that belongs to the key is encoded.
    ///
    /// # Errors
    /// [`RuleError::Argument`] if it does not name a bucket and a key, or names an access point, which Brume does not have.
    pub fn parse(header: &str) -> Result<Self, RuleError> {
        let refused = |message: &'static str| RuleError::argument(message, NAME, NAME);
        let (path, version_id) = match header.split_once("?versionId=") {
            Some((path, version)) => (path, Some(version)),
            None => (header, None),
        };
        if version_id.is_some_and(str::is_empty) {
            return Err(RuleError::argument("Invalid version id specified", "versionId", ""));
        }
        let decoded = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(|text| text.into_owned()).map_err(|_| refused("Invalid copy source encoding"))
        };
        let path = decoded(path)?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let Some((bucket, key)) = path.split_once('/').filter(|(_, key)| !key.is_empty()) else {
            return Err(refused("Invalid copy source object key"));
        };
        let bucket = bucket.parse().map_err(|_| refused("Invalid copy source bucket name"))?;
        Ok(Self { bucket, key: key.parse()?, version_id: version_id.map(decoded).transpose()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        for (header, bucket, key, version) in [
            ("/bucket/key", "bucket", "key", None),
            ("bucket/key", "bucket", "key", None),
            ("bucket/a/b%20c", "bucket", "a/b c", None),
            ("%2Fbucket%2Fkey", "bucket", "key", None),
            ("bucket/a+b", "bucket", "a+b", None),
            ("bucket/key?versionId=abc", "bucket", "key", Some("abc")),
            ("bucket/key?versionId=null", "bucket", "key", Some("null")),
            ("bucket/what%3FversionId=1", "bucket", "what?versionId=1", None),
            ("bucket//key", "bucket", "/key", None),
        ] {
            let source = CopySource::parse(header).unwrap();
            let found = (source.bucket.as_str(), source.key.as_str(), source.version_id.as_deref());
            assert_eq!(found, (bucket, key, version), "{header}");
        }
        for (header, message) in [
            ("", "Invalid copy source object key"),
            ("bucket", "Invalid copy source object key"),
            ("/bucket/", "Invalid copy source object key"),
            ("x-amz-copy-source", "Invalid copy source object key"),
            ("Bucket_/key", "Invalid copy source bucket name"),
            ("arn:aws:s3:us-east-1:111122223333:accesspoint/a/object/b", "Invalid copy source bucket name"),
            ("bucket/%FF", "Invalid copy source encoding"),
            ("bucket/key?versionId=", "Invalid version id specified"),
        ] {
            let error = CopySource::parse(header).unwrap_err();
            assert_eq!((error.code(), error.to_string().as_str()), ("InvalidArgument", message), "{header}");
        }
        let long = format!("bucket/{}", "k".repeat(1_025));
        assert_eq!(CopySource::parse(&long).unwrap_err().code(), "KeyTooLongError");
    }
}
