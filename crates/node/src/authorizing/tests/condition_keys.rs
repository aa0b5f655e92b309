//! The condition keys that the table names for the operations that are built: each is in a request, or it is on a list that
//! says why not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use authorization_table::{Need, action, of_operation, split_action};

use super::*;

/// Keys that are in no request, each with a reason: `KEY: reason`. Of an operation alone: `KEY OPERATION: reason`.
const EXCEPTED: &str = include_str!("condition_keys_excepted.txt");
/// How deep members are filled in.
const DEPTH: usize = 6;
const EMAIL: &str = "name@example.com";

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// A value of a shape in which every member is there.
fn filled(model: &Model, shape: ShapeId, depth: usize) -> Value {
    match &model.shape(shape).kind {
        ShapeKind::Structure(structure) if depth > 0 => {
            let members = structure.members.iter();
            let members = members.map(|member| (member.name, filled(model, member.shape, depth - 1)));
            Value::Structure(members.collect())
        }
        ShapeKind::List(list) if depth > 0 => Value::List(vec![filled(model, list.element, depth - 1)]),
        ShapeKind::Map(_) if depth > 0 => Value::Map(vec![("name".into(), text("value"))]),
        ShapeKind::String(_) => text(EMAIL),
        ShapeKind::Boolean => Value::Boolean(true),
        ShapeKind::Integer(_) | ShapeKind::Long(_) => Value::Integer(1),
        _ => Value::Null,
    }
}

/// Tags for a resource of every type that they can be for.
fn specifications(need: &Need) -> Value {
    let (prefix, name) = split_action(need.action);
    let types = action(prefix, name).into_iter().flat_map(|action| &action.resources);
    let specification = |resource_type: &str| {
        let tag = [("Key", text("Team")), ("Value", text("red"))].into_iter().collect();
        let tags = Value::List(vec![Value::Structure(tag)]);
        Value::Structure([("ResourceType", text(resource_type)), ("Tags", tags)].into_iter().collect())
    };
    Value::List(types.map(|held| specification(held.resource_type)).collect())
}

/// A key without the name of a tag or an attribute: `aws:RequestTag/`.
fn stem(key: &str) -> String {
    match key.split_once('/') {
        Some((stem, _)) => format!("{}/", stem.to_ascii_lowercase()),
        None => key.to_ascii_lowercase(),
    }
}

/// By actions, the keys that requests with everything in them have.
fn said(world: &World) -> BTreeMap<String, BTreeSet<String>> {
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for service in &world.services {
        let model = aws_model::service(service.model()).unwrap().model();
        for operation in operations(&**service) {
            let mut input = match &operation.input {
                Some(input) => filled(model, input.shape, DEPTH),
                None => Value::Structure(Fields::new()),
            };
            let entry = of_operation(service.model(), operation.name).unwrap();
            if let (Value::Structure(fields), Some(need)) = (&mut input, entry.needs.first())
                && fields.take("TagSpecifications").is_some()
            {
                fields.push("TagSpecifications", specifications(need));
            }
            let needed = service.needed_permissions(&world.ask(None), operation.name, &input).unwrap();
            for permission in needed {
                let of_action = said.entry(permission.action.to_string()).or_default();
                let of_resources = permission.resources.iter().flat_map(|resource| &resource.keys);
                of_action.extend(permission.keys.iter().chain(of_resources).map(|(key, _)| stem(key)));
            }
        }
    }
    said
}

/// What the services' own code has between quotation marks: keys of records are in no request that names nothing.
fn literals() -> BTreeSet<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    let mut open: Vec<_> =
        fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path().join("src")).collect();
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.ends_with("tests") {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
                let code = fs::read_to_string(&path).unwrap();
                found.extend(code.split('"').filter(|text| text.contains(':') && text.len() < 80).map(stem));
            }
        }
    }
    found
}

/// Whether a key is that of every resource's tags, whatever the service.
fn is_resource_tag(key: &str) -> bool {
    key.ends_with(":resourcetag/")
}

/// Keys of requests, such as those of tags, are said for each action by itself; the others are somewhere.
#[test]
fn every_condition_key_of_what_is_built_is_in_a_request_or_excepted() {
    let world = World::new();
    let (said, literals) = (said(&world), literals());
    assert!(literals.contains("ec2:vpc") && literals.contains("aws:requesttag/"), "the code was read");
    let anywhere: BTreeSet<&String> = said.values().flatten().collect();
    let mut excepted: BTreeMap<&str, bool> =
        EXCEPTED.lines().filter_map(|line| Some((line.split_once(": ")?.0, false))).collect();
    let (mut missing, mut checked) = (String::new(), 0);
    for service in &world.services {
        for operation in operations(&**service) {
            for need in &of_operation(service.model(), operation.name).unwrap().needs {
                let (prefix, name) = split_action(need.action);
                let action = action(prefix, name).unwrap();
                let named = |name: &str| need.rules.iter().any(|rule| rule.resource_type == name);
                let of_types = action.resources.iter().filter(|held| named("") || named(held.resource_type));
                let keys = action.condition_keys.iter().chain(of_types.flat_map(|held| &held.condition_keys));
                for key in keys.copied().collect::<BTreeSet<_>>() {
                    checked += 1;
                    let wanted = stem(key);
                    let is_said = match &*wanted {
                        "aws:requesttag/" | "aws:tagkeys" => {
                            said.get(need.action).is_some_and(|keys| keys.contains(&wanted))
                        }
                        _ => {
                            is_resource_tag(&wanted)
                                || anywhere.contains(&wanted)
                                || literals.contains(&wanted)
                                || literals.contains(wanted.trim_end_matches('/'))
                        }
                    };
                    let of_operation = format!("{key} {}:{}", service.model(), operation.name);
                    let exception =
                        [key, of_operation.as_str()].into_iter().find(|one| excepted.contains_key(*one));
                    match (is_said, exception.map(str::to_owned)) {
                        (false, Some(exception)) => *excepted.get_mut(&*exception).unwrap() = true,
                        (false, None) => writeln!(missing, "{of_operation}").unwrap(),
                        (true, _) => {}
                    }
                }
            }
        }
    }
    assert!(checked > 2000, "{checked}");
    let stale: Vec<_> = excepted.iter().filter(|(_, is_used)| !**is_used).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "in no request, and on no list:\n{missing}on it in vain: {stale:?}"
    );
}
