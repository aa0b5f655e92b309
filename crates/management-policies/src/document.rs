//! One policy, as its author wrote it.
//!
//! Owns reading it against the grammar. Refuses to know other policies.

use std::fmt;

use crate::PolicyKind;
use crate::grammar::Shape;
use crate::json::Json;
use crate::operators::{APPEND, ASSIGN, CONTROL, MARK, Operators, REMOVE};

/// A policy that is well formed.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    kind: PolicyKind,
    root: Node,
}

/// Why a text is no policy. What it shows is the message that Organizations answers with; AWS does not tell more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    path: String,
    cause: String,
}

/// A place in a policy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// What policies below may do here.
    pub(crate) control: Option<Operators>,
    /// Whether its elements have names that the author chose.
    pub(crate) is_open: bool,
    pub(crate) body: Body,
}

/// What stands there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// Elements, by their names in lower case.
    Elements(Vec<(String, Node)>),
    /// A setting with one value.
    One(Option<Json>),
    /// A setting with a list.
    Many { assign: Option<Vec<String>>, append: Vec<String>, remove: Vec<String> },
}

impl Document {
    /// Reads a policy of that kind.
    ///
    /// # Errors
    /// A text that is not JSON, or not what the kind's grammar allows: `MalformedPolicyDocumentException`.
    pub fn parse(kind: PolicyKind, text: &str) -> Result<Self, Malformed> {
        let json = Json::parse(text)
            .map_err(|error| Malformed { path: String::new(), cause: format!("it is not JSON: {error}") })?;
        let root = Node::read(&json, Shape::of(kind), &mut Vec::new())?;
        let document = Self { kind, root };
        if kind == PolicyKind::Tag {
            document.check_tag_keys()?;
        }
        Ok(document)
    }

    /// Of which kind it is.
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    /// A tag key is its policy key in the case that is wanted.
    fn check_tag_keys(&self) -> Result<(), Malformed> {
        let tags = self.root.element("tags").map(Node::elements).unwrap_or_default();
        for (name, tag) in tags {
            if let Some(Node { body: Body::One(Some(Json::Text(key))), .. }) = tag.element("tag_key")
                && key.to_lowercase() != *name
            {
                return Err(Malformed {
                    path: format!("tags/{name}/tag_key"),
                    cause: format!("the key {key:?} differs from its policy key by more than case"),
                });
            }
        }
        Ok(())
    }
}

impl Node {
    fn read(json: &Json, shape: &Shape, path: &mut Vec<String>) -> Result<Self, Malformed> {
        let refused =
            |path: &[String], cause: &str| Malformed { path: path.join("/"), cause: cause.to_owned() };
        let Json::Object(members) = json else { return Err(refused(path, "an object is expected")) };
        let mut control = None;
        let mut body = match shape {
            Shape::Fields(_) | Shape::Named(..) => Body::Elements(Vec::new()),
            Shape::One(_) => Body::One(None),
            Shape::Many(_) => Body::Many { assign: None, append: Vec::new(), remove: Vec::new() },
        };
        for (name, value) in members {
            path.push(name.clone());
            if name == CONTROL {
                let operators =
                    Operators::parse(value).ok_or_else(|| refused(path, "not a list of operators"))?;
                control = Some(operators);
            } else {
                body.read(name, value, shape, path)?;
            }
            path.pop();
        }
        // The key that a policy of a kind begins with is always there.
        if path.is_empty() && matches!(&body, Body::Elements(elements) if elements.is_empty()) {
            return Err(refused(path, "the policy is empty"));
        }
        Ok(Self { control, is_open: matches!(shape, Shape::Named(..)), body })
    }

    /// Its elements, when it has any.
    pub(crate) fn elements(&self) -> &[(String, Self)] {
        match &self.body {
            Body::Elements(elements) => elements,
            Body::One(_) | Body::Many { .. } => &[],
        }
    }

    /// The element of that name.
    pub(crate) fn element(&self, name: &str) -> Option<&Self> {
        self.elements().iter().find(|(held, _)| held == name).map(|(_, node)| node)
    }
}

impl Body {
    fn read(
        &mut self,
        name: &str,
        value: &Json,
        shape: &Shape,
        path: &mut Vec<String>,
    ) -> Result<(), Malformed> {
        let refused =
            |path: &[String], cause: &str| Malformed { path: path.join("/"), cause: cause.to_owned() };
        match (self, shape) {
            (Self::Elements(elements), Shape::Fields(fields)) => {
                let (_, inner) = fields
                    .iter()
                    .find(|(field, _)| *field == name)
                    .ok_or_else(|| refused(path, "there is no such element"))?;
                elements.push((name.to_owned(), Node::read(value, inner, path)?));
            }
            (Self::Elements(elements), Shape::Named(is_name, inner)) => {
                if name.starts_with(MARK) || !is_name(name) {
                    return Err(refused(path, "not a name that can be chosen"));
                }
                let name = name.to_lowercase();
                if elements.iter().any(|(held, _)| *held == name) {
                    return Err(refused(path, "the name is there twice, in different cases"));
                }
                elements.push((name, Node::read(value, inner, path)?));
            }
            (Self::One(held), Shape::One(is_right)) => {
                if name != ASSIGN || !is_right(value) {
                    return Err(refused(path, "not a value for this setting"));
                }
                *held = Some(value.clone());
            }
            (Self::Many { assign, append, remove }, Shape::Many(is_right)) => {
                let texts = value
                    .texts()
                    .filter(|texts| texts.iter().all(|text| is_right(text)))
                    .ok_or_else(|| refused(path, "not a list of values for this setting"))?;
                match name {
                    ASSIGN => *assign = Some(texts),
                    APPEND => *append = texts,
                    REMOVE => *remove = texts,
                    _ => return Err(refused(path, "a list is set by operators")),
                }
            }
            _ => return Err(refused(path, "not what belongs here")),
        }
        Ok(())
    }
}

impl Malformed {
    /// What is wrong, and where; for logs, as AWS does not tell.
    pub fn cause(&self) -> String {
        if self.path.is_empty() { self.cause.clone() } else { format!("{}: {}", self.path, self.cause) }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "The provided policy document does not meet the requirements of the specified policy type.",
        )
    }
}

impl std::error::Error for Malformed {}
