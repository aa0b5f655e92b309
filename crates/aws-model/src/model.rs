//! One service's model: operations, shapes and constraints, without a word of documentation.
//!
//! The types here are the file format too: `cargo xtask models` serialises them, [`crate::Service::model`] reads them
//! back. Keys are one or two letters because a model has tens of thousands of members.

use std::ops::Index;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::router::Router;

/// Everything that a service's published model says about its wire interface.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Model {
    /// Facts about the service as a whole.
    #[serde(rename = "m")]
    pub metadata: Metadata,
    /// All operations, sorted by name.
    #[serde(rename = "o")]
    pub operations: Box<[Operation]>,
    /// All shapes, sorted by name; a [`ShapeId`] is a position in this table.
    #[serde(rename = "s")]
    pub shapes: Box<[Shape]>,
    #[serde(skip)]
    router: OnceLock<Router>,
}

impl Model {
    /// A model of these parts. Operations and shapes must be sorted by name.
    pub fn new(metadata: Metadata, operations: Box<[Operation]>, shapes: Box<[Shape]>) -> Self {
        Self { metadata, operations, shapes, router: OnceLock::new() }
    }

    /// The operation of that name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        let index = self.operations.binary_search_by(|operation| operation.name.cmp(name)).ok()?;
        Some(&self.operations[index])
    }

    /// The shape of that id, which came from this model.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0 as usize]
    }

    /// The shape of that name.
    pub fn shape_named(&self, name: &str) -> Option<&Shape> {
        let index = self.shapes.binary_search_by(|shape| shape.name.cmp(name)).ok()?;
        Some(&self.shapes[index])
    }

    /// The members and traits of a structure shape, or nothing when the shape is of another kind.
    pub fn structure(&self, id: ShapeId) -> Option<&Structure> {
        match &self.shape(id).kind {
            ShapeKind::Structure(structure) => Some(structure),
            _ => None,
        }
    }

    /// The error that an operation of this service raises under that code, by shape name or by wire code.
    pub fn error(&self, code: &str) -> Option<(&Shape, &Error)> {
        let as_error = |shape: &'_ Shape| matches!(&shape.kind, ShapeKind::Structure(s) if s.error.is_some());
        let shape = self.shape_named(code).filter(|shape| as_error(shape)).or_else(|| {
            self.shapes.iter().find(|shape| match &shape.kind {
                ShapeKind::Structure(structure) => {
                    structure.error.as_ref().is_some_and(|error| error.code == Some(code))
                }
                _ => false,
            })
        })?;
        match &shape.kind {
            ShapeKind::Structure(Structure { error: Some(error), .. }) => Some((shape, error)),
            _ => None,
        }
    }

    /// The dispatcher by method and URI, for the REST protocols. Built when first asked for.
    pub fn router(&self) -> &Router {
        self.router.get_or_init(|| Router::new(self))
    }
}

impl Index<ShapeId> for Model {
    type Output = Shape;

    fn index(&self, id: ShapeId) -> &Shape {
        self.shape(id)
    }
}

/// Facts about a service as a whole.
#[derive(Debug, Serialize, Deserialize)]
pub struct Metadata {
    /// The name of the model, which is its directory's name in botocore: `ec2`, `elbv2`.
    #[serde(rename = "n")]
    pub name: &'static str,
    /// The service's id, from which SDKs derive their names: `Elastic Load Balancing v2`.
    #[serde(rename = "i")]
    pub service_id: &'static str,
    /// The version of the API, as in a query request's `Version`.
    #[serde(rename = "v")]
    pub api_version: &'static str,
    /// The wire protocols that clients may speak, the preferred one first.
    #[serde(rename = "p")]
    pub protocols: Box<[WireProtocol]>,
    /// The first label of the service's host names.
    #[serde(rename = "e")]
    pub endpoint_prefix: &'static str,
    /// The service's name in signatures.
    #[serde(rename = "s")]
    pub signing_name: &'static str,
    /// What precedes the operation in `X-Amz-Target`, and the service's name in RPC v2 paths.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub target_prefix: Option<&'static str>,
    /// `1.0` or `1.1`, the version in the JSON content type.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub json_version: Option<&'static str>,
    /// The XML namespace of responses.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<&'static str>,
    /// The host of a service that is not regional, such as `iam.amazonaws.com`.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub global_endpoint: Option<&'static str>,
    /// Whether the service once spoke awsQuery, so that errors carry their old code in `x-amzn-query-error`.
    #[serde(rename = "q", default, skip_serializing_if = "is_false")]
    pub aws_query_compatible: bool,
}

