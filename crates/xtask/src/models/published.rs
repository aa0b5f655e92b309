//! The published form of a model, and what is kept of it.
//!
//! Traits that stand on a shape count for every member that uses it unless the member says otherwise, as SDKs read
//! them; the compact form has them on the member alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, bail};
use aws_model::{
    Error, FloatRange, IntegerRange, List, Location, Map, Member, Metadata, Model, Namespace, Operation,
    Shape, ShapeId, ShapeKind, ShapeRef, Structure, Text, TimestampFormat, WireProtocol,
};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Number;

#[derive(Deserialize)]
struct Published {
    metadata: PublishedMetadata,
    operations: BTreeMap<String, PublishedOperation>,
    shapes: BTreeMap<String, PublishedShape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublishedMetadata {
    api_version: String,
    endpoint_prefix: String,
    protocol: WireProtocol,
    #[serde(default)]
    protocols: Vec<WireProtocol>,
    service_id: String,
    signing_name: Option<String>,
    target_prefix: Option<String>,
    json_version: Option<String>,
    xml_namespace: Option<String>,
    global_endpoint: Option<String>,
    aws_query_compatible: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct PublishedOperation {
    http: Http,
    input: Option<Reference>,
    output: Option<Reference>,
    #[serde(default)]
    errors: Vec<Reference>,
    endpoint: Option<Endpoint>,
    #[serde(default)]
    auth: Vec<String>,
    authtype: Option<String>,
    #[serde(default)]
    deprecated: bool,
    #[serde(default, rename = "unsignedPayload")]
    unsigned_payload: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    request_uri: String,
    response_code: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    host_prefix: Option<String>,
}

/// A use of a shape, with the traits that it may add.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    shape: String,
    location: Option<String>,
    location_name: Option<String>,
    query_name: Option<String>,
    result_wrapper: Option<String>,
    xml_namespace: Option<PublishedNamespace>,
    #[serde(default)]
    flattened: bool,
    #[serde(default)]
    xml_attribute: bool,
    #[serde(default)]
    idempotency_token: bool,
    #[serde(default)]
    streaming: bool,
    #[serde(default)]
    host_label: bool,
    #[serde(default, rename = "eventpayload")]
    event_payload: bool,
}

#[derive(Clone, Deserialize)]
struct PublishedNamespace {
    prefix: Option<String>,
    uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublishedShape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "ordered")]
    members: Vec<(String, Reference)>,
    #[serde(default)]
    required: Vec<String>,
    member: Option<Reference>,
    key: Option<Reference>,
    value: Option<Reference>,
    min: Option<Number>,
    max: Option<Number>,
    pattern: Option<String>,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
    timestamp_format: Option<TimestampFormat>,
    payload: Option<String>,
    location_name: Option<String>,
    xml_namespace: Option<PublishedNamespace>,
    error: Option<PublishedError>,
    #[serde(default)]
    exception: bool,
    #[serde(default)]
    fault: bool,
    #[serde(default)]
    union: bool,
    #[serde(default)]
    document: bool,
    #[serde(default, rename = "eventstream")]
    event_stream: bool,
    #[serde(default)]
    flattened: bool,
    #[serde(default)]
    sparse: bool,
    #[serde(default)]
    streaming: bool,
    #[serde(default)]
    sensitive: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublishedError {
    code: Option<String>,
    http_status_code: Option<u16>,
    #[serde(default)]
    fault: bool,
}

/// Reads a published model and keeps its facts.
pub(super) fn read(name: &str, text: &str) -> anyhow::Result<Model> {
    let published: Published = serde_json::from_str(text)?;
    let ids = reachable(&published)?;
    let reader = Reader { published: &published, ids };
    let operations = published.operations.iter().map(|(name, operation)| reader.operation(name, operation));
    let operations = operations.collect::<anyhow::Result<_>>()?;
    let shapes = reader.ids.keys().map(|name| reader.shape(name).with_context(|| format!("shape {name}")));
    let shapes = shapes.collect::<anyhow::Result<_>>()?;
    Ok(Model::new(metadata(name, &published.metadata), operations, shapes))
}

