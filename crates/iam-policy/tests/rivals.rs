//! Tags whose keys differ in case alone: condition keys have no case, so that a condition cannot tell which is meant.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use iam_policy::{Attached, Caller, Context, Policies, Policy, Request, StatementResult, evaluate, explain};
use proptest::prelude::*;

const ALL: &str =
    r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;

/// What a statement with this effect and these members lets happen to the queue `j0`; one that denies stands beside one that
/// allows everything.
fn is_allowed(effect: &str, members: &str, context: &Context) -> bool {
    let resource = if members.contains("Resource\":") { "" } else { r#""Resource": "*", "# };
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "Action": "*", {resource}{members}}}}}"#
    );
    let policy = Policy::parse_stored(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let all = Policy::parse_stored(ALL).unwrap();
    let caller = caller();
    let mut identity = vec![Attached { name: "p", owner: "o", policy: &policy }];
    if effect == "Deny" {
        identity.push(Attached { name: "all", owner: "o", policy: &all });
    }
    let policies = Policies { identity, ..Policies::default() };
    let request = Request { caller: &caller, action: "sqs:SendMessage", resource: QUEUE, context };
    let decision = evaluate(&policies, &request);
    let explanation = explain(&policies, &request);
    assert_eq!(explanation.decision, decision, "{text}");
    assert_eq!(explanation.remedies.is_empty(), decision.is_allowed(), "{text}");
    for statement in explanation.policies.iter().flat_map(|policy| &policy.statements) {
        if let StatementResult::Conditions(failed) = &statement.result {
            assert!(!failed.is_empty(), "{text}");
        }
    }
    decision.is_allowed()
}

/// Its name is also one that tags have in the random cases.
const QUEUE: &str = "arn:aws:sqs:::j0";

fn caller() -> Caller {
    let account = "111111111111".parse().unwrap();
    Caller::User { account, arn: "arn:aws:iam::111111111111:user/ann".parse().unwrap() }
}

