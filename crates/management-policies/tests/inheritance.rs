//! What policies become together. The cases are those that AWS documents, by what they show.
//! <https://docs.aws.amazon.com/organizations/latest/userguide/inheritance-examples.html>
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use management_policies::{Attached, Document, Effective, EffectiveError, PolicyKind, effective};
use proptest::prelude::*;

fn merged(kind: PolicyKind, levels: &[&[&str]]) -> Effective {
    let parse =
        |text: &&str| Document::parse(kind, text).unwrap_or_else(|error| panic!("{}: {text}", error.cause()));
    let documents: Vec<Vec<Document>> =
        levels.iter().map(|level| level.iter().map(parse).collect()).collect();
    let names: Vec<Vec<String>> = (0..documents.len())
        .map(|level| (0..documents[level].len()).map(|index| format!("p-{level}{index}")).collect())
        .collect();
    let attached: Vec<_> = documents
        .iter()
        .zip(&names)
        .map(|(level, names)| {
            level.iter().zip(names).map(|(document, policy_id)| Attached { policy_id, document }).collect()
        })
        .collect();
    effective(kind, &attached).unwrap()
}

#[track_caller]
fn check_tags(levels: &[&[&str]], expected: &str) {
    assert_eq!(merged(PolicyKind::Tag, levels).content(), format!(r#"{{"tags":{expected}}}"#));
}

const COST: &str = r#"{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["Development","Support"]}}}}"#;
const COST_MORE: &str = r#"{"tags":{"costcenter":{"tag_value":{"@@append":["Marketing"]},
    "enforced_for":{"@@append":["redshift:*","dynamodb:table"]}}}}"#;
const LOCKED: &str = r#"{"tags":{"project":{
    "tag_key":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"Project"},
    "tag_value":{"@@operators_allowed_for_child_policies":["@@append"],"@@assign":["Maintenance","Escalations"]}}}}"#;

#[test]
fn one_policy_is_printed_without_its_operators() {
    check_tags(
        &[&[COST]],
        r#"{"costcenter":{"tag_key":"CostCenter","tag_value":["Development","Support"]}}"#,
    );
    // The names that authors choose do not differ by case.
    check_tags(
        &[&[r#"{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"}}}}"#], &[COST_MORE]],
        r#"{"costcenter":{"tag_key":"CostCenter","tag_value":["Marketing"],"enforced_for":["redshift:*","dynamodb:table"]}}"#,
    );
}

#[test]
fn a_child_overwrites_appends_and_removes() {
    let overwriting = r#"{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["Sandbox"]},
        "enforced_for":{"@@assign":["redshift:*","dynamodb:table"]}}}}"#;
    check_tags(
        &[&[COST], &[overwriting]],
        r#"{"costcenter":{"tag_key":"CostCenter","tag_value":["Sandbox"],"enforced_for":["redshift:*","dynamodb:table"]}}"#,
    );
    check_tags(
        &[&[COST], &[COST_MORE]],
        r#"{"costcenter":{"tag_key":"CostCenter","tag_value":["Development","Support","Marketing"],"enforced_for":["redshift:*","dynamodb:table"]}}"#,
    );
    let removing = r#"{"tags":{"costcenter":{"tag_value":{"@@remove":["Development","Marketing"]},
        "enforced_for":{"@@remove":["redshift:*","dynamodb:table"]}}}}"#;
    check_tags(
        &[&[COST], &[COST_MORE], &[removing]],
        r#"{"costcenter":{"tag_key":"CostCenter","tag_value":["Support"]}}"#,
    );
}

#[test]
fn a_parent_says_what_its_children_may_do() {
    let child = r#"{"tags":{"project":{"tag_key":{"@@assign":"PROJECT"},"tag_value":{"@@append":["Escalations - research"]}}}}"#;
    check_tags(
        &[&[LOCKED], &[child]],
        r#"{"project":{"tag_key":"Project","tag_value":["Maintenance","Escalations","Escalations - research"]}}"#,
    );
    let others = r#"{"tags":{"project":{"tag_value":{"@@assign":["x"],"@@remove":["Maintenance"]}}}}"#;
    let unchanged = r#"{"project":{"tag_key":"Project","tag_value":["Maintenance","Escalations"]}}"#;
    check_tags(&[&[LOCKED], &[others]], unchanged);
    // What a parent forbids, a child cannot allow again.
    let opening =
        r#"{"tags":{"project":{"tag_value":{"@@operators_allowed_for_child_policies":["@@all"]}}}}"#;
    check_tags(&[&[LOCKED], &[opening], &[others]], unchanged);
}

