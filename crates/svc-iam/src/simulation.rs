//! A request that is only thought of, decided by the evaluator that decides real ones.
//!
//! Owns what a simulation takes in and what is said of its outcome. Refuses to know where policies are from
//! ([`crate::simulate`] does) and how they are decided (`iam-policy` does).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_api::iam::{
    EvaluationResult, OrganizationsDecisionDetail, PermissionsBoundaryDecisionDetail, ResourceSpecificResult,
    Statement,
};
use aws_types::AccountId;
use iam_policy::{
    Attached, Caller, ConsideredPolicy, Context, Effect, Explanation, Policies, Policy, PolicyRole, Reason,
    Request, ResourceRule, StatementResult, explain,
};

use crate::statement_position::Span;
use crate::{context_key, statement_position};

/// A policy that takes part.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What results call it.
    pub(crate) id: String,
    /// Whose it is: `user`, `group`, `role`, `aws-managed`, `user-managed`, `resource`. `None` for what a request brings.
    pub(crate) kind: Option<&'static str>,
    pub(crate) policy: Policy,
    /// Where its statements stand.
    spans: Vec<Span>,
    /// Its name among the policies of the simulation, which the evaluator gives back.
    key: String,
}

type Sources<'a> = BTreeMap<&'a str, &'a Source>;

/// Everything but the action and the resource.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) caller: Caller,
    pub(crate) context: Context,
    pub(crate) resource_owner: Option<AccountId>,
    identity: Vec<Source>,
    boundary: Option<Source>,
    service_control: Vec<Vec<Source>>,
    resource: Option<Source>,
    count: usize,
    /// Whether results name the statements of the organization's policies: not where these are not the request's own.
    pub(crate) tells_organization: bool,
}

/// What came of an action on a resource.
#[derive(Debug)]
struct Outcome {
    decision: &'static str,
    matched: Vec<Statement>,
    missing: Vec<String>,
    by_boundary: Option<bool>,
    by_organization: Option<bool>,
    details: Option<BTreeMap<String, String>>,
}

impl Simulation {
    pub(crate) fn new(caller: Caller, context: Context, resource_owner: Option<AccountId>) -> Self {
        Self {
            caller,
            context,
            resource_owner,
            identity: Vec::new(),
            boundary: None,
            service_control: Vec::new(),
            resource: None,
            count: 0,
            tells_organization: true,
        }
    }

    fn source(&mut self, id: String, kind: Option<&'static str>, policy: Policy) -> Source {
        self.count += 1;
        let spans = statement_position::spans(policy.text());
        Source { id, kind, policy, spans, key: self.count.to_string() }
    }

    pub(crate) fn add_identity(&mut self, id: String, kind: Option<&'static str>, policy: Policy) {
        let source = self.source(id, kind, policy);
        self.identity.push(source);
    }

    pub(crate) fn set_boundary(&mut self, id: String, kind: Option<&'static str>, policy: Policy) {
        self.boundary = Some(self.source(id, kind, policy));
    }

    pub(crate) fn set_resource(&mut self, policy: Policy) {
        self.resource = Some(self.source("ResourcePolicy".to_owned(), Some("resource"), policy));
    }

    pub(crate) fn add_level(&mut self, policies: impl IntoIterator<Item = (String, Policy)>) {
        let level = policies.into_iter().map(|(id, policy)| self.source(id, None, policy)).collect();
        self.service_control.push(level);
    }

