//! The model's constraints: required members, lengths, ranges, patterns and enums.
//!
//! The JSON protocols and awsQuery report all violations of a request in one sentence each, with the path of the member
//! and its value. EC2 reports the first, in words of its own.

use std::fmt::Write as _;

use aws_model::{
    FloatRange, IntegerRange, Member, Model, Shape, ShapeId, ShapeKind, Structure, Text, Value, WireProtocol,
};

use crate::query::parameter_name;
use crate::{ProtocolError, s3};

/// Violations that are reported at most; the rest would only make the message longer.
const MAX_VIOLATIONS: usize = 10;
/// Characters of an offending value that are shown.
const MAX_SHOWN: usize = 200;

/// Checks a value against a shape.
pub(crate) fn check(
    model: &Model,
    protocol: WireProtocol,
    shape: ShapeId,
    value: &Value,
) -> Result<(), ProtocolError> {
    let mut checker = Checker { model, protocol, violations: Vec::new() };
    checker.value(shape, value, &mut String::new());
    match checker.violations.first() {
        None => Ok(()),
        Some(first) if s3::is_of(model) => Err(checker.in_s3(shape, first)),
        Some(_) => Err(checker.error()),
    }
}

/// What is wrong with a value, in the words of AWS's validation framework.
#[derive(Debug)]
struct Violation<'a> {
    path: String,
    /// The name of the member's shape.
    shape: &'static str,
    /// The value as shown, or nothing when it is absent.
    value: Option<String>,
    constraint: Constraint<'a>,
}

#[derive(Debug)]
enum Constraint<'a> {
    Required,
    Length(Bound),
    Number(Bound),
    Pattern(&'static str),
    Enum(&'a [&'static str]),
    /// One of those above, of the elements of a list of scalars.
    Element(Vec<String>),
    MapKey(Vec<String>),
    MapValue(Vec<String>),
    Union,
}

#[derive(Debug)]
enum Bound {
    AtLeast(String),
    AtMost(String),
}

impl Bound {
    fn words(&self) -> String {
        match self {
            Self::AtLeast(bound) => format!("greater than or equal to {bound}"),
            Self::AtMost(bound) => format!("less than or equal to {bound}"),
        }
    }
}

impl Constraint<'_> {
    fn sentence(&self) -> String {
        match self {
            Self::Required => "Member must not be null".to_owned(),
            Self::Length(bound) => format!("Member must have length {}", bound.words()),
            Self::Number(bound) => format!("Member must have value {}", bound.words()),
            Self::Pattern(pattern) => format!("Member must satisfy regular expression pattern: {pattern}"),
            Self::Enum(values) => format!("Member must satisfy enum value set: [{}]", values.join(", ")),
            Self::Element(all) => format!("Member must satisfy constraint: [{}]", all.join(", ")),
            Self::MapKey(all) => format!("Map keys must satisfy constraint: [{}]", all.join(", ")),
            Self::MapValue(all) => format!("Map value must satisfy constraint: [{}]", all.join(", ")),
            Self::Union => "Member must have exactly one member set".to_owned(),
        }
    }
}

struct Checker<'a> {
    model: &'a Model,
    protocol: WireProtocol,
    violations: Vec<Violation<'a>>,
}

