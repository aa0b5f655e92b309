//! The documents among the metadata: who the instance is, and what its profile is.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html>

use aws_types::{AccountId, Timestamp};
use jiff::fmt::temporal::DateTimePrinter;
use serde_json::Value;

use super::metadata::{InstanceMetadata, InstanceProfile, SecurityCredentials};

/// The version of the document's format.
const VERSION: &str = "2017-09-30";

/// Where AWS sends those whose instance has no credentials.
const TROUBLESHOOTING: &str = "Please see documentation at \
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html.";

/// The document as AWS lays it out: these members in this order, two spaces before each and one around each colon.
pub(super) fn print(metadata: &InstanceMetadata) -> String {
    let text = |text: &dyn ToString| Value::String(text.to_string());
    let private_ip = metadata.interfaces.first().and_then(|primary| primary.private_ipv4s.first());
    let members = [
        ("accountId", text(&metadata.account)),
        ("architecture", text(&metadata.architecture)),
        ("availabilityZone", text(&metadata.availability_zone)),
        ("billingProducts", Value::Null),
        ("devpayProductCodes", Value::Null),
        ("marketplaceProductCodes", Value::Null),
        ("imageId", text(&metadata.image)),
        ("instanceId", text(&metadata.instance)),
        ("instanceType", text(&metadata.instance_type)),
        ("kernelId", Value::Null),
        ("pendingTime", text(&whole_seconds(metadata.pending_at))),
        ("privateIp", private_ip.map_or(Value::Null, |address| text(address))),
        ("ramdiskId", Value::Null),
        ("region", text(&metadata.region)),
        ("version", text(&VERSION)),
    ];
    let lines: Vec<String> = members.iter().map(|(name, value)| format!("  \"{name}\" : {value}")).collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

/// `iam/info`.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html>
pub(super) fn profile(profile: &InstanceProfile) -> String {
    let updated = whole_seconds(profile.updated_at);
    if !profile.is_found {
        let message = format!("Instance Profile {} cannot be found. {TROUBLESHOOTING}", profile.arn);
        return texts(&[
            ("Code", "InstanceProfileNotFound"),
            ("Message", &message),
            ("LastUpdated", &updated),
        ]);
    }
    texts(&[
        ("Code", "Success"),
        ("LastUpdated", &updated),
        ("InstanceProfileArn", &profile.arn),
        ("InstanceProfileId", &profile.id),
    ])
}

/// `iam/security-credentials/ROLE`.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>
pub(super) fn credentials(held: &SecurityCredentials) -> String {
    texts(&[
        ("Code", "Success"),
        ("LastUpdated", &whole_seconds(held.issued)),
        ("Type", "AWS-HMAC"),
        ("AccessKeyId", &held.access_key_id),
        ("SecretAccessKey", &held.secret),
        ("Token", &held.token),
        ("Expiration", &whole_seconds(held.expires)),
    ])
}

/// The same of a role that does not let instances in.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html>
pub(super) fn not_assumed(role: &str, since: Timestamp) -> String {
    let message = format!("EC2 cannot assume the role {role}. {TROUBLESHOOTING}");
    let updated = whole_seconds(since);
    texts(&[("Code", "AssumeRoleUnauthorizedAccess"), ("Message", &message), ("LastUpdated", &updated)])
}

/// `identity-credentials/ec2/info`.
pub(super) fn identity(account: AccountId, updated: Timestamp) -> String {
    let (account, updated) = (account.to_string(), whole_seconds(updated));
    texts(&[("Code", "Success"), ("LastUpdated", &updated), ("AccountId", &account)])
}

fn texts(members: &[(&str, &str)]) -> String {
    let lines: Vec<String> = members
        .iter()
        .map(|(name, text)| format!("  \"{name}\" : {}", Value::String((*text).to_owned())))
        .collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

/// `2016-11-19T16:32:11Z`.
fn whole_seconds(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(time.unix_secs()).unwrap_or(jiff::Timestamp::MAX);
    DateTimePrinter::new().precision(Some(0)).timestamp_to_string(&time)
}
