//! Who gets in, and what the others are told.

use crate::client::Call;
use crate::cloud::Cloud;

#[test]
fn nobody_gets_in_without_the_key() {
    let cloud = Cloud::start();
    let check = |change: fn(&mut Call), ec2: (u16, &str), ssm: (u16, &str)| {
        let calls = [(Call::ec2("DescribeVpcs"), ec2), (Call::ssm("GetParameter", r#"{"Name":"a"}"#), ssm)];
        for (mut call, (status, code)) in calls {
            change(&mut call);
            call.signed().send(&cloud).expect(status, &[code]);
        }
    };
    let auth_failure = (401, "<Code>AuthFailure</Code>");
    check(|_| {}, (200, ""), (200, ""));
    check(|call| call.key = "AKIDOTHER", auth_failure, (400, "UnrecognizedClientException"));
    check(|call| call.secret = "other", auth_failure, (400, "InvalidSignatureException"));
    check(|call| call.token = Some("x"), auth_failure, (400, "UnrecognizedClientException"));
    check(|call| call.key = "ASIATEMPORARY", auth_failure, (400, "UnrecognizedClientException"));
    check(
        |call| (call.key, call.token) = ("ASIATEMPORARY", Some("other")),
        auth_failure,
        (400, "UnrecognizedClientException"),
    );
    check(|call| (call.key, call.token) = ("ASIATEMPORARY", Some("token")), (200, ""), (200, ""));
    // The session has ended, and the account is closed.
    check(
        |call| (call.key, call.token) = ("ASIATEMPORARY", Some("old")),
        (400, "<Code>RequestExpired</Code>"),
        (400, "ExpiredTokenException"),
    );
    check(
        |call| call.key = "AKIDCLOSED",
        (401, "<Code>OptInRequired</Code>"),
        (400, "UnrecognizedClientException"),
    );
    check(|call| call.region = "mars-1", auth_failure, (400, "valid region, not 'mars-1'"));
    check(|call| call.offset_secs = 900, (200, ""), (200, ""));
    check(|call| call.offset_secs = -900, (200, ""), (200, ""));
    check(|call| call.offset_secs = 901, auth_failure, (400, "Signature not yet current: 20260101T121501Z"));
    check(
        |call| call.offset_secs = -901,
        (400, "<Code>RequestExpired</Code>"),
        (
            400,
            "Signature expired: 20260101T114459Z is now earlier than 20260101T114500Z (20260101T120000Z - 15 min.)",
        ),
    );
}

#[test]
fn temporary_credentials_are_refused_in_the_words_of_each_protocol() {
    let cloud = Cloud::start();
    let check = |key, token, status, code: &str| {
        let mut call =
            Call::query("sts", "Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=AKIAIOSFODNN7EXAMPLE");
        (call.key, call.token) = (key, token);
        call.signed().send(&cloud).expect(status, &[code]);
    };
    check("ASIATEMPORARY", Some("token"), 200, "123456789012 in us-east-1");
    check("ASIATEMPORARY", Some("old"), 403, "<Code>ExpiredToken</Code>");
    check("ASIATEMPORARY", Some("other"), 403, "<Code>InvalidClientTokenId</Code>");
    check("AKIDCLOSED", None, 403, "<Code>InvalidClientTokenId</Code>");
}

#[test]
fn a_key_is_used_when_its_signature_is_right() {
    let cloud = Cloud::start();
    Call::ec2("DescribeVpcs").signed().send(&cloud).expect(200, &[]);
    let mut elsewhere = Call::ssm("GetParameter", r#"{"Name":"a"}"#);
    elsewhere.region = "eu-west-1";
    elsewhere.signed().send(&cloud).expect(200, &[]);
    let mut wrong = Call::ec2("DescribeVpcs");
    wrong.secret = "other";
    wrong.signed().send(&cloud).expect(401, &[]);
    assert_eq!(*cloud.used.lock().unwrap(), ["AKIDEXAMPLE us-east-1 ec2", "AKIDEXAMPLE eu-west-1 ssm"]);
}

#[test]
fn an_operation_that_needs_no_signature_is_called_without_one() {
    const FORM: &str = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=me\
        &RoleArn=arn:aws:iam::123456789012:role/web&WebIdentityToken=";
    let cloud = Cloud::start();
    let check = |host: &str, region: &str, token_bytes: usize| {
        let mut call = Call::query("sts", &format!("{FORM}{}", "a".repeat(token_bytes)));
        call.headers[0].1 = host.to_owned();
        call.send(&cloud).expect(200, &[&format!("ANONYMOUS_PRINCIPAL in {region}")]);
    };
    check("localhost", "us-east-1", 20_000);
    check("sts.amazonaws.com", "us-east-1", 4);
    check("sts.eu-west-1.amazonaws.com:4566", "eu-west-1", 4);
    // Who signs all the same has to do it right.
    let mut signed = Call::query("sts", &format!("{FORM}aaaa"));
    signed.clone().signed().send(&cloud).expect(200, &["123456789012 in us-east-1"]);
    signed.secret = "other";
    signed.signed().send(&cloud).expect(403, &["<Code>SignatureDoesNotMatch</Code>"]);
    // The others still need one.
    Call::query("sts", "Action=GetCallerIdentity&Version=2011-06-15")
        .send(&cloud)
        .expect(403, &["<Code>MissingAuthenticationToken</Code>"]);
    assert_eq!(cloud.used.lock().unwrap().len(), 1);
}

#[test]
fn what_was_signed_is_what_must_arrive() {
    let cloud = Cloud::start();
    let check = |change: fn(&mut Call)| {
        let mut call = Call::ssm("GetParameter", r#"{"Name":"a"}"#).signed();
        change(&mut call);
        call.send(&cloud).expect(
            400,
            &["InvalidSignatureException", "The Canonical String for this request should have been"],
        );
    };
    check(|call| call.body = br#"{"Name":"b"}"#.to_vec());
    check(|call| call.query = "a=b".to_owned());
    check(|call| call.path = "/a");
    check(|call| call.headers[0].1 = "127.0.0.1".to_owned());
    check(|call| call.headers[2].1 = "AmazonSSM.PutParameter".to_owned());
}

#[test]
fn unsigned_and_half_signed_requests_are_told_so() {
    let cloud = Cloud::start();
    // By host, by target, and with nothing to go by.
    let mut iam = Call::query("iam", "Action=ListUsers&Version=2010-05-08");
    iam.headers[0].1 = "iam.amazonaws.com".to_owned();
    iam.send(&cloud)
        .expect(403, &["<Code>MissingAuthenticationToken</Code>", "Request is missing Authentication Token"]);
    let mut ec2 = Call::ec2("DescribeVpcs");
    ec2.headers[0].1 = "ec2.eu-west-1.amazonaws.com:4566".to_owned();
    ec2.send(&cloud).expect(401, &["<Code>AuthFailure</Code>"]);
    let ssm = Call::ssm("GetParameter", "{}").send(&cloud);
    ssm.expect(400, &[r#""__type":"MissingAuthenticationTokenException""#]);
    // The version of the API gives EC2 away.
    Call::ec2("DescribeVpcs")
        .send(&cloud)
        .expect(401, &["<Response><Errors><Error><Code>AuthFailure</Code>"]);
    Call::query("ec2", "").send(&cloud).expect(403, &["<Code>MissingAuthenticationToken</Code>"]);
    for (from, to, status, code) in [
        ("Signature=", "Sig=", 400, "IncompleteSignature"),
        ("AWS4-HMAC-SHA256 ", "AWS4 ", 400, "IncompleteSignature"),
        ("/aws4_request", "", 400, "IncompleteSignature"),
        ("SignedHeaders=content-type;host;", "SignedHeaders=content-type;", 403, "SignatureDoesNotMatch"),
    ] {
        let mut call = Call::query("sts", "Action=GetCallerIdentity&Version=2011-06-15").signed();
        let authorization = &mut call.headers.last_mut().unwrap().1;
        assert!(authorization.contains(from));
        *authorization = authorization.replace(from, to);
        call.send(&cloud).expect(status, &[&format!("<Code>{code}</Code>")]);
    }
}

#[test]
fn presigned_requests_get_in_until_they_expire() {
    let cloud = Cloud::start();
    let call = |offset_secs, expires_secs| {
        let mut call = Call::ec2("DescribeVpcs");
        call.method = "GET";
        call.query = String::from_utf8(std::mem::take(&mut call.body)).unwrap();
        call.headers.truncate(1);
        call.offset_secs = offset_secs;
        call.presigned(expires_secs)
    };
    call(0, 60).send(&cloud).expect(200, &["<DescribeVpcsResponse"]);
    call(-3600, 3600).send(&cloud).expect(200, &[]);
    call(-3601, 3600).send(&cloud).expect(400, &["<Code>RequestExpired</Code>"]);
    call(901, 3600).send(&cloud).expect(401, &["<Code>AuthFailure</Code>"]);
    let mut tampered = call(0, 60);
    tampered.query = tampered.query.replace("DescribeVpcs", "CreateVpc");
    tampered.send(&cloud).expect(401, &["<Code>AuthFailure</Code>"]);
}

#[test]
fn bodies_outside_the_signature_are_refused() {
    let cloud = Cloud::start();
    for (value, expect) in [
        ("UNSIGNED-PAYLOAD", "should have been"),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "is not supported"),
        (&"0".repeat(64), "does not match what was computed"),
    ] {
        let mut call = Call::ssm("GetParameter", r#"{"Name":"a"}"#);
        call.headers.push(("x-amz-content-sha256", value.to_owned()));
        let mut call = call.signed();
        call.body.push(b' ');
        call.send(&cloud).expect(400, &["InvalidSignatureException", expect]);
    }
}