impl<'a> Checker<'a> {
    /// The depth of values is bounded by the reader that made them.
    fn value(&mut self, shape: ShapeId, value: &Value, path: &mut String) {
        if self.violations.len() >= MAX_VIOLATIONS {
            return;
        }
        let model = self.model;
        let shape = &model[shape];
        match (&shape.kind, value) {
            (ShapeKind::Structure(structure), Value::Structure(fields)) => {
                if structure.union && fields.len() != 1 {
                    self.violate(shape, value, path, Constraint::Union);
                }
                self.members(structure, fields, path);
            }
            (ShapeKind::List(list), Value::List(values)) => {
                self.length(shape, value, path, list.length, values.len());
                let element = &model[list.element];
                if is_scalar(element) {
                    let broken = values.iter().any(|value| !broken_rules(element, value).is_empty());
                    if broken && self.protocol != WireProtocol::Ec2Query {
                        self.violate(shape, value, path, Constraint::Element(all_rules(element)));
                    } else if broken {
                        self.elements(list.element, values, path);
                    }
                } else {
                    self.elements(list.element, values, path);
                }
            }
            (ShapeKind::Map(map), Value::Map(entries)) => {
                self.length(shape, value, path, map.length, entries.len());
                let (keys, element) = (&model[map.key], &model[map.value]);
                let broken_key =
                    |(key, _): &(String, Value)| !broken_rules(keys, &Value::String(key.clone())).is_empty();
                if entries.iter().any(broken_key) {
                    self.violate(shape, value, path, Constraint::MapKey(all_rules(keys)));
                }
                if is_scalar(element) {
                    if entries.iter().any(|(_, value)| !broken_rules(element, value).is_empty()) {
                        self.violate(shape, value, path, Constraint::MapValue(all_rules(element)));
                    }
                } else {
                    for (key, value) in entries {
                        let length = push(path, key);
                        self.value(map.value, value, path);
                        path.truncate(length);
                    }
                }
            }
            _ => {
                for constraint in broken_rules(shape, value) {
                    self.violate(shape, value, path, constraint);
                }
            }
        }
    }

    fn elements(&mut self, element: ShapeId, values: &[Value], path: &mut String) {
        // AWS counts from one, and its frameworks put `member` after the number in all but EC2.
        for (index, value) in values.iter().enumerate() {
            let number = (index + 1).to_string();
            let length = push(path, &number);
            if self.protocol != WireProtocol::Ec2Query {
                path.push_str(".member");
            }
            self.value(element, value, path);
            path.truncate(length);
        }
    }

    fn members(&mut self, structure: &'a Structure, fields: &aws_model::Fields, path: &mut String) {
        for member in &structure.members {
            let length = push(path, &self.name(member));
            match fields.get(member.name) {
                Some(value) => self.value(member.shape, value, path),
                // SDKs fill in idempotency tokens; those that do not are served with one by the service.
                None if member.required && !member.idempotency_token => {
                    self.violations.push(Violation {
                        path: path.clone(),
                        shape: self.model[member.shape].name,
                        value: None,
                        constraint: Constraint::Required,
                    });
                }
                None => {}
            }
            path.truncate(length);
        }
    }

    /// The name of a member in messages: EC2's parameter, elsewhere the model's in camel case.
    fn name(&self, member: &Member) -> String {
        if self.protocol == WireProtocol::Ec2Query {
            return parameter_name(self.protocol, member).into_owned();
        }
        let mut name = member.name.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        name
    }

    fn length(&mut self, shape: &'a Shape, value: &Value, path: &str, range: IntegerRange, length: usize) {
        if let Some(constraint) = out_of(range, length as i64).map(Constraint::Length) {
            self.violate(shape, value, path, constraint);
        }
    }

    fn violate(&mut self, shape: &Shape, value: &Value, path: &str, constraint: Constraint<'a>) {
        let shown =
            if shape.sensitive { "***Sensitive information redacted***".to_owned() } else { shown(value) };
        let path = path.to_owned();
        self.violations.push(Violation { path, shape: shape.name, value: Some(shown), constraint });
    }

    /// S3 checks bodies against a schema, of which it says nothing more, and its parameters one by one.
    fn in_s3(&self, input: ShapeId, first: &Violation<'_>) -> ProtocolError {
        let payload = self.model.structure(input).and_then(Structure::payload_member);
        let payload = payload.map(|member| self.name(member)).unwrap_or_default();
        let within = first.path.strip_prefix(payload.as_str()).filter(|_| !payload.is_empty());
        let is_in_body = within.is_some_and(|within| within.starts_with('.'));
        match first.constraint {
            Constraint::Required if within == Some("") => s3::without_body(),
            Constraint::Enum(_) => s3::not_among(first.shape, is_in_body, first.sentence()),
            Constraint::Required if is_in_body => s3::malformed(),
            _ => ProtocolError::new("InvalidArgument", first.sentence()),
        }
    }

