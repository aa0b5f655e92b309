//! Names of trails, buckets and prefixes, and ARNs of trails.
//!
//! Owns which are allowed. Refuses to know what has them.

use std::net::Ipv4Addr;

use aws_types::{AccountId, Partition, Region};
use service_api::ServiceError;

use crate::error;

/// The longest prefix of log files, in characters.
const MAX_PREFIX_CHARS: usize = 200;

/// The parts of a trail's ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arn {
    pub(crate) region: Region,
    pub(crate) account: AccountId,
    pub(crate) name: String,
}

impl Arn {
    /// `arn:aws:cloudtrail:us-east-1:123456789012:trail/name`
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", _, "cloudtrail", region, account, resource] = parts[..] else { return None };
        let name = resource.strip_prefix("trail/").filter(|name| check(name).is_ok())?;
        Some(Self { region: region.parse().ok()?, account: account.parse().ok()?, name: name.to_owned() })
    }

    /// The text.
    pub(crate) fn text(partition: Partition, region: &Region, account: AccountId, name: &str) -> String {
        format!("arn:{partition}:cloudtrail:{region}:{account}:trail/{name}")
    }
}

/// Checks the name of a trail.
///
/// # Errors
/// `InvalidTrailNameException`.
pub(crate) fn check(name: &str) -> Result<(), ServiceError> {
    let refuse = |why: &str| Err(ServiceError::new("InvalidTrailNameException", why.to_owned()));
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    if !(3..=128).contains(&name.len()) {
        return refuse("Trail name must have between 3 and 128 characters.");
    }
    if !is_end(name.as_bytes().first()) || !is_end(name.as_bytes().last()) {
        return refuse("Trail name must start and end with a letter or number.");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return refuse(
            "Trail name can only contain letters, numbers, periods (.), underscores (_) and dashes (-).",
        );
    }
    if name.as_bytes().windows(2).any(|pair| pair.iter().all(|byte| !byte.is_ascii_alphanumeric())) {
        return refuse("Trail name can not have adjacent periods, underscores or dashes.");
    }
    if name.parse::<Ipv4Addr>().is_ok() {
        return refuse("Trail name must not be in IP address format.");
    }
    Ok(())
}

/// Checks the name of a bucket, as far as its form goes.
///
/// # Errors
/// `InvalidS3BucketNameException`.
pub(crate) fn check_bucket(name: &str) -> Result<(), ServiceError> {
    let is_end =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_valid = (3..=63).contains(&name.len())
        && is_end(name.as_bytes().first())
        && is_end(name.as_bytes().last())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err();
    if is_valid {
        return Ok(());
    }
    Err(ServiceError::new("InvalidS3BucketNameException", format!("Bucket name is invalid: {name}")))
}

/// Checks a prefix of log files.
///
/// # Errors
/// `InvalidS3PrefixException`.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), ServiceError> {
    if prefix.chars().count() <= MAX_PREFIX_CHARS {
        return Ok(());
    }
    let message = format!("The prefix is longer than {MAX_PREFIX_CHARS} characters.");
    Err(ServiceError::new("InvalidS3PrefixException", message))
}

/// Refuses the parts of a trail that this cloud has no service for.
///
/// # Errors
/// What AWS answers when the other service cannot be used.
pub(crate) fn check_other_services(
    sns_topic: Option<&String>,
    logs: [Option<&String>; 2],
    kms_key: Option<&String>,
) -> Result<(), ServiceError> {
    let is_given = |text: Option<&String>| text.is_some_and(|text| !text.is_empty());
    if is_given(sns_topic) {
        return Err(error::not_here("InsufficientSnsTopicPolicyException", "Notification by SNS"));
    }
    if logs.into_iter().any(is_given) {
        return Err(error::not_here(
            "CloudWatchLogsDeliveryUnavailableException",
            "Delivery to CloudWatch Logs",
        ));
    }
    if is_given(kms_key) {
        return Err(error::not_here("KmsException", "Encryption with a key of KMS"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_aws_allows_them() {
        for good in ["abc", "my-trail_1.a", "A1b"] {
            assert!(check(good).is_ok(), "{good}");
        }
        let long = "a".repeat(129);
        for bad in ["ab", "-abc", "abc-", "a..b", "a._b", "a b", "10.0.0.1", "ä-name", &long] {
            let error = check(bad).unwrap_err();
            assert_eq!(error.code, "InvalidTrailNameException", "{bad}");
        }
        for (bucket, is_valid) in
            [("logs-1", true), ("Logs", false), ("a..b", false), ("192.168.0.1", false), ("-a-", false)]
        {
            assert_eq!(check_bucket(bucket).is_ok(), is_valid, "{bucket}");
        }
    }

    #[test]
    fn arns_are_read_and_written() {
        let text = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/my-trail";
        let arn = Arn::parse(text).unwrap();
        assert_eq!(Arn::text(Partition::Aws, &arn.region, arn.account, &arn.name), text);
        for bad in [
            "my-trail",
            "arn:aws:s3:eu-west-1:123456789012:trail/a-b",
            "arn:aws:cloudtrail:eu-west-1:1:trail/abc",
            "arn:aws:cloudtrail:eu-west-1:123456789012:channel/abc",
        ] {
            assert_eq!(Arn::parse(bad), None, "{bad}");
        }
    }
}