/// The wire protocols of the published models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WireProtocol {
    /// EC2's variant of query.
    #[serde(rename = "ec2")]
    Ec2Query,
    /// Form-encoded requests, XML answers.
    #[serde(rename = "query")]
    AwsQuery,
    /// JSON both ways, the operation in `X-Amz-Target`.
    #[serde(rename = "json")]
    AwsJson,
    /// REST with JSON bodies.
    #[serde(rename = "rest-json")]
    RestJson,
    /// REST with XML bodies.
    #[serde(rename = "rest-xml")]
    RestXml,
    /// CBOR both ways, the operation in the path.
    #[serde(rename = "smithy-rpc-v2-cbor")]
    RpcV2Cbor,
}

/// One operation.
#[derive(Debug, Serialize, Deserialize)]
pub struct Operation {
    /// Its name: `CreateVpc`.
    #[serde(rename = "n")]
    pub name: &'static str,
    /// The HTTP method of the REST protocols.
    #[serde(rename = "m", default = "post", skip_serializing_if = "is_post")]
    pub method: &'static str,
    /// The URI template of the REST protocols, with labels in braces and perhaps literal query parameters.
    #[serde(rename = "u", default = "slash", skip_serializing_if = "is_slash")]
    pub uri: &'static str,
    /// The HTTP status of success.
    #[serde(rename = "c", default = "ok", skip_serializing_if = "is_ok")]
    pub response_code: u16,
    /// The input structure.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub input: Option<ShapeRef>,
    /// The output structure.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ShapeRef>,
    /// The element around a query protocol's result.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub result_wrapper: Option<&'static str>,
    /// The modelled errors.
    #[serde(rename = "e", default, skip_serializing_if = "is_empty")]
    pub errors: Box<[ShapeId]>,
    /// What clients put before the host name: `data-`, or with a label, `{RequestRoute}.`.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub host_prefix: Option<&'static str>,
    /// Whether requests need no signature, as those that bring a web identity token.
    #[serde(rename = "a", default, skip_serializing_if = "is_false")]
    pub anonymous: bool,
    /// Whether another operation has taken its place, perhaps at the same URI.
    #[serde(rename = "d", default, skip_serializing_if = "is_false")]
    pub deprecated: bool,
    /// Whether the body stands outside the signature.
    #[serde(rename = "b", default, skip_serializing_if = "is_false")]
    pub unsigned_payload: bool,
}

/// A use of a shape as an operation's input or output.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShapeRef {
    /// The shape.
    #[serde(rename = "s")]
    pub shape: ShapeId,
    /// The root element of an XML body.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub location_name: Option<&'static str>,
    /// The XML namespace of that element.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<Namespace>,
}

/// The position of a shape in its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShapeId(pub u32);

/// A named type.
#[derive(Debug, Serialize, Deserialize)]
pub struct Shape {
    /// The name in the model.
    #[serde(rename = "n")]
    pub name: &'static str,
    /// What it is, and its own facts.
    #[serde(rename = "k")]
    pub kind: ShapeKind,
    /// Whether its content must not be logged.
    #[serde(rename = "v", default, skip_serializing_if = "is_false")]
    pub sensitive: bool,
}

/// What a shape is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub enum ShapeKind {
    /// Named members; a union has exactly one of them.
    #[serde(rename = "st")]
    Structure(Structure),
    /// A sequence.
    #[serde(rename = "l")]
    List(List),
    /// String keys to values.
    #[serde(rename = "m")]
    Map(Map),
    /// Text.
    #[serde(rename = "s")]
    String(Text),
    /// True or false.
    #[serde(rename = "b")]
    Boolean,
    /// 32 bits.
    #[serde(rename = "i")]
    Integer(IntegerRange),
    /// 64 bits.
    #[serde(rename = "g")]
    Long(IntegerRange),
    /// Single precision.
    #[serde(rename = "f")]
    Float(FloatRange),
    /// Double precision.
    #[serde(rename = "d")]
    Double(FloatRange),
    /// Bytes; the range is of their number.
    #[serde(rename = "o")]
    Blob(IntegerRange),
    /// A time, and the format that the model asks for in place of the protocol's.
    #[serde(rename = "t")]
    Timestamp(Option<TimestampFormat>),
    /// Anything that JSON can say.
    #[serde(rename = "a")]
    Document,
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimestampFormat {
    /// `2026-11-22T14:28:00Z`
    #[serde(rename = "iso8601")]
    Iso8601,
    /// `Sun, 22 Nov 2026 14:28:00 GMT`
    #[serde(rename = "rfc822")]
    Rfc822,
    /// Seconds since the epoch, perhaps with a fraction.
    #[serde(rename = "unixTimestamp")]
    UnixTimestamp,
}

