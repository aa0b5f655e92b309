//! Scalars that are written as text: in query parameters, headers, path labels and XML.

use aws_model::{Shape, ShapeKind, TimestampFormat, Value, WireProtocol};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{ProtocolError, timestamp};

/// Reads text by shape.
#[derive(Clone, Copy)]
pub(crate) struct ScalarReader {
    pub(crate) protocol: WireProtocol,
    /// The format of times whose shape has none of its own.
    pub(crate) timestamps: TimestampFormat,
}

impl ScalarReader {
    /// Reads a scalar; `name` is what errors call it.
    pub(crate) fn read(self, shape: &Shape, text: &str, name: &str) -> Result<Value, ProtocolError> {
        let value = match &shape.kind {
            ShapeKind::String(_) => Some(Value::String(text.to_owned())),
            ShapeKind::Boolean => boolean(text).map(Value::Boolean),
            ShapeKind::Integer(_) => {
                text.trim().parse::<i32>().ok().map(|number| Value::Integer(number.into()))
            }
            ShapeKind::Long(_) => text.trim().parse().ok().map(Value::Integer),
            ShapeKind::Float(_) | ShapeKind::Double(_) => float(text).map(Value::Float),
            ShapeKind::Blob(_) => STANDARD.decode(text.trim()).ok().map(|bytes| Value::Blob(bytes.into())),
            ShapeKind::Timestamp(format) => {
                timestamp::parse(text, format.unwrap_or(self.timestamps)).map(Value::Timestamp)
            }
            // None of these stands in text in any model.
            ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(_) | ShapeKind::Document => None,
        };
        value.ok_or_else(|| self.malformed(shape, text, name))
    }

    #[cold]
    fn malformed(self, shape: &Shape, text: &str, name: &str) -> ProtocolError {
        let wanted = match &shape.kind {
            ShapeKind::Boolean => "a boolean",
            ShapeKind::Integer(_) | ShapeKind::Long(_) => "an integer",
            ShapeKind::Float(_) | ShapeKind::Double(_) => "a number",
            ShapeKind::Blob(_) => "base64",
            ShapeKind::Timestamp(_) => "a timestamp",
            _ => "a scalar",
        };
        let shown: String = text.chars().take(100).collect();
        ProtocolError::malformed(
            self.protocol,
            format!("Value ({shown}) for parameter {name} is invalid. It must be {wanted}."),
        )
    }
}

fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") || text == "1" {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") || text == "0" {
        Some(false)
    } else {
        None
    }
}

fn float(text: &str) -> Option<f64> {
    match text.trim() {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        text => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}
