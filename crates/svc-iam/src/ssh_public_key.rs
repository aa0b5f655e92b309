//! SSH public keys of users, for CodeCommit.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SSHPublicKey.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, DeleteSSHPublicKeyRequest, GetSSHPublicKeyRequest, GetSSHPublicKeyResponse,
    ListSSHPublicKeysRequest, ListSSHPublicKeysResponse, SSHPublicKeyMetadata, UpdateSSHPublicKeyRequest,
    UploadSSHPublicKeyRequest, UploadSSHPublicKeyResponse, operation as op,
};
use aws_types::Timestamp;
use identities::{IdKind, User};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Record, Transaction};

use crate::caller::{Subject, subject};
use crate::quota::Quota;
use crate::ssh_key::{ReadError, RsaPublicKey};
use crate::{State, error, page, scope, user};

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const KEYS_PER_USER: Quota = Quota("SSHPublicKeysPerUser", 5);

/// An SSH public key. Kept under its account's global scope, by its id; part of its user by the user's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SshPublicKey {
    id: String,
    user_id: String,
    /// As it was given.
    body: String,
    fingerprint: String,
    is_active: bool,
    uploaded: Timestamp,
}

impl Record for SshPublicKey {
    const KIND: &'static str = "iam.ssh-public-key";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        Some(self.user_id.clone())
    }
}

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::UploadSSHPublicKey>(upload)
        .with::<op::GetSSHPublicKey>(get)
        .with::<op::ListSSHPublicKeys>(list)
        .with::<op::UpdateSSHPublicKey>(update)
        .with::<op::DeleteSSHPublicKey>(delete)
}

/// A user with a key is not deleted.
pub(crate) fn held_by_user(
    transaction: &Transaction,
    context: &RequestContext,
    user: &User,
) -> Option<ServiceError> {
    let mut held = transaction.parts::<SshPublicKey>(&scope(context), &user.id);
    held.next().map(|_| error::delete_conflict("Cannot delete entity, must delete SSH public keys first."))
}

fn find(
    reader: &impl Read,
    context: &RequestContext,
    user: &User,
    id: &str,
) -> Result<SshPublicKey, ServiceError> {
    let found = reader.get::<SshPublicKey>(&scope(context), id).filter(|key| key.user_id == user.id);
    found
        .map(|key| (*key).clone())
        .ok_or_else(|| error::no_such_entity(format!("The Public Key with id {id} cannot be found.")))
}

fn status(is_active: bool) -> String {
    if is_active { "Active" } else { "Inactive" }.to_owned()
}

fn shown(user: &User, key: &SshPublicKey, body: String) -> api::SSHPublicKey {
    api::SSHPublicKey {
        user_name: user.name.clone(),
        ssh_public_key_id: key.id.clone(),
        fingerprint: key.fingerprint.clone(),
        ssh_public_key_body: body,
        status: status(key.is_active),
        upload_date: Some(key.uploaded),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadSSHPublicKey.html>
fn upload(
    state: &State,
    context: &RequestContext,
    request: UploadSSHPublicKeyRequest,
) -> Result<UploadSSHPublicKeyResponse, ServiceError> {
    let read = RsaPublicKey::read(&request.ssh_public_key_body).map_err(|error| match error {
        ReadError::Encoding => ServiceError::new(
            "UnrecognizedPublicKeyEncoding",
            "The public key encoding format is unsupported or unrecognized.",
        ),
        ReadError::Key => {
            ServiceError::new("InvalidPublicKey", "The public key is malformed or otherwise invalid.")
        }
    })?;
    let fingerprint = read.fingerprint();
    state.store.transact(|transaction| {
        let user = user::find(transaction, context, &request.user_name)?;
        let held = transaction.parts::<SshPublicKey>(&scope(context), &user.id);
        let held: Vec<_> = held.map(|(_, key)| key).collect();
        if held.iter().any(|key| key.fingerprint == fingerprint) {
            let message = "The SSH public key is already associated with the specified IAM user.";
            return Err(ServiceError::new("DuplicateSSHPublicKey", message));
        }
        KEYS_PER_USER.check(held.len() + 1)?;
        let key = SshPublicKey {
            id: state.unique_id(IdKind::PublicKey),
            user_id: user.id.clone(),
            body: request.ssh_public_key_body.trim().to_owned(),
            fingerprint,
            is_active: true,
            uploaded: context.now,
        };
        let answer = shown(&user, &key, key.body.clone());
        transaction.put(&scope(context), &key.id.clone(), key);
        Ok(UploadSSHPublicKeyResponse { ssh_public_key: Some(answer) })
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetSSHPublicKey.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetSSHPublicKeyRequest,
) -> Result<GetSSHPublicKeyResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let user = user::find(&snapshot, context, &request.user_name)?;
    let key = find(&snapshot, context, &user, &request.ssh_public_key_id)?;
    let unreadable = || ServiceError::internal("a public key that was stored cannot be read");
    let read = RsaPublicKey::read(&key.body).map_err(|_| unreadable())?;
    let is_pem = key.body.starts_with("-----");
    let body = match (request.encoding.as_str(), is_pem) {
        ("SSH", true) => read.ssh(),
        ("PEM", false) => read.pem().ok_or_else(unreadable)?,
        _ => key.body.clone(),
    };
    Ok(GetSSHPublicKeyResponse { ssh_public_key: Some(shown(&user, &key, body)) })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListSSHPublicKeys.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListSSHPublicKeysRequest,
) -> Result<ListSSHPublicKeysResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let held: Vec<_> = match subject(&snapshot, context, request.user_name.as_deref())? {
        Subject::Root => Vec::new(),
        Subject::User(user) => {
            let held = snapshot.parts::<SshPublicKey>(&scope(context), &user.id);
            held.map(|(id, key)| {
                let shown = SSHPublicKeyMetadata {
                    user_name: user.name.clone(),
                    ssh_public_key_id: key.id.clone(),
                    status: status(key.is_active),
                    upload_date: key.uploaded,
                };
                (id.to_owned(), shown)
            })
            .collect()
        }
    };
    let page = page::take(held, request.marker.as_deref(), request.max_items)?;
    Ok(ListSSHPublicKeysResponse {
        is_truncated: page.is_truncated(),
        ssh_public_keys: Some(page.items),
        marker: page.marker,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSSHPublicKey.html>
fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateSSHPublicKeyRequest,
) -> Result<Unit, ServiceError> {
    let is_active = match request.status.as_str() {
        "Active" => true,
        "Inactive" => false,
        other => return Err(error::invalid_input(format!("Invalid value for status: {other}"))),
    };
    state.store.transact(|transaction| {
        let user = user::find(transaction, context, &request.user_name)?;
        let key = find(transaction, context, &user, &request.ssh_public_key_id)?;
        transaction.put(&scope(context), &request.ssh_public_key_id, SshPublicKey { is_active, ..key });
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteSSHPublicKey.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteSSHPublicKeyRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let user = user::find(transaction, context, &request.user_name)?;
        find(transaction, context, &user, &request.ssh_public_key_id)?;
        transaction.delete::<SshPublicKey>(&scope(context), &request.ssh_public_key_id);
        Ok(Unit)
    })
}
