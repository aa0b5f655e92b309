//! JSON bodies.

use std::fmt;

use aws_model::TimestampFormat;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::item::{Item, ItemSink};
use crate::timestamp;

/// Reads one document. serde_json refuses to go deeper than 128 levels.
///
/// # Errors
/// It is not JSON.
pub(crate) fn parse(body: &[u8]) -> Result<Item, serde_json::Error> {
    serde_json::from_slice(body)
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Item, E> {
        Ok(Item::Null)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Item, E> {
        Ok(Item::Boolean(boolean))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Item, E> {
        Ok(Item::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Item, E> {
        #[allow(
            clippy::cast_precision_loss,
            reason = "what does not fit an integer is read as JavaScript reads it"
        )]
        Ok(i64::try_from(number).map_or(Item::Float(number as f64), Item::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Item, E> {
        Ok(Item::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Item, E> {
        Ok(Item::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Item, E> {
        Ok(Item::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Item, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = elements.next_element()? {
            items.push(item);
        }
        Ok(Item::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Item, A::Error> {
        let mut items = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            items.push(entry);
        }
        Ok(Item::Map(items))
    }
}

/// Writes JSON. Commas are put where the last byte written shows that one is due.
#[derive(Default)]
pub(crate) struct JsonSink(String);

impl JsonSink {
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn comma(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(',');
        }
    }

    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        let mut plain = 0;
        for (index, byte) in text.bytes().enumerate() {
            let escape: &str = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0..0x20 => "",
                _ => continue,
            };
            self.0.push_str(&text[plain..index]);
            plain = index + 1;
            if escape.is_empty() {
                self.0.push_str(&format!("\\u{byte:04x}"));
            } else {
                self.0.push_str(escape);
            }
        }
        self.0.push_str(&text[plain..]);
        self.0.push('"');
    }
}

impl ItemSink for JsonSink {
    fn null(&mut self) {
        self.comma();
        self.0.push_str("null");
    }

    fn boolean(&mut self, boolean: bool) {
        self.comma();
        self.0.push_str(if boolean { "true" } else { "false" });
    }

    fn integer(&mut self, number: i64) {
        self.comma();
        self.0.push_str(&number.to_string());
    }

    fn float(&mut self, number: f64) {
        match number {
            number if number.is_nan() => self.text("NaN"),
            f64::INFINITY => self.text("Infinity"),
            f64::NEG_INFINITY => self.text("-Infinity"),
            number => {
                self.comma();
                self.0.push_str(&format!("{number:?}"));
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.comma();
        self.quoted(text);
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.text(&STANDARD.encode(bytes));
    }

    fn timestamp(&mut self, millis: i64, format: TimestampFormat) {
        if format == TimestampFormat::UnixTimestamp {
            self.comma();
            self.0.push_str(&timestamp::seconds(millis));
        } else {
            self.text(&timestamp::format(millis, format, false));
        }
    }

    fn begin_list(&mut self, _: usize) {
        self.comma();
        self.0.push('[');
    }

    fn end_list(&mut self) {
        self.0.push(']');
    }

    fn begin_map(&mut self, _: usize) {
        self.comma();
        self.0.push('{');
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.quoted(key);
        self.0.push(':');
    }

    fn end_map(&mut self) {
        self.0.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_separators_and_escapes() {
        let mut sink = JsonSink::default();
        sink.begin_map(3);
        sink.key("a:");
        sink.begin_list(3);
        sink.text("x:");
        sink.begin_list(0);
        sink.end_list();
        sink.text("\"\u{1}\\é\n");
        sink.end_list();
        sink.key("b");
        sink.begin_map(0);
        sink.end_map();
        sink.key("c");
        sink.float(1.0);
        sink.end_map();
        assert_eq!(sink.finish(), r#"{"a:":["x:",[],"\"\u0001\\é\n"],"b":{},"c":1.0}"#);
    }
}
