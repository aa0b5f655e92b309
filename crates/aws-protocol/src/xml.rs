//! XML bodies: read into elements, and written by shape.

use std::borrow::Cow;

use aws_model::{
    Fields, List, Map, Member, Model, ShapeId, ShapeKind, Structure, TimestampFormat, Value, WireProtocol,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::scalar::ScalarReader;
use crate::{MAX_DEPTH, ProtocolError, timestamp};

/// Why a body is not XML that AWS's clients send.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum XmlError {
    #[error("The XML is not UTF-8.")]
    NotUtf8,
    #[error("The XML is nested too deeply.")]
    TooDeep,
    #[error("The XML ends more than it starts.")]
    TooManyEnds,
    #[error("The XML has an unknown entity.")]
    UnknownEntity,
    #[error("The XML has a document type declaration.")]
    DocumentType,
    #[error("The XML has no root element, or several.")]
    NotOneRoot,
    #[error("The XML ends before its root element does.")]
    Truncated,
    #[error(transparent)]
    Syntax(#[from] quick_xml::Error),
    #[error(transparent)]
    Attribute(#[from] quick_xml::events::attributes::AttrError),
    #[error(transparent)]
    Escape(#[from] quick_xml::escape::EscapeError),
}

/// An element, its name without prefix. Text of all its parts is one string; elements with both are not AWS's.
#[derive(Debug, Default)]
pub(crate) struct Element {
    prefix: Option<String>,
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

/// Reads a document. External entities do not exist for this reader, and no entity grows: only those that XML itself
/// defines are known.
pub(crate) fn parse(body: &[u8]) -> Result<Element, XmlError> {
    let text = std::str::from_utf8(body).map_err(|_| XmlError::NotUtf8)?;
    let mut reader = quick_xml::Reader::from_str(text);
    // The innermost open element is last; the first is the document itself.
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event()?;
        let innermost = open.last_mut().expect("the document is never closed");
        match event {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return Err(XmlError::TooDeep);
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => innermost.children.push(element(&start)?),
            Event::End(_) => {
                let closed = open.pop().expect("the reader checks that ends match starts");
                open.last_mut().ok_or(XmlError::TooManyEnds)?.children.push(closed);
            }
            Event::Text(text) => innermost.text.push_str(&text.xml10_content()),
            Event::CData(text) => innermost.text.push_str(&text),
            Event::GeneralRef(reference) => match reference.resolve_char_ref()? {
                Some(char) => innermost.text.push(char),
                None => innermost.text.push_str(
                    quick_xml::escape::resolve_predefined_entity(&reference)
                        .ok_or(XmlError::UnknownEntity)?,
                ),
            },
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match open.as_mut_slice() {
        [document] if document.children.len() == 1 => Ok(document.children.swap_remove(0)),
        [_] => Err(XmlError::NotOneRoot),
        _ => Err(XmlError::Truncated),
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, XmlError> {
    let name = start.local_name().as_ref().to_owned();
    let prefix = start.name().prefix().map(|prefix| prefix.as_ref().to_owned());
    let mut element = Element { prefix, name, ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0)?;
        element.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(element)
}

impl Element {
    /// Whether this is its name, without a prefix.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    /// The namespace that it declares for its name, if it does.
    pub(crate) fn namespace(&self) -> Option<&str> {
        let declared = self.prefix.as_ref().map_or("xmlns".to_owned(), |prefix| format!("xmlns:{prefix}"));
        let found = self.attributes.iter().find(|(name, _)| *name == declared);
        found.map(|(_, uri)| uri.as_str()).filter(|uri| !uri.is_empty())
    }
}

/// Reads elements by shape.
pub(crate) struct XmlReader<'a> {
    pub(crate) model: &'a Model,
    /// Whether elements that a shape does not have are refused, and not passed over.
    pub(crate) is_strict: bool,
}

impl XmlReader<'_> {
    const SCALARS: ScalarReader =
        ScalarReader { protocol: WireProtocol::RestXml, timestamps: TimestampFormat::Iso8601 };

    /// Reads the members that stand in the body of a structure.
    pub(crate) fn structure(
        &self,
        structure: &Structure,
        element: &Element,
    ) -> Result<Fields, ProtocolError> {
        let mut fields = Fields::new();
        self.check_names(&element.children, |name| self.has_element(structure, name))?;
        for member in structure.members.iter().filter(|member| member.location == aws_model::Location::Body) {
            if let Some(value) = self.member(member, element)? {
                fields.push(member.name, value);
            }
        }
        Ok(fields)
    }

    fn has_element(&self, structure: &Structure, name: &str) -> bool {
        let mut members = structure.members.iter().filter(|member| !member.xml_attribute);
        members.any(|member| match &self.model[member.shape].kind {
            ShapeKind::List(list) if list.flattened => {
                [member.wire_name(), list.location_name.unwrap_or(member.wire_name())].contains(&name)
            }
            _ => member.wire_name() == name,
        })
    }

    fn check_names(&self, elements: &[Element], may_be: impl Fn(&str) -> bool) -> Result<(), ProtocolError> {
        match elements.iter().find(|element| self.is_strict && !may_be(&element.name)) {
            None => Ok(()),
            Some(unknown) => {
                let problem = format!("The element {} is not known.", unknown.name);
                Err(ProtocolError::malformed(WireProtocol::RestXml, problem))
            }
        }
    }

    fn member(&self, member: &Member, element: &Element) -> Result<Option<Value>, ProtocolError> {
        let wire_name = member.wire_name();
        if member.xml_attribute {
            let attribute = element.attributes.iter().find(|(name, _)| name == wire_name);
            return attribute.map(|(_, text)| self.scalar(member.shape, text)).transpose();
        }
        let named = |name: &'_ str| {
            element.children.iter().filter(move |child| child.name == name).collect::<Vec<_>>()
        };
        let mut children = named(wire_name);
        match &self.model[member.shape].kind {
            ShapeKind::List(list) if member.flattened || list.flattened => {
                if let (true, Some(name)) = (children.is_empty(), list.location_name) {
                    children = named(name);
                }
                if children.is_empty() {
                    return Ok(None);
                }
                self.elements(list, &children).map(Some)
            }
            ShapeKind::Map(map) if member.flattened || map.flattened => {
                if children.is_empty() {
                    return Ok(None);
                }
                self.entries(map, &children).map(Some)
            }
            _ => children.first().map(|child| self.value(member.shape, child)).transpose(),
        }
    }

    /// Elements are as deep as the reader let them be, so that no further bound is needed here.
    fn value(&self, shape: ShapeId, element: &Element) -> Result<Value, ProtocolError> {
        match &self.model[shape].kind {
            ShapeKind::Structure(structure) => self.structure(structure, element).map(Value::Structure),
            ShapeKind::List(list) => {
                let name = list.location_name.unwrap_or("member");
                self.check_names(&element.children, |child| child == name)?;
                self.elements(list, &element.children.iter().collect::<Vec<_>>())
            }
            ShapeKind::Map(map) => self.entries(map, &element.children.iter().collect::<Vec<_>>()),
            _ => self.scalar(shape, &element.text),
        }
    }

    fn elements(&self, list: &List, elements: &[&Element]) -> Result<Value, ProtocolError> {
        elements
            .iter()
            .map(|element| self.value(list.element, element))
            .collect::<Result<_, _>>()
            .map(Value::List)
    }

    fn entries(&self, map: &Map, entries: &[&Element]) -> Result<Value, ProtocolError> {
        let entry = |entry: &&Element| {
            let part = |name: &str| entry.children.iter().find(|child| child.name == name);
            let key = part(map.key_name.unwrap_or("key"));
            let value = part(map.value_name.unwrap_or("value"));
            let (key, value) = key.zip(value).ok_or_else(|| {
                ProtocolError::malformed(WireProtocol::RestXml, "An entry of a map lacks its key or value.")
            })?;
            Ok((key.text.clone(), self.value(map.value, value)?))
        };
        entries.iter().map(entry).collect::<Result<_, _>>().map(Value::Map)
    }

    fn scalar(&self, shape: ShapeId, text: &str) -> Result<Value, ProtocolError> {
        let shape = &self.model[shape];
        Self::SCALARS.read(shape, text, shape.name)
    }
}

/// Writes XML.
#[derive(Default)]
pub(crate) struct XmlWriter(String);

/// A member of a response as XML: how the protocols differ.
pub(crate) struct XmlStyle {
    /// EC2 prints milliseconds always.
    pub(crate) always_millis: bool,
}

impl XmlWriter {
    /// Begins a document.
    pub(crate) fn document() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }

    pub(crate) fn start(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
    }

    /// Starts an element with attributes; those values are escaped here.
    pub(crate) fn start_with<'a>(
        &mut self,
        name: &str,
        attributes: impl Iterator<Item = (Cow<'a, str>, &'a str)>,
    ) {
        self.0.push('<');
        self.0.push_str(name);
        for (key, value) in attributes {
            self.0.push(' ');
            self.0.push_str(&key);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    pub(crate) fn end(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    pub(crate) fn leaf(&mut self, name: &str, text: &str) {
        self.start(name);
        self.text(text);
        self.end(name);
    }

    /// Escapes text. What XML 1.0 cannot say at all becomes U+FFFD.
    pub(crate) fn text(&mut self, text: &str) {
        // Without an early end, so that many bytes are looked at in one step.
        if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
            self.0.push_str(text);
            return;
        }
        let mut plain = 0;
        for (index, char) in text.char_indices() {
            let escape = match char {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\r' => "&#xD;",
                '\t' | '\n' => continue,
                '\0'..' ' | '\u{fffe}' | '\u{ffff}' => "\u{fffd}",
                _ => continue,
            };
            self.0.push_str(&text[plain..index]);
            self.0.push_str(escape);
            plain = index + char.len_utf8();
        }
        self.0.push_str(&text[plain..]);
    }

    /// Writes the members of a structure that stand in the body.
    pub(crate) fn members(
        &mut self,
        model: &Model,
        structure: &Structure,
        fields: &Fields,
        style: &XmlStyle,
    ) {
        let mut place = 0;
        for member in structure.members.iter().filter(|member| member.location == aws_model::Location::Body) {
            if let Some(value) = fields.get_next(member.name, &mut place).filter(|_| !member.xml_attribute) {
                self.member(model, member, value, style);
            }
        }
    }

    /// Writes a member that is present: one element, or for flattened ones an element each.
    pub(crate) fn member(&mut self, model: &Model, member: &Member, value: &Value, style: &XmlStyle) {
        let wire_name = member.wire_name();
        match (&model[member.shape].kind, value) {
            (ShapeKind::List(list), Value::List(values)) if member.flattened || list.flattened => {
                for value in values {
                    self.value(model, list.location_name.unwrap_or(wire_name), list.element, value, style);
                }
            }
            (ShapeKind::Map(map), Value::Map(entries)) if member.flattened || map.flattened => {
                self.entries(model, wire_name, map, entries, style);
            }
            (ShapeKind::Structure(structure), Value::Structure(fields)) => {
                let namespace = member.xml_namespace.as_ref().map(|namespace| {
                    let key = match namespace.prefix {
                        Some(prefix) => Cow::Owned(format!("xmlns:{prefix}")),
                        None => Cow::Borrowed("xmlns"),
                    };
                    (key, namespace.uri)
                });
                let attributes =
                    structure.members.iter().filter(|member| member.xml_attribute).filter_map(|member| {
                        match fields.get(member.name) {
                            Some(Value::String(text)) => {
                                Some((Cow::Borrowed(member.wire_name()), text.as_str()))
                            }
                            _ => None,
                        }
                    });
                self.start_with(wire_name, namespace.into_iter().chain(attributes));
                self.members(model, structure, fields, style);
                self.end(wire_name);
            }
            _ => self.value(model, wire_name, member.shape, value, style),
        }
    }

    /// Writes a value as one element. One of another kind than the shape's is written as what it is.
    pub(crate) fn value(
        &mut self,
        model: &Model,
        name: &str,
        shape: ShapeId,
        value: &Value,
        style: &XmlStyle,
    ) {
        let kind = &model[shape].kind;
        self.start(name);
        match (kind, value) {
            (ShapeKind::Structure(structure), Value::Structure(fields)) => {
                self.members(model, structure, fields, style);
            }
            (ShapeKind::List(list), Value::List(values)) => {
                for value in values {
                    self.value(model, list.location_name.unwrap_or("member"), list.element, value, style);
                }
            }
            (ShapeKind::Map(map), Value::Map(entries)) => self.entries(model, "entry", map, entries, style),
            (ShapeKind::Timestamp(format), Value::Timestamp(millis)) => {
                let format = format.unwrap_or(TimestampFormat::Iso8601);
                self.text(&timestamp::format(*millis, format, style.always_millis));
            }
            (_, value) => self.text(&text_of(value)),
        }
        self.end(name);
    }

    fn entries(
        &mut self,
        model: &Model,
        name: &str,
        map: &Map,
        entries: &[(String, Value)],
        style: &XmlStyle,
    ) {
        for (key, value) in entries {
            self.start(name);
            self.leaf(map.key_name.unwrap_or("key"), key);
            self.value(model, map.value_name.unwrap_or("value"), map.value, value, style);
            self.end(name);
        }
    }
}

/// Whether a byte of text is sure to stand for itself. That it is not only means that its character has to be looked at.
fn is_plain(byte: u8) -> bool {
    // U+FFFE and U+FFFF begin with 0xef.
    !matches!(byte, b'&' | b'<' | b'>' | b'"' | 0..b'\t' | 0x0b..b' ' | 0xef)
}

/// A scalar as text, as in XML and headers.
pub(crate) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null | Value::List(_) | Value::Map(_) | Value::Structure(_) => Cow::Borrowed(""),
        Value::Boolean(boolean) => Cow::Borrowed(if *boolean { "true" } else { "false" }),
        Value::Integer(number) => Cow::Owned(number.to_string()),
        Value::Float(number) => Cow::Owned(match *number {
            number if number.is_nan() => "NaN".to_owned(),
            f64::INFINITY => "Infinity".to_owned(),
            f64::NEG_INFINITY => "-Infinity".to_owned(),
            number => format!("{number:?}"),
        }),
        Value::String(text) => Cow::Borrowed(text),
        Value::Blob(bytes) => Cow::Owned(STANDARD.encode(bytes)),
        Value::Timestamp(millis) => Cow::Owned(timestamp::format(*millis, TimestampFormat::Iso8601, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_xml_cannot_hold() {
        let mut writer = XmlWriter::default();
        writer.leaf("a", "<&\">\r\n\u{0}é");
        assert_eq!(writer.finish(), "<a>&lt;&amp;&quot;&gt;&#xD;\n\u{fffd}é</a>");
    }

    #[test]
    fn reads_elements() {
        let root =
            parse(b"<?xml version='1.0'?><a x:y='1&amp;2'><!-- --><b>x&lt;&#65;<![CDATA[<]]></b><b/></a>")
                .expect("it is XML");
        assert_eq!(root.name, "a");
        assert_eq!(root.attributes, [("x:y".to_owned(), "1&2".to_owned())]);
        assert_eq!(root.children.iter().map(|child| child.text.as_str()).collect::<Vec<_>>(), ["x<A<", ""]);
    }

    #[test]
    fn refuses_what_is_broken_or_dangerous() {
        for body in [
            "",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a>&x;</a>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "text",
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse("<a>".repeat(100_000).as_bytes()).is_err());
        assert!(parse(b"<a>\xff</a>").is_err());
    }
}
