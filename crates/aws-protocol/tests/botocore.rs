//! Properties held against the SDK itself: what botocore's serializers send decodes to what went in, and what we
//! encode botocore's parsers read back, for every operation, shape and protocol of every model.
//!
//! `drive_botocore.py` makes the values and compares; this side answers it. Each operation is tried with every member
//! present and once with some; `BRUME_LONG_TESTS=1` tries 25 times as often, `BRUME_SEED` chooses other values.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aws_model::{Fields, Model, ShapeId, ShapeKind, Value, WireProtocol};
use aws_protocol::{Codec, ErrorReply, Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value as Json, json};

const REQUEST_ID: &str = "the-request-id";

// Two tests, so that two processors are busy.
#[test]
fn botocore_understands_ec2_and_the_like() {
    drive(|name| name <= "ec2");
}

#[test]
fn botocore_understands_the_other_services() {
    drive(|name| name > "ec2");
}

fn drive(wanted: impl Fn(&str) -> bool) {
    let Some(python) = python() else { return };
    let seed = std::env::var("BRUME_SEED").unwrap_or_else(|_| "1".to_owned());
    let rounds = if std::env::var_os("BRUME_LONG_TESTS").is_some() { "50" } else { "2" };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drive_botocore.py");
    let services = aws_model::services().iter().map(|service| service.name).filter(|name| wanted(name));
    let mut child = Command::new(python)
        .arg(script)
        .args([&seed, rounds])
        .args(services)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let mut answers = child.stdin.take().expect("it is piped");
    let questions = BufReader::new(child.stdout.take().expect("it is piped"));
    for question in questions.lines() {
        let question: Json = serde_json::from_str(&question.expect("it is text")).expect("it is JSON");
        let answer = match question["do"].as_str() {
            Some("decode") => decode(&question),
            Some("encode") => encode(&question),
            Some("error") => encode_error(&question),
            Some("match") => matches(&question),
            other => panic!("unknown question {other:?}"),
        };
        writeln!(answers, "{answer}").expect("the other side reads");
    }
    drop(answers);
    assert!(child.wait().expect("it ends").success(), "botocore and the codecs disagree; see above");
}

/// The interpreter of the environment that `cargo xtask python` makes.
fn python() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is target/tmp").to_owned();
    let python = target.join("venv/bin/python");
    if python.exists() {
        return Some(python);
    }
    let reason = format!("{} is missing; `cargo xtask python` makes it", python.display());
    assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "{reason}");
    eprintln!("SKIPPED: {reason}");
    None
}

fn text<'a>(question: &'a Json, key: &str) -> &'a str {
    question[key].as_str().unwrap_or_else(|| panic!("{key} is a string"))
}

fn model(question: &Json) -> &'static Model {
    aws_model::service(text(question, "service")).expect("the service is built in").model()
}

fn codec(question: &Json) -> Codec {
    let protocol: WireProtocol =
        serde_json::from_value(question["protocol"].clone()).expect("it is a protocol");
    Codec::new(model(question), protocol)
}

fn decode(question: &Json) -> Json {
    let mut headers = HeaderMap::new();
    for header in question["headers"].as_array().expect("headers are a list") {
        let name = HeaderName::from_bytes(header[0].as_str().expect("a name").as_bytes())
            .expect("it is a header name");
        headers.append(
            name,
            HeaderValue::from_bytes(header[1].as_str().expect("a value").as_bytes())
                .expect("it is a header value"),
        );
    }
    let request = Request {
        method: text(question, "method").to_owned(),
        path: text(question, "path").to_owned(),
        query: text(question, "query").to_owned(),
        headers,
        body: STANDARD.decode(text(question, "body")).expect("it is base64").into(),
    };
    let codec = Codec::for_request(model(question), &request);
    let decoded =
        codec.route(&request).and_then(|operation| Ok((operation, codec.decode(operation, &request)?)));
    match decoded {
        Ok((operation, input)) => {
            let violation = codec.validate(operation, &input).err().map(|error| error.to_string());
            json!({"operation": operation.name, "input": tagged(&input), "violation": violation})
        }
        Err(error) => json!({"error": error.to_string()}),
    }
}

fn encode(question: &Json) -> Json {
    let codec = codec(question);
    let operation = codec.model().operation(text(question, "operation")).expect("it is in the model");
    let output = match &operation.output {
        Some(output) => untagged(codec.model(), Some(output.shape), &question["output"]),
        None => Value::Structure(Fields::new()),
    };
    message(&codec.encode(operation, &output, REQUEST_ID))
}

