//! The decision: which policies allow, which deny, and what follows.
//!
//! Owns the order in which AWS asks its kinds of policies. There is one evaluator: what looks on while it decides, such as
//! `explain`, is a [`Witness`].
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>

use serde::{Deserialize, Serialize};

use crate::policy::{Asked, Outcome};
use crate::principal::Grant;
use crate::{Attached, Caller, Effect, Policies, Request, ResourceRule, Statement};

/// What a policy is in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PolicyRole {
    /// A policy of the user, its groups or the role.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// A policy that was given when the session began.
    Session,
    /// The policy of the resource.
    Resource,
    /// The trust policy of the role that is the resource.
    Trust,
    /// A service control policy.
    ServiceControl,
    /// A resource control policy.
    ResourceControl,
    /// The policy of the VPC endpoint.
    Endpoint,
}

/// Why a request is allowed or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// The root user may do everything in its account that nothing denies.
    AllowedAsRoot,
    /// A policy of this kind allows, and nothing stands against it. Where both sides have to allow, it is the identity's.
    AllowedBy(PolicyRole),
    /// A statement of such a policy denies.
    ExplicitDeny(PolicyRole),
    /// No statement of such a policy allows, and one would have to.
    NoAllow(PolicyRole),
}

impl Reason {
    /// What the reason comes to.
    pub fn effect(self) -> Effect {
        match self {
            Self::AllowedAsRoot | Self::AllowedBy(_) => Effect::Allow,
            Self::ExplicitDeny(_) | Self::NoAllow(_) => Effect::Deny,
        }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether it is allowed.
    pub effect: Effect,
    /// Why.
    pub reason: Reason,
    /// The statement that decided. A request that nothing allows has none.
    pub statement: Option<DecidingStatement>,
}

impl Decision {
    /// Whether the request is allowed.
    pub fn is_allowed(&self) -> bool {
        self.effect == Effect::Allow
    }
}

/// A statement that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidingStatement {
    /// The ARN of its policy, or the name of an inline one.
    pub policy: String,
    /// What the policy hangs on.
    pub owner: String,
    /// Its place in the policy, from zero.
    pub index: usize,
    /// Its id.
    pub sid: Option<String>,
    /// Whether the message to the caller may name the policy: it is of the caller's account or organization.
    pub may_be_named: bool,
}

/// Decides a request.
pub fn evaluate(policies: &Policies<'_>, request: &Request<'_>) -> Decision {
    decide(policies, request, &Assumed::default(), &mut Nobody)
}

/// What is taken for given, so that one can ask what else a request would need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assumed {
    /// Nothing denies.
    pub(crate) no_denial: bool,
    /// Policies of these kinds allow, by naming the caller.
    pub(crate) allowed: Vec<PolicyRole>,
}

/// Looks on while a request is decided.
pub(crate) trait Witness {
    /// Whether it wants to see what no longer changes the decision.
    const WANTS_ALL: bool;

