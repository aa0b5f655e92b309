//! Calls that get through, and what services and codecs refuse.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::client::{Call, Connection};
use crate::cloud::{ACCOUNT, Cloud, FORBIDDEN, KEY, LARGE};

#[test]
fn query_calls_are_answered_in_xml() {
    let cloud = Cloud::start();
    let mut call = Call::ec2("DescribeVpcs");
    call.body.extend_from_slice(b"&VpcId.1=vpc-1&VpcId.2=vpc-2");
    let answer = call.signed().send(&cloud);
    answer.expect(200, &["<DescribeVpcsResponse", "<vpcId>vpc-1</vpcId>", "<vpcId>vpc-2</vpcId>"]);
    assert_eq!(answer.header("content-type"), Some("text/xml;charset=UTF-8"));
    let id = answer.header("x-amzn-requestid").unwrap();
    assert_eq!(id.len(), 36);
    assert!(answer.body.contains(&format!("<requestId>{id}</requestId>")), "{answer:?}");
}

#[test]
fn json_calls_are_answered_in_json() {
    let cloud = Cloud::start();
    let answer = Call::ssm("GetParameter", r#"{"Name":"/a/b"}"#).signed().send(&cloud);
    answer.expect(200, &[r#"{"Parameter":{"Name":"/a/b"}}"#]);
    assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.1"));
    assert!(answer.header("x-amzn-requestid").is_some());
}

#[test]
fn the_context_says_who_asks_where() {
    let cloud = Cloud::start();
    let mut call = Call::ec2("DescribeVpcs");
    call.region = "eu-west-1";
    call.headers.push(("user-agent", "tester/1".to_owned()));
    let answer = call.signed().send(&cloud);
    answer.expect(
        200,
        &["region: eu-west-1", ACCOUNT, KEY, "tester/1", "source_ip: 127.0.0.1", "secure_transport: false"],
    );
}

#[test]
fn denials_have_the_code_of_their_protocol_and_reach_no_service() {
    let cloud = Cloud::start();
    let mut call = Call::ec2("DescribeVpcs");
    call.body.extend_from_slice(format!("&NextToken={FORBIDDEN}").as_bytes());
    let said = format!("arn:aws:iam::{ACCOUNT}:root may not DescribeVpcs");
    let sealed: String = said.chars().rev().collect();
    call.signed().send(&cloud).expect(
        403,
        &[
            "<Code>UnauthorizedOperation</Code>",
            "You are not authorized to perform this operation. arn",
            &format!("{said}. Encoded authorization failure message: {sealed}</Message>"),
        ],
    );
    let answer = Call::ssm("GetParameter", &format!(r#"{{"Name":"{FORBIDDEN}"}}"#)).signed().send(&cloud);
    answer.expect(400, &[r#""__type":"AccessDeniedException""#, "root may not GetParameter\""]);
}

#[test]
fn what_is_too_large_to_be_decided_is_invalid_in_the_words_of_its_protocol() {
    let cloud = Cloud::start();
    let mut call = Call::ec2("DescribeVpcs");
    call.body.extend_from_slice(format!("&NextToken={LARGE}").as_bytes());
    let said = "The request can name at most 1000 resources";
    call.signed().send(&cloud).expect(400, &["<Code>InvalidParameterValue</Code>", said]);
    let answer = Call::ssm("GetParameter", &format!(r#"{{"Name":"{LARGE}"}}"#)).signed().send(&cloud);
    answer.expect(400, &[r#""__type":"ValidationException""#, said]);
}

#[test]
fn errors_have_the_shape_of_their_protocol() {
    let cloud = Cloud::start();
    let ec2 = |operation| Call::ec2(operation).signed().send(&cloud);
    ec2("DescribeSubnets").expect(
        400,
        &[
            "<Response><Errors><Error><Code>InvalidSubnetID.NotFound</Code>",
            "The subnet ID 'subnet-1' does not exist",
        ],
    );
    ec2("DescribeEverything").expect(
        400,
        &["<Code>InvalidAction</Code>", "The action DescribeEverything is not valid for this web service."],
    );
    ec2("DescribeImages")
        .expect(400, &["<Code>InvalidAction</Code>", "EC2 DescribeImages is not implemented"]);
    let answer = Call::query("ec2", "").signed().send(&cloud);
    assert_eq!(answer.status, 400, "{answer:?}");
    let ssm = |operation, json| Call::ssm(operation, json).signed().send(&cloud);
    ssm("GetParameter", r#"{"Name":"/missing"}"#).expect(400, &[r#""__type":"ParameterNotFound""#]);
    ssm("GetParameter", "{}").expect(400, &["ValidationException", "ame"]);
    ssm("GetParameter", "{").expect(400, &["SerializationException"]);
    ssm("GetParameter", r#"{"Name":7}"#).expect(400, &["SerializationException"]);
    ssm("PutParameter", r#"{"Name":"a","Value":"b"}"#).expect(501, &["PutParameter"]);
    ssm("Get", "{}").expect(400, &["UnknownOperationException"]);
    // A service with a model that nobody implements, and one without a model.
    Call::query("sts", "Action=GetCallerIdentity&Version=2011-06-15")
        .signed()
        .send(&cloud)
        .expect(400, &["<Code>InvalidAction</Code>", "STS GetCallerIdentity is not implemented"]);
    Call::query("teleport", "Action=Go")
        .signed()
        .send(&cloud)
        .expect(501, &["The service 'teleport' is not implemented."]);
}

#[test]
fn a_handlers_panic_is_an_internal_error_and_the_connection_lives() {
    let cloud = Cloud::start();
    let mut connection = Connection::open(cloud.address);
    connection.write(&Call::ec2("DescribeRegions").signed().bytes());
    let answer = connection.answer().unwrap();
    answer.expect(500, &["<Code>InternalError</Code>", "An internal error has occurred"]);
    assert!(!answer.body.contains("a bug"), "{answer:?}");
    connection.write(&Call::ec2("DescribeVpcs").signed().bytes());
    connection.answer().unwrap().expect(200, &[]);
}

#[test]
fn bodies_may_be_chunked_and_compressed() {
    let cloud = Cloud::start();
    let mut connection = Connection::open(cloud.address);
    let mut call = Call::ec2("DescribeVpcs");
    call.body.extend_from_slice(b"&VpcId.1=vpc-1");
    connection.write(&call.clone().signed().chunked(7));
    connection.answer().unwrap().expect(200, &["<vpcId>vpc-1</vpcId>"]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&call.body).unwrap();
    call.body = encoder.finish().unwrap();
    call.headers.push(("content-encoding", "gzip".to_owned()));
    connection.write(&call.clone().signed().bytes());
    connection.answer().unwrap().expect(200, &["<vpcId>vpc-1</vpcId>"]);
    call.headers.last_mut().unwrap().1 = "br".to_owned();
    connection.write(&call.clone().bytes());
    connection.answer().unwrap().expect(403, &["MissingAuthenticationToken"]);
    connection.write(&call.signed().bytes());
    connection.answer().unwrap().expect(415, &["The Content-Encoding br is not supported"]);
}

#[test]
fn health_needs_no_signature() {
    let cloud = Cloud::start();
    let get = |target: &str| {
        let mut connection = Connection::open(cloud.address);
        connection.write(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes());
        connection.answer().unwrap()
    };
    let health = get("/_brume/health");
    health.expect(200, &[r#""status":"running""#, r#"["ec2","s3","ssm","sts"]"#]);
    assert_eq!(health.header("content-type"), Some("application/json"));
    get("/_brume/other").expect(404, &[]);
    get("/_brume/../?Action=DescribeVpcs").expect(404, &[]);
}
