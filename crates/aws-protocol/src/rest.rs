//! What restJson1 and restXml have in common: members bound to the path, query, headers and status.

use std::borrow::Cow;

use aws_model::{
    Fields, Location, Member, Model, ShapeId, ShapeKind, Structure, TimestampFormat, Value, WireProtocol,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::scalar::ScalarReader;
use crate::xml::text_of;
use crate::{ProtocolError, Request, s3, timestamp};

/// Reads the members of an input that stand outside the body.
pub(crate) struct BindingReader<'a> {
    pub(crate) model: &'a Model,
    pub(crate) protocol: WireProtocol,
    pub(crate) request: &'a Request,
    /// The labels of the path, still percent-encoded.
    pub(crate) labels: &'a [(&'static str, &'a str)],
    /// The query parameters that the template of the URI has as literals.
    pub(crate) literals: Vec<&'static str>,
}

impl BindingReader<'_> {
    pub(crate) fn read(&self, structure: &Structure) -> Result<Fields, ProtocolError> {
        let mut fields = Fields::new();
        for member in &structure.members {
            let value = match member.location {
                Location::Uri => self.label(member)?,
                Location::Query => self.query(structure, member)?,
                Location::Header => self.header(member)?,
                Location::PrefixHeaders => self.prefix_headers(member),
                Location::Body | Location::StatusCode => None,
            };
            if let Some(value) = value {
                fields.push(member.name, value);
            }
        }
        Ok(fields)
    }

    fn scalar(
        &self,
        shape: ShapeId,
        text: &str,
        name: &str,
        times: TimestampFormat,
    ) -> Result<Value, ProtocolError> {
        let shape = &self.model[shape];
        let read = ScalarReader { protocol: self.protocol, timestamps: times }.read(shape, text, name);
        if s3::is_of(self.model) {
            let is_number = matches!(shape.kind, ShapeKind::Integer(_) | ShapeKind::Long(_));
            return read.map_err(|_| s3::bad_parameter(name, is_number));
        }
        read
    }

    /// Whether a header counts as not sent where it cannot be read: HTTP's own dates, of which conditions are made.
    fn is_passed_over(&self, member: &Member) -> bool {
        let is_date = matches!(self.model[member.shape].kind, ShapeKind::Timestamp(_));
        is_date && s3::is_of(self.model) && !member.wire_name().starts_with("x-amz-")
    }

    fn label(&self, member: &Member) -> Result<Option<Value>, ProtocolError> {
        let name = member.wire_name();
        let Some((_, raw)) = self.labels.iter().find(|(label, _)| *label == name) else { return Ok(None) };
        let text = percent_decode_str(raw).decode_utf8().map_err(|_| {
            ProtocolError::malformed(self.protocol, format!("{name} in the path is not UTF-8."))
        })?;
        self.scalar(member.shape, &text, name, TimestampFormat::Iso8601).map(Some)
    }

    fn query(&self, structure: &Structure, member: &Member) -> Result<Option<Value>, ProtocolError> {
        let name = member.wire_name();
        let given = || self.request.query_parameters().filter(|(n, _)| n == name).map(|(_, value)| value);
        match &self.model[member.shape].kind {
            ShapeKind::Map(map) => {
                let others: Vec<&str> = structure
                    .members
                    .iter()
                    .filter(|other| other.location == Location::Query && !std::ptr::eq(*other, member))
                    .map(Member::wire_name)
                    .collect();
                let mut entries: Vec<(String, Value)> = Vec::new();
                let is_list = |shape| match &self.model[shape].kind {
                    ShapeKind::List(list) => Some(list.element),
                    _ => None,
                };
                let is_own = |key: &str| others.contains(&key) || self.literals.contains(&key);
                for (key, text) in self.request.query_parameters().filter(|(key, _)| !is_own(key)) {
                    let element = is_list(map.value).unwrap_or(map.value);
                    let value = self.scalar(element, &text, &key, TimestampFormat::Iso8601)?;
                    let previous = entries.iter_mut().find(|(k, _)| *k == key);
                    match (is_list(map.value), previous) {
                        (Some(_), Some((_, Value::List(values)))) => values.push(value),
                        (Some(_), _) => entries.push((key.into_owned(), Value::List(vec![value]))),
                        (None, Some(_)) => {}
                        (None, None) => entries.push((key.into_owned(), value)),
                    }
                }
                Ok((!entries.is_empty()).then_some(Value::Map(entries)))
            }
            ShapeKind::List(list) => {
                let values =
                    given().map(|text| self.scalar(list.element, &text, name, TimestampFormat::Iso8601));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                Ok((!values.is_empty()).then_some(Value::List(values)))
            }
            _ => {
                let text = given().next();
                text.map(|text| self.scalar(member.shape, &text, name, TimestampFormat::Iso8601)).transpose()
            }
        }
    }

    fn header(&self, member: &Member) -> Result<Option<Value>, ProtocolError> {
        let name = member.wire_name();
        let mut given = self.request.headers.get_all(name).iter().map(text_of_header).peekable();
        if given.peek().is_none() {
            return Ok(None);
        }
        match &self.model[member.shape].kind {
            ShapeKind::List(list) => {
                let is_date = matches!(self.model[list.element].kind, ShapeKind::Timestamp(_));
                let parts = given.flat_map(|line| split_list(&line, is_date));
                let values =
                    parts.map(|part| self.scalar(list.element, &part, name, TimestampFormat::Rfc822));
                values.collect::<Result<_, _>>().map(|values| Some(Value::List(values)))
            }
            _ => {
                let text = given.next().unwrap_or_default();
                match self.scalar(member.shape, &text, name, TimestampFormat::Rfc822) {
                    Err(_) if self.is_passed_over(member) => Ok(None),
                    read => read.map(Some),
                }
            }
        }
    }

    fn prefix_headers(&self, member: &Member) -> Option<Value> {
        let prefix = member.wire_name().to_ascii_lowercase();
        let headers = &self.request.headers;
        let entry = |name: &HeaderName| {
            let key = name.as_str().strip_prefix(&prefix)?;
            // One that is sent several times is a list, as with all headers.
            let all: Vec<_> = headers.get_all(name).iter().map(text_of_header).collect();
            let text = all.join(",");
            let text = if s3::is_of(self.model) { s3::metadata_of_header(&text) } else { text };
            Some((key.to_owned(), Value::String(text)))
        };
        let entries: Vec<(String, Value)> = headers.keys().filter_map(entry).collect();
        (!entries.is_empty()).then_some(Value::Map(entries))
    }
}