    fn error(&self) -> ProtocolError {
        match self.protocol {
            WireProtocol::Ec2Query => self.violations[0].in_ec2(),
            _ => {
                let code = match self.protocol {
                    WireProtocol::AwsQuery => "ValidationError",
                    _ => "ValidationException",
                };
                if self.model.metadata.name == "iam"
                    && let Some(message) = in_iam(&self.violations)
                {
                    return ProtocolError::new(code, message);
                }
                let count = self.violations.len();
                let plural = if count == 1 { "" } else { "s" };
                let sentences: Vec<String> = self.violations.iter().map(Violation::sentence).collect();
                let message = format!("{count} validation error{plural} detected: {}", sentences.join("; "));
                ProtocolError::new(code, message)
            }
        }
    }
}

impl Violation<'_> {
    fn sentence(&self) -> String {
        let value = match &self.value {
            Some(value) => format!("'{value}'"),
            None => "null".to_owned(),
        };
        format!(
            "Value {value} at '{}' failed to satisfy constraint: {}",
            self.path,
            self.constraint.sentence()
        )
    }

    fn in_ec2(&self) -> ProtocolError {
        let path = &self.path;
        let value = self.value.as_deref().unwrap_or_default();
        let message = match &self.constraint {
            Constraint::Required => {
                let message = format!("The request must contain the parameter {path}");
                return ProtocolError::new("MissingParameter", message);
            }
            Constraint::Enum(_) => format!("Invalid value '{value}' for {path}."),
            Constraint::Number(bound) => {
                format!(
                    "Value ( {value} ) for parameter {path} is invalid. Expecting a value {}.",
                    bound.words()
                )
            }
            Constraint::Length(bound) => {
                format!("Value ({value}) for parameter {path} is invalid. Length must be {}.", bound.words())
            }
            other => format!("Value ({value}) for parameter {path} is invalid. {}", other.sentence()),
        };
        ProtocolError::new("InvalidParameterValue", message)
    }
}

/// What IAM says of names and paths that have letters which they may not have, where nothing else is wrong.
fn in_iam(violations: &[Violation<'_>]) -> Option<String> {
    let sentence = |violation: &Violation<'_>| match violation.constraint {
        Constraint::Pattern(r"[\w+=,.@-]+") => {
            Some("It must contain only alphanumeric characters and/or the following: +=,.@_-")
        }
        Constraint::Pattern(r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)") => {
            Some("It must begin and end with / and contain only alphanumeric characters and/or / characters.")
        }
        Constraint::Pattern(r"\u002F[\u0021-\u007F]*") => Some(
            "It must begin with the / character and contain only alphanumeric characters and/or / characters.",
        ),
        _ => None,
    };
    let first = violations.first()?;
    let said = sentence(first)?;
    let is_all = violations.iter().all(|violation| sentence(violation).is_some());
    is_all.then(|| format!("The specified value for {} is invalid. {said}", first.path))
}

/// Appends a step to a path and returns its length before.
fn push(path: &mut String, step: &str) -> usize {
    let length = path.len();
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(step);
    length
}

fn is_scalar(shape: &Shape) -> bool {
    !matches!(shape.kind, ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(_))
}

/// The constraints of a scalar that a value breaks.
fn broken_rules<'a>(shape: &'a Shape, value: &Value) -> Vec<Constraint<'a>> {
    let mut broken = Vec::new();
    match (&shape.kind, value) {
        (ShapeKind::String(text), Value::String(string)) => broken_text_rules(text, string, &mut broken),
        (ShapeKind::Integer(range) | ShapeKind::Long(range), Value::Integer(number)) => {
            broken.extend(out_of(*range, *number).map(Constraint::Number));
        }
        (ShapeKind::Float(range) | ShapeKind::Double(range), Value::Float(number)) => {
            broken.extend(out_of_floats(*range, *number).map(Constraint::Number));
        }
        (ShapeKind::Blob(range), Value::Blob(bytes)) => {
            broken.extend(out_of(*range, bytes.len() as i64).map(Constraint::Length));
        }
        _ => {}
    }
    broken
}

