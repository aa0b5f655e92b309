//! What is accepted, what is refused, and under which name.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sigv4::{
    Flavour, Payload, Place, Presented, Request, SignatureError, Signer, SigningTime, UriRules, verify,
};

const SECRET: &str = "secret";
const BODY: &[u8] = b"Action=DescribeVpcs";

fn now() -> SigningTime {
    SigningTime::parse_basic("20260101T120000Z").unwrap()
}

fn signer() -> Signer<'static> {
    Signer { access_key_id: "AKID", secret: SECRET, session_token: None, region: "eu-west-1", service: "ec2" }
}

/// A signed request that owns its parts, so that a test can tamper with them.
#[derive(Clone)]
struct Signed {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Signed {
    fn new() -> Self {
        let mut signed = Self {
            method: "POST".to_owned(),
            path: "/a%20b".to_owned(),
            query: "x=1&a=%20".to_owned(),
            headers: vec![("host".to_owned(), b"localhost:4566".to_vec())],
            body: BODY.to_vec(),
        };
        let added = signed.with(|request| signer().sign(request, &Payload::of(BODY), now()));
        signed.headers.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())));
        signed
    }

    fn presigned(expires_secs: u32) -> Self {
        let mut signed = Self { query: "Action=DescribeVpcs".to_owned(), body: Vec::new(), ..Self::new() };
        signed.headers.truncate(1);
        signed.query =
            signed.with(|request| signer().presign(request, &Payload::of(b""), now(), expires_secs));
        signed
    }

    fn with<T>(&self, run: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        run(&Request { method: &self.method, path: &self.path, query: &self.query, headers: &headers })
    }

    fn header(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.headers.iter_mut().find(|(header, _)| header == name).unwrap().1
    }

    fn verify_at(&self, now: SigningTime) -> Result<Presented, SignatureError> {
        self.with(|request| {
            let presented = Presented::of(request)?;
            verify(&presented, request, &Payload::of(&self.body), UriRules::Normalised, SECRET, now)?;
            Ok(presented)
        })
    }
}

#[test]
fn accepts_what_it_signed() {
    let presented = Signed::new().verify_at(now()).unwrap();
    assert_eq!((presented.access_key_id.as_str(), presented.scope.region.as_str()), ("AKID", "eu-west-1"));
    let presented = Signed::presigned(60).verify_at(now().plus_secs(60)).unwrap();
    assert_eq!(presented.place, Place::Query { expires_secs: 60 });
}

#[test]
fn headers_may_be_folded_differently_and_queries_reordered() {
    let mut signed = Signed::new();
    signed.query = "a=%20&x=1".to_owned();
    *signed.header("host") = b"  localhost:4566 ".to_vec();
    signed.headers.push(("user-agent".to_owned(), b"added by a proxy \xff".to_vec()));
    signed.verify_at(now()).unwrap();
}

/// Every part that the signature covers, changed alone, breaks it.
#[test]
fn tampering_is_seen() {
    type Change = fn(&mut Signed);
    let changes: &[(&str, Change)] = &[
        ("method", |signed| signed.method = "GET".to_owned()),
        ("path", |signed| signed.path = "/a%20c".to_owned()),
        ("encoding of the path", |signed| signed.path = "/a b".to_owned()),
        ("query", |signed| signed.query = "x=2&a=%20".to_owned()),
        ("more query", |signed| signed.query.push_str("&y=")),
        ("body", |signed| signed.body.push(b' ')),
        ("host", |signed| *signed.header("host") = b"localhost:4567".to_vec()),
        ("a second host", |signed| signed.headers.push(("host".to_owned(), b"other".to_vec()))),
        ("time", |signed| *signed.header("x-amz-date") = b"20260101T120001Z".to_vec()),
        ("region", |signed| replace(signed, "eu-west-1", "eu-west-2")),
        ("service", |signed| replace(signed, "/ec2/", "/iam/")),
        ("signature", |signed| signed.header("authorization").pop().into_iter().for_each(drop)),
        ("signed headers", |signed| replace(signed, "SignedHeaders=host;", "SignedHeaders=accept;host;")),
    ];
    for (what, change) in changes {
        let mut signed = Signed::new();
        change(&mut signed);
        let error = signed.verify_at(now()).unwrap_err();
        assert!(matches!(error, SignatureError::Mismatch { .. }), "{what}: {error}");
    }
    let mut signed = Signed::new();
    replace(&mut signed, "SignedHeaders=host;", "SignedHeaders=");
    assert_eq!(signed.verify_at(now()), Err(SignatureError::HostNotSigned));
}

