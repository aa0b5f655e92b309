//! What JSON and CBOR bodies have in common: a self-describing tree, read by shape.

use aws_model::{Fields, Model, ShapeId, ShapeKind, Structure, TimestampFormat, Value, WireProtocol};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::{MAX_DEPTH, ProtocolError, timestamp};

/// A node of a JSON or CBOR document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Bytes(Bytes),
    /// Milliseconds since the epoch.
    Time(i64),
    List(Vec<Item>),
    Map(Vec<(String, Item)>),
}

impl Item {
    /// How AWS's own parsers name what they found, in their complaints.
    fn found(&self) -> &'static str {
        match self {
            Self::Null => "NULL_VALUE",
            Self::Boolean(true) => "TRUE_VALUE",
            Self::Boolean(false) => "FALSE_VALUE",
            Self::Integer(_) => "NUMBER_VALUE",
            Self::Float(_) => "DECIMAL_VALUE",
            Self::Text(_) => "STRING_VALUE",
            Self::Bytes(_) => "BLOB_VALUE",
            Self::Time(_) => "TIMESTAMP_VALUE",
            Self::List(_) => "START_ARRAY",
            Self::Map(_) => "START_OBJECT",
        }
    }
}

/// Reads items by shape.
pub(crate) struct ItemReader<'a> {
    pub(crate) model: &'a Model,
    pub(crate) protocol: WireProtocol,
}

impl ItemReader<'_> {
    /// Reads the members that stand in the body of a structure.
    pub(crate) fn structure(
        &self,
        structure: &Structure,
        item: Item,
        depth: usize,
    ) -> Result<Fields, ProtocolError> {
        let Item::Map(entries) = item else { return Err(self.mismatch("Structure", &item)) };
        let mut fields = Fields::new();
        for (key, item) in entries {
            // Members that the model does not know may be of a newer version of it, and are passed over.
            let Some(member) = structure.members.iter().find(|member| member.wire_name() == key) else {
                continue;
            };
            if item == Item::Null {
                continue;
            }
            let value = self.value(member.shape, item, depth + 1)?;
            fields.take(member.name);
            fields.push(member.name, value);
        }
        Ok(fields)
    }

    pub(crate) fn value(&self, shape: ShapeId, item: Item, depth: usize) -> Result<Value, ProtocolError> {
        if depth > MAX_DEPTH {
            return Err(self.error("The document is nested too deeply."));
        }
        match &self.model[shape].kind {
            ShapeKind::Structure(structure) => self.structure(structure, item, depth).map(Value::Structure),
            ShapeKind::List(list) => {
                let Item::List(items) = item else { return Err(self.mismatch("List", &item)) };
                let element = |item| match item {
                    Item::Null if list.sparse => Ok(Value::Null),
                    item => self.value(list.element, item, depth + 1),
                };
                items.into_iter().map(element).collect::<Result<_, _>>().map(Value::List)
            }
            ShapeKind::Map(map) => {
                let Item::Map(entries) = item else { return Err(self.mismatch("Map", &item)) };
                let entries = entries.into_iter().filter(|(_, item)| *item != Item::Null);
                let entry = |(key, item)| Ok((key, self.value(map.value, item, depth + 1)?));
                entries.map(entry).collect::<Result<_, _>>().map(Value::Map)
            }
            ShapeKind::String(_) => match item {
                Item::Text(text) => Ok(Value::String(text)),
                other => Err(self.mismatch("String", &other)),
            },
            ShapeKind::Boolean => match item {
                Item::Boolean(boolean) => Ok(Value::Boolean(boolean)),
                other => Err(self.mismatch("Boolean", &other)),
            },
            ShapeKind::Integer(_) => self.integer(&item, i32::MIN.into(), i32::MAX.into(), "Integer"),
            ShapeKind::Long(_) => self.integer(&item, i64::MIN, i64::MAX, "Long"),
            ShapeKind::Float(_) | ShapeKind::Double(_) => self.float(&item),
            ShapeKind::Blob(_) => self.blob(item),
            ShapeKind::Timestamp(format) => self.timestamp(&item, *format),
            ShapeKind::Document => Ok(document(item)),
        }
    }

    fn integer(&self, item: &Item, min: i64, max: i64, wanted: &str) -> Result<Value, ProtocolError> {
        let number = match *item {
            Item::Integer(number) => Some(number),
            #[allow(clippy::cast_possible_truncation, reason = "it is whole and within 53 bits")]
            Item::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(number as i64),
            _ => None,
        };
        let number = number.ok_or_else(|| self.mismatch(wanted, item))?;
        if number < min || number > max {
            return Err(self.error(&format!("{number} is out of range for {wanted}")));
        }
        Ok(Value::Integer(number))
    }

    fn float(&self, item: &Item) -> Result<Value, ProtocolError> {
        match item {
            Item::Float(number) => Ok(Value::Float(*number)),
            #[allow(clippy::cast_precision_loss, reason = "that is what a whole number becomes as a double")]
            Item::Integer(number) => Ok(Value::Float(*number as f64)),
            Item::Text(text) => match text.as_str() {
                "NaN" => Ok(Value::Float(f64::NAN)),
                "Infinity" => Ok(Value::Float(f64::INFINITY)),
                "-Infinity" => Ok(Value::Float(f64::NEG_INFINITY)),
                _ => Err(self.mismatch("Double", item)),
            },
            other => Err(self.mismatch("Double", other)),
        }
    }

    fn blob(&self, item: Item) -> Result<Value, ProtocolError> {
        match item {
            Item::Bytes(bytes) => Ok(Value::Blob(bytes)),
            Item::Text(text) if self.protocol != WireProtocol::RpcV2Cbor => {
                let bytes = STANDARD.decode(text).map_err(|_| self.error("A blob is not valid base64."))?;
                Ok(Value::Blob(bytes.into()))
            }
            other => Err(self.mismatch("Blob", &other)),
        }
    }

    fn timestamp(&self, item: &Item, format: Option<TimestampFormat>) -> Result<Value, ProtocolError> {
        let millis = match item {
            Item::Time(millis) => Some(*millis),
            #[allow(clippy::cast_precision_loss, reason = "the range of dates is far within 53 bits")]
            Item::Integer(seconds) => timestamp::from_seconds(*seconds as f64),
            Item::Float(seconds) => timestamp::from_seconds(*seconds),
            Item::Text(text) => timestamp::parse(text, format.unwrap_or(TimestampFormat::Iso8601)),
            _ => None,
        };
        millis.map(Value::Timestamp).ok_or_else(|| self.mismatch("Timestamp", item))
    }

    #[cold]
    fn mismatch(&self, wanted: &str, item: &Item) -> ProtocolError {
        self.error(&format!("{} cannot be converted to {wanted}", item.found()))
    }

    #[cold]
    fn error(&self, problem: &str) -> ProtocolError {
        ProtocolError::malformed(self.protocol, problem)
    }
}

