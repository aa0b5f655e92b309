//! How the policies of a path from the root to an account become one.
//!
//! Owns the merge. The levels are taken from the root down. On each level the policies are taken in the order in which they
//! were attached: of what they assign to a setting the first stays, then what they append comes, then what they remove
//! goes. What the level allows the ones below is what all of its policies allow, and never more than the levels above do.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/inheritance-examples.html>

use std::collections::BTreeSet;

use crate::document::{Body, Node};
use crate::effective::{Effective, EffectiveError};
use crate::json::Json;
use crate::operators::Operators;
use crate::{Document, PolicyKind};

/// A policy that is attached somewhere.
#[derive(Clone, Copy, Debug)]
pub struct Attached<'a> {
    /// Its id, `p-` and more.
    pub policy_id: &'a str,
    /// What it says.
    pub document: &'a Document,
}

/// The policies that are attached to one root, unit or account, in the order in which they were.
pub type Level<'a> = Vec<Attached<'a>>;

/// What has become of a place on the way down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Merged {
    /// What the levels above allow here.
    allowed: Operators,
    /// Whether it has a name that an author chose: it is there then, also when nothing in it is set.
    is_chosen: bool,
    pub(crate) value: Value,
    /// The policies that said something here, by their ids.
    pub(crate) policies: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing has been set.
    Unset,
    Elements(Vec<(String, Merged)>),
    One(Json),
    Many(Vec<String>),
}

