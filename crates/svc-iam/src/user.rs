//! Users: made, shown, renamed and deleted; and their tags.
//!
//! Owns how a user is found and shown. Refuses to know what it may have beside its record (keys, a password, devices):
//! the files of those say whether anything is left ([`HELD_BY_USER`]). They find it by the user's id, which outlives its
//! name.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::Unit;
use aws_api::iam::{
    self as api, CreateUserRequest, CreateUserResponse, DeleteUserRequest, GetUserRequest, GetUserResponse,
    ListUserTagsRequest, ListUserTagsResponse, ListUsersRequest, ListUsersResponse, TagUserRequest,
    UntagUserRequest, UpdateUserRequest, operation as op,
};
use aws_model::Value;
use aws_types::Timestamp;
use identities::{AccessKey, AccessKeyOwner, Account, IdKind, User, cloud_scope, name_key};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::caller::{Subject, subject};
use crate::tag::{self, KeyCase};
use crate::{
    State, access_key, arn, boundary, error, login_profile, mfa_device, page, path, quota, scope,
    service_specific_credential, signing_certificate, ssh_public_key, trust_policy,
};

/// What a file says of a user that is to be deleted: the refusal, when the user has something of the file's.
pub(crate) type HeldByUser = fn(&Transaction, &RequestContext, &User) -> Option<ServiceError>;

/// Of the files whose things have users.
const HELD_BY_USER: &[HeldByUser] = &[
    access_key::held_by_user,
    login_profile::held_by_user,
    mfa_device::held_by_user,
    service_specific_credential::held_by_user,
    signing_certificate::held_by_user,
    ssh_public_key::held_by_user,
];

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateUser>(create)
        .with::<op::GetUser>(get)
        .with::<op::ListUsers>(list)
        .with::<op::UpdateUser>(update)
        .with::<op::DeleteUser>(delete)
        .with::<op::TagUser>(tag)
        .with::<op::UntagUser>(untag)
        .with::<op::ListUserTags>(list_tags)
}

/// The user with this name.
///
/// # Errors
/// `NoSuchEntity`.
pub(crate) fn find(reader: &impl Read, context: &RequestContext, name: &str) -> Result<User, ServiceError> {
    let found = reader.get::<User>(&scope(context), &name_key(name)).map(|user| (*user).clone());
    found.ok_or_else(|| error::no_such_entity(format!("The user with name {name} cannot be found.")))
}

/// Writes a user in its place.
pub(crate) fn put(transaction: &mut Transaction, context: &RequestContext, user: User) {
    transaction.put(&scope(context), &name_key(&user.name), user);
}

/// Changes a user.
///
/// # Errors
/// `NoSuchEntity`, and those of the change.
pub(crate) fn change<T>(
    state: &State,
    context: &RequestContext,
    name: &str,
    change: impl FnOnce(&mut Transaction, &mut User) -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    state.store.transact(|transaction| {
        let mut user = find(transaction, context, name)?;
        let answer = change(transaction, &mut user)?;
        put(transaction, context, user);
        Ok(answer)
    })
}

/// A user as lists have it: without its boundary and tags.
pub(crate) fn listed(user: &User) -> api::User {
    api::User {
        path: user.path.clone(),
        user_name: user.name.clone(),
        user_id: user.id.clone(),
        arn: user.arn.to_string(),
        create_date: user.created,
        password_last_used: user.password_last_used,
        permissions_boundary: None,
        tags: None,
    }
}