    /// All policies, by what the evaluator calls them.
    fn sources(&self) -> Sources<'_> {
        let levels = self.service_control.iter().flatten();
        let all = self.identity.iter().chain(&self.boundary).chain(&self.resource).chain(levels);
        all.map(|source| (source.key.as_str(), source)).collect()
    }

    fn policies(&self, action: &str, resource: &str) -> Policies<'_> {
        fn attached(source: &Source) -> Attached<'_> {
            Attached { name: &source.key, owner: &source.id, policy: &source.policy }
        }
        let action = action.to_ascii_lowercase();
        let rule = match action.split_once(':') {
            Some(("sts", name)) if name.starts_with("assumerole") => ResourceRule::Trust,
            Some(("kms", _)) => ResourceRule::Required,
            _ => ResourceRule::Either,
        };
        let levels = self.service_control.iter().map(|level| level.iter().map(attached).collect());
        Policies {
            identity: self.identity.iter().map(attached).collect(),
            boundary: self.boundary.as_ref().map(attached),
            resource: self.resource.as_ref().map(attached),
            // Without the policy of the resource, what the caller's own come to is asked.
            resource_rule: if self.resource.is_some() { rule } else { ResourceRule::Either },
            resource_owner: self.owner_of(resource),
            service_control: levels.collect(),
            ..Policies::default()
        }
    }

    /// Whose a resource is: what its ARN says, or what the request says of those whose ARN does not. It counts where the
    /// resource's policy is there, too.
    fn owner_of(&self, resource: &str) -> Option<AccountId> {
        self.resource.as_ref()?;
        let account = resource.split(':').nth(4).and_then(|account| account.parse().ok());
        account.or(self.resource_owner)
    }

    fn run(&self, action: &str, resource: &str) -> Outcome {
        let policies = self.policies(action, resource);
        let crosses = policies.resource_owner.is_some_and(|owner| Some(owner) != self.caller.account());
        let request = Request { caller: &self.caller, action, resource, context: &self.context };
        let explanation = explain(&policies, &request);
        let of_role =
            |role: PolicyRole| explanation.policies.iter().filter(move |policy| policy.role == role);
        let allows = |role: PolicyRole| of_role(role).all(|policy| policy.says == Some(Effect::Allow));
        let side = |roles: [PolicyRole; 2]| {
            let says = |effect| {
                let mut policies = explanation.policies.iter().filter(|policy| roles.contains(&policy.role));
                policies.any(|policy| policy.says == Some(effect))
            };
            let decision = if says(Effect::Deny) {
                "explicitDeny"
            } else if says(Effect::Allow) {
                "allowed"
            } else {
                "implicitDeny"
            };
            decision.to_owned()
        };
        let sources = self.sources();
        Outcome {
            decision: decision(&explanation),
            matched: matched(&sources, &explanation, self.tells_organization),
            missing: self.missing(&sources, &explanation),
            by_boundary: self.boundary.is_some().then(|| allows(PolicyRole::Boundary)),
            by_organization: (!self.service_control.is_empty())
                .then(|| self.organization_allows(&explanation)),
            details: crosses.then(|| {
                BTreeMap::from([
                    ("IAM Policy".to_owned(), side([PolicyRole::Identity; 2])),
                    ("Resource Policy".to_owned(), side([PolicyRole::Resource, PolicyRole::Trust])),
                ])
            }),
        }
    }

    /// Whether each level lets the request pass and none denies it.
    fn organization_allows(&self, explanation: &Explanation) -> bool {
        let of_level = |level: usize| {
            let policies = explanation.policies.iter();
            let held = policies.filter(move |policy| {
                policy.role == PolicyRole::ServiceControl && policy.level == Some(level)
            });
            held.map(|policy| policy.says).collect::<Vec<_>>()
        };
        (0..self.service_control.len()).all(|level| {
            let says = of_level(level);
            says.contains(&Some(Effect::Allow)) && !says.contains(&Some(Effect::Deny))
        })
    }

    /// The keys that statements about the action ask for and the simulation has no value for.
    fn missing(&self, sources: &Sources<'_>, explanation: &Explanation) -> Vec<String> {
        let mut found = BTreeSet::new();
        let is_missing = |key: &str| self.context.get(key).is_empty();
        for considered in &explanation.policies {
            let Some(source) = sources.get(considered.name.as_str()) else { continue };
            for statement in &considered.statements {
                if statement.result == StatementResult::OtherAction {
                    continue;
                }
                if let StatementResult::OtherResource { unresolved } = &statement.result {
                    found.extend(unresolved.iter().filter(|key| is_missing(key)).cloned());
                }
                let conditions = source.policy.statements().get(statement.index);
                for condition in conditions.into_iter().flat_map(iam_policy::Statement::conditions) {
                    // These are answered also without a value.
                    let is_optional =
                        condition.operator() == "Null" || condition.operator().ends_with("IfExists");
                    if !is_optional && is_missing(condition.key()) {
                        found.insert(condition.key().to_owned());
                    }
                    let values = condition.values().iter().filter(|_| source.policy.has_variables());
                    let variables = values.flat_map(|value| context_key::variables(value));
                    found.extend(variables.filter(|key| is_missing(key)).map(str::to_owned));
                }
            }
        }
        found.into_iter().collect()
    }

    /// One action on one resource.
    pub(crate) fn result(&self, action: &str, resource: &str) -> EvaluationResult {
        let outcome = self.run(action, resource);
        EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_resource_name: Some(resource.to_owned()),
            eval_decision: outcome.decision.to_owned(),
            matched_statements: Some(outcome.matched),
            missing_context_values: Some(outcome.missing),
            organizations_decision_detail: outcome
                .by_organization
                .map(|allowed| OrganizationsDecisionDetail { allowed_by_organizations: Some(allowed) }),
            permissions_boundary_decision_detail: outcome.by_boundary.map(boundary_detail),
            eval_decision_details: outcome.details,
            resource_specific_results: None,
        }
    }

    /// One action on all resources that it touches together: allowed where it is on each of them.
    pub(crate) fn joint_result(&self, action: &str, resources: &[String]) -> EvaluationResult {
        let outcomes: Vec<_> =
            resources.iter().map(|resource| (resource, self.run(action, resource))).collect();
        // The worst counts.
        let worst = |decision: &str| outcomes.iter().find(|(_, outcome)| outcome.decision == decision);
        let worst =
            worst("explicitDeny").or_else(|| worst("implicitDeny")).map_or("allowed", |(_, it)| it.decision);
        let all = |of: fn(&Outcome) -> Option<bool>| {
            let answers = outcomes.iter().filter_map(|(_, outcome)| of(outcome));
            answers.fold(None, |all, one| Some(all.unwrap_or(true) && one))
        };
        EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_resource_name: Some("*".to_owned()),
            eval_decision: worst.to_owned(),
            matched_statements: Some(Vec::new()),
            missing_context_values: Some(Vec::new()),
            organizations_decision_detail: all(|outcome| outcome.by_organization)
                .map(|allowed| OrganizationsDecisionDetail { allowed_by_organizations: Some(allowed) }),
            permissions_boundary_decision_detail: all(|outcome| outcome.by_boundary).map(boundary_detail),
            eval_decision_details: None,
            resource_specific_results: Some(
                outcomes.into_iter().map(|(resource, outcome)| outcome.of_resource(resource)).collect(),
            ),
        }
    }
}