/// A document keeps the tree as it is. The readers bound its depth.
fn document(item: Item) -> Value {
    match item {
        Item::Null => Value::Null,
        Item::Boolean(boolean) => Value::Boolean(boolean),
        Item::Integer(number) => Value::Integer(number),
        Item::Float(number) => Value::Float(number),
        Item::Text(text) => Value::String(text),
        Item::Bytes(bytes) => Value::Blob(bytes),
        Item::Time(millis) => Value::Timestamp(millis),
        Item::List(items) => Value::List(items.into_iter().map(document).collect()),
        Item::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, item)| (key, document(item))).collect())
        }
    }
}

/// Takes a tree apart for JSON or CBOR.
pub(crate) trait ItemSink {
    fn null(&mut self);
    fn boolean(&mut self, boolean: bool);
    fn integer(&mut self, number: i64);
    fn float(&mut self, number: f64);
    fn text(&mut self, text: &str);
    fn blob(&mut self, bytes: &[u8]);
    fn timestamp(&mut self, millis: i64, format: TimestampFormat);
    fn begin_list(&mut self, length: usize);
    fn end_list(&mut self);
    fn begin_map(&mut self, length: usize);
    fn key(&mut self, key: &str);
    fn end_map(&mut self);
}

/// Writes a value by its shape. A value of another kind than the shape's is written as what it is, so that a service's
/// mistake shows at the client and not as a panic here.
pub(crate) fn write(model: &Model, shape: Option<ShapeId>, value: &Value, sink: &mut impl ItemSink) {
    let kind = shape.map(|shape| &model[shape].kind);
    match (value, kind) {
        (Value::Structure(fields), Some(ShapeKind::Structure(structure))) => {
            write_structure(model, structure, fields, &[], sink);
        }
        (Value::Structure(fields), _) => {
            sink.begin_map(fields.len());
            for (name, value) in fields.iter() {
                sink.key(name);
                write(model, None, value, sink);
            }
            sink.end_map();
        }
        (Value::List(values), kind) => {
            let element = match kind {
                Some(ShapeKind::List(list)) => Some(list.element),
                _ => None,
            };
            sink.begin_list(values.len());
            for value in values {
                write(model, element, value, sink);
            }
            sink.end_list();
        }
        (Value::Map(entries), kind) => {
            let shape = match kind {
                Some(ShapeKind::Map(map)) => Some(map.value),
                _ => None,
            };
            sink.begin_map(entries.len());
            for (key, value) in entries {
                sink.key(key);
                write(model, shape, value, sink);
            }
            sink.end_map();
        }
        (Value::Timestamp(millis), Some(ShapeKind::Timestamp(Some(format)))) => {
            sink.timestamp(*millis, *format);
        }
        (Value::Timestamp(millis), _) => sink.timestamp(*millis, TimestampFormat::UnixTimestamp),
        (Value::Null, _) => sink.null(),
        (Value::Boolean(boolean), _) => sink.boolean(*boolean),
        (Value::Integer(number), _) => sink.integer(*number),
        (Value::Float(number), _) => sink.float(*number),
        (Value::String(text), _) => sink.text(text),
        (Value::Blob(bytes), _) => sink.blob(bytes),
    }
}

/// Writes the members of a structure that stand in the body, after some that come from elsewhere.
pub(crate) fn write_structure(
    model: &Model,
    structure: &Structure,
    fields: &Fields,
    before: &[(&str, &str)],
    sink: &mut impl ItemSink,
) {
    let body = structure.members.iter().filter(|member| member.location == aws_model::Location::Body);
    let present: Vec<_> = body.filter_map(|member| Some((member, fields.get(member.name)?))).collect();
    sink.begin_map(before.len() + present.len());
    for (key, text) in before {
        sink.key(key);
        sink.text(text);
    }
    for (member, value) in present {
        sink.key(member.wire_name());
        write(model, Some(member.shape), value, sink);
    }
    sink.end_map();
}
