//! How long a decision takes. SPECIFICATION.md promises the first.
//!
//! The policies are of the size that people write: ten on the identity with four statements each, the last of which allows, so
//! that all are looked at; a boundary; and five levels of an organization with two policies each.

use iam_policy::{
    Attached, Caller, Context, Decision, Effect, Explanation, Policies, Policy, PolicyKind, Request,
    evaluate, explain,
};

fn main() {
    divan::main();
}

const FULL: &str =
    r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;

const REGIONS: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Sid": "Regions", "Effect": "Deny", "NotAction": ["iam:*", "organizations:*", "route53:*", "sts:*", "support:*"],
     "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]},
     "ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/Admin", "arn:aws:iam::*:role/breakglass/*"]}}},
    {"Sid": "Gateways", "Effect": "Deny", "Action": ["ec2:AttachInternetGateway", "ec2:CreateInternetGateway",
     "ec2:CreateEgressOnlyInternetGateway", "ec2:CreateVpcPeeringConnection", "ec2:AcceptVpcPeeringConnection"],
     "Resource": "*"}]}"#;

/// A policy for one team; only the one with the number asked for allows its instances to be started.
fn of_team(number: usize) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [
        {{"Effect": "Allow", "Action": ["ec2:Describe*", "ec2:Get*", "s3:ListAllMyBuckets"], "Resource": "*"}},
        {{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
          "Resource": ["arn:aws:s3:::team-{number}-*/${{aws:username}}/*", "arn:aws:s3:::shared/*"]}},
        {{"Effect": "Deny", "Action": "ec2:*", "Resource": "arn:aws:ec2:*:*:instance/*",
          "Condition": {{"StringNotEquals": {{"aws:ResourceTag/team": "${{aws:PrincipalTag/team}}"}},
                        "Null": {{"aws:ResourceTag/shared": "true"}}}}}},
        {{"Sid": "Own", "Effect": "Allow", "Action": ["ec2:StartInstances", "ec2:StopInstances", "ec2:RebootInstances"],
          "Resource": "arn:aws:ec2:*:*:instance/*",
          "Condition": {{"StringEquals": {{"aws:ResourceTag/number": "{number}"}},
                        "IpAddress": {{"aws:SourceIp": ["10.0.0.0/8", "192.0.2.0/24"]}},
                        "DateLessThan": {{"aws:CurrentTime": "2030-01-01T00:00:00Z"}}}}}}]}}"#
    )
}

struct Fixture {
    identity: Vec<Policy>,
    boundary: Policy,
    full: Policy,
    regions: Policy,
    caller: Caller,
}

impl Fixture {
    fn new() -> Self {
        let parse = |text: &str, kind| Policy::parse(text, kind).expect("the policies are valid");
        Self {
            identity: (1..=10).map(|number| parse(&of_team(number), PolicyKind::Identity)).collect(),
            boundary: parse(FULL, PolicyKind::Identity),
            full: parse(FULL, PolicyKind::ServiceControl),
            regions: parse(REGIONS, PolicyKind::ServiceControl),
            caller: Caller::User {
                account: "111122223333".parse().expect("twelve digits"),
                arn: "arn:aws:iam::111122223333:user/ann".parse().expect("an ARN"),
            },
        }
    }

    fn policies(&self) -> Policies<'_> {
        let at = |policy| Attached { name: "arn:aws:iam::111122223333:policy/team", owner: "ann", policy };
        Policies {
            identity: self.identity.iter().map(at).collect(),
            boundary: Some(at(&self.boundary)),
            service_control: vec![vec![at(&self.full), at(&self.regions)]; 5],
            ..Policies::default()
        }
    }

    fn request<'a>(&'a self, context: &'a Context) -> Request<'a> {
        Request {
            caller: &self.caller,
            action: "ec2:StartInstances",
            resource: "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0",
            context,
        }
    }
}

/// What the gateway knows of every request, and some tags.
fn context() -> Context {
    let mut context = Context::new();
    context.set("aws:CurrentTime", "2026-11-28T07:00:00Z".to_owned());
    context.set("aws:EpochTime", "1795849200".to_owned());
    context.set("aws:PrincipalAccount", "111122223333".to_owned());
    context.set("aws:PrincipalArn", "arn:aws:iam::111122223333:user/ann".to_owned());
    context.set("aws:PrincipalType", "User");
    context.set("aws:PrincipalTag/team", "blue".to_owned());
    context.set("aws:PrincipalTag/number", "10".to_owned());
    context.set("aws:PrincipalOrgID", "o-exampleorg".to_owned());
    context.set("aws:RequestedRegion", "us-east-1".to_owned());
    context.set("aws:ResourceTag/team", "blue".to_owned());
    context.set("aws:ResourceTag/number", "10".to_owned());
    context.set("aws:SecureTransport", "true");
    context.set("aws:SourceIp", "10.1.2.3".to_owned());
    context.set("aws:UserAgent", "aws-cli/2.0".to_owned());
    context.set("aws:userid", "AIDAEXAMPLE".to_owned());
    context.set("aws:username", "ann".to_owned());
    context
}

/// Ten policies, a boundary and five levels of an organization; the last statement of the last policy allows.
#[divan::bench]
fn decision(bencher: divan::Bencher<'_, '_>) {
    let fixture = Fixture::new();
    let (policies, context) = (fixture.policies(), context());
    let request = fixture.request(&context);
    let answer = evaluate(&policies, &request);
    assert_eq!(answer.effect, Effect::Allow);
    assert_eq!(answer.statement.and_then(|statement| statement.sid).as_deref(), Some("Own"));
    bencher.bench(|| -> Decision { evaluate(divan::black_box(&policies), divan::black_box(&request)) });
}

/// The same with the policies put together and the context made, as for a request that comes in.
#[divan::bench]
fn decision_with_its_context(bencher: divan::Bencher<'_, '_>) {
    let fixture = Fixture::new();
    bencher.bench(|| -> Decision {
        let (policies, context) = (fixture.policies(), context());
        evaluate(divan::black_box(&policies), divan::black_box(&fixture.request(&context)))
    });
}

/// The same where the resource has two tags that differ in case alone, which all ten policies ask for.
#[divan::bench]
fn decision_with_rivals(bencher: divan::Bencher<'_, '_>) {
    let fixture = Fixture::new();
    let (policies, mut context) = (fixture.policies(), context());
    context.set_tag("aws:ResourceTag/Team", "red");
    let request = fixture.request(&context);
    assert_eq!(evaluate(&policies, &request).effect, Effect::Deny);
    bencher.bench(|| -> Decision { evaluate(divan::black_box(&policies), divan::black_box(&request)) });
}

/// The same with everything written down.
#[divan::bench]
fn explanation(bencher: divan::Bencher<'_, '_>) {
    let fixture = Fixture::new();
    let (policies, context) = (fixture.policies(), context());
    let request = fixture.request(&context);
    bencher.bench(|| -> Explanation { explain(divan::black_box(&policies), divan::black_box(&request)) });
}

/// One of the ten policies from its text.
#[divan::bench]
fn parse(bencher: divan::Bencher<'_, '_>) {
    let text = of_team(1);
    bencher.bench(|| Policy::parse(divan::black_box(&text), PolicyKind::Identity));
}
