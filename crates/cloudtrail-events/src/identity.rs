//! Who did it: the `userIdentity` of an event.
//!
//! Owns what of each kind of principal is told, in its own account and in another. Refuses to know how it was proved.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>

use aws_types::{AccountId, Arn};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use service_api::{Principal, PrincipalKind, Session};

use crate::call::{SamlSubject, WebIdentity};
use crate::event::to_the_second;

/// Who did it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserIdentity {
    /// `Root`, `IAMUser`, `AssumedRole`, `FederatedUser`, `WebIdentityUser`, `SAMLUser`, `AWSAccount` or `AWSService`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stable id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// The ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// The key that signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The name of a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// What temporary credentials say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_context: Option<SessionContext>,
    /// The service that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
    /// Who vouched for somebody without an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_provider: Option<String>,
}

/// What temporary credentials say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionContext {
    /// Whose permissions they carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_issuer: Option<SessionIssuer>,
    /// Who vouched for the user of a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_id_federation_data: Option<WebIdFederationData>,
    /// When and how they were issued.
    pub attributes: SessionAttributes,
    /// The name that the first session of a chain was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// Of a root user's session for a task: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed_root: Option<String>,
    /// Of credentials from an instance's metadata: the version of that service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ec2_role_delivery: Option<String>,
    /// Of credentials that a service hands out: to what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_scope_of: Option<InScopeOf>,
}

/// Whose permissions temporary credentials carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionIssuer {
    /// `Role`, `IAMUser` or `Root`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stable id, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// The ARN.
    pub arn: String,
    /// The account.
    pub account_id: AccountId,
    /// The name of a role or user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
}

/// Who vouched for the user of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebIdFederationData {
    /// The provider.
    pub federated_provider: String,
    /// What it said of the user.
    pub attributes: Map<String, Json>,
}

/// When and how temporary credentials were issued.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAttributes {
    /// When.
    pub creation_date: String,
    /// Whether a device proved the user's presence: a text, as AWS has it.
    pub mfa_authenticated: String,
}

/// To what a service handed credentials out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InScopeOf {
    /// Such as `AWS::EC2::Instance`.
    pub issuer_type: String,
    /// Its ARN.
    pub credentials_issued_to: String,
}

impl UserIdentity {
    /// Who signed, as the account that it belongs to is told.
    pub fn of(principal: &Principal) -> Self {
        if principal.is_anonymous() {
            return Self {
                kind: "AWSAccount".to_owned(),
                principal_id: Some(principal.user_id.clone()),
                ..Self::default()
            };
        }
        let session_of = |issuer| principal.session.as_deref().map(|session| context(session, issuer));
        let (kind, user_name, session_context) = match &principal.kind {
            PrincipalKind::Root | PrincipalKind::Anonymous => ("Root", None, session_of_root(principal)),
            PrincipalKind::User { name } => ("IAMUser", Some(name.clone()), session_of(None)),
            PrincipalKind::AssumedRole { role, role_id, role_arn, .. } => {
                let issuer = SessionIssuer {
                    kind: "Role".to_owned(),
                    principal_id: Some(role_id.clone()),
                    arn: role_arn.to_string(),
                    account_id: principal.account,
                    user_name: Some(role.clone()),
                };
                ("AssumedRole", None, session_of(Some(issuer)))
            }
            PrincipalKind::FederatedUser { by, by_id, .. } => {
                ("FederatedUser", None, session_of(Some(issuer_of(by, by_id, principal.account))))
            }
        };
        Self {
            kind: kind.to_owned(),
            principal_id: Some(principal.user_id.clone()),
            arn: Some(principal.arn.to_string()),
            account_id: Some(principal.account),
            access_key_id: Some(principal.access_key_id.clone()),
            user_name,
            session_context,
            ..Self::default()
        }
    }

    /// The same, as another account is told: no more than the account and the stable id.
    pub fn of_other_account(principal: &Principal) -> Self {
        Self {
            kind: "AWSAccount".to_owned(),
            principal_id: Some(principal.user_id.clone()),
            account_id: Some(principal.account),
            ..Self::default()
        }
    }

