//! What is said of a decision: which statement failed by what, and what would have to change.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use iam_policy::{
    Attached, Caller, Context, Effect, Explanation, FailedCondition, Grant, NearlyAllowed, Policies, Policy,
    PolicyRole, Reason, Remedy, Request, StatementResult, explain,
};

fn policy(statements: &str) -> Policy {
    Policy::parse_stored(&format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#)).unwrap()
}

fn at<'a>(name: &'a str, policy: &'a Policy) -> Attached<'a> {
    Attached { name, owner: "arn:aws:iam::111111111111:user/ann", policy }
}

fn ask(policies: &Policies<'_>) -> Explanation {
    let caller = Caller::User {
        account: "111111111111".parse().unwrap(),
        arn: "arn:aws:iam::111111111111:user/ann".parse().unwrap(),
    };
    let mut context = Context::new();
    context.set("aws:RequestedRegion", "us-east-1");
    context.set_many("aws:TagKeys", ["a", "b"]);
    let resource = "arn:aws:ec2:us-east-1:111111111111:vpc/vpc-1";
    explain(policies, &Request { caller: &caller, action: "ec2:DeleteVpc", resource, context: &context })
}

#[test]
fn every_statement_says_what_is_not_about_the_request() {
    let identity = policy(
        r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
           {"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:*:*:vpc/${aws:username}"},
           {"Sid": "Region", "Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {
               "StringEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-west-2"]},
               "ForAllValues:StringLike": {"aws:TagKeys": "a*"}, "Bool": {"aws:SecureTransport": "true"}}}"#,
    );
    let resource = policy(
        r#"{"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "*", "Resource": "*"},
           {"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "*", "Resource": "*"}"#,
    );
    let explanation = ask(&Policies {
        identity: vec![at("mine", &identity)],
        resource: Some(at("vpc", &resource)),
        ..Policies::default()
    });
    assert_eq!(explanation.decision.reason, Reason::NoAllow(PolicyRole::Identity));
    let failed = |operator: &str, key: &str, policy_values: &[&str]| FailedCondition {
        operator: operator.to_owned(),
        key: key.to_owned(),
        policy_values: policy_values.iter().map(ToString::to_string).collect(),
    };
    let conditions = StatementResult::Conditions(vec![
        failed("StringEquals", "aws:RequestedRegion", &["eu-west-1", "eu-west-2"]),
        failed("ForAllValues:StringLike", "aws:TagKeys", &["a*"]),
        failed("Bool", "aws:SecureTransport", &["true"]),
    ]);
    let other_resource = StatementResult::OtherResource { unresolved: vec!["aws:username".to_owned()] };
    let results: Vec<Vec<&StatementResult>> = explanation
        .policies
        .iter()
        .map(|policy| policy.statements.iter().map(|statement| &statement.result).collect())
        .collect();
    assert_eq!(
        results,
        [
            vec![&StatementResult::OtherPrincipal, &StatementResult::Applies(Grant::Account)],
            vec![&StatementResult::OtherAction, &other_resource, &conditions],
        ]
    );
    assert_eq!(explanation.policies[0].says, Some(Effect::Allow));
    assert_eq!(explanation.policies[1].says, None);
    let nearly = |statement| NearlyAllowed { policy: 1, statement };
    assert_eq!(
        explanation.remedies,
        [Remedy::Allow { role: PolicyRole::Identity, level: None, nearly: vec![nearly(1), nearly(2)] }]
    );
    let (policy, statement) = explanation.nearly(nearly(2)).unwrap();
    assert_eq!((policy.name.as_str(), &statement.result), ("mine", &conditions));
}

#[test]
fn all_that_would_have_to_change_is_said() {
    let all = policy(r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#);
    let nothing = policy(r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#);
    let deny = policy(
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*"},
           {"Sid": "NoVpcs", "Effect": "Deny", "Action": "ec2:*Vpc", "Resource": "*"}"#,
    );
    let explanation = ask(&Policies {
        identity: vec![at("mine", &deny)],
        boundary: Some(at("limit", &nothing)),
        service_control: vec![
            vec![at("full", &all)],
            vec![at("some", &nothing)],
            vec![],
            vec![at("no", &deny)],
        ],
        ..Policies::default()
    });
    assert_eq!(explanation.decision.reason, Reason::ExplicitDeny(PolicyRole::ServiceControl));
    let stop = |role, policy: &str| Remedy::StopDenying {
        role,
        policy: policy.to_owned(),
        owner: "arn:aws:iam::111111111111:user/ann".to_owned(),
        index: 1,
        sid: Some("NoVpcs".to_owned()),
    };
    let allow = |role, level| Remedy::Allow { role, level, nearly: vec![] };
    assert_eq!(
        explanation.remedies,
        [
            stop(PolicyRole::ServiceControl, "no"),
            stop(PolicyRole::Identity, "mine"),
            allow(PolicyRole::ServiceControl, Some(1)),
            allow(PolicyRole::ServiceControl, Some(2)),
            allow(PolicyRole::Boundary, None),
        ]
    );
    let written = serde_json::to_string(&explanation).unwrap();
    assert_eq!(serde_json::from_str::<Explanation>(&written).unwrap(), explanation);
}

#[test]
fn what_is_allowed_needs_nothing() {
    let all = policy(r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#);
    let explanation = ask(&Policies { identity: vec![at("mine", &all)], ..Policies::default() });
    assert!(explanation.decision.is_allowed());
    assert_eq!(explanation.remedies, []);
}

/// What a request brings is told of once, however many conditions ask for it.
#[test]
fn an_explanation_does_not_grow_with_the_values_of_the_request() {
    let condition = r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:UserAgent": "a"}}}"#;
    let identity = policy(&[condition; 60].join(","));
    let caller = Caller::Root { account: "111111111111".parse().unwrap() };
    let size = |agent: String| {
        let mut context = Context::new();
        context.set("aws:UserAgent", agent);
        let policies = Policies {
            boundary: Some(at("limit", &identity)),
            identity: vec![at("mine", &identity)],
            ..Policies::default()
        };
        let request = Request { caller: &caller, action: "ec2:DeleteVpc", resource: "*", context: &context };
        serde_json::to_string(&explain(&policies, &request)).unwrap().len()
    };
    assert_eq!(size("b".repeat(15 << 10)), size("b".to_owned()));
}
