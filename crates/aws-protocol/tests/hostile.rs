//! Whatever is sent, the answer is an operation's input or an error, and no panic.

use aws_model::{Fields, Model};
use aws_protocol::{Codec, ErrorReply, Request};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;

/// A service of each protocol, one with recursive shapes where there is one.
const SERVICES: [&str; 8] = ["ec2", "iam", "dynamodb", "rds-data", "lambda", "s3", "route53", "cloudwatch"];

fn model(name: &str) -> &'static Model {
    aws_model::service(name).expect("the service is built in").model()
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

fn request(method: &str, path: &str, query: &str, headers: &[(&str, &str)], body: Bytes) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("it is a header name");
        map.append(name, HeaderValue::from_str(value).expect("it is a header value"));
    }
    Request { method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), headers: map, body }
}

/// Text made of what the formats are made of.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~]{0,6}",
        "(Filter|Tag|Value|member|entry|key|value|item|Version|Key)",
        "\\.[0-9]{1,12}",
        Just("=".to_owned()),
        Just("&".to_owned()),
        Just("%zz%ff%00+".to_owned()),
        Just("{\"".to_owned()),
        Just("\":".to_owned()),
        Just("[[".to_owned()),
        Just("}]".to_owned()),
        Just("</".to_owned()),
        Just("<a>".to_owned()),
        Just("&#x0;&lt;".to_owned()),
        Just("-9999999999999999999e99".to_owned()),
        Just("null".to_owned()),
        Just("\u{1F600}é".to_owned()),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn query_bodies(service in 0..2usize, operation in any::<prop::sample::Index>(), text in soup()) {
        let model = model(SERVICES[service]);
        let name = model.operations[operation.index(model.operations.len())].name;
        let body = format!("Action={name}&{text}");
        swallow(model, &request("POST", "/", "", &[], body.into()));
        swallow(model, &request("GET", "/", &text, &[], Bytes::new()));
    }

    #[test]
    fn rpc_bodies(operation in any::<prop::sample::Index>(), text in soup(), bytes in vec(any::<u8>(), 0..200)) {
        for service in ["dynamodb", "cloudwatch"] {
            let model = model(service);
            let name = model.operations[operation.index(model.operations.len())].name;
            let target = format!("X.{name}");
            for body in [Bytes::from(text.clone()), Bytes::from(bytes.clone())] {
                swallow(model, &request("POST", "/", "", &[("x-amz-target", &target)], body.clone()));
                let path = format!("/service/X/operation/{name}");
                swallow(model, &request("POST", &path, "", &[("smithy-protocol", "rpc-v2-cbor")], body));
            }
        }
    }

    #[test]
    fn rest_messages(
        service in 3..7usize,
        operation in any::<prop::sample::Index>(),
        path in "(/[ -~é]{0,8}){0,5}/?",
        query in soup(),
        text in soup(),
        bytes in vec(any::<u8>(), 0..100),
        value in "[ -~]{0,20}",
    ) {
        let model = model(SERVICES[service]);
        let operation = &model.operations[operation.index(model.operations.len())];
        let uri = operation.uri.split('?').next().unwrap_or_default();
        let headers = [("x-amz-meta-a", value.as_str()), ("if-modified-since", &value), ("x-amz-object-attributes", &value)];
        for body in [Bytes::from(text), Bytes::from(bytes)] {
            swallow(model, &request(operation.method, uri, &query, &headers, body.clone()));
            swallow(model, &request(operation.method, &path, &query, &headers, body));
        }
    }
}

/// Bombs: what is small on the wire and would be large or deep in memory.
#[test]
fn bombs() {
    let deep_json = format!("{{\"Item\":{}", "{\"M\":{\"a\":".repeat(100_000));
    let many = "a=&".repeat(200_000);
    let deep_name = format!("Action=DescribeVpcs&Filter{}=1", ".1".repeat(100_000));
    let cbor = [&[0xa1, 0x61, 0x61][..], &[0x9f; 200_000]].concat();
    let xml = "<CreateHostedZoneRequest>".repeat(100_000);
    let target = [("x-amz-target", "DynamoDB_20120810.PutItem")];
    swallow(model("dynamodb"), &request("POST", "/", "", &target, deep_json.into()));
    swallow(model("ec2"), &request("POST", "/", "", &[], format!("Action=DescribeVpcs&{many}").into()));
    swallow(model("ec2"), &request("POST", "/", "", &[], deep_name.into()));
    let smithy = [("smithy-protocol", "rpc-v2-cbor")];
    swallow(
        model("cloudwatch"),
        &request("POST", "/service/X/operation/PutMetricData", "", &smithy, cbor.into()),
    );
    swallow(model("route53"), &request("POST", "/2013-04-01/hostedzone", "", &[], xml.into()));
}
