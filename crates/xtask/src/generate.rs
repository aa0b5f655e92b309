//! The typed views in `crates/aws-api/src`, one file per service, for the operations that `models/implemented.toml`
//! lists.
//!
//! Owns the mapping from shapes to Rust types, and which of them the store can keep. The generated code is declarations
//! only; what they have in common is written by hand in aws-api.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, bail};
use aws_model::{Member, Model, ShapeId, ShapeKind, ShapeRef, Structure};
use serde::Deserialize;

/// The list of the operations that are built, by service.
pub(crate) const IMPLEMENTED: &str = "models/implemented.toml";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail if a file differs from what would be written.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut files = Files::default();
    typed_views(&mut files, |service| aws_model::service(service).map(aws_model::Service::model))?;
    files.settle(arguments.check, "cargo xtask models")
}

/// Generated files by their path from the root.
#[derive(Default)]
pub(crate) struct Files(BTreeMap<PathBuf, Vec<u8>>);

impl Files {
    pub(crate) fn add(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), content.into());
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// Writes the files that differ, or only says which do. `task` is the command that makes them.
    pub(crate) fn settle(&self, check: bool, task: &str) -> anyhow::Result<()> {
        let mut stale = Vec::new();
        for (path, content) in &self.0 {
            let full_path = crate::root().join(path);
            let found = match fs::read(&full_path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                found => Some(found?),
            };
            if found.as_ref() == Some(content) {
                continue;
            }
            if check {
                stale.push(path.display().to_string());
            } else {
                fs::write(full_path, content)?;
                println!("wrote {}", path.display());
            }
        }
        if !stale.is_empty() {
            bail!("not what `{task}` makes: {}", stale.join(", "));
        }
        Ok(())
    }
}

/// What the list says of a service.
#[derive(Default, Deserialize)]
struct Implemented {
    /// The operations that are built.
    operations: BTreeSet<String>,
    /// The shapes that records hold as they are answered.
    #[serde(default)]
    stored: BTreeSet<String>,
}

fn listed() -> anyhow::Result<BTreeMap<String, Implemented>> {
    let text = fs::read_to_string(crate::root().join(IMPLEMENTED))?;
    toml::from_str(&text).context(IMPLEMENTED)
}

/// The operations that are built, by service.
pub(crate) fn implemented() -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    Ok(listed()?.into_iter().map(|(service, listed)| (service, listed.operations)).collect())
}

/// Adds the typed views of all services that have any.
pub(crate) fn typed_views<'a>(
    files: &mut Files,
    model: impl Fn(&str) -> Option<&'a Model>,
) -> anyhow::Result<()> {
    for (service, listed) in &listed()? {
        let model = model(service).with_context(|| format!("{IMPLEMENTED}: there is no model {service}"))?;
        let module = service.replace('-', "_");
        files.add(format!("crates/aws-api/src/{module}.rs"), View::new(model, listed)?.print()?);
    }
    Ok(())
}

/// The types of one service's implemented operations.
struct View<'a> {
    model: &'a Model,
    operations: Vec<&'a aws_model::Operation>,
    structures: BTreeMap<&'static str, ShapeId>,
    /// Those of the structures that can be written to and read from the store.
    stored: BTreeSet<ShapeId>,
}

impl<'a> View<'a> {
    fn new(model: &'a Model, listed: &Implemented) -> anyhow::Result<Self> {
        let service = model.metadata.name;
        let operations = listed.operations.iter().map(|name| {
            model.operation(name).with_context(|| format!("{IMPLEMENTED}: {service} has no operation {name}"))
        });
        let operations: Vec<_> = operations.collect::<anyhow::Result<_>>()?;
        let shapes = operations.iter().flat_map(|operation| operation.input.iter().chain(&operation.output));
        let structures = structures_within(model, shapes.map(|reference| reference.shape));
        let structures: BTreeMap<_, _> = structures.into_iter().map(|id| (model[id].name, id)).collect();
        let stored = listed.stored.iter().map(|name| {
            structures.get(name.as_str()).copied().with_context(|| {
                format!("{IMPLEMENTED}: no operation of {service} that is built has a structure {name}")
            })
        });
        let stored = structures_within(model, stored.collect::<anyhow::Result<Vec<_>>>()?);
        Ok(Self { model, operations, structures, stored })
    }

