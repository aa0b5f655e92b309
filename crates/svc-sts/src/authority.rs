//! Who decides whether a caller may assume a role.
//!
//! Owns the question, and the answer that the policies of accounts give: the role's trust policy, and the caller's own
//! policies, boundary and session. Refuses to know what organizations add: whoever knows that brings an [`Authority`] of its
//! own.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use aws_types::{AccountId, Tags};
use iam_policy::{
    Attached, Caller, Context, Decision, Policies, Policy, PolicyKind, Request, ResourceRule, evaluate,
};
use identities::{FoundPolicy, HeldPolicies, Role, User, name_key};
use service_api::{PrincipalKind, RequestContext, Session};
use store::{Read as _, Scope, Snapshot, Store};

/// Whether a caller may do something about a role.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// Such as `sts:AssumeRole`.
    pub action: &'a str,
    /// The role's ARN.
    pub role_arn: &'a str,
    /// The role's account.
    pub role_account: AccountId,
    /// Its trust policy.
    pub trust: &'a Policy,
    /// Condition keys of the request itself, over those of [`global_keys`].
    pub keys: &'a Context,
}

/// Decides whether roles may be assumed.
pub trait Authority: Send + Sync + 'static {
    /// The decision.
    fn decide(&self, context: &RequestContext, asked: &Asked<'_>) -> Decision;
}

/// The policies of the accounts, and nothing else.
#[derive(Clone)]
pub struct OwnPolicies {
    store: Store,
}

impl OwnPolicies {
    /// Those in this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Authority for OwnPolicies {
    fn decide(&self, context: &RequestContext, asked: &Asked<'_>) -> Decision {
        let snapshot = self.store.snapshot();
        let held = held(&snapshot, context);
        let session = match asked.caller.account() {
            Some(_) => SessionPolicies::of(&snapshot, context),
            None => None,
        };
        let mut keys = Context::new();
        for (key, value) in held.iter().flat_map(|held| held.tags.iter()) {
            keys.set(format!("aws:PrincipalTag/{key}"), value.to_owned());
        }
        // The tags of a session stand over those of its role or user.
        for (key, values) in global_keys(context).iter() {
            keys.set_many(key.to_owned(), values.iter().cloned());
        }
        for (key, values) in asked.keys.iter() {
            keys.set_many(key.to_owned(), values.iter().cloned());
        }
        let own = held.as_ref().filter(|_| asked.caller.account().is_some()).map(|held| &held.policies);
        let policies = Policies {
            identity: own.map(HeldPolicies::identity).unwrap_or_default(),
            boundary: own.and_then(HeldPolicies::boundary),
            session: session.as_ref().map(SessionPolicies::attached),
            resource: Some(Attached { name: "", owner: asked.role_arn, policy: asked.trust }),
            resource_rule: ResourceRule::Trust,
            resource_owner: Some(asked.role_account),
            ..Policies::default()
        };
        let Asked { caller, action, role_arn, .. } = *asked;
        evaluate(&policies, &Request { caller, action, resource: role_arn, context: &keys })
    }
}

/// What hangs on the caller.
struct Held {
    policies: HeldPolicies,
    tags: Tags,
}

fn held(snapshot: &Snapshot, context: &RequestContext) -> Option<Held> {
    let scope = Scope::global(context.partition, context.account());
    let user = |name: &str| {
        let user = snapshot.get::<User>(&scope, &name_key(name))?;
        Some(Held { tags: user.tags.clone(), policies: HeldPolicies::of_user(snapshot, &scope, user) })
    };
    match &context.principal.kind {
        PrincipalKind::Root | PrincipalKind::Anonymous => None,
        PrincipalKind::User { name } => user(name),
        // A federated user has the tags of its session alone.
        PrincipalKind::FederatedUser { by, .. } => {
            Some(Held { tags: Tags::default(), ..user(by.resource().rsplit_once('/')?.1)? })
        }
        PrincipalKind::AssumedRole { role, .. } => {
            let role = snapshot.get::<Role>(&scope, &name_key(role))?;
            Some(Held { tags: role.tags.clone(), policies: HeldPolicies::of_role(snapshot, &scope, role) })
        }
    }
}

/// The policies that a session has beside those of its role or user.
struct SessionPolicies {
    inline: Vec<Policy>,
    managed: Vec<(String, FoundPolicy)>,
    owner: String,
}

