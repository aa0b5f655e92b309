//! Payloads that are read as they come, and content that is written as it is found.

use std::io::Write as _;

use sigv4::{Payload, Request, Signer, SigningTime, sha256_hex};

use crate::client::{Answer, Call, Connection};
use crate::cloud::{Cloud, KEY, NOW_SECS, SECRET};

/// Longer than what is read together with the head.
const LONG: usize = 3_000_000;

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|number| (number % 251) as u8 % 26 + b'a').collect()
}

/// The head of a signed request to S3, and the signature in it.
fn head(
    method: &str,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
    payload: &Payload,
) -> (String, String) {
    let mut all: Vec<(&str, &[u8])> = vec![("host", host.as_bytes())];
    all.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
    let request = Request { method, path, query: "", headers: &all };
    let (region, service) = ("us-east-1", "s3");
    let signer = Signer { access_key_id: KEY, secret: SECRET, session_token: None, region, service };
    let added = signer.sign(&request, payload, SigningTime::from_unix_secs(NOW_SECS).unwrap());
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    for (name, value) in &added {
        head += &format!("{name}: {value}\r\n");
    }
    let (_, authorization) = added.iter().find(|(name, _)| *name == "authorization").unwrap();
    let signature = authorization.rsplit_once("Signature=").unwrap().1.to_owned();
    (head + "\r\n", signature)
}

fn send(cloud: &Cloud, head: &str, body: &[u8]) -> Answer {
    let mut connection = Connection::open(cloud.address);
    connection.write(head.as_bytes());
    connection.write(body);
    connection.answer().expect("an answer")
}

fn put(cloud: &Cloud, path: &str, body: &[u8], payload: &Payload) -> Answer {
    let length = body.len().to_string();
    let (head, _) = head("PUT", "localhost", path, &[("content-length", &length)], payload);
    send(cloud, &head, body)
}

fn get(cloud: &Cloud, host: &str, path: &str) -> Answer {
    send(cloud, &head("GET", host, path, &[], &Payload::Unsigned).0, b"")
}

#[test]
fn objects_go_in_and_out_whatever_their_length() {
    let cloud = Cloud::start();
    for length in [0, 1, 262_144, 262_145, LONG] {
        let body = bytes(length);
        for payload in [Payload::of(&body), Payload::Unsigned] {
            put(&cloud, "/bucket/a/b", &body, &payload).expect(200, &[]);
            let answer = get(&cloud, "localhost", "/bucket/a/b");
            assert_eq!((answer.status, answer.body.len()), (200, length));
            assert!(answer.body.as_bytes() == body, "{length} bytes are others");
        }
    }
    get(&cloud, "localhost", "/bucket/other").expect(404, &["NoSuchKey"]);
}

#[test]
fn what_is_not_as_it_was_signed_is_not_kept() {
    let cloud = Cloud::start();
    for length in [10, LONG] {
        let answer = put(&cloud, "/bucket/x", &bytes(length), &Payload::of(b"other"));
        answer.expect(400, &["XAmzContentSHA256Mismatch"]);
        get(&cloud, "localhost", "/bucket/x").expect(404, &["NoSuchKey"]);
    }
    // Cut off before its end.
    let length = LONG.to_string();
    let (head, _) = head("PUT", "localhost", "/bucket/x", &[("content-length", &length)], &Payload::Unsigned);
    let mut connection = Connection::open(cloud.address);
    connection.write(head.as_bytes());
    connection.write(&bytes(LONG - 1));
    connection.half_close();
    if let Some(answer) = connection.answer() {
        answer.expect(400, &["IncompleteBody"]);
    }
    get(&cloud, "localhost", "/bucket/x").expect(404, &["NoSuchKey"]);
}

