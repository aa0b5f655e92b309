//! Who asks, with everything that the account and its organization say of them.

use std::sync::LazyLock;

use aws_types::{Tag, Tags};
use iam_policy::{Attached, Caller, Policies, Policy};
use identities::{FoundPolicy, HeldPolicies, PasswordPolicy, Role, User, name_key};
use organization::PolicyType;
use service_api::{Principal, PrincipalKind, RequestContext};
use store::{Read as _, Scope, Snapshot};

use crate::read_policies::ReadPolicies;
use crate::standing::{Limits, Standing};

/// Who asks.
pub(crate) struct Subject {
    pub(crate) caller: Caller,
    pub(crate) tags: Tags,
    pub(crate) standing: Standing,
    /// `None` for root users, and for whoever is gone.
    held: Option<HeldPolicies>,
    session: Option<Vec<SessionPolicy>>,
    service_control: Limits,
    /// The policy of the VPC endpoint that the request came through, and the endpoint's id.
    endpoint: Option<(String, Policy)>,
    /// What a session's policies hang on.
    arn: String,
    /// Whether the account's password policy lets every user change its own password.
    changes_password: bool,
}

/// A policy that limits a session.
enum SessionPolicy {
    /// It came with the request for the session.
    Own(Policy),
    /// A managed one, by its ARN.
    Managed(String, FoundPolicy),
}

impl Subject {
    /// Gathers what is known of the principal of a request. One that is gone since it signed has no policies, whoever has its
    /// name now.
    pub(crate) fn of(snapshot: &Snapshot, request: &RequestContext, read: &ReadPolicies) -> Self {
        let principal = &request.principal;
        let partition = request.partition;
        let scope = Scope::global(partition, principal.account);
        let mut subject = Self {
            caller: caller_of(principal),
            tags: Tags::default(),
            standing: Standing::of(snapshot, partition, principal.account),
            held: None,
            session: session_policies(snapshot, &scope, principal, read),
            service_control: Limits::none(),
            endpoint: endpoint_policy(request, read),
            arn: principal.arn.as_str().to_owned(),
            changes_password: false,
        };
        let mut is_linked_to_a_service = false;
        match &principal.kind {
            PrincipalKind::Root | PrincipalKind::Anonymous => {}
            PrincipalKind::User { name } => subject.hold_users(snapshot, &scope, name, &principal.user_id),
            PrincipalKind::AssumedRole { role, role_id, .. } => {
                let role = snapshot.get::<Role>(&scope, &name_key(role));
                if let Some(role) = role.filter(|role| role.id == *role_id) {
                    is_linked_to_a_service = role.linked_service.is_some();
                    subject.tags = role.tags.clone();
                    subject.held = Some(HeldPolicies::of_role(snapshot, &scope, role));
                }
            }
            // They have the permissions of whoever made them, and of these what the session's policies allow.
            PrincipalKind::FederatedUser { by, by_id, .. } => {
                if let Some(name) = by.resource().strip_prefix("user/") {
                    let name = name.rsplit('/').next().unwrap_or(name);
                    subject.hold_users(snapshot, &scope, name, by_id);
                }
            }
        }
        if let Some(session) = &principal.session {
            for (key, value) in session.tags.iter() {
                // Condition keys have no case: a session's tag stands for every tag of the role that is called so.
                let same = |(held, _): &(&str, &str)| held.eq_ignore_ascii_case(key);
                let replaced: Vec<String> =
                    subject.tags.iter().filter(same).map(|(held, _)| held.to_owned()).collect();
                replaced.iter().for_each(|held| subject.tags.remove(held, None));
                subject.tags.set(Tag { key: key.to_owned(), value: value.to_owned() });
            }
        }
        // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
        if !is_linked_to_a_service {
            subject.service_control =
                subject.standing.limits(snapshot, partition, PolicyType::ServiceControl);
        }
        subject
    }

    fn hold_users(&mut self, snapshot: &Snapshot, scope: &Scope, name: &str, id: &str) {
        let user = snapshot.get::<User>(scope, &name_key(name)).filter(|user| user.id == id);
        let Some(user) = user else { return };
        self.tags = user.tags.clone();
        let policy = snapshot.get::<PasswordPolicy>(scope, PasswordPolicy::KEY);
        self.changes_password = policy.is_some_and(|policy| policy.allow_users_to_change);
        self.held = Some(HeldPolicies::of_user(snapshot, scope, user));
    }

