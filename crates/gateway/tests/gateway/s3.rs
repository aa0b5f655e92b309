//! What S3's protocol has that no other has: requests of nobody, its errors, digests, and the forms of its signatures.

use checksums::{ChecksumAlgorithm, Hasher};

use service_api::SignaturePlace;

use crate::client::{Answer, Call, Connection};
use crate::cloud::{Cloud, NOW_SECS};

const DELETE: &[u8] = b"<Delete><Object><Key>a</Key></Object></Delete>";

fn put(cloud: &Cloud, path: &'static str, body: &[u8]) -> Answer {
    Call::s3("PUT", path, "", body).signed().send(cloud)
}

#[test]
fn nobody_comes_to_s3_without_a_signature() {
    let cloud = Cloud::start();
    put(&cloud, "/bucket/a", b"kept").expect(200, &[]);
    let get = |path| Call::s3("GET", path, "", b"");
    get("/bucket/a").send(&cloud).expect(200, &["kept"]);
    let mut by_host = get("/a");
    for host in ["bucket.localhost:4566", "bucket.s3.eu-west-1.amazonaws.com"] {
        by_host.headers[0].1 = host.to_owned();
        by_host.send(&cloud).expect(200, &["kept"]);
    }
    get("/bucket/other").send(&cloud).expect(404, &["<Code>NoSuchKey</Code>"]);
    // Whoever is nobody is not told why.
    get("/private/a")
        .send(&cloud)
        .expect(403, &["<Code>AccessDenied</Code><Message>Access Denied</Message>"]);
    get("/missing/a").send(&cloud).expect(404, &["<Code>NoSuchBucket</Code>"]);
    // What needs no permission needs a signature.
    let location = |call: Call| call.send(&cloud);
    let of_bucket = Call::s3("GET", "/bucket", "location", b"");
    location(of_bucket.clone()).expect(403, &["<Code>AccessDenied</Code>"]);
    location(of_bucket.signed()).expect(200, &[">us-east-1</LocationConstraint>"]);
    // Without room for it, read with the head, and read as it comes.
    for length in [0, 5, 200_000, 300_000] {
        let body = vec![b'x'; length];
        Call::s3("PUT", "/bucket/open", "", &body).send(&cloud).expect(200, &[]);
        assert!(get("/bucket/open").send(&cloud).body.as_bytes() == body, "{length}");
        // Whoever may not is told before the body comes.
        let denied = Call::s3("PUT", "/private/open", "", &body);
        let mut connection = Connection::open(cloud.address);
        connection.write(&denied.bytes()[..denied.bytes().len() - length]);
        if length < 131_072 {
            connection.write(&denied.body);
        }
        connection.answer().expect("an answer").expect(403, &["AccessDenied"]);
    }
    Call::s3("GET", "/bucket/a", "response-content-type=text/css", b"")
        .send(&cloud)
        .expect(400, &["<Code>InvalidRequest</Code>", "anonymous GET requests"]);
    let calls = cloud.calls.take();
    let of_nobody = calls.iter().find(|call| call.context.principal.is_anonymous()).expect("there is one");
    assert_eq!(of_nobody.context.way.signature, None);
    // What names no bucket is nobody's.
    get("/").send(&cloud).expect(403, &["<Code>MissingAuthenticationToken</Code>"]);
}

