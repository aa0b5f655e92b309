//! Access keys of users, and those of the account's root user.
//!
//! Owns which keys there are. Refuses to know how requests are signed with them, and when one last was ([`crate::uses`]).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, AccessKeyLastUsed, CreateAccessKeyRequest, CreateAccessKeyResponse, DeleteAccessKeyRequest,
    GetAccessKeyLastUsedRequest, GetAccessKeyLastUsedResponse, ListAccessKeysRequest, ListAccessKeysResponse,
    UpdateAccessKeyRequest, operation as op,
};
use identities::{
    AccessKey, AccessKeyOwner, AccessKeyStatus, AccessKeyUse, User, access_key_id, cloud_scope,
    secret_access_key,
};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::caller::{Subject, subject};
use crate::{State, error, page, quota};

/// What stands in the place of a service and region where there was no use.
const NOT_APPLICABLE: &str = "N/A";

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateAccessKey>(create)
        .with::<op::ListAccessKeys>(list)
        .with::<op::UpdateAccessKey>(update)
        .with::<op::DeleteAccessKey>(delete)
        .with::<op::GetAccessKeyLastUsed>(get_last_used)
}

/// What DeleteUser says of a user with keys.
pub(crate) fn held_by_user(
    transaction: &Transaction,
    context: &RequestContext,
    user: &User,
) -> Option<ServiceError> {
    let mut held = transaction.parts::<AccessKey>(&cloud_scope(context.partition), &user.id);
    held.next().map(|_| error::delete_conflict("Cannot delete entity, must delete access keys first."))
}

fn owner(subject: Subject) -> AccessKeyOwner {
    match subject {
        Subject::Root => AccessKeyOwner::Root,
        Subject::User(user) => AccessKeyOwner::User { id: user.id, name: user.name },
    }
}

fn owner_name(owner: &AccessKeyOwner) -> Option<String> {
    match owner {
        AccessKeyOwner::Root => None,
        AccessKeyOwner::User { name, .. } => Some(name.clone()),
    }
}

/// The keys of one, in the order of their ids.
pub(crate) fn of(reader: &impl Read, context: &RequestContext, owner: &AccessKeyOwner) -> Vec<AccessKey> {
    let whole = AccessKey::whole_of(context.account(), owner);
    let held = reader.parts::<AccessKey>(&cloud_scope(context.partition), &whole);
    held.map(|(_, key)| (*key).clone()).collect()
}

fn missing(id: &str) -> ServiceError {
    error::no_such_entity(format!("The Access Key with id {id} cannot be found."))
}

/// The key of one with this id.
fn find(
    reader: &impl Read,
    context: &RequestContext,
    user_name: Option<&str>,
    id: &str,
) -> Result<AccessKey, ServiceError> {
    let owner = owner(subject(reader, context, user_name)?);
    of(reader, context, &owner).into_iter().find(|key| key.id == id).ok_or_else(|| missing(id))
}

const fn status(status: AccessKeyStatus) -> &'static str {
    match status {
        AccessKeyStatus::Active => "Active",
        AccessKeyStatus::Inactive => "Inactive",
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateAccessKeyRequest,
) -> Result<CreateAccessKeyResponse, ServiceError> {
    let mut bits = || state.ids.bits();
    let (id, secret) = (access_key_id(false, &mut bits), secret_access_key(&mut bits));
    state.store.transact(|transaction| {
        let owner = owner(subject(transaction, context, request.user_name.as_deref())?);
        quota::ACCESS_KEYS_PER_USER.check(of(transaction, context, &owner).len() + 1)?;
        let key = AccessKey {
            id,
            secret,
            account: context.account(),
            owner,
            status: AccessKeyStatus::Active,
            created: context.now,
            is_given: false,
        };
        let shown = api::AccessKey {
            user_name: owner_name(&key.owner).unwrap_or_default(),
            access_key_id: key.id.clone(),
            status: status(key.status).to_owned(),
            secret_access_key: key.secret.clone(),
            create_date: Some(key.created),
        };
        transaction.put(&cloud_scope(context.partition), &key.id.clone(), key);
        Ok(CreateAccessKeyResponse { access_key: shown })
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListAccessKeysRequest,
) -> Result<ListAccessKeysResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let owner = owner(subject(&snapshot, context, request.user_name.as_deref())?);
    let shown = |key: AccessKey| api::AccessKeyMetadata {
        user_name: owner_name(&key.owner),
        access_key_id: Some(key.id),
        status: Some(status(key.status).to_owned()),
        create_date: Some(key.created),
    };
    let held = of(&snapshot, context, &owner).into_iter().map(|key| (key.id.clone(), shown(key)));
    let page = page::take(held, request.marker.as_deref(), request.max_items)?;
    let is_truncated = page.is_truncated();
    Ok(ListAccessKeysResponse { access_key_metadata: page.items, is_truncated, marker: page.marker })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html>
fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateAccessKeyRequest,
) -> Result<Unit, ServiceError> {
    let status = match request.status.as_str() {
        "Active" => AccessKeyStatus::Active,
        "Inactive" => AccessKeyStatus::Inactive,
        // The model shares the type with other credentials, which do expire.
        other => {
            return Err(error::validation(format!("The status {other} is not valid for an access key.")));
        }
    };
    state.store.transact(|transaction| {
        let key = find(transaction, context, request.user_name.as_deref(), &request.access_key_id)?;
        let key = AccessKey { status, ..key };
        transaction.put(&cloud_scope(context.partition), &key.id.clone(), key);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccessKey.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteAccessKeyRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let key = find(transaction, context, request.user_name.as_deref(), &request.access_key_id)?;
        let cloud = cloud_scope(context.partition);
        transaction.delete::<AccessKey>(&cloud, &key.id);
        transaction.delete::<AccessKeyUse>(&cloud, &key.id);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html>
fn get_last_used(
    state: &State,
    context: &RequestContext,
    request: GetAccessKeyLastUsedRequest,
) -> Result<GetAccessKeyLastUsedResponse, ServiceError> {
    let id = request.access_key_id;
    let snapshot = state.store.snapshot();
    let key = snapshot.get::<AccessKey>(&cloud_scope(context.partition), &id);
    let key = key.filter(|key| key.account == context.account()).ok_or_else(|| missing(&id))?;
    let not_used = || AccessKeyLastUsed {
        last_used_date: None,
        service_name: NOT_APPLICABLE.to_owned(),
        region: NOT_APPLICABLE.to_owned(),
    };
    let used = state.uses.key(context.partition, &id).map_or_else(not_used, |used| AccessKeyLastUsed {
        last_used_date: Some(used.at),
        service_name: used.service,
        region: used.region,
    });
    Ok(GetAccessKeyLastUsedResponse { user_name: owner_name(&key.owner), access_key_last_used: Some(used) })
}
