use proptest::prelude::*;
use svc_ec2::Pattern;

use crate::cloud::{Cloud, api, filters, input, op};

/// What a pattern matches, said in the simplest way.
fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
        ['?', rest @ ..] => matches(rest, text) || (!text.is_empty() && matches(rest, &text[1..])),
        ['\\', literal, rest @ ..] => text.first() == Some(literal) && matches(rest, &text[1..]),
        [literal, rest @ ..] => text.first() == Some(literal) && matches(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn wildcards_match_as_defined(pattern in r"[ab*?\\]{0,10}", text in r"[ab*?\\]{0,12}") {
        let expected = matches(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
        prop_assert_eq!(Pattern::new(&pattern).matches(&text), expected);
    }

    #[test]
    fn a_text_without_wildcards_matches_itself_and_nothing_longer(text in r"[^*?\\]{0,20}", more in ".") {
        prop_assert!(Pattern::new(&text).matches(&text));
        let longer = format!("{text}{more}");
        prop_assert!(!Pattern::new(&text).matches(&longer));
    }
}

#[test]
fn a_question_mark_is_one_character_or_none() {
    let check = |pattern: &str, text: &str, expected| {
        assert_eq!(Pattern::new(pattern).matches(text), expected, "{text}");
    };
    check("a?c", "abc", true);
    check("a?c", "ac", true);
    check("a?c", "abbc", false);
    check(r"a\?c", "a?c", true);
    check(r"a\?c", "abc", false);
}

#[test]
fn a_long_pattern_of_stars_is_matched_in_bounded_time() {
    let pattern = "*a".repeat(200);
    assert!(!Pattern::new(&pattern).matches(&"a".repeat(199)));
    assert!(Pattern::new(&pattern).matches(&"a".repeat(5000)));
}

#[test]
fn filters_join_by_and_and_their_values_by_or() {
    let cloud = Cloud::new();
    let (one, other) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let find = |all: &[(&str, &[&str])]| {
        let vpcs =
            cloud.ok::<op::DescribeVpcs>(input!(DescribeVpcsRequest { filters: filters(all) })).vpcs.unwrap();
        vpcs.into_iter().map(|vpc| vpc.vpc_id.unwrap()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(find(&[("vpc-id", &[&one, &other])]).len(), 2);
    assert_eq!(find(&[("vpc-id", &[&one, &other]), ("cidr", &["10.1.*"])]), [other].into());
    assert_eq!(find(&[("cidr", &["10.?.0.0/16"])]).len(), 2);
    assert_eq!(find(&[("cidr", &[r"10.\?.0.0/16"])]).len(), 0);
}

#[test]
fn filters_that_cannot_be() {
    let cloud = Cloud::new();
    let check = |filter: api::Filter, code: &str, message: &str| {
        cloud.refuses::<op::DescribeVpcs>(
            input!(DescribeVpcsRequest { filters: vec![filter] }),
            code,
            message,
        );
    };
    let filter = |name: Option<&str>, values: usize| api::Filter {
        name: name.map(str::to_owned),
        values: Some(vec!["x".to_owned(); values]),
    };
    check(filter(Some("colour"), 1), "InvalidParameterValue", "The filter 'colour' is invalid");
    check(filter(None, 1), "InvalidParameterValue", "The filter 'null' is invalid");
    check(filter(Some("vpc-id"), 0), "MissingParameter", "…");
    let message = "The maximum number of filter values specified on a single call is 200";
    check(filter(Some("vpc-id"), 201), "FilterLimitExceeded", message);
}