    /// A policy comes up. `level` counts those of an organization from its root.
    fn policy(&mut self, role: PolicyRole, level: Option<usize>, attached: &Attached<'_>);

    /// A statement of the policy that came up last was held against the request.
    fn statement(&mut self, index: usize, statement: &Statement, outcome: Outcome, asked: &Asked<'_>);
}

/// Nobody looks on.
struct Nobody;

impl Witness for Nobody {
    const WANTS_ALL: bool = false;

    fn policy(&mut self, _: PolicyRole, _: Option<usize>, _: &Attached<'_>) {}

    fn statement(&mut self, _: usize, _: &Statement, _: Outcome, _: &Asked<'_>) {}
}

/// A statement and where it is from.
#[derive(Clone, Copy)]
struct Found<'a> {
    attached: &'a Attached<'a>,
    index: usize,
}

/// The first statement that denies, and the one that allows by the strongest grant.
#[derive(Clone, Copy, Default)]
struct Verdict<'a> {
    denied: Option<Found<'a>>,
    allowed: Option<(Grant, Option<Found<'a>>)>,
}

impl<'a> Verdict<'a> {
    /// Takes in the next policies of the same kind.
    fn weigh<W: Witness>(
        &mut self,
        asked: &Asked<'_>,
        role: PolicyRole,
        level: Option<usize>,
        policies: impl IntoIterator<Item = &'a Attached<'a>>,
        witness: &mut W,
    ) {
        for attached in policies {
            witness.policy(role, level, attached);
            for (index, statement) in attached.policy.statements().iter().enumerate() {
                let outcome = statement.test(asked);
                witness.statement(index, statement, outcome, asked);
                let Outcome::Applies(grant) = outcome else { continue };
                let found = Found { attached, index };
                match statement.effect() {
                    Effect::Deny if self.denied.is_none() => self.denied = Some(found),
                    Effect::Allow if self.allowed.is_none_or(|(had, _)| had < grant) => {
                        self.allowed = Some((grant, Some(found)));
                    }
                    Effect::Deny | Effect::Allow => {}
                }
                if self.denied.is_some() && !W::WANTS_ALL {
                    return;
                }
            }
        }
    }
}

/// The action in small letters, and where its colon is. Names of actions are short.
struct Action(smallvec::SmallVec<[u8; 64]>);

impl Action {
    fn new(text: &str) -> Self {
        Self(text.bytes().map(|byte| byte.to_ascii_lowercase()).collect())
    }

    fn as_str(&self) -> &str {
        // Only letters of ASCII were changed, which keeps a text a text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Decides a request while somebody looks on.
pub(crate) fn decide<W: Witness>(
    policies: &Policies<'_>,
    request: &Request<'_>,
    assumed: &Assumed,
    witness: &mut W,
) -> Decision {
    let action = Action::new(request.action);
    let (service, operation) = action.as_str().split_once(':').unwrap_or((action.as_str(), ""));
    let asked = Asked {
        caller: request.caller,
        action: action.as_str(),
        service,
        operation,
        resource: request.resource,
        context: request.context,
        has_boundary: policies.boundary.is_some(),
    };
    Judge { policies, asked: &asked, assumed, witness, denied: None }.decide()
}

/// A request on its way through the kinds of policies.
struct Judge<'a, W> {
    policies: &'a Policies<'a>,
    asked: &'a Asked<'a>,
    assumed: &'a Assumed,
    witness: &'a mut W,
    /// The first statement that denies, in the order of AWS's page.
    denied: Option<(PolicyRole, Found<'a>)>,
}

/// What the policies that can allow have come to.
struct Verdicts<'a> {
    resource: Verdict<'a>,
    identity: Verdict<'a>,
    boundary: Option<Verdict<'a>>,
    session: Option<Verdict<'a>>,
}

impl<'a, W: Witness> Judge<'a, W> {
    fn decide(mut self) -> Decision {
        let policies = self.policies;
        let resource_control = self.levels(PolicyRole::ResourceControl, &policies.resource_control);
        let service_control = self.levels(PolicyRole::ServiceControl, &policies.service_control);
        let endpoint = policies.endpoint.as_ref().map(|policy| self.weigh(PolicyRole::Endpoint, [policy]));
        let resource_role = match policies.resource_rule {
            ResourceRule::Trust => PolicyRole::Trust,
            ResourceRule::Either | ResourceRule::Required => PolicyRole::Resource,
        };
        let verdicts = Verdicts {
            resource: self.weigh(resource_role, &policies.resource),
            identity: self.weigh(PolicyRole::Identity, &policies.identity),
            boundary: policies.boundary.as_ref().map(|policy| self.weigh(PolicyRole::Boundary, [policy])),
            session: policies.session.as_ref().map(|session| self.weigh(PolicyRole::Session, session)),
        };
        if let Some((role, found)) = self.denied {
            return self.decision(Reason::ExplicitDeny(role), Some(found));
        }
        let limits = [
            (PolicyRole::ResourceControl, resource_control),
            (PolicyRole::ServiceControl, service_control),
            (PolicyRole::Endpoint, endpoint.is_none_or(|verdict| verdict.allowed.is_some())),
        ];
        if let Some((role, _)) = limits.iter().find(|(_, allowed)| !allowed) {
            return self.decision(Reason::NoAllow(*role), None);
        }
        self.grant(&verdicts, resource_role)
    }

    /// What the policies of both sides grant, once nothing denies and all limits let the request pass.
    fn grant(&self, verdicts: &Verdicts<'a>, resource_role: PolicyRole) -> Decision {
        let by_resource = verdicts.resource.allowed;
        let account = self.asked.caller.account();
        let crosses =
            account.is_some() && self.policies.resource_owner.is_some_and(|owner| Some(owner) != account);
        let resource_allows = |decision: Decision| match by_resource {
            None => self.decision(Reason::NoAllow(resource_role), None),
            Some(_) => decision,
        };
        // Who has no account here has no policies of its own.
        if account.is_none() {
            return resource_allows(
                self.decision(Reason::AllowedBy(resource_role), by_resource.and_then(|(_, found)| found)),
            );
        }
        if crosses {
            let own = self.own(verdicts, Grant::Account);
            return if own.is_allowed() { resource_allows(own) } else { own };
        }
        match (by_resource, self.policies.resource_rule) {
            (None, ResourceRule::Trust | ResourceRule::Required) => {
                self.decision(Reason::NoAllow(resource_role), None)
            }
            (None | Some((Grant::Account, _)), _) => self.own(verdicts, Grant::Account),
            (Some((grant @ (Grant::Limited | Grant::Direct), found)), _) => {
                let own = self.own(verdicts, Grant::Account);
                if own.is_allowed() && self.policies.resource_rule == ResourceRule::Either {
                    return own;
                }
                let limited = self.own(verdicts, grant);
                if limited.is_allowed() {
                    self.decision(Reason::AllowedBy(resource_role), found)
                } else {
                    limited
                }
            }
        }
    }

    /// What the caller's own policies come to, where the resource's policy grants as much as this: see [`Grant`].
    fn own(&self, verdicts: &Verdicts<'a>, grant: Grant) -> Decision {
        let is_root = matches!(self.asked.caller, Caller::Root { .. });
        if grant < Grant::Limited && !is_root && verdicts.identity.allowed.is_none() {
            return self.decision(Reason::NoAllow(PolicyRole::Identity), None);
        }
        if grant < Grant::Direct {
            let limits =
                [(PolicyRole::Boundary, &verdicts.boundary), (PolicyRole::Session, &verdicts.session)];
            for (role, verdict) in limits {
                if verdict.is_some_and(|verdict| verdict.allowed.is_none()) {
                    return self.decision(Reason::NoAllow(role), None);
                }
            }
        }
        let reason = if is_root { Reason::AllowedAsRoot } else { Reason::AllowedBy(PolicyRole::Identity) };
        self.decision(reason, verdicts.identity.allowed.and_then(|(_, found)| found))
    }

    /// Whether every level of an organization allows.
    fn levels(&mut self, role: PolicyRole, levels: &'a [Vec<Attached<'a>>]) -> bool {
        let mut all = true;
        for (level, policies) in levels.iter().enumerate() {
            all &= self.weigh_level(role, Some(level), policies).allowed.is_some();
        }
        all
    }

    fn weigh(
        &mut self,
        role: PolicyRole,
        policies: impl IntoIterator<Item = &'a Attached<'a>>,
    ) -> Verdict<'a> {
        self.weigh_level(role, None, policies)
    }

    fn weigh_level(
        &mut self,
        role: PolicyRole,
        level: Option<usize>,
        policies: impl IntoIterator<Item = &'a Attached<'a>>,
    ) -> Verdict<'a> {
        let mut verdict = Verdict::default();
        if self.denied.is_none() || W::WANTS_ALL {
            verdict.weigh(self.asked, role, level, policies, self.witness);
            if !self.assumed.no_denial {
                self.denied = self.denied.or(verdict.denied.map(|found| (role, found)));
            }
        }
        let weak = verdict.allowed.is_none_or(|(grant, _)| grant < Grant::Direct);
        if weak && self.assumed.allowed.contains(&role) {
            verdict.allowed = Some((Grant::Direct, None));
        }
        verdict
    }

    fn decision(&self, reason: Reason, found: Option<Found<'a>>) -> Decision {
        let statement = found.map(|Found { attached, index }| DecidingStatement {
            policy: attached.name.to_owned(),
            owner: attached.owner.to_owned(),
            index,
            sid: attached.policy.statements().get(index).and_then(Statement::sid).map(str::to_owned),
            may_be_named: self.may_be_named(reason),
        });
        Decision { effect: reason.effect(), reason, statement }
    }

    /// A resource's account may be of another organization, and then its policies are none of the caller's business.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    fn may_be_named(&self, reason: Reason) -> bool {
        let of_caller =
            self.policies.resource_owner.is_none_or(|owner| Some(owner) == self.asked.caller.account());
        let context = self.asked.context;
        match reason {
            Reason::ExplicitDeny(PolicyRole::ResourceControl) => {
                let organization = context.get("aws:PrincipalOrgID");
                of_caller || (!organization.is_empty() && organization == context.get("aws:ResourceOrgID"))
            }
            _ => true,
        }
    }
}