    /// A service that did something for a customer: `ec2.amazonaws.com`.
    pub fn of_service(name: &str) -> Self {
        Self { kind: "AWSService".to_owned(), invoked_by: Some(name.to_owned()), ..Self::default() }
    }

    /// Somebody for whom a provider of web identities vouched, and whose request is not signed. Of one whose token was no good
    /// nothing more is known.
    pub fn of_web_identity(proved: Option<WebIdentity<'_>>) -> Self {
        let kind = "WebIdentityUser".to_owned();
        let Some(WebIdentity { provider, audience, subject }) = proved else {
            return Self { kind, ..Self::default() };
        };
        Self {
            kind,
            principal_id: Some(format!("{provider}:{audience}:{subject}")),
            user_name: Some(subject.to_owned()),
            identity_provider: Some(provider.to_owned()),
            ..Self::default()
        }
    }

    /// The same for a provider of SAML assertions.
    pub fn of_saml(proved: Option<SamlSubject<'_>>) -> Self {
        let kind = "SAMLUser".to_owned();
        let Some(SamlSubject { provider, qualifier, subject }) = proved else {
            return Self { kind, ..Self::default() };
        };
        Self {
            kind,
            principal_id: Some(format!("{qualifier}:{subject}")),
            user_name: Some(subject.to_owned()),
            identity_provider: Some(provider.to_owned()),
            ..Self::default()
        }
    }

    /// The name by which LookupEvents finds the events of somebody.
    pub fn lookup_name(&self) -> Option<&str> {
        match self.kind.as_str() {
            "Root" => Some("root"),
            "AssumedRole" | "FederatedUser" | "AWSAccount" => {
                let (_, name) = self.principal_id.as_deref()?.split_once(':')?;
                Some(name)
            }
            "AWSService" => self.invoked_by.as_deref(),
            _ => self.user_name.as_deref(),
        }
    }
}

/// Of a root user's sessions, only those for a task have a policy.
fn session_of_root(principal: &Principal) -> Option<SessionContext> {
    let session = principal.session.as_deref()?;
    let is_for_task = !session.policy_arns.is_empty();
    Some(SessionContext { assumed_root: is_for_task.then(|| "true".to_owned()), ..context(session, None) })
}

/// What SAML providers said is not told of sessions.
fn is_web_identity(provider: &&String) -> bool {
    !provider.contains(":saml-provider/")
}

fn context(session: &Session, issuer: Option<SessionIssuer>) -> SessionContext {
    let instance = session.source_instance_arn.as_ref();
    SessionContext {
        session_issuer: issuer,
        web_id_federation_data: session.federated_provider.as_ref().filter(is_web_identity).map(|provider| {
            WebIdFederationData { federated_provider: provider.clone(), attributes: Map::new() }
        }),
        attributes: SessionAttributes {
            creation_date: to_the_second(session.issued),
            mfa_authenticated: session.mfa_authenticated.unwrap_or(false).to_string(),
        },
        source_identity: session.source_identity.clone(),
        assumed_root: None,
        ec2_role_delivery: instance.map(|_| "2.0".to_owned()),
        in_scope_of: instance.map(|arn| InScopeOf {
            issuer_type: "AWS::EC2::Instance".to_owned(),
            credentials_issued_to: arn.clone(),
        }),
    }
}

/// Who made a federated user: a user, or the root user.
fn issuer_of(by: &Arn, by_id: &str, account: AccountId) -> SessionIssuer {
    let resource = by.resource();
    let name = resource.strip_prefix("user/").and_then(|path| path.rsplit('/').next());
    SessionIssuer {
        kind: if name.is_some() { "IAMUser" } else { "Root" }.to_owned(),
        principal_id: Some(by_id.to_owned()),
        arn: by.to_string(),
        account_id: account,
        user_name: name.map(str::to_owned),
    }
}
