//! The resources that a request names.
//!
//! Owns how members are found in a decoded request. Refuses to know whether what is named exists.

use aws_model::Value;

use crate::distinct::Distinct;
use crate::table::{
    Need, NewResource, OperationEntry, ResourceType, TargetRule, resource_type, resource_type_of_id,
    split_action,
};

/// A resource of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target<'a> {
    /// The name of its type; empty when nothing tells it.
    pub resource_type: &'static str,
    /// Its id, name or ARN. None: the request makes it, or means one that it does not name.
    pub id: Option<&'a str>,
    /// Whether `id` is of something else that leads to it, such as its association.
    pub indirect: bool,
    /// The values of the other variables of its ARN, as far as the request has them.
    pub parents: Vec<(&'static str, &'a str)>,
}

impl Target<'_> {
    /// Its type in the table.
    pub fn of_type(&self, need: &Need) -> Option<&'static ResourceType> {
        resource_type(split_action(need.action).0, self.resource_type)
    }
}

/// The resources of a request that an action is needed on, each once. None: it is needed on `*`.
pub fn targets<'a>(model: &str, need: &'static Need, input: &'a Value) -> Vec<Target<'a>> {
    let mut found: Distinct<Target<'a>> = Distinct::default();
    for rule in &need.rules {
        let mut named = false;
        let parents = parents(rule, input);
        for path in &rule.members {
            texts_at(input, path, &mut |id| {
                named = true;
                let resource_type = match rule.resource_type {
                    "" => resource_type_of_id(model, id).map_or("", |held| held.name),
                    given => given,
                };
                let (indirect, parents) = (rule.indirect, parents.clone());
                found.push(Target { resource_type, id: Some(id), indirect, parents });
            });
        }
        let is_new = match rule.new {
            NewResource::Never => false,
            NewResource::Always => true,
            NewResource::UnlessNamed => !named,
        };
        if is_new {
            found.push(Target { resource_type: rule.resource_type, id: None, indirect: false, parents });
        }
    }
    found.into_vec()
}

/// How many times a request names a resource of those that its operation is asked about, each as often as it is named.
pub fn named(entry: &OperationEntry, input: &Value) -> usize {
    let rules = entry.needs.iter().flat_map(|need| &need.rules);
    let mut members: Vec<_> = rules.flat_map(|rule| &rule.members).collect();
    members.sort_unstable();
    members.dedup();
    let mut count = 0;
    members.iter().for_each(|path| texts_at(input, path, &mut |_| count += 1));
    count
}

fn parents<'a>(rule: &'static TargetRule, input: &'a Value) -> Vec<(&'static str, &'a str)> {
    let mut found = Vec::new();
    for (variable, path) in &rule.parents {
        let mut first = None;
        texts_at(input, path, &mut |text| first = first.or(Some(text)));
        found.extend(first.map(|text| (*variable, text)));
    }
    found
}

/// Shows every text that stands at a path, in order, but for empty ones.
pub fn texts_at<'a>(value: &'a Value, path: &[&str], show: &mut dyn FnMut(&'a str)) {
    match value {
        Value::List(items) => items.iter().for_each(|item| texts_at(item, path, show)),
        Value::Map(pairs) => pairs.iter().for_each(|(_, value)| texts_at(value, path, show)),
        Value::Structure(fields) => {
            if let Some((member, rest)) = path.split_first()
                && let Some(value) = fields.get(member)
            {
                texts_at(value, rest, show);
            }
        }
        Value::String(text) if path.is_empty() && !text.is_empty() => show(text),
        Value::String(_)
        | Value::Null
        | Value::Boolean(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Blob(_)
        | Value::Timestamp(_) => {}
    }
}
