//! A second evaluator, written from AWS's pages without a look at the first, and as plainly as can be: it reads the JSON for
//! every question, and knows nothing that is fast. Both share the types of a request and nothing else.

mod language;
mod values;

use std::collections::BTreeSet;

use iam_policy::{Attached, Caller, Effect, Policies, PolicyRole, Reason, Request, ResourceRule};
use serde_json::Value;

use language::{Ask, Named, statement_applies};

/// The effect and the reason.
pub(crate) fn evaluate(policies: &Policies<'_>, request: &Request<'_>) -> (Effect, Reason) {
    let reason = reason(policies, request);
    let allowed = matches!(reason, Reason::AllowedAsRoot | Reason::AllowedBy(_));
    (if allowed { Effect::Allow } else { Effect::Deny }, reason)
}

/// Whether one statement, the one with this index, is about the request.
pub(crate) fn applies(
    text: &str,
    index: usize,
    policies: &Policies<'_>,
    request: &Request<'_>,
) -> Option<Effect> {
    let ask = Ask { request, has_boundary: policies.boundary.is_some() };
    let (statements, variables) = statements(text);
    let statement = statements.get(index)?;
    statement_applies(statement, variables, &ask)?;
    Some(effect(statement))
}

fn reason(policies: &Policies<'_>, request: &Request<'_>) -> Reason {
    let ask = Ask { request, has_boundary: policies.boundary.is_some() };
    let resource_role =
        if policies.resource_rule == ResourceRule::Trust { PolicyRole::Trust } else { PolicyRole::Resource };

    // First of all, every policy that there is may deny.
    let resource: Vec<Attached<'_>> = policies.resource.into_iter().collect();
    let everything: Vec<(PolicyRole, Vec<Attached<'_>>)> = vec![
        (PolicyRole::ResourceControl, policies.resource_control.concat()),
        (PolicyRole::ServiceControl, policies.service_control.concat()),
        (PolicyRole::Endpoint, policies.endpoint.into_iter().collect()),
        (resource_role, resource.clone()),
        (PolicyRole::Identity, policies.identity.clone()),
        (PolicyRole::Boundary, policies.boundary.into_iter().collect()),
        (PolicyRole::Session, policies.session.clone().unwrap_or_default()),
    ];
    for (role, attached) in &everything {
        if attached.iter().any(|attached| !grants(attached, Effect::Deny, &ask).is_empty()) {
            return Reason::ExplicitDeny(*role);
        }
    }

    // Then there are limits that nobody gets around.
    let allows =
        |attached: &[Attached<'_>]| attached.iter().any(|one| !grants(one, Effect::Allow, &ask).is_empty());
    if !policies.resource_control.iter().all(|level| allows(level)) {
        return Reason::NoAllow(PolicyRole::ResourceControl);
    }
    if !policies.service_control.iter().all(|level| allows(level)) {
        return Reason::NoAllow(PolicyRole::ServiceControl);
    }
    if policies.endpoint.is_some_and(|endpoint| !allows(&[endpoint])) {
        return Reason::NoAllow(PolicyRole::Endpoint);
    }

    // What the policy of the resource says, by how it names the caller.
    let named: BTreeSet<Named> =
        resource.iter().flat_map(|attached| grants(attached, Effect::Allow, &ask)).collect();
    let caller_account = match request.caller {
        Caller::Root { account } | Caller::User { account, .. } => Some(*account),
        Caller::AssumedRole { account, .. } | Caller::FederatedUser { account, .. } => Some(*account),
        Caller::Service { .. } | Caller::WebIdentity { .. } | Caller::Saml { .. } | Caller::Anonymous => None,
    };
    let Some(account) = caller_account else {
        let some = named.is_empty();
        return if some { Reason::NoAllow(resource_role) } else { Reason::AllowedBy(resource_role) };
    };

    // What the caller's own policies say.
    let root = matches!(request.caller, Caller::Root { .. });
    let identity = root || allows(&policies.identity);
    let boundary = policies.boundary.is_none_or(|boundary| allows(&[boundary]));
    let session = policies.session.as_ref().is_none_or(|session| allows(session));
    let own = if !identity {
        Reason::NoAllow(PolicyRole::Identity)
    } else if !boundary {
        Reason::NoAllow(PolicyRole::Boundary)
    } else if !session {
        Reason::NoAllow(PolicyRole::Session)
    } else if root {
        Reason::AllowedAsRoot
    } else {
        Reason::AllowedBy(PolicyRole::Identity)
    };
    let own_allows = identity && boundary && session;

    if policies.resource_owner.is_some_and(|owner| owner != account) {
        return if own_allows && named.is_empty() { Reason::NoAllow(resource_role) } else { own };
    }
    let must = policies.resource_rule != ResourceRule::Either;
    if must && named.is_empty() {
        return Reason::NoAllow(resource_role);
    }
    if own_allows && !must {
        return own;
    }
    if named.contains(&Named::Itself) {
        return Reason::AllowedBy(resource_role);
    }
    if named.contains(&Named::Behind) {
        return match (boundary, session) {
            (false, _) => Reason::NoAllow(PolicyRole::Boundary),
            (true, false) => Reason::NoAllow(PolicyRole::Session),
            (true, true) => Reason::AllowedBy(resource_role),
        };
    }
    own
}

/// How the statements of a policy that have this effect on the request name the caller.
fn grants(attached: &Attached<'_>, wanted: Effect, ask: &Ask<'_>) -> Vec<Named> {
    let (statements, variables) = statements(attached.policy.text());
    statements
        .iter()
        .filter(|statement| effect(statement) == wanted)
        .filter_map(|statement| statement_applies(statement, variables, ask))
        .collect()
}

fn statements(text: &str) -> (Vec<Value>, bool) {
    let policy: Value = serde_json::from_str(text).unwrap();
    let variables = policy.get("Version").and_then(Value::as_str) == Some("2012-10-17");
    let list = match policy.get("Statement").unwrap() {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    (list, variables)
}

fn effect(statement: &Value) -> Effect {
    if statement["Effect"] == "Allow" { Effect::Allow } else { Effect::Deny }
}