impl SessionPolicies {
    /// `None` of those that have none, which limits nothing; but a federated user without any may do nothing.
    fn of(snapshot: &Snapshot, context: &RequestContext) -> Option<Self> {
        let session = context.principal.session.as_ref()?;
        let is_federated = matches!(context.principal.kind, PrincipalKind::FederatedUser { .. });
        if session.policies.is_empty() && session.policy_arns.is_empty() && !is_federated {
            return None;
        }
        let scope = Scope::global(context.partition, context.account());
        let found = |arn: &String| Some((arn.clone(), FoundPolicy::find(snapshot, &scope, arn)?));
        Some(Self {
            inline: session.policies.iter().filter_map(|text| Policy::parse_stored(text).ok()).collect(),
            managed: session.policy_arns.iter().filter_map(found).collect(),
            owner: context.principal.arn.to_string(),
        })
    }

    fn attached(&self) -> Vec<Attached<'_>> {
        let owner = self.owner.as_str();
        let inline = self.inline.iter().map(|policy| Attached { name: "", owner, policy });
        let managed =
            self.managed.iter().map(|(name, found)| Attached { name, owner, policy: found.policy() });
        inline.chain(managed).collect()
    }
}

/// The caller as policies name it.
pub fn caller_of(context: &RequestContext) -> Caller {
    let principal = &context.principal;
    let (account, arn) = (principal.account, principal.arn.clone());
    match &principal.kind {
        PrincipalKind::Root => Caller::Root { account },
        PrincipalKind::User { .. } => Caller::User { account, arn },
        PrincipalKind::AssumedRole { role_arn, .. } => {
            Caller::AssumedRole { account, session_arn: arn, role_arn: role_arn.clone() }
        }
        PrincipalKind::FederatedUser { by, .. } => {
            Caller::FederatedUser { account, arn, user_arn: by.clone() }
        }
        PrincipalKind::Anonymous => Caller::Anonymous,
    }
}

/// The condition keys that every request has.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
pub fn global_keys(context: &RequestContext) -> Context {
    let mut keys = Context::new();
    let principal = &context.principal;
    keys.set("aws:CurrentTime", context.now.to_string());
    keys.set("aws:EpochTime", context.now.unix_secs().to_string());
    keys.set("aws:RequestedRegion", context.region.to_string());
    keys.set("aws:SecureTransport", context.secure_transport.to_string());
    keys.set("aws:SourceIp", context.source_ip.to_string());
    if !context.user_agent.is_empty() {
        keys.set("aws:UserAgent", context.user_agent.clone());
    }
    let (kind, arn) = match &principal.kind {
        PrincipalKind::Root => ("Account", &principal.arn),
        PrincipalKind::User { name } => {
            keys.set("aws:username", name.clone());
            ("User", &principal.arn)
        }
        // The role's own ARN, without the session.
        PrincipalKind::AssumedRole { role_arn, .. } => ("AssumedRole", role_arn),
        PrincipalKind::FederatedUser { .. } => ("FederatedUser", &principal.arn),
        PrincipalKind::Anonymous => {
            keys.set("aws:PrincipalType", "Anonymous");
            return keys;
        }
    };
    keys.set("aws:PrincipalType", kind);
    keys.set("aws:PrincipalArn", arn.to_string());
    keys.set("aws:PrincipalAccount", principal.account.to_string());
    keys.set("aws:userid", principal.user_id.clone());
    if let Some(session) = &principal.session {
        session_keys(&mut keys, session, context);
    }
    keys
}

fn session_keys(keys: &mut Context, session: &Session, context: &RequestContext) {
    keys.set("aws:TokenIssueTime", session.issued.to_string());
    if let Some(is_authenticated) = session.mfa_authenticated {
        keys.set("aws:MultiFactorAuthPresent", is_authenticated.to_string());
        if is_authenticated {
            let age_secs = (context.now.unix_secs() - session.issued.unix_secs()).max(0);
            keys.set("aws:MultiFactorAuthAge", age_secs.to_string());
        }
    }
    for (key, value) in session.tags.iter() {
        keys.set(format!("aws:PrincipalTag/{key}"), value.to_owned());
    }
    if let Some(source) = &session.source_identity {
        keys.set("aws:SourceIdentity", source.clone());
    }
    if let Some(provider) = &session.federated_provider {
        keys.set("aws:FederatedProvider", provider.clone());
    }
}

/// Reads a policy that a request brings for its session.
pub(crate) fn session_policy(text: &str) -> Result<Policy, iam_policy::PolicyError> {
    Policy::parse(text, PolicyKind::Session)
}
