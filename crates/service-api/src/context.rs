//! Who asks, where, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aws_types::{AccountId, Arn, Partition, Region, Tags, Timestamp};
use serde::{Deserialize, Serialize};

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
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// The account's root user.
    Root,
    /// A user of IAM.
    User {
        /// Its name.
        name: String,
    },
    /// A session of a role.
    AssumedRole {
        /// The role's name.
        role: String,
        /// The role's stable id, which begins with `AROA`.
        role_id: String,
        /// The role's own ARN, with its path; the principal's is that of the session.
        role_arn: Arn,
        /// The session's name.
        session_name: String,
    },
    /// A session of GetFederationToken.
    FederatedUser {
        /// The name that the request gave it.
        name: String,
        /// The ARN of the user, or of the root user, that made it: whose permissions it has at most.
        by: Arn,
        /// The stable id of that user, which another one of the name does not have; the account, where it is the root user.
        by_id: String,
    },
    /// Nobody signed: for the few operations that prove who asks in another way, such as with a web identity token.
    Anonymous,
}

/// The identity that a request's signature proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account that the identity belongs to.
    pub account: AccountId,
    /// Which kind of identity.
    pub kind: PrincipalKind,
    /// Its ARN, such as `arn:aws:iam::123456789012:root` or `arn:aws:sts::123456789012:assumed-role/name/session`.
    pub arn: Arn,
    /// The stable id of the account, user or federated user, or of role and session as `AROA…:name`.
    pub user_id: String,
    /// The access key that signed.
    pub access_key_id: String,
    /// What temporary credentials carry; `None` for access keys that last.
    pub session: Option<Arc<Session>>,
}

impl Principal {
    /// The root user of an account, with one of its access keys.
    pub fn root(partition: Partition, account: AccountId, access_key_id: impl Into<String>) -> Self {
        Self {
            account,
            kind: PrincipalKind::Root,
            arn: Arn::global(partition, "iam", account, "root"),
            user_id: account.to_string(),
            access_key_id: access_key_id.into(),
            session: None,
        }
    }

    /// Nobody. It is of no account: none has the number, and nothing of the cloud's is kept under it.
    pub fn anonymous(partition: Partition) -> Self {
        let account = AccountId::NOBODY;
        Self {
            account,
            kind: PrincipalKind::Anonymous,
            arn: Arn::global(partition, "iam", account, "anonymous"),
            user_id: "ANONYMOUS_PRINCIPAL".to_owned(),
            access_key_id: String::new(),
            session: None,
        }
    }

    /// Whether nobody signed.
    pub fn is_anonymous(&self) -> bool {
        self.kind == PrincipalKind::Anonymous
    }
}

/// What temporary credentials carry beside who they are.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp.html>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When they were issued: `aws:TokenIssueTime`.
    pub issued: Timestamp,
    /// When they end.
    pub expires: Timestamp,
    /// Whether a device proved the user's presence when they were issued: `aws:MultiFactorAuthPresent`. `None` where that
    /// is no question, as for roles of services.
    pub mfa_authenticated: Option<bool>,
    /// The session's tags: `aws:PrincipalTag`, over those of the role or user.
    pub tags: Tags,
    /// The keys of the tags that the next role takes over.
    pub transitive_tag_keys: BTreeSet<String>,
    /// `sts:SourceIdentity`, which the next role takes over.
    pub source_identity: Option<String>,
    /// The texts of the session's policies: what it may do at most.
    pub policies: Vec<String>,
    /// The ARNs of managed policies of the same use.
    pub policy_arns: Vec<String>,
    /// Whether another session assumed the role, which limits it to an hour.
    pub is_chained: bool,
    /// Who vouched for the caller in AssumeRoleWithWebIdentity or AssumeRoleWithSAML: the provider's name or ARN.
    pub federated_provider: Option<String>,
    /// Condition keys that what the caller brought goes on giving, such as `saml:sub`, with their values.
    pub federated_keys: BTreeMap<String, String>,
    /// The ARN of the instance that got the credentials from its metadata: `ec2:SourceInstanceARN`.
    pub source_instance_arn: Option<String>,
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
    /// How else it came.
    pub way: Way,
}

/// How a request came, beside from where: what policies of some services ask about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The VPC endpoint that it came through, if it did.
    pub endpoint: Option<Arc<EndpointPassed>>,
    /// How it is signed; `None` where nobody signed, or nobody looked.
    pub signature: Option<SignatureFacts>,
    /// What it says in `x-amz-content-sha256`, which was held against its body.
    pub content_sha256: Option<String>,
    /// The version of TLS that it came by, such as `1.3`.
    pub tls_version: Option<&'static str>,
    /// The page that it says it comes from, which whoever asks can say anything of.
    pub referer: Option<String>,
}

/// A VPC endpoint that a request came through.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPassed {
    /// Its id: `aws:SourceVpce`.
    pub endpoint_id: String,
    /// The account that it is of.
    pub account: AccountId,
    /// The id of its VPC: `aws:SourceVpc`.
    pub vpc_id: String,
    /// The address in the VPC that it came from: `aws:VpcSourceIp`.
    pub source_ip: IpAddr,
    /// Its policy when the request came, as it was written: what may not pass the endpoint is denied, whoever asks. `None`
    /// where it has none, so that everything may.
    pub policy: Option<String>,
}

/// What can be asked of a signature.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureFacts {
    /// Where it stood.
    pub place: SignaturePlace,
    /// When it was made.
    pub signed: Timestamp,
}

/// Where a signature stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignaturePlace {
    /// In the `Authorization` header.
    Header,
    /// In the query: the request was presigned.
    Query,
    /// In a form that a browser sent.
    Form,
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
