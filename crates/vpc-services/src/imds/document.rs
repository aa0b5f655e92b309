//! The documents among the metadata: who the instance is, and what its profile is.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html>

use aws_types::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde_json::Value;

use super::metadata::{InstanceMetadata, InstanceProfile};

/// The version of the document's format.
const VERSION: &str = "2017-09-30";

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
    let members = [
        ("Code", "Success".to_owned()),
        ("LastUpdated", whole_seconds(profile.updated_at)),
        ("InstanceProfileArn", profile.arn.clone()),
        ("InstanceProfileId", profile.id.clone()),
    ];
    let lines: Vec<String> = members
        .iter()
        .map(|(name, text)| format!("  \"{name}\" : {}", Value::String(text.clone())))
        .collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

/// `2016-11-19T16:32:11Z`.
fn whole_seconds(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(time.unix_secs()).unwrap_or(jiff::Timestamp::MAX);
    DateTimePrinter::new().precision(Some(0)).timestamp_to_string(&time)
}
