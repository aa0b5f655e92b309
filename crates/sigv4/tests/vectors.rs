//! Signatures that AWS has published: its Signature Version 4 test suite, and the examples of the S3 documentation.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

#![allow(clippy::unwrap_used)]

use sigv4::{CredentialScope, Payload, Request, Signer, SigningTime, derive_key};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const S3_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn time(text: &str) -> SigningTime {
    SigningTime::parse_basic(text).unwrap()
}

/// The signature that a signer gives a request; it ends the `authorization` header.
fn signature(headers: &[(&'static str, String)]) -> String {
    headers.last().unwrap().1.rsplit_once("Signature=").unwrap().1.to_owned()
}

fn check(method: &str, target: &str, headers: &[(&str, &str)], body: &str, expect: &str) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut all: Vec<(&str, &[u8])> = vec![("host", b"example.amazonaws.com")];
    all.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
    let request = Request { method, path, query, headers: &all };
    let signer = Signer {
        access_key_id: "AKIDEXAMPLE",
        secret: SECRET,
        session_token: None,
        region: "us-east-1",
        service: "service",
    };
    let signed = signer.sign(&request, &Payload::of(body.as_bytes()), time("20150830T123600Z"));
    assert_eq!(signature(&signed), expect, "{method} {target}");
}

#[test]
fn the_test_suite() {
    const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    for path in ["/", "//", "/.", "/./", "/example/..", "/example1/example2/../.."] {
        check("GET", path, &[], "", VANILLA);
    }
    check("GET", "/ሴ", &[], "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
    check(
        "GET",
        "/example space/",
        &[],
        "",
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    );
    check(
        "GET",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        &[],
        "",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    );
    check(
        "GET",
        "/?Param2=value2&Param1=value1",
        &[],
        "",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    );
    check("POST", "/", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    check(
        "POST",
        "/",
        &[("content-type", "application/x-www-form-urlencoded")],
        "Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    );
    check(
        "GET",
        "/",
        &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
        "",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    );
    check(
        "GET",
        "/",
        &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
        "",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
}

#[test]
fn the_derived_key_of_the_documentation() {
    let scope = CredentialScope {
        date: "20150830".to_owned(),
        region: "us-east-1".to_owned(),
        service: "iam".to_owned(),
    };
    let key: String = derive_key(SECRET, &scope).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(key, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

fn check_s3(method: &str, target: &str, headers: &[(&str, &str)], body: &str, expect: &str) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut all: Vec<(&str, &[u8])> = vec![("host", b"examplebucket.s3.amazonaws.com")];
    all.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
    let request = Request { method, path, query, headers: &all };
    let signed = s3_signer().sign(&request, &Payload::of(body.as_bytes()), time("20130524T000000Z"));
    assert_eq!(signature(&signed), expect, "{method} {target}");
}

fn s3_signer() -> Signer<'static> {
    Signer {
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        secret: S3_SECRET,
        session_token: None,
        region: "us-east-1",
        service: "s3",
    }
}

#[test]
fn the_s3_examples() {
    check_s3(
        "GET",
        "/test.txt",
        &[("range", "bytes=0-9")],
        "",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    check_s3(
        "PUT",
        "/test%24file.text",
        &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
        "Welcome to Amazon S3.",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    check_s3(
        "GET",
        "/?lifecycle",
        &[],
        "",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    );
    check_s3(
        "GET",
        "/?max-keys=2&prefix=J",
        &[],
        "",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    );
}

#[test]
fn the_presigned_s3_example() {
    let headers: &[(&str, &[u8])] = &[("host", b"examplebucket.s3.amazonaws.com")];
    let request = Request { method: "GET", path: "/test.txt", query: "", headers };
    let query = s3_signer().presign(&request, &Payload::Unsigned, time("20130524T000000Z"), 86_400);
    assert_eq!(
        query,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    );
}
