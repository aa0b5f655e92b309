//! The rules of each kind of policy, in the order in which AWS looks at them.
//!
//! The facts are those that AWS answers with; where a document breaks several rules, the order decides which message comes.

use crate::condition::Operator;
use crate::document::{Document, Written, WrittenPrincipal, unknown_operator};
use crate::principal::AwsPrincipal;
use crate::{Effect, PolicyError, PolicyKind};

/// What the path of a resource of IAM begins with.
pub(crate) const IAM_RESOURCES: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

/// Holds a document against the rules of its kind.
pub(crate) fn check(document: &Document, kind: PolicyKind) -> Result<(), PolicyError> {
    operators(document, kind)?;
    version(document, kind)?;
    for statement in &document.statements {
        elements(statement, kind)?;
    }
    let resource_error = legacy_parsing(document)?;
    sids(document, kind)?;
    let statements = &document.statements;
    if statements.iter().any(|statement| is_empty(&statement.action, &statement.not_action)) {
        return Err(if kind == PolicyKind::Trust || kind == PolicyKind::Resource {
            PolicyError::MissingField("Action")
        } else {
            PolicyError::NoActions
        });
    }
    let needs_resource = kind != PolicyKind::Trust && kind != PolicyKind::Resource;
    if needs_resource
        && statements.iter().any(|statement| is_empty(&statement.resource, &statement.not_resource))
    {
        return Err(PolicyError::NoResources);
    }
    resource_error.map_or(Ok(()), Err)?;
    for statement in statements {
        for action in statement.action.iter().chain(&statement.not_action).flatten() {
            vendor(action)?;
        }
        match kind {
            PolicyKind::Trust => trust(statement)?,
            PolicyKind::ResourceControl => resource_control(statement)?,
            PolicyKind::Resource | PolicyKind::Endpoint => principals(statement)?,
            PolicyKind::Identity | PolicyKind::Inline | PolicyKind::Session | PolicyKind::ServiceControl => {}
        }
    }
    Ok(())
}

/// The services say which operator they do not know; IAM does not.
fn operators(document: &Document, kind: PolicyKind) -> Result<(), PolicyError> {
    match unknown_operator(document) {
        None => Ok(()),
        Some(name) if matches!(kind, PolicyKind::Resource | PolicyKind::Endpoint) => {
            Err(PolicyError::ConditionType(name.to_owned()))
        }
        Some(_) => Err(PolicyError::Syntax),
    }
}

/// Trust policies, inline ones and those of resources may be of 2008, which is what no version means.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
fn version(document: &Document, kind: PolicyKind) -> Result<(), PolicyError> {
    match kind {
        PolicyKind::Inline | PolicyKind::Trust | PolicyKind::Resource | PolicyKind::Endpoint => Ok(()),
        PolicyKind::Identity
        | PolicyKind::Session
        | PolicyKind::ServiceControl
        | PolicyKind::ResourceControl => {
            let newest = document.version.as_deref() == Some("2012-10-17");
            if newest { Ok(()) } else { Err(PolicyError::Version) }
        }
    }
}

/// Elements that a kind does not have, or needs.
fn elements(statement: &Written, kind: PolicyKind) -> Result<(), PolicyError> {
    let has_principal = statement.principal.is_some() || statement.not_principal.is_some();
    match kind {
        PolicyKind::Identity | PolicyKind::Inline | PolicyKind::Session | PolicyKind::ServiceControl
            if has_principal =>
        {
            Err(PolicyError::HasPrincipal)
        }
        PolicyKind::Trust if statement.resource.is_some() => Err(PolicyError::ProhibitedField("Resource")),
        PolicyKind::Trust if statement.not_resource.is_some() => {
            Err(PolicyError::ProhibitedField("NotResource"))
        }
        PolicyKind::Trust | PolicyKind::Resource | PolicyKind::ResourceControl if !has_principal => {
            Err(PolicyError::MissingField("Principal"))
        }
        PolicyKind::ResourceControl if statement.not_principal.is_some() => {
            Err(PolicyError::ProhibitedField("NotPrincipal"))
        }
        PolicyKind::ResourceControl if statement.not_action.is_some() => {
            Err(PolicyError::ProhibitedField("NotAction"))
        }
        _ => Ok(()),
    }
}

