//! Policies that somebody attaches.

use std::sync::OnceLock;

use iam_policy::{
    Attached, Caller, Context, Policies, Policy, PolicyKind, Request, access_denied_message, evaluate,
    explain,
};

const KINDS: [PolicyKind; 7] = [
    PolicyKind::Identity,
    PolicyKind::Trust,
    PolicyKind::Resource,
    PolicyKind::ServiceControl,
    PolicyKind::ResourceControl,
    PolicyKind::Session,
    PolicyKind::Endpoint,
];

/// A policy of every kind: what is taken once can be stored, read again and asked, and an explanation is of the decision.
pub fn policies(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let taken = KINDS.iter().filter_map(|kind| match Policy::parse(text, *kind) {
        Ok(policy) => Some(policy),
        Err(error) => {
            assert!(!error.to_string().is_empty(), "a refusal says why");
            None
        }
    });
    let taken: Vec<Policy> = taken.collect();
    assert!(Policy::billed_chars(text) <= text.chars().count());
    match Policy::parse_stored(text) {
        Ok(policy) => ask(&policy),
        Err(_) => assert!(taken.is_empty(), "what a kind takes can be stored"),
    }
}

/// Asks a policy in every place where one can be.
fn ask(policy: &Policy) {
    static KNOWN: OnceLock<(Caller, Context)> = OnceLock::new();
    let (caller, context) = KNOWN.get_or_init(|| {
        let account = "111122223333".parse().expect("twelve digits");
        let arn = "arn:aws:iam::111122223333:user/ann".parse().expect("an ARN");
        let mut context = Context::new();
        context.set("aws:username", "ann");
        context.set("aws:SourceIp", "10.0.0.7");
        context.set("aws:CurrentTime", "2026-11-28T07:00:00Z");
        context.set("aws:PrincipalArn", "arn:aws:iam::111122223333:user/ann");
        context.set_many("aws:TagKeys", ["team", "cost"]);
        (Caller::User { account, arn }, context)
    });
    assert_eq!(policy.spans().len(), policy.statements().len(), "every statement is somewhere");
    policy.context_keys();
    let at = Attached { name: "arn:aws:iam::111122223333:policy/p", owner: "owner", policy };
    let places = [
        Policies { identity: vec![at], boundary: Some(at), ..Policies::default() },
        Policies { resource: Some(at), session: Some(vec![at]), ..Policies::default() },
        Policies {
            service_control: vec![vec![at]],
            resource_control: vec![vec![at]],
            endpoint: Some(at),
            ..Policies::default()
        },
    ];
    for policies in &places {
        for (action, resource) in
            [("s3:GetObject", "arn:aws:s3:::home/ann/x"), ("sts:AssumeRole", "*"), ("", "")]
        {
            let request = Request { caller, action, resource, context };
            let decision = evaluate(policies, &request);
            let explanation = explain(policies, &request);
            assert_eq!(explanation.decision, decision);
            assert_eq!(explanation.remedies.is_empty(), decision.is_allowed());
            assert!(!access_denied_message("somebody", action, resource, &decision).is_empty());
        }
    }
}
