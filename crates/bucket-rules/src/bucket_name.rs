//! Names of buckets.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::RuleError;

const CHARS_MIN: usize = 3;
const CHARS_MAX: usize = 63;
/// What AWS keeps for itself at the beginning.
const RESERVED_PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
/// What AWS keeps for aliases, access points, directory buckets and table buckets at the end.
const RESERVED_SUFFIXES: [&str; 6] = ["-s3alias", "--ol-s3", "--ols-s3", ".mrap", "--x-s3", "--table-s3"];

/// The name of a general purpose bucket.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketName(String);

impl BucketName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `arn:aws:s3:::NAME`.
    pub fn arn(&self) -> String {
        format!("arn:aws:s3:::{self}")
    }

    /// Whether the certificate of `*.s3.REGION.amazonaws.com` holds for the bucket's own host name: a star is one label.
    pub fn is_one_label(&self) -> bool {
        !self.0.contains('.')
    }
}

impl FromStr for BucketName {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        let characters =
            |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'.' || *byte == b'-';
        let valid = (CHARS_MIN..=CHARS_MAX).contains(&text.len())
            && bytes.iter().all(characters)
            && is_edge(bytes.first())
            && is_edge(bytes.last())
            && !text.contains("..")
            && text.parse::<Ipv4Addr>().is_err()
            && !looks_like_an_address(text)
            && !RESERVED_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
            && !RESERVED_SUFFIXES.iter().any(|suffix| text.ends_with(suffix));
        if valid { Ok(Self(text.to_owned())) } else { Err(RuleError::BucketName(text.to_owned())) }
    }
}

/// Four numbers with dots between them, whatever the numbers are.
fn looks_like_an_address(text: &str) -> bool {
    let mut parts = 0;
    let all = text.split('.').all(|part| {
        parts += 1;
        !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    all && parts == 4
}

impl TryFrom<String> for BucketName {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<BucketName> for String {
    fn from(name: BucketName) -> Self {
        name.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(63);
        for good in
            ["abc", "a-b", "my.bucket.name", "1bucket", "x--y", "192.168.5", "192.168.5.4444", &longest]
        {
            assert_eq!(good.parse::<BucketName>().map(String::from).as_deref(), Ok(good));
        }
        let too_long = "a".repeat(64);
        for bad in [
            "",
            "ab",
            &too_long,
            "Abc",
            "a_b",
            "abc-",
            "-abc",
            ".abc",
            "abc.",
            "a..b",
            "192.168.5.4",
            "999.1.1.1",
            "xn--abc",
            "sthree-abc",
            "amzn-s3-demo-bucket",
            "abc-s3alias",
            "abc--ol-s3",
            "abc--ols-s3",
            "abc.mrap",
            "abc--usw2-az1--x-s3",
            "abc--table-s3",
            "bücket",
            "a b",
        ] {
            assert_eq!(bad.parse::<BucketName>(), Err(RuleError::BucketName(bad.to_owned())), "{bad}");
        }
        assert!(!"a.b".parse::<BucketName>().unwrap().is_one_label());
        assert_eq!("abc".parse::<BucketName>().unwrap().arn(), "arn:aws:s3:::abc");
    }
}
