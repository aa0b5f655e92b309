//! Why a request was decided as it was: everything that was looked at, and what would have to change.
//!
//! Owns the shape of the explanation. Refuses to decide anything: it looks on while the evaluator does.

use serde::{Deserialize, Serialize};

use crate::evaluate::{Assumed, PolicyRole, Witness, decide};
use crate::policy::{Asked, Outcome};
use crate::principal::Grant;
use crate::{Attached, Decision, Effect, Policies, Reason, Request, Statement};

/// A decision with all that led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Who asked: an ARN, a service, a provider, or `anonymous`.
    pub caller: String,
    /// For what.
    pub action: String,
    /// On what.
    pub resource: String,
    /// The decision.
    pub decision: Decision,
    /// Every policy that has a say, in the order in which they were asked.
    pub policies: Vec<ConsideredPolicy>,
    /// What would have to change so that the request is allowed; all of it. Empty if it is.
    pub remedies: Vec<Remedy>,
}

/// A policy that has a say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsideredPolicy {
    /// What it is in this request.
    pub role: PolicyRole,
    /// Of a policy of an organization, how far from its root, which is 0.
    pub level: Option<usize>,
    /// Its ARN, or the name of an inline policy.
    pub name: String,
    /// What it hangs on.
    pub owner: String,
    /// What it says: `None` is nothing.
    pub says: Option<Effect>,
    /// Its statements.
    pub statements: Vec<ConsideredStatement>,
}

/// A statement and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsideredStatement {
    /// Its place in the policy, from zero.
    pub index: usize,
    /// Its id.
    pub sid: Option<String>,
    /// What it does to requests that it is about.
    pub effect: Effect,
    /// Whether it is about this one.
    pub result: StatementResult,
}

/// Whether a statement is about a request, and if not, what of it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatementResult {
    /// It is, and this is how it names the caller.
    Applies(Grant),
    /// Its principals are others.
    OtherPrincipal,
    /// Its actions are others.
    OtherAction,
    /// Its resources are others.
    OtherResource {
        /// Keys of variables in them that have no value in the request.
        unresolved: Vec<String>,
    },
    /// These conditions do not hold.
    Conditions(Vec<FailedCondition>),
}

/// A condition that does not hold. What the request has of the key is in its context: it may be large, and many conditions
/// may ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCondition {
    /// As the policy writes it.
    pub operator: String,
    /// The condition key.
    pub key: String,
    /// The values of the policy.
    pub policy_values: Vec<String>,
}

/// Something that would have to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remedy {
    /// This statement must not deny the request.
    StopDenying {
        /// What its policy is.
        role: PolicyRole,
        /// The policy's ARN or name.
        policy: String,
        /// What the policy hangs on.
        owner: String,
        /// The statement's place, from zero.
        index: usize,
        /// The statement's id.
        sid: Option<String>,
    },
    /// A policy of this kind must allow the request.
    Allow {
        /// What it is.
        role: PolicyRole,
        /// Where in an organization, counted from its root.
        level: Option<usize>,
        /// Statements that would allow it, but for a condition or for the resource.
        nearly: Vec<NearlyAllowed>,
    },
}

/// A statement that would allow a request if one thing were otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearlyAllowed {
    /// The policy's place among [`Explanation::policies`], from zero.
    pub policy: usize,
    /// The statement's place among the policy's, from zero.
    pub statement: usize,
}

impl Explanation {
    /// A statement that is told of by its place.
    pub fn nearly(&self, found: NearlyAllowed) -> Option<(&ConsideredPolicy, &ConsideredStatement)> {
        let policy = self.policies.get(found.policy)?;
        Some((policy, policy.statements.get(found.statement)?))
    }
}

/// Decides a request and says how.
pub fn explain(policies: &Policies<'_>, request: &Request<'_>) -> Explanation {
    let mut record = Record { policies: Vec::new() };
    let decision = decide(policies, request, &Assumed::default(), &mut record);
    let remedies = remedies(policies, request, decision.reason, &record.policies);
    Explanation {
        caller: request.caller.name().into_owned(),
        action: request.action.to_owned(),
        resource: request.resource.to_owned(),
        decision,
        policies: record.policies,
        remedies,
    }
}

/// Writes down what the evaluator does.
struct Record {
    policies: Vec<ConsideredPolicy>,
}

impl Witness for Record {
    const WANTS_ALL: bool = true;

    fn policy(&mut self, role: PolicyRole, level: Option<usize>, attached: &Attached<'_>) {
        self.policies.push(ConsideredPolicy {
            role,
            level,
            name: attached.name.to_owned(),
            owner: attached.owner.to_owned(),
            says: None,
            statements: Vec::new(),
        });
    }

    fn statement(&mut self, index: usize, statement: &Statement, outcome: Outcome, asked: &Asked<'_>) {
        let Some(policy) = self.policies.last_mut() else { return };
        let result = result(statement, outcome, asked);
        if matches!(result, StatementResult::Applies(_)) {
            let denies = statement.effect() == Effect::Deny || policy.says == Some(Effect::Deny);
            policy.says = Some(if denies { Effect::Deny } else { Effect::Allow });
        }
        policy.statements.push(ConsideredStatement {
            index,
            sid: statement.sid().map(str::to_owned),
            effect: statement.effect(),
            result,
        });
    }
}

