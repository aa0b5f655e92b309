//! The JSON of a policy, as written: elements and their types, before what they mean.
//!
//! Owns the grammar. Refuses to know what a kind of policy may have; that is `validate`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::condition::Operator;
use crate::{Effect, PolicyError};

/// A policy as it is written.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) version: Option<String>,
    pub(crate) statements: Vec<Written>,
}

/// A statement as it is written. `None` is an element that is not there.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) sid: Option<String>,
    pub(crate) effect: String,
    pub(crate) principal: Option<WrittenPrincipal>,
    pub(crate) not_principal: Option<WrittenPrincipal>,
    pub(crate) action: Option<Vec<String>>,
    pub(crate) not_action: Option<Vec<String>>,
    pub(crate) resource: Option<Vec<String>>,
    pub(crate) not_resource: Option<Vec<String>>,
    pub(crate) conditions: Vec<WrittenConditions>,
}

/// An operator with its keys, each with its values.
pub(crate) type WrittenConditions = (String, Vec<(String, Vec<String>)>);

/// `Principal` as it is written.
#[derive(Debug)]
pub(crate) enum WrittenPrincipal {
    /// A text in the place of an object; `*` is the one that means something.
    Text(String),
    /// Kinds with their names.
    Kinds(Vec<(String, Vec<String>)>),
}

impl Written {
    /// The effect; AWS takes other cases for a matter of its oldest parser, so that anything else is not one.
    pub(crate) fn effect(&self) -> Option<Effect> {
        match self.effect.as_str() {
            "Allow" => Some(Effect::Allow),
            "Deny" => Some(Effect::Deny),
            _ => None,
        }
    }
}

/// The versions of the language.
const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// [`PolicyError::Syntax`] for what is not JSON, has an element twice, or one that the language does not have, or a value of
    /// a type that the element cannot have.
    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        let node: Node = serde_json::from_str(text).map_err(|_| PolicyError::Syntax)?;
        Self::read(node).ok_or(PolicyError::Syntax)
    }

    fn read(node: Node) -> Option<Self> {
        let mut version = None;
        let mut statements = None;
        for (name, value) in node.object()? {
            match name.as_str() {
                "Version" => version = Some(value.text().filter(|text| VERSIONS.contains(&text.as_str()))?),
                "Id" => drop(value.text()?),
                "Statement" => {
                    let list = match value {
                        Node::Array(list) => list,
                        one => vec![one],
                    };
                    statements = Some(list.into_iter().map(Written::read).collect::<Option<Vec<_>>>()?);
                }
                _ => return None,
            }
        }
        let statements = statements.filter(|statements| !statements.is_empty())?;
        Some(Self { version, statements })
    }
}

impl Written {
    fn read(node: Node) -> Option<Self> {
        let mut found = Self::default();
        let mut has_effect = false;
        for (name, value) in node.object()? {
            match name.as_str() {
                "Sid" => found.sid = Some(value.text()?),
                "Effect" => {
                    found.effect = value.text()?;
                    has_effect = ["allow", "deny"].contains(&found.effect.to_ascii_lowercase().as_str());
                }
                "Principal" => found.principal = Some(WrittenPrincipal::read(value)?),
                "NotPrincipal" => found.not_principal = Some(WrittenPrincipal::read(value)?),
                "Action" => found.action = Some(value.texts()?),
                "NotAction" => found.not_action = Some(value.texts()?),
                "Resource" => found.resource = Some(value.texts()?),
                "NotResource" => found.not_resource = Some(value.texts()?),
                "Condition" => found.conditions = read_conditions(value)?,
                _ => return None,
            }
        }
        let both = (found.action.is_some() && found.not_action.is_some())
            || (found.resource.is_some() && found.not_resource.is_some())
            || (found.principal.is_some() && found.not_principal.is_some());
        (has_effect && !both).then_some(found)
    }
}

impl WrittenPrincipal {
    fn read(node: Node) -> Option<Self> {
        match node {
            Node::Text(text) => Some(Self::Text(text)),
            Node::Object(kinds) => {
                let kinds = kinds.into_iter().map(|(kind, names)| Some((kind, names.texts()?)));
                kinds.collect::<Option<Vec<_>>>().map(Self::Kinds)
            }
            _ => None,
        }
    }
}

/// Operators that AWS does not have are looked at later: without keys they do no harm.
fn read_conditions(node: Node) -> Option<Vec<WrittenConditions>> {
    let mut conditions = Vec::new();
    for (operator, keys) in node.object()? {
        let keys = keys.object()?.into_iter().map(|(key, values)| Some((key, values.values()?)));
        conditions.push((operator, keys.collect::<Option<Vec<_>>>()?));
    }
    Some(conditions)
}

/// The first operator with keys that the language does not have.
pub(crate) fn unknown_operator(document: &Document) -> Option<&str> {
    let conditions = document.statements.iter().flat_map(|statement| &statement.conditions);
    conditions
        .filter(|(_, keys)| !keys.is_empty())
        .map(|(operator, _)| operator.as_str())
        .find(|operator| Operator::parse(operator).is_none())
}

/// JSON with its members in order, so that a member that is there twice is seen.
enum Node {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    fn object(self) -> Option<Vec<(String, Self)>> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    fn text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A text or a list of texts.
    fn texts(self) -> Option<Vec<String>> {
        match self {
            Self::Text(text) => Some(vec![text]),
            Self::Array(list) => list.into_iter().map(Self::text).collect(),
            _ => None,
        }
    }

    /// As [`Node::texts`], with truth values and numbers, too, which AWS takes as their text.
    fn values(self) -> Option<Vec<String>> {
        let one = |node| match node {
            Self::Text(text) => Some(text),
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        };
        match self {
            Self::Array(list) => list.into_iter().map(one).collect(),
            node => one(node).map(|value| vec![value]),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        serde_json::Number::from_f64(value).map(Node::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut found = Vec::new();
        while let Some(node) = list.next_element()? {
            found.push(node);
        }
        Ok(Node::Array(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut found: Vec<(String, Node)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some((name, node)) = members.next_entry::<String, Node>()? {
            if !names.insert(name.clone()) {
                return Err(serde::de::Error::custom("a member is there twice"));
            }
            found.push((name, node));
        }
        Ok(Node::Object(found))
    }
}
