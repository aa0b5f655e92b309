//! The table, its file, and how one finds things in it.
//!
//! Owns the file's form: one line of JSON for each service of the reference and for each model, read when it is first
//! asked for. The types here are the form too: `cargo xtask models` serialises them. Refuses to know requests.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

static FILE: &[u8] = include_bytes!("../../../models/authorization.json.zst");

/// What the reference says of one service: `ec2`, or `elasticloadbalancing`, which two models share.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reference {
    /// What stands before the colon in its actions.
    #[serde(rename = "s")]
    pub prefix: &'static str,
    /// Its actions, sorted by name.
    #[serde(rename = "a")]
    pub actions: Box<[Action]>,
    /// Its types of resources, sorted by name.
    #[serde(rename = "t")]
    pub resource_types: Box<[ResourceType]>,
}

/// What a policy can allow: `ec2:RunInstances`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Action {
    /// Its name, without the prefix.
    #[serde(rename = "n")]
    pub name: &'static str,
    /// What kind of access it gives.
    #[serde(rename = "l")]
    pub access: AccessLevel,
    /// The types of resources that it can be restricted to, sorted by name. None: it is needed on `*`.
    #[serde(rename = "r", default, skip_serializing_if = "is_empty")]
    pub resources: Box<[ActionResource]>,
    /// The keys that can be asked for whatever the resource is, sorted.
    #[serde(rename = "k", default, skip_serializing_if = "is_empty")]
    pub condition_keys: Box<[&'static str]>,
    /// What else its caller may need, such as `iam:PassRole`, sorted.
    #[serde(rename = "d", default, skip_serializing_if = "is_empty")]
    pub dependent_actions: Box<[&'static str]>,
}

impl Action {
    /// What the action says of a type of resources.
    pub fn resource(&self, resource_type: &str) -> Option<&ActionResource> {
        let index = self.resources.binary_search_by(|held| held.resource_type.cmp(resource_type)).ok()?;
        Some(&self.resources[index])
    }

    /// Whether a key can be asked in this action: of a resource of that type, or whatever the resource is.
    /// `aws:ResourceTag/Team` can where the list has `aws:ResourceTag/${TagKey}`.
    pub fn has_key(&self, resource_type: &str, key: &str) -> bool {
        let is_it = |held: &&str| is_key(held, key);
        self.condition_keys.iter().any(is_it)
            || self.resource(resource_type).is_some_and(|of| of.condition_keys.iter().any(is_it))
    }

    /// Whether the action says which keys it has for resources of a type. Where it does not, it has those of the type.
    pub fn tells_keys_of(&self, resource_type: &str) -> bool {
        self.resource(resource_type).is_some_and(|of| !of.condition_keys.is_empty())
    }
}

/// Whether a key is the one that the reference writes so, with a variable behind the slash.
fn is_key(held: &str, key: &str) -> bool {
    let stem = |key: &str| key.find('/').unwrap_or(key.len());
    let held_stem = stem(held);
    held[..held_stem].eq_ignore_ascii_case(&key[..stem(key)])
        && (held_stem == held.len()) == (stem(key) == key.len())
}

/// The kinds of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessLevel {
    /// Says which resources there are.
    #[serde(rename = "l")]
    List,
    /// Reads what is in a resource.
    #[serde(rename = "r")]
    Read,
    /// Changes something.
    #[serde(rename = "w")]
    Write,
    /// Changes who may do what.
    #[serde(rename = "p")]
    PermissionsManagement,
    /// Changes tags alone.
    #[serde(rename = "t")]
    Tagging,
}

/// A type of resources that an action can be restricted to.
#[derive(Debug, Serialize, Deserialize)]
pub struct ActionResource {
    /// The type's name, such as `vpc`.
    #[serde(rename = "t")]
    pub resource_type: &'static str,
    /// Whether every request of the action has one.
    #[serde(rename = "q", default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// The keys that can be asked of such a resource in this action, sorted.
    #[serde(rename = "k", default, skip_serializing_if = "is_empty")]
    pub condition_keys: Box<[&'static str]>,
}

/// A type of resources.
#[derive(Debug, Serialize, Deserialize)]
pub struct ResourceType {
    /// Its name, such as `vpc`.
    #[serde(rename = "n")]
    pub name: &'static str,
    /// Its ARNs, with `${Partition}` and other variables.
    #[serde(rename = "a")]
    pub arn: &'static str,
    /// The keys that can be asked of such a resource, sorted.
    #[serde(rename = "k", default, skip_serializing_if = "is_empty")]
    pub condition_keys: Box<[&'static str]>,
}

impl ResourceType {
    /// Whether a key can be asked of such a resource.
    pub fn has_key(&self, key: &str) -> bool {
        self.condition_keys.iter().any(|held| is_key(held, key))
    }