/// The effective policy of the account at the end of a path: its levels from the root down to the account itself.
///
/// # Errors
/// A policy of another kind.
pub fn effective(kind: PolicyKind, levels: &[Level<'_>]) -> Result<Effective, EffectiveError> {
    let mut root = Merged::new();
    let mut has_policy = false;
    for level in levels {
        if let Some(other) = level.iter().find(|attached| attached.document.kind() != kind) {
            return Err(EffectiveError::OtherKind { policy_id: other.policy_id.to_owned() });
        }
        has_policy |= !level.is_empty();
        let said: Vec<_> =
            level.iter().map(|attached| (attached.policy_id, attached.document.root())).collect();
        root.take(&said);
    }
    root.prune();
    Ok(Effective::new(kind, root, has_policy))
}

impl Merged {
    fn new() -> Self {
        Self { allowed: Operators::ALL, is_chosen: false, value: Value::Unset, policies: BTreeSet::new() }
    }

    /// Takes in what the policies of one level say here.
    fn take(&mut self, said: &[(&str, &Node)]) {
        if said.is_empty() {
            return;
        }
        let is_setting = said.iter().all(|(_, node)| !matches!(node.body, Body::Elements(_)));
        if is_setting {
            self.set(said);
        } else {
            self.descend(said);
        }
        let controls = said.iter().filter_map(|(_, node)| node.control);
        self.allowed = controls.fold(self.allowed, Operators::and);
    }

    fn descend(&mut self, said: &[(&str, &Node)]) {
        let may_add = self.allowed.adds();
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in said.iter().flat_map(|(_, node)| node.elements()) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        for name in names {
            let of_name: Vec<(&str, &Node)> = said
                .iter()
                .filter_map(|(id, node)| node.element(name).map(|element| (*id, element)))
                .collect();
            if let Some(element) = self.element_mut(name) {
                element.take(&of_name);
            } else if may_add {
                let mut element = Self::new();
                element.is_chosen = said.iter().any(|(_, node)| node.is_open);
                element.policies = of_name.iter().map(|(id, _)| (*id).to_owned()).collect();
                element.take(&of_name);
                self.insert(name, element);
            }
        }
    }

    fn set(&mut self, said: &[(&str, &Node)]) {
        let allowed = self.allowed;
        let mut is_assigned = false;
        for (id, node) in said {
            let assigned = match &node.body {
                Body::One(Some(value)) => Some(Value::One(value.clone())),
                Body::Many { assign: Some(values), .. } => Some(Value::Many(distinct(values))),
                Body::One(None) | Body::Many { assign: None, .. } | Body::Elements(_) => None,
            };
            if let Some(value) = assigned.filter(|_| allowed.assign && !is_assigned) {
                is_assigned = true;
                self.value = value;
                self.policies = BTreeSet::from([(*id).to_owned()]);
            }
        }
        for (id, node) in said {
            if let Body::Many { append, .. } = &node.body
                && allowed.append
                && !append.is_empty()
            {
                let mut values = self.take_list();
                values.extend(append.iter().cloned());
                self.value = Value::Many(distinct(&values));
                self.policies.insert((*id).to_owned());
            }
        }
        for (id, node) in said {
            if let Body::Many { remove, .. } = &node.body
                && allowed.remove
                && matches!(&self.value, Value::Many(held) if held.iter().any(|value| remove.contains(value)))
            {
                let mut values = self.take_list();
                values.retain(|value| !remove.contains(value));
                // A setting of which nothing is left is as one that was never set, and not as one that allows nothing.
                self.value = if values.is_empty() { Value::Unset } else { Value::Many(values) };
                self.policies.insert((*id).to_owned());
            }
        }
    }

    fn take_list(&mut self) -> Vec<String> {
        match std::mem::replace(&mut self.value, Value::Unset) {
            Value::Many(values) => values,
            Value::Unset | Value::Elements(_) | Value::One(_) => Vec::new(),
        }
    }

    fn insert(&mut self, name: &str, element: Self) {
        match &mut self.value {
            Value::Elements(elements) => elements.push((name.to_owned(), element)),
            Value::Unset | Value::One(_) | Value::Many(_) => {
                self.value = Value::Elements(vec![(name.to_owned(), element)]);
            }
        }
    }

    fn element_mut(&mut self, name: &str) -> Option<&mut Self> {
        let Value::Elements(elements) = &mut self.value else { return None };
        elements.iter_mut().find(|(held, _)| held == name).map(|(_, element)| element)
    }

    /// Lets go of what nothing is in, and gathers who contributed.
    fn prune(&mut self) {
        let Value::Elements(elements) = &mut self.value else { return };
        for (_, element) in elements.iter_mut() {
            element.prune();
        }
        elements.retain(|(_, element)| element.is_chosen || element.value != Value::Unset);
        self.policies.extend(elements.iter().flat_map(|(_, element)| element.policies.iter().cloned()));
        if elements.is_empty() {
            self.value = Value::Unset;
        }
    }

    /// Its elements, when it has any.
    pub(crate) fn elements(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Elements(elements) => elements,
            Value::Unset | Value::One(_) | Value::Many(_) => &[],
        }
    }

    /// The element of that name.
    pub(crate) fn element(&self, name: &str) -> Option<&Self> {
        self.elements().iter().find(|(held, _)| held == name).map(|(_, element)| element)
    }

    /// The elements of the element of that name.
    pub(crate) fn named(&self, name: &str) -> &[(String, Self)] {
        self.element(name).map(Self::elements).unwrap_or_default()
    }

    /// The value of a setting of that name.
    pub(crate) fn one(&self, name: &str) -> Option<&Json> {
        match &self.element(name)?.value {
            Value::One(value) => Some(value),
            Value::Unset | Value::Elements(_) | Value::Many(_) => None,
        }
    }

    /// The text of a setting of that name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.one(name)? {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The list of a setting of that name; `None` where it was never set.
    pub(crate) fn list(&self, name: &str) -> Option<&[String]> {
        match &self.element(name)?.value {
            Value::Many(values) => Some(values),
            Value::Unset | Value::Elements(_) | Value::One(_) => None,
        }
    }
}

/// The values in their order, each once.
fn distinct(values: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    values.iter().filter(|value| seen.insert(value.as_str())).cloned().collect()
}
