//! Inline policies of users, groups and roles.

use aws_api::iam::{self as api, operation as op};

use super::cloud::{ALLOW_ALL, By, Cloud, decoded};

fn put_of_user(name: &str, document: &str) -> api::PutUserPolicyRequest {
    api::PutUserPolicyRequest {
        user_name: "Bob".to_owned(),
        policy_name: name.to_owned(),
        policy_document: document.to_owned(),
    }
}

fn get_of_user(name: &str) -> api::GetUserPolicyRequest {
    api::GetUserPolicyRequest { user_name: "Bob".to_owned(), policy_name: name.to_owned() }
}

/// A document that allows everything, with so many characters.
fn sized(chars: usize) -> String {
    let sid = "a".repeat(chars - ALLOW_ALL.len() - r#""Sid":"","#.len());
    ALLOW_ALL.replace(r#"{"Effect""#, &format!("{{\"Sid\":\"{sid}\",\n\"Effect\""))
}

#[test]
fn a_user_has_policies_of_its_own() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.ok::<op::PutUserPolicy>(put_of_user("B", ALLOW_ALL));
    cloud.ok::<op::PutUserPolicy>(put_of_user("A", ALLOW_ALL));
    let changed = ALLOW_ALL.replace("Allow", "Deny");
    cloud.ok::<op::PutUserPolicy>(put_of_user("A", &changed));
    let shown = cloud.ok::<op::GetUserPolicy>(get_of_user("A"));
    assert_eq!((shown.user_name.as_str(), shown.policy_name.as_str()), ("Bob", "A"));
    assert_eq!(decoded(&shown.policy_document), changed);
    let input = api::ListUserPoliciesRequest { user_name: "Bob".to_owned(), ..Default::default() };
    assert_eq!(cloud.ok::<op::ListUserPolicies>(input).policy_names, ["A", "B"]);
    cloud.refuses::<op::DeleteUser>(
        api::DeleteUserRequest { user_name: "Bob".to_owned() },
        "DeleteConflict: Cannot delete entity, must delete policies first.",
    );
    let delete = || api::DeleteUserPolicyRequest { user_name: "Bob".to_owned(), policy_name: "A".to_owned() };
    cloud.ok::<op::DeleteUserPolicy>(delete());
    let missing = "NoSuchEntity: The user policy with name A cannot be found.";
    cloud.refuses::<op::GetUserPolicy>(get_of_user("A"), missing);
    cloud.refuses::<op::DeleteUserPolicy>(delete(), missing);
    let refused = cloud.call::<op::PutUserPolicy>(&By::Root, put_of_user("A", "[]")).unwrap_err();
    assert_eq!(refused.code, "MalformedPolicyDocument");
}

#[test]
fn all_policies_of_a_user_together_have_a_limit() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let refused = "LimitExceeded: Maximum policy size of 2048 bytes exceeded for user Bob";
    cloud.refuses::<op::PutUserPolicy>(put_of_user("A", &sized(2049)), refused);
    cloud.ok::<op::PutUserPolicy>(put_of_user("A", &sized(2048)));
    cloud.refuses::<op::PutUserPolicy>(put_of_user("B", ALLOW_ALL), refused);
    // What takes the place of another counts alone.
    cloud.ok::<op::PutUserPolicy>(put_of_user("A", &sized(2047)));
}

#[test]
fn a_group_has_policies_of_its_own() {
    let cloud = Cloud::new();
    cloud.group("G");
    let (group, name) = (|| "G".to_owned(), || "p".to_owned());
    let put = |document: String| api::PutGroupPolicyRequest {
        group_name: group(),
        policy_name: name(),
        policy_document: document,
    };
    cloud.ok::<op::PutGroupPolicy>(put(sized(5120)));
    cloud.refuses::<op::PutGroupPolicy>(
        put(sized(5121)),
        "LimitExceeded: Maximum policy size of 5120 bytes exceeded for group G",
    );
    let input = api::ListGroupPoliciesRequest { group_name: group(), ..Default::default() };
    assert_eq!(cloud.ok::<op::ListGroupPolicies>(input).policy_names, ["p"]);
    let get = || api::GetGroupPolicyRequest { group_name: group(), policy_name: name() };
    let shown = cloud.ok::<op::GetGroupPolicy>(get());
    assert_eq!(decoded(&shown.policy_document), sized(5120));
    let delete = api::DeleteGroupPolicyRequest { group_name: group(), policy_name: name() };
    cloud.ok::<op::DeleteGroupPolicy>(delete);
    cloud.refuses::<op::GetGroupPolicy>(get(), "NoSuchEntity: The group policy with name p cannot be found.");
}

#[test]
fn a_role_has_policies_of_its_own() {
    let cloud = Cloud::new();
    cloud.role("R");
    let (role, name) = (|| "R".to_owned(), |number| format!("p{number}"));
    let put = |number: i32, document: String| api::PutRolePolicyRequest {
        role_name: role(),
        policy_name: name(number),
        policy_document: document,
    };
    cloud.ok::<op::PutRolePolicy>(put(1, sized(5000)));
    cloud.ok::<op::PutRolePolicy>(put(2, sized(5240)));
    cloud.refuses::<op::PutRolePolicy>(
        put(3, ALLOW_ALL.to_owned()),
        "LimitExceeded: Maximum policy size of 10240 bytes exceeded for role R",
    );
    let list = |marker| {
        let input = api::ListRolePoliciesRequest { role_name: role(), marker, max_items: Some(1) };
        cloud.ok::<op::ListRolePolicies>(input)
    };
    let first = list(None);
    assert_eq!((first.policy_names, first.is_truncated), (vec![name(1)], Some(true)));
    assert_eq!(list(first.marker).policy_names, [name(2)]);
    let get = || api::GetRolePolicyRequest { role_name: role(), policy_name: name(1) };
    assert_eq!(decoded(&cloud.ok::<op::GetRolePolicy>(get()).policy_document), sized(5000));
    cloud
        .ok::<op::DeleteRolePolicy>(api::DeleteRolePolicyRequest { role_name: role(), policy_name: name(1) });
    cloud.refuses::<op::GetRolePolicy>(get(), "NoSuchEntity: The role policy with name p1 cannot be found.");
}

#[test]
fn a_policy_of_2008_can_be_inline_and_cannot_be_managed() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let old = ALLOW_ALL.replace("2012", "2008");
    let without = ALLOW_ALL.replace(r#""Version":"2012-10-17","#, "");
    for document in [&old, &without] {
        cloud.ok::<op::PutUserPolicy>(put_of_user("A", document));
        assert_eq!(decoded(&cloud.ok::<op::GetUserPolicy>(get_of_user("A")).policy_document), *document);
        cloud.refuses::<op::CreatePolicy>(
            api::CreatePolicyRequest {
                policy_name: "P".to_owned(),
                policy_document: document.clone(),
                ..Default::default()
            },
            "MalformedPolicyDocument: Policy document must be version 2012-10-17 or greater.",
        );
        let simulated = cloud.ok::<op::SimulateCustomPolicy>(api::SimulateCustomPolicyRequest {
            policy_input_list: vec![document.clone()],
            action_names: vec!["s3:GetObject".to_owned()],
            ..Default::default()
        });
        assert_eq!(simulated.evaluation_results.unwrap()[0].eval_decision, "allowed");
    }
}
