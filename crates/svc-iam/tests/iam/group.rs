//! Groups, and who is in them.

use aws_api::iam::{self as api, operation as op};

use super::cloud::Cloud;

fn get(name: &str) -> api::GetGroupRequest {
    api::GetGroupRequest { group_name: name.to_owned(), ..Default::default() }
}

fn add(group: &str, user: &str) -> api::AddUserToGroupRequest {
    api::AddUserToGroupRequest { group_name: group.to_owned(), user_name: user.to_owned() }
}

fn remove(group: &str, user: &str) -> api::RemoveUserFromGroupRequest {
    api::RemoveUserFromGroupRequest { group_name: group.to_owned(), user_name: user.to_owned() }
}

fn delete(name: &str) -> api::DeleteGroupRequest {
    api::DeleteGroupRequest { group_name: name.to_owned() }
}

fn groups_of(cloud: &Cloud, user: &str) -> Vec<String> {
    let input = api::ListGroupsForUserRequest { user_name: user.to_owned(), ..Default::default() };
    cloud.ok::<op::ListGroupsForUser>(input).groups.into_iter().map(|group| group.group_name).collect()
}

#[test]
fn a_group_is_made_listed_and_deleted() {
    let cloud = Cloud::new();
    let input = api::CreateGroupRequest { group_name: "Admins".to_owned(), path: Some("/x/".to_owned()) };
    let made = cloud.ok::<op::CreateGroup>(input).group;
    assert_eq!(made.arn, "arn:aws:iam::123456789012:group/x/Admins");
    assert!(made.group_id.starts_with("AGPA"), "{}", made.group_id);
    cloud.group("Others");
    let taken = api::CreateGroupRequest { group_name: "ADMINS".to_owned(), path: None };
    cloud.refuses::<op::CreateGroup>(taken, "EntityAlreadyExists: Group with name ADMINS already exists.");
    assert_eq!(cloud.ok::<op::GetGroup>(get("admins")).group, made);
    let list = |prefix: &str| {
        let input =
            api::ListGroupsRequest { path_prefix: Some(prefix.to_owned()), marker: None, max_items: None };
        cloud.ok::<op::ListGroups>(input).groups.len()
    };
    assert_eq!((list("/"), list("/x/")), (2, 1));
    cloud.ok::<op::DeleteGroup>(delete("Admins"));
    cloud.refuses::<op::GetGroup>(get("Admins"), "NoSuchEntity: The group with name Admins cannot be found.");
}

#[test]
fn users_come_into_groups_and_leave_them() {
    let cloud = Cloud::new();
    cloud.group("Admins");
    cloud.group("Auditors");
    for name in ["Ann", "Bob", "Eve"] {
        cloud.user(name);
        cloud.ok::<op::AddUserToGroup>(add("admins", name));
    }
    cloud.ok::<op::AddUserToGroup>(add("Admins", "Ann"));
    cloud.ok::<op::AddUserToGroup>(add("Auditors", "Ann"));
    assert_eq!(groups_of(&cloud, "Ann"), ["Admins", "Auditors"]);
    let members = |marker: Option<String>| {
        let page =
            cloud.ok::<op::GetGroup>(api::GetGroupRequest { marker, max_items: Some(2), ..get("Admins") });
        let names: Vec<_> = page.users.into_iter().map(|user| user.user_name).collect();
        (names, page.marker)
    };
    let (first, marker) = members(None);
    assert_eq!(first, ["Ann", "Bob"]);
    assert_eq!(members(marker), (vec!["Eve".to_owned()], None));
    cloud.ok::<op::RemoveUserFromGroup>(remove("Admins", "Ann"));
    assert_eq!(groups_of(&cloud, "Ann"), ["Auditors"]);
    cloud.refuses::<op::AddUserToGroup>(
        add("Admins", "Zoe"),
        "NoSuchEntity: The user with name Zoe cannot be found.",
    );
    cloud.refuses::<op::AddUserToGroup>(
        add("None", "Ann"),
        "NoSuchEntity: The group with name None cannot be found.",
    );
    let held = "DeleteConflict: Cannot delete entity, must remove users from group first.";
    cloud.refuses::<op::DeleteGroup>(delete("Admins"), held);
    cloud.refuses::<op::DeleteUser>(api::DeleteUserRequest { user_name: "Bob".to_owned() }, held);
    cloud.ok::<op::RemoveUserFromGroup>(remove("Admins", "Bob"));
    cloud.ok::<op::DeleteUser>(api::DeleteUserRequest { user_name: "Bob".to_owned() });
}

#[test]
fn a_renamed_group_keeps_its_users() {
    let cloud = Cloud::new();
    let made = cloud.group("Admins");
    cloud.group("Others");
    cloud.user("Bob");
    cloud.ok::<op::AddUserToGroup>(add("Admins", "Bob"));
    let rename = |new: &str| api::UpdateGroupRequest {
        group_name: "Admins".to_owned(),
        new_path: Some("/p/".to_owned()),
        new_group_name: Some(new.to_owned()),
    };
    cloud.refuses::<op::UpdateGroup>(
        rename("others"),
        "EntityAlreadyExists: Group with name others already exists.",
    );
    cloud.ok::<op::UpdateGroup>(rename("Owners"));
    assert_eq!(groups_of(&cloud, "Bob"), ["Owners"]);
    let now = cloud.ok::<op::GetGroup>(get("Owners"));
    assert_eq!(
        (now.group.group_id, now.group.arn.as_str(), now.users.len()),
        (made.group_id, "arn:aws:iam::123456789012:group/p/Owners", 1)
    );
    cloud.refuses::<op::GetGroup>(get("Admins"), "NoSuchEntity: The group with name Admins cannot be found.");
}

#[test]
fn a_user_is_in_ten_groups_at_most() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    for number in 0..11 {
        cloud.group(&format!("g{number}"));
    }
    for number in 0..10 {
        cloud.ok::<op::AddUserToGroup>(add(&format!("g{number}"), "Bob"));
    }
    cloud.refuses::<op::AddUserToGroup>(
        add("g10", "Bob"),
        "LimitExceeded: Cannot exceed quota for GroupsPerUser: 10",
    );
}

#[test]
fn a_group_with_policies_stays() {
    let cloud = Cloud::new();
    cloud.group("Admins");
    let arn = "arn:aws:iam::aws:policy/AdministratorAccess".to_owned();
    let name = || "Admins".to_owned();
    cloud.ok::<op::AttachGroupPolicy>(api::AttachGroupPolicyRequest {
        group_name: name(),
        policy_arn: arn.clone(),
    });
    cloud.refuses::<op::DeleteGroup>(
        delete("Admins"),
        "DeleteConflict: Cannot delete entity, must detach all policies first.",
    );
    cloud.ok::<op::DetachGroupPolicy>(api::DetachGroupPolicyRequest { group_name: name(), policy_arn: arn });
    cloud.ok::<op::PutGroupPolicy>(api::PutGroupPolicyRequest {
        group_name: name(),
        policy_name: "p".to_owned(),
        policy_document: super::cloud::ALLOW_ALL.to_owned(),
    });
    cloud.refuses::<op::DeleteGroup>(
        delete("Admins"),
        "DeleteConflict: Cannot delete entity, must delete policies first.",
    );
}
