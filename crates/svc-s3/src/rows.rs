//! What rows say: versions, uploads and parts.
//!
//! A row is the format, a line feed, and JSON. Members that come later have a default. The lists of parts have a form of their
//! own: see `part_list`.

use std::collections::BTreeMap;

use aws_types::{AccountId, Timestamp};
use bucket_rules::Acl;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::attached::Attached;
use crate::checksum::Kept;
use crate::encryption::CustomerKey;
use crate::error::Failure;

const FORMAT: &[u8] = b"1\n";

/// The id of the version that has none.
pub(crate) const NULL: &str = "null";

/// A version of an object, or a delete marker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// Its id; `None` for the one that is called `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// When it was made.
    pub(crate) modified: Timestamp,
    /// Whether it says that there is no object.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_marker: bool,
    /// How long the content is.
    #[serde(default)]
    pub(crate) size_bytes: u64,
    /// The entity tag, without quotes.
    #[serde(default)]
    pub(crate) e_tag: String,
    /// The checksum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<Kept>,
    /// What it is answered with.
    #[serde(default)]
    pub(crate) headers: Headers,
    /// The storage class, where it is not `STANDARD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) storage_class: Option<String>,
    /// What proves the customer's key, where that is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) customer_key: Option<CustomerKey>,
    /// Its access control list and whose it is, where it is not the bucket owner's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acl: Option<Acl>,
    /// The upload that it was made of, which can be completed once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload: Option<MadeOf>,
    /// How many parts it was uploaded in; none: the content is the one of this row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parts: Option<u32>,
    /// Tags, retention and legal hold.
    #[serde(default, skip_serializing_if = "Attached::is_empty")]
    pub(crate) attached: Attached,
}

impl Version {
    /// The id, as requests have it.
    pub(crate) fn public_id(&self) -> &str {
        self.id.as_deref().unwrap_or(NULL)
    }
}

/// The upload that a version was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MadeOf {
    /// Its id.
    pub(crate) id: String,
    /// The account of whoever began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<AccountId>,
}

/// Headers that a client gives, and gets again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) website_redirect_location: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// An upload in parts that was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Upload {
    /// When.
    pub(crate) initiated: Timestamp,
    /// Who began it: an ARN.
    pub(crate) initiator: String,
    /// The account of whoever began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<AccountId>,
    /// The access control list that the object gets, where it is not the bucket owner's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acl: Option<Acl>,
    /// What the object is answered with.
    #[serde(default)]
    pub(crate) headers: Headers,
    /// Its storage class, where it is not `STANDARD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) storage_class: Option<String>,
    /// What proves the customer's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) customer_key: Option<CustomerKey>,
    /// The algorithm that it was begun with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_algorithm: Option<String>,
    /// Of what the checksum is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_type: Option<String>,
    /// Tags, retention and legal hold of the object.
    #[serde(default, skip_serializing_if = "Attached::is_empty")]
    pub(crate) attached: Attached,
}

/// A part that was uploaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// When.
    pub(crate) modified: Timestamp,
    /// How long it is.
    pub(crate) size_bytes: u64,
    /// Its entity tag, without quotes.
    pub(crate) e_tag: String,
    /// Its checksum, by the algorithm of the object.
    pub(crate) checksum: Kept,
}

/// A row's value.
pub(crate) fn write(row: &impl Serialize) -> Vec<u8> {
    let mut bytes = FORMAT.to_vec();
    serde_json::to_writer(&mut bytes, row)
        .expect("rows have keys that are texts, and memory takes all of them");
    bytes
}

/// What a row's value says.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let json = bytes.strip_prefix(FORMAT);
    let json = json.ok_or_else(|| Failure::Malformed("its format is that of another build".to_owned()))?;
    serde_json::from_slice(json).map_err(|error| Failure::Malformed(error.to_string()))
}
