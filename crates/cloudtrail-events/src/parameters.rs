//! Requests and answers as events tell them.
//!
//! Owns the casing of names, how values are written, and that secrets are not. What EC2 has of its own is in
//! [`crate::ec2`]. Refuses to know which operations tell their answers.

use aws_model::{Model, ShapeId, ShapeKind, Structure, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use crate::secrets;

/// What is told of the members of a structure; nothing of one without any.
pub(crate) fn told(model: &Model, shape: ShapeId, value: &Value) -> Option<Json> {
    let told = Writer { model }.structure(model.structure(shape), value);
    told.as_object().is_some_and(|members| !members.is_empty()).then_some(told)
}

/// The name of a member in events: AWS makes the first letter a small one, and leaves the others.
pub(crate) fn member_name(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

/// A time in the words of most services: `Nov 22, 2026 2:28:00 PM`.
fn time_in_words(unix_millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(unix_millis).unwrap_or(jiff::Timestamp::MAX);
    time.strftime("%b %-d, %Y %-I:%M:%S %p").to_string()
}

struct Writer<'a> {
    model: &'a Model,
}

impl Writer<'_> {
    fn structure(&self, structure: Option<&Structure>, value: &Value) -> Json {
        let Value::Structure(fields) = value else { return self.value(None, value) };
        let mut told = Map::new();
        // In the model's order, so that an event is the same however its request was written.
        let members = structure.map_or(&[][..], |structure| &structure.members);
        for member in members {
            let Some(value) = fields.get(member.name) else { continue };
            let is_marked = self.model.shape(member.shape).sensitive;
            let told_value = if secrets::is_secret(is_marked, member.name, value) {
                secrets::in_its_place(self.model.metadata.name, member.name)
            } else if member.streaming {
                // The content of an object is no parameter.
                None
            } else {
                Some(self.value(Some(member.shape), value))
            };
            if let Some(value) = told_value {
                told.insert(member_name(member.name), value);
            }
        }
        Json::Object(told)
    }

    fn value(&self, shape: Option<ShapeId>, value: &Value) -> Json {
        let kind = shape.map(|shape| &self.model.shape(shape).kind);
        match value {
            Value::Null => Json::Null,
            Value::Boolean(value) => Json::Bool(*value),
            Value::Integer(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::String(text) => Json::from(text.as_str()),
            Value::Blob(bytes) => Json::from(STANDARD.encode(bytes)),
            Value::Timestamp(millis) => Json::from(time_in_words(*millis)),
            Value::List(items) => {
                let element = match kind {
                    Some(ShapeKind::List(list)) => Some(list.element),
                    _ => None,
                };
                items.iter().map(|item| self.part(element, item)).collect()
            }
            Value::Map(pairs) => {
                let held = match kind {
                    Some(ShapeKind::Map(map)) => Some(map.value),
                    _ => None,
                };
                let pairs = pairs.iter().map(|(key, value)| (key.clone(), self.part(held, value)));
                Json::Object(pairs.collect())
            }
            Value::Structure(fields) => match kind {
                Some(ShapeKind::Structure(structure)) => self.structure(Some(structure), value),
                // A document: whatever it is, its names are its own.
                _ => Json::Object(
                    fields.iter().map(|(name, value)| (name.to_owned(), self.value(None, value))).collect(),
                ),
            },
        }
    }

    /// An element of a list or a value of a map, which may be secret without a name.
    fn part(&self, shape: Option<ShapeId>, value: &Value) -> Json {
        let is_marked = shape.is_some_and(|shape| self.model.shape(shape).sensitive);
        if is_marked {
            return secrets::in_its_place(self.model.metadata.name, "").unwrap_or(Json::Null);
        }
        self.value(shape, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_a_small_letter() {
        for (name, expect) in [
            ("UserName", "userName"),
            ("DBInstanceIdentifier", "dBInstanceIdentifier"),
            ("kmsKeyId", "kmsKeyId"),
            ("", ""),
        ] {
            assert_eq!(member_name(name), expect);
        }
    }

    #[test]
    fn times_are_words() {
        assert_eq!(time_in_words(1_795_357_680_000), "Nov 22, 2026 2:28:00 PM");
        assert_eq!(time_in_words(0), "Jan 1, 1970 12:00:00 AM");
    }
}