    fn print(&self) -> anyhow::Result<String> {
        let service = self.model.metadata.name;
        let mut text = format!(
            "//! Typed requests and responses of `{service}`. Generated by `cargo xtask models` for the operations in\n\
             //! `{IMPLEMENTED}`; do not edit.\n\n\
             #![allow(missing_docs, clippy::all)]\n\n\
             use std::collections::BTreeMap;\n\n\
             use aws_model::Value;\n\
             use aws_types::Timestamp;\n\
             use bytes::Bytes;\n\n"
        );
        // Only what the service's shapes use may be imported.
        let mut body = String::new();
        for id in self.structures.values() {
            self.print_structure(&mut body, *id)?;
        }
        self.print_operations(&mut body)?;
        for (name, import) in [
            ("BTreeMap", "use std::collections::BTreeMap;\n\n"),
            ("Value", "use aws_model::Value;\n"),
            ("Timestamp", "use aws_types::Timestamp;\n"),
            ("Bytes", "use bytes::Bytes;\n"),
        ] {
            let mut fields = body.lines().filter(|line| line.starts_with("    pub "));
            let used =
                fields.any(|line| line.split(|char: char| !char.is_alphanumeric()).any(|word| word == name));
            if !used {
                text = text.replace(import, "");
            }
        }
        let text = text.trim_end().to_owned() + "\n\n" + &body;
        Ok(text)
    }

    fn print_structure(&self, text: &mut String, id: ShapeId) -> anyhow::Result<()> {
        let shape = &self.model[id];
        let structure = self.model.structure(id).context("only structures are printed")?;
        let name = type_name(shape.name);
        let is_stored = self.stored.contains(&id);
        let and_serde = if is_stored { ", serde::Serialize, serde::Deserialize" } else { "" };
        writeln!(text, "#[derive(Clone, Debug, Default, PartialEq{and_serde})]")?;
        if structure.members.is_empty() {
            writeln!(text, "pub struct {name} {{}}\n")?;
            writeln!(text, "crate::structure! {{ {name}, {:?} {{}} }}\n", shape.name)?;
            return Ok(());
        }
        writeln!(text, "pub struct {name} {{")?;
        for member in &structure.members {
            // What is absent takes no room in a record, and what a record does not have is absent.
            if is_stored && !is_there(member) {
                writeln!(text, "    #[serde(skip_serializing_if = \"Option::is_none\")]")?;
            }
            writeln!(text, "    pub {}: {},", field_name(member.name), self.member_type(id, member))?;
        }
        writeln!(text, "}}\n")?;
        writeln!(text, "crate::structure! {{")?;
        writeln!(text, "    {name}, {:?} {{", shape.name)?;
        for member in &structure.members {
            writeln!(text, "        {:?} => {},", member.name, field_name(member.name))?;
        }
        writeln!(text, "    }}\n}}\n")?;
        Ok(())
    }

    fn print_operations(&self, text: &mut String) -> anyhow::Result<()> {
        writeln!(text, "/// The marker types of the operations.")?;
        writeln!(text, "pub mod operation {{")?;
        for (index, operation) in self.operations.iter().enumerate() {
            let shape = |reference: &Option<ShapeRef>| match reference {
                Some(reference) => format!("super::{}", type_name(self.model[reference.shape].name)),
                None => "crate::Unit".to_owned(),
            };
            if index > 0 {
                writeln!(text)?;
            }
            writeln!(text, "    pub struct {};\n", operation.name)?;
            writeln!(text, "    impl crate::Operation for {} {{", operation.name)?;
            writeln!(text, "        const SERVICE: &'static str = {:?};", self.model.metadata.name)?;
            writeln!(text, "        const NAME: &'static str = {:?};", operation.name)?;
            writeln!(text, "        type Input = {};", shape(&operation.input))?;
            writeln!(text, "        type Output = {};", shape(&operation.output))?;
            writeln!(text, "    }}")?;
        }
        writeln!(text, "}}")?;
        Ok(())
    }

    fn member_type(&self, parent: ShapeId, member: &Member) -> String {
        let mut inner = self.type_of(member.shape);
        if self.contains(member.shape, parent, &mut BTreeSet::new()) {
            inner = format!("Box<{inner}>");
        }
        if is_there(member) { inner } else { format!("Option<{inner}>") }
    }

    fn type_of(&self, id: ShapeId) -> String {
        let shape = &self.model[id];
        match &shape.kind {
            ShapeKind::Structure(Structure { event_stream: true, .. }) => {
                format!("Vec<{}>", type_name(shape.name))
            }
            ShapeKind::Structure(_) => type_name(shape.name),
            ShapeKind::List(list) if list.sparse => format!("Vec<Option<{}>>", self.type_of(list.element)),
            ShapeKind::List(list) => format!("Vec<{}>", self.type_of(list.element)),
            ShapeKind::Map(map) => format!("BTreeMap<String, {}>", self.type_of(map.value)),
            ShapeKind::String(_) => "String".to_owned(),
            ShapeKind::Boolean => "bool".to_owned(),
            ShapeKind::Integer(_) => "i32".to_owned(),
            ShapeKind::Long(_) => "i64".to_owned(),
            ShapeKind::Float(_) | ShapeKind::Double(_) => "f64".to_owned(),
            ShapeKind::Blob(_) => "Bytes".to_owned(),
            ShapeKind::Timestamp(_) => "Timestamp".to_owned(),
            ShapeKind::Document => "Value".to_owned(),
        }
    }