fn encode_error(question: &Json) -> Json {
    let codec = codec(question);
    let code = text(question, "code");
    let operation = codec.model().operation(text(question, "operation")).expect("it is in the model");
    let shape = operation.errors.iter().copied().find(|id| {
        let wire_code = codec.model().structure(*id).and_then(|structure| structure.error.as_ref()?.code);
        codec.model()[*id].name == code || wire_code == Some(code)
    });
    let Value::Structure(fields) = untagged(codec.model(), shape, &question["fields"]) else {
        panic!("an error is a structure");
    };
    let reply = ErrorReply { code, message: text(question, "message"), fields: &fields, status: None };
    message(&codec.encode_error(Some(operation), &reply, REQUEST_ID))
}

/// Whether a text satisfies the pattern of a shape; nothing when no operation uses the shape.
fn matches(question: &Json) -> Json {
    let pattern = model(question).shape_named(text(question, "shape")).and_then(|shape| match &shape.kind {
        ShapeKind::String(text) => text.pattern,
        _ => None,
    });
    json!({"match": pattern.map(|pattern| aws_model::matches_pattern(pattern, text(question, "text")))})
}

fn message(response: &Response) -> Json {
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])
    };
    json!({
        "status": response.status.as_u16(),
        "headers": response.headers.iter().map(header).collect::<Vec<_>>(),
        "body": STANDARD.encode(&response.body),
    })
}

fn tagged(value: &Value) -> Json {
    match value {
        Value::Null => json!({"null": null}),
        Value::Boolean(boolean) => json!({"boolean": boolean}),
        Value::Integer(number) => json!({"integer": number}),
        Value::Float(number) => json!({"float": number}),
        Value::String(text) => json!({"string": text}),
        Value::Blob(bytes) => json!({"blob": STANDARD.encode(bytes)}),
        Value::Timestamp(millis) => json!({"timestamp": millis}),
        Value::List(values) => json!({"list": values.iter().map(tagged).collect::<Vec<_>>()}),
        Value::Map(entries) => {
            json!({"map": entries.iter().map(|(key, value)| json!([key, tagged(value)])).collect::<Vec<_>>()})
        }
        Value::Structure(fields) => {
            json!({"structure": fields.iter().map(|(name, value)| json!([name, tagged(value)])).collect::<Vec<_>>()})
        }
    }
}

/// The shape gives the names of members, which a value borrows from the model.
fn untagged(model: &'static Model, shape: Option<ShapeId>, json: &Json) -> Value {
    let (kind, content) = json.as_object().and_then(|object| object.iter().next()).expect("it has one key");
    let list = || content.as_array().expect("it is a list");
    let shape_kind = shape.map(|shape| &model[shape].kind);
    match kind.as_str() {
        "null" => Value::Null,
        "boolean" => Value::Boolean(content.as_bool().expect("it is a boolean")),
        "integer" => Value::Integer(content.as_i64().expect("it is an integer")),
        "float" => Value::Float(content.as_f64().expect("it is a number")),
        "string" => Value::String(content.as_str().expect("it is a string").to_owned()),
        "blob" => Value::Blob(
            STANDARD.decode(content.as_str().expect("it is base64")).expect("it is base64").into(),
        ),
        "timestamp" => Value::Timestamp(content.as_i64().expect("it is milliseconds")),
        "list" => {
            let element = match shape_kind {
                Some(ShapeKind::List(list)) => Some(list.element),
                // A stream of events is a list of its shape.
                Some(ShapeKind::Structure(_)) => shape,
                _ => None,
            };
            Value::List(list().iter().map(|value| untagged(model, element, value)).collect())
        }
        "map" => {
            let element = match shape_kind {
                Some(ShapeKind::Map(map)) => Some(map.value),
                _ => None,
            };
            let entry = |entry: &Json| {
                (entry[0].as_str().expect("a key").to_owned(), untagged(model, element, &entry[1]))
            };
            Value::Map(list().iter().map(entry).collect())
        }
        "structure" => {
            let structure = shape.and_then(|shape| model.structure(shape)).expect("the shape is a structure");
            let member = |member: &Json| {
                let name = member[0].as_str().expect("a name");
                let member_shape =
                    structure.member(name).unwrap_or_else(|| panic!("there is no member {name}"));
                (member_shape.name, untagged(model, Some(member_shape.shape), &member[1]))
            };
            Value::Structure(list().iter().map(member).collect())
        }
        other => panic!("unknown kind {other}"),
    }
}
