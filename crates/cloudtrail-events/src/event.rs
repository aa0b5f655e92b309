//! The structure of an event.
//!
//! Owns the names, the order and the sizes of its fields. Refuses to know what is put in them.

use aws_types::{AccountId, Region, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::UserIdentity;

/// The version of the structure.
pub(crate) const EVENT_VERSION: &str = "1.11";
/// How much request parameters, or response elements, may have; what is larger is left out.
pub(crate) const FIELD_BYTES_MAX: usize = 100 * 1024;
/// How much a message, an error code and a user agent may have.
pub(crate) const TEXT_BYTES_MAX: usize = 1024;

/// What happened, as CloudTrail tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The version of the structure.
    pub event_version: String,
    /// Who did it.
    pub user_identity: UserIdentity,
    /// When; written to the second.
    #[serde(with = "seconds")]
    pub event_time: Timestamp,
    /// The service: `ec2.amazonaws.com`.
    pub event_source: String,
    /// The operation.
    pub event_name: String,
    /// The region, which is one and the same for services that have none.
    pub aws_region: Region,
    /// Where the request came from: an address, or the name of a service.
    #[serde(rename = "sourceIPAddress")]
    pub source_ip_address: String,
    /// The client.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// What was asked, without what is secret.
    pub request_parameters: Option<Json>,
    /// What was answered to a change, without what is secret.
    pub response_elements: Option<Json>,
    /// What a service adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_event_data: Option<Json>,
    /// The request's id.
    #[serde(rename = "requestID")]
    pub request_id: String,
    /// The event's own.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// Whether nothing can have changed.
    pub read_only: bool,
    /// What was touched, where AWS says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
    /// What kind of event.
    pub event_type: EventType,
    /// Whether it is one of the history.
    pub management_event: bool,
    /// The account that it is an event of.
    pub recipient_account_id: AccountId,
    /// What the events of one call in two accounts have in common.
    #[serde(rename = "sharedEventID", default, skip_serializing_if = "Option::is_none")]
    pub shared_event_id: Option<String>,
    /// The VPC endpoint that the request came through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint_id: Option<String>,
    /// The account of the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint_account_id: Option<AccountId>,
    /// The same as `managementEvent`, in a word.
    pub event_category: Category,
    /// How the connection was encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_details: Option<TlsDetails>,
}

impl Event {
    /// The event in one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("keys are strings, and writing to memory does not fail")
    }
}

/// Whether an event is about resources as such or about what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Category {
    /// Of the control plane.
    Management,
    /// Of the data plane, such as reading an object.
    Data,
}

/// What kind of event.
///
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(clippy::enum_variant_names, reason = "AWS's names")]
pub enum EventType {
    /// Somebody called an operation.
    AwsApiCall,
    /// A service did something by itself.
    AwsServiceEvent,
    /// Somebody signed in.
    AwsConsoleSignIn,
}

/// Something that was touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// Such as `AWS::IAM::Role`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its ARN.
    #[serde(rename = "ARN", default, skip_serializing_if = "String::is_empty")]
    pub arn: String,
    /// What the ARNs begin with of several, which have no ARN together.
    #[serde(rename = "ARNPrefix", default, skip_serializing_if = "Option::is_none")]
    pub arn_prefix: Option<String>,
}

impl Resource {
    /// One of this kind, of an account that is not told.
    pub fn new(kind: &str, arn: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), arn: arn.into(), ..Self::default() }
    }

    /// Its ARN, or what the ARNs of several begin with.
    pub fn name(&self) -> &str {
        self.arn_prefix.as_deref().unwrap_or(&self.arn)
    }
}

/// How a connection was encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsDetails {
    /// Such as `TLSv1.3`.
    pub tls_version: String,
    /// In OpenSSL's names: `ECDHE-RSA-AES128-GCM-SHA256`.
    pub cipher_suite: String,
    /// The host that the client named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_provided_host_header: Option<String>,
}

impl TlsDetails {
    /// From the names of versions and cipher suites that the registry of IANA has, written as rustls does.
    pub fn of(version: &str, suite: &str, host: Option<String>) -> Self {
        let tls_version = version.replace('_', ".");
        let cipher_suite = match suite.strip_prefix("TLS13_") {
            Some(name) => format!("TLS_{name}"),
            None => {
                let name = suite.trim_start_matches("TLS_").replace("_WITH_", "_");
                name.replace("AES_", "AES").replace("_SHA256", "-SHA256").replace('_', "-")
            }
        };
        // OpenSSL does not name the hash of this one.
        let cipher_suite = match cipher_suite.strip_suffix("-SHA256") {
            Some(name) if name.ends_with("CHACHA20-POLY1305") => name.to_owned(),
            _ => cipher_suite,
        };
        Self { tls_version, cipher_suite, client_provided_host_header: host }
    }
}

/// A field, or that it was too large.
pub(crate) fn within_limits(name: &str, field: Option<Json>) -> Option<Json> {
    let field = field?;
    let bytes = serde_json::to_vec(&field).map_or(0, |bytes| bytes.len());
    if bytes <= FIELD_BYTES_MAX {
        return Some(field);
    }
    Some(json!({ "omitted": true, "originalSize": bytes, "reason": format!("{name} too large") }))
}

/// The beginning of a text, as much of it as events have room for.
pub(crate) fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Times to the second: `2026-11-22T14:28:00Z`.
pub(crate) fn to_the_second(time: Timestamp) -> String {
    let whole = Timestamp::from_unix_secs(time.unix_secs()).to_string();
    whole.replace(".000Z", "Z")
}

mod seconds {
    use aws_types::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::to_the_second(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
        Ok(Timestamp::from_unix_millis(time.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_suites_have_the_names_of_openssl() {
        for (version, suite, expect) in [
            ("TLSv1_3", "TLS13_AES_128_GCM_SHA256", ("TLSv1.3", "TLS_AES_128_GCM_SHA256")),
            ("TLSv1_3", "TLS13_CHACHA20_POLY1305_SHA256", ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256")),
            (
                "TLSv1_2",
                "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
            ),
            ("TLSv1_2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256")),
            (
                "TLSv1_2",
                "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                ("TLSv1.2", "ECDHE-RSA-CHACHA20-POLY1305"),
            ),
        ] {
            let details = TlsDetails::of(version, suite, None);
            assert_eq!((details.tls_version.as_str(), details.cipher_suite.as_str()), expect);
        }
    }

    #[test]
    fn large_fields_are_left_out_whole() {
        let small = json!({ "a": "x".repeat(FIELD_BYTES_MAX - 8) });
        assert_eq!(within_limits("requestParameters", Some(small.clone())), Some(small));
        let large = json!({ "a": "x".repeat(FIELD_BYTES_MAX - 7) });
        let told = within_limits("requestParameters", Some(large)).unwrap();
        assert_eq!(
            told,
            json!({ "omitted": true, "originalSize": FIELD_BYTES_MAX + 1, "reason": "requestParameters too large" })
        );
        assert_eq!(cut(&"é".repeat(600)).len(), TEXT_BYTES_MAX);
        assert_eq!(cut(&format!("a{}", "é".repeat(600))).len(), TEXT_BYTES_MAX - 1);
    }
}
