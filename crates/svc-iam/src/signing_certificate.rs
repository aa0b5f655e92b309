//! Signing certificates, which requests of old were signed with. None is taken here: they are kept and shown.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SigningCertificate.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, DeleteSigningCertificateRequest, ListSigningCertificatesRequest,
    ListSigningCertificatesResponse, UpdateSigningCertificateRequest, UploadSigningCertificateRequest,
    UploadSigningCertificateResponse, operation as op,
};
use aws_types::Timestamp;
use identities::{User, signing_certificate_id};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Record, Transaction};

use crate::caller::{Subject, subject};
use crate::certificate::Certificate;
use crate::quota::Quota;
use crate::{State, error, page, scope};

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(crate) const CERTIFICATES_PER_USER: Quota = Quota("SigningCertificatesPerUser", 2);

/// A signing certificate. Kept under its account's global scope, by its id; part of its user by the user's id, or of its
/// account by the account's number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SigningCertificate {
    id: String,
    /// The id of the user, or the number of the account.
    owner: String,
    body: String,
    der: Vec<u8>,
    pub(crate) is_active: bool,
    pub(crate) uploaded: Timestamp,
}

impl Record for SigningCertificate {
    const KIND: &'static str = "iam.signing-certificate";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        Some(self.owner.clone())
    }
}

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::UploadSigningCertificate>(upload)
        .with::<op::ListSigningCertificates>(list)
        .with::<op::UpdateSigningCertificate>(update)
        .with::<op::DeleteSigningCertificate>(delete)
}

/// A user with a certificate is not deleted.
pub(crate) fn held_by_user(
    transaction: &Transaction,
    context: &RequestContext,
    user: &User,
) -> Option<ServiceError> {
    let is_held = !of(transaction, context, &user.id).is_empty();
    is_held.then(|| error::delete_conflict("Cannot delete entity, must delete signing certificates first."))
}

/// The certificates of a user by its id, or of the root user by the account's number; the oldest first.
pub(crate) fn of(reader: &impl Read, context: &RequestContext, owner: &str) -> Vec<SigningCertificate> {
    let held = reader.parts::<SigningCertificate>(&scope(context), owner);
    let mut held: Vec<_> = held.map(|(_, certificate)| (*certificate).clone()).collect();
    held.sort_by(|one, other| (one.uploaded, &one.id).cmp(&(other.uploaded, &other.id)));
    held
}

/// Whose certificates a request is about: the name in answers, and the owner in records.
fn owner(
    reader: &impl Read,
    context: &RequestContext,
    name: Option<&str>,
) -> Result<(String, String), ServiceError> {
    Ok(match subject(reader, context, name)? {
        Subject::User(user) => (user.name, user.id),
        // It has no name; the model has no way to leave it out.
        Subject::Root => (String::new(), context.account().to_string()),
    })
}

fn shown(user_name: &str, certificate: &SigningCertificate) -> api::SigningCertificate {
    api::SigningCertificate {
        user_name: user_name.to_owned(),
        certificate_id: certificate.id.clone(),
        certificate_body: certificate.body.clone(),
        status: if certificate.is_active { "Active" } else { "Inactive" }.to_owned(),
        upload_date: Some(certificate.uploaded),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadSigningCertificate.html>
fn upload(
    state: &State,
    context: &RequestContext,
    request: UploadSigningCertificateRequest,
) -> Result<UploadSigningCertificateResponse, ServiceError> {
    let read = Certificate::read(&request.certificate_body)?;
    read.check_valid_at(context.now)?;
    state.store.transact(|transaction| {
        let (name, owner) = owner(transaction, context, request.user_name.as_deref())?;
        let mut all = transaction.scan::<SigningCertificate>(&scope(context));
        if all.any(|(_, held)| held.der == read.der()) {
            let message = "The certificate is already associated with an IAM user in the account.";
            return Err(ServiceError::new("DuplicateCertificate", message));
        }
        drop(all);
        CERTIFICATES_PER_USER.check(of(transaction, context, &owner).len() + 1)?;
        let certificate = SigningCertificate {
            id: signing_certificate_id(&mut || state.ids.bits()),
            owner,
            body: request.certificate_body.trim().to_owned(),
            der: read.der().to_vec(),
            is_active: true,
            uploaded: context.now,
        };
        let answer = UploadSigningCertificateResponse { certificate: shown(&name, &certificate) };
        transaction.put(&scope(context), &certificate.id.clone(), certificate);
        Ok(answer)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListSigningCertificates.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListSigningCertificatesRequest,
) -> Result<ListSigningCertificatesResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let (name, owner) = owner(&snapshot, context, request.user_name.as_deref())?;
    let held = snapshot.parts::<SigningCertificate>(&scope(context), &owner);
    let held = held.map(|(id, certificate)| (id.to_owned(), shown(&name, &certificate)));
    let page = page::take(held, request.marker.as_deref(), request.max_items)?;
    Ok(ListSigningCertificatesResponse {
        is_truncated: page.is_truncated(),
        certificates: page.items,
        marker: page.marker,
    })
}

fn find(
    reader: &impl Read,
    context: &RequestContext,
    name: Option<&str>,
    id: &str,
) -> Result<SigningCertificate, ServiceError> {
    let (_, owner) = owner(reader, context, name)?;
    let found = reader.get::<SigningCertificate>(&scope(context), id).filter(|held| held.owner == owner);
    found
        .map(|certificate| (*certificate).clone())
        .ok_or_else(|| error::no_such_entity(format!("The Certificate with id {id} cannot be found.")))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSigningCertificate.html>
fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateSigningCertificateRequest,
) -> Result<Unit, ServiceError> {
    // The status `Expired` is of other credentials.
    let is_active = match request.status.as_str() {
        "Active" => true,
        "Inactive" => false,
        other => return Err(error::invalid_input(format!("Invalid value for status: {other}"))),
    };
    state.store.transact(|transaction| {
        let name = request.user_name.as_deref();
        let certificate = find(transaction, context, name, &request.certificate_id)?;
        let certificate = SigningCertificate { is_active, ..certificate };
        transaction.put(&scope(context), &request.certificate_id, certificate);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteSigningCertificate.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteSigningCertificateRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        find(transaction, context, request.user_name.as_deref(), &request.certificate_id)?;
        transaction.delete::<SigningCertificate>(&scope(context), &request.certificate_id);
        Ok(Unit)
    })
}