/// The facts of a string.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Text {
    /// How many characters it may have.
    #[serde(rename = "r", default, skip_serializing_if = "IntegerRange::is_open")]
    pub length: IntegerRange,
    /// The regular expression that the whole of it must match, in Java's dialect.
    #[serde(
        rename = "p",
        default,
        deserialize_with = "leaked::one",
        skip_serializing_if = "Option::is_none"
    )]
    pub pattern: Option<&'static str>,
    /// The values that it may have; any when empty.
    #[serde(rename = "e", default, deserialize_with = "leaked::all", skip_serializing_if = "is_empty")]
    pub values: Box<[&'static str]>,
}

/// Inclusive bounds of a number or length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegerRange {
    /// The least.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The most.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
}

/// Inclusive bounds of a fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FloatRange {
    /// The least.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The most.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// The facts of a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct List {
    /// What it holds.
    #[serde(rename = "s")]
    pub element: ShapeId,
    /// The name of its elements in XML and query, where that is not `member`.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub location_name: Option<&'static str>,
    /// Whether elements stand directly in the parent, without a wrapper.
    #[serde(rename = "f", default, skip_serializing_if = "is_false")]
    pub flattened: bool,
    /// Whether elements may be null.
    #[serde(rename = "h", default, skip_serializing_if = "is_false")]
    pub sparse: bool,
    /// How many elements it may have.
    #[serde(rename = "r", default, skip_serializing_if = "IntegerRange::is_open")]
    pub length: IntegerRange,
}

/// The facts of a map.
#[derive(Debug, Serialize, Deserialize)]
pub struct Map {
    /// The string shape of its keys.
    #[serde(rename = "k")]
    pub key: ShapeId,
    /// What it holds.
    #[serde(rename = "s")]
    pub value: ShapeId,
    /// The name of keys in XML and query, where that is not `key`.
    #[serde(rename = "kw", default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<&'static str>,
    /// The name of values in XML and query, where that is not `value`.
    #[serde(rename = "vw", default, skip_serializing_if = "Option::is_none")]
    pub value_name: Option<&'static str>,
    /// Whether entries stand directly in the parent, without a wrapper.
    #[serde(rename = "f", default, skip_serializing_if = "is_false")]
    pub flattened: bool,
    /// How many entries it may have.
    #[serde(rename = "r", default, skip_serializing_if = "IntegerRange::is_open")]
    pub length: IntegerRange,
}

/// The facts of a structure.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Structure {
    /// Its members, in the model's order.
    #[serde(rename = "m", default, skip_serializing_if = "is_empty")]
    pub members: Box<[Member]>,
    /// The member that is the whole body, by position.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<u16>,
    /// What makes it an error.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// Whether exactly one member is present.
    #[serde(rename = "u", default, skip_serializing_if = "is_false")]
    pub union: bool,
    /// Whether it is a stream of events, each of them one member.
    #[serde(rename = "v", default, skip_serializing_if = "is_false")]
    pub event_stream: bool,
}

impl Structure {
    /// The member of that model name, and its position.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The member that is the whole body.
    pub fn payload_member(&self) -> Option<&Member> {
        self.payload.map(|index| &self.members[usize::from(index)])
    }
}

/// What makes a structure an error.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Error {
    /// The code on the wire, where that is not the shape's name.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The HTTP status, where the model gives one.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whether the fault is the service's.
    #[serde(rename = "f", default, skip_serializing_if = "is_false")]
    pub fault: bool,
}