impl Outcome {
    fn of_resource(self, resource: &str) -> ResourceSpecificResult {
        ResourceSpecificResult {
            eval_resource_name: resource.to_owned(),
            eval_resource_decision: self.decision.to_owned(),
            matched_statements: Some(self.matched),
            missing_context_values: Some(self.missing),
            eval_decision_details: self.details,
            permissions_boundary_decision_detail: self.by_boundary.map(boundary_detail),
        }
    }
}

/// The statements that decided: those that deny, where one does, and else those that allow.
fn matched(sources: &Sources<'_>, explanation: &Explanation, tells_organization: bool) -> Vec<Statement> {
    let wanted = match explanation.decision.reason {
        Reason::ExplicitDeny(_) => Effect::Deny,
        Reason::AllowedAsRoot | Reason::AllowedBy(_) => Effect::Allow,
        Reason::NoAllow(_) => return Vec::new(),
    };
    let mut found = Vec::new();
    let is_told = |held: &&ConsideredPolicy| tells_organization || held.role != PolicyRole::ServiceControl;
    for considered in explanation.policies.iter().filter(is_told) {
        let Some(source) = sources.get(considered.name.as_str()) else { continue };
        for statement in &considered.statements {
            if statement.effect == wanted && matches!(statement.result, StatementResult::Applies(_)) {
                let span = source.spans.get(statement.index).cloned();
                found.push(Statement {
                    source_policy_id: Some(source.id.clone()),
                    source_policy_type: source.kind.map(str::to_owned),
                    start_position: span.as_ref().map(|span| span.start.clone()),
                    end_position: span.map(|span| span.end),
                });
            }
        }
    }
    found
}

fn boundary_detail(allowed: bool) -> PermissionsBoundaryDecisionDetail {
    PermissionsBoundaryDecisionDetail { allowed_by_permissions_boundary: Some(allowed) }
}

fn decision(explanation: &Explanation) -> &'static str {
    match explanation.decision.reason {
        Reason::AllowedAsRoot | Reason::AllowedBy(_) => "allowed",
        Reason::ExplicitDeny(_) => "explicitDeny",
        Reason::NoAllow(_) => "implicitDeny",
    }
}