#[test]
fn errors_are_told_as_s3_tells_them() {
    let cloud = Cloud::start();
    put(&cloud, "/bucket/a", b"four").expect(200, &[]);
    let get = |path| Call::s3("GET", path, "", b"").signed().send(&cloud);
    let missing = get("/bucket/a%20b");
    missing.expect(
        404,
        &["<Error><Code>NoSuchKey</Code>", "<Key>a b</Key>", "<Resource>/bucket/a b</Resource>"],
    );
    let id = missing.header("x-amz-request-id").expect("an id");
    missing.expect(404, &[&format!("<RequestId>{id}</RequestId>"), "<HostId>"]);
    assert!(missing.header("x-amz-id-2").is_some());
    let mut by_host = Call::s3("GET", "/b", "", b"");
    by_host.headers[0].1 = "bucket.localhost".to_owned();
    by_host.signed().send(&cloud).expect(404, &["<Resource>/bucket/b</Resource>"]);
    let patched = Call::s3("PATCH", "/bucket/a", "", b"").signed().send(&cloud);
    patched.expect(405, &["<Code>MethodNotAllowed</Code>", "<Method>PATCH</Method><ResourceType>OBJECT<"]);
    let redirected = get("/elsewhere/a");
    redirected.expect(301, &["<Endpoint>s3.eu-west-1.amazonaws.com</Endpoint>"]);
    assert_eq!(redirected.header("x-amz-bucket-region"), Some("eu-west-1"));
    // To HEAD there is no body, and the connection goes on.
    let mut connection = Connection::open(cloud.address);
    for (path, status) in [("/bucket/none", 404), ("/elsewhere/a", 301), ("/bucket/a", 200)] {
        connection.write(&Call::s3("HEAD", path, "", b"").signed().bytes());
        let answer = connection.answer_to("HEAD").expect("an answer");
        assert_eq!(answer.status, status, "{answer:?}");
        let length = answer.header("content-length");
        assert_eq!(length.unwrap_or("0"), if status == 200 { "4" } else { "0" }, "{answer:?}");
    }
    let conditional = |name, value| Call::s3("GET", "/bucket/a", "", b"").with(name, value).signed();
    connection.write(&conditional("if-none-match", "\"4\"").bytes());
    let unchanged = connection.answer_to("GET").expect("an answer");
    assert_eq!((unchanged.status, unchanged.header("etag")), (304, Some("\"4\"")), "{unchanged:?}");
    assert_eq!(unchanged.header("content-type"), None);
    connection.write(&conditional("if-match", "\"5\"").bytes());
    let failed = connection.answer_to("GET").expect("an answer");
    failed.expect(412, &["<Code>PreconditionFailed</Code>", "<Condition>If-Match</Condition>"]);
}