/// Header values are bytes; those beyond ASCII are UTF-8 by the SDKs' practice and Latin-1 by RFC 7230.
fn text_of_header(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// The elements of a header with a list: separated by commas, in quotes if they hold commas or quotes themselves. HTTP
/// dates have a comma of their own.
fn split_list(line: &str, is_date: bool) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut is_quoted = false;
    let mut commas = 0;
    let mut chars = line.trim().chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => part.extend(chars.next()),
            ',' if !is_quoted => {
                commas += 1;
                if is_date && commas % 2 == 1 {
                    part.push(',');
                } else {
                    parts.push(std::mem::take(&mut part).trim().to_owned());
                }
            }
            char => part.push(char),
        }
    }
    if !part.is_empty() || !parts.is_empty() {
        parts.push(part.trim().to_owned());
    }
    parts
}

/// Writes the members of an output that stand in headers.
pub(crate) fn write_headers(model: &Model, structure: &Structure, fields: &Fields, headers: &mut HeaderMap) {
    for member in &structure.members {
        let Some(value) = fields.get(member.name) else { continue };
        match (member.location, value) {
            (Location::Header, Value::List(values)) => {
                let element = match &model[member.shape].kind {
                    ShapeKind::List(list) => list.element,
                    _ => member.shape,
                };
                let text = |value| quoted(header_text(model, element, value));
                insert(headers, member.wire_name(), &values.iter().map(text).collect::<Vec<_>>().join(","));
            }
            (Location::Header, value) => {
                insert(headers, member.wire_name(), &header_text(model, member.shape, value));
            }
            (Location::PrefixHeaders, Value::Map(entries)) => {
                for (key, value) in entries {
                    let name = format!("{}{key}", member.wire_name());
                    if s3::is_of(model) {
                        insert(headers, &name, &s3::metadata_in_header(&text_of(value)));
                    } else {
                        insert(headers, &name, &text_of(value));
                    }
                }
            }
            _ => {}
        }
    }
}

fn header_text<'a>(model: &Model, shape: ShapeId, value: &'a Value) -> Cow<'a, str> {
    match (&model[shape].kind, value) {
        (ShapeKind::Timestamp(format), Value::Timestamp(millis)) => {
            Cow::Owned(timestamp::format(*millis, format.unwrap_or(TimestampFormat::Rfc822), false))
        }
        _ => text_of(value),
    }
}

fn quoted(text: Cow<'_, str>) -> String {
    // An HTTP date in a list stays as it is; readers know its comma.
    if text.contains('"') || (text.contains(',') && !text.ends_with(" GMT")) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.into_owned()
    }
}

/// Sets a header. What a header cannot hold, such as a line break in user metadata, becomes a space.
fn insert(headers: &mut HeaderMap, name: &str, text: &str) {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return };
    let bytes: Vec<u8> = text
        .bytes()
        .map(|byte| if byte < 0x20 && byte != b'\t' || byte == 0x7f { b' ' } else { byte })
        .collect();
    if let Ok(value) = HeaderValue::from_bytes(&bytes) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_header_lists() {
        for (line, is_date, expect) in [
            ("a, b,c", false, &["a", "b", "c"][..]),
            (r#""a,b",c"#, false, &["a,b", "c"]),
            (r#""say \"x\"",y"#, false, &[r#"say "x""#, "y"]),
            ("", false, &[]),
            ("a,,b", false, &["a", "", "b"]),
            (
                "Sun, 22 Nov 2026 14:28:00 GMT, Mon, 23 Nov 2026 14:28:00 GMT",
                true,
                &["Sun, 22 Nov 2026 14:28:00 GMT", "Mon, 23 Nov 2026 14:28:00 GMT"],
            ),
        ] {
            assert_eq!(split_list(line, is_date), expect, "{line}");
        }
    }
}
