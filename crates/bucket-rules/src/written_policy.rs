//! The text of a bucket's policy, statement by statement, for the questions that S3 asks before a request comes: whose resources
//! it names, and whether it is public. What it allows is `iam_policy`'s to say.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A statement as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct WrittenStatement {
    pub(crate) effect: String,
    pub(crate) principal: Option<Value>,
    pub(crate) not_principal: Option<Value>,
    pub(crate) action: Option<Texts>,
    pub(crate) not_action: Option<Texts>,
    pub(crate) resource: Option<Texts>,
    pub(crate) not_resource: Option<Texts>,
    pub(crate) condition: Map<String, Value>,
}

/// A text or a list of texts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// The statements of a document; `None` if it is not one.
pub(crate) fn statements(document: &Value) -> Option<Vec<WrittenStatement>> {
    let read = |statement: &Value| WrittenStatement::deserialize(statement).ok();
    match document.get("Statement")? {
        Value::Array(statements) => statements.iter().map(read).collect(),
        one => Some(vec![read(one)?]),
    }
}

impl WrittenStatement {
    pub(crate) fn allows(&self) -> bool {
        self.effect == "Allow"
    }

    /// Whether anybody at all is named: a star in the place of a name, or everybody but some.
    pub(crate) fn is_about_everybody(&self) -> bool {
        let star = |value: &Value| match value {
            Value::String(text) => text == "*",
            Value::Array(list) => list.iter().any(|item| item == "*"),
            _ => false,
        };
        match &self.principal {
            None => true,
            Some(Value::Object(kinds)) => kinds.values().any(star),
            Some(value) => star(value),
        }
    }

    /// Each operator with a key of its and the values, as texts.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = (&str, &str, Vec<String>)> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.condition.iter().flat_map(move |(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(move |(key, values)| {
                let values = match values {
                    Value::Array(list) => list.iter().map(text).collect(),
                    one => vec![text(one)],
                };
                (operator.as_str(), key.as_str(), values)
            })
        })
    }
}
