//! Managed policies, and their tags.

use aws_api::iam::{self as api, operation as op};

use super::cloud::{ALLOW_ALL, By, Cloud, attach_to_user, pairs, policy, tags};

const AWS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

fn get(cloud: &Cloud, arn: &str) -> api::Policy {
    cloud.ok::<op::GetPolicy>(api::GetPolicyRequest { policy_arn: arn.to_owned() }).policy.unwrap()
}

fn delete(arn: &str) -> api::DeletePolicyRequest {
    api::DeletePolicyRequest { policy_arn: arn.to_owned() }
}

/// The names of what is listed.
fn names(cloud: &Cloud, input: api::ListPoliciesRequest) -> Vec<String> {
    let (mut marker, mut names) = (None, Vec::new());
    loop {
        let page = cloud.ok::<op::ListPolicies>(api::ListPoliciesRequest { marker, ..input.clone() });
        names.extend(page.policies.unwrap().into_iter().map(|policy| policy.policy_name.unwrap()));
        marker = page.marker;
        if marker.is_none() {
            return names;
        }
    }
}

#[test]
fn a_policy_is_made_and_shown() {
    let cloud = Cloud::new();
    let made = cloud
        .ok::<op::CreatePolicy>(api::CreatePolicyRequest {
            path: Some("/x/".to_owned()),
            description: Some("All".to_owned()),
            ..policy("All")
        })
        .policy
        .unwrap();
    let arn = made.arn.clone().unwrap();
    assert_eq!(arn, "arn:aws:iam::123456789012:policy/x/All");
    assert!(made.policy_id.as_ref().unwrap().starts_with("ANPA"));
    assert_eq!(made.default_version_id.as_deref(), Some("v1"));
    assert_eq!((made.attachment_count, made.permissions_boundary_usage_count), (Some(0), Some(0)));
    assert_eq!(get(&cloud, &arn).description.as_deref(), Some("All"));
    cloud.refuses::<op::CreatePolicy>(
        policy("ALL"),
        "EntityAlreadyExists: A policy called ALL already exists. Duplicate names are not allowed.",
    );
    let with = |document: String| api::CreatePolicyRequest { policy_document: document, ..policy("Other") };
    let refused = cloud.call::<op::CreatePolicy>(&By::Root, with("no".to_owned())).unwrap_err();
    assert_eq!(refused.code, "MalformedPolicyDocument");
    // White space does not count.
    let padded = |chars: usize| {
        let sid = "a".repeat(chars - ALLOW_ALL.len() - r#""Sid":"","#.len());
        ALLOW_ALL.replace(r#"{"Effect""#, &format!("{{\"Sid\":\"{sid}\",  \"Effect\""))
    };
    cloud.refuses::<op::CreatePolicy>(
        with(padded(6145)),
        "LimitExceeded: Cannot exceed quota for PolicySize: 6144",
    );
    cloud.ok::<op::CreatePolicy>(with(padded(6144)));
}

#[test]
fn the_policies_of_aws_are_there_and_not_ours() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.ok::<op::AttachUserPolicy>(attach_to_user("Bob", AWS));
    let shown = get(&cloud, AWS);
    assert_eq!(shown.policy_id.as_deref(), Some("ANPAIWMBCKSKIEE64ZLYK"));
    assert_eq!((shown.attachment_count, shown.tags), (Some(1), Some(vec![])));
    cloud.refuses::<op::DeletePolicy>(
        delete(AWS),
        "AccessDenied: User: arn:aws:iam::123456789012:root is not authorized to perform: iam:DeletePolicy on resource: policy arn:aws:iam::aws:policy/AdministratorAccess",
    );
    let missing = "arn:aws:iam::aws:policy/NoSuchPolicy";
    cloud.refuses::<op::GetPolicy>(
        api::GetPolicyRequest { policy_arn: missing.to_owned() },
        "NoSuchEntity: Policy arn:aws:iam::aws:policy/NoSuchPolicy was not found.",
    );
    cloud.refuses::<op::GetPolicy>(
        api::GetPolicyRequest { policy_arn: "arn:aws:iam::aws:role/Administrator".to_owned() },
        "InvalidInput: ARN arn:aws:iam::aws:role/Administrator is not valid.",
    );
}

#[test]
fn policies_are_listed_by_whose_they_are_and_how_they_are_used() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let used = cloud.policy("Used");
    let boundary = cloud.policy("Boundary");
    // The name of one of AWS's.
    cloud.policy("AdministratorAccess");
    cloud.ok::<op::AttachUserPolicy>(attach_to_user("Bob", &used));
    cloud.ok::<op::AttachUserPolicy>(attach_to_user("Bob", AWS));
    cloud.ok::<op::PutUserPermissionsBoundary>(api::PutUserPermissionsBoundaryRequest {
        user_name: "Bob".to_owned(),
        permissions_boundary: boundary,
    });
    let of = |scope: &str| api::ListPoliciesRequest {
        scope: Some(scope.to_owned()),
        max_items: Some(1000),
        ..Default::default()
    };
    assert_eq!(names(&cloud, of("Local")), ["AdministratorAccess", "Boundary", "Used"]);
    let paged = api::ListPoliciesRequest { max_items: Some(1), ..of("Local") };
    assert_eq!(names(&cloud, paged), ["AdministratorAccess", "Boundary", "Used"]);
    let (aws, all) = (names(&cloud, of("AWS")), names(&cloud, of("All")));
    assert!(aws.len() > 1500 && all.len() == aws.len() + 3);
    let attached = |scope: &str| api::ListPoliciesRequest { only_attached: Some(true), ..of(scope) };
    assert_eq!(names(&cloud, attached("All")), ["AdministratorAccess", "Used"]);
    assert_eq!(names(&cloud, attached("Local")), ["Used"]);
    let boundaries =
        api::ListPoliciesRequest { policy_usage_filter: Some("PermissionsBoundary".to_owned()), ..of("All") };
    assert_eq!(names(&cloud, boundaries.clone()), ["Boundary"]);
    let permissions =
        api::ListPoliciesRequest { policy_usage_filter: Some("PermissionsPolicy".to_owned()), ..of("All") };
    assert_eq!(names(&cloud, permissions), ["AdministratorAccess", "Used"]);
    // A boundary that nobody has attached is not attached.
    let attached = api::ListPoliciesRequest { only_attached: Some(true), ..boundaries };
    assert_eq!(names(&cloud, attached), Vec::<String>::new());
    let jobs = api::ListPoliciesRequest { path_prefix: Some("/job-function/".to_owned()), ..of("AWS") };
    assert!(names(&cloud, jobs).contains(&"ViewOnlyAccess".to_owned()));
}

