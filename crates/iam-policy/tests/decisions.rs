//! What all policies of a request come to, and what is said of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use aws_types::AccountId;
use iam_policy::{
    Attached, Caller, Context, Decision, Effect, Policies, Policy, PolicyRole, Reason, Request, ResourceRule,
    access_denied_message, evaluate,
};

const OWN: &str = "111111111111";
const OTHER: &str = "222222222222";
const QUEUE: &str = "arn:aws:sqs:us-east-1:111111111111:jobs";

/// `*` is a policy that allows everything, `-` one that says nothing of the request, `!` one that denies it. Anything else is a
/// principal that is allowed everything, or denied with `!` before it.
fn policy(text: &str) -> Policy {
    let statement = match text {
        "*" => r#""Effect": "Allow", "Action": "*", "Resource": "*""#.to_owned(),
        "-" => r#""Effect": "Allow", "Action": "s3:*", "Resource": "*""#.to_owned(),
        "!" => r#""Sid": "No", "Effect": "Deny", "Action": "sqs:Send*", "Resource": "*""#.to_owned(),
        principal => {
            let (effect, principal) =
                principal.strip_prefix('!').map_or(("Allow", principal), |principal| ("Deny", principal));
            let principal =
                if principal == "everyone" { "\"*\"".to_owned() } else { format!("{{{principal}}}") };
            format!(r#""Effect": "{effect}", "Principal": {principal}, "Action": "*""#)
        }
    };
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": {{{statement}}}}}"#);
    Policy::parse_stored(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The policies of a row: kinds with what hangs there, separated by commas for levels and by blanks otherwise.
#[derive(Default)]
struct Row {
    identity: Option<Policy>,
    boundary: Option<Policy>,
    session: Option<Vec<Policy>>,
    resource: Option<Policy>,
    rule: ResourceRule,
    owner: Option<AccountId>,
    service_control: Vec<Policy>,
    resource_control: Vec<Policy>,
    endpoint: Option<Policy>,
}

impl Row {
    fn parse(text: &str) -> Self {
        let mut row = Self::default();
        for part in text.split("; ").filter(|part| !part.is_empty()) {
            let (kind, value) = part.split_once(' ').unwrap_or((part, ""));
            let levels = || value.split(',').map(policy).collect();
            match kind {
                "identity" => row.identity = Some(policy(value)),
                "boundary" => row.boundary = Some(policy(value)),
                "session" => row.session = Some(if value.is_empty() { vec![] } else { levels() }),
                "resource" => row.resource = Some(policy(value)),
                "trust" => (row.resource, row.rule) = (Some(policy(value)), ResourceRule::Trust),
                "key" => (row.resource, row.rule) = (Some(policy(value)), ResourceRule::Required),
                "owner" => row.owner = Some(value.parse().unwrap()),
                "scp" => row.service_control = levels(),
                "rcp" => row.resource_control = levels(),
                "endpoint" => row.endpoint = Some(policy(value)),
                other => panic!("{other} is no kind"),
            }
        }
        row
    }

    fn decide(&self, caller: &Caller) -> Decision {
        let at = |name: &'static str| {
            move |policy| Attached { name, owner: "arn:aws:iam::111111111111:user/ann", policy }
        };
        let levels = |policies: &'static str, all| -> Vec<Vec<Attached<'_>>> {
            let all: &Vec<Policy> = all;
            all.iter().map(|policy| vec![at(policies)(policy)]).collect()
        };
        let policies = Policies {
            identity: self.identity.iter().map(at("arn:aws:iam::111111111111:policy/mine")).collect(),
            boundary: self.boundary.as_ref().map(at("arn:aws:iam::111111111111:policy/limit")),
            session: self.session.as_ref().map(|all| all.iter().map(at("given")).collect()),
            resource: self.resource.as_ref().map(at("queue")),
            resource_rule: self.rule,
            resource_owner: self.owner,
            service_control: levels(
                "arn:aws:organizations::1:policy/o-1/service_control_policy/p-1",
                &self.service_control,
            ),
            resource_control: levels(
                "arn:aws:organizations::1:policy/o-1/resource_control_policy/p-2",
                &self.resource_control,
            ),
            endpoint: self.endpoint.as_ref().map(at("vpce-1")),
        };
        let context = Context::new();
        evaluate(
            &policies,
            &Request { caller, action: "sqs:SendMessage", resource: QUEUE, context: &context },
        )
    }
}

fn caller(name: &str) -> Caller {
    let account: AccountId = OWN.parse().unwrap();
    let arn = |text: String| text.parse().unwrap();
    match name {
        "root" => Caller::Root { account },
        "user" => Caller::User { account, arn: arn(format!("arn:aws:iam::{OWN}:user/ann")) },
        "session" => Caller::AssumedRole {
            account,
            session_arn: arn(format!("arn:aws:sts::{OWN}:assumed-role/dev/s1")),
            role_arn: arn(format!("arn:aws:iam::{OWN}:role/dev")),
        },
        "federated" => Caller::FederatedUser {
            account,
            arn: arn(format!("arn:aws:sts::{OWN}:federated-user/fed")),
            user_arn: arn(format!("arn:aws:iam::{OWN}:user/ann")),
        },
        "service" => Caller::Service { name: "sns.amazonaws.com".to_owned(), account: None },
        "web" => Caller::WebIdentity { provider: "accounts.google.com".to_owned() },
        "saml" => Caller::Saml { provider: arn(format!("arn:aws:iam::{OWN}:saml-provider/corp")) },
        "anonymous" => Caller::Anonymous,
        other => panic!("{other} is no caller"),
    }
}

fn check(rows: &[(&str, &str, Reason)]) {
    for (name, policies, expected) in rows {
        let decision = Row::parse(policies).decide(&caller(name));
        assert_eq!(decision.reason, *expected, "{name}: {policies}");
        assert_eq!(decision.effect, expected.effect(), "{name}: {policies}");
    }
}

use PolicyRole::{Boundary, Endpoint, Identity, Resource, ResourceControl, ServiceControl, Session, Trust};
use Reason::{AllowedAsRoot, AllowedBy, ExplicitDeny, NoAllow};

#[test]
fn by_identity() {
    check(&[
        ("user", "", NoAllow(Identity)),
        ("user", "identity -", NoAllow(Identity)),
        ("user", "identity *", AllowedBy(Identity)),
        ("user", "identity !", ExplicitDeny(Identity)),
        ("user", "identity *; boundary *", AllowedBy(Identity)),
        ("user", "identity *; boundary -", NoAllow(Boundary)),
        ("user", "boundary *", NoAllow(Identity)),
        ("user", "identity *; boundary !", ExplicitDeny(Boundary)),
        ("session", "identity *; session *", AllowedBy(Identity)),
        ("session", "identity *; session -,*", AllowedBy(Identity)),
        ("session", "identity *; session -", NoAllow(Session)),
        ("session", "identity *; session *,!", ExplicitDeny(Session)),
        ("federated", "identity *; session", NoAllow(Session)),
        ("root", "", AllowedAsRoot),
        ("root", "session -", NoAllow(Session)),
    ]);
}

#[test]
fn by_organizations_and_endpoints() {
    check(&[
        ("user", "identity *; scp *,*,*", AllowedBy(Identity)),
        ("user", "identity *; scp *,-,*", NoAllow(ServiceControl)),
        ("user", "identity *; scp *,*,!", ExplicitDeny(ServiceControl)),
        ("root", "scp *,!", ExplicitDeny(ServiceControl)),
        ("root", "scp *,-", NoAllow(ServiceControl)),
        ("user", "identity *; rcp *,!", ExplicitDeny(ResourceControl)),
        ("root", "rcp *,!everyone", ExplicitDeny(ResourceControl)),
        ("user", "identity *; rcp *", AllowedBy(Identity)),
        ("user", "identity *; endpoint -", NoAllow(Endpoint)),
        ("user", "identity *; endpoint !", ExplicitDeny(Endpoint)),
        ("user", "identity *; endpoint everyone", AllowedBy(Identity)),
        // A policy of the resource does not reach past an organization.
        ("user", "resource everyone; scp *,-", NoAllow(ServiceControl)),
        // Where several deny, it is the one that comes first on AWS's page.
        ("user", "identity !; scp !; rcp !", ExplicitDeny(ResourceControl)),
        ("user", "identity !; scp -", ExplicitDeny(Identity)),
    ]);
}

#[test]
fn by_resource_within_the_account() {
    let user = r#"resource "AWS": "arn:aws:iam::111111111111:user/ann""#;
    let role = r#"resource "AWS": "arn:aws:iam::111111111111:role/dev""#;
    let session = r#"resource "AWS": "arn:aws:sts::111111111111:assumed-role/dev/s1""#;
    let federated = r#"resource "AWS": "arn:aws:sts::111111111111:federated-user/fed""#;
    let account = r#"resource "AWS": "arn:aws:iam::111111111111:root""#;
    let with = |resource: &str, others: &str| format!("{resource}; {others}");
    let rows = [
        ("user", with(user, ""), AllowedBy(Resource)),
        ("user", with(user, "boundary -"), AllowedBy(Resource)),
        ("user", with(user, "boundary !"), ExplicitDeny(Boundary)),
        ("session", with(user, ""), NoAllow(Identity)),
        ("session", with(role, ""), AllowedBy(Resource)),
        ("session", with(role, "boundary -"), NoAllow(Boundary)),
        ("session", with(role, "boundary *; session -"), NoAllow(Session)),
        ("session", with(role, "boundary *; session *"), AllowedBy(Resource)),
        ("session", with(session, "boundary -; session -"), AllowedBy(Resource)),
        ("federated", with(federated, "session"), AllowedBy(Resource)),
        ("federated", with(user, "session"), NoAllow(Session)),
        ("federated", with(user, "session *; boundary *"), AllowedBy(Resource)),
        ("user", with(account, ""), NoAllow(Identity)),
        ("user", with(account, "identity *; boundary -"), NoAllow(Boundary)),
        ("root", with(account, ""), AllowedAsRoot),
        ("session", with("resource everyone", "boundary -; session -"), AllowedBy(Resource)),
        ("user", with("resource !everyone", "identity *"), ExplicitDeny(Resource)),
        ("root", with("resource !everyone", ""), ExplicitDeny(Resource)),
        ("user", with("resource -", "identity *"), AllowedBy(Identity)),
    ];
    for (name, policies, expected) in &rows {
        check(&[(name, policies, *expected)]);
    }
}

#[test]
fn by_who_has_no_account_here() {
    check(&[
        ("service", "", NoAllow(Resource)),
        ("service", r#"resource "Service": "sns.amazonaws.com""#, AllowedBy(Resource)),
        ("service", r#"resource "Service": "s3.amazonaws.com""#, NoAllow(Resource)),
        ("service", "trust everyone", AllowedBy(Trust)),
        ("web", r#"trust "Federated": "accounts.google.com""#, AllowedBy(Trust)),
        ("web", r#"trust "Federated": "www.amazon.com""#, NoAllow(Trust)),
        ("saml", r#"trust "Federated": "arn:aws:iam::111111111111:saml-provider/corp""#, AllowedBy(Trust)),
        ("anonymous", r#"resource "AWS": "*""#, AllowedBy(Resource)),
        ("anonymous", r#"resource "AWS": "111111111111""#, NoAllow(Resource)),
    ]);
}

#[test]
fn by_trust_and_keys() {
    let user = r#""AWS": "arn:aws:iam::111111111111:user/ann""#;
    let role = r#""AWS": "arn:aws:iam::111111111111:role/dev""#;
    let account = r#""AWS": "111111111111""#;
    for (name, policies, expected) in [
        ("user", "identity *".to_owned(), AllowedBy(Identity)),
        ("user", r#"identity *; trust "AWS": "222222222222""#.to_owned(), NoAllow(Trust)),
        ("user", format!("trust {user}"), AllowedBy(Trust)),
        ("user", format!("trust {account}"), NoAllow(Identity)),
        ("user", format!("identity *; trust {account}"), AllowedBy(Identity)),
        ("session", format!("trust {role}"), AllowedBy(Trust)),
        ("session", format!("trust {role}; session -"), NoAllow(Session)),
        ("user", format!("identity *; trust !{user}"), ExplicitDeny(Trust)),
        ("root", r#"key "AWS": "222222222222""#.to_owned(), NoAllow(Resource)),
        ("root", format!("key {account}"), AllowedBy(Resource)),
    ] {
        check(&[(name, &policies, expected)]);
    }
}

#[test]
fn across_accounts() {
    let account = r#""AWS": "111111111111""#;
    let session = r#""AWS": "arn:aws:sts::111111111111:assumed-role/dev/s1""#;
    for (name, policies, expected) in [
        ("user", "identity *".to_owned(), NoAllow(Resource)),
        ("user", format!("resource {account}"), NoAllow(Identity)),
        ("user", format!("identity *; resource {account}"), AllowedBy(Identity)),
        ("user", "identity *; resource everyone".to_owned(), AllowedBy(Identity)),
        ("user", format!("identity *; boundary -; resource {account}"), NoAllow(Boundary)),
        ("session", format!("resource {session}"), NoAllow(Identity)),
        ("session", format!("identity *; session -; resource {session}"), NoAllow(Session)),
        ("root", String::new(), NoAllow(Resource)),
        ("root", format!("resource {account}"), AllowedAsRoot),
        ("user", format!("identity *; trust {account}"), AllowedBy(Identity)),
        ("user", r#"identity *; trust "AWS": "333333333333""#.to_owned(), NoAllow(Trust)),
        ("service", r#"trust "Service": "sns.amazonaws.com""#.to_owned(), AllowedBy(Trust)),
    ] {
        check(&[(name, &format!("owner {OTHER}; {policies}"), expected)]);
    }
}

#[test]
fn principals_that_are_left_out() {
    let policy = |effect: &str, principals: &str| {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "NotPrincipal": {principals}, "Action": "*"}}}}"#
        );
        Policy::parse_stored(&text).unwrap()
    };
    let ann = r#"{"AWS": "arn:aws:iam::111111111111:user/ann"}"#;
    let ann_and_account = r#"{"AWS": ["arn:aws:iam::111111111111:user/ann", "111111111111"]}"#;
    let session = r#"{"AWS": ["arn:aws:sts::111111111111:assumed-role/dev/s1", "111111111111"]}"#;
    let session_and_role = r#"{"AWS": ["arn:aws:sts::111111111111:assumed-role/dev/s1",
        "arn:aws:iam::111111111111:role/dev", "111111111111"]}"#;
    for (name, effect, principals, boundary, expected) in [
        ("user", "Deny", ann, false, Some(Effect::Deny)),
        ("user", "Deny", ann_and_account, false, None),
        ("user", "Deny", ann_and_account, true, Some(Effect::Deny)),
        ("session", "Deny", session, false, Some(Effect::Deny)),
        ("session", "Deny", session_and_role, false, None),
        ("root", "Deny", ann_and_account, false, None),
        ("anonymous", "Deny", ann_and_account, false, Some(Effect::Deny)),
        ("user", "Allow", ann, false, None),
        ("session", "Allow", ann, false, Some(Effect::Allow)),
        ("anonymous", "Allow", ann, false, Some(Effect::Allow)),
        ("service", "Deny", r#"{"Service": "sns.amazonaws.com"}"#, false, None),
    ] {
        let row = Row {
            resource: Some(policy(effect, principals)),
            boundary: boundary.then(|| self::policy("*")),
            ..Row::default()
        };
        let reason = row.decide(&caller(name)).reason;
        let says = match reason {
            ExplicitDeny(Resource) => Some(Effect::Deny),
            AllowedBy(Resource) => Some(Effect::Allow),
            _ => None,
        };
        assert_eq!(says, expected, "{name} {effect} {principals} {reason:?}");
    }
}

#[test]
fn the_deciding_statement_is_named() {
    let decision = Row::parse("identity !; scp *").decide(&caller("user"));
    let statement = decision.statement.unwrap();
    assert_eq!(statement.policy, "arn:aws:iam::111111111111:policy/mine");
    assert_eq!((statement.index, statement.sid.as_deref()), (0, Some("No")));
    assert_eq!(Row::parse("identity -").decide(&caller("user")).statement, None);
}

#[test]
fn messages() {
    let start = "User: arn:aws:iam::111111111111:user/ann is not authorized to perform: sqs:SendMessage on resource: \
        arn:aws:sqs:us-east-1:111111111111:jobs";
    let no = |kind: &str| format!("{start} because no {kind} allows the sqs:SendMessage action");
    let denied = |kind: &str| format!("{start} with an explicit deny in {kind}");
    let everyone = "!everyone";
    for (policies, expected) in [
        ("", no("identity-based policy")),
        ("identity *; boundary -", no("permissions boundary")),
        ("identity *; session -", no("session policy")),
        ("identity *; scp -", no("service control policy")),
        ("identity *; rcp -", no("resource control policy")),
        ("identity *; endpoint -", no("VPC endpoint policy")),
        ("identity *; owner 222222222222", no("resource-based policy")),
        ("identity *; trust -; identity -; trust \"AWS\": \"333333333333\"", no("resource-based policy")),
        ("identity !", denied("an identity-based policy: arn:aws:iam::111111111111:policy/mine")),
        ("boundary !", denied("a permissions boundary: arn:aws:iam::111111111111:policy/limit")),
        ("session !", denied("a session policy")),
        (
            "scp !",
            denied(
                "a service control policy: arn:aws:organizations::1:policy/o-1/service_control_policy/p-1",
            ),
        ),
        (
            "rcp !",
            denied(
                "a resource control policy: arn:aws:organizations::1:policy/o-1/resource_control_policy/p-2",
            ),
        ),
        ("rcp !; owner 222222222222", denied("a resource control policy")),
        ("endpoint !", denied("a VPC endpoint policy")),
        (&format!("resource {everyone}"), denied("a resource-based policy")),
        (&format!("trust {everyone}"), denied("the role trust policy")),
    ] {
        let decision = Row::parse(policies).decide(&caller("user"));
        let message =
            access_denied_message("arn:aws:iam::111111111111:user/ann", "sqs:SendMessage", QUEUE, &decision);
        assert_eq!(message, expected, "{policies}");
    }
    let decision = Row::parse("").decide(&caller("user"));
    assert_eq!(
        access_denied_message("arn:aws:iam::111111111111:user/ann", "ec2:DescribeVpcs", "*", &decision),
        "User: arn:aws:iam::111111111111:user/ann is not authorized to perform: ec2:DescribeVpcs because no \
         identity-based policy allows the ec2:DescribeVpcs action"
    );
}