fn metadata(name: &str, published: &PublishedMetadata) -> Metadata {
    let mut protocols = vec![published.protocol];
    protocols.extend(published.protocols.iter().filter(|protocol| **protocol != published.protocol));
    Metadata {
        name: kept(name),
        service_id: kept(&published.service_id),
        api_version: kept(&published.api_version),
        protocols: protocols.into(),
        endpoint_prefix: kept(&published.endpoint_prefix),
        signing_name: kept(published.signing_name.as_ref().unwrap_or(&published.endpoint_prefix)),
        target_prefix: kept_option(&published.target_prefix),
        json_version: kept_option(&published.json_version),
        xml_namespace: kept_option(&published.xml_namespace),
        global_endpoint: kept_option(&published.global_endpoint),
        aws_query_compatible: published.aws_query_compatible.is_some(),
    }
}

/// The shapes that operations use, directly or not, with their positions in the compact table.
fn reachable(published: &Published) -> anyhow::Result<BTreeMap<&str, ShapeId>> {
    let mut found = BTreeSet::new();
    let mut pending: Vec<&str> = Vec::new();
    for operation in published.operations.values() {
        let references = operation.input.iter().chain(&operation.output).chain(&operation.errors);
        pending.extend(references.map(|reference| reference.shape.as_str()));
    }
    while let Some(name) = pending.pop() {
        if found.insert(name) {
            let shape = published.shapes.get(name).with_context(|| format!("there is no shape {name}"))?;
            let members = shape.members.iter().map(|(_, reference)| reference);
            let references = members.chain(&shape.member).chain(&shape.key).chain(&shape.value);
            pending.extend(references.map(|reference| reference.shape.as_str()));
        }
    }
    Ok(found.into_iter().zip((0..).map(ShapeId)).collect())
}

struct Reader<'a> {
    published: &'a Published,
    ids: BTreeMap<&'a str, ShapeId>,
}

impl Reader<'_> {
    fn operation(&self, name: &str, operation: &PublishedOperation) -> anyhow::Result<Operation> {
        let reference = |reference: &Reference| ShapeRef {
            shape: self.id(reference),
            location_name: kept_option(&reference.location_name),
            xml_namespace: reference.xml_namespace.as_ref().map(namespace),
        };
        let wrapper = operation.output.as_ref().and_then(|output| output.result_wrapper.as_deref());
        let no_auth = operation.auth.iter().any(|auth| auth == "smithy.api#noAuth");
        Ok(Operation {
            name: kept(name),
            method: kept(&operation.http.method),
            uri: kept(&operation.http.request_uri),
            response_code: operation.http.response_code.unwrap_or(200),
            input: operation.input.as_ref().map(reference),
            output: operation.output.as_ref().map(reference),
            result_wrapper: wrapper.map(kept),
            errors: operation.errors.iter().map(|error| self.id(error)).collect(),
            host_prefix: operation.endpoint.as_ref().and_then(|endpoint| kept_option(&endpoint.host_prefix)),
            anonymous: no_auth || operation.authtype.as_deref() == Some("none"),
            deprecated: operation.deprecated,
            unsigned_payload: operation.unsigned_payload
                || operation.authtype.as_deref() == Some("v4-unsigned-body"),
        })
    }

    fn id(&self, reference: &Reference) -> ShapeId {
        self.ids[reference.shape.as_str()]
    }

    /// The shape that a reference names.
    fn target(&self, reference: &Reference) -> &PublishedShape {
        &self.published.shapes[&reference.shape]
    }

    /// The wire name that a reference gives, or else the shape itself.
    fn location_name(&self, reference: &Reference) -> Option<&'static str> {
        kept_option(&reference.location_name).or_else(|| kept_option(&self.target(reference).location_name))
    }

    fn shape(&self, name: &str) -> anyhow::Result<Shape> {
        let shape = &self.published.shapes[name];
        let kind = match shape.kind.as_str() {
            "structure" if shape.document => ShapeKind::Document,
            "structure" => ShapeKind::Structure(self.structure(shape)?),
            "list" => {
                let element = shape.member.as_ref().context("a list has an element")?;
                ShapeKind::List(List {
                    element: self.id(element),
                    location_name: self.location_name(element),
                    flattened: shape.flattened,
                    sparse: shape.sparse,
                    length: integers(shape),
                })
            }
            "map" => {
                let (key, value) =
                    shape.key.as_ref().zip(shape.value.as_ref()).context("a map has keys and values")?;
                ShapeKind::Map(Map {
                    key: self.id(key),
                    value: self.id(value),
                    key_name: self.location_name(key),
                    value_name: self.location_name(value),
                    flattened: shape.flattened,
                    length: integers(shape),
                })
            }
            "string" => ShapeKind::String(Text {
                length: integers(shape),
                pattern: kept_option(&shape.pattern),
                values: shape.values.iter().map(|value| kept(value)).collect(),
            }),
            "boolean" => ShapeKind::Boolean,
            "integer" => ShapeKind::Integer(integers(shape)),
            "long" => ShapeKind::Long(integers(shape)),
            "float" => ShapeKind::Float(floats(shape)),
            "double" => ShapeKind::Double(floats(shape)),
            "blob" => ShapeKind::Blob(integers(shape)),
            "timestamp" => ShapeKind::Timestamp(shape.timestamp_format),
            other => bail!("unknown type {other}"),
        };
        Ok(Shape { name: kept(name), kind, sensitive: shape.sensitive })
    }

    fn structure(&self, shape: &PublishedShape) -> anyhow::Result<Structure> {
        let members = shape.members.iter().map(|(name, reference)| self.member(shape, name, reference));
        let members = members.collect::<anyhow::Result<Box<[Member]>>>()?;
        let payload = shape.payload.as_ref().map(|payload| {
            let index = members
                .iter()
                .position(|member| member.name == payload)
                .context("the payload is a member")?;
            anyhow::Ok(u16::try_from(index)?)
        });
        let error = shape.error.as_ref();
        let error = (shape.exception || error.is_some()).then(|| Error {
            code: error.and_then(|error| kept_option(&error.code)),
            status: error.and_then(|error| error.http_status_code),
            fault: shape.fault || error.is_some_and(|error| error.fault),
        });
        Ok(Structure {
            members,
            payload: payload.transpose()?,
            error,
            union: shape.union,
            event_stream: shape.event_stream,
        })
    }

    fn member(&self, parent: &PublishedShape, name: &str, reference: &Reference) -> anyhow::Result<Member> {
        let target = self.target(reference);
        Ok(Member {
            name: kept(name),
            shape: self.id(reference),
            location_name: self.location_name(reference).filter(|wire_name| *wire_name != name),
            query_name: kept_option(&reference.query_name),
            xml_namespace: reference.xml_namespace.as_ref().or(target.xml_namespace.as_ref()).map(namespace),
            location: location(reference.location.as_deref())?,
            required: parent.required.iter().any(|required| required == name),
            flattened: reference.flattened || target.flattened,
            xml_attribute: reference.xml_attribute,
            idempotency_token: reference.idempotency_token,
            streaming: reference.streaming || target.streaming,
            host_label: reference.host_label,
            event_payload: reference.event_payload,
        })
    }
}