/// A user with all that there is to say of it.
pub(crate) fn shown(user: &User) -> api::User {
    api::User {
        permissions_boundary: boundary::shown(user.permissions_boundary.as_ref()),
        tags: (!user.tags.is_empty()).then(|| tag::shown(&user.tags)),
        ..listed(user)
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateUserRequest,
) -> Result<CreateUserResponse, ServiceError> {
    let path = path(request.path);
    let tags = tag::of(KeyCase::Ignored, request.tags)?;
    let id = state.unique_id(IdKind::User);
    state.store.transact(|transaction| {
        let name = request.user_name;
        check_free(transaction, context, &name)?;
        quota::USERS.check(transaction.count::<User>(&scope(context)) + 1)?;
        let user = User {
            id,
            arn: arn(context, "user", &path, &name),
            name,
            path,
            created: context.now,
            password_last_used: None,
            permissions_boundary: boundary::check(transaction, context, request.permissions_boundary)?,
            inline_policies: BTreeMap::new(),
            attached_policies: BTreeSet::new(),
            groups: BTreeSet::new(),
            tags,
        };
        let answer = CreateUserResponse { user: Some(shown(&user)) };
        put(transaction, context, user);
        Ok(answer)
    })
}

fn check_free(transaction: &Transaction, context: &RequestContext, name: &str) -> Result<(), ServiceError> {
    if transaction.contains::<User>(&scope(context), &name_key(name)) {
        return Err(error::already_exists(format!("User with name {name} already exists.")));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetUserRequest,
) -> Result<GetUserResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let user = match subject(&snapshot, context, request.user_name.as_deref())? {
        Subject::User(user) => shown(&user),
        Subject::Root => {
            let account = context.account().to_string();
            let found = snapshot.get::<Account>(&scope(context), &account);
            api::User {
                arn: arn(context, "root", "", "").to_string(),
                user_id: account,
                create_date: found.map_or(Timestamp::default(), |account| account.created),
                ..api::User::default()
            }
        }
    };
    Ok(GetUserResponse { user })
}

/// The answer about a root user, which has neither name nor path. The model knows no user without them, so that they are taken
/// out of what is answered.
pub(crate) fn without_name_of_root(mut answer: Value) -> Value {
    let Value::Structure(fields) = &mut answer else { return answer };
    let Some(mut user) = fields.take("User") else { return answer };
    if let Value::Structure(members) = &mut user
        && members.get("UserName") == Some(&Value::String(String::new()))
    {
        members.take("UserName");
        members.take("Path");
    }
    fields.push("User", user);
    answer
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListUsersRequest,
) -> Result<ListUsersResponse, ServiceError> {
    let prefix = path(request.path_prefix);
    let snapshot = state.store.snapshot();
    let found = snapshot
        .scan::<User>(&scope(context))
        .filter(|(_, user)| user.path.starts_with(&prefix))
        .map(|(key, user)| (key.to_owned(), listed(&user)));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    Ok(ListUsersResponse { is_truncated: page.is_truncated(), users: page.items, marker: page.marker })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html>
fn update(state: &State, context: &RequestContext, request: UpdateUserRequest) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let mut user = find(transaction, context, &request.user_name)?;
        let key = name_key(&user.name);
        if let Some(name) = request.new_user_name {
            // Another case of the same name is no other user's.
            if name_key(&name) != key {
                check_free(transaction, context, &name)?;
                transaction.delete::<User>(&scope(context), &key);
            }
            user.name = name;
        }
        user.path = request.new_path.unwrap_or(user.path);
        let old_arn = std::mem::replace(&mut user.arn, arn(context, "user", &user.path, &user.name));
        if user.arn != old_arn {
            trust_policy::replace(transaction, old_arn.as_str(), user.arn.as_str());
        }
        rename_keys(transaction, context, &user);
        put(transaction, context, user);
        Ok(Unit)
    })
}

/// Access keys say whose they are by name, for those who authenticate with them.
fn rename_keys(transaction: &mut Transaction, context: &RequestContext, user: &User) {
    let cloud = cloud_scope(context.partition);
    let held = transaction.parts::<AccessKey>(&cloud, &user.id);
    let held: Vec<AccessKey> = held.map(|(_, key)| (*key).clone()).collect();
    for key in held {
        let owner = AccessKeyOwner::User { id: user.id.clone(), name: user.name.clone() };
        transaction.put(&cloud, &key.id.clone(), AccessKey { owner, ..key });
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html>
fn delete(state: &State, context: &RequestContext, request: DeleteUserRequest) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let user = find(transaction, context, &request.user_name)?;
        let first = |what| Err(error::delete_conflict(format!("Cannot delete entity, must {what} first.")));
        if !user.attached_policies.is_empty() {
            return first("detach all policies");
        }
        if !user.inline_policies.is_empty() {
            return first("delete policies");
        }
        if !user.groups.is_empty() {
            return first("remove users from group");
        }
        if let Some(refused) = HELD_BY_USER.iter().find_map(|held| held(transaction, context, &user)) {
            return Err(refused);
        }
        trust_policy::replace(transaction, user.arn.as_str(), &user.id);
        transaction.delete::<User>(&scope(context), &name_key(&user.name));
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagUser.html>
fn tag(state: &State, context: &RequestContext, request: TagUserRequest) -> Result<Unit, ServiceError> {
    change(state, context, &request.user_name, |_, user| {
        tag::add(KeyCase::Ignored, &mut user.tags, request.tags)?;
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagUser.html>
fn untag(state: &State, context: &RequestContext, request: UntagUserRequest) -> Result<Unit, ServiceError> {
    change(state, context, &request.user_name, |_, user| {
        tag::remove(KeyCase::Ignored, &mut user.tags, &request.tag_keys);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUserTags.html>
fn list_tags(
    state: &State,
    context: &RequestContext,
    request: ListUserTagsRequest,
) -> Result<ListUserTagsResponse, ServiceError> {
    let user = find(&state.store.snapshot(), context, &request.user_name)?;
    let page = page::take(tag::keyed(&user.tags), request.marker.as_deref(), request.max_items)?;
    Ok(ListUserTagsResponse { is_truncated: page.is_truncated(), tags: page.items, marker: page.marker })
}