    /// The services that have a key of their own for a resource's tags, beside that of all: `iam` for `iam:ResourceTag/Team`.
    pub fn tag_key_prefixes(&self) -> impl Iterator<Item = &'static str> {
        self.condition_keys.iter().filter_map(|key| {
            let (stem, _) = key.split_once('/')?;
            let (prefix, name) = split_action(stem);
            (prefix != "aws" && name.eq_ignore_ascii_case("ResourceTag")).then_some(prefix)
        })
    }
}

/// What is known of the operations of one model.
#[derive(Debug, Serialize, Deserialize)]
pub struct Operations {
    /// The model's name: `ec2`, `elbv2`.
    #[serde(rename = "m")]
    pub model: &'static str,
    /// What stands before the colon in its actions.
    #[serde(rename = "s")]
    pub prefix: &'static str,
    /// The operations that have an entry, sorted by name.
    #[serde(rename = "o")]
    pub entries: Box<[OperationEntry]>,
    /// What ids begin with, and the type of their resources, the longest first. An empty beginning is that of all others.
    #[serde(rename = "i", default, skip_serializing_if = "is_empty")]
    pub id_prefixes: Box<[(&'static str, &'static str)]>,
}

impl Operations {
    /// The entry of an operation.
    pub fn entry(&self, operation: &str) -> Option<&OperationEntry> {
        let index = self.entries.binary_search_by(|entry| entry.operation.cmp(operation)).ok()?;
        Some(&self.entries[index])
    }
}

/// What an operation needs.
#[derive(Debug, Serialize, Deserialize)]
pub struct OperationEntry {
    /// The operation's name.
    #[serde(rename = "n")]
    pub operation: &'static str,
    /// All of these. None: everybody may call it who signs.
    #[serde(rename = "a", default, skip_serializing_if = "is_empty")]
    pub needs: Box<[Need]>,
}

/// One action that an operation needs, and where its resources stand in the request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Need {
    /// The action with its prefix: `ec2:RunInstances`.
    #[serde(rename = "n")]
    pub action: &'static str,
    /// Where the resources stand. None: the action is needed on `*`.
    #[serde(rename = "t", default, skip_serializing_if = "is_empty")]
    pub rules: Box<[TargetRule]>,
}

/// A member's name, and that of the member within it, and so on. Lists and maps between them have no name.
pub type MemberPath = Box<[&'static str]>;

/// Where the resources of one type stand in a request.
#[derive(Debug, Serialize, Deserialize)]
pub struct TargetRule {
    /// The type, one of the action's service. Empty: what the id begins with tells it.
    #[serde(rename = "t")]
    pub resource_type: &'static str,
    /// The members that hold ids, names or ARNs.
    #[serde(rename = "p", default, skip_serializing_if = "is_empty")]
    pub members: Box<[MemberPath]>,
    /// Whether the members hold what leads to the resource, such as the id of its association.
    #[serde(rename = "i", default, skip_serializing_if = "is_false")]
    pub indirect: bool,
    /// Whether the request makes such a resource, or means one that it does not name.
    #[serde(rename = "w", default, skip_serializing_if = "NewResource::is_never")]
    pub new: NewResource,
    /// The members that hold the other variables of the type's ARN.
    #[serde(rename = "v", default, skip_serializing_if = "is_empty")]
    pub parents: Box<[(&'static str, MemberPath)]>,
}

impl TargetRule {
    /// A rule of which nothing is known but the type.
    pub fn of_type(resource_type: &'static str) -> Self {
        Self {
            resource_type,
            members: Box::default(),
            indirect: false,
            new: NewResource::Never,
            parents: Box::default(),
        }
    }
}

/// When a request has a resource that it does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewResource {
    /// It names all of them.
    #[default]
    #[serde(rename = "n")]
    Never,
    /// It makes one, whatever it names.
    #[serde(rename = "a")]
    Always,
    /// It makes or means one when it names none.
    #[serde(rename = "u")]
    UnlessNamed,
}

impl NewResource {
    fn is_never(&self) -> bool {
        *self == Self::Never
    }
}

/// A part of the file, read when it is first asked for.
struct Part<T> {
    name: &'static str,
    text: &'static str,
    read: OnceLock<T>,
}

struct Table {
    references: Vec<Part<Reference>>,
    operations: Vec<Part<Operations>>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let text = zstd::decode_all(FILE).expect("the file was compressed by `cargo xtask models`");
        let text: &'static str = String::leak(String::from_utf8(text).expect("the file is JSON"));
        Table { references: parts(text, "{\"s\":\""), operations: parts(text, "{\"m\":\"") }
    })
}

