//! What is refused, with which words.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::error::Error as _;

use iam_policy::{Policy, PolicyError, PolicyKind, Position, Span};

const SYNTAX: &str = "Syntax errors in policy.";
const VERSION: &str = "Policy document must be version 2012-10-17 or greater.";
const LEGACY: &str = "The policy failed legacy parsing";
const NO_ACTIONS: &str = "Policy statement must contain actions.";
const NO_RESOURCES: &str = "Policy statement must contain resources.";
const DUPLICATE: &str = "Statement IDs (SID) in a single policy must be unique.";
const NO_VENDOR: &str = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
const ORGANIZATION: &str =
    "The provided policy document does not meet the requirements of the specified policy type.";

/// A policy with one statement of these members.
fn of(statement: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": {{{statement}}}}}"#)
}

fn check(kind: PolicyKind, text: &str, expected: &str) {
    let message = Policy::parse(text, kind).map_or_else(|error| error.to_string(), |_| String::new());
    assert_eq!(message, expected, "{kind:?} {text}");
}

fn check_all(kind: PolicyKind, rows: &[(&str, &str)]) {
    for (statement, expected) in rows {
        check(kind, &of(statement), expected);
    }
}

#[test]
fn documents() {
    let statement = r#"{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}"#;
    for (text, expected) in [
        ("not JSON", SYNTAX),
        ("null", SYNTAX),
        ("[]", SYNTAX),
        (r#"{"Version": "2012-10-17"}"#, SYNTAX),
        (r#"{"Version": "2012-10-17", "Statement": []}"#, SYNTAX),
        (r#"{"Version": "2012-10-17", "Statement": ["x"]}"#, SYNTAX),
        (r#"{"Version": "2013-10-17", "Statement": STATEMENT}"#, SYNTAX),
        (r#"{"Statement": STATEMENT}"#, VERSION),
        (r#"{"Version": "2008-10-17", "Statement": STATEMENT}"#, VERSION),
        (r#"{"Version": "2012-10-17", "Id": {}, "Statement": STATEMENT}"#, SYNTAX),
        (r#"{"Version": "2012-10-17", "More": "x", "Statement": STATEMENT}"#, SYNTAX),
        (r#"{"Version": "2012-10-17", "Statement": STATEMENT, "Statement": STATEMENT}"#, SYNTAX),
        (r#"{"Version": "2012-10-17", "Statement": STATEMENT} {}"#, SYNTAX),
        (r#"{"Version": "2012-10-17", "Statement": STATEMENT}"#, ""),
        (r#"{"Version": "2012-10-17", "Id": "x", "Statement": [STATEMENT, STATEMENT]}"#, ""),
    ] {
        check(PolicyKind::Identity, &text.replace("STATEMENT", statement), expected);
        // Only managed policies have to be of the newest version.
        let of_inline = if expected == VERSION { "" } else { expected };
        check(PolicyKind::Inline, &text.replace("STATEMENT", statement), of_inline);
    }
}

#[test]
fn statements() {
    check_all(
        PolicyKind::Identity,
        &[
            (r#""Action": "s3:Get*", "Resource": "*""#, SYNTAX),
            (r#""Effect": "maybe", "Action": "s3:Get*", "Resource": "*""#, SYNTAX),
            (r#""Effect": "denY", "Action": "s3:Get*", "Resource": "*""#, LEGACY),
            (r#""Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "More": "x""#, SYNTAX),
            (r#""Effect": "Allow", "Action": "s3:Get*", "NotAction": "s3:*", "Resource": "*""#, SYNTAX),
            (r#""Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "NotResource": []"#, SYNTAX),
            (r#""Effect": "Allow", "Action": {}, "Resource": "*""#, SYNTAX),
            (r#""Effect": "Allow", "Action": [[]], "Resource": "*""#, SYNTAX),
            (r#""Effect": "Allow", "Action": "s3:Get*", "Resource": ["*", {}]"#, SYNTAX),
            (r#""Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Sid": {}"#, SYNTAX),
            (r#""Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Sid": "AllOf1""#, ""),
            (
                r#""Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Sid": "all of it""#,
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
            ),
            (r#""Effect": "Allow", "Resource": "*""#, NO_ACTIONS),
            (r#""Effect": "Allow", "Action": [], "Resource": "*""#, NO_ACTIONS),
            (r#""Effect": "Allow""#, NO_ACTIONS),
            (r#""Effect": "Allow", "Action": "s3:Get*""#, NO_RESOURCES),
            (r#""Effect": "Allow", "Action": "s3:Get*", "Resource": []"#, NO_RESOURCES),
            (
                r#""Effect": "Allow", "Principal": "*", "Action": "s3:Get*", "Resource": "*""#,
                "Policy document should not specify a principal.",
            ),
        ],
    );
    let twice = r#"{"Version": "2012-10-17", "Statement": [
        {"Sid": "one", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}, {"Sid": "one", "Effect": "Allow"}]}"#;
    check(PolicyKind::Identity, twice, DUPLICATE);
}

#[test]
fn actions() {
    for (action, expected) in [
        ("*", ""),
        ("*:*", ""),
        ("s3:*", ""),
        ("s3-s.x:Get", ""),
        ("iam: with blanks", ""),
        ("invalid", NO_VENDOR),
        ("", NO_VENDOR),
        ("a a:List", "Vendor a a is not valid"),
        ("s3:List:Bucket", "Actions/Condition can contain only one colon."),
    ] {
        for element in ["Action", "NotAction"] {
            check(
                PolicyKind::Identity,
                &of(&format!(r#""Effect": "Allow", "{element}": "{action}", "Resource": "*""#)),
                expected,
            );
        }
    }
}

#[test]
fn resources() {
    let iam = "IAM resource path must either be \"*\" or start with user/, federated-user/, role/, group/, \
        instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, \
        access-report/.";
    for (resource, expected) in [
        ("*", ""),
        ("arn:aws:s3:::bucket", ""),
        ("arn:aws:fdsasf", ""),
        ("arn:aws:ec2:us-east-1::bucket", ""),
        ("arn:*:ec2:*:*:vpc/*", ""),
        ("arn:aws:iam:::user/x", ""),
        ("arn:aws:iam::*:*", ""),
        ("arn:aws:s3:eu-west-1:111122223333:accesspoint/x", ""),
        ("", "Resource  must be in ARN format or \"*\"."),
        ("bucket", "Resource bucket must be in ARN format or \"*\"."),
        ("a:x", "Partition \"x\" is not valid for resource \"arn:x:*:*:*:*\"."),
        ("a:b:cadfsdf", "Partition \"b\" is not valid for resource \"arn:b:cadfsdf:*:*:*\"."),
        ("a:b:c:d:e:f:g:h", "Partition \"b\" is not valid for resource \"arn:b:c:d:e:f:g:h\"."),
        ("aws:s3:::bucket", "Partition \"s3\" is not valid for resource \"arn:s3:::bucket:*\"."),
        ("arn:error:s3:::bucket", "Partition \"error\" is not valid for resource \"arn:error:s3:::bucket\"."),
        ("arn:aws", "Resource vendor must be fully qualified and cannot contain regexes."),
        ("arn:aws:*:::x", "Resource vendor must be fully qualified and cannot contain regexes."),
        (
            "arn:aws:iam:us-east-1::x",
            "IAM resource arn:aws:iam:us-east-1::x cannot contain region information.",
        ),
        ("arn:aws:s3:us-east-1::x", "Resource arn:aws:s3:us-east-1::x can not contain region information."),
        ("arn:aws:iam:::bucket", iam),
        ("arn:aws:s3::bucket", LEGACY),
        ("arn:aws::fdsasf", LEGACY),
        ("arn:aws::::bucket", LEGACY),
    ] {
        for element in ["Resource", "NotResource"] {
            let statement = format!(r#""Effect": "Allow", "Action": "s3:Get*", "{element}": "{resource}""#);
            check(PolicyKind::Identity, &of(&statement), expected);
        }
    }
    // The oldest parser comes first, and looks no further than the first resource that a newer one refuses.
    check_all(
        PolicyKind::Identity,
        &[
            (r#""Effect": "Allow", "Resource": "arn:aws:s3::bucket""#, LEGACY),
            (
                r#""Effect": "Allow", "Action": "x", "Resource": ["arn:no:s3:::b", "arn:no:s3::b"]"#,
                "Partition \"no\" is not valid for resource \"arn:no:s3:::b\".",
            ),
        ],
    );
}

#[test]
fn conditions() {
    for (condition, expected) in [
        ("{}", ""),
        (r#"{"DateGreaterThan": {}}"#, ""),
        (r#"{"a": {}}"#, ""),
        (r#"{"StringEquals": {"a": []}}"#, ""),
        (r#"{"ForAnyValue:StringEqualsIfExists": {"a": "b"}}"#, ""),
        (r#"{"Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"x": 3600}}"#, ""),
        (r#"{"DateLessThan": {"a": "2016-12-13T21:20:37.593194+00:00"}}"#, ""),
        ("[]", SYNTAX),
        (r#""a""#, SYNTAX),
        (r#"{"a": "b"}"#, SYNTAX),
        (r#"{"StringEquals": {"a": {}}}"#, SYNTAX),
        (r#"{"StringEquals": {"a": null}}"#, SYNTAX),
        (r#"{"x": {"a": "1"}}"#, SYNTAX),
        (r#"{"ForAnyValue::StringEqualsIfExists": {"a": "b"}}"#, SYNTAX),
        (r#"{"NullIfExists": {"a": "true"}}"#, SYNTAX),
        (r#"{"DateLessThan": {"a": "soon"}}"#, LEGACY),
        (r#"{"DateLessThan": {"a": "9223372036854775808"}}"#, LEGACY),
        (r#"{"IpAddress": {"aws:SourceIp": "10.0.0.0/40"}}"#, LEGACY),
    ] {
        let statement =
            format!(r#""Effect": "Deny", "Action": "s3:Get*", "Resource": "*", "Condition": {condition}"#);
        check(PolicyKind::Identity, &of(&statement), expected);
    }
    check(
        PolicyKind::Resource,
        &of(
            r#""Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"StringEqual": {"a": "b"}}"#,
        ),
        "Invalid Condition type : StringEqual.",
    );
}

#[test]
fn trust_policies() {
    let invalid = |kind, name| format!("Invalid principal in policy: \"{kind}\":\"{name}\"");
    for (principal, action, expected) in [
        (r#"{"Service": "ec2.amazonaws.com"}"#, "sts:AssumeRole", String::new()),
        (r#"{"AWS": ["111122223333", "*"]}"#, "sts:TagSession", String::new()),
        (r#"{"AWS": "arn:aws:iam::111122223333:role/path/x"}"#, "sts:AssumeRole*", String::new()),
        (r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/x/s"}"#, "sts:*", String::new()),
        (r#"{"AWS": "AROAEXAMPLEEXAMPLE123"}"#, "sts:AssumeRole", String::new()),
        (r#"{"Federated": "accounts.google.com"}"#, "sts:AssumeRoleWithWebIdentity", String::new()),
        (
            r#"{"Federated": "arn:aws:iam::111122223333:saml-provider/x"}"#,
            "sts:AssumeRoleWithSAML",
            String::new(),
        ),
        (
            r#""*""#,
            "sts:AssumeRole",
            "AssumeRolepolicy contained an invalid principal: \"STAR\":\"*\".".to_owned(),
        ),
        (r#"{"AWS": "111"}"#, "sts:AssumeRole", invalid("AWS", "111")),
        (
            r#"{"AWS": "arn:aws:iam::111122223333:user/*"}"#,
            "sts:AssumeRole",
            invalid("AWS", "arn:aws:iam::111122223333:user/*"),
        ),
        (
            r#"{"AWS": "arn:aws:iam::111122223333:group/x"}"#,
            "sts:AssumeRole",
            invalid("AWS", "arn:aws:iam::111122223333:group/x"),
        ),
        (r#"{"Service": "ec2"}"#, "sts:AssumeRole", invalid("SERVICE", "ec2")),
        (r#"{"Federated": "google"}"#, "sts:AssumeRole", invalid("FEDERATED", "google")),
        (r#"{"Nobody": "x"}"#, "sts:AssumeRole", invalid("NOBODY", "x")),
        ("{}", "sts:AssumeRole", "Missing required field Principal".to_owned()),
        (
            r#"{"AWS": "*"}"#,
            "s3:Get*",
            "AssumeRole policy may only specify STS AssumeRole actions.".to_owned(),
        ),
        (
            r#"{"AWS": "*"}"#,
            "sts:GetCallerIdentity",
            "AssumeRole policy may only specify STS AssumeRole actions.".to_owned(),
        ),
    ] {
        let statement = format!(r#""Effect": "Allow", "Principal": {principal}, "Action": "{action}""#);
        check(PolicyKind::Trust, &of(&statement), &expected);
    }
    check_all(
        PolicyKind::Trust,
        &[
            (
                r#""Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", "Resource": "*""#,
                "Has prohibited field Resource",
            ),
            (r#""Effect": "Allow", "Action": "sts:AssumeRole""#, "Missing required field Principal"),
            (r#""Effect": "Allow", "Principal": {"AWS": "*"}"#, "Missing required field Action"),
        ],
    );
    // The language of 2008 will do.
    check(
        PolicyKind::Trust,
        r#"{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}}"#,
        "",
    );
}

#[test]
fn policies_of_organizations() {
    check_all(
        PolicyKind::ServiceControl,
        &[
            (r#""Effect": "Deny", "Action": "ec2:*", "Resource": "*""#, ""),
            (r#""Effect": "Allow", "NotAction": "ec2:*", "Resource": "*""#, ""),
            (
                r#""Effect": "Allow", "Action": "s3:*Object", "NotResource": "arn:aws:s3:::x", "Condition": {"Bool": {"a": "true"}}"#,
                "",
            ),
            (r#""Effect": "Deny", "Principal": "*", "Action": "ec2:*", "Resource": "*""#, ORGANIZATION),
            (r#""Effect": "Deny", "Action": "ec2:*""#, ORGANIZATION),
            ("", ORGANIZATION),
        ],
    );
    check_all(
        PolicyKind::ResourceControl,
        &[
            (r#""Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*""#, ""),
            (
                r#""Effect": "Deny", "Principal": "*", "Action": ["s3:*", "sts:AssumeRole"], "Resource": "*""#,
                "",
            ),
            (
                r#""Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "NotResource": "arn:aws:s3:::x""#,
                "",
            ),
            (r#""Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*""#, ORGANIZATION),
            (
                r#""Effect": "Deny", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*""#,
                ORGANIZATION,
            ),
            (r#""Effect": "Deny", "NotPrincipal": "*", "Action": "s3:*", "Resource": "*""#, ORGANIZATION),
            (r#""Effect": "Deny", "Principal": "*", "NotAction": "s3:*", "Resource": "*""#, ORGANIZATION),
            (r#""Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*""#, ORGANIZATION),
        ],
    );
    let error =
        Policy::parse(&of(r#""Effect": "Deny", "Action": "ec2:*""#), PolicyKind::ServiceControl).unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), NO_RESOURCES);
    assert!(matches!(error, PolicyError::OfOrganization(_)));
}

#[test]
fn stored_policies_are_read_without_the_rules_of_their_kind() {
    let refused = r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "bucket"}}"#;
    check(PolicyKind::Identity, refused, VERSION);
    let written = serde_json::to_string(&Policy::parse_stored(refused).unwrap()).unwrap();
    let read: Policy = serde_json::from_str(&written).unwrap();
    assert_eq!(read.text(), refused);
    assert_eq!(read, read.clone());
    assert!(serde_json::from_str::<Policy>("\"not a policy\"").is_err());
}

#[test]
fn keys_and_places_are_found() {
    let text = r#"{"Version": "2012-10-17", "Id": "[{", "Statement": [
  {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}/${x, 'd'}",
   "Condition": {"StringLike": {"s3:prefix": ["${aws:UserName}", "}\"{"]}, "ArnLike": {"aws:SourceArn": "${y}"}}},
  {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Null": {"z": "true"}}}]}"#;
    let policy = Policy::parse(text, PolicyKind::Identity).unwrap();
    assert_eq!(policy.context_keys(), ["aws:username", "x", "s3:prefix", "aws:SourceArn", "y", "z"]);
    let at = |line, column| Position { line, column };
    let spans = [Span { start: at(2, 3), end: at(3, 114) }, Span { start: at(4, 3), end: at(4, 94) }];
    assert_eq!(policy.spans(), spans);
    let one =
        r#"{"Version": "2012-10-17", "\u0053tatement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    let policy = Policy::parse(one, PolicyKind::Identity).unwrap();
    assert_eq!(policy.spans(), [Span { start: at(1, 45), end: at(1, 95) }]);
}

#[test]
fn white_space_is_not_billed() {
    assert_eq!(Policy::billed_chars("{ \"a\":\n\t\"é b\" }"), 10);
}
