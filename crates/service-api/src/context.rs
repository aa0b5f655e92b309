//! Who asks, where, and when.

use std::fmt;
use std::net::IpAddr;

use aws_types::{AccountId, Arn, Partition, Region, Timestamp};

/// The id of one request, in UUID form, as AWS prints it in answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Makes a version 4 UUID of these random bits.
    pub fn from_bits(bits: u128) -> Self {
        let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        Self(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of identity signed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The account's root user.
    Root,
}

/// The identity that a request's signature proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account that the identity belongs to.
    pub account: AccountId,
    /// Which kind of identity.
    pub kind: PrincipalKind,
    /// Its ARN, such as `arn:aws:iam::123456789012:root`.
    pub arn: Arn,
    /// The stable id of the user, role session or account.
    pub user_id: String,
    /// The access key that signed.
    pub access_key_id: String,
}

/// Everything about a request that is not its input.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The partition of the endpoint.
    pub partition: Partition,
    /// The region that the request is for.
    pub region: Region,
    /// Who signed it.
    pub principal: Principal,
    /// Its id.
    pub request_id: RequestId,
    /// When it arrived.
    pub now: Timestamp,
    /// Where it came from.
    pub source_ip: IpAddr,
    /// The `User-Agent` header, empty when there was none.
    pub user_agent: String,
    /// Whether it came over TLS.
    pub secure_transport: bool,
}

impl RequestContext {
    /// The account whose resources the request is about.
    pub fn account(&self) -> AccountId {
        self.principal.account
    }

    /// The scope of regional state that the request is about.
    pub fn scope(&self) -> store::Scope {
        store::Scope::new(self.partition, self.account(), self.region.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_version_4_uuids() {
        assert_eq!(RequestId::from_bits(0).as_str(), "00000000-0000-4000-8000-000000000000");
        assert_eq!(RequestId::from_bits(u128::MAX).as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
