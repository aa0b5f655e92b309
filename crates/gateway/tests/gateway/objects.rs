//! S3 with two operations, that keeps objects in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_model::{Fields, Value};
use bytes::Bytes;
use service_api::{Content, Payload, RequestContext, Service, ServiceError, Streamed, StreamedValue};

/// The longest piece that content is given in.
const PIECE_BYTES: usize = 100_000;

#[derive(Default)]
pub(crate) struct Objects(Mutex<BTreeMap<String, Bytes>>);

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

fn text(input: &Value, name: &str) -> Option<String> {
    match input {
        Value::Structure(fields) => match fields.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

impl Objects {
    /// The names and lengths of what is kept.
    fn put(&self, input: &Value, payload: &mut dyn Payload) -> Result<Value, ServiceError> {
        let mut all = Vec::new();
        while let Some(piece) = payload.next()? {
            assert!(!piece.is_empty(), "a piece has something in it");
            all.extend_from_slice(&piece);
        }
        assert_eq!(payload.length(), all.len() as u64);
        let name = format!("{}/{}", text(input, "Bucket").unwrap(), text(input, "Key").unwrap());
        let sum = payload.trailing("x-amz-checksum-crc32").map(str::to_owned);
        let sum = sum.or_else(|| text(input, "ChecksumCRC32"));
        let mut output = Fields::from_iter([("ETag", Value::String(format!("\"{}\"", all.len())))]);
        if let Some(sum) = sum {
            output.push("ChecksumCRC32", Value::String(sum));
        }
        self.0.lock().unwrap().insert(name, all.into());
        Ok(Value::Structure(output))
    }
}

impl Service for Objects {
    fn model(&self) -> &'static str {
        "s3"
    }

    fn implements(&self, operation: &str) -> bool {
        ["GetObject", "PutObject"].contains(&operation)
    }

    fn call(&self, _: &RequestContext, operation: &str, _: Value) -> Result<Value, ServiceError> {
        panic!("{operation} streams")
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
        let name = format!("{}/{}", text(&input, "Bucket").unwrap(), text(&input, "Key").unwrap());
        let found = self.0.lock().unwrap().get(&name).cloned();
        let missing = || ServiceError::new("NoSuchKey", "The specified key does not exist.").with_status(404);
        Ok(Streamed::with(Value::Structure(Fields::new()), Pieces(found.ok_or_else(missing)?)))
    }
}
