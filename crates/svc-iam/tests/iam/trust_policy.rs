//! Whom a trust policy can name.

use aws_api::iam::operation as op;

use super::cloud::{By, Cloud, OTHER, role};

/// The principal is let in, or refused for what it is.
#[track_caller]
fn check(cloud: &Cloud, principal: &str, is_valid: bool) {
    let document = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["{principal}"]}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let name = format!("r{}", cloud.store.snapshot().revision());
    let answer = cloud.call::<op::CreateRole>(&By::Root, role(&name, &document));
    let refused = format!("MalformedPolicyDocument: Invalid principal in policy: \"AWS\":\"{principal}\"");
    match answer {
        Ok(_) => assert!(is_valid, "{principal}"),
        Err(error) => assert!(!is_valid && error.to_string() == refused, "{principal}: {error}"),
    }
}

#[test]
fn principals_have_to_be_there() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.role("R");
    let in_account = |account: &str, resource: &str| format!("arn:aws:iam::{account}:{resource}");
    let here = |resource: &str| in_account("123456789012", resource);
    for (principal, is_valid) in [
        ("*".to_owned(), true),
        (OTHER.to_owned(), true),
        ("999999999999".to_owned(), false),
        (here("root"), true),
        (in_account(OTHER, "root"), true),
        (in_account("999999999999", "root"), false),
        (here("user/Bob"), true),
        (here("user/Eve"), false),
        (here("user/x/Bob"), false),
        (in_account(OTHER, "user/Bob"), false),
        (here("role/R"), true),
        (here("role/S"), false),
        (here("group/G"), false),
        ("arn:aws:sts::123456789012:assumed-role/R/session".to_owned(), true),
    ] {
        check(&cloud, &principal, is_valid);
    }
}
