//! What lets the delivery of logs into a bucket, added to its policy.
//!
//! Owns the two statements that AWS adds itself. Refuses to know who may add them.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html>

use serde_json::{Value as Json, json};
use service_api::{RequestContext, ServiceError};

use super::{ACL, LOG_DELIVERY};

const WRITING: &str = "AWSLogDeliveryWrite";
const LOOKING: &str = "AWSLogDeliveryAclCheck";

/// A policy with these statements, which stand behind those that are there. `None`: they are there already.
///
/// # Errors
/// The policy that is there is none.
pub(super) fn with_delivery(
    policy: Option<&str>,
    context: &RequestContext,
    bucket: &str,
    root: &str,
) -> Result<Option<String>, ServiceError> {
    let malformed = |_| ServiceError::new("MalformedPolicy", "the policy of the bucket cannot be read");
    let empty = || json!({ "Version": "2012-10-17", "Statement": [] });
    let mut policy: Json = policy.map_or_else(|| Ok(empty()), serde_json::from_str).map_err(malformed)?;
    let mut statements = match policy.get_mut("Statement").map(Json::take) {
        Some(Json::Array(statements)) => statements,
        Some(Json::Null) | None => Vec::new(),
        Some(one) => vec![one],
    };
    let (partition, region, account) = (context.partition, &context.region, context.account());
    let arn = format!("arn:{partition}:s3:::{bucket}");
    let resource = json!(format!("{arn}/{root}/*"));
    let is_ours = |statement: &Json| {
        statement["Principal"]["Service"] == LOG_DELIVERY
            && statement["Effect"] == "Allow"
            && statement["Resource"] == resource
    };
    if statements.iter().any(is_ours) {
        return Ok(None);
    }
    let from = json!({ "aws:SourceArn": format!("arn:{partition}:logs:{region}:{account}:*") });
    let writing = json!({
        "Sid": unused(&statements, WRITING),
        "Effect": "Allow",
        "Principal": { "Service": LOG_DELIVERY },
        "Action": "s3:PutObject",
        "Resource": resource,
        "Condition": {
            "StringEquals": { "aws:SourceAccount": account.to_string(), "s3:x-amz-acl": ACL },
            "ArnLike": from,
        },
    });
    let looking = json!({
        "Sid": unused(&statements, LOOKING),
        "Effect": "Allow",
        "Principal": { "Service": LOG_DELIVERY },
        "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
        "Resource": arn,
        "Condition": {
            "StringEquals": { "aws:SourceAccount": account.to_string() },
            "ArnLike": from,
        },
    });
    statements.extend([writing, looking]);
    policy["Statement"] = Json::Array(statements);
    Ok(Some(policy.to_string()))
}

/// A name that no statement has.
fn unused(statements: &[Json], name: &str) -> String {
    let is_used = |name: &str| statements.iter().any(|statement| statement["Sid"] == name);
    let numbered = (1..).map(|number: usize| format!("{name}{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !is_used(name))
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::context;

    #[test]
    fn what_is_there_stays() {
        let there = r#"{"Version":"2012-10-17","Id":"mine","Statement":{"Sid":"AWSLogDeliveryWrite","Effect":"Deny",
            "Principal":"*","Action":"s3:*","Resource":"*"}}"#;
        let made = with_delivery(Some(there), &context(), "b", "f/AWSLogs/123456789012").unwrap().unwrap();
        assert_eq!(with_delivery(Some(&made), &context(), "b", "f/AWSLogs/123456789012").unwrap(), None);
        let made: Json = serde_json::from_str(&made).unwrap();
        assert_eq!(made["Id"], "mine");
        let statements = made["Statement"].as_array().unwrap();
        let sids: Vec<&str> = statements.iter().map(|one| one["Sid"].as_str().unwrap()).collect();
        assert_eq!(sids, ["AWSLogDeliveryWrite", "AWSLogDeliveryWrite1", "AWSLogDeliveryAclCheck"]);
        assert_eq!(statements[1]["Resource"], "arn:aws:s3:::b/f/AWSLogs/123456789012/*");
        assert_eq!(
            statements[2]["Condition"]["ArnLike"]["aws:SourceArn"],
            "arn:aws:logs:us-east-1:123456789012:*"
        );
        assert!(with_delivery(Some("{"), &context(), "b", "r").is_err());
        let made: Json =
            serde_json::from_str(&with_delivery(None, &context(), "b", "r").unwrap().unwrap()).unwrap();
        assert_eq!(made["Version"], "2012-10-17");
    }
}
