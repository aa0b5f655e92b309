//! Whom a trust policy can name.

use aws_api::iam::{self as api, operation as op};

use super::cloud::{By, Cloud, OTHER, decoded, role};

fn trust(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["{principal}"]}},"Action":"sts:AssumeRole"}}]}}"#
    )
}

/// The principal is let in, or refused for what it is.
#[track_caller]
fn check(cloud: &Cloud, principal: &str, is_valid: bool) {
    let document = trust(principal);
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

#[test]
fn nobody_takes_the_place_of_whom_a_role_trusted() {
    let cloud = Cloud::new();
    let bob = cloud.user("Bob");
    // A role of another account trusts it too.
    cloud.ok_by::<op::CreateRole>(&By::OtherRoot, role("Far", &trust(&bob.arn)));
    cloud.ok::<op::CreateRole>(role("Near", &trust(&bob.arn)));
    let trusted = || {
        [(By::OtherRoot, "Far"), (By::Root, "Near")].map(|(by, name)| {
            let input = api::GetRoleRequest { role_name: name.to_owned() };
            let found = cloud.ok_by::<op::GetRole>(&by, input);
            decoded(&found.role.assume_role_policy_document.unwrap())
        })
    };
    cloud.ok::<op::UpdateUser>(api::UpdateUserRequest {
        user_name: "Bob".to_owned(),
        new_path: Some("/x/".to_owned()),
        new_user_name: Some("Ann".to_owned()),
    });
    let renamed = trust("arn:aws:iam::123456789012:user/x/Ann");
    assert_eq!(trusted(), [renamed.clone(), renamed]);
    cloud.ok::<op::DeleteUser>(api::DeleteUserRequest { user_name: "Ann".to_owned() });
    cloud.ok::<op::CreateUser>(api::CreateUserRequest {
        user_name: "Ann".to_owned(),
        path: Some("/x/".to_owned()),
        ..Default::default()
    });
    assert_eq!(trusted(), [trust(&bob.user_id), trust(&bob.user_id)]);
    // So it is with roles.
    let source = cloud.role("Source");
    cloud.ok::<op::CreateRole>(role("Target", &trust(&source.arn)));
    cloud.ok::<op::DeleteRole>(api::DeleteRoleRequest { role_name: "Source".to_owned() });
    let found = cloud.ok::<op::GetRole>(api::GetRoleRequest { role_name: "Target".to_owned() });
    assert_eq!(decoded(&found.role.assume_role_policy_document.unwrap()), trust(&source.role_id));
}

#[test]
fn services_have_to_be_known() {
    let cloud = Cloud::new();
    let of = |service: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":{service}}},"Action":"sts:AssumeRole"}}]}}"#
        )
    };
    cloud.ok::<op::CreateRole>(role("A", &of(r#"["ec2.amazonaws.com","lambda.eu-west-1.amazonaws.com"]"#)));
    for (service, named) in
        [(r#""foo.bar""#, "foo.bar"), (r#"["ec2.amazonaws.com","x.amazonaws.com"]"#, "x.amazonaws.com")]
    {
        let refused =
            format!("MalformedPolicyDocument: Invalid principal in policy: \"SERVICE\":\"{named}\"");
        cloud.refuses::<op::CreateRole>(role("B", &of(service)), &refused);
        let input =
            api::UpdateAssumeRolePolicyRequest { role_name: "A".to_owned(), policy_document: of(service) };
        cloud.refuses::<op::UpdateAssumeRolePolicy>(input, &refused);
    }
}

#[test]
fn accounts_are_kept_by_their_roots() {
    let cloud = Cloud::new();
    let made = cloud.ok::<op::CreateRole>(role("R", &trust(OTHER))).role;
    let expect = trust(&format!("arn:aws:iam::{OTHER}:root"));
    assert_eq!(decoded(made.assume_role_policy_document.as_deref().unwrap()), expect);
    let get = api::GetRoleRequest { role_name: "R".to_owned() };
    let shown = cloud.ok::<op::GetRole>(get).role.assume_role_policy_document.unwrap();
    assert_eq!(decoded(&shown), expect);
    // The same digits elsewhere stay what they are.
    let condition = trust(OTHER).replace(
        r#""Action""#,
        &format!(r#""Condition":{{"StringEquals":{{"sts:ExternalId":"{OTHER}"}}}},"Action""#),
    );
    let made = cloud.ok::<op::CreateRole>(role("S", &condition)).role;
    let kept = decoded(made.assume_role_policy_document.as_deref().unwrap());
    assert!(kept.contains(&format!(r#""sts:ExternalId":"{OTHER}""#)), "{kept}");
    assert!(kept.contains(&format!("arn:aws:iam::{OTHER}:root")), "{kept}");
}

#[test]
fn what_is_no_json_is_said_to_be_none() {
    let cloud = Cloud::new();
    let refused = "MalformedPolicyDocument: This policy contains invalid Json";
    cloud.refuses::<op::CreateRole>(role("R", "{"), refused);
}
