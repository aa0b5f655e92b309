//! Instance profiles: what hands a role to an instance; and their tags.
//!
//! Owns the role in a profile. Refuses to know the instances that have one (`svc-ec2` does).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2_instance-profiles.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, AddRoleToInstanceProfileRequest, CreateInstanceProfileRequest,
    CreateInstanceProfileResponse, DeleteInstanceProfileRequest, GetInstanceProfileRequest,
    GetInstanceProfileResponse, ListInstanceProfileTagsRequest, ListInstanceProfileTagsResponse,
    ListInstanceProfilesForRoleRequest, ListInstanceProfilesForRoleResponse, ListInstanceProfilesRequest,
    ListInstanceProfilesResponse, RemoveRoleFromInstanceProfileRequest, TagInstanceProfileRequest,
    UntagInstanceProfileRequest, operation as op,
};
use identities::{IdKind, InstanceProfile, Role, name_key};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::tag::{self, KeyCase};
use crate::{State, arn, error, page, path, quota, role, scope};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateInstanceProfile>(create)
        .with::<op::GetInstanceProfile>(get)
        .with::<op::ListInstanceProfiles>(list)
        .with::<op::DeleteInstanceProfile>(delete)
        .with::<op::AddRoleToInstanceProfile>(add_role)
        .with::<op::RemoveRoleFromInstanceProfile>(remove_role)
        .with::<op::ListInstanceProfilesForRole>(list_of_role)
        .with::<op::TagInstanceProfile>(tag)
        .with::<op::UntagInstanceProfile>(untag)
        .with::<op::ListInstanceProfileTags>(list_tags)
}

fn find(reader: &impl Read, context: &RequestContext, name: &str) -> Result<InstanceProfile, ServiceError> {
    let found = reader.get::<InstanceProfile>(&scope(context), &name_key(name));
    let found = found.map(|profile| (*profile).clone());
    found.ok_or_else(|| error::no_such_entity(format!("Instance Profile {name} cannot be found.")))
}

fn put(transaction: &mut Transaction, context: &RequestContext, profile: InstanceProfile) {
    transaction.put(&scope(context), &name_key(&profile.name), profile);
}

fn change(
    state: &State,
    context: &RequestContext,
    name: &str,
    change: impl FnOnce(&Transaction, &mut InstanceProfile) -> Result<(), ServiceError>,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let mut profile = find(transaction, context, name)?;
        change(transaction, &mut profile)?;
        put(transaction, context, profile);
        Ok(Unit)
    })
}

/// The profiles that a role is in.
pub(crate) fn with_role(reader: &impl Read, context: &RequestContext, role: &Role) -> Vec<InstanceProfile> {
    let profiles = reader.parts::<InstanceProfile>(&scope(context), &name_key(&role.name));
    profiles.map(|(_, profile)| (*profile).clone()).collect()
}

/// A profile as lists have it: without its tags.
pub(crate) fn listed(
    reader: &impl Read,
    context: &RequestContext,
    profile: &InstanceProfile,
) -> api::InstanceProfile {
    let role = profile.role.as_deref().and_then(|name| role::find(reader, context, name).ok());
    api::InstanceProfile {
        path: profile.path.clone(),
        instance_profile_name: profile.name.clone(),
        instance_profile_id: profile.id.clone(),
        arn: profile.arn.to_string(),
        create_date: profile.created,
        roles: role.iter().map(role::listed).collect(),
        tags: None,
    }
}

