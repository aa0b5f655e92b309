//! One statement against one request.

use iam_policy::{Caller, Context, Request};
use serde_json::Value;

use super::values;

pub(crate) struct Ask<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) has_boundary: bool,
}

/// How a statement names the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    /// By its own name, or as everyone, or not at all.
    Itself,
    /// By the role or user that is behind it.
    Behind,
    /// By its account.
    Account,
}

pub(crate) fn statement_applies(statement: &Value, variables: bool, ask: &Ask<'_>) -> Option<Named> {
    let request = ask.request;
    let named = principal(statement, ask)?;
    let action = request.action.to_lowercase();
    let is_action = |pattern: &str| wild(&symbols(&pattern.to_lowercase(), true), &chars(&action));
    let action_ok = match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), _) => list(actions).iter().any(|pattern| is_action(pattern)),
        (None, Some(actions)) => !list(actions).iter().any(|pattern| is_action(pattern)),
        (None, None) => true,
    };
    let is_resource = |pattern: &str| resource(pattern, request.resource, variables, request.context);
    let resource_ok = match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(resources), _) => list(resources).iter().any(|pattern| is_resource(pattern)),
        (None, Some(resources)) => !list(resources).iter().any(|pattern| is_resource(pattern)),
        (None, None) => true,
    };
    let conditions_ok = statement.get("Condition").and_then(Value::as_object).is_none_or(|operators| {
        operators.iter().all(|(operator, keys)| {
            keys.as_object().unwrap().iter().all(|(key, wanted)| {
                condition(operator, request.context.get(key), &list(wanted), variables, request.context)
            })
        })
    });
    (action_ok && resource_ok && conditions_ok).then_some(named)
}

/// A text or a list of texts.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
        text => vec![text.as_str().unwrap().to_owned()],
    }
}

/// All names that a caller has, the nearest first.
fn names(caller: &Caller) -> Vec<(Named, &'static str, Vec<String>)> {
    let account_names = |account: &dyn ToString| {
        let account = account.to_string();
        vec![format!("arn:aws:iam::{account}:root"), account]
    };
    match caller {
        Caller::Root { account } => vec![(Named::Itself, "AWS", account_names(account))],
        Caller::User { account, arn } => vec![
            (Named::Itself, "AWS", vec![arn.to_string()]),
            (Named::Account, "AWS", account_names(account)),
        ],
        Caller::AssumedRole { account, session_arn, role_arn } => vec![
            (Named::Itself, "AWS", vec![session_arn.to_string()]),
            (Named::Behind, "AWS", vec![role_arn.to_string()]),
            (Named::Account, "AWS", account_names(account)),
        ],
        Caller::FederatedUser { account, arn, user_arn } => vec![
            (Named::Itself, "AWS", vec![arn.to_string()]),
            (Named::Behind, "AWS", vec![user_arn.to_string()]),
            (Named::Account, "AWS", account_names(account)),
        ],
        Caller::Service { name, .. } => vec![(Named::Itself, "Service", vec![name.clone(), "*".to_owned()])],
        Caller::WebIdentity { provider } => {
            vec![(Named::Itself, "Federated", vec![provider.clone(), "*".to_owned()])]
        }
        Caller::Saml { provider } => {
            vec![(Named::Itself, "Federated", vec![provider.to_string(), "*".to_owned()])]
        }
        Caller::Anonymous => vec![],
    }
}

fn principal(statement: &Value, ask: &Ask<'_>) -> Option<Named> {
    let (element, is_not) = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(element), _) => (element, false),
        (None, Some(element)) => (element, true),
        (None, None) => return Some(Named::Itself),
    };
    let listed = |kind: &str| element.get(kind).map(list).unwrap_or_default();
    let everyone = element == "*" || listed("AWS").contains(&"*".to_owned());
    let names = names(ask.request.caller);
    let has = |(_, kind, aliases): &(Named, &'static str, Vec<String>)| {
        listed(kind).iter().any(|name| aliases.contains(name))
    };
    if !is_not {
        return if everyone {
            Some(Named::Itself)
        } else {
            names.iter().find(|name| has(name)).map(|name| name.0)
        };
    }
    let denies = statement["Effect"] == "Deny";
    if denies && ask.has_boundary {
        return Some(Named::Itself);
    }
    // A federated user is a user of its own here: who is behind it does not have to be listed.
    let own_names: Vec<_> = match ask.request.caller {
        Caller::FederatedUser { .. } => {
            names.iter().filter(|name| name.0 != Named::Behind).cloned().collect()
        }
        _ => names.clone(),
    };
    let excepted = if everyone {
        true
    } else if denies {
        !own_names.is_empty() && own_names.iter().all(has)
    } else {
        names.iter().any(has)
    };
    (!excepted).then_some(Named::Itself)
}

/// A character of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    Just(char),
    One,
    Many,
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

pub(crate) fn symbols(text: &str, wildcards: bool) -> Vec<Symbol> {
    text.chars()
        .map(|character| match character {
            '*' if wildcards => Symbol::Many,
            '?' if wildcards => Symbol::One,
            other => Symbol::Just(other),
        })
        .collect()
}

