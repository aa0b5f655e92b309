//! What S3 does otherwise than its model: documents, parameters, errors and answers.

use aws_model::{Fields, Value};
use aws_protocol::{Codec, ErrorReply, ProtocolError, Request};
use http::HeaderMap;

fn rest(method: &str, target: &str, body: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
    }
}

fn codec() -> Codec {
    let model = aws_model::service("s3").expect("S3 is built in").model();
    Codec::new(model, model.metadata.protocols[0])
}

fn refusal(request: &Request) -> Option<ProtocolError> {
    let result = codec().route(request).and_then(|operation| {
        let input = codec().decode(operation, request)?;
        codec().validate(operation, &input)
    });
    result.err()
}

/// S3 checks documents against a schema, and says of each parameter what it is to be.
#[test]
fn s3_refuses_in_words_of_its_own() {
    let check = |request: &Request, code: &str, message: &str| {
        let error = refusal(request).unwrap_or_else(|| panic!("{request:?} is not refused"));
        assert_eq!(error.code, code, "{request:?}: {error}");
        assert!(error.message.contains(message), "{request:?}: {error}");
    };
    let schema = "did not validate against our published schema";
    let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
    let versioning = |body: &str| rest("PUT", "/bucket?versioning", body);
    let good = "<Status>Enabled</Status>";
    for body in [
        format!("<VersioningConfiguration>{good}</VersioningConfiguration>"),
        format!("<VersioningConfiguration xmlns=\"{namespace}\">{good}</VersioningConfiguration>"),
        format!("<a:VersioningConfiguration xmlns:a=\"{namespace}\">{good}</a:VersioningConfiguration>"),
        "<VersioningConfiguration/>".to_owned(),
    ] {
        assert_eq!(refusal(&versioning(&body)), None, "{body}");
    }
    for body in [
        "<VersioningConfiguration>".to_owned(),
        format!("<Versioning>{good}</Versioning>"),
        format!("<VersioningConfiguration xmlns=\"http://example.com/\">{good}</VersioningConfiguration>"),
        "<VersioningConfiguration><Status>enabled</Status></VersioningConfiguration>".to_owned(),
        "<VersioningConfiguration><State>Enabled</State></VersioningConfiguration>".to_owned(),
    ] {
        check(&versioning(&body), "MalformedXML", schema);
    }
    check(&versioning(""), "MissingRequestBodyError", "empty");
    let deleted = rest("POST", "/bucket?delete", "<Delete><Object><Name>a</Name></Object></Delete>");
    check(&deleted, "MalformedXML", schema);
    let tags = "<Tagging><TagSet><Other><Key>a</Key><Value>b</Value></Other></TagSet></Tagging>";
    check(&rest("PUT", "/bucket?tagging", tags), "MalformedXML", schema);
    check(&rest("GET", "/bucket?max-keys=x", ""), "InvalidArgument", "Provided max-keys not an integer");
    let part = rest("PUT", "/bucket/key?partNumber=x&uploadId=1", "");
    check(&part, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive");
    check(&rest("GET", "/bucket?encoding-type=x", ""), "InvalidArgument", "encodingType");
    let region = "<CreateBucketConfiguration><LocationConstraint>mars-1</LocationConstraint></CreateBucketConfiguration>";
    check(&rest("PUT", "/bucket", region), "InvalidLocationConstraint", "location-constraint");
    let with = |name: &'static str, value: &'static str| {
        let mut request = rest("PUT", "/bucket/key", "");
        request.headers.insert(name, value.parse().expect("it is a value"));
        request
    };
    check(&with("x-amz-storage-class", "COLD"), "InvalidStorageClass", "storage class");
    check(&with("x-amz-server-side-encryption", "AES"), "InvalidEncryptionAlgorithmError", "AES256");
    check(&with("x-amz-sdk-checksum-algorithm", "CRC16"), "InvalidRequest", "CRC64NVME");
    check(&with("x-amz-object-lock-retain-until-date", "soon"), "InvalidArgument", "retain-until");
    // HTTP's own dates that are none count as not sent.
    assert_eq!(refusal(&with("expires", "0")), None);
}

/// What S3 tells of an error beside its model, and the statuses that the model does not have.
#[test]
fn errors_of_s3_tell_more_than_their_model() {
    let answer = |code: &str, fields: &Fields| {
        let reply = ErrorReply { code, message: "m", fields, status: None };
        codec().encode_error(None, &reply, "id-1")
    };
    let text = |text: &str| Value::String(text.to_owned());
    let fields = Fields::from_iter([("BucketName", text("a&b")), ("Key", text("k"))]);
    let found = answer("NoSuchKey", &fields);
    let body = String::from_utf8(found.body.to_vec()).expect("it is text");
    assert!(
        body.contains("<Message>m</Message><BucketName>a&amp;b</BucketName><Key>k</Key><RequestId>"),
        "{body}"
    );
    // A modelled member is there once.
    let archived = Fields::from_iter([("StorageClass", text("GLACIER"))]);
    let body = String::from_utf8(answer("InvalidObjectState", &archived).body.to_vec()).expect("it is text");
    assert_eq!(body.matches("<StorageClass>GLACIER</StorageClass>").count(), 1, "{body}");
    for (code, status) in [
        ("NoSuchBucketPolicy", 404),
        ("PreconditionFailed", 412),
        ("PermanentRedirect", 301),
        ("InvalidRange", 416),
        ("BadDigest", 400),
        ("BucketNotEmpty", 409),
    ] {
        let found = answer(code, &Fields::new());
        assert_eq!((found.status.as_u16(), found.body.is_empty()), (status, false), "{code}");
    }
    let unchanged = answer("NotModified", &Fields::new());
    assert_eq!(unchanged.status.as_u16(), 304);
    assert!(unchanged.body.is_empty() && !unchanged.headers.contains_key("content-type"));
}

/// The documents that S3 answers with, which its model does not name as it does.
#[test]
fn answers_of_s3_have_its_names() {
    let check = |operation: &str, output: Fields, content_type: Option<&str>, expect: &str| {
        let operation = codec().model().operation(operation).expect("it is in the model");
        let answer = codec().encode(operation, &Value::Structure(output), "id");
        let body = String::from_utf8(answer.body.to_vec()).expect("it is text");
        let body = body.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap_or(&body);
        let found = answer.headers.get("content-type").and_then(|value| value.to_str().ok());
        let expect = expect.replace("NS", "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
        assert_eq!((found, body), (content_type, expect.as_str()), "{}", operation.name);
    };
    let text = |text: &str| Value::String(text.to_owned());
    let xml = Some("application/xml");
    let region = Fields::from_iter([("LocationConstraint", text("eu-west-1"))]);
    check("GetBucketLocation", region, xml, "<LocationConstraint NS>eu-west-1</LocationConstraint>");
    check("GetBucketLocation", Fields::new(), xml, "<LocationConstraint NS></LocationConstraint>");
    let versioning = Fields::from_iter([("Status", text("Enabled"))]);
    let expect = "<VersioningConfiguration NS><Status>Enabled</Status></VersioningConfiguration>";
    check("GetBucketVersioning", versioning, xml, expect);
    let copied = Fields::from_iter([("ETag", text("e")), ("LastModified", Value::Timestamp(0))]);
    let copied = Fields::from_iter([("CopyObjectResult", Value::Structure(copied))]);
    let expect = "<CopyObjectResult NS><ETag>e</ETag><LastModified>1970-01-01T00:00:00.000Z</LastModified></CopyObjectResult>";
    check("CopyObject", copied, xml, expect);
    check("ListObjectVersions", Fields::new(), xml, "<ListVersionsResult NS></ListVersionsResult>");
    check("DeleteObject", Fields::from_iter([("DeleteMarker", Value::Boolean(true))]), None, "");
    check("GetBucketPolicy", Fields::from_iter([("Policy", text("{}"))]), Some("application/json"), "{}");
    check("GetObject", Fields::new(), Some("binary/octet-stream"), "");
    check("GetObject", Fields::from_iter([("ContentType", text("text/css"))]), Some("text/css"), "");
}