/// What the oldest parser refuses. Comes back with the first resource that a newer one refuses, whose turn comes later; from
/// there on the oldest does not look at resources any more.
fn legacy_parsing(document: &Document) -> Result<Option<PolicyError>, PolicyError> {
    for statement in &document.statements {
        let conditions =
            statement.conditions.iter().filter_map(|(name, keys)| Some((Operator::parse(name)?, keys)));
        let mut values = conditions
            .flat_map(|(operator, keys)| keys.iter().map(move |(_, values)| (operator, values)))
            .flat_map(|(operator, values)| values.iter().map(move |value| (operator, value)));
        if statement.effect().is_none() || values.any(|(operator, value)| !operator.takes(value)) {
            return Err(PolicyError::LegacyParsing);
        }
    }
    let mut refused = None;
    for statement in &document.statements {
        let resources = || statement.resource.iter().chain(&statement.not_resource).flatten();
        refused = refused.or_else(|| resources().find_map(|resource| self::resource(resource).err()));
        if refused.is_none() && !resources().all(|resource| has_service(resource)) {
            return Err(PolicyError::LegacyParsing);
        }
    }
    Ok(refused)
}

fn has_service(resource: &str) -> bool {
    let enough_parts = resource.matches(':').count() >= 5 || !resource.contains("::");
    resource == "*" || (enough_parts && resource.split(':').nth(2).is_some_and(|service| !service.is_empty()))
}

fn resource(text: &str) -> Result<(), PolicyError> {
    if text == "*" {
        return Ok(());
    }
    let Some((_, rest)) = text.split_once(':') else {
        return Err(PolicyError::ResourceNotArn(text.to_owned()));
    };
    let (partition, rest) =
        rest.split_once(':').map_or((rest, None), |(partition, rest)| (partition, Some(rest)));
    if !["aws", "*"].contains(&partition) {
        let parts: Vec<&str> = rest.map(|rest| rest.splitn(4, ':').collect()).unwrap_or_default();
        let shown: Vec<&str> = (0..4).map(|at| parts.get(at).copied().unwrap_or("*")).collect();
        let resource = format!("arn:{partition}:{}", shown.join(":"));
        return Err(PolicyError::Partition { partition: partition.to_owned(), resource });
    }
    let Some(rest) = rest else { return Err(PolicyError::ResourceVendor) };
    let mut parts = rest.splitn(4, ':');
    let service = parts.next().unwrap_or_default();
    let region = parts.next().unwrap_or_default();
    let account = parts.next().unwrap_or_default();
    let path = parts.next().unwrap_or_default();
    if service.contains(['*', '?']) {
        return Err(PolicyError::ResourceVendor);
    }
    match service {
        "iam" if !region.is_empty() => Err(PolicyError::IamRegion(text.to_owned())),
        // Access points have regions, and they have accounts, too.
        "s3" if !region.is_empty() && account.is_empty() => Err(PolicyError::S3Region(text.to_owned())),
        "iam" if path != "*" && !IAM_RESOURCES.iter().any(|kind| path.starts_with(kind)) => {
            Err(PolicyError::IamResourcePath)
        }
        _ => Ok(()),
    }
}

fn sids(document: &Document, kind: PolicyKind) -> Result<(), PolicyError> {
    let mut seen = Vec::new();
    for sid in document.statements.iter().filter_map(|statement| statement.sid.as_deref()) {
        if sid.is_empty() {
            continue;
        }
        if seen.contains(&sid) {
            return Err(PolicyError::DuplicateSid);
        }
        // Services such as S3 take any characters.
        let strict = kind != PolicyKind::Resource && kind != PolicyKind::Endpoint;
        if strict && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(PolicyError::SidCharacters);
        }
        seen.push(sid);
    }
    Ok(())
}

fn is_empty(is: &Option<Vec<String>>, is_not: &Option<Vec<String>>) -> bool {
    is.as_ref().or(is_not.as_ref()).is_none_or(Vec::is_empty)
}

