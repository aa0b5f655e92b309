//! SimulateCustomPolicy and SimulatePrincipalPolicy.
//!
//! Owns which policies, which caller and which context keys a simulation has. Refuses to decide ([`crate::simulation`]).
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use aws_api::iam::{
    ContextEntry, EvaluationResult, PolicyIdentifier, SimulateCustomPolicyRequest, SimulatePolicyResponse,
    SimulatePrincipalPolicyRequest, operation as op,
};
use aws_types::{AccountId, Arn};
use iam_policy::{Attached, Caller, Context, Policy, PolicyKind};
use identities::User;
use service_api::{Operations, RequestContext, ServiceError};
use store::Read;

use crate::entity::Entity;
use crate::simulation::Simulation;
use crate::{State, arn, error, page};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table.with::<op::SimulateCustomPolicy>(custom).with::<op::SimulatePrincipalPolicy>(principal)
}

/// How many pairs of an action and a resource one request can ask about.
const MAX_EVALUATIONS: usize = 100_000;

/// What the two have in common.
struct Question {
    actions: Vec<String>,
    resources: Vec<String>,
    resource_policy: Option<String>,
    resource_owner: Option<String>,
    caller: Option<String>,
    entries: Vec<ContextEntry>,
    handling: Option<String>,
    max_items: Option<i32>,
    marker: Option<String>,
}

impl Question {
    fn check(&self) -> Result<(), ServiceError> {
        for action in &self.actions {
            let is_action = action.split_once(':').is_some_and(|(service, name)| {
                let is_name = |part: &str| !part.is_empty() && !part.contains(['*', '?', ':']);
                is_name(service) && is_name(name)
            });
            if !is_action {
                return Err(error::invalid_input(format!("Invalid Action Name: {action}")));
            }
        }
        if self.actions.len().saturating_mul(self.resources.len()) > MAX_EVALUATIONS {
            return Err(error::invalid_input(format!(
                "A request can ask for at most {MAX_EVALUATIONS} actions on resources."
            )));
        }
        if let Some(resource) = self.resources.iter().find(|one| *one != "*" && one.parse::<Arn>().is_err()) {
            return Err(error::invalid_input(format!("Invalid Resource ARN: {resource}")));
        }
        Ok(())
    }

    /// The user that the request is to be of.
    fn caller(&self) -> Result<Option<Caller>, ServiceError> {
        let Some(text) = &self.caller else { return Ok(None) };
        let refused =
            || error::invalid_input(format!("Invalid Caller ARN: {text}. It must be that of an IAM user."));
        let arn: Arn = text.parse().map_err(|_| refused())?;
        let account = text.split(':').nth(4).and_then(|account| account.parse().ok());
        let account = account.filter(|_| arn.resource().starts_with("user/")).ok_or_else(refused)?;
        Ok(Some(Caller::User { account, arn }))
    }

    /// The account that owns the resources: `arn:aws:iam::123456789012:root`, or the number.
    fn owner(&self) -> Result<Option<AccountId>, ServiceError> {
        let Some(text) = &self.resource_owner else { return Ok(None) };
        let number = if text.starts_with("arn:") { text.split(':').nth(4).unwrap_or_default() } else { text };
        let owner =
            number.parse().map_err(|_| error::invalid_input(format!("Invalid Resource Owner: {text}")))?;
        Ok(Some(owner))
    }

