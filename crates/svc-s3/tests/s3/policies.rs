//! Policies of buckets: written and read, and what they allow and deny.

use aws_api::s3::{self as api, operation as op};

use crate::callers::*;
use crate::harness::*;

const ENFORCED: &str = "BucketOwnerEnforced";
const EVERYBODY: &str = r#""*""#;

fn get() -> api::GetBucketPolicyRequest {
    api::GetBucketPolicyRequest { bucket: "bucket".to_owned(), ..api::GetBucketPolicyRequest::default() }
}

fn delete() -> api::DeleteBucketPolicyRequest {
    api::DeleteBucketPolicyRequest {
        bucket: "bucket".to_owned(),
        ..api::DeleteBucketPolicyRequest::default()
    }
}

fn status() -> api::GetBucketPolicyStatusRequest {
    let bucket = "bucket".to_owned();
    api::GetBucketPolicyStatusRequest { bucket, ..api::GetBucketPolicyStatusRequest::default() }
}

#[test]
fn a_policy_lets_another_account_in_until_it_is_deleted() {
    let callers = Callers::with(ENFORCED);
    let (able, unable) = (callers.user(OTHER, "able", &["s3:*"]), callers.user(OTHER, "unable", &[]));
    assert!(callers.writes(&callers.home, "key"));
    assert!(!callers.reads(&callers.other, "key"));
    let text = policy_request(&[statement("Allow", &format!(r#"{{"AWS":"{OTHER}"}}"#), "s3:GetObject")]);
    // S3 refuses a statement whose action and resources do not go together; the bucket and its objects do.
    callers.ok::<op::PutBucketPolicy>(&callers.home, text.clone());
    assert_eq!(callers.ok::<op::GetBucketPolicy>(&callers.home, get()).policy, Some(text.policy));
    assert!(callers.reads(&callers.other, "key"));
    assert!(callers.reads(&able, "key"));
    assert!(!callers.reads(&unable, "key"), "its own account does not let it");
    assert!(!callers.writes(&callers.other, "key"));
    assert!(!callers.reads(&callers.nobody, "key"));
    callers.ok::<op::DeleteBucketPolicy>(&callers.home, delete());
    callers.ok::<op::DeleteBucketPolicy>(&callers.home, delete());
    assert!(!callers.reads(&callers.other, "key"));
    assert_eq!(callers.code::<op::GetBucketPolicy>(&callers.home, get()), "NoSuchBucketPolicy");
    assert_eq!(callers.code::<op::GetBucketPolicyStatus>(&callers.home, status()), "NoSuchBucketPolicy");
}

#[test]
fn a_long_policy_is_kept_without_white_space() {
    let callers = Callers::with(ENFORCED);
    let plain = policy_request(&[statement("Allow", &format!(r#"{{"AWS":"{OTHER}"}}"#), "s3:GetObject")]);
    let json = api::PutBucketPolicyRequest { policy: plain.policy.replace(',', ", "), ..plain.clone() };
    callers.ok::<op::PutBucketPolicy>(&callers.home, json.clone());
    assert_eq!(callers.ok::<op::GetBucketPolicy>(&callers.home, get()).policy, Some(json.policy));
    let spaced = plain.policy.replacen(':', &format!(" :{}", "\n\t ".repeat(100_000)), 1);
    let spaced = api::PutBucketPolicyRequest { policy: spaced, ..plain.clone() };
    callers.ok::<op::PutBucketPolicy>(&callers.home, spaced);
    assert_eq!(callers.ok::<op::GetBucketPolicy>(&callers.home, get()).policy, Some(plain.policy));
    assert!(callers.writes(&callers.home, "key") && callers.reads(&callers.other, "key"));
}

#[test]
fn a_user_of_the_account_needs_one_side_and_is_stopped_by_either() {
    let callers = Callers::with(ENFORCED);
    let (named, able) = (callers.user(ACCOUNT, "named", &[]), callers.user(ACCOUNT, "able", &["s3:*"]));
    assert!(callers.writes(&callers.home, "key"));
    assert!(!callers.reads(&named, "key") && callers.reads(&able, "key"));
    let of_user = |user: &str| format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/{user}"}}"#);
    callers.set_policy(&[
        statement("Allow", &of_user("named"), "s3:GetObject"),
        statement("Deny", &of_user("able"), "s3:GetObject"),
    ]);
    assert!(callers.reads(&named, "key") && !callers.reads(&able, "key"));
    assert!(callers.writes(&able, "key"));
}

#[test]
fn a_canonical_id_names_an_account() {
    let callers = Callers::with(ENFORCED);
    assert!(callers.writes(&callers.home, "key"));
    let named = format!(r#"{{"CanonicalUser":"{}"}}"#, id(OTHER));
    callers.set_policy(&[statement("Allow", &named, "s3:GetObject")]);
    assert!(callers.reads(&callers.other, "key"));
    assert!(!callers.reads(&callers.nobody, "key"));
}

#[test]
fn who_is_named_has_to_be_there() {
    let callers = Callers::with(ENFORCED);
    callers.user(OTHER, "ann", &[]);
    let put = |principal: &str| {
        let request = policy_request(&[statement("Allow", principal, "s3:GetObject")]);
        callers.try_::<op::PutBucketPolicy>(&callers.home, request).map_err(|error| error.code.into_owned())
    };
    for principal in [
        format!(r#"{{"AWS":"arn:aws:iam::{OTHER}:user/ann"}}"#),
        format!(r#"{{"AWS":["{OTHER}","arn:aws:iam::{ACCOUNT}:root"]}}"#),
        r#"{"Service":"logging.s3.amazonaws.com"}"#.to_owned(),
    ] {
        assert!(put(&principal).is_ok(), "{principal}");
    }
    for principal in [
        format!(r#"{{"AWS":"arn:aws:iam::{OTHER}:user/bob"}}"#),
        r#"{"AWS":"999999999999"}"#.to_owned(),
        format!(r#"{{"CanonicalUser":"{}"}}"#, id("999999999999")),
        r#"{"CanonicalUser":"nobody"}"#.to_owned(),
    ] {
        assert_eq!(put(&principal).unwrap_err(), "MalformedPolicy", "{principal}");
    }
    let long = statement("Allow", EVERYBODY, &"s3:GetObject".repeat(2000));
    assert_eq!(
        callers.code::<op::PutBucketPolicy>(&callers.home, policy_request(&[long])),
        "MalformedPolicy"
    );
    assert_eq!(
        callers.code::<op::PutBucketPolicy>(
            &callers.home,
            policy_request(&[statement("Allow", EVERYBODY, "s3:FlyObject")])
        ),
        "MalformedPolicy"
    );
}

#[test]
fn the_policy_is_the_accounts_own_to_change() {
    let callers = Callers::with(ENFORCED);
    callers.set_policy(&[statement("Allow", &format!(r#"{{"AWS":"{OTHER}"}}"#), "s3:*")]);
    assert!(callers.lists(&callers.other));
    for code in [
        callers.code::<op::GetBucketPolicy>(&callers.other, get()),
        callers.code::<op::DeleteBucketPolicy>(&callers.other, delete()),
        callers.code::<op::PutBucketPolicy>(
            &callers.other,
            policy_request(&[statement("Allow", EVERYBODY, "s3:*")]),
        ),
    ] {
        assert_eq!(code, "MethodNotAllowed");
    }
}

#[test]
fn nobody_is_locked_out_who_does_not_say_so() {
    let callers = Callers::with(ENFORCED);
    let user = callers.user(ACCOUNT, "user", &["s3:*"]);
    let denies = policy_request(&[statement("Deny", EVERYBODY, "s3:*")]);
    callers.ok::<op::PutBucketPolicy>(&callers.home, denies.clone());
    assert!(!callers.lists(&callers.home));
    assert_eq!(callers.code::<op::GetBucketPolicy>(&user, get()), "Denied");
    assert_eq!(callers.code::<op::DeleteBucketPolicy>(&user, delete()), "Denied");
    callers.ok::<op::GetBucketPolicy>(&callers.home, get());
    callers.ok::<op::DeleteBucketPolicy>(&callers.home, delete());
    assert!(callers.lists(&callers.home));
    let sure = api::PutBucketPolicyRequest { confirm_remove_self_bucket_access: Some(true), ..denies };
    callers.ok::<op::PutBucketPolicy>(&callers.home, sure);
    assert_eq!(callers.code::<op::DeleteBucketPolicy>(&callers.home, delete()), "Denied");
}

#[test]
fn conditions_ask_how_a_request_is_signed() {
    let callers = Callers::with(ENFORCED);
    assert!(callers.writes(&callers.home, "key"));
    let age = SIGNED_BEFORE_MILLIS.to_string();
    for (operator, key, value, allowed) in [
        ("StringEquals", "s3:authType", "REST-HEADER", true),
        ("StringEquals", "s3:authType", "REST-QUERY-STRING", false),
        ("StringEquals", "s3:signatureversion", "AWS4-HMAC-SHA256", true),
        ("NumericEquals", "s3:signatureAge", age.as_str(), true),
        ("NumericGreaterThan", "s3:signatureAge", "600000", false),
    ] {
        let condition = format!(r#","Condition":{{"{operator}":{{"{key}":"{value}"}}}},"Resource""#);
        let account = format!(r#"{{"AWS":"{OTHER}"}}"#);
        let allow = statement("Allow", &account, "s3:GetObject");
        callers.set_policy(&[allow.replace(r#","Resource""#, &condition)]);
        assert_eq!(callers.reads(&callers.other, "key"), allowed, "{operator} {key} {value}");
    }
}

#[test]
fn a_public_policy_is_told_as_such() {
    let callers = Callers::with(ENFORCED);
    let is_public = || {
        let status = callers.ok::<op::GetBucketPolicyStatus>(&callers.home, status());
        status.policy_status.and_then(|status| status.is_public)
    };
    callers.set_policy(&[statement("Allow", &format!(r#"{{"AWS":"{OTHER}"}}"#), "s3:GetObject")]);
    assert_eq!(is_public(), Some(false));
    callers.set_policy(&[statement("Allow", EVERYBODY, "s3:GetObject")]);
    assert_eq!(is_public(), Some(true));
    assert!(callers.writes(&callers.home, "key"));
    assert!(callers.reads(&callers.nobody, "key") && !callers.lists(&callers.nobody));
}