/// Nothing is written down, and nothing is left out.
struct Silent;

impl Witness for Silent {
    const WANTS_ALL: bool = true;

    fn policy(&mut self, _: PolicyRole, _: Option<usize>, _: &Attached<'_>) {}

    fn statement(&mut self, _: usize, _: &Statement, _: Outcome, _: &Asked<'_>) {}
}

/// An outcome with what it does not hold itself.
fn result(statement: &Statement, outcome: Outcome, asked: &Asked<'_>) -> StatementResult {
    match outcome {
        Outcome::Applies(grant) => StatementResult::Applies(grant),
        Outcome::OtherPrincipal => StatementResult::OtherPrincipal,
        Outcome::OtherAction => StatementResult::OtherAction,
        Outcome::OtherResource => {
            StatementResult::OtherResource { unresolved: statement.unresolved(asked.context) }
        }
        Outcome::Condition(first) => {
            let rest = statement.conditions()[first..].iter().enumerate();
            // The first does not hold for one of several tags of the same key, if not for all of them.
            let failed = rest.filter(|(place, condition)| *place == 0 || !condition.holds(asked.context));
            let failed = failed.map(|(_, condition)| FailedCondition {
                operator: condition.operator().to_owned(),
                key: condition.key().to_owned(),
                policy_values: condition.values().to_vec(),
            });
            StatementResult::Conditions(failed.collect())
        }
    }
}

/// What it takes to have the request allowed: the evaluator is asked again with what it missed before taken for given, until
/// it misses nothing.
fn remedies(
    policies: &Policies<'_>,
    request: &Request<'_>,
    first: Reason,
    considered: &[ConsideredPolicy],
) -> Vec<Remedy> {
    let mut found = Vec::new();
    let mut assumed = Assumed::default();
    let mut reason = first;
    loop {
        match reason {
            Reason::AllowedAsRoot | Reason::AllowedBy(_) => return found,
            Reason::ExplicitDeny(_) => {
                found.extend(denials(considered));
                assumed.no_denial = true;
            }
            // What is assumed cannot be missed again.
            Reason::NoAllow(role) if assumed.allowed.contains(&role) => return found,
            Reason::NoAllow(role) => {
                found.extend(missing(policies, role, considered));
                assumed.allowed.push(role);
            }
        }
        reason = decide(policies, request, &assumed, &mut Silent).reason;
    }
}

/// Every statement that denies.
fn denials(considered: &[ConsideredPolicy]) -> impl Iterator<Item = Remedy> {
    considered.iter().flat_map(|policy| {
        let statements = policy.statements.iter().filter(|statement| statement.does(Effect::Deny));
        statements.map(|statement| Remedy::StopDenying {
            role: policy.role,
            policy: policy.name.clone(),
            owner: policy.owner.clone(),
            index: statement.index,
            sid: statement.sid.clone(),
        })
    })
}

/// What does not allow: of an organization's policies, each level that does not.
fn missing(policies: &Policies<'_>, role: PolicyRole, considered: &[ConsideredPolicy]) -> Vec<Remedy> {
    let levels = match role {
        PolicyRole::ServiceControl => Some(policies.service_control.len()),
        PolicyRole::ResourceControl => Some(policies.resource_control.len()),
        PolicyRole::Identity
        | PolicyRole::Boundary
        | PolicyRole::Session
        | PolicyRole::Resource
        | PolicyRole::Trust
        | PolicyRole::Endpoint => None,
    };
    let remedy =
        |level: Option<usize>| Remedy::Allow { role, level, nearly: nearly(role, level, considered) };
    let Some(levels) = levels else { return vec![remedy(None)] };
    let allows = |level: usize| {
        let of_level = considered.iter().filter(|policy| policy.role == role && policy.level == Some(level));
        of_level.flat_map(|policy| &policy.statements).any(|statement| statement.does(Effect::Allow))
    };
    (0..levels).filter(|level| !allows(*level)).map(|level| remedy(Some(level))).collect()
}

/// Statements that allow the action, but not this request.
fn nearly(role: PolicyRole, level: Option<usize>, considered: &[ConsideredPolicy]) -> Vec<NearlyAllowed> {
    let policies = considered.iter().enumerate();
    let policies = policies.filter(|(_, policy)| policy.role == role && policy.level == level);
    let of_policy = |(policy, considered): (usize, &ConsideredPolicy)| {
        let statements = considered.statements.iter().enumerate();
        let close = statements.filter(|(_, one)| one.effect == Effect::Allow && one.result.is_close());
        close.map(|(statement, _)| NearlyAllowed { policy, statement }).collect::<Vec<_>>()
    };
    policies.flat_map(of_policy).collect()
}

impl ConsideredStatement {
    /// Whether it has this effect on the request.
    fn does(&self, effect: Effect) -> bool {
        self.effect == effect && matches!(self.result, StatementResult::Applies(_))
    }
}

impl StatementResult {
    /// Whether the statement has the action and misses the request by something else.
    fn is_close(&self) -> bool {
        match self {
            Self::Applies(_) | Self::OtherAction => false,
            Self::OtherPrincipal | Self::OtherResource { .. } | Self::Conditions(_) => true,
        }
    }
}
