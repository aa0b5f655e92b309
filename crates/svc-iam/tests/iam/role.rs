//! Roles, and their tags.

use aws_api::iam::{self as api, operation as op};
use identities::RoleUse;

use super::cloud::{ALLOW_ALL, Cloud, TRUST_EC2, attach_to_role, decoded, join, pairs, profile, role, tags};

fn get(cloud: &Cloud, name: &str) -> api::Role {
    cloud.ok::<op::GetRole>(api::GetRoleRequest { role_name: name.to_owned() }).role
}

fn delete(name: &str) -> api::DeleteRoleRequest {
    api::DeleteRoleRequest { role_name: name.to_owned() }
}

#[test]
fn a_role_is_made_and_shown() {
    let cloud = Cloud::new();
    let made = cloud
        .ok::<op::CreateRole>(api::CreateRoleRequest {
            path: Some("/app/".to_owned()),
            description: Some("For servers".to_owned()),
            max_session_duration: Some(7200),
            tags: Some(tags(&[("Team", "a")])),
            ..role("Servers", TRUST_EC2)
        })
        .role;
    assert_eq!(made.arn, "arn:aws:iam::123456789012:role/app/Servers");
    assert!(made.role_id.starts_with("AROA"), "{}", made.role_id);
    let document = made.assume_role_policy_document.clone().unwrap();
    assert!(document.starts_with("%7B%22Version%22%3A"), "{document}");
    assert_eq!(decoded(&document), TRUST_EC2);
    let shown = get(&cloud, "servers");
    assert_eq!(shown.role_last_used, Some(api::RoleLastUsed::default()));
    assert_eq!(shown.max_session_duration, Some(7200));
    assert_eq!(api::Role { role_last_used: None, ..shown }, made);
    cloud.refuses::<op::CreateRole>(
        role("SERVERS", TRUST_EC2),
        "EntityAlreadyExists: Role with name SERVERS already exists.",
    );
    let used = RoleUse { at: cloud.now, region: "eu-west-1".parse().unwrap() };
    cloud.seen.roles.lock().unwrap().insert(made.role_id, used);
    let region = Some("eu-west-1".to_owned());
    assert_eq!(
        get(&cloud, "Servers").role_last_used,
        Some(api::RoleLastUsed { last_used_date: Some(cloud.now), region })
    );
}

#[test]
fn roles_are_listed_without_their_tags() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateRole>(api::CreateRoleRequest {
        path: Some("/app/".to_owned()),
        tags: Some(tags(&[("Team", "a")])),
        ..role("A", TRUST_EC2)
    });
    cloud.role("B");
    let list = |prefix: Option<&str>| {
        let input = api::ListRolesRequest { path_prefix: prefix.map(str::to_owned), ..Default::default() };
        cloud.ok::<op::ListRoles>(input).roles
    };
    assert_eq!(list(None).len(), 2);
    let of_app = list(Some("/app"));
    assert_eq!((of_app.len(), of_app[0].role_name.as_str()), (1, "A"));
    assert!(of_app[0].tags.is_none() && of_app[0].role_last_used.is_none());
    assert!(of_app[0].assume_role_policy_document.is_some());
}