    /// The keys that authorization would find of the caller, and what the request says, which counts more.
    fn context(&self, caller: &Caller, user: Option<&User>) -> Result<Context, ServiceError> {
        let mut context = Context::new();
        let arn = match caller {
            Caller::User { arn, .. } => Some(arn),
            Caller::AssumedRole { role_arn, .. } => Some(role_arn),
            _ => None,
        };
        if let (Some(arn), Some(account)) = (arn, caller.account()) {
            context.set("aws:PrincipalArn", arn.to_string());
            context.set("aws:PrincipalAccount", account.to_string());
        }
        if let Some(user) = user {
            context.set("aws:PrincipalType", "User");
            context.set("aws:userid", user.id.clone());
            context.set("aws:username", user.name.clone());
            for (key, value) in user.tags.iter() {
                context.set_tag(format!("aws:PrincipalTag/{key}"), value.to_owned());
            }
        }
        for entry in &self.entries {
            let Some(key) = &entry.context_key_name else { continue };
            let values = entry.context_key_values.clone().unwrap_or_default();
            let kind = entry.context_key_type.as_deref().unwrap_or("string");
            if !kind.ends_with("List") && values.len() > 1 {
                let message = format!("Context key {key} of type {kind} cannot have more than one value.");
                return Err(error::invalid_input(message));
            }
            if let Some(value) = values.iter().find(|value| !is_of_kind(kind, value)) {
                return Err(error::invalid_input(format!(
                    "Context value {value} of key {key} is no {kind}."
                )));
            }
            context.set_many(key.clone(), values);
        }
        Ok(context)
    }

    /// The policy of the resource, where the request has one.
    fn resource_policy(&self) -> Result<Option<Policy>, ServiceError> {
        let Some(text) = &self.resource_policy else { return Ok(None) };
        let read = Policy::parse(text, PolicyKind::Resource).or_else(|error| {
            // A role's names no resource: it is the role.
            Policy::parse(text, PolicyKind::Trust).map_err(|_| error)
        });
        read.map(Some).map_err(|error| error::invalid_input(format!("Invalid resource policy: {error}")))
    }

    fn answer(&self, simulation: &Simulation) -> Result<SimulatePolicyResponse, ServiceError> {
        // What is on the page is decided, and nothing else.
        let results = if let Some(scenario) = self.handling.as_deref() {
            check_scenario(scenario, &self.resources)?;
            self.actions.len()
        } else {
            self.actions.len() * self.resources.len()
        };
        let keyed = (0..results).map(|index| (format!("{index:09}"), index));
        let page = page::take(keyed, self.marker.as_deref(), self.max_items)?;
        let result = |index: &usize| -> EvaluationResult {
            if self.handling.is_some() {
                return simulation.joint_result(&self.actions[*index], &self.resources);
            }
            let (action, resource) = (index / self.resources.len(), index % self.resources.len());
            simulation.result(&self.actions[action], &self.resources[resource])
        };
        Ok(SimulatePolicyResponse {
            is_truncated: page.is_truncated(),
            evaluation_results: Some(page.items.iter().map(result).collect()),
            marker: page.marker,
        })
    }
}

/// Whether a value is of the kind that a request says of it.
fn is_of_kind(kind: &str, value: &str) -> bool {
    match kind.strip_suffix("List").unwrap_or(kind) {
        "numeric" => value.parse::<f64>().is_ok(),
        "boolean" => ["true", "false"].contains(&value.to_ascii_lowercase().as_str()),
        "ip" => value.split('/').next().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok()),
        _ => true,
    }
}

/// What a scenario of RunInstances needs.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html>
fn check_scenario(scenario: &str, resources: &[String]) -> Result<(), ServiceError> {
    let base = ["instance", "image", "security-group", "network-interface"];
    let more: &[&str] = match scenario {
        "EC2-VPC-InstanceStore" => &[],
        "EC2-VPC-InstanceStore-Subnet" => &["subnet"],
        "EC2-VPC-EBS" => &["volume"],
        "EC2-VPC-EBS-Subnet" => &["volume", "subnet"],
        _ => return Err(error::invalid_input(format!("Invalid Resource Handling Option: {scenario}"))),
    };
    for needed in base.iter().chain(more) {
        let is_one = |resource: &String| {
            resource.splitn(6, ':').nth(5).is_some_and(|part| part.starts_with(&format!("{needed}/")))
        };
        if !resources.iter().any(is_one) {
            let message =
                format!("The resource handling option {scenario} needs a resource of type {needed}.");
            return Err(error::invalid_input(message));
        }
    }
    Ok(())
}