#[test]
fn policies_of_one_level_allow_what_all_of_them_do() {
    let first = r#"{"tags":{"project":{"tag_value":{"@@operators_allowed_for_child_policies":["@@append"],"@@assign":["Maintenance"]}}}}"#;
    let second = r#"{"tags":{"project":{"tag_value":{"@@operators_allowed_for_child_policies":["@@append","@@remove"]}}}}"#;
    let child = r#"{"tags":{"project":{"tag_value":{"@@append":["More"],"@@remove":["Maintenance"]}}}}"#;
    check_tags(&[&[first, second], &[child]], r#"{"project":{"tag_value":["Maintenance","More"]}}"#);
    // What they say holds for the levels below, and not for each other.
    let same_level =
        r#"{"tags":{"project":{"tag_value":{"@@remove":["Maintenance"],"@@append":["Other"]}}}}"#;
    check_tags(&[&[first, same_level]], r#"{"project":{"tag_value":["Other"]}}"#);
}

#[test]
fn of_what_one_level_assigns_the_first_stays() {
    let first =
        r#"{"tags":{"project":{"tag_key":{"@@assign":"PROJECT"},"tag_value":{"@@append":["Maintenance"]}}}}"#;
    let second = r#"{"tags":{"project":{"tag_key":{"@@assign":"project"}}}}"#;
    check_tags(&[&[first, second]], r#"{"project":{"tag_key":"PROJECT","tag_value":["Maintenance"]}}"#);
    check_tags(&[&[second, first]], r#"{"project":{"tag_key":"project","tag_value":["Maintenance"]}}"#);
}

#[test]
fn a_list_that_is_assigned_empty_allows_nothing_and_stays() {
    let none = r#"{"tags":{"Color":{"tag_value":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":[]}}}}"#;
    let child = r#"{"tags":{"color":{"tag_value":{"@@assign":["red"]}}}}"#;
    check_tags(&[&[none], &[child]], r#"{"color":{"tag_value":[]}}"#);
}

const PLAN: &str = r#"{"plans":{"PII_Backup_Plan":{"regions":{"@@append":["us-east-1","eu-north-1"]},
    "rules":{"Hourly":{"schedule_expression":{"@@assign":"cron(0 0/1 ? * * *)"},
        "start_backup_window_minutes":{"@@assign":"60"},"target_backup_vault_name":{"@@assign":"FortKnox"},
        "lifecycle":{"move_to_cold_storage_after_days":{"@@assign":"28"},"delete_after_days":{"@@assign":"180"}}}},
    "selections":{"tags":{"datatype":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/MyIamRole"},
        "tag_key":{"@@assign":"dataType"},"tag_value":{"@@assign":["PII","RED"]}}}}}}}"#;

#[test]
fn a_child_changes_parts_of_a_plan_and_adds_plans() {
    let child = r#"{"plans":{"PII_Backup_Plan":{"regions":{"@@assign":["us-west-2"]},
        "rules":{"hourly":{"schedule_expression":{"@@assign":"cron(0 0/2 ? * * *)"},"start_backup_window_minutes":{"@@assign":80}}}},
        "Monthly":{"regions":{"@@append":["us-east-1"]}}}}"#;
    let selections = r#""selections":{"tags":{"datatype":{"iam_role_arn":"arn:aws:iam::$account:role/MyIamRole","tag_key":"dataType","tag_value":["PII","RED"]}}}"#;
    let rest = r#""target_backup_vault_name":"FortKnox","lifecycle":{"move_to_cold_storage_after_days":"28","delete_after_days":"180"}"#;
    assert_eq!(
        merged(PolicyKind::Backup, &[&[PLAN], &[child]]).content(),
        format!(
            r#"{{"plans":{{"pii_backup_plan":{{"regions":["us-west-2"],"rules":{{"hourly":{{"schedule_expression":"cron(0 0/2 ? * * *)","start_backup_window_minutes":80,{rest}}}}},{selections}}},"monthly":{{"regions":["us-east-1"]}}}}}}"#
        )
    );
}

#[test]
fn a_parent_that_allows_nothing_new_gets_nothing_new() {
    let monthly = r#"{"plans":{"Monthly":{"regions":{"@@append":["us-east-1"]}}}}"#;
    let adding = r#"{"plans":{"@@operators_allowed_for_child_policies":["@@append"],
        "P":{"@@operators_allowed_for_child_policies":["@@none"],"regions":{"@@assign":["us-east-1"]}}}}"#;
    let tags = r#"{"plans":{"p":{"backup_plan_tags":{"a":{"tag_value":{"@@assign":"b"}}}}}}"#;
    let kept = r#"{"plans":{"p":{"regions":["us-east-1"]}}}"#;
    assert_eq!(merged(PolicyKind::Backup, &[&[adding], &[tags]]).content(), kept);
    assert_eq!(
        merged(PolicyKind::Backup, &[&[adding], &[monthly]]).content(),
        r#"{"plans":{"p":{"regions":["us-east-1"]},"monthly":{"regions":["us-east-1"]}}}"#
    );
    let closed = adding.replace("@@append", "@@none");
    assert_eq!(merged(PolicyKind::Backup, &[&[&closed], &[monthly]]).content(), kept);
}