#[test]
fn a_role_is_changed() {
    let cloud = Cloud::new();
    cloud.role("R");
    let update = |description: Option<&str>, max_session_duration| {
        let (role_name, description) = ("R".to_owned(), description.map(str::to_owned));
        cloud.ok::<op::UpdateRole>(api::UpdateRoleRequest { role_name, description, max_session_duration });
        let shown = get(&cloud, "R");
        (shown.description, shown.max_session_duration)
    };
    let one = || Some("one".to_owned());
    assert_eq!(update(Some("one"), Some(43_200)), (one(), Some(43_200)));
    // What is not named stays.
    assert_eq!(update(None, Some(7200)), (one(), Some(7200)));
    assert_eq!(update(None, None), (one(), Some(7200)));
    assert_eq!(update(Some(""), None), (None, Some(7200)));
    let input =
        api::UpdateRoleDescriptionRequest { role_name: "R".to_owned(), description: "two".to_owned() };
    let answer = cloud.ok::<op::UpdateRoleDescription>(input).role.unwrap();
    assert_eq!((answer.description.as_deref(), answer.max_session_duration), (Some("two"), Some(7200)));
    let trust = TRUST_EC2.replace("ec2", "lambda");
    let trusting = |document: &str| api::UpdateAssumeRolePolicyRequest {
        role_name: "R".to_owned(),
        policy_document: document.to_owned(),
    };
    cloud.ok::<op::UpdateAssumeRolePolicy>(trusting(&trust));
    assert_eq!(decoded(&get(&cloud, "R").assume_role_policy_document.unwrap()), trust);
    let refused =
        cloud.call::<op::UpdateAssumeRolePolicy>(&super::cloud::By::Root, trusting("{")).unwrap_err();
    assert_eq!(refused.code, "MalformedPolicyDocument");
}

#[test]
fn a_role_in_use_stays() {
    let cloud = Cloud::new();
    cloud.role("R");
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    cloud.ok::<op::AttachRolePolicy>(attach_to_role("R", arn));
    let held = |what: &str| {
        let expect = format!("DeleteConflict: Cannot delete entity, must {what} first.");
        cloud.refuses::<op::DeleteRole>(delete("R"), &expect);
    };
    held("detach all policies");
    let (role_name, policy_arn) = ("R".to_owned(), arn.to_owned());
    cloud.ok::<op::DetachRolePolicy>(api::DetachRolePolicyRequest { role_name, policy_arn });
    cloud.ok::<op::PutRolePolicy>(api::PutRolePolicyRequest {
        role_name: "R".to_owned(),
        policy_name: "p".to_owned(),
        policy_document: ALLOW_ALL.to_owned(),
    });
    held("delete policies");
    let (role_name, policy_name) = ("R".to_owned(), "p".to_owned());
    cloud.ok::<op::DeleteRolePolicy>(api::DeleteRolePolicyRequest { role_name, policy_name });
    cloud.ok::<op::CreateInstanceProfile>(profile("P"));
    cloud.ok::<op::AddRoleToInstanceProfile>(join("P", "R"));
    held("remove roles from instance profile");
    cloud.ok::<op::RemoveRoleFromInstanceProfile>(api::RemoveRoleFromInstanceProfileRequest {
        instance_profile_name: "P".to_owned(),
        role_name: "r".to_owned(),
    });
    cloud.ok::<op::DeleteRole>(delete("R"));
    cloud.refuses::<op::DeleteRole>(delete("R"), "NoSuchEntity: The role with name R cannot be found.");
}

#[test]
fn the_path_of_services_is_theirs() {
    let cloud = Cloud::new();
    let input = api::CreateRoleRequest {
        path: Some("/aws-service-role/ec2.amazonaws.com/".to_owned()),
        ..role("R", TRUST_EC2)
    };
    let refused = cloud.call::<op::CreateRole>(&super::cloud::By::Root, input).unwrap_err();
    assert_eq!(refused.code, "ValidationError");
}

#[test]
fn a_role_has_tags() {
    let cloud = Cloud::new();
    cloud.role("R");
    let list = || {
        let input = api::ListRoleTagsRequest { role_name: "R".to_owned(), ..Default::default() };
        cloud.ok::<op::ListRoleTags>(input).tags
    };
    let pairs_in = [("Team", "a"), ("cost", "1")];
    cloud.ok::<op::TagRole>(api::TagRoleRequest { role_name: "R".to_owned(), tags: tags(&pairs_in) });
    cloud.ok::<op::TagRole>(api::TagRoleRequest { role_name: "R".to_owned(), tags: tags(&[("TEAM", "b")]) });
    assert_eq!(pairs(&list()), [("TEAM", "b"), ("cost", "1")]);
    let tag_keys = vec!["team".to_owned()];
    cloud.ok::<op::UntagRole>(api::UntagRoleRequest { role_name: "R".to_owned(), tag_keys });
    assert_eq!(pairs(&list()), [("cost", "1")]);
}