/// Policies of a list, as `PolicyInputList.1` and so on.
fn listed(
    list: &str,
    texts: Option<Vec<String>>,
    kind: PolicyKind,
) -> Result<Vec<(String, Policy)>, ServiceError> {
    let read = |(index, text): (usize, String)| {
        let policy = Policy::parse(&text, kind)
            .map_err(|error| error::invalid_input(format!("Invalid policy {list}.{}: {error}", index + 1)))?;
        Ok((format!("{list}.{}", index + 1), policy))
    };
    texts.unwrap_or_default().into_iter().enumerate().map(read).collect()
}

/// The boundary that a request brings; it is at most one.
fn set_boundary(simulation: &mut Simulation, texts: Option<Vec<String>>) -> Result<(), ServiceError> {
    let mut given = listed("PermissionsBoundaryPolicyInputList", texts, PolicyKind::Inline)?;
    if given.len() > 1 {
        return Err(error::invalid_input("Only one permissions boundary policy can be simulated."));
    }
    if let Some((id, policy)) = given.pop() {
        simulation.set_boundary(id, None, policy);
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html>
fn custom(
    _: &State,
    context: &RequestContext,
    request: SimulateCustomPolicyRequest,
) -> Result<SimulatePolicyResponse, ServiceError> {
    let question = Question {
        actions: request.action_names,
        resources: request
            .resource_arns
            .filter(|arns| !arns.is_empty())
            .unwrap_or_else(|| vec!["*".to_owned()]),
        resource_policy: request.resource_policy,
        resource_owner: request.resource_owner,
        caller: request.caller_arn,
        entries: request.context_entries.unwrap_or_default(),
        handling: request.resource_handling_option,
        max_items: request.max_items,
        marker: request.marker,
    };
    question.check()?;
    let caller = question.caller()?;
    if question.resource_policy.is_some() && caller.is_none() {
        return Err(error::invalid_input("CallerArn is required when a ResourcePolicy is specified."));
    }
    let is_named = caller.is_some();
    let nobody = Caller::User { account: context.account(), arn: arn(context, "user/", "", "simulated") };
    let caller = caller.unwrap_or(nobody);
    let keys = if is_named {
        question.context(&caller, None)?
    } else {
        question.context(&Caller::Anonymous, None)?
    };
    let mut simulation = Simulation::new(caller, keys, question.owner()?);
    for (id, policy) in listed("PolicyInputList", Some(request.policy_input_list), PolicyKind::Inline)? {
        simulation.add_identity(id, None, policy);
    }
    set_boundary(&mut simulation, request.permissions_boundary_policy_input_list)?;
    for (index, level) in
        request.ordered_organization_policy_input_list.unwrap_or_default().into_iter().enumerate()
    {
        let list = format!("OrderedOrganizationPolicyInputList.{}.ServiceControlPolicyInputList", index + 1);
        let texts = level.service_control_policy_input_list;
        simulation.add_level(listed(&list, texts, PolicyKind::ServiceControl)?);
    }
    if let Some(policy) = question.resource_policy()? {
        simulation.set_resource(policy);
    }
    question.answer(&simulation)
}

/// Which policies of the principal are left out.
struct Excluded(Vec<PolicyIdentifier>);

impl Excluded {
    fn has(&self, kind: &str, attached: &Attached<'_>) -> bool {
        self.0.iter().any(|excluded| {
            let is_inline = excluded.inline_policy_identifier.as_ref().is_some_and(|inline| {
                let owner = attached.owner.splitn(6, ':').nth(5).unwrap_or_default();
                let (entity, path) = owner.split_once('/').unwrap_or_default();
                let name = path.rsplit('/').next().unwrap_or_default();
                inline.policy_name == attached.name
                    && inline.attachment_type == entity
                    && inline.attachment_name.eq_ignore_ascii_case(name)
            });
            excluded.policy_type.as_deref() == Some(kind)
                || excluded.policy_arn.as_deref() == Some(attached.name)
                || is_inline
        })
    }
}

/// What a policy of a principal is: its type, and what results call it.
fn kind_of<'a>(attached: &Attached<'a>) -> (&'static str, &'a str) {
    let is_managed = attached.name.starts_with("arn:");
    let name =
        if is_managed { attached.name.rsplit('/').next().unwrap_or(attached.name) } else { attached.name };
    let owner = attached.owner.splitn(6, ':').nth(5).unwrap_or_default();
    let kind = if attached.name.contains("::aws:policy/") {
        "aws-managed"
    } else if is_managed {
        "user-managed"
    } else if owner.starts_with("group/") {
        "group"
    } else if owner.starts_with("role/") {
        "role"
    } else {
        "user"
    };
    (kind, name)
}

/// Adds the policies of the principal.
fn add_held(
    reader: &impl Read,
    context: &RequestContext,
    entity: &Entity,
    excluded: &Excluded,
    simulation: &mut Simulation,
) {
    let held = entity.policies(reader, context);
    for attached in held.identity() {
        let (kind, name) = kind_of(&attached);
        let class = if ["user", "group", "role"].contains(&kind) { "inline" } else { kind };
        if !excluded.has(class, &attached) {
            simulation.add_identity(name.to_owned(), Some(kind), attached.policy.clone());
        }
    }
    if let Some(attached) = held.boundary().filter(|attached| !excluded.has("permission-boundary", attached))
    {
        let (kind, name) = kind_of(&attached);
        simulation.set_boundary(name.to_owned(), Some(kind), attached.policy.clone());
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>
fn principal(
    state: &State,
    context: &RequestContext,
    request: SimulatePrincipalPolicyRequest,
) -> Result<SimulatePolicyResponse, ServiceError> {
    let question = Question {
        actions: request.action_names,
        resources: request
            .resource_arns
            .filter(|arns| !arns.is_empty())
            .unwrap_or_else(|| vec!["*".to_owned()]),
        resource_policy: request.resource_policy,
        resource_owner: request.resource_owner,
        caller: request.caller_arn,
        entries: request.context_entries.unwrap_or_default(),
        handling: request.resource_handling_option,
        max_items: request.max_items,
        marker: request.marker,
    };
    question.check()?;
    let snapshot = state.store.snapshot();
    let entity = Entity::find(&snapshot, context, &request.policy_source_arn)?;
    let (account, named) = (context.account(), question.caller()?);
    let caller = match (named, &entity) {
        (Some(caller), _) => caller,
        (None, Entity::User(user)) => Caller::User { account, arn: user.arn.clone() },
        (None, Entity::Role(role)) => {
            let session = format!("assumed-role/{}/simulated", role.name);
            let session_arn = Arn::global(context.partition, "sts", account, &session);
            Caller::AssumedRole { account, session_arn, role_arn: role.arn.clone() }
        }
        (None, Entity::Group(_)) if question.resource_policy.is_some() => {
            return Err(error::invalid_input("CallerArn is required when a ResourcePolicy is specified."));
        }
        (None, Entity::Group(_)) => Caller::User { account, arn: arn(context, "user/", "", "simulated") },
    };
    let user = match &entity {
        Entity::User(user) => Some(&**user),
        Entity::Group(_) | Entity::Role(_) => None,
    };
    let keys = question.context(&caller, user)?;
    let mut simulation = Simulation::new(caller, keys, question.owner()?);
    simulation.tells_organization = false;
    let excluded = Excluded(request.policy_exclusion_list.unwrap_or_default());
    add_held(&snapshot, context, &entity, &excluded, &mut simulation);
    for (id, policy) in listed("PolicyInputList", request.policy_input_list, PolicyKind::Inline)? {
        simulation.add_identity(id, None, policy);
    }
    set_boundary(&mut simulation, request.permissions_boundary_policy_input_list)?;
    if !excluded.0.iter().any(|excluded| excluded.policy_type.as_deref() == Some("scp")) {
        for level in state.organization.service_control(&snapshot, context.partition, account) {
            simulation.add_level(level.into_iter().map(|one| (one.id, one.policy)));
        }
    }
    if let Some(policy) = question.resource_policy()? {
        simulation.set_resource(policy);
    }
    question.answer(&simulation)
}
