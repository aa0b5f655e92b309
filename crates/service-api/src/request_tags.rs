//! The tags that requests have.
//!
//! Owns where they stand in the request of any operation: its model tells, by the names and shapes of the members. Refuses to
//! know whether they are allowed.

use aws_model::{Model, Shape, ShapeKind, Value};

use crate::ConditionKeys;

/// What the members are called that specify tags for each type that a request makes.
const SPECIFICATIONS: [&str; 2] = ["TagSpecifications", "PoolTagSpecifications"];
/// What the members are called that hold keys of tags which a request removes, in lower case.
const KEYS: [&str; 2] = ["tagkeys", "tagkeylist"];

/// The members at the top of an operation's requests that hold tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagMembers {
    /// The tags of all that it touches, as a map, or as a list of keys and values.
    pub tags: Option<&'static str>,
    /// Keys alone, of tags that it removes.
    pub keys: Option<&'static str>,
}

/// The members of an operation's requests that hold tags. None where there is no such operation.
pub fn tag_members(model: &str, operation: &str) -> TagMembers {
    let found = aws_model::service(model).map(|service| service.model());
    found.map(|model| members_of(model, operation)).unwrap_or_default()
}

fn members_of(model: &'static Model, operation: &str) -> TagMembers {
    let mut found = TagMembers::default();
    let input = model.operation(operation).and_then(|operation| operation.input.as_ref());
    let Some(input) = input.and_then(|input| model.structure(input.shape)) else { return found };
    for member in &input.members {
        let kind = &model.shape(member.shape).kind;
        // Most members are neither; the names of those need not be looked at.
        if !matches!(kind, ShapeKind::Map(_) | ShapeKind::List(_)) {
            continue;
        }
        let name = member.name.to_ascii_lowercase();
        if !name.contains("tag") {
            continue;
        }
        let ShapeKind::List(list) = kind else {
            found.tags = Some(member.name);
            continue;
        };
        let element = model.shape(list.element);
        if is_tag(element) {
            found.tags = Some(member.name);
        } else if matches!(element.kind, ShapeKind::String(_)) && KEYS.contains(&name.as_str()) {
            found.keys = Some(member.name);
        }
    }
    found
}

/// Whether a shape has a key and a value, and nothing else.
fn is_tag(shape: &Shape) -> bool {
    let ShapeKind::Structure(structure) = &shape.kind else { return false };
    let has = |wanted: &str| structure.members.iter().any(|member| member.name.eq_ignore_ascii_case(wanted));
    structure.members.len() == 2 && has("Key") && has("Value")
}

/// The keys and values that a request sets on all that it touches.
pub fn tags_of_request(model: &str, operation: &str, input: &Value) -> Vec<(String, String)> {
    let Value::Structure(fields) = input else { return Vec::new() };
    let found = tag_members(model, operation).tags.and_then(|name| fields.get(name));
    found.map(tags_in).unwrap_or_default()
}

/// The keys and values of a map, or of a list of keys and values; a value that is not there is empty.
pub fn tags_in(tags: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    each_tag(tags, &mut |key, value| found.push((key.to_owned(), value.unwrap_or_default().to_owned())));
    found
}

/// `aws:RequestTag` and `aws:TagKeys` of tags that are for all that a request touches.
pub(crate) fn request_tags(model: &str, operation: &str, input: &Value) -> ConditionKeys {
    let Value::Structure(fields) = input else { return Vec::new() };
    let members = tag_members(model, operation);
    let (mut found, mut all_keys) = (Vec::new(), Vec::new());
    // Who removes tags may leave their values open.
    let default = (!operation.starts_with("Delete")).then_some("");
    add_tags(members.tags.and_then(|name| fields.get(name)), default, &mut found, &mut all_keys);
    if let Some(Value::List(keys)) = members.keys.and_then(|name| fields.get(name)) {
        all_keys.extend(keys.iter().filter_map(text).map(str::to_owned));
    }
    if !all_keys.is_empty() {
        found.push(("aws:TagKeys".to_owned(), all_keys));
    }
    found
}

/// `aws:RequestTag` and `aws:TagKeys` of the tags that a request specifies for the resources of a type that it makes.
pub fn specified_tags(input: &Value, resource_type: &str) -> ConditionKeys {
    let (mut found, mut all_keys) = (Vec::new(), Vec::new());
    for (specified, tags) in tag_specifications(input) {
        if specified == resource_type {
            add_tags(Some(tags), Some(""), &mut found, &mut all_keys);
        }
    }
    if !all_keys.is_empty() {
        found.push(("aws:TagKeys".to_owned(), all_keys));
    }
    found
}

/// The types that a request specifies tags for, each with its tags.
pub fn tag_specifications(input: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let lists = SPECIFICATIONS.iter().filter_map(move |name| match input {
        Value::Structure(fields) => match fields.get(name) {
            Some(Value::List(list)) => Some(&list[..]),
            _ => None,
        },
        _ => None,
    });
    lists.flatten().filter_map(|specification| {
        let Value::Structure(fields) = specification else { return None };
        Some((text(fields.get("ResourceType")?)?, fields.get("Tags")?))
    })
}

/// Adds the keys of tags. A tag without a value has the default, if there is one: a condition on its value must not come out as
/// if there were no tag.
fn add_tags(
    tags: Option<&Value>,
    default: Option<&str>,
    found: &mut ConditionKeys,
    all_keys: &mut Vec<String>,
) {
    let Some(tags) = tags else { return };
    each_tag(tags, &mut |key, value| {
        all_keys.push(key.to_owned());
        if let Some(value) = value.or(default) {
            found.push((format!("aws:RequestTag/{key}"), vec![value.to_owned()]));
        }
    });
}

fn each_tag(tags: &Value, show: &mut dyn FnMut(&str, Option<&str>)) {
    match tags {
        Value::List(tags) => {
            for tag in tags {
                let Value::Structure(fields) = tag else { continue };
                let member = |names: [&str; 2]| names.iter().find_map(|name| fields.get(name)).and_then(text);
                if let Some(key) = member(["Key", "key"]) {
                    show(key, member(["Value", "value"]));
                }
            }
        }
        Value::Map(tags) => tags.iter().for_each(|(key, value)| show(key, text(value))),
        _ => {}
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