fn shown(reader: &impl Read, context: &RequestContext, profile: &InstanceProfile) -> api::InstanceProfile {
    api::InstanceProfile { tags: Some(tag::shown(&profile.tags)), ..listed(reader, context, profile) }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateInstanceProfileRequest,
) -> Result<CreateInstanceProfileResponse, ServiceError> {
    let (name, path) = (request.instance_profile_name, path(request.path));
    let tags = tag::of(KeyCase::Kept, request.tags)?;
    let id = state.unique_id(IdKind::InstanceProfile);
    state.store.transact(|transaction| {
        if transaction.contains::<InstanceProfile>(&scope(context), &name_key(&name)) {
            return Err(error::already_exists(format!("Instance Profile {name} already exists.")));
        }
        quota::INSTANCE_PROFILES.check(transaction.count::<InstanceProfile>(&scope(context)) + 1)?;
        let profile = InstanceProfile {
            id,
            arn: arn(context, "instance-profile", &path, &name),
            name,
            path,
            created: context.now,
            role: None,
            tags,
        };
        let answer =
            CreateInstanceProfileResponse { instance_profile: shown(transaction, context, &profile) };
        put(transaction, context, profile);
        Ok(answer)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetInstanceProfile.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetInstanceProfileRequest,
) -> Result<GetInstanceProfileResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let profile = find(&snapshot, context, &request.instance_profile_name)?;
    Ok(GetInstanceProfileResponse { instance_profile: shown(&snapshot, context, &profile) })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfiles.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListInstanceProfilesRequest,
) -> Result<ListInstanceProfilesResponse, ServiceError> {
    let prefix = path(request.path_prefix);
    let snapshot = state.store.snapshot();
    let found = snapshot
        .scan::<InstanceProfile>(&scope(context))
        .filter(|(_, profile)| profile.path.starts_with(&prefix))
        .map(|(key, profile)| (key.to_owned(), listed(&snapshot, context, &profile)));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    let is_truncated = page.is_truncated();
    Ok(ListInstanceProfilesResponse { instance_profiles: page.items, is_truncated, marker: page.marker })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteInstanceProfile.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteInstanceProfileRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let profile = find(transaction, context, &request.instance_profile_name)?;
        if profile.role.is_some() {
            return Err(error::delete_conflict(
                "Cannot delete entity, must remove roles from instance profile first.",
            ));
        }
        transaction.delete::<InstanceProfile>(&scope(context), &name_key(&profile.name));
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html>
fn add_role(
    state: &State,
    context: &RequestContext,
    request: AddRoleToInstanceProfileRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.instance_profile_name, |transaction, profile| {
        let role = role::find(transaction, context, &request.role_name)?;
        role::check_modifiable(&role)?;
        quota::ROLES_PER_PROFILE.check(usize::from(profile.role.is_some()) + 1)?;
        profile.role = Some(role.name);
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveRoleFromInstanceProfile.html>
fn remove_role(
    state: &State,
    context: &RequestContext,
    request: RemoveRoleFromInstanceProfileRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.instance_profile_name, |_, profile| {
        let has = profile.role.as_deref().map(name_key) == Some(name_key(&request.role_name));
        if !has {
            let message = format!("The role with name {} cannot be found.", request.role_name);
            return Err(error::no_such_entity(message));
        }
        profile.role = None;
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfilesForRole.html>
fn list_of_role(
    state: &State,
    context: &RequestContext,
    request: ListInstanceProfilesForRoleRequest,
) -> Result<ListInstanceProfilesForRoleResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let role = role::find(&snapshot, context, &request.role_name)?;
    let found = with_role(&snapshot, context, &role);
    let found = found.iter().map(|profile| (name_key(&profile.name), listed(&snapshot, context, profile)));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    let is_truncated = page.is_truncated();
    let instance_profiles = page.items;
    Ok(ListInstanceProfilesForRoleResponse { instance_profiles, is_truncated, marker: page.marker })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagInstanceProfile.html>
fn tag(
    state: &State,
    context: &RequestContext,
    request: TagInstanceProfileRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.instance_profile_name, |_, profile| {
        tag::add(KeyCase::Kept, &mut profile.tags, request.tags)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagInstanceProfile.html>
fn untag(
    state: &State,
    context: &RequestContext,
    request: UntagInstanceProfileRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.instance_profile_name, |_, profile| {
        tag::remove(KeyCase::Kept, &mut profile.tags, &request.tag_keys);
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfileTags.html>
fn list_tags(
    state: &State,
    context: &RequestContext,
    request: ListInstanceProfileTagsRequest,
) -> Result<ListInstanceProfileTagsResponse, ServiceError> {
    let profile = find(&state.store.snapshot(), context, &request.instance_profile_name)?;
    let page = page::take(tag::keyed(&profile.tags), request.marker.as_deref(), request.max_items)?;
    let is_truncated = page.is_truncated();
    Ok(ListInstanceProfileTagsResponse { tags: page.items, is_truncated, marker: page.marker })
}
