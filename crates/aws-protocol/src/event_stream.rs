//! Event streams in responses: `application/vnd.amazon.eventstream`.
//!
//! A message is a prelude (whole length, length of headers, CRC of those two), headers, a payload and a CRC of
//! everything before it.

use aws_model::{Model, Operation, ShapeKind, Structure, Value, WireProtocol};

use crate::cbor::CborSink;
use crate::item;
use crate::json::JsonSink;
use crate::xml::{XmlStyle, XmlWriter};

pub(crate) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// The header type of strings.
const STRING: u8 = 7;

/// Writes all events of a stream, each of them a union of which one member is present.
pub(crate) fn write(
    model: &Model,
    protocol: WireProtocol,
    stream: &Structure,
    events: &[Value],
    out: &mut Vec<u8>,
) {
    for event in events {
        let Value::Structure(event) = event else { continue };
        for member in &stream.members {
            let Some(Value::Structure(fields)) = event.get(member.name) else { continue };
            let Some(structure) = model.structure(member.shape) else { continue };
            let is_error = structure.error.is_some();
            let (content_type, payload) = payload(model, protocol, structure, fields);
            let (kind, kind_header) =
                if is_error { ("exception", ":exception-type") } else { ("event", ":event-type") };
            let headers =
                [(":message-type", kind), (kind_header, member.name), (":content-type", content_type)];
            message(&headers, &payload, out);
        }
    }
}

/// Writes the message that comes first in the RPC protocols, with the members beside the stream.
pub(crate) fn write_initial(protocol: WireProtocol, body: &[u8], out: &mut Vec<u8>) {
    let headers = [
        (":message-type", "event"),
        (":event-type", "initial-response"),
        (":content-type", content_type(protocol)),
    ];
    message(&headers, body, out);
}

/// The stream of an operation's output, if it has one.
pub(crate) fn of<'a>(
    model: &'a Model,
    operation: &Operation,
) -> Option<(&'a aws_model::Member, &'a Structure)> {
    let output = model.structure(operation.output.as_ref()?.shape)?;
    output.members.iter().find_map(|member| match &model[member.shape].kind {
        ShapeKind::Structure(structure) if structure.event_stream => Some((member, structure)),
        _ => None,
    })
}

fn content_type(protocol: WireProtocol) -> &'static str {
    match protocol {
        WireProtocol::RestXml | WireProtocol::AwsQuery | WireProtocol::Ec2Query => "text/xml",
        WireProtocol::AwsJson | WireProtocol::RestJson => "application/json",
        WireProtocol::RpcV2Cbor => "application/cbor",
    }
}

fn payload(
    model: &Model,
    protocol: WireProtocol,
    structure: &Structure,
    fields: &aws_model::Fields,
) -> (&'static str, Vec<u8>) {
    if let Some(member) = structure.members.iter().find(|member| member.event_payload) {
        match fields.get(member.name) {
            Some(Value::Blob(bytes)) => return ("application/octet-stream", bytes.to_vec()),
            Some(Value::String(text)) => return ("text/plain", text.clone().into_bytes()),
            None => return ("application/octet-stream", Vec::new()),
            Some(value) => {
                return (content_type(protocol), document(protocol, model, member.name, member.shape, value));
            }
        }
    }
    let body = match protocol {
        WireProtocol::RpcV2Cbor => {
            let mut sink = CborSink::default();
            item::write_structure(model, structure, fields, &[], &mut sink);
            sink.finish()
        }
        WireProtocol::AwsJson | WireProtocol::RestJson => {
            let mut sink = JsonSink::default();
            item::write_structure(model, structure, fields, &[], &mut sink);
            sink.finish().into_bytes()
        }
        WireProtocol::RestXml | WireProtocol::AwsQuery | WireProtocol::Ec2Query => {
            let mut writer = XmlWriter::document();
            writer.start("Event");
            writer.members(model, structure, fields, &XmlStyle { always_millis: false });
            writer.end("Event");
            writer.finish().into_bytes()
        }
    };
    (content_type(protocol), body)
}

fn document(
    protocol: WireProtocol,
    model: &Model,
    name: &str,
    shape: aws_model::ShapeId,
    value: &Value,
) -> Vec<u8> {
    match protocol {
        WireProtocol::RpcV2Cbor => {
            let mut sink = CborSink::default();
            item::write(model, Some(shape), value, &mut sink);
            sink.finish()
        }
        WireProtocol::AwsJson | WireProtocol::RestJson => {
            let mut sink = JsonSink::default();
            item::write(model, Some(shape), value, &mut sink);
            sink.finish().into_bytes()
        }
        WireProtocol::RestXml | WireProtocol::AwsQuery | WireProtocol::Ec2Query => {
            let mut writer = XmlWriter::document();
            writer.value(model, name, shape, value, &XmlStyle { always_millis: false });
            writer.finish().into_bytes()
        }
    }
}

fn message(headers: &[(&str, &str)], payload: &[u8], out: &mut Vec<u8>) {
    let mut encoded = Vec::new();
    for (name, value) in headers {
        encoded.push(u8::try_from(name.len()).expect("header names are short"));
        encoded.extend(name.as_bytes());
        encoded.push(STRING);
        encoded.extend(u16::try_from(value.len()).expect("header values are short").to_be_bytes());
        encoded.extend(value.as_bytes());
    }
    let start = out.len();
    // 12 bytes of prelude and 4 of the CRC at the end.
    let length =
        |length: usize| u32::try_from(length).expect("events are far smaller than 4 GiB").to_be_bytes();
    out.extend(length(16 + encoded.len() + payload.len()));
    out.extend(length(encoded.len()));
    out.extend(crc32(&out[start..]).to_be_bytes());
    out.extend(encoded);
    out.extend(payload);
    out.extend(crc32(&out[start..]).to_be_bytes());
}

/// CRC-32 as in Ethernet and zlib: polynomial 0x04C11DB7, reflected.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut remainder = index as u32;
            let mut bit = 0;
            while bit < 8 {
                remainder = (remainder >> 1) ^ (if remainder & 1 == 1 { 0xedb8_8320 } else { 0 });
                bit += 1;
            }
            table[index] = remainder;
            index += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ TABLE[usize::from((crc as u8) ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_known_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