fn replace(signed: &mut Signed, from: &str, to: &str) {
    let header = signed.header("authorization");
    let text = String::from_utf8(header.clone()).unwrap();
    assert!(text.contains(from));
    *header = text.replace(from, to).into_bytes();
}

#[test]
fn a_mismatch_shows_what_was_expected() {
    let mut signed = Signed::new();
    signed.body.clear();
    let message = signed.verify_at(now()).unwrap_err().to_string();
    for part in [
        "'POST\n/a%2520b\na=%20&x=1\nhost:localhost:4566\n",
        "'AWS4-HMAC-SHA256\n20260101T120000Z\n20260101/eu-west-1/ec2/aws4_request\n",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_clock_may_be_15_minutes_off() {
    let signed = Signed::new();
    for off in [-900, 0, 900] {
        signed.verify_at(now().plus_secs(off)).unwrap();
    }
    let expired = signed.verify_at(now().plus_secs(901)).unwrap_err();
    assert_eq!(
        expired.to_string(),
        "Signature expired: 20260101T120000Z is now earlier than 20260101T120001Z (20260101T121501Z - 15 min.)"
    );
    let early = signed.verify_at(now().plus_secs(-901)).unwrap_err();
    assert_eq!(
        early.to_string(),
        "Signature not yet current: 20260101T120000Z is still later than 20260101T115959Z (20260101T114459Z + 15 min.)"
    );
}

#[test]
fn presigned_requests_end() {
    assert!(matches!(
        Signed::presigned(60).verify_at(now().plus_secs(61)),
        Err(SignatureError::PresignedExpired { .. })
    ));
    assert_eq!(Signed::presigned(604_801).verify_at(now()), Err(SignatureError::BadExpiry(604_801)));
    assert_eq!(Signed::presigned(0).verify_at(now()), Err(SignatureError::BadExpiry(0)));
    let mut signed = Signed::presigned(60);
    signed.query = signed.query.replace("X-Amz-Expires=60", "X-Amz-Expires=600");
    assert!(matches!(signed.verify_at(now()), Err(SignatureError::Mismatch { .. })));
}

fn presented_error(headers: &[(&str, &str)], query: &str) -> SignatureError {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    Presented::of(&Request { method: "POST", path: "/", query, headers: &headers }).unwrap_err()
}

#[test]
fn what_is_missing_is_named() {
    let date = ("x-amz-date", "20260101T120000Z");
    assert_eq!(presented_error(&[], ""), SignatureError::Missing);
    // Of version 2, which is not the same as none.
    let of_version_2 = "AWSAccessKeyId=AKID&Signature=x&Expires=1";
    assert_eq!(presented_error(&[], of_version_2), SignatureError::Mechanism("AWS".to_owned()));
    let good = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=00";
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let cases: &[(Headers<'_>, &str, &str)] = &[
        (&[("authorization", "Basic eA=="), date], "", "Unsupported AWS 'algorithm': 'Basic'"),
        (
            &[("authorization", "AWS4-HMAC-SHA256"), date],
            "",
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature'",
        ),
        (&[("authorization", good)], "", "requires existence of either a 'X-Amz-Date' or a 'Date' header"),
        (
            &[("authorization", good), ("x-amz-date", "yesterday")],
            "",
            "Date must be in ISO-8601 'basic format'. Got 'yesterday'",
        ),
        (
            &[("authorization", &good.replace("/ec2", "")), date],
            "",
            "Credential must have exactly 5 slash-delimited elements",
        ),
        (
            &[("authorization", &good.replace("aws4", "aws5")), date],
            "",
            "Credential must have exactly 5 slash-delimited elements",
        ),
        (&[("authorization", &good.replace("=00", "=")), date], "", "requires 'Signature' parameter"),
        (&[], "X-Amz-Algorithm=AWS4-HMAC-SHA256", "must include 'X-Amz-Credential'"),
        (&[], "X-Amz-Algorithm=x", "Unsupported AWS 'algorithm': 'x'"),
    ];
    for (headers, query, expect) in cases {
        match presented_error(headers, query) {
            error @ (SignatureError::Incomplete(_) | SignatureError::Mechanism(_)) => {
                assert!(error.to_string().contains(expect), "{error}");
            }
            error => panic!("{error:?}"),
        }
    }
}

#[test]
fn every_family_has_its_names() {
    let mismatch =
        SignatureError::Mismatch { canonical_request: String::new(), string_to_sign: String::new() };
    let expired = SignatureError::Expired { time: now(), now: now() };
    let table = [
        (
            Flavour::Ec2,
            [
                "AuthFailure 401",
                "IncompleteSignature 400",
                "AuthFailure 401",
                "AuthFailure 401",
                "RequestExpired 400",
            ],
        ),
        (
            Flavour::Query,
            [
                "MissingAuthenticationToken 403",
                "IncompleteSignature 400",
                "InvalidClientTokenId 403",
                "SignatureDoesNotMatch 403",
                "SignatureDoesNotMatch 403",
            ],
        ),
        (
            Flavour::Json,
            [
                "MissingAuthenticationTokenException 400",
                "IncompleteSignatureException 400",
                "UnrecognizedClientException 400",
                "InvalidSignatureException 400",
                "InvalidSignatureException 400",
            ],
        ),
        (
            Flavour::RestJson,
            [
                "MissingAuthenticationTokenException 403",
                "IncompleteSignatureException 403",
                "UnrecognizedClientException 403",
                "InvalidSignatureException 403",
                "InvalidSignatureException 403",
            ],
        ),
        (
            Flavour::S3,
            [
                "AccessDenied 403",
                "AuthorizationHeaderMalformed 400",
                "InvalidAccessKeyId 403",
                "SignatureDoesNotMatch 403",
                "RequestTimeTooSkewed 403",
            ],
        ),
    ];
    let errors = [
        SignatureError::Missing,
        SignatureError::Incomplete(String::new()),
        SignatureError::UnknownKey,
        mismatch,
        expired,
    ];
    for (flavour, expect) in table {
        let found = errors.each_ref().map(|error| {
            let error = error.to_aws(flavour);
            format!("{} {}", error.code, error.status)
        });
        assert_eq!(found, expect, "{flavour:?}");
    }
}

#[test]
fn s3_wants_its_headers_signed() {
    let signer = Signer { service: "s3", ..signer() };
    let headers: Vec<(&str, &[u8])> = vec![("host", b"b.localhost")];
    let request = Request { method: "GET", path: "/a//b/../%2F", query: "", headers: &headers };
    let added = signer.sign(&request, &Payload::Unsigned, now());
    let mut all = headers.clone();
    all.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let check = |headers: &[(&str, &[u8])]| {
        let request = Request { headers, ..request };
        let presented = Presented::of(&request).unwrap();
        verify(&presented, &request, &Payload::Unsigned, UriRules::S3, SECRET, now())
    };
    assert_eq!(check(&all), Ok(()));
    all.push(("x-amz-acl", b"public-read"));
    assert_eq!(check(&all), Err(SignatureError::HeaderNotSigned("x-amz-acl".to_owned())));
}

proptest! {
    #[test]
    fn anything_signed_verifies(
        path in "/[ -~é]{0,20}",
        query in "[ -~é]{0,20}",
        value in "[ -~]{0,20}",
        body in any::<Vec<u8>>(),
        s3 in any::<bool>(),
    ) {
        let signer = Signer { service: if s3 { "s3" } else { "ec2" }, ..signer() };
        let rules = if s3 { UriRules::S3 } else { UriRules::Normalised };
        let mut headers: Vec<(&str, &[u8])> = vec![("host", b"h"), ("x-amz-meta-a", value.as_bytes())];
        let request = Request { method: "PUT", path: &path, query: &query, headers: &headers.clone() };
        let payload = Payload::of(&body);
        let added = signer.sign(&request, &payload, now());
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        let request = Request { headers: &headers, ..request };
        let presented = Presented::of(&request).unwrap();
        prop_assert_eq!(verify(&presented, &request, &payload, rules, SECRET, now()), Ok(()));
    }

    #[test]
    fn reading_never_panics(authorization in "(AWS4-HMAC-SHA256 )?[ -~]{0,80}", query in "(X-Amz-Algorithm=)?[ -~]{0,80}") {
        let headers: Vec<(&str, &[u8])> = vec![("authorization", authorization.as_bytes()), ("x-amz-date", b"20260101T120000Z")];
        for headers in [headers.as_slice(), &[]] {
            let _ = Presented::of(&Request { method: "GET", path: "/", query: &query, headers });
        }
    }
}
