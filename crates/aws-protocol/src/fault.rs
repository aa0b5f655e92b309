//! Errors in each protocol's shape.

use aws_model::{Error, Fields, Operation, Structure, WireProtocol};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::cbor::CborSink;
use crate::codec::Codec;
use crate::item;
use crate::json::JsonSink;
use crate::rest;
use crate::s3;
use crate::xml::{XmlStyle, XmlWriter, text_of};
use crate::{ErrorReply, Response};

/// A modelled error, found by its code.
struct Modelled<'a> {
    name: &'static str,
    structure: &'a Structure,
    error: &'a Error,
}

pub(crate) fn encode(
    codec: &Codec,
    operation: Option<&Operation>,
    reply: &ErrorReply<'_>,
    request_id: &str,
) -> Response {
    let modelled = modelled(codec, operation, reply.code);
    let from_model = modelled
        .as_ref()
        .map(|modelled| modelled.error.status.unwrap_or(if modelled.error.fault { 500 } else { 400 }));
    let of_s3 = s3::is_of(codec.model).then(|| s3::status(reply.code)).flatten();
    let status = reply.status.or(from_model).or(of_s3).and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    let fault = Fault { codec, reply, modelled, status, request_id };
    let mut response = codec.response(status, request_id);
    match codec.protocol {
        WireProtocol::Ec2Query => response.body = fault.ec2().into(),
        WireProtocol::AwsQuery => response.body = fault.query().into(),
        // That nothing has changed is an answer without a body, and so of no type.
        WireProtocol::RestXml if s3::is_of(codec.model) && status == StatusCode::NOT_MODIFIED => {
            response.headers.remove(CONTENT_TYPE);
        }
        WireProtocol::RestXml if s3::is_of(codec.model) => response.body = fault.s3().into(),
        WireProtocol::RestXml => response.body = fault.query().into(),
        WireProtocol::AwsJson | WireProtocol::RestJson | WireProtocol::RpcV2Cbor => fault.item(&mut response),
    }
    response
}

/// The error of an operation comes before one of the same code elsewhere in the service.
fn modelled<'a>(codec: &'a Codec, operation: Option<&Operation>, code: &str) -> Option<Modelled<'a>> {
    let of_operation = operation.into_iter().flat_map(|operation| &operation.errors).find_map(|id| {
        let shape = &codec.model[*id];
        let structure = codec.model.structure(*id)?;
        let error = structure.error.as_ref()?;
        (shape.name == code || error.code == Some(code)).then_some(Modelled {
            name: shape.name,
            structure,
            error,
        })
    });
    of_operation.or_else(|| {
        let (shape, error) = codec.model.error(code)?;
        let structure = match &shape.kind {
            aws_model::ShapeKind::Structure(structure) => structure,
            _ => return None,
        };
        Some(Modelled { name: shape.name, structure, error })
    })
}

struct Fault<'a> {
    codec: &'a Codec,
    reply: &'a ErrorReply<'a>,
    modelled: Option<Modelled<'a>>,
    status: StatusCode,
    request_id: &'a str,
}

impl Fault<'_> {
    /// The code on the wire.
    fn code(&self) -> &str {
        self.modelled
            .as_ref()
            .map_or(self.reply.code, |modelled| modelled.error.code.unwrap_or(modelled.name))
    }

    /// The modelled members beside the message, which has its own place.
    fn fields(&self) -> Option<(&Structure, Fields)> {
        let structure = self.modelled.as_ref()?.structure;
        let fields = self.reply.fields.iter().filter(|(name, _)| !is_message(name));
        Some((structure, fields.map(|(name, value)| (name, value.clone())).collect()))
    }

    fn ec2(&self) -> String {
        let mut writer = XmlWriter::document();
        writer.start("Response");
        writer.start("Errors");
        writer.start("Error");
        writer.leaf("Code", self.code());
        writer.leaf("Message", self.reply.message);
        self.xml_fields(&mut writer);
        writer.end("Error");
        writer.end("Errors");
        writer.leaf("RequestID", self.request_id);
        writer.end("Response");
        writer.finish()
    }

    fn query(&self) -> String {
        let mut writer = XmlWriter::document();
        let namespace = self.codec.model.metadata.xml_namespace;
        writer.start_with("ErrorResponse", namespace.into_iter().map(|uri| ("xmlns".into(), uri)));
        writer.start("Error");
        writer.leaf("Type", self.party());
        writer.leaf("Code", self.code());
        writer.leaf("Message", self.reply.message);
        self.xml_fields(&mut writer);
        writer.end("Error");
        writer.leaf("RequestId", self.request_id);
        writer.end("ErrorResponse");
        writer.finish()
    }

    fn s3(&self) -> String {
        let mut writer = XmlWriter::document();
        writer.start("Error");
        writer.leaf("Code", self.code());
        writer.leaf("Message", self.reply.message);
        self.xml_fields(&mut writer);
        // Its errors tell more than its model has, such as the name of the bucket.
        let modelled = self.modelled.as_ref().map(|modelled| modelled.structure);
        for (name, value) in self.reply.fields.iter().filter(|(name, _)| !is_message(name)) {
            if modelled.is_none_or(|structure| structure.member(name).is_none()) {
                writer.leaf(name, &text_of(value));
            }
        }
        writer.leaf("RequestId", self.request_id);
        writer.leaf("HostId", self.request_id);
        writer.end("Error");
        writer.finish()
    }

    fn xml_fields(&self, writer: &mut XmlWriter) {
        if let Some((structure, fields)) = self.fields() {
            writer.members(self.codec.model, structure, &fields, &XmlStyle { always_millis: false });
        }
    }

    /// Whose fault it is, as query protocols say it.
    fn party(&self) -> &'static str {
        if self.status.is_server_error() { "Receiver" } else { "Sender" }
    }

    /// JSON and CBOR carry the type beside the members; REST has it in a header too.
    fn item(&self, response: &mut Response) {
        let is_query_compatible = self.codec.model.metadata.aws_query_compatible;
        // A service that once spoke query names the shape here, and its old code in a header of its own.
        let kind = match &self.modelled {
            Some(modelled) if is_query_compatible => modelled.name,
            _ => self.code(),
        };
        let empty = Structure::default();
        let (structure, fields) = self.fields().unwrap_or((&empty, Fields::new()));
        let message_name =
            structure.members.iter().map(|member| member.wire_name()).find(|name| is_message(name));
        let message = (message_name.unwrap_or("message"), self.reply.message);
        let before = [("__type", kind), message];
        let header = |response: &mut Response, name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers.insert(HeaderName::from_static(name), value);
            }
        };
        match self.codec.protocol {
            WireProtocol::RpcV2Cbor => {
                let mut sink = CborSink::default();
                item::write_structure(self.codec.model, structure, &fields, &before, &mut sink);
                response.body = sink.finish().into();
            }
            WireProtocol::RestJson => {
                rest::write_headers(self.codec.model, structure, &fields, &mut response.headers);
                header(response, "x-amzn-errortype", kind);
                let mut sink = JsonSink::default();
                item::write_structure(self.codec.model, structure, &fields, &before[1..], &mut sink);
                response.body = sink.finish().into();
            }
            _ => {
                let mut sink = JsonSink::default();
                item::write_structure(self.codec.model, structure, &fields, &before, &mut sink);
                response.body = sink.finish().into();
            }
        }
        if is_query_compatible {
            header(response, "x-amzn-query-error", &format!("{};{}", self.code(), self.party()));
        }
    }
}

fn is_message(name: &str) -> bool {
    name.eq_ignore_ascii_case("message")
}