fn location(name: Option<&str>) -> anyhow::Result<Location> {
    Ok(match name {
        None => Location::Body,
        Some("uri") => Location::Uri,
        Some("querystring") => Location::Query,
        Some("header") => Location::Header,
        Some("headers") => Location::PrefixHeaders,
        Some("statusCode") => Location::StatusCode,
        Some(other) => bail!("unknown location {other}"),
    })
}

fn namespace(published: &PublishedNamespace) -> Namespace {
    Namespace { prefix: kept_option(&published.prefix), uri: kept(&published.uri) }
}

/// Bounds of integers and lengths; a few are beyond 64 bits or in fractions, which is no bound.
fn integers(shape: &PublishedShape) -> IntegerRange {
    let whole = |bound: &Option<Number>| bound.as_ref().and_then(Number::as_i64);
    IntegerRange { min: whole(&shape.min), max: whole(&shape.max) }
}

fn floats(shape: &PublishedShape) -> FloatRange {
    let fraction = |bound: &Option<Number>| bound.as_ref().and_then(Number::as_f64);
    FloatRange { min: fraction(&shape.min), max: fraction(&shape.max) }
}

/// The models of this process live as long as it does.
fn kept(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

fn kept_option(text: &Option<String>) -> Option<&'static str> {
    text.as_deref().map(kept)
}

/// A JSON object as pairs in the order of the text.
fn ordered<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, T)>, D::Error> {
    struct Pairs<T>(std::marker::PhantomData<T>);
    impl<'de, T: DeserializeOwned> Visitor<'de> for Pairs<T> {
        type Value = Vec<(String, T)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    deserializer.deserialize_map(Pairs(std::marker::PhantomData))
}