#[test]
fn no_policy_is_no_effective_policy() {
    assert!(merged(PolicyKind::Tag, &[&[], &[]]).is_absent());
    let empty = merged(PolicyKind::Tag, &[&[r#"{"tags":{}}"#]]);
    assert!(!empty.is_absent());
    assert_eq!(empty.content(), r#"{"tags":{}}"#);
}

#[test]
fn a_name_that_is_chosen_is_there_with_nothing_in_it() {
    check_tags(&[&[r#"{"tags":{"Owner":{}}}"#]], r#"{"owner":{}}"#);
    check_tags(&[&[r#"{"tags":{"Owner":{"tag_value":{}}}}"#]], r#"{"owner":{}}"#);
}

#[test]
fn kinds_do_not_mix() {
    let document = Document::parse(PolicyKind::Backup, PLAN).unwrap();
    let level = vec![Attached { policy_id: "p-1", document: &document }];
    let error = effective(PolicyKind::Tag, &[level]).unwrap_err();
    assert_eq!(error, EffectiveError::OtherKind { policy_id: "p-1".to_owned() });
}

/// Tag policies of few names and values, so that they meet.
fn policies() -> impl Strategy<Value = String> {
    let values = || prop::collection::vec(prop::sample::select(vec!["a", "b", "c*"]), 0..3);
    let operators = prop::sample::select(vec![
        None,
        Some(r#"["@@none"]"#),
        Some(r#"["@@all"]"#),
        Some(r#"["@@append"]"#),
        Some(r#"["@@assign","@@remove"]"#),
    ]);
    let setting = (values(), values(), values(), any::<bool>(), operators).prop_map(
        |(assign, append, remove, has, control)| {
            let mut members = vec![format!(r#""@@append":{append:?}"#), format!(r#""@@remove":{remove:?}"#)];
            if has {
                members.push(format!(r#""@@assign":{assign:?}"#));
            }
            members.extend(
                control.map(|control| format!(r#""@@operators_allowed_for_child_policies":{control}"#)),
            );
            format!("{{{}}}", members.join(","))
        },
    );
    prop::collection::btree_map(prop::sample::select(vec!["x", "y"]), setting, 0..3).prop_map(|tags| {
        let tags: Vec<_> =
            tags.iter().map(|(key, setting)| format!(r#""{key}":{{"tag_value":{setting}}}"#)).collect();
        format!(r#"{{"tags":{{{}}}}}"#, tags.join(","))
    })
}

fn content(levels: &[Vec<String>]) -> String {
    let levels: Vec<Vec<&str>> =
        levels.iter().map(|level| level.iter().map(String::as_str).collect()).collect();
    let levels: Vec<&[&str]> = levels.iter().map(Vec::as_slice).collect();
    merged(PolicyKind::Tag, &levels).content()
}

proptest! {
    #[test]
    fn an_empty_policy_changes_nothing(
        levels in prop::collection::vec(prop::collection::vec(policies(), 0..3), 1..4),
        level in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
    ) {
        let before = content(&levels);
        let mut with = levels;
        let level = level.index(with.len());
        let place = place.index(with[level].len() + 1);
        with[level].insert(place, r#"{"tags":{}}"#.to_owned());
        prop_assert_eq!(content(&with), before);
    }

    #[test]
    fn an_empty_level_changes_nothing(
        levels in prop::collection::vec(prop::collection::vec(policies(), 0..3), 0..4),
        place in any::<prop::sample::Index>(),
    ) {
        let mut with = levels.clone();
        with.insert(place.index(levels.len() + 1), Vec::new());
        prop_assert_eq!(content(&with), content(&levels));
    }

    #[test]
    fn below_a_level_that_allows_nothing_all_stays(
        levels in prop::collection::vec(prop::collection::vec(policies(), 0..3), 0..4),
        below in prop::collection::vec(prop::collection::vec(policies(), 0..3), 0..3),
    ) {
        let none = r#""@@operators_allowed_for_child_policies":["@@none"]"#;
        let tag = format!(r#"{{{none},"tag_value":{{{none}}}}}"#);
        let mut all = levels;
        all.push(vec![format!(r#"{{"tags":{{{none},"x":{tag},"y":{tag}}}}}"#)]);
        let before = content(&all);
        all.extend(below);
        prop_assert_eq!(content(&all), before);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        let _ = Document::parse(PolicyKind::Tag, &text);
    }
}
