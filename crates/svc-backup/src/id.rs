//! Ids and ARNs as AWS Backup writes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use md5::{Digest as _, Md5};
use service_api::{RequestContext, RequestId};

use crate::State;

/// What the ids of plans begin with that come from an organization's policy.
pub(crate) const ORGANIZATION: &str = "orgs/";

/// A new id.
pub(crate) fn random(state: &State) -> String {
    RequestId::from_bits(state.ids.bits()).to_string()
}

/// The id of a version: an encoded UUID.
pub(crate) fn version(uuid: &str) -> String {
    STANDARD_NO_PAD.encode(uuid)
}

/// The id that belongs to a name for ever: a UUID of version 3, as AWS gives to the plans of organizations.
pub(crate) fn of_name(parts: &[&str]) -> String {
    let mut hash = Md5::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 16] = hash.finalize().into();
    let bits = (u128::from_be_bytes(digest) & !(0xf << 76) & !(0x3 << 62)) | (0x3 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The ARN of something of the caller's in the region of the request.
pub(crate) fn arn(context: &RequestContext, kind: &str, id: &str) -> String {
    format!("arn:{}:backup:{}:{}:{kind}:{id}", context.partition, context.region, context.account())
}
