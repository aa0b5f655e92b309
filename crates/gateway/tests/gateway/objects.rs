//! S3 with a few operations, that keeps objects in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_model::{Fields, Value};
use bytes::Bytes;
use service_api::{
    Content, NeededPermission, Payload, RESOURCES_MAX, RequestContext, Service, ServiceError, Streamed,
    StreamedValue, needed_by_table,
};

use crate::cloud::Gate;

/// The longest piece that content is given in.
const PIECE_BYTES: usize = 100_000;
/// The bucket that is in another region.
pub(crate) const ELSEWHERE: &str = "elsewhere";

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    /// What was said of it, by the names of the members.
    said: Fields,
}

/// The objects, and what copies wait for.
pub(crate) struct Objects(Mutex<BTreeMap<String, Object>>, Arc<Gate>);

struct Pieces(Bytes);

impl Content for Pieces {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        let piece = self.0.split_to(self.0.len().min(PIECE_BYTES));
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

fn member<'a>(input: &'a Value, name: &str) -> Option<&'a Value> {
    match input {
        Value::Structure(fields) => fields.get(name),
        _ => None,
    }
}

fn text(input: &Value, name: &str) -> Option<String> {
    match member(input, name) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

fn name_of(input: &Value) -> String {
    format!("{}/{}", text(input, "Bucket").unwrap(), text(input, "Key").unwrap())
}

fn tag(object: &Object) -> String {
    format!("\"{}\"", object.bytes.len())
}

impl Objects {
    pub(crate) fn at(gate: Arc<Gate>) -> Self {
        Self(Mutex::default(), gate)
    }

    fn put(&self, input: &Value, payload: &mut dyn Payload) -> Result<Value, ServiceError> {
        let mut all = Vec::new();
        while let Some(piece) = payload.next()? {
            assert!(!piece.is_empty(), "a piece has something in it");
            all.extend_from_slice(&piece);
        }
        assert_eq!(payload.length(), all.len() as u64);
        let sum = payload.trailing("x-amz-checksum-crc32").map(str::to_owned);
        let sum = sum.or_else(|| text(input, "ChecksumCRC32"));
        let mut said = Fields::new();
        for name in ["ContentType", "ContentEncoding", "Metadata"] {
            if let Some(value) = member(input, name) {
                said.push(name, value.clone());
            }
        }
        let object = Object { bytes: all.into(), said };
        let mut output = Fields::from_iter([("ETag", Value::String(tag(&object)))]);
        if let Some(sum) = sum {
            output.push("ChecksumCRC32", Value::String(sum));
        }
        self.0.lock().unwrap().insert(name_of(input), object);
        Ok(Value::Structure(output))
    }

    fn find(&self, input: &Value) -> Result<Object, ServiceError> {
        if text(input, "Bucket").unwrap() == ELSEWHERE {
            let message =
                "The bucket you are attempting to access must be addressed using the specified endpoint.";
            return Err(ServiceError::new("PermanentRedirect", message)
                .with_field("Endpoint", "s3.eu-west-1.amazonaws.com")
                .with_header("x-amz-bucket-region", "eu-west-1"));
        }
        let found = self.0.lock().unwrap().get(&name_of(input)).cloned().ok_or_else(|| {
            ServiceError::new("NoSuchKey", "The specified key does not exist.")
                .with_field("Key", text(input, "Key").unwrap())
        })?;
        if text(input, "IfNoneMatch") == Some(tag(&found)) {
            return Err(ServiceError::new("NotModified", "Not Modified").with_header("etag", tag(&found)));
        }
        if text(input, "IfMatch").is_some_and(|wanted| wanted != tag(&found)) {
            let message = "At least one of the pre-conditions you specified did not hold";
            return Err(ServiceError::new("PreconditionFailed", message).with_field("Condition", "If-Match"));
        }
        Ok(found)
    }

    fn list(&self, input: &Value) -> Value {
        let start = format!("{}/", text(input, "Bucket").unwrap());
        let objects = self.0.lock().unwrap();
        let keys = objects.keys().filter_map(|name| name.strip_prefix(&start));
        let content =
            |key: &str| Value::Structure(Fields::from_iter([("Key", Value::String(key.to_owned()))]));
        let mut output = Fields::from_iter([("Contents", Value::List(keys.map(content).collect()))]);
        if let Some(encoding) = member(input, "EncodingType") {
            output.push("EncodingType", encoding.clone());
        }
        Value::Structure(output)
    }

    fn delete(&self, input: &Value) -> Value {
        let bucket = text(input, "Bucket").unwrap();
        let Some(Value::List(objects)) = member(input, "Delete").and_then(|delete| member(delete, "Objects"))
        else {
            panic!("the codec let an input without objects through");
        };
        for object in objects {
            self.0.lock().unwrap().remove(&format!("{bucket}/{}", text(object, "Key").unwrap()));
        }
        Value::Structure(Fields::from_iter([("Deleted", Value::List(objects.clone()))]))
    }
}

impl Service for Objects {
    fn model(&self) -> &'static str {
        "s3"
    }

    fn implements(&self, operation: &str) -> bool {
        let streaming = ["GetObject", "PutObject"];
        let others = [
            "CopyObject",
            "DeleteObjects",
            "GetBucketLocation",
            "HeadObject",
            "ListObjectsV2",
            "PutBucketVersioning",
        ];
        streaming.iter().chain(&others).any(|name| *name == operation)
    }

    fn takes_long(&self, operation: &str) -> bool {
        operation == "CopyObject"
    }

    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        // As of an operation that everybody may call who signs.
        if operation == "GetBucketLocation" {
            return Some(Vec::new());
        }
        let needed = needed_by_table(self, context, operation, input);
        let named = needed.iter().flatten().map(|permission| permission.resources.len());
        assert!(named.sum::<usize>() <= RESOURCES_MAX, "numbers are looked at before permissions");
        needed
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        let structure = |fields| Ok(Value::Structure(fields));
        match operation {
            "CopyObject" => {
                self.1.pass();
                structure(Fields::new())
            }
            "DeleteObjects" => Ok(self.delete(&input)),
            "GetBucketLocation" => {
                let region = Value::String(context.region.to_string());
                structure(Fields::from_iter([("LocationConstraint", region)]))
            }
            "HeadObject" => {
                let found = self.find(&input)?;
                let mut output = found.said.clone();
                output.push("ContentLength", Value::Integer(found.bytes.len() as i64));
                structure(output)
            }
            "ListObjectsV2" => Ok(self.list(&input)),
            "PutBucketVersioning" => structure(Fields::new()),
            _ => panic!("{operation} streams"),
        }
    }

    fn call_streaming(
        &self,
        _: &RequestContext,
        operation: &str,
        input: Value,
        payload: &mut dyn Payload,
    ) -> Result<StreamedValue, ServiceError> {
        if operation == "PutObject" {
            return self.put(&input, payload).map(Streamed::empty);
        }
        let found = self.find(&input)?;
        let mut output = found.said.clone();
        if let Some(wanted) = member(&input, "ResponseContentType") {
            output.take("ContentType");
            output.push("ContentType", wanted.clone());
        }
        Ok(Streamed::with(Value::Structure(output), Pieces(found.bytes)))
    }
}