fn condition(operator: &str, key: &str, value: &str) -> String {
    format!(r#""Condition": {{"{operator}": {{"{key}": "{value}"}}}}"#)
}

#[test]
fn a_caller_evades_no_condition_by_a_second_tag() {
    let team = "aws:RequestTag/Team";
    let tags = |values: &[&str]| {
        let mut context = Context::new();
        context.set("aws:PrincipalTag/own", "red");
        for (value, key) in values.iter().zip(["Team", "team", "TEAM"]) {
            context.set_tag(format!("aws:RequestTag/{key}"), (*value).to_owned());
        }
        context
    };
    let in_queue = |variable: &str| format!(r#""Resource": "arn:aws:sqs:::{variable}""#);
    let not_queue = |variable: &str| format!(r#""NotResource": "arn:aws:sqs:::{variable}""#);
    for (effect, members, values, allowed) in [
        ("Allow", condition("StringEquals", team, "red"), &["red"][..], true),
        ("Allow", condition("StringEquals", team, "red"), &["red", "red"], true),
        ("Allow", condition("StringEquals", team, "red"), &["red", "blue"], false),
        ("Allow", condition("StringEquals", team, "red"), &["blue", "red"], false),
        ("Allow", condition("StringNotEquals", team, "blue"), &["red", "green"], true),
        ("Allow", condition("StringNotEquals", team, "blue"), &["red", "green", "blue"], false),
        ("Allow", condition("StringEqualsIfExists", team, "red"), &["red", "blue"], false),
        ("Allow", condition("ForAnyValue:StringEquals", team, "red"), &["red", "blue"], false),
        ("Allow", condition("ForAllValues:StringEquals", team, "red"), &["red", "blue"], false),
        ("Allow", condition("Null", team, "false"), &["red", "blue"], true),
        (
            "Allow",
            condition("StringEquals", "aws:PrincipalTag/own", "${aws:RequestTag/team}"),
            &["red"],
            true,
        ),
        (
            "Allow",
            condition("StringEquals", "aws:PrincipalTag/own", "${aws:RequestTag/team}"),
            &["red", "blue"],
            false,
        ),
        (
            "Allow",
            condition("StringNotEquals", "aws:PrincipalTag/own", "${aws:RequestTag/team}"),
            &["blue", "red"],
            false,
        ),
        ("Allow", not_queue("${aws:RequestTag/team}"), &["red", "blue"], true),
        ("Allow", not_queue("${aws:RequestTag/team}"), &["red", "j0"], false),
        ("Allow", in_queue("${aws:RequestTag/team}"), &["j0", "blue"], false),
        ("Deny", condition("StringEquals", team, "blue"), &["red"], true),
        ("Deny", condition("StringEquals", team, "blue"), &["red", "green"], true),
        ("Deny", condition("StringEquals", team, "blue"), &["red", "blue"], false),
        ("Deny", condition("StringEquals", team, "blue"), &["blue", "red"], false),
        ("Deny", condition("StringNotEquals", team, "red"), &["red", "blue"], false),
        ("Deny", condition("StringNotEquals", team, "red"), &["blue", "red"], false),
        ("Deny", condition("ForAllValues:StringEquals", team, "blue"), &["red", "blue"], false),
        (
            "Deny",
            condition("StringEquals", "aws:PrincipalTag/own", "${aws:RequestTag/team}"),
            &["blue", "red"],
            false,
        ),
        ("Deny", in_queue("${aws:RequestTag/team}"), &["red", "j0"], false),
        ("Deny", not_queue("${aws:RequestTag/team}"), &["j0", "red"], false),
    ] {
        assert_eq!(is_allowed(effect, &members, &tags(values)), allowed, "{effect} {members} {values:?}");
    }
}

#[test]
fn of_too_many_none_is_meant() {
    let mut context = Context::new();
    // Sixty-four choices of one key and two of another.
    for number in 0..64 {
        context.set_tag("aws:RequestTag/a", number.to_string());
    }
    let of_a = condition("StringNotEquals", "aws:RequestTag/A", "x");
    assert!(is_allowed("Allow", &of_a, &context));
    context.set_tag("aws:RequestTag/b", "1");
    context.set_tag("aws:RequestTag/B", "2");
    let of_both = r#""Condition": {"StringNotEquals": {"aws:RequestTag/A": "x", "aws:RequestTag/B": "x"}}"#;
    assert!(!is_allowed("Allow", of_both, &context));
    assert!(!is_allowed(
        "Deny",
        r#""Resource": "arn:aws:sqs:::${aws:RequestTag/a}${aws:RequestTag/b}""#,
        &context
    ));
    // What others are called is no question of a statement that does not ask for them.
    assert!(is_allowed("Allow", &of_a, &context));
    assert!(is_allowed("Allow", &condition("Null", "aws:TagKeys", "true"), &context));
}

proptest! {
    /// The same as with each tag alone: all of them where a statement allows, any where it denies.
    #[test]
    fn a_statement_is_held_against_each_of_them(
        allows: bool,
        conditions in prop::collection::vec((0..8_usize, 0..3_usize, 0..4_usize), 0..3),
        on in 0..4_usize,
        tags in prop::collection::vec(prop::collection::vec(0..3_usize, 1..4), 2),
    ) {
        let operators = ["StringEquals", "StringNotEquals", "StringLike", "StringEqualsIfExists", "Null",
            "ForAnyValue:StringEquals", "ForAllValues:StringNotEquals", "StringNotEqualsIgnoreCase"];
        let keys = ["aws:RequestTag/One", "aws:RequestTag/Two", "aws:RequestTag/None"];
        let values = ["0", "1", "true", "${aws:RequestTag/ONE}"];
        // An operator stands in a policy once.
        let conditions: BTreeMap<usize, String> = conditions
            .iter()
            .map(|(operator, key, value)| {
                (*operator, format!(r#""{}": {{"{}": "{}"}}"#, operators[*operator], keys[*key], values[*value]))
            })
            .collect();
        let conditions: Vec<String> = conditions.into_values().collect();
        let on = [r#""Resource": "*""#, r#""Resource": "arn:aws:sqs:::*${aws:RequestTag/two}*""#,
            r#""NotResource": "arn:aws:sqs:::j${aws:RequestTag/two}""#, r#""Resource": "arn:aws:sqs:::j${aws:RequestTag/one}""#][on];
        let members = format!(r#"{on}, "Condition": {{{}}}"#, conditions.join(", "));
        let effect = if allows { "Allow" } else { "Deny" };
        let mut all = Context::new();
        for (name, values) in ["One", "Two"].iter().zip(&tags) {
            values.iter().for_each(|value| all.set_tag(format!("aws:RequestTag/{name}"), value.to_string()));
        }
        let one = |one: usize, two: usize| {
            let mut context = Context::new();
            context.set("aws:RequestTag/One", one.to_string());
            context.set("aws:RequestTag/Two", two.to_string());
            is_allowed(effect, &members, &context)
        };
        // A denial beside one that allows everything: it is allowed only if no choice is denied.
        let expected = tags[0].iter().all(|first| tags[1].iter().all(|second| one(*first, *second)));
        prop_assert_eq!(is_allowed(effect, &members, &all), expected, "{} {}", effect, members);
    }
}
