//! Why a request was decided as it was: everything that was looked at, and what would have to change.
//!
//! Owns the shape of the explanation. Refuses to decide anything: it looks on while the evaluator does.

use serde::{Deserialize, Serialize};

use crate::evaluate::{PolicyRole, Witness, decide};
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
    /// A condition does not hold; the first of those that do not.
    Condition(FailedCondition),
}

/// A condition that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCondition {
    /// As the policy writes it.
    pub operator: String,
    /// The condition key.
    pub key: String,
    /// The values of the policy.
    pub policy_values: Vec<String>,
    /// The values of the request; empty if it does not have the key.
    pub request_values: Vec<String>,
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
        /// Statements that would allow it, but for a condition or for the resource: policy, place, and what failed.
        nearly: Vec<NearlyAllowed>,
    },
}

/// A statement that would allow a request if one thing were otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearlyAllowed {
    /// The policy's ARN or name.
    pub policy: String,
    /// The statement's place, from zero.
    pub index: usize,
    /// What is not about the request.
    pub result: StatementResult,
}

/// Decides a request and says how.
pub fn explain(policies: &Policies<'_>, request: &Request<'_>) -> Explanation {
    let mut record = Record { policies: Vec::new() };
    let decision = decide(policies, request, &mut record);
    let remedies = remedies(&decision, &record.policies);
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
        let result = match outcome {
            Outcome::Applies(grant) => StatementResult::Applies(grant),
            Outcome::OtherPrincipal => StatementResult::OtherPrincipal,
            Outcome::OtherAction => StatementResult::OtherAction,
            Outcome::OtherResource => {
                StatementResult::OtherResource { unresolved: statement.unresolved(asked.context) }
            }
            Outcome::Condition(at) => {
                let condition = &statement.conditions()[at];
                StatementResult::Condition(FailedCondition {
                    operator: condition.operator().to_owned(),
                    key: condition.key().to_owned(),
                    policy_values: condition.values().to_vec(),
                    request_values: asked
                        .context
                        .get(condition.key())
                        .iter()
                        .map(ToString::to_string)
                        .collect(),
                })
            }
        };
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

/// Every statement that denies has to go, and what is missing then has to come.
fn remedies(decision: &Decision, policies: &[ConsideredPolicy]) -> Vec<Remedy> {
    if decision.is_allowed() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for policy in policies {
        for statement in &policy.statements {
            if statement.effect == Effect::Deny && matches!(statement.result, StatementResult::Applies(_)) {
                found.push(Remedy::StopDenying {
                    role: policy.role,
                    policy: policy.name.clone(),
                    owner: policy.owner.clone(),
                    index: statement.index,
                    sid: statement.sid.clone(),
                });
            }
        }
    }
    if let Reason::NoAllow(role) = decision.reason {
        found.push(Remedy::Allow { role, level: None, nearly: nearly(role, policies) });
    }
    found
}

fn nearly(role: PolicyRole, policies: &[ConsideredPolicy]) -> Vec<NearlyAllowed> {
    let of_role = policies.iter().filter(|policy| policy.role == role);
    let statements =
        of_role.flat_map(|policy| policy.statements.iter().map(move |statement| (policy, statement)));
    let close = statements.filter(|(_, statement)| {
        let one_thing = matches!(
            statement.result,
            StatementResult::Condition(_)
                | StatementResult::OtherResource { .. }
                | StatementResult::OtherPrincipal
        );
        statement.effect == Effect::Allow && one_thing
    });
    close
        .map(|(policy, statement)| NearlyAllowed {
            policy: policy.name.clone(),
            index: statement.index,
            result: statement.result.clone(),
        })
        .collect()
}