    fn identity(&self) -> Vec<Attached<'_>> {
        let mut identity = self.held.as_ref().map(HeldPolicies::identity).unwrap_or_default();
        if self.changes_password {
            let policy = &*OWN_PASSWORD;
            identity.push(Attached { name: "the password policy", owner: &self.arn, policy });
        }
        identity
    }

    /// What has a say in every request of theirs.
    pub(crate) fn policies(&self) -> Policies<'_> {
        Policies {
            identity: self.identity(),
            boundary: self.held.as_ref().and_then(HeldPolicies::boundary),
            session: self
                .session
                .as_ref()
                .map(|policies| policies.iter().map(|one| one.attached(&self.arn)).collect()),
            service_control: self.service_control.attached(),
            ..self.way_policies()
        }
    }

    /// What has a say in every request that comes the same way, whoever asks.
    pub(crate) fn way_policies(&self) -> Policies<'_> {
        let attached = |(owner, policy)| Attached { name: "the endpoint's policy", owner, policy };
        let endpoint = self.endpoint.as_ref().map(|(owner, policy)| attached((owner.as_str(), policy)));
        Policies { endpoint, ..Policies::default() }
    }
}

impl SessionPolicy {
    fn attached<'a>(&'a self, owner: &'a str) -> Attached<'a> {
        match self {
            Self::Own(policy) => Attached { name: "the session's policy", owner, policy },
            Self::Managed(arn, found) => Attached { name: arn, owner, policy: found.policy() },
        }
    }
}

/// The principal of a request as policies name it.
pub fn caller_of(principal: &Principal) -> Caller {
    let account = principal.account;
    match &principal.kind {
        PrincipalKind::Root => Caller::Root { account },
        PrincipalKind::User { .. } => Caller::User { account, arn: principal.arn.clone() },
        PrincipalKind::AssumedRole { role_arn, .. } => {
            Caller::AssumedRole { account, session_arn: principal.arn.clone(), role_arn: role_arn.clone() }
        }
        PrincipalKind::FederatedUser { by, .. } => {
            Caller::FederatedUser { account, arn: principal.arn.clone(), user_arn: by.clone() }
        }
        PrincipalKind::Anonymous => Caller::Anonymous,
    }
}

/// Its own password is a user's to change where the account's password policy says so. A user's name is unique in its
/// account, has no slash, and is what its ARN ends with.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_enable-user-change.html>
static OWN_PASSWORD: LazyLock<Policy> = LazyLock::new(|| {
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"iam:ChangePassword",
         "Resource":["arn:*:iam::*:user/${aws:username}","arn:*:iam::*:user/*/${aws:username}"]},
        {"Effect":"Allow","Action":"iam:GetAccountPasswordPolicy","Resource":"*"}]}"#;
    Policy::parse_stored(text).expect("the text is a policy")
});

/// The policy of the VPC endpoint that a request came through. One that cannot be read lets nothing pass.
///
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>
fn endpoint_policy(request: &RequestContext, read: &ReadPolicies) -> Option<(String, Policy)> {
    let endpoint = request.way.endpoint.as_ref()?;
    let text = endpoint.policy.as_deref()?;
    Some((endpoint.endpoint_id.clone(), read.read(text).unwrap_or_else(crate::nothing)))
}

/// The policies that limit a session, if it has any. A federated user without any may do nothing by itself.
fn session_policies(
    snapshot: &Snapshot,
    scope: &Scope,
    principal: &Principal,
    read: &ReadPolicies,
) -> Option<Vec<SessionPolicy>> {
    let session = principal.session.as_ref()?;
    let is_limited = matches!(principal.kind, PrincipalKind::FederatedUser { .. })
        || !session.policies.is_empty()
        || !session.policy_arns.is_empty();
    if !is_limited {
        return None;
    }
    // They were checked when the session began. What cannot be read or found any more allows nothing.
    let own = session.policies.iter().filter_map(|text| read.read(text)).map(SessionPolicy::Own);
    let managed = session.policy_arns.iter().filter_map(|arn| {
        Some(SessionPolicy::Managed(arn.clone(), FoundPolicy::find(snapshot, scope, arn)?))
    });
    Some(own.chain(managed).collect())
}
