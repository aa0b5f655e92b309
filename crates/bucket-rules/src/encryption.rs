//! Default encryption of buckets.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html>

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::RuleError;

/// How objects are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SseAlgorithm {
    /// With keys of S3, as every bucket is made.
    #[default]
    Aes256,
    /// With a key of KMS.
    Kms,
    /// With a key of KMS, twice.
    KmsDsse,
}

impl SseAlgorithm {
    /// As documents and headers have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "aws:kms",
            Self::KmsDsse => "aws:kms:dsse",
        }
    }

    /// Reads the header `x-amz-server-side-encryption`.
    ///
    /// # Errors
    /// [`RuleError::EncryptionAlgorithm`].
    pub fn of_header(text: &str) -> Result<Self, RuleError> {
        text.parse().map_err(|_| RuleError::EncryptionAlgorithm(text.to_owned()))
    }
}

impl FromStr for SseAlgorithm {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let all = [Self::Aes256, Self::Kms, Self::KmsDsse];
        all.into_iter().find(|one| one.as_str() == text).ok_or(RuleError::MalformedXml)
    }
}

/// A rule as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenEncryptionRule {
    /// `SSEAlgorithm`, and `KMSMasterKeyID`, of `ApplyServerSideEncryptionByDefault`.
    pub by_default: Option<(String, Option<String>)>,
    /// Whether keys of KMS are asked for once per bucket.
    pub bucket_key_enabled: bool,
    /// Ways of encryption that are refused: `SSE-C`, or `NONE` for none.
    pub blocked_encryption_types: Vec<String>,
}

/// The default encryption of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketEncryption {
    /// How.
    pub algorithm: SseAlgorithm,
    /// With which key of KMS. `None` is AWS's own for S3.
    pub kms_key: Option<String>,
    /// Whether keys of KMS are asked for once per bucket.
    pub bucket_key_enabled: bool,
    /// Whether keys that come with requests are refused. `None` was not said.
    pub blocks_customer_keys: Option<bool>,
}

impl BucketEncryption {
    /// Reads the rules of a document, of which there is one.
    ///
    /// # Errors
    /// [`RuleError::MalformedXml`], or [`RuleError::Argument`] for a key of KMS without KMS.
    pub fn of_rules(rules: &[WrittenEncryptionRule]) -> Result<Self, RuleError> {
        let [rule] = rules else { return Err(RuleError::MalformedXml) };
        let blocked: Vec<&str> = rule.blocked_encryption_types.iter().map(String::as_str).collect();
        let blocks_customer_keys = match blocked.as_slice() {
            [] => None,
            ["SSE-C"] => Some(true),
            ["NONE"] => Some(false),
            _ => return Err(RuleError::MalformedXml),
        };
        if rule.by_default.is_none() && blocks_customer_keys.is_none() {
            return Err(RuleError::MalformedXml);
        }
        let (algorithm, kms_key) = match &rule.by_default {
            None => (SseAlgorithm::default(), None),
            Some((algorithm, kms_key)) => (algorithm.parse()?, kms_key.clone()),
        };
        if algorithm == SseAlgorithm::Aes256 && kms_key.is_some() {
            let message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse";
            return Err(RuleError::argument_alone(message, "ApplyServerSideEncryptionByDefault"));
        }
        Ok(Self { algorithm, kms_key, bucket_key_enabled: rule.bucket_key_enabled, blocks_customer_keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let rule = |algorithm: &str, key: Option<&str>| WrittenEncryptionRule {
            by_default: Some((algorithm.into(), key.map(str::to_owned))),
            ..WrittenEncryptionRule::default()
        };
        let blocks = |types: &[&str]| WrittenEncryptionRule {
            blocked_encryption_types: types.iter().map(|one| (*one).to_owned()).collect(),
            ..WrittenEncryptionRule::default()
        };
        for (rules, code) in [
            (vec![], "MalformedXML"),
            (vec![rule("AES256", None), rule("AES256", None)], "MalformedXML"),
            (vec![rule("aes256", None)], "MalformedXML"),
            (vec![WrittenEncryptionRule::default()], "MalformedXML"),
            (vec![blocks(&["SSE-X"])], "MalformedXML"),
            (vec![blocks(&["SSE-C", "NONE"])], "MalformedXML"),
            (vec![rule("AES256", Some("key"))], "InvalidArgument"),
        ] {
            assert_eq!(BucketEncryption::of_rules(&rules).unwrap_err().code(), code, "{rules:?}");
        }
        for (one, algorithm, key, blocked) in [
            (rule("AES256", None), SseAlgorithm::Aes256, None, None),
            (rule("aws:kms", Some("k")), SseAlgorithm::Kms, Some("k"), None),
            (rule("aws:kms:dsse", None), SseAlgorithm::KmsDsse, None, None),
            (blocks(&["SSE-C"]), SseAlgorithm::Aes256, None, Some(true)),
            (blocks(&["NONE"]), SseAlgorithm::Aes256, None, Some(false)),
        ] {
            let read = BucketEncryption::of_rules(&[one]).unwrap();
            assert_eq!((read.algorithm, read.kms_key.as_deref()), (algorithm, key));
            assert_eq!(read.blocks_customer_keys, blocked);
        }
        assert_eq!(SseAlgorithm::of_header("aws:kms"), Ok(SseAlgorithm::Kms));
        let error = SseAlgorithm::of_header("KMS").unwrap_err();
        assert_eq!(error.code(), "InvalidEncryptionAlgorithmError");
        assert_eq!(error.details()[1].1, "KMS");
    }
}
