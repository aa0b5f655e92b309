//! Groups, and who is in them.
//!
//! Owns how a group is found and shown, and membership, which the users' records keep: each has the names of its groups.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_groups.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_api::Unit;
use aws_api::iam::{
    self as api, AddUserToGroupRequest, CreateGroupRequest, CreateGroupResponse, DeleteGroupRequest,
    GetGroupRequest, GetGroupResponse, ListGroupsForUserRequest, ListGroupsForUserResponse,
    ListGroupsRequest, ListGroupsResponse, RemoveUserFromGroupRequest, UpdateGroupRequest, operation as op,
};
use identities::{Group, IdKind, User, name_key};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::{State, arn, error, page, path, quota, scope, user};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateGroup>(create)
        .with::<op::GetGroup>(get)
        .with::<op::ListGroups>(list)
        .with::<op::UpdateGroup>(update)
        .with::<op::DeleteGroup>(delete)
        .with::<op::AddUserToGroup>(add_user)
        .with::<op::RemoveUserFromGroup>(remove_user)
        .with::<op::ListGroupsForUser>(list_of_user)
}

/// The group with this name.
///
/// # Errors
/// `NoSuchEntity`.
pub(crate) fn find(reader: &impl Read, context: &RequestContext, name: &str) -> Result<Group, ServiceError> {
    let found = reader.get::<Group>(&scope(context), &name_key(name)).map(|group| (*group).clone());
    found.ok_or_else(|| error::no_such_entity(format!("The group with name {name} cannot be found.")))
}

/// Writes a group in its place.
pub(crate) fn put(transaction: &mut Transaction, context: &RequestContext, group: Group) {
    transaction.put(&scope(context), &name_key(&group.name), group);
}

/// A group as answers have it.
pub(crate) fn shown(group: &Group) -> api::Group {
    api::Group {
        path: group.path.clone(),
        group_name: group.name.clone(),
        group_id: group.id.clone(),
        arn: group.arn.to_string(),
        create_date: group.created,
    }
}

/// Who is in a group, by the key of its name.
fn members(reader: &impl Read, context: &RequestContext, key: &str) -> Vec<User> {
    let users = reader.scan::<User>(&scope(context));
    users.filter(|(_, user)| user.groups.contains(key)).map(|(_, user)| (*user).clone()).collect()
}

fn check_free(transaction: &Transaction, context: &RequestContext, name: &str) -> Result<(), ServiceError> {
    if transaction.contains::<Group>(&scope(context), &name_key(name)) {
        return Err(error::already_exists(format!("Group with name {name} already exists.")));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateGroup.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateGroupRequest,
) -> Result<CreateGroupResponse, ServiceError> {
    let (name, path) = (request.group_name, path(request.path));
    let id = state.unique_id(IdKind::Group);
    state.store.transact(|transaction| {
        check_free(transaction, context, &name)?;
        quota::GROUPS.check(transaction.count::<Group>(&scope(context)) + 1)?;
        let group = Group {
            id,
            arn: arn(context, "group", &path, &name),
            name,
            path,
            created: context.now,
            inline_policies: BTreeMap::new(),
            attached_policies: BTreeSet::new(),
        };
        let answer = CreateGroupResponse { group: shown(&group) };
        put(transaction, context, group);
        Ok(answer)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetGroup.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetGroupRequest,
) -> Result<GetGroupResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let group = find(&snapshot, context, &request.group_name)?;
    let members = members(&snapshot, context, &name_key(&group.name));
    let members = members.iter().map(|member| (name_key(&member.name), user::listed(member)));
    let page = page::take(members, request.marker.as_deref(), request.max_items)?;
    let is_truncated = page.is_truncated();
    Ok(GetGroupResponse { group: shown(&group), users: page.items, is_truncated, marker: page.marker })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroups.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListGroupsRequest,
) -> Result<ListGroupsResponse, ServiceError> {
    let prefix = path(request.path_prefix);
    let snapshot = state.store.snapshot();
    let found = snapshot
        .scan::<Group>(&scope(context))
        .filter(|(_, group)| group.path.starts_with(&prefix))
        .map(|(key, group)| (key.to_owned(), shown(&group)));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    Ok(ListGroupsResponse { is_truncated: page.is_truncated(), groups: page.items, marker: page.marker })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateGroup.html>
fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateGroupRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let mut group = find(transaction, context, &request.group_name)?;
        if let Some(name) = request.new_group_name {
            let (old, new) = (name_key(&group.name), name_key(&name));
            // Another case of the same name is no other group's.
            if new != old {
                check_free(transaction, context, &name)?;
                for mut member in members(transaction, context, &old) {
                    member.groups.remove(&old);
                    member.groups.insert(new.clone());
                    user::put(transaction, context, member);
                }
                transaction.delete::<Group>(&scope(context), &old);
            }
            group.name = name;
        }
        group.path = request.new_path.unwrap_or(group.path);
        group.arn = arn(context, "group", &group.path, &group.name);
        put(transaction, context, group);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteGroup.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteGroupRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let group = find(transaction, context, &request.group_name)?;
        let key = name_key(&group.name);
        let first = |what| Err(error::delete_conflict(format!("Cannot delete entity, must {what} first.")));
        if !members(transaction, context, &key).is_empty() {
            return first("remove users from group");
        }
        if !group.attached_policies.is_empty() {
            return first("detach all policies");
        }
        if !group.inline_policies.is_empty() {
            return first("delete policies");
        }
        transaction.delete::<Group>(&scope(context), &key);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddUserToGroup.html>
fn add_user(
    state: &State,
    context: &RequestContext,
    request: AddUserToGroupRequest,
) -> Result<Unit, ServiceError> {
    user::change(state, context, &request.user_name, |transaction, user| {
        let group = find(transaction, context, &request.group_name)?;
        user.groups.insert(name_key(&group.name));
        quota::GROUPS_PER_USER.check(user.groups.len())?;
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveUserFromGroup.html>
fn remove_user(
    state: &State,
    context: &RequestContext,
    request: RemoveUserFromGroupRequest,
) -> Result<Unit, ServiceError> {
    user::change(state, context, &request.user_name, |transaction, user| {
        let group = find(transaction, context, &request.group_name)?;
        user.groups.remove(&name_key(&group.name));
        Ok(Unit)
    })
}

/// The groups that a user is in, in the order of their names.
pub(crate) fn of_user(reader: &impl Read, context: &RequestContext, user: &User) -> Vec<Group> {
    let scope = scope(context);
    let groups = user.groups.iter().filter_map(|key| reader.get::<Group>(&scope, key));
    groups.map(|group| (*group).clone()).collect()
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroupsForUser.html>
fn list_of_user(
    state: &State,
    context: &RequestContext,
    request: ListGroupsForUserRequest,
) -> Result<ListGroupsForUserResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let user = user::find(&snapshot, context, &request.user_name)?;
    let groups = of_user(&snapshot, context, &user);
    let groups = groups.iter().map(|group| (name_key(&group.name), shown(group)));
    let page = page::take(groups, request.marker.as_deref(), request.max_items)?;
    let is_truncated = page.is_truncated();
    Ok(ListGroupsForUserResponse { groups: page.items, is_truncated, marker: page.marker })
}
