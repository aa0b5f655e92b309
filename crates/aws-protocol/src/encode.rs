//! Bodies and headers of responses that succeeded, by protocol.

use std::borrow::Cow;

use aws_model::{Fields, Location, Member, Operation, ShapeKind, Structure, Value, WireProtocol};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use crate::cbor::CborSink;
use crate::json::JsonSink;
use crate::xml::{XmlStyle, XmlWriter, text_of};
use crate::{Codec, Response, event_stream, item, rest, s3};

/// The type of an object that was stored without one.
const OBJECT_TYPE: &str = "binary/octet-stream";

impl Codec {
    /// A JSON or CBOR body.
    pub(crate) fn write_body(&self, structure: &Structure, fields: &Fields) -> Bytes {
        if self.protocol == WireProtocol::RpcV2Cbor {
            let mut sink = CborSink::default();
            item::write_structure(self.model, structure, fields, &[], &mut sink);
            sink.finish().into()
        } else {
            let mut sink = JsonSink::default();
            item::write_structure(self.model, structure, fields, &[], &mut sink);
            sink.finish().into()
        }
    }

    /// The body of the message before an event stream.
    pub(crate) fn write_beside(&self, structure: &Structure, fields: &Fields, stream: &str) -> Bytes {
        let mut beside = fields.clone();
        beside.take(stream);
        self.write_body(structure, &beside)
    }

    pub(crate) fn write_events(&self, stream: &Structure, events: Option<&Value>, out: &mut Vec<u8>) {
        if let Some(Value::List(events)) = events {
            event_stream::write(self.model, self.protocol, stream, events, out);
        }
    }

    pub(crate) fn encode_ec2(
        &self,
        operation: &Operation,
        structure: Option<&Structure>,
        fields: &Fields,
        request_id: &str,
        response: &mut Response,
    ) {
        let root = format!("{}Response", operation.name);
        let mut writer = XmlWriter::document();
        // The model's namespace lacks the slash that EC2 prints.
        let namespace =
            format!("{}/", self.model.metadata.xml_namespace.unwrap_or_default().trim_end_matches('/'));
        writer.start_with(&root, std::iter::once(("xmlns".into(), namespace.as_str())));
        writer.leaf("requestId", request_id);
        match structure {
            Some(structure) => {
                writer.members(self.model, structure, fields, &XmlStyle { always_millis: true });
            }
            None => writer.leaf("return", "true"),
        }
        writer.end(&root);
        response.body = writer.finish().into();
    }

    pub(crate) fn encode_query(
        &self,
        operation: &Operation,
        structure: Option<&Structure>,
        fields: &Fields,
        request_id: &str,
        response: &mut Response,
    ) {
        let root = format!("{}Response", operation.name);
        let mut writer = XmlWriter::document();
        let namespace = self.model.metadata.xml_namespace.unwrap_or_default();
        writer.start_with(&root, std::iter::once(("xmlns".into(), namespace)));
        if let Some(structure) = structure {
            let wrapper =
                operation.result_wrapper.map_or_else(|| format!("{}Result", operation.name), str::to_owned);
            writer.start(&wrapper);
            writer.members(self.model, structure, fields, &XmlStyle { always_millis: false });
            writer.end(&wrapper);
        }
        writer.start("ResponseMetadata");
        writer.leaf("RequestId", request_id);
        writer.end("ResponseMetadata");
        writer.end(&root);
        response.body = writer.finish().into();
    }