#[test]
fn bodies_are_compared_with_their_digests() {
    let cloud = Cloud::start();
    let delete = |headers: &[(&'static str, &str)]| {
        let mut call = Call::s3("POST", "/bucket", "delete", DELETE);
        for (name, value) in headers {
            call = call.with(name, value);
        }
        call.signed().send(&cloud)
    };
    let sum = |algorithm, body: &[u8]| Hasher::of(algorithm, body).to_base64();
    let (md5, other) = (ChecksumAlgorithm::Md5, b"other");
    delete(&[]).expect(
        400,
        &["<Code>InvalidRequest</Code>", "Missing required header for this request: Content-MD5"],
    );
    delete(&[("content-md5", &sum(md5, DELETE))]).expect(200, &["<DeleteResult ", "<Key>a</Key>"]);
    delete(&[("content-md5", &sum(md5, other))])
        .expect(400, &["<Code>BadDigest</Code>", "Content-MD5", &sum(md5, DELETE)]);
    for wrong in ["", "!", "YQ=="] {
        delete(&[("content-md5", wrong)]).expect(400, &["<Code>InvalidDigest</Code>"]);
    }
    for algorithm in ChecksumAlgorithm::ALL {
        let header = algorithm.header();
        let named = ("x-amz-sdk-checksum-algorithm", algorithm.name());
        delete(&[(header, &sum(algorithm, DELETE)), named]).expect(200, &["<DeleteResult "]);
        delete(&[(header, &sum(algorithm, other))])
            .expect(400, &["<Code>BadDigest</Code>", &format!("The {algorithm} you specified")]);
        delete(&[(header, "YQ")]).expect(400, &["<Code>InvalidRequest</Code>", header]);
        delete(&[named]).expect(400, &["<Code>InvalidRequest</Code>", "no corresponding x-amz-checksum-*"]);
    }
    let (crc32, sha1) = (ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Sha1);
    let two = [(crc32.header(), sum(crc32, DELETE)), (sha1.header(), sum(sha1, DELETE))];
    delete(&[(two[0].0, &two[0].1), (two[1].0, &two[1].1)])
        .expect(400, &["<Code>InvalidRequest</Code>", "Expecting a single x-amz-checksum- header"]);
    // Others may go without, but not with a wrong one.
    let versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let set = |digest: &str| Call::s3("PUT", "/bucket", "versioning", versioning).with("content-md5", digest);
    set(&sum(md5, versioning)).signed().send(&cloud).expect(200, &[]);
    set(&sum(md5, other)).signed().send(&cloud).expect(400, &["<Code>BadDigest</Code>"]);
}

#[test]
fn a_request_deletes_a_thousand_objects_at_most() {
    let cloud = Cloud::start();
    let delete = |count: usize| {
        let object = |number: usize| format!("<Object><Key>{number}</Key></Object>");
        let body = format!("<Delete>{}</Delete>", (0..count).map(object).collect::<String>());
        let sum = Hasher::of(ChecksumAlgorithm::Md5, body.as_bytes()).to_base64();
        Call::s3("POST", "/bucket", "delete", body.as_bytes()).with("content-md5", &sum)
    };
    for is_signed in [true, false] {
        let send = |call: Call| if is_signed { call.signed() } else { call }.send(&cloud);
        send(delete(1_000)).expect(200, &["<Key>999</Key>"]);
        send(delete(1_001)).expect(400, &["<Code>MalformedXML</Code>", "not well-formed"]);
    }
}

#[test]
fn bodies_in_chunks_are_taken_where_nothing_streams() {
    let cloud = Cloud::start();
    let send = |sum: &str| {
        let body = [format!("{:x}\r\n", DELETE.len()).as_bytes(), DELETE, b"\r\n0\r\nx-amz-checksum-crc32:"]
            .concat();
        let body = [&body, sum.as_bytes(), b"\r\n\r\n"].concat();
        Call::s3("POST", "/bucket", "delete", &body)
            .with("content-encoding", "aws-chunked")
            .with("x-amz-trailer", "x-amz-checksum-crc32")
            .with("x-amz-sdk-checksum-algorithm", "CRC32")
            .with("x-amz-decoded-content-length", &DELETE.len().to_string())
            .signed_in_chunks()
            .send(&cloud)
    };
    let sum = Hasher::of(ChecksumAlgorithm::Crc32, DELETE).to_base64();
    send(&sum).expect(200, &["<DeleteResult ", "<Key>a</Key>"]);
    send("AAAAAA==").expect(400, &["<Code>BadDigest</Code>", "The CRC32 you specified"]);
}

#[test]
fn signatures_are_refused_in_the_words_of_s3() {
    let cloud = Cloud::start();
    put(&cloud, "/bucket/a", b"kept").expect(200, &[]);
    let call = || Call::s3("GET", "/bucket/a", "", b"");
    let check = |call: Call, status: u16, parts: &[&str]| {
        call.send(&cloud).expect(status, parts);
    };
    let without_hash = |mut call: Call| {
        call.headers.retain(|(name, _)| *name != "x-amz-content-sha256");
        call
    };
    check(
        without_hash(call().signed()),
        400,
        &["<Code>InvalidRequest</Code>", "Missing required header for this request: x-amz-content-sha256"],
    );
    let mut odd = call().signed();
    for (name, value) in &mut odd.headers {
        if *name == "x-amz-content-sha256" {
            "odd".clone_into(value);
        }
    }
    check(odd, 400, &["<Code>InvalidArgument</Code>", "<ArgumentName>x-amz-content-sha256</ArgumentName>"]);
    let mut wrong = call();
    wrong.secret = "other";
    check(
        wrong.signed(),
        403,
        &[
            "<Code>SignatureDoesNotMatch</Code>",
            "<AWSAccessKeyId>AKIDEXAMPLE<",
            "<StringToSign>AWS4-HMAC-SHA256\n",
            "<CanonicalRequest>GET\n/bucket/a\n",
        ],
    );
    let mut elsewhere = call();
    elsewhere.region = "mars-1";
    let expect = [
        "<Code>AuthorizationHeaderMalformed</Code>",
        "'mars-1' is wrong; expecting 'us-east-1'",
        "<Region>us-east-1</Region>",
    ];
    check(elsewhere.signed(), 400, &expect);
    let mut early = call();
    early.offset_secs = -901;
    check(
        early.signed(),
        403,
        &[
            "<Code>RequestTimeTooSkewed</Code>",
            "<RequestTime>20260101T114459Z<",
            "<ServerTime>2026-01-01T12:00:00Z<",
            "<MaxAllowedSkewMilliseconds>900000<",
        ],
    );
    let mut unknown = call();
    unknown.key = "AKIDOTHER";
    check(unknown.signed(), 403, &["<Code>InvalidAccessKeyId</Code>", "<AWSAccessKeyId>AKIDOTHER<"]);
    // Version 2 is not no signature.
    let old = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
    let in_query = Call::s3("GET", "/bucket/a", "AWSAccessKeyId=AKIDEXAMPLE&Signature=x&Expires=1", b"");
    check(in_query, 400, &["<Code>InvalidRequest</Code>", old]);
    check(call().with("authorization", "AWS AKIDEXAMPLE:x"), 400, &["<Code>InvalidRequest</Code>", old]);
    check(call().with("authorization", "Basic eDp5"), 400, &["Unsupported Authorization Type"]);
    let mut both = call().presigned(60);
    both = both.signed();
    check(both, 400, &["<Code>InvalidArgument</Code>", "Only one auth mechanism allowed"]);
}

#[test]
fn presigned_requests_of_s3() {
    let cloud = Cloud::start();
    put(&cloud, "/bucket/a", b"kept").expect(200, &[]);
    let call = |method, query: &str, body: &[u8]| Call::s3(method, "/bucket/a", query, body);
    let at = |secs| {
        let mut call = call("GET", "", b"");
        call.offset_secs = secs;
        call
    };
    let referer = "http://www.example.com/";
    at(-60).presigned(60).with("referer", referer).send(&cloud).expect(200, &["kept"]);
    // What policies can ask of it.
    let ways: Vec<_> = cloud.calls.take().into_iter().map(|call| call.context.way).collect();
    let places = ways.iter().map(|way| way.signature.map(|signature| signature.place));
    assert_eq!(places.collect::<Vec<_>>(), [Some(SignaturePlace::Header), Some(SignaturePlace::Query)]);
    let signed = ways[1].signature.expect("it is signed").signed;
    assert_eq!((signed.unix_secs(), ways[1].referer.as_deref()), (NOW_SECS - 60, Some(referer)));
    at(-61).presigned(60).send(&cloud).expect(
        403,
        &[
            "<Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>60<",
            "<Expires>2026-01-01T11:59:59Z<",
            "<ServerTime>2026-01-01T12:00:00Z<",
        ],
    );
    let malformed = "<Code>AuthorizationQueryParametersError</Code>";
    at(0).presigned(604_801).send(&cloud).expect(400, &[malformed, "604800"]);
    at(0).presigned(0).send(&cloud).expect(400, &[malformed]);
    let mut without_date = at(0).presigned(60);
    without_date.query = without_date.query.replace("X-Amz-Date=", "X-Amz-Day=");
    without_date.send(&cloud).expect(400, &[malformed, "X-Amz-Date"]);
    let overridden = call("GET", "response-content-type=text%2Fcss", b"").presigned(60).send(&cloud);
    assert_eq!((overridden.status, overridden.header("content-type")), (200, Some("text/css")));
    let plain = at(0).presigned(60).send(&cloud);
    assert_eq!(plain.header("content-type"), Some("binary/octet-stream"));
    // A header that is not signed is not taken, and one in the query is.
    let added = at(0).presigned(60).with("x-amz-meta-a", "b").send(&cloud);
    added.expect(403, &["<HeadersNotSigned>x-amz-meta-a</HeadersNotSigned>"]);
    call("PUT", "x-amz-meta-Colour=r%C3%B6t&x-amz-acl=private", b"new")
        .presigned(60)
        .send(&cloud)
        .expect(200, &[]);
    let found = at(0).presigned(60).send(&cloud);
    assert_eq!(found.header("x-amz-meta-colour"), Some("=?UTF-8?B?csO2dA==?="), "{found:?}");
}