fn vendor(action: &str) -> Result<(), PolicyError> {
    let mut parts = action.split(':');
    let vendor = parts.next().unwrap_or_default();
    match (vendor, parts.count()) {
        ("*", 0 | 1) => Ok(()),
        (_, 0) => Err(PolicyError::NoVendor),
        (vendor, 1) => {
            let valid = vendor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
            if valid { Ok(()) } else { Err(PolicyError::Vendor(vendor.to_owned())) }
        }
        _ => Err(PolicyError::Colons),
    }
}

/// What a trust policy may be about besides assuming the role.
const TRUST_ACTIONS: [&str; 3] = ["sts:tagsession", "sts:setsourceidentity", "sts:setcontext"];

fn trust(statement: &Written) -> Result<(), PolicyError> {
    for action in statement.action.iter().chain(&statement.not_action).flatten() {
        let action = action.to_ascii_lowercase();
        let assumes = action.starts_with("sts:assumerole") || action == "sts:*";
        if !assumes && !TRUST_ACTIONS.contains(&action.as_str()) {
            return Err(PolicyError::TrustActions);
        }
    }
    if matches!(&statement.principal, Some(WrittenPrincipal::Text(text)) if text == "*") {
        return Err(PolicyError::TrustEveryone);
    }
    principals(statement)
}

fn principals(statement: &Written) -> Result<(), PolicyError> {
    let invalid = |kind: &str, name: &str| PolicyError::Principal {
        kind: if kind == "AWS" { kind.to_owned() } else { kind.to_ascii_uppercase() },
        name: name.to_owned(),
    };
    for element in statement.principal.iter().chain(&statement.not_principal) {
        let kinds = match element {
            WrittenPrincipal::Text(text) if text == "*" => continue,
            WrittenPrincipal::Text(text) => return Err(invalid("AWS", text)),
            WrittenPrincipal::Kinds(kinds) => kinds,
        };
        if kinds.iter().all(|(_, names)| names.is_empty()) {
            return Err(PolicyError::MissingField("Principal"));
        }
        for (kind, name) in kinds.iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, name)))
        {
            let valid = match kind.as_str() {
                "AWS" => name == "*" || AwsPrincipal::parse(name).is_some(),
                "Service" | "Federated" if name == "*" => true,
                "Service" => is_host(name),
                "Federated" => is_host(name) || is_provider(name),
                "CanonicalUser" => !name.is_empty(),
                _ => false,
            };
            if !valid {
                return Err(invalid(kind, name));
            }
        }
    }
    Ok(())
}

fn is_host(name: &str) -> bool {
    name.contains('.') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

fn is_provider(name: &str) -> bool {
    let kinds = [":saml-provider/", ":oidc-provider/"];
    name.starts_with("arn:aws:iam::") && kinds.iter().any(|kind| name.contains(kind)) && !name.contains('*')
}

/// A policy of a customer denies, to everyone, actions of services that it names. AWS's own lets everything pass.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>
fn resource_control(statement: &Written) -> Result<(), PolicyError> {
    let everyone = match &statement.principal {
        Some(WrittenPrincipal::Text(text)) => text == "*",
        Some(WrittenPrincipal::Kinds(kinds)) => {
            matches!(kinds.as_slice(), [(kind, names)] if kind == "AWS" && names.as_slice() == ["*"])
        }
        None => false,
    };
    if !everyone {
        return Err(PolicyError::OnlyEveryone);
    }
    let is_star = |texts: &Option<Vec<String>>| texts.as_deref().is_some_and(|texts| texts == ["*"]);
    let lets_everything_pass =
        is_star(&statement.action) && is_star(&statement.resource) && statement.conditions.is_empty();
    match statement.effect() {
        Some(Effect::Allow) if lets_everything_pass => Ok(()),
        Some(Effect::Deny) if statement.action.iter().flatten().any(|action| action.starts_with('*')) => {
            Err(PolicyError::EveryAction)
        }
        Some(Effect::Deny) => Ok(()),
        Some(Effect::Allow) | None => Err(PolicyError::OnlyDeny),
    }
}