/// Puts values in the place of variables. Nothing comes of a variable without a value.
pub(crate) fn substitute(
    text: &str,
    wildcards: bool,
    variables: bool,
    context: &Context,
) -> Option<Vec<Symbol>> {
    if !variables {
        return Some(symbols(text, wildcards));
    }
    let Some(begin) = text.find("${") else { return Some(symbols(text, wildcards)) };
    let Some(length) = text[begin..].find('}') else { return Some(symbols(text, wildcards)) };
    let inside = &text[begin + 2..begin + length];
    let value = if ["*", "?", "$"].contains(&inside) {
        inside.to_owned()
    } else {
        let quoted = inside.split_once(", '").and_then(|(key, rest)| Some((key, rest.strip_suffix('\'')?)));
        let (key, default) = quoted.map_or((inside, None), |(key, default)| (key, Some(default)));
        let found = context.get(key);
        if found.len() == 1 { found[0].to_string() } else { default?.to_owned() }
    };
    let mut all = symbols(&text[..begin], wildcards);
    all.extend(value.chars().map(Symbol::Just));
    all.extend(substitute(&text[begin + length + 1..], wildcards, true, context)?);
    Some(all)
}

/// Whether a text is one that a pattern stands for.
pub(crate) fn wild(pattern: &[Symbol], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Symbol::Many, rest)) => (0..=text.len()).any(|skip| wild(rest, &text[skip..])),
        Some((Symbol::One, rest)) => !text.is_empty() && wild(rest, &text[1..]),
        Some((Symbol::Just(character), rest)) => text.first() == Some(character) && wild(rest, &text[1..]),
    }
}

/// A resource: variables count from the sixth part on, and parts that are missing are anything.
fn resource(pattern: &str, resource: &str, variables: bool, context: &Context) -> bool {
    let parts: Vec<&str> = pattern.split(':').collect();
    let pattern = if parts.len() >= 6 {
        let head = symbols(&format!("{}:", parts[..5].join(":")), true);
        let Some(tail) = substitute(&parts[5..].join(":"), true, variables, context) else { return false };
        [head, tail].concat()
    } else if parts[0] == "arn" && !pattern.contains('*') {
        let mut parts = parts;
        parts.resize(6, "*");
        symbols(&parts.join(":"), true)
    } else {
        symbols(pattern, true)
    };
    wild(&pattern, &chars(resource))
}

/// An ARN in a condition: six parts, each for itself.
fn arn(pattern: &[Symbol], given: &str) -> bool {
    if pattern == [Symbol::Many] {
        return true;
    }
    let parts: Vec<&[Symbol]> = pattern.splitn(6, |symbol| *symbol == Symbol::Just(':')).collect();
    let given: Vec<&str> = given.splitn(6, ':').collect();
    parts.len() == 6
        && given.len() == 6
        && parts.iter().zip(given).all(|(part, given)| wild(part, &chars(given)))
}

fn condition(
    operator: &str,
    given: &[iam_policy::Text],
    wanted: &[String],
    variables: bool,
    context: &Context,
) -> bool {
    let given: Vec<&str> = given.iter().map(AsRef::as_ref).collect();
    let (set, name) = operator.split_once(':').unwrap_or(("", operator));
    if name == "Null" {
        let missing = if given.is_empty() { "true" } else { "false" };
        return wanted.iter().any(|wanted| wanted == missing);
    }
    let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
    if given.is_empty() && if_exists {
        return true;
    }
    let positive = name.replace("Not", "");
    let negative = positive != name;
    let pairs = |given: &str| wanted.iter().any(|wanted| pair(&positive, given, wanted, variables, context));
    let good = |given: &&str| pairs(given) != negative;
    let empty = given.iter().all(|given| given.is_empty());
    match set {
        "ForAllValues" => empty || given.iter().all(good),
        "ForAnyValue" => !empty && given.iter().any(good),
        _ if negative => given.iter().all(good),
        _ => given.iter().any(good),
    }
}

/// One value of the request and one of the policy.
fn pair(operator: &str, given: &str, wanted: &str, variables: bool, context: &Context) -> bool {
    let text = |wildcards| substitute(wanted, wildcards, variables, context);
    match operator {
        "StringEquals" => text(false).is_some_and(|wanted| wild(&wanted, &chars(given))),
        "StringLike" => text(true).is_some_and(|wanted| wild(&wanted, &chars(given))),
        "StringEqualsIgnoreCase" | "Bool" => text(false).is_some_and(|wanted| {
            let wanted: String = wanted
                .iter()
                .map(|symbol| if let Symbol::Just(character) = symbol { *character } else { '\0' })
                .collect();
            wanted.to_lowercase() == given.to_lowercase()
        }),
        "ArnEquals" | "ArnLike" => {
            if wanted == "*" {
                return true;
            }
            text(true).is_some_and(|wanted| arn(&wanted, given))
        }
        "IpAddress" => values::in_network(given, wanted),
        "BinaryEquals" => {
            let (given, wanted) = (values::bytes(given), values::bytes(wanted));
            given.is_some() && given == wanted
        }
        _ => {
            let compared = if let Some(comparison) = operator.strip_prefix("Numeric") {
                values::number(given).zip(values::number(wanted)).map(|(a, b)| (comparison, a.total_cmp(&b)))
            } else {
                let comparison = operator.strip_prefix("Date").unwrap();
                values::seconds(given).zip(values::seconds(wanted)).map(|(a, b)| (comparison, a.cmp(&b)))
            };
            compared.is_some_and(|(comparison, order)| match comparison {
                "Equals" => order.is_eq(),
                "LessThan" => order.is_lt(),
                "LessThanEquals" => order.is_le(),
                "GreaterThan" => order.is_gt(),
                "GreaterThanEquals" => order.is_ge(),
                other => panic!("{other} is no comparison"),
            })
        }
    }
}