fn broken_text_rules<'a>(text: &'a Text, string: &str, broken: &mut Vec<Constraint<'a>>) {
    if !text.length.is_open() {
        broken.extend(out_of(text.length, string.chars().count() as i64).map(Constraint::Length));
    }
    if let Some(pattern) = text.pattern.filter(|pattern| !aws_model::matches_pattern(pattern, string)) {
        broken.push(Constraint::Pattern(pattern));
    }
    if !text.values.is_empty() && !text.values.contains(&string) {
        broken.push(Constraint::Enum(&text.values));
    }
}

/// All constraints of a scalar in words, as AWS lists them when an element of a list or map breaks one.
fn all_rules(shape: &Shape) -> Vec<String> {
    let mut rules = Vec::new();
    let mut bounds = |range: &IntegerRange, make: fn(Bound) -> Constraint<'static>| {
        rules.extend(range.max.map(|max| make(Bound::AtMost(max.to_string())).sentence()));
        rules.extend(range.min.map(|min| make(Bound::AtLeast(min.to_string())).sentence()));
    };
    match &shape.kind {
        ShapeKind::String(text) => {
            bounds(&text.length, Constraint::Length);
            rules.extend(text.pattern.map(|pattern| Constraint::Pattern(pattern).sentence()));
            if !text.values.is_empty() {
                rules.push(format!("Member must satisfy enum value set: [{}]", text.values.join(", ")));
            }
        }
        ShapeKind::Integer(range) | ShapeKind::Long(range) => bounds(range, Constraint::Number),
        ShapeKind::Blob(range) => bounds(range, Constraint::Length),
        ShapeKind::Float(range) | ShapeKind::Double(range) => {
            rules.extend(range.max.map(|max| Constraint::Number(Bound::AtMost(max.to_string())).sentence()));
            rules.extend(range.min.map(|min| Constraint::Number(Bound::AtLeast(min.to_string())).sentence()));
        }
        _ => {}
    }
    rules
}

fn out_of(range: IntegerRange, number: i64) -> Option<Bound> {
    let below = range.min.filter(|min| number < *min).map(|min| Bound::AtLeast(min.to_string()));
    below.or_else(|| range.max.filter(|max| number > *max).map(|max| Bound::AtMost(max.to_string())))
}

fn out_of_floats(range: FloatRange, number: f64) -> Option<Bound> {
    let below = range.min.filter(|min| number < *min).map(|min| Bound::AtLeast(min.to_string()));
    below.or_else(|| range.max.filter(|max| number > *max).map(|max| Bound::AtMost(max.to_string())))
}

/// A value as messages show it: Java's way of printing collections, cut where it grows long.
fn shown(value: &Value) -> String {
    let mut text = String::new();
    show(value, &mut text);
    if text.chars().count() > MAX_SHOWN {
        text = text.chars().take(MAX_SHOWN).chain("...".chars()).collect();
    }
    text
}

fn show(value: &Value, text: &mut String) {
    if text.len() > 4 * MAX_SHOWN {
        return;
    }
    match value {
        Value::List(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                show(value, text);
            }
            text.push(']');
        }
        Value::Map(entries) => {
            text.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(key);
                text.push('=');
                show(value, text);
            }
            text.push('}');
        }
        Value::Structure(fields) => {
            text.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(name);
                text.push('=');
                show(value, text);
            }
            text.push('}');
        }
        Value::Blob(bytes) => {
            let _ = write!(text, "java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", bytes.len());
        }
        scalar => text.push_str(&crate::xml::text_of(scalar)),
    }
}
