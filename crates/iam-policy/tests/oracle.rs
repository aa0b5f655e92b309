//! The evaluator against that of crate iam-rs, statement by statement, where their features meet.
//!
//! Where the two do not agree, AWS's page says who is right, and the difference is listed here and in `docs/differences.md`. One
//! that is no longer seen fails the test, too.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;

use std::collections::BTreeMap;

use cases::{Case, Language};
use iam_policy::{Attached, Effect, Policies, Policy, Request, evaluate};
use iam_rs::{
    Arn, Context, ContextValue, Decision, IAMPolicy, IAMRequest, PolicyEvaluator, Principal, PrincipalId,
};
use serde_json::{Value, json};

const CASES: u64 = 5_000;
/// Of about 20,000 statements that both can read.
const AGREED_MIN: u64 = 18_000;

/// Why the two may differ: what a statement has, in its text or in what the request has for it.
type Difference = (&'static str, fn(&str, &Request<'_>) -> bool);

const DIFFERENCES: [Difference; 8] = [
    ("iam-rs compares ARNs in conditions as texts, AWS part by part with wildcards", |text, _| {
        text.contains("\"Arn") || text.contains(":Arn")
    }),
    ("iam-rs takes a wildcard in the value of a variable for one", |text, request| {
        let value = request.context.get("aws:PrincipalTag/team");
        text.contains("PrincipalTag/team") && value.iter().any(|value| value.contains('*'))
    }),
    ("iam-rs has no ${*}", |text, _| text.contains("${*}")),
    ("iam-rs has variables before the fifth colon of a resource", |text, _| text.contains("::${")),
    ("iam-rs compares a binary value with the text of the request", |text, _| text.contains("BinaryEquals")),
    ("iam-rs has no variables in conditions", |text, _| {
        text.split_once("\"Condition\"")
            .is_some_and(|(_, rest)| rest.split("\"Effect\"").next().unwrap().contains("${"))
    }),
    ("iam-rs does not take an empty text for an empty set", |text, request| {
        let empty = |key| request.context.get(key).iter().any(|value| value.is_empty());
        (text.contains("ForA")) && (empty("aws:TagKeys") || empty("aws:PrincipalTag/team"))
    }),
    ("iam-rs does not take ::ffff:10.0.0.7 for 10.0.0.7", |text, request| {
        let address = request.context.get("aws:SourceIp");
        text.contains("IpAddress") && address.iter().any(|address| address.starts_with("::ffff:"))
    }),
];

/// What both say of one statement. `None` if iam-rs cannot read it, or the request for it.
fn ask(statement: &Value, request: &Request<'_>, context: &Context) -> Option<(Decision, Decision)> {
    let text = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let theirs: IAMPolicy = serde_json::from_str(&text).ok()?;
    let caller = Principal::Aws(PrincipalId::String("arn:aws:iam::111111111111:user/bob".to_owned()));
    let asked = IAMRequest::new_with_context(
        caller,
        request.action,
        Arn::parse(request.resource).ok()?,
        context.clone(),
    );
    let theirs = PolicyEvaluator::with_policies(vec![theirs]).evaluate(&asked).ok()?.decision;
    let policy = Policy::parse_stored(&text).unwrap();
    let identity = vec![Attached { name: "p", owner: "o", policy: &policy }];
    let decision = evaluate(&Policies { identity, ..Policies::default() }, request);
    let ours = match (decision.effect, decision.statement) {
        (Effect::Allow, _) => Decision::Allow,
        (Effect::Deny, Some(_)) => Decision::Deny,
        (Effect::Deny, None) => Decision::NotApplicable,
    };
    Some((ours, theirs))
}

/// The context in the types of iam-rs. It compares numbers one by one only, so that of several the first is there.
fn translated(request: &Request<'_>) -> Context {
    let mut context = Context::new();
    for (key, values) in request.context.iter() {
        let value = match key.to_ascii_lowercase().as_str() {
            "aws:tagkeys" => ContextValue::StringList(values.iter().map(ToString::to_string).collect()),
            "aws:securetransport" => ContextValue::Boolean(values[0].eq_ignore_ascii_case("true")),
            _ => ContextValue::String(values[0].to_string()),
        };
        context.data.insert(key.to_owned(), value);
    }
    context
}

#[test]
fn iam_rs_agrees_where_it_has_the_same_language() {
    let (mut agreed, mut unread) = (0, 0);
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..CASES {
        let case = Case::new(seed, Language::Plain);
        let request = case.request();
        let context = translated(&request);
        for attached in case.policies().identity {
            let policy: Value = serde_json::from_str(attached.policy.text()).unwrap();
            let statements = match &policy["Statement"] {
                Value::Array(list) => list.clone(),
                one => vec![one.clone()],
            };
            for statement in statements {
                let text = statement.to_string();
                match ask(&statement, &request, &context) {
                    None => unread += 1,
                    Some((ours, theirs)) if ours == theirs => agreed += 1,
                    Some((ours, theirs)) => {
                        let difference = DIFFERENCES.iter().find(|(_, has)| has(&text, &request));
                        let Some((name, _)) = difference else {
                            panic!("{ours:?} here, {theirs:?} there: {text}\n{}", case.describe());
                        };
                        *seen.entry(name).or_default() += 1;
                    }
                }
            }
        }
    }
    eprintln!("{agreed} agreed, {unread} not read by iam-rs, {seen:#?}");
    assert!(agreed >= AGREED_MIN, "{agreed}");
    for (name, _) in DIFFERENCES {
        assert!(seen.contains_key(name), "no longer a difference: {name}");
    }
}