/// The lines that begin so, which are sorted by the name that comes next.
fn parts<T>(text: &'static str, start: &str) -> Vec<Part<T>> {
    let named = text.lines().filter_map(|line| Some((line.strip_prefix(start)?, line)));
    named
        .map(|(rest, text)| Part { name: &rest[..rest.find('"').unwrap_or(0)], text, read: OnceLock::new() })
        .collect()
}

fn find<T: Deserialize<'static>>(parts: &'static [Part<T>], name: &str) -> Option<&'static T> {
    let index = parts.binary_search_by(|part| part.name.cmp(name)).ok()?;
    let part = &parts[index];
    Some(
        part.read
            .get_or_init(|| serde_json::from_str(part.text).expect("the file was written from these types")),
    )
}

fn reference(prefix: &str) -> Option<&'static Reference> {
    find(&table().references, prefix)
}

/// The action of that prefix and name.
pub fn action(prefix: &str, name: &str) -> Option<&'static Action> {
    let actions = &reference(prefix)?.actions;
    let index = actions.binary_search_by(|action| action.name.cmp(name)).ok()?;
    Some(&actions[index])
}

/// All actions of a service, sorted by name.
pub fn actions(prefix: &str) -> &'static [Action] {
    reference(prefix).map_or(&[], |reference| &reference.actions)
}

/// The prefix and the name of an action such as `ec2:RunInstances`.
pub fn split_action(action: &str) -> (&str, &str) {
    action.split_once(':').unwrap_or(("", action))
}

/// A service's type of resources.
pub fn resource_type(prefix: &str, name: &str) -> Option<&'static ResourceType> {
    let types = &reference(prefix)?.resource_types;
    let index = types.binary_search_by(|held| held.name.cmp(name)).ok()?;
    Some(&types[index])
}

/// What is known of a model's operations.
pub fn operations(model: &str) -> Option<&'static Operations> {
    find(&table().operations, model)
}

/// What an operation of a model needs. One that has no entry is for the account's root alone.
pub fn of_operation(model: &str, operation: &str) -> Option<&'static OperationEntry> {
    operations(model)?.entry(operation)
}

/// The type of a resource by what its id begins with.
pub fn resource_type_of_id(model: &str, id: &str) -> Option<&'static ResourceType> {
    let operations = operations(model)?;
    if id.starts_with("arn:") {
        return resource_type_of_arn(operations.prefix, id);
    }
    let (_, name) = operations.id_prefixes.iter().find(|(start, _)| id.starts_with(start))?;
    resource_type(operations.prefix, name)
}

/// The type of a resource by its ARN: the one whose own ARNs begin with the most that this one begins with.
pub fn resource_type_of_arn(prefix: &str, arn: &str) -> Option<&'static ResourceType> {
    let (service, resource) = service_and_resource(arn)?;
    let fixed = |held: &ResourceType| -> Option<usize> {
        let (own_service, template) = service_and_resource(held.arn)?;
        let fixed = &template[..template.find("${").unwrap_or(template.len())];
        (own_service == service && resource.starts_with(fixed)).then_some(fixed.len())
    };
    let types = &reference(prefix)?.resource_types;
    let matching = types.iter().filter_map(|held| Some((fixed(held)?, held)));
    matching.max_by_key(|(len, _)| *len).map(|(_, held)| held)
}

/// The third part of an ARN, or of a template, and what stands behind the fifth colon.
fn service_and_resource(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2)?;
    Some((service, parts.nth(2)?))
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_empty<T>(items: &[T]) -> bool {
    items.is_empty()
}
