//! Who asks for what, and which policies have a say.

use std::borrow::Cow;

use aws_types::{AccountId, Arn};
use serde::{Deserialize, Serialize};

use crate::{Context, Policy};

/// Who makes a request, as authentication found it.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Caller {
    /// The root user of an account.
    Root {
        /// The account.
        account: AccountId,
    },
    /// An IAM user, also with the credentials of `GetSessionToken`.
    User {
        /// The account of the user.
        account: AccountId,
        /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`.
        arn: Arn,
    },
    /// A session of a role.
    AssumedRole {
        /// The account of the role.
        account: AccountId,
        /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
        session_arn: Arn,
        /// `arn:aws:iam::ACCOUNT:role/PATH/ROLE`.
        role_arn: Arn,
    },
    /// A session of `GetFederationToken`.
    FederatedUser {
        /// The account of the user who asked for the session.
        account: AccountId,
        /// `arn:aws:sts::ACCOUNT:federated-user/NAME`.
        arn: Arn,
        /// `arn:aws:iam::ACCOUNT:user/PATH/NAME` of the user who asked for the session, or the account's root ARN.
        user_arn: Arn,
    },
    /// A service of AWS by its own name.
    Service {
        /// Such as `ec2.amazonaws.com`.
        name: String,
        /// The account for which the service acts, where it acts for one.
        account: Option<AccountId>,
    },
    /// Somebody with a token of an OpenID Connect provider.
    WebIdentity {
        /// The ARN of the provider in IAM, or the name of one that AWS knows, such as `accounts.google.com`.
        provider: String,
    },
    /// Somebody with an assertion of a SAML provider.
    Saml {
        /// `arn:aws:iam::ACCOUNT:saml-provider/NAME`.
        provider: Arn,
    },
    /// Nobody is known: the request has no signature.
    Anonymous,
}

impl Caller {
    /// The account whose identity policies count for this caller. Services and those who come with a token or without
    /// a signature have none.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Root { account }
            | Self::User { account, .. }
            | Self::AssumedRole { account, .. }
            | Self::FederatedUser { account, .. } => Some(*account),
            Self::Service { .. } | Self::WebIdentity { .. } | Self::Saml { .. } | Self::Anonymous => None,
        }
    }

    /// The caller in messages: an ARN, the name of a service or provider, or `anonymous`.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Root { account } => Cow::Owned(format!("arn:aws:iam::{account}:root")),
            Self::User { arn, .. } | Self::FederatedUser { arn, .. } => Cow::Borrowed(arn.as_str()),
            Self::AssumedRole { session_arn, .. } => Cow::Borrowed(session_arn.as_str()),
            Self::Service { name, .. } => Cow::Borrowed(name),
            Self::WebIdentity { provider } => Cow::Borrowed(provider),
            Self::Saml { provider } => Cow::Borrowed(provider.as_str()),
            Self::Anonymous => Cow::Borrowed("anonymous"),
        }
    }
}

/// One request for one action on one resource.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// `service:Operation`; case does not matter.
    pub action: &'a str,
    /// The ARN of the resource, or `*` for an action that has none.
    pub resource: &'a str,
    /// The condition keys of the request.
    pub context: &'a Context,
}

/// A policy and where it hangs.
#[derive(Clone, Copy, Debug)]
pub struct Attached<'a> {
    /// The ARN of a managed policy or of an organization's, or the name of an inline policy.
    pub name: &'a str,
    /// The ARN of the user, group, role, resource, organizational unit or account that it hangs on.
    pub owner: &'a str,
    /// The policy.
    pub policy: &'a Policy,
}

/// What a policy of the resource has to say beside the policies of the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResourceRule {
    /// Within the account, either side may allow. Buckets, queues, topics and most others.
    #[default]
    Either,
    /// The trust policy of a role: it must allow, and who is named there needs nothing else within the account.
    Trust,
    /// Such as the policy of a KMS key: as with trust, without it nobody has access, whatever the caller's policies say.
    Required,
}

/// All policies that have a say in a request. The default has none.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
#[derive(Clone, Debug, Default)]
pub struct Policies<'a> {
    /// Of the user and its groups, or of the role.
    pub identity: Vec<Attached<'a>>,
    /// The permissions boundary of the user or role.
    pub boundary: Option<Attached<'a>>,
    /// The policies that were given when the session began. `Some` without any means that the session may do nothing by
    /// the caller's identity, as with `GetFederationToken` without a policy.
    pub session: Option<Vec<Attached<'a>>>,
    /// The policy of the resource, which is the trust policy where the resource is a role to assume.
    pub resource: Option<Attached<'a>>,
    /// What the policy of the resource counts for.
    pub resource_rule: ResourceRule,
    /// The account that the resource is in. `None` is the caller's own.
    pub resource_owner: Option<AccountId>,
    /// Service control policies of the caller's account, one level each from the organization's root to the account. Each
    /// level has to allow. Empty where none apply: outside of an organization, in the management account, for
    /// service-linked roles.
    pub service_control: Vec<Vec<Attached<'a>>>,
    /// Resource control policies of the resource's account, as above. Empty where none apply.
    pub resource_control: Vec<Vec<Attached<'a>>>,
    /// The policy of the VPC endpoint by which the request came.
    pub endpoint: Option<Attached<'a>>,
}