    /// Whether a structure holds another without a list or map between them, so that it would have no finite size.
    fn contains(&self, outer: ShapeId, inner: ShapeId, seen: &mut BTreeSet<ShapeId>) -> bool {
        let Some(structure) = self.model.structure(outer).filter(|structure| !structure.event_stream) else {
            return false;
        };
        outer == inner
            || (seen.insert(outer)
                && structure.members.iter().any(|member| self.contains(member.shape, inner, seen)))
    }
}

/// Whether a value always has the member. A token that SDKs fill in is let be absent by the codec.
fn is_there(member: &Member) -> bool {
    member.required && !member.idempotency_token
}

/// The structures among some shapes and all that they hold.
fn structures_within(model: &Model, shapes: impl IntoIterator<Item = ShapeId>) -> BTreeSet<ShapeId> {
    let mut pending: Vec<ShapeId> = shapes.into_iter().collect();
    let (mut seen, mut structures) = (BTreeSet::new(), BTreeSet::new());
    while let Some(id) = pending.pop() {
        if !seen.insert(id) {
            continue;
        }
        match &model[id].kind {
            ShapeKind::Structure(structure) => {
                structures.insert(id);
                pending.extend(structure.members.iter().map(|member| member.shape));
            }
            ShapeKind::List(list) => pending.push(list.element),
            ShapeKind::Map(map) => pending.push(map.value),
            _ => {}
        }
    }
    structures
}

/// A shape's name as a Rust type: capitalised, and out of the way of the prelude.
fn type_name(shape: &str) -> String {
    let mut name = shape.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if ["Bytes", "Option", "Result", "Some", "String", "Timestamp", "Value", "Vec"].contains(&name.as_str()) {
        name.push_str("Shape");
    }
    name
}

/// A member's name as a Rust field: words apart, an abbreviation and its plural being one word.
fn field_name(member: &str) -> String {
    let chars: Vec<char> = member.chars().collect();
    let mut name = String::new();
    for (index, &char) in chars.iter().enumerate() {
        let previous = index.checked_sub(1).map(|previous| chars[previous]);
        let next = chars.get(index + 1).copied();
        let after_next = chars.get(index + 2).copied();
        let plural = next == Some('s') && after_next.is_none_or(char::is_uppercase);
        let starts_word = char.is_ascii_uppercase()
            && previous.is_some_and(|previous| {
                previous.is_ascii_lowercase()
                    || previous.is_ascii_digit()
                    || (previous.is_ascii_uppercase() && next.is_some_and(char_is_lowercase) && !plural)
            });
        if starts_word {
            name.push('_');
        }
        name.push(if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '_' });
    }
    match name.as_str() {
        "self" | "super" | "crate" => format!("{name}_"),
        "as" | "async" | "await" | "box" | "break" | "const" | "continue" | "do" | "dyn" | "else"
        | "enum" | "extern" | "false" | "final" | "fn" | "for" | "gen" | "if" | "impl" | "in" | "let"
        | "loop" | "macro" | "match" | "mod" | "move" | "mut" | "override" | "priv" | "pub" | "ref"
        | "return" | "static" | "struct" | "trait" | "true" | "try" | "type" | "typeof" | "unsafe"
        | "unsized" | "use" | "virtual" | "where" | "while" | "yield" => {
            format!("r#{name}")
        }
        _ => name,
    }
}

fn char_is_lowercase(char: char) -> bool {
    char.is_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stored_shape_holds_is_stored_too() {
        let model = aws_model::service("ec2").unwrap().model();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let listed = |stored: &[&str]| Implemented {
            operations: names(&["DescribeNetworkInsightsAnalyses"]),
            stored: names(stored),
        };
        let text = View::new(model, &listed(&["PathComponent"])).unwrap().print().unwrap();
        let derives = |name: &str| {
            let before = text.split(&format!("pub struct {name} {{")).next().unwrap();
            before.lines().last().unwrap().contains("serde::Deserialize")
        };
        for (name, expect) in
            [("PathComponent", true), ("PortRange", true), ("Explanation", true), ("Filter", false)]
        {
            assert_eq!(derives(name), expect, "{name}");
        }
        for unknown in ["Vpc", "NoSuchShape"] {
            let error = View::new(model, &listed(&[unknown])).err().unwrap();
            assert!(error.to_string().ends_with(unknown), "{error}");
        }
    }

    #[test]
    fn fields_are_snake_case() {
        for (member, expect) in [
            ("VpcId", "vpc_id"),
            ("Type", "r#type"),
            ("Ipv6CidrBlockNetworkBorderGroup", "ipv6_cidr_block_network_border_group"),
            ("SSEKMSKeyId", "ssekms_key_id"),
            ("DBInstanceIdentifier", "db_instance_identifier"),
            ("EnableDnsHostnames", "enable_dns_hostnames"),
            ("instanceIDs", "instance_ids"),
            ("S3Bucket", "s3_bucket"),
            ("ARNs", "arns"),
            ("x-amz-thing", "x_amz_thing"),
            ("IpProtocol", "ip_protocol"),
        ] {
            assert_eq!(field_name(member), expect, "{member}");
        }
    }
}
