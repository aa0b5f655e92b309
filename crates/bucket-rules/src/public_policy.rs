//! Whether the policy of a bucket is public: for `GetBucketPolicyStatus`, and for two switches of block public access.
//!
//! A policy is public until it is shown that it is not: every statement that allows has to name somebody, or to hold only for
//! fixed values of one of some keys. A value with a wildcard or a variable is not fixed.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status>

use std::net::IpAddr;

use iam_policy::Policy;
use ipnet::IpNet;

use crate::written_policy::{WrittenStatement, statements};

/// Keys whose fixed values make a statement one about somebody.
const NAMING_KEYS: [&str; 13] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:sourcearn",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourceowner",
    "aws:sourceaccount",
    // A role with any session is one, but AWS counts the star that says so.
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];
/// Wider blocks are as good as everybody.
const V4_PREFIX_MIN: u8 = 8;
const V6_PREFIX_MIN: u8 = 32;

/// Whether a policy is public.
pub fn is_public_policy(policy: &Policy) -> bool {
    let document = serde_json::from_str(policy.text()).ok();
    // What cannot be read is not shown to be private.
    let Some(written) = document.as_ref().and_then(statements) else { return true };
    written.iter().any(is_public)
}

fn is_public(statement: &WrittenStatement) -> bool {
    let narrows = || {
        let mut conditions = statement.conditions();
        conditions.any(|(operator, key, values)| narrows(operator, key, &values))
    };
    statement.allows() && statement.is_about_everybody() && !narrows()
}

/// Whether a condition holds for somebody alone.
fn narrows(operator: &str, key: &str, values: &[String]) -> bool {
    // `ForAllValues` and `…IfExists` hold where the key is missing.
    let operator = operator.strip_prefix("ForAnyValue:").unwrap_or(operator);
    let key = key.to_ascii_lowercase();
    let all = |test: &dyn Fn(&str) -> bool| !values.is_empty() && values.iter().all(|value| test(value));
    match (operator, key.as_str()) {
        ("IpAddress", "aws:sourceip") => all(&is_narrow_block),
        (
            "StringEquals" | "StringEqualsIgnoreCase" | "StringLike" | "ArnEquals" | "ArnLike",
            "s3:dataaccesspointarn",
        ) => all(&has_fixed_account),
        ("StringEquals" | "StringEqualsIgnoreCase" | "StringLike" | "ArnEquals" | "ArnLike", key) => {
            NAMING_KEYS.contains(&key) && all(&is_fixed)
        }
        _ => false,
    }
}

fn is_fixed(value: &str) -> bool {
    !value.is_empty() && !value.contains(['*', '?']) && !value.contains("${")
}

/// An access point whose name may have a wildcard, but not its account.
fn has_fixed_account(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "s3", _, account, _]
        if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_narrow_block(value: &str) -> bool {
    let block: Option<IpNet> = value.parse().ok().or_else(|| value.parse::<IpAddr>().ok().map(IpNet::from));
    match block {
        None => false,
        Some(IpNet::V4(block)) => block.prefix_len() >= V4_PREFIX_MIN,
        // Unique local addresses are private as those of RFC 1918 are.
        Some(IpNet::V6(block)) => {
            block.prefix_len() >= V6_PREFIX_MIN
                || (block.prefix_len() >= 7 && block.network().segments()[0] & 0xfe00 == 0xfc00)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(effect: &str, principal: &str, condition: &str) -> Policy {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{condition}}}]}}"#
        );
        Policy::parse_stored(&text).unwrap()
    }

    #[test]
    fn principals() {
        for (principal, expected) in [
            (r#""*""#, true),
            (r#"{"AWS":"*"}"#, true),
            (r#"{"AWS":["111122223333","*"]}"#, true),
            (r#"{"Service":"*"}"#, true),
            (r#"{"AWS":"arn:aws:iam::111122223333:root"}"#, false),
            (r#"{"Service":"cloudtrail.amazonaws.com"}"#, false),
        ] {
            assert_eq!(is_public_policy(&policy("Allow", principal, "{}")), expected, "{principal}");
            assert!(!is_public_policy(&policy("Deny", principal, "{}")), "{principal}");
        }
        let two = r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:*","Resource":"arn:aws:s3:::b"},
            {"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b"}]}"#;
        assert!(is_public_policy(&Policy::parse_stored(two).unwrap()));
        let not = r#"{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"s3:*","Resource":"arn:aws:s3:::b"}}"#;
        assert!(is_public_policy(&Policy::parse_stored(not).unwrap()));
    }

    #[test]
    fn conditions() {
        for (condition, expected) in [
            (r#"{"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}"#, false),
            (r#"{"StringLike":{"aws:SourceVpc":"vpc-91237329"}}"#, false),
            (r#"{"StringLike":{"aws:SourceVpc":"vpc-*"}}"#, true),
            (r#"{"StringEquals":{"aws:SourceVpc":["vpc-91237329","vpc-?"]}}"#, true),
            (r#"{"StringEquals":{"aws:PrincipalOrgID":"${aws:PrincipalOrgID}"}}"#, true),
            (r#"{"StringEquals":{"AWS:principalORGID":"o-abcdefghij"}}"#, false),
            (r#"{"StringEquals":{"aws:SourceVpce":"vpce-1"},"Bool":{"aws:SecureTransport":"true"}}"#, false),
            (r#"{"Bool":{"aws:SecureTransport":"true"}}"#, true),
            (r#"{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}"#, true),
            (r#"{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}"#, true),
            (r#"{"ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-1"}}"#, true),
            (r#"{"ForAnyValue:StringEquals":{"aws:SourceVpc":"vpc-1"}}"#, false),
            (r#"{"StringEquals":{"aws:Referer":"https://example.org"}}"#, true),
            (r#"{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:111122223333:*"}}"#, true),
            (r#"{"ArnLike":{"aws:SourceArn":"arn:aws:sns:us-east-1:111122223333:t"}}"#, false),
            (r#"{"StringEquals":{"aws:userid":"AIDAEXAMPLE"}}"#, false),
            (r#"{"StringLike":{"aws:userid":"AROAEXAMPLE:*"}}"#, true),
            (
                r#"{"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-west-2:123456789012:accesspoint/*"}}"#,
                false,
            ),
            (r#"{"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-west-2:*:accesspoint/a"}}"#, true),
            (r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/32"}}"#, false),
            (r#"{"IpAddress":{"aws:SourceIp":"203.0.113.7"}}"#, false),
            (r#"{"IpAddress":{"aws:SourceIp":"11.0.0.0/8"}}"#, false),
            (r#"{"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}}"#, true),
            (r#"{"IpAddress":{"aws:SourceIp":["203.0.113.7","0.0.0.0/0"]}}"#, true),
            (r#"{"IpAddress":{"aws:SourceIp":"2001:db8::/32"}}"#, false),
            (r#"{"IpAddress":{"aws:SourceIp":"2000::/31"}}"#, true),
            (r#"{"IpAddress":{"aws:SourceIp":"fc00::/7"}}"#, false),
            (r#"{"NotIpAddress":{"aws:SourceIp":"203.0.113.7"}}"#, true),
            (r#"{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/16"}}"#, true),
        ] {
            assert_eq!(is_public_policy(&policy("Allow", r#""*""#, condition)), expected, "{condition}");
        }
    }
}
