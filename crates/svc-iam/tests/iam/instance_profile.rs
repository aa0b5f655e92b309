//! Instance profiles, and their tags.

use aws_api::iam::{self as api, operation as op};

use super::cloud::{Cloud, join, pairs, profile, tags};

fn get(cloud: &Cloud, name: &str) -> api::InstanceProfile {
    let input = api::GetInstanceProfileRequest { instance_profile_name: name.to_owned() };
    cloud.ok::<op::GetInstanceProfile>(input).instance_profile
}

fn roles(profile: &api::InstanceProfile) -> Vec<&str> {
    profile.roles.iter().map(|role| role.role_name.as_str()).collect()
}

fn leave(profile: &str, role: &str) -> api::RemoveRoleFromInstanceProfileRequest {
    api::RemoveRoleFromInstanceProfileRequest {
        instance_profile_name: profile.to_owned(),
        role_name: role.to_owned(),
    }
}

fn delete(name: &str) -> api::DeleteInstanceProfileRequest {
    api::DeleteInstanceProfileRequest { instance_profile_name: name.to_owned() }
}

#[test]
fn a_profile_hands_out_one_role() {
    let cloud = Cloud::new();
    cloud.role("R");
    cloud.role("S");
    let input = api::CreateInstanceProfileRequest { path: Some("/x/".to_owned()), ..profile("P") };
    let made = cloud.ok::<op::CreateInstanceProfile>(input).instance_profile;
    assert_eq!(made.arn, "arn:aws:iam::123456789012:instance-profile/x/P");
    assert!(made.instance_profile_id.starts_with("AIPA") && made.roles.is_empty());
    cloud.refuses::<op::CreateInstanceProfile>(
        profile("p"),
        "EntityAlreadyExists: Instance Profile p already exists.",
    );
    cloud.ok::<op::AddRoleToInstanceProfile>(join("P", "r"));
    assert_eq!(roles(&get(&cloud, "P")), ["R"]);
    cloud.refuses::<op::AddRoleToInstanceProfile>(
        join("P", "S"),
        "LimitExceeded: Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
    );
    cloud.refuses::<op::AddRoleToInstanceProfile>(
        join("None", "R"),
        "NoSuchEntity: Instance Profile None cannot be found.",
    );
    cloud.refuses::<op::DeleteInstanceProfile>(
        delete("P"),
        "DeleteConflict: Cannot delete entity, must remove roles from instance profile first.",
    );
    cloud.refuses::<op::RemoveRoleFromInstanceProfile>(
        leave("P", "S"),
        "NoSuchEntity: The role with name S cannot be found.",
    );
    cloud.ok::<op::RemoveRoleFromInstanceProfile>(leave("P", "R"));
    assert!(get(&cloud, "P").roles.is_empty());
    cloud.ok::<op::DeleteInstanceProfile>(delete("P"));
    cloud.refuses::<op::GetInstanceProfile>(
        api::GetInstanceProfileRequest { instance_profile_name: "P".to_owned() },
        "NoSuchEntity: Instance Profile P cannot be found.",
    );
}

#[test]
fn profiles_are_listed_all_or_for_a_role() {
    let cloud = Cloud::new();
    cloud.role("R");
    for name in ["A", "B", "C"] {
        cloud.ok::<op::CreateInstanceProfile>(profile(name));
    }
    cloud.ok::<op::AddRoleToInstanceProfile>(join("A", "R"));
    cloud.ok::<op::AddRoleToInstanceProfile>(join("C", "R"));
    let all = cloud.ok::<op::ListInstanceProfiles>(Default::default());
    assert_eq!(all.instance_profiles.iter().map(|one| one.roles.len()).collect::<Vec<_>>(), [1, 0, 1]);
    let input = |marker| api::ListInstanceProfilesForRoleRequest {
        role_name: "R".to_owned(),
        marker,
        max_items: Some(1),
    };
    let first = cloud.ok::<op::ListInstanceProfilesForRole>(input(None));
    let second = cloud.ok::<op::ListInstanceProfilesForRole>(input(first.marker.clone()));
    assert_eq!((first.is_truncated, second.is_truncated), (Some(true), Some(false)));
    let name = |page: &api::ListInstanceProfilesForRoleResponse| {
        page.instance_profiles[0].instance_profile_name.clone()
    };
    assert_eq!((name(&first), name(&second)), ("A".to_owned(), "C".to_owned()));
}

#[test]
fn the_keys_of_a_profiles_tags_have_case() {
    let cloud = Cloud::new();
    let input = api::CreateInstanceProfileRequest { tags: Some(tags(&[("Team", "a")])), ..profile("P") };
    cloud.ok::<op::CreateInstanceProfile>(input);
    let name = || "P".to_owned();
    cloud.ok::<op::TagInstanceProfile>(api::TagInstanceProfileRequest {
        instance_profile_name: name(),
        tags: tags(&[("team", "b")]),
    });
    let list = || {
        let input =
            api::ListInstanceProfileTagsRequest { instance_profile_name: name(), ..Default::default() };
        cloud.ok::<op::ListInstanceProfileTags>(input).tags
    };
    assert_eq!(pairs(&list()), [("Team", "a"), ("team", "b")]);
    assert_eq!(get(&cloud, "P").tags, Some(list()));
    cloud.ok::<op::UntagInstanceProfile>(api::UntagInstanceProfileRequest {
        instance_profile_name: name(),
        tag_keys: vec!["Team".to_owned()],
    });
    assert_eq!(pairs(&list()), [("team", "b")]);
}