    pub(crate) fn encode_rest(&self, operation: &Operation, fields: &Fields, response: &mut Response) {
        let nothing = Structure::default();
        let shape = operation.output.as_ref().map(|output| output.shape);
        let structure = shape.and_then(|shape| self.model.structure(shape)).unwrap_or(&nothing);
        // The type of the body as a member has it goes before the protocol's.
        let default_type = response.headers.remove(CONTENT_TYPE);
        let is_s3 = s3::is_of(self.model);
        let encoded = is_s3.then(|| s3::with_keys_encoded(fields)).flatten();
        let fields = encoded.as_ref().unwrap_or(fields);
        rest::write_headers(self.model, structure, fields, &mut response.headers);
        let status = structure.members.iter().find(|member| member.location == Location::StatusCode);
        if let Some(Value::Integer(status)) = status.and_then(|member| fields.get(member.name)) {
            let status = u16::try_from(*status).ok().and_then(|status| StatusCode::from_u16(status).ok());
            response.status = status.unwrap_or(response.status);
        }
        let body = match structure.payload_member() {
            Some(member) => fields.get(member.name).map(|value| self.payload(member, value)),
            None if self.protocol == WireProtocol::RestJson => {
                Some((self.write_body(structure, fields), None))
            }
            None => {
                let has_body = structure.members.iter().any(|member| member.location == Location::Body);
                let name = shape.map_or("", |shape| self.model[shape].name);
                let root = is_s3.then(|| s3::root(operation.name)).flatten();
                // S3 names its results so, whatever the model calls the output.
                let of_shape = || match name.strip_suffix("Output") {
                    Some(name) => format!("{name}Result").into(),
                    None => Cow::Borrowed(name),
                };
                let root = root.map_or_else(of_shape, Cow::Borrowed);
                has_body.then(|| (self.xml_body(&root, structure, fields), None))
            }
        };
        if let Some((body, content_type)) = body {
            let content_type = content_type.map(HeaderValue::from_static).or(default_type);
            if let (Some(content_type), false) = (content_type, response.headers.contains_key(CONTENT_TYPE)) {
                response.headers.insert(CONTENT_TYPE, content_type);
            }
            response.body = body;
        }
        // What is stored without a type has this one, also where its bytes come from elsewhere.
        let is_object = is_s3 && structure.payload_member().is_some_and(|member| member.streaming);
        if is_object && !response.headers.contains_key(CONTENT_TYPE) {
            response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(OBJECT_TYPE));
        }
    }

    fn xml_body(&self, root: &str, structure: &Structure, fields: &Fields) -> Bytes {
        let mut writer = XmlWriter::document();
        // That of S3 is in no model.
        let of_s3 = || s3::is_of(self.model).then_some(s3::NAMESPACE);
        let namespace = self.model.metadata.xml_namespace.or_else(of_s3);
        writer.start_with(root, namespace.into_iter().map(|uri| ("xmlns".into(), uri)));
        match fields.get("LocationConstraint") {
            // The root of this document is its only member, which the model has within it.
            Some(region) if root == "LocationConstraint" => writer.text(&text_of(region)),
            _ => writer.members(self.model, structure, fields, &self.xml_style()),
        }
        writer.end(root);
        writer.finish().into()
    }

    /// S3 prints milliseconds always.
    fn xml_style(&self) -> XmlStyle {
        XmlStyle { always_millis: s3::is_of(self.model) }
    }

    /// A member that is the whole body, and its type where that is not the protocol's.
    fn payload(&self, member: &Member, value: &Value) -> (Bytes, Option<&'static str>) {
        match (&self.model[member.shape].kind, value) {
            (ShapeKind::Structure(stream), Value::List(events)) if stream.event_stream => {
                let mut out = Vec::new();
                event_stream::write(self.model, self.protocol, stream, events, &mut out);
                (out.into(), Some(event_stream::CONTENT_TYPE))
            }
            (_, Value::Blob(bytes)) => {
                let of_s3 = s3::is_of(self.model).then_some(OBJECT_TYPE);
                (bytes.clone(), Some(of_s3.unwrap_or("application/octet-stream")))
            }
            // The text that S3 keeps is a policy.
            (_, Value::String(text)) if s3::is_of(self.model) => {
                (text.clone().into(), Some("application/json"))
            }
            (_, Value::String(text)) => (text.clone().into(), Some("text/plain")),
            (ShapeKind::Structure(structure), Value::Structure(fields)) if s3::is_of(self.model) => {
                (self.xml_body(member.wire_name(), structure, fields), None)
            }
            _ if self.protocol == WireProtocol::RestXml => {
                let mut writer = XmlWriter::document();
                writer.member(self.model, member, value, &XmlStyle { always_millis: false });
                (writer.finish().into(), None)
            }
            _ => {
                let mut sink = JsonSink::default();
                item::write(self.model, Some(member.shape), value, &mut sink);
                (sink.finish().into(), None)
            }
        }
    }
}
