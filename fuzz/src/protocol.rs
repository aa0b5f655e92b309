//! Requests: the codecs of all wire protocols, and signatures.

use aws_model::{Fields, Model, Operation};
use aws_protocol::{Codec, ErrorReply, Request};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use sigv4::{Payload, Presented, SigningTime, UriRules, verify};

/// Forms of `ec2` and `iam`.
pub fn query(bytes: &[u8]) {
    let Some((model, operation, body)) = choose(&["ec2", "iam"], bytes) else { return };
    let body = [b"Action=", operation.name.as_bytes(), b"&", body].concat();
    swallow(model, &request("POST", "/", "", &[], body.into()));
}

/// JSON of `dynamodb` and `ssm`.
pub fn json(bytes: &[u8]) {
    let Some((model, operation, body)) = choose(&["dynamodb", "ssm"], bytes) else { return };
    let target = format!("X.{}", operation.name);
    let body = Bytes::copy_from_slice(body);
    swallow(model, &request("POST", "/", "", &[("x-amz-target", &target)], body));
}

/// CBOR of `cloudwatch`.
pub fn cbor(bytes: &[u8]) {
    let Some((model, operation, body)) = choose(&["cloudwatch"], bytes) else { return };
    let path = format!("/service/X/operation/{}", operation.name);
    let body = Bytes::copy_from_slice(body);
    swallow(model, &request("POST", &path, "", &[("smithy-protocol", "rpc-v2-cbor")], body));
}

/// JSON, paths, queries and headers of `lambda` and `rds-data`.
pub fn rest_json(bytes: &[u8]) {
    rest(&["lambda", "rds-data"], bytes);
}

/// XML, paths, queries and headers of `s3` and `route53`.
pub fn rest_xml(bytes: &[u8]) {
    rest(&["s3", "route53"], bytes);
}

/// An operation, then a line each with the path (that of the operation if it is empty), the query, and a header's value; the
/// rest is the body.
fn rest(services: &[&str], bytes: &[u8]) {
    let Some((model, operation, rest)) = choose(services, bytes) else { return };
    let mut lines = rest.splitn(4, |byte| *byte == b'\n');
    let mut line = || std::str::from_utf8(lines.next().unwrap_or_default()).unwrap_or_default();
    let (path, query, value) = (line(), line(), line());
    let body = Bytes::copy_from_slice(lines.next().unwrap_or_default());
    let path = if path.is_empty() { operation.uri.split('?').next().unwrap_or_default() } else { path };
    let headers = [("x-amz-meta-a", value), ("if-modified-since", value), ("x-amz-object-attributes", value)];
    swallow(model, &request(operation.method, path, query, &headers, body));
}

/// The first byte chooses the service, the next two the operation.
fn choose<'a>(services: &[&str], bytes: &'a [u8]) -> Option<(&'static Model, &'static Operation, &'a [u8])> {
    let ([service, high, low], rest) = bytes.split_first_chunk()?;
    let name = services[usize::from(*service) % services.len()];
    let model = aws_model::service(name).expect("the service is built in").model();
    let operation = usize::from(u16::from_be_bytes([*high, *low])) % model.operations.len();
    Some((model, &model.operations[operation], rest))
}

fn request(method: &str, path: &str, query: &str, headers: &[(&str, &str)], body: Bytes) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            map.append(name, value);
        }
    }
    Request { method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), headers: map, body }
}

/// Goes as far with a request as it leads.
fn swallow(model: &'static Model, request: &Request) {
    let codec = Codec::for_request(model, request);
    let result = codec.route(request).and_then(|operation| {
        let input = codec.decode(operation, request)?;
        codec.validate(operation, &input)
    });
    if let Err(error) = result {
        let fields = Fields::new();
        let response = codec.encode_error(None, &ErrorReply::of(&error, &fields), "id");
        assert!(response.status.is_client_error(), "{error}");
        assert!(!response.body.is_empty());
    }
}

/// A request line, and headers as `name: value`, one a line.
pub fn sigv4(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next().unwrap_or_default()).unwrap_or_default();
    let (method, target) = first.split_once(' ').unwrap_or((first, "/"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(&str, &[u8])> = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        })
        .collect();
    let request = sigv4::Request { method, path, query, headers: &headers };
    let Ok(presented) = Presented::of(&request) else { return };
    for rules in [UriRules::Normalised, UriRules::S3] {
        // At its own time, so that what is behind the check of the time is reached.
        for now in [Some(presented.time), SigningTime::from_unix_secs(1_440_938_160)].into_iter().flatten() {
            let outcome = verify(&presented, &request, &Payload::of(b""), rules, "nobody knows it", now);
            assert!(outcome.is_err(), "a signature without the key");
        }
    }
}