/// One member of a structure.
#[derive(Debug, Serialize, Deserialize)]
pub struct Member {
    /// The name in the model, which is also its name in a [`crate::Value`].
    #[serde(rename = "n")]
    pub name: &'static str,
    /// What it holds.
    #[serde(rename = "s")]
    pub shape: ShapeId,
    /// Its name on the wire, where that is not the model's.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub location_name: Option<&'static str>,
    /// Its name in an EC2 query request, where that is not the capitalised wire name.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub query_name: Option<&'static str>,
    /// The XML namespace of its element.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<Namespace>,
    /// Where in the message it stands.
    #[serde(rename = "l", default, skip_serializing_if = "Location::is_body")]
    pub location: Location,
    /// Whether it must be present.
    #[serde(rename = "r", default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Whether list elements or map entries stand without a wrapper.
    #[serde(rename = "f", default, skip_serializing_if = "is_false")]
    pub flattened: bool,
    /// Whether it is an attribute of the structure's element.
    #[serde(rename = "a", default, skip_serializing_if = "is_false")]
    pub xml_attribute: bool,
    /// Whether clients fill it in when the caller does not.
    #[serde(rename = "t", default, skip_serializing_if = "is_false")]
    pub idempotency_token: bool,
    /// Whether it is a stream of bytes.
    #[serde(rename = "z", default, skip_serializing_if = "is_false")]
    pub streaming: bool,
    /// Whether it also fills a label of the host name.
    #[serde(rename = "h", default, skip_serializing_if = "is_false")]
    pub host_label: bool,
    /// Whether it is the body of an event.
    #[serde(rename = "e", default, skip_serializing_if = "is_false")]
    pub event_payload: bool,
}

impl Member {
    /// Its name on the wire.
    pub fn wire_name(&self) -> &'static str {
        self.location_name.unwrap_or(self.name)
    }
}

/// Where in an HTTP message a member stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Location {
    /// In the body.
    #[default]
    #[serde(rename = "b")]
    Body,
    /// A label of the path.
    #[serde(rename = "u")]
    Uri,
    /// A query parameter, or for a map, all of them that have no other member.
    #[serde(rename = "q")]
    Query,
    /// A header.
    #[serde(rename = "h")]
    Header,
    /// All headers with a prefix.
    #[serde(rename = "p")]
    PrefixHeaders,
    /// The response's status.
    #[serde(rename = "s")]
    StatusCode,
}

impl Location {
    fn is_body(&self) -> bool {
        *self == Self::Body
    }
}

/// An XML namespace declaration.
#[derive(Debug, Serialize, Deserialize)]
pub struct Namespace {
    /// The prefix that it declares, or the default namespace.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<&'static str>,
    /// The namespace.
    #[serde(rename = "u")]
    pub uri: &'static str,
}

impl IntegerRange {
    /// Whether there is no bound at all.
    pub fn is_open(&self) -> bool {
        self.min.is_none() && self.max.is_none()
    }
}

/// Strings that may hold JSON escapes, so that they cannot always be borrowed from the text of the model.
mod leaked {
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, Error, Visitor};

    struct Leaked(&'static str);

    impl<'de: 'static> Deserialize<'de> for Leaked {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Text;
            impl<'de: 'static> Visitor<'de> for Text {
                type Value = Leaked;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a string")
                }

                fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Leaked, E> {
                    Ok(Leaked(text))
                }

                fn visit_str<E: Error>(self, text: &str) -> Result<Leaked, E> {
                    Ok(Leaked(String::leak(text.to_owned())))
                }
            }
            deserializer.deserialize_str(Text)
        }
    }

    pub(super) fn one<'de: 'static, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<&'static str>, D::Error> {
        Leaked::deserialize(deserializer).map(|text| Some(text.0))
    }

    pub(super) fn all<'de: 'static, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Box<[&'static str]>, D::Error> {
        Vec::deserialize(deserializer)
            .map(|texts: Vec<Leaked>| texts.into_iter().map(|text| text.0).collect())
    }
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_empty<T>(items: &[T]) -> bool {
    items.is_empty()
}

fn post() -> &'static str {
    "POST"
}

fn is_post(method: &str) -> bool {
    method == "POST"
}

fn slash() -> &'static str {
    "/"
}

fn is_slash(uri: &str) -> bool {
    uri == "/"
}

fn ok() -> u16 {
    200
}

fn is_ok(status: &u16) -> bool {
    *status == 200
}