#[test]
fn bodies_in_chunks_are_decoded() {
    let cloud = Cloud::start();
    let unsigned = Payload::Streaming("STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned());
    for length in [10, LONG] {
        let data = bytes(length);
        let mut body = Vec::new();
        for chunk in data.chunks(65_536) {
            write!(body, "{:x}\r\n", chunk.len()).unwrap();
            body.extend(chunk);
            body.extend(b"\r\n");
        }
        body.extend(b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
        let (sent, decoded) = (body.len().to_string(), length.to_string());
        let headers = [
            ("content-length", sent.as_str()),
            ("x-amz-decoded-content-length", decoded.as_str()),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ];
        let (request, _) = head("PUT", "localhost", "/bucket/x", &headers, &unsigned);
        let answer = send(&cloud, &request, &body);
        answer.expect(200, &[]);
        assert_eq!(answer.header("x-amz-checksum-crc32"), Some("AAAAAA=="));
        assert!(get(&cloud, "localhost", "/bucket/x").body.as_bytes() == data);
        // Chunks that say that they are signed are, and their signature is looked at.
        let signed = Payload::Streaming("STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned());
        let (request, _) = head("PUT", "localhost", "/bucket/y", &headers[..2], &signed);
        let bad = format!("{length:x};chunk-signature={}\r\n", sha256_hex(b"")).into_bytes();
        let bad = [&bad, &data[..], b"\r\n0;chunk-signature=00\r\n\r\n"].concat();
        let request = request.replace(&sent, &bad.len().to_string());
        // The length is not signed here, for it is replaced in the head alone.
        let refused = send(&cloud, &request, &bad);
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.body.contains("SignatureDoesNotMatch"), "{refused:?}");
        get(&cloud, "localhost", "/bucket/y").expect(404, &["NoSuchKey"]);
    }
}

#[test]
fn a_bucket_may_be_in_the_name_of_the_host() {
    let cloud = Cloud::start();
    put(&cloud, "/bucket/a%20b", b"in", &Payload::Unsigned).expect(200, &[]);
    for host in ["bucket.s3.us-east-1.amazonaws.com", "bucket.s3.localhost:4566", "bucket.localhost:4566"] {
        let answer = get(&cloud, host, "/a%20b");
        assert_eq!((answer.status, answer.body.as_str()), (200, "in"), "{host}");
    }
}

#[test]
fn a_long_payload_that_would_be_refused_is_not_waited_for() {
    let cloud = Cloud::start();
    let length = LONG.to_string();
    let headers = [("content-length", length.as_str()), ("expect", "100-continue")];
    let (request, _) = head("PUT", "localhost", "/bucket/x", &headers, &Payload::Unsigned);
    let request = request.replace("Signature=", "Signature=0");
    let mut connection = Connection::open(cloud.address);
    connection.write(request.as_bytes());
    let answer = connection.answer().expect("an answer");
    assert_eq!(answer.status, 403, "{answer:?}");
    // One that is good is asked for.
    let (request, _) = head("PUT", "localhost", "/bucket/x", &headers, &Payload::Unsigned);
    let mut connection = Connection::open(cloud.address);
    connection.write(request.as_bytes());
    assert_eq!(connection.answer().expect("an answer").status, 100);
    connection.write(&bytes(LONG));
    connection.answer().expect("an answer").expect(200, &[]);
}

#[test]
fn a_short_payload_that_would_be_refused_is_not_waited_for() {
    let cloud = Cloud::start();
    let headers = [("content-length", "5"), ("expect", "100-continue")];
    let (good, _) = head("PUT", "localhost", "/bucket/x", &headers, &Payload::Unsigned);
    let refused = good.replace("Signature=", "Signature=0");
    let mut connection = Connection::open(cloud.address);
    connection.write(refused.as_bytes());
    assert_eq!(connection.answer().expect("an answer").status, 403);
    let mut connection = Connection::open(cloud.address);
    connection.write(good.as_bytes());
    assert_eq!(connection.answer().expect("an answer").status, 100);
    connection.write(b"hello");
    connection.answer().expect("an answer").expect(200, &[]);
}

#[test]
fn there_is_a_limit_of_payloads_at_one_time() {
    let cloud = Cloud::with(|limits| limits.max_payloads = 1);
    let length = LONG.to_string();
    let (request, _) =
        head("PUT", "localhost", "/bucket/x", &[("content-length", &length)], &Payload::Unsigned);
    let mut first = Connection::open(cloud.address);
    first.write(request.as_bytes());
    first.write(&bytes(1_000_000));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut second = Connection::open(cloud.address);
    second.write(request.as_bytes());
    second.answer().expect("an answer").expect(503, &["SlowDown"]);
    first.write(&bytes(LONG - 1_000_000));
    first.answer().expect("an answer").expect(200, &[]);
}

#[test]
fn what_takes_long_is_counted_as_payloads_are() {
    let cloud = Cloud::with(|limits| {
        limits.max_calls = 1;
        limits.max_payloads = 2;
    });
    let copy = || {
        Call::s3("PUT", "/bucket/copy", "", b"").with("x-amz-copy-source", "bucket/a").signed().send(&cloud)
    };
    std::thread::scope(|threads| {
        let held = [(); 2].map(|()| threads.spawn(copy));
        cloud.gate.wait_for(2);
        Call::ec2("DescribeVpcs").signed().send(&cloud).expect(200, &[]);
        copy().expect(503, &["<Code>SlowDown</Code>"]);
        cloud.gate.open();
        for copy in held {
            copy.join().unwrap().expect(200, &[]);
        }
    });
}

#[test]
fn copies_of_objects_take_long() {
    let cloud = Cloud::with_s3_within(None, |limits| limits.max_payloads = 0);
    let ask = |method, path, query: &str, source: Option<&str>| {
        let call = Call::s3(method, path, query, b"");
        let call = source.into_iter().fold(call, |call, source| call.with("x-amz-copy-source", source));
        call.signed().send(&cloud).status
    };
    assert_eq!((ask("PUT", "/bucket", "", None), ask("PUT", "/bucket/a", "", None)), (200, 200));
    assert_eq!(ask("PUT", "/bucket/b", "", Some("bucket/a")), 503);
    assert_eq!(ask("PUT", "/bucket/b", "partNumber=1&uploadId=u", Some("bucket/a")), 503);
    assert_eq!(ask("HEAD", "/bucket/a", "", None), 200);
}