#[test]
fn a_policy_in_use_stays() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let arn = cloud.policy("P");
    let held = "DeleteConflict: Cannot delete a policy attached to entities.";
    cloud.ok::<op::AttachUserPolicy>(attach_to_user("Bob", &arn));
    cloud.refuses::<op::DeletePolicy>(delete(&arn), held);
    cloud.refuses::<op::DeleteUser>(
        api::DeleteUserRequest { user_name: "Bob".to_owned() },
        "DeleteConflict: Cannot delete entity, must detach all policies first.",
    );
    let (user_name, policy_arn) = ("Bob".to_owned(), arn.clone());
    cloud.ok::<op::DetachUserPolicy>(api::DetachUserPolicyRequest { user_name, policy_arn });
    let (user_name, permissions_boundary) = ("Bob".to_owned(), arn.clone());
    cloud.ok::<op::PutUserPermissionsBoundary>(api::PutUserPermissionsBoundaryRequest {
        user_name,
        permissions_boundary,
    });
    cloud.refuses::<op::DeletePolicy>(delete(&arn), held);
    let user_name = "Bob".to_owned();
    cloud.ok::<op::DeleteUserPermissionsBoundary>(api::DeleteUserPermissionsBoundaryRequest { user_name });
    cloud.ok::<op::DeletePolicy>(delete(&arn));
    cloud.refuses::<op::DeletePolicy>(delete(&arn), &format!("NoSuchEntity: Policy {arn} was not found."));
}

#[test]
fn a_policy_has_tags() {
    let cloud = Cloud::new();
    let arn = cloud.policy("P");
    let policy_arn = || arn.clone();
    let pairs_in = tags(&[("Team", "a"), ("team", "b")]);
    let [one, other] = [&pairs_in[..1], &pairs_in[1..]].map(<[api::Tag]>::to_vec);
    cloud.ok::<op::TagPolicy>(api::TagPolicyRequest { policy_arn: policy_arn(), tags: one });
    cloud.ok::<op::TagPolicy>(api::TagPolicyRequest { policy_arn: policy_arn(), tags: other });
    let list = || {
        let input = api::ListPolicyTagsRequest { policy_arn: policy_arn(), ..Default::default() };
        cloud.ok::<op::ListPolicyTags>(input).tags
    };
    assert_eq!(pairs(&list()), [("Team", "a"), ("team", "b")]);
    assert_eq!(get(&cloud, &arn).tags, Some(list()));
    let tag_keys = vec!["Team".to_owned()];
    cloud.ok::<op::UntagPolicy>(api::UntagPolicyRequest { policy_arn: policy_arn(), tag_keys });
    assert_eq!(pairs(&list()), [("team", "b")]);
}
