//! Requests and answers of S3, which events tell by the names that its protocol has: headers and parameters of the query, and
//! documents as they are.
//!
//! Owns those names, and which buckets and objects an event is about. Refuses to know whose a bucket is.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-understanding-s3-entries.html>

use aws_model::{Location, Member, Model, ShapeId, Value};
use serde_json::{Map, Value as Json, json};
use service_api::{RequestContext, SignaturePlace};

use crate::call::{ApiCall, text_of};
use crate::parameters::{member_name, told};
use crate::{Category, Resource, names};

/// The model.
pub(crate) const MODEL: &str = "s3";
const BUCKET: &str = "AWS::S3::Bucket";
const OBJECT: &str = "AWS::S3::Object";
/// Members that are not told: what somebody wrote beside an object, the keys of many, and the code of a device.
const UNTOLD: [&str; 3] = ["Metadata", "Delete", "MFA"];

/// What is told of a request.
pub(crate) fn request(
    model: &Model,
    operation: &str,
    shape: ShapeId,
    input: &Value,
    host: Option<&str>,
) -> Option<Json> {
    let mut named = renamed(model, shape, input, |member| match member.name {
        "Bucket" => Some("bucketName".to_owned()),
        "Key" => Some("key".to_owned()),
        name if UNTOLD.contains(&name) => None,
        name => Some(member.location_name.unwrap_or(name).to_owned()),
    });
    if let Some(host) = host {
        let is_of_service = operation == "ListBuckets";
        named.insert(if is_of_service { "host" } else { "Host" }.to_owned(), Json::from(host));
    }
    (!named.is_empty()).then_some(Json::Object(named))
}

/// What is told of an answer: its headers of S3's own.
pub(crate) fn response(model: &Model, shape: ShapeId, output: &Value) -> Option<Json> {
    let named = renamed(model, shape, output, |member| {
        let is_header = member.location == Location::Header;
        let name = member.location_name.filter(|name| is_header && name.starts_with("x-amz-"));
        name.map(str::to_owned)
    });
    (!named.is_empty()).then_some(Json::Object(named))
}

/// What S3 adds to its events.
pub(crate) fn additional(context: &RequestContext) -> Option<Json> {
    let place = context.way.signature?.place;
    let method = match place {
        SignaturePlace::Header => "AuthHeader",
        SignaturePlace::Query => "QueryString",
        SignaturePlace::Form => "HtmlForm",
    };
    Some(json!({ "SignatureVersion": "SigV4", "AuthenticationMethod": method }))
}

/// The buckets and objects that an event is about. Of several objects it is what their ARNs begin with.
pub(crate) fn resources(call: &ApiCall<'_>) -> Vec<Resource> {
    let Some(bucket) = text_of(call.input, "Bucket") else { return Vec::new() };
    let arn = format!("arn:{}:s3:::{bucket}", call.context.partition);
    let mut resources = Vec::new();
    if let Some(key) = text_of(call.input, "Key") {
        resources.push(Resource::new(OBJECT, format!("{arn}/{key}")));
    } else if names::category(MODEL, call.operation.name) == Category::Data {
        let prefix = text_of(call.input, "Prefix").unwrap_or_default();
        let arn_prefix = Some(format!("{arn}/{prefix}"));
        resources.push(Resource { arn_prefix, ..Resource::new(OBJECT, "") });
    }
    resources.push(Resource { account_id: call.bucket_owner, ..Resource::new(BUCKET, arn) });
    resources
}

/// The members that have a name, by it.
fn renamed(
    model: &Model,
    shape: ShapeId,
    value: &Value,
    name: impl Fn(&Member) -> Option<String>,
) -> Map<String, Json> {
    let mut members = match told(model, shape, value) {
        Some(Json::Object(members)) => members,
        _ => return Map::new(),
    };
    let mut named = Map::new();
    for member in model.structure(shape).map_or(&[][..], |structure| &structure.members) {
        if let (Some(value), Some(name)) = (members.remove(&member_name(member.name)), name(member)) {
            let is_document = member.location == Location::Body;
            named.insert(name, if is_document { as_document(value) } else { value });
        }
    }
    named
}

/// Elements of documents begin with a capital letter.
fn as_document(value: Json) -> Json {
    match value {
        Json::Object(members) => {
            let capital = |(name, value): (String, Json)| {
                let mut letters = name.chars();
                let first = letters.next().map(|first| first.to_ascii_uppercase());
                (first.into_iter().chain(letters).collect(), as_document(value))
            };
            Json::Object(members.into_iter().map(capital).collect())
        }
        Json::Array(items) => items.into_iter().map(as_document).collect(),
        other => other,
    }
}
