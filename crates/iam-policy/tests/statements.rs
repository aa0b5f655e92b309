//! Which requests a statement is about: actions, resources, variables and conditions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use iam_policy::{Attached, Caller, Context, Policies, Policy, Request, evaluate};

/// Whether a statement with these members is about the request. The context is `key=value`, with `|` between values.
fn applies(version: &str, members: &str, action: &str, resource: &str, context: &str) -> bool {
    let mut members = members.to_owned();
    for (element, default) in [("Action", "\"Action\": \"*\""), ("Resource", "\"Resource\": \"*\"")] {
        if !members.contains(&format!("{element}\":")) {
            members = format!("{members}{}{default}", if members.is_empty() { "" } else { ", " });
        }
    }
    let text = format!(r#"{{"Version": "{version}", "Statement": {{"Effect": "Allow", {members}}}}}"#);
    let policy = Policy::parse_stored(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let mut known = Context::new();
    for entry in context.split("; ").filter(|entry| !entry.is_empty()) {
        let (key, values) = entry.split_once('=').unwrap();
        known.set_many(key.to_owned(), values.split('|').map(str::to_owned));
    }
    let caller = Caller::User {
        account: "111111111111".parse().unwrap(),
        arn: "arn:aws:iam::111111111111:user/ann".parse().unwrap(),
    };
    let policies = Policies {
        identity: vec![Attached { name: "p", owner: "o", policy: &policy }],
        ..Policies::default()
    };
    evaluate(&policies, &Request { caller: &caller, action, resource, context: &known }).is_allowed()
}

#[test]
fn actions() {
    for (members, action, expected) in [
        (r#""Action": "ec2:DescribeVpcs""#, "ec2:DescribeVpcs", true),
        (r#""Action": "EC2:describevpcs""#, "ec2:DescribeVpcs", true),
        (r#""Action": "ec2:Describe*""#, "ec2:DescribeVpcs", true),
        (r#""Action": "ec2:*Vpc?""#, "ec2:DescribeVpcs", true),
        (r#""Action": "ec2:*Vpc""#, "ec2:DescribeVpcs", false),
        (r#""Action": "*:Describe*""#, "ec2:DescribeVpcs", true),
        (r#""Action": "e*:Describe*""#, "ec2:DescribeVpcs", true),
        (r#""Action": "s3:*""#, "ec2:DescribeVpcs", false),
        (r#""Action": ["s3:*", "ec2:*"]"#, "ec2:DescribeVpcs", true),
        (r#""Action": []"#, "ec2:DescribeVpcs", false),
        (r#""NotAction": "s3:*""#, "ec2:DescribeVpcs", true),
        (r#""NotAction": ["s3:*", "ec2:*"]"#, "ec2:DescribeVpcs", false),
    ] {
        assert_eq!(applies("2012-10-17", members, action, "*", ""), expected, "{members}");
    }
}

#[test]
fn resources() {
    let ann = "aws:username=ann; aws:PrincipalTag/team=r*d; aws:TagKeys=a|b; part=aws";
    for (version, pattern, resource, context, expected) in [
        ("2012-10-17", "*", "*", "", true),
        ("2012-10-17", "arn:aws:ec2:*:*:vpc/*", "*", "", false),
        ("2012-10-17", "arn:aws:ec2:*:*:vpc/*", "arn:aws:ec2:us-east-1:1:vpc/vpc-1", "", true),
        ("2012-10-17", "arn:aws:ec2:us-east-?:*:vpc/*", "arn:aws:ec2:us-east-1:1:vpc/vpc-1", "", true),
        // A star reaches over colons, and case counts.
        ("2012-10-17", "arn:aws:ec2:*vpc-1", "arn:aws:ec2:us-east-1:1:vpc/vpc-1", "", true),
        ("2012-10-17", "arn:aws:ec2:*:VPC/*", "arn:aws:ec2:us-east-1:1:vpc/vpc-1", "", false),
        // What is missing at the end is anything.
        ("2012-10-17", "arn:aws:ec2", "arn:aws:ec2:us-east-1:1:vpc/vpc-1", "", true),
        ("2012-10-17", "arn:aws:s3", "arn:aws:ec2:us-east-1:1:vpc/vpc-1", "", false),
        ("2012-10-17", "arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/ann/x", ann, true),
        ("2012-10-17", "arn:aws:s3:::home/${AWS:UserName}/*", "arn:aws:s3:::home/bob/x", ann, false),
        ("2012-10-17", "arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/ann/x", "", false),
        ("2012-10-17", "arn:aws:s3:::home/${aws:username, 'all'}/*", "arn:aws:s3:::home/all/x", "", true),
        ("2012-10-17", "arn:aws:s3:::home/${aws:username, 'all'}/*", "arn:aws:s3:::home/ann/x", ann, true),
        // A star in a value is a star.
        ("2012-10-17", "arn:aws:s3:::${aws:PrincipalTag/team}", "arn:aws:s3:::red", ann, false),
        ("2012-10-17", "arn:aws:s3:::${aws:PrincipalTag/team}", "arn:aws:s3:::r*d", ann, true),
        // A key of several values is no variable.
        ("2012-10-17", "arn:aws:s3:::${aws:TagKeys}", "arn:aws:s3:::a", ann, false),
        ("2012-10-17", "arn:aws:s3:::a${*}b${?}${$}", "arn:aws:s3:::a*b?$", "", true),
        ("2012-10-17", "arn:aws:s3:::a${*}b", "arn:aws:s3:::axb", "", false),
        // Before the fifth colon nothing is a variable, and in 2008 nothing was.
        ("2012-10-17", "arn:${part}:s3:::a", "arn:aws:s3:::a", ann, false),
        ("2008-10-17", "arn:aws:s3:::home/${aws:username}", "arn:aws:s3:::home/ann", ann, false),
        ("2008-10-17", "arn:aws:s3:::home/${aws:username}", "arn:aws:s3:::home/${aws:username}", ann, true),
        ("2012-10-17", "arn:aws:s3:::${aws:username", "arn:aws:s3:::${aws:username", ann, true),
    ] {
        let members = format!(r#""Resource": "{pattern}""#);
        assert_eq!(applies(version, &members, "s3:x", resource, context), expected, "{pattern} {resource}");
        let members = format!(r#""NotResource": "{pattern}""#);
        assert_eq!(
            applies(version, &members, "s3:x", resource, context),
            !expected,
            "not {pattern} {resource}"
        );
    }
}

fn check(rows: &[(&str, &str, bool)]) {
    for (condition, context, expected) in rows {
        let members = format!(r#""Condition": {{{condition}}}"#);
        assert_eq!(
            applies("2012-10-17", &members, "s3:x", "*", context),
            *expected,
            "{condition} of {context}"
        );
    }
}

#[test]
fn texts() {
    check(&[
        (r#""StringEquals": {"k": "a"}"#, "k=a", true),
        (r#""StringEquals": {"K": "a"}"#, "k=a", true),
        (r#""StringEquals": {"k": "a"}"#, "k=A", false),
        (r#""StringEquals": {"k": ["b", "a"]}"#, "k=a", true),
        (r#""StringEquals": {"k": "a*"}"#, "k=ab", false),
        (r#""StringEquals": {"k": []}"#, "k=a", false),
        (r#""StringEquals": {"k": "a"}"#, "", false),
        (r#""StringEquals": {"k": "a", "l": "b"}"#, "k=a; l=c", false),
        (r#""StringEquals": {"k": "a"}, "StringLike": {"l": "b*"}"#, "k=a; l=bc", true),
        (r#""StringNotEquals": {"k": "a"}"#, "k=b", true),
        (r#""StringNotEquals": {"k": ["a", "b"]}"#, "k=b", false),
        (r#""StringNotEquals": {"k": "a"}"#, "", true),
        (r#""StringEqualsIgnoreCase": {"k": "ÄB"}"#, "k=äb", true),
        (r#""StringEqualsIgnoreCase": {"k": "äb"}"#, "k=äbc", false),
        (r#""StringNotEqualsIgnoreCase": {"k": "AB"}"#, "k=ab", false),
        (r#""StringLike": {"k": "a?c*"}"#, "k=abcd", true),
        (r#""StringLike": {"k": "A*"}"#, "k=abcd", false),
        (r#""StringNotLike": {"k": "a*"}"#, "k=abcd", false),
        (r#""StringEquals": {"k": "${l}"}"#, "k=a; l=a", true),
        (r#""StringLike": {"k": "${l}/*"}"#, "k=a/b; l=a", true),
        (r#""StringLike": {"k": "${l}"}"#, "k=ab; l=a*", false),
        // A variable without a value equals nothing.
        (r#""StringEquals": {"k": "${l}"}"#, "k=a", false),
        (r#""StringNotEquals": {"k": "${l}"}"#, "k=a", true),
        (r#""StringEquals": {"k": ["${l}", "a"]}"#, "k=a", true),
        (r#""StringEquals": {"k": "${l, 'a'}"}"#, "k=a", true),
    ]);
}

#[test]
fn numbers_dates_and_the_like() {
    check(&[
        (r#""NumericEquals": {"k": "10"}"#, "k=10.0", true),
        (r#""NumericEquals": {"k": 10}"#, "k=10", true),
        (r#""NumericNotEquals": {"k": "10"}"#, "k=11", true),
        (r#""NumericLessThan": {"k": "10"}"#, "k=9", true),
        (r#""NumericLessThan": {"k": "10"}"#, "k=10", false),
        (r#""NumericLessThanEquals": {"k": "10"}"#, "k=10", true),
        (r#""NumericGreaterThan": {"k": "-1"}"#, "k=0", true),
        (r#""NumericGreaterThanEquals": {"k": ["20", "10"]}"#, "k=10", true),
        (r#""NumericLessThan": {"k": "10"}"#, "k=few", false),
        (r#""DateLessThan": {"k": "2026-01-01T00:00:00Z"}"#, "k=2025-12-31T23:59:59Z", true),
        (r#""DateLessThan": {"k": "2026-01-01T00:00:00Z"}"#, "k=2026-01-01T00:30:00+01:00", true),
        (r#""DateEquals": {"k": "2026-01-01"}"#, "k=1767225600", true),
        (r#""DateNotEquals": {"k": "2026-01-01"}"#, "k=1767225600", false),
        (r#""DateGreaterThan": {"k": "1767225600"}"#, "k=2026-01-01T00:00:00Z", false),
        (r#""DateGreaterThanEquals": {"k": "1767225600"}"#, "k=2026-01-01T00:00:00Z", true),
        (r#""DateLessThanEquals": {"k": "1767225600"}"#, "k=2026-01-01T00:00:00.5Z", false),
        (r#""Bool": {"k": "true"}"#, "k=true", true),
        (r#""Bool": {"k": true}"#, "k=TRUE", true),
        (r#""Bool": {"k": "false"}"#, "k=true", false),
        (r#""Bool": {"k": "false"}"#, "", false),
        (r#""BoolIfExists": {"k": "false"}"#, "", true),
        (r#""BinaryEquals": {"k": "aGk="}"#, "k=aGk=", true),
        (r#""BinaryEquals": {"k": "aGk="}"#, "k=aGl=", false),
        (r#""BinaryEquals": {"k": "?"}"#, "k=?", false),
        (r#""IpAddress": {"k": "10.0.0.0/8"}"#, "k=10.1.2.3", true),
        (r#""IpAddress": {"k": "10.0.0.0/8"}"#, "k=11.1.2.3", false),
        (r#""IpAddress": {"k": ["10.0.0.1", "2001:db8::/32"]}"#, "k=2001:db8::5", true),
        (r#""NotIpAddress": {"k": "10.0.0.0/8"}"#, "k=10.1.2.3", false),
        (r#""NotIpAddress": {"k": "10.0.0.0/8"}"#, "", true),
        (r#""IpAddress": {"k": "0.0.0.0/0"}"#, "k=ec2.amazonaws.com", false),
    ]);
}

#[test]
fn arns() {
    let context = "k=arn:aws:iam::111111111111:role/app/dev; u=ann; a=arn:aws:iam::111111111111:role/app/dev";
    check(&[
        (r#""ArnEquals": {"k": "arn:aws:iam::111111111111:role/app/dev"}"#, context, true),
        (r#""ArnEquals": {"k": "arn:aws:iam::*:role/*"}"#, context, true),
        (r#""ArnLike": {"k": "arn:*:iam:*:1?1111111111:role/*/dev"}"#, context, true),
        // A star stays in its part.
        (r#""ArnLike": {"k": "arn:aws:*:role/app/dev"}"#, context, false),
        (r#""ArnLike": {"k": "arn:aws:iam::*"}"#, context, false),
        (r#""ArnLike": {"k": "*"}"#, context, true),
        (r#""ArnNotLike": {"k": "arn:aws:iam::*:user/*"}"#, context, true),
        (r#""ArnNotEquals": {"k": "arn:aws:iam::*:role/*"}"#, context, false),
        (r#""ArnLike": {"k": "arn:aws:iam::*:role/*"}"#, "k=dev", false),
        (r#""ArnEquals": {"k": "${a}"}"#, context, true),
        (r#""ArnLike": {"k": "arn:aws:iam::*:user/${u}"}"#, "k=arn:aws:iam::1:user/ann; u=ann", true),
        (r#""ArnLike": {"k": "arn:aws:sns:*:*:*"}"#, "k=arn:aws:sns:us-east-1:1:a:b:c", true),
    ]);
}

#[test]
fn keys_that_are_missing_or_have_several_values() {
    check(&[
        (r#""StringEqualsIfExists": {"k": "a"}"#, "", true),
        (r#""StringEqualsIfExists": {"k": "a"}"#, "k=b", false),
        (r#""StringNotEqualsIfExists": {"k": "a"}"#, "k=a", false),
        (r#""Null": {"k": "true"}"#, "", true),
        (r#""Null": {"k": "true"}"#, "k=a", false),
        (r#""Null": {"k": false}"#, "k=a", true),
        (r#""Null": {"k": "false"}"#, "", false),
        // Without a word before the operator, one value that matches will do.
        (r#""StringEquals": {"k": "a"}"#, "k=a|b", true),
        (r#""StringNotEquals": {"k": "a"}"#, "k=a|b", false),
        (r#""StringNotEquals": {"k": "c"}"#, "k=a|b", true),
        (r#""ForAllValues:StringEquals": {"k": ["a", "b"]}"#, "k=a|b", true),
        (r#""ForAllValues:StringEquals": {"k": "a"}"#, "k=a|b", false),
        (r#""ForAllValues:StringEquals": {"k": "a"}"#, "", true),
        (r#""ForAllValues:StringEquals": {"k": "a"}"#, "k=", true),
        (r#""ForAllValues:StringNotEquals": {"k": "a"}"#, "k=a|b", false),
        (r#""ForAllValues:StringNotEquals": {"k": "c"}"#, "k=a|b", true),
        (r#""ForAnyValue:StringEquals": {"k": "a"}"#, "k=a|b", true),
        (r#""ForAnyValue:StringEquals": {"k": "c"}"#, "k=a|b", false),
        (r#""ForAnyValue:StringEquals": {"k": "a"}"#, "", false),
        (r#""ForAnyValue:StringEqualsIfExists": {"k": "a"}"#, "", true),
        (r#""ForAnyValue:StringNotEquals": {"k": "a"}"#, "k=a|b", true),
        (r#""ForAnyValue:StringNotEquals": {"k": "a"}"#, "k=a", false),
        (r#""ForAnyValue:StringNotEquals": {"k": "a"}"#, "", false),
        (r#""ForAllValues:NumericLessThan": {"k": "5"}"#, "k=1|4", true),
        (r#""ForAnyValue:IpAddress": {"k": "10.0.0.0/8"}"#, "k=192.0.2.1|10.0.0.1", true),
    ]);
}
