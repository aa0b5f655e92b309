//! Server certificates.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_server-certs.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, DeleteServerCertificateRequest, GetServerCertificateRequest, GetServerCertificateResponse,
    ListServerCertificateTagsRequest, ListServerCertificateTagsResponse, ListServerCertificatesRequest,
    ListServerCertificatesResponse, TagServerCertificateRequest, UntagServerCertificateRequest,
    UpdateServerCertificateRequest, UploadServerCertificateRequest, UploadServerCertificateResponse,
    operation as op,
};
use identities::{IdKind, ServerCertificate, name_key};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::certificate::Certificate;
use crate::quota::Quota;
use crate::tag::{self, KeyCase};
use crate::{State, arn, error, page, path, scope};

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(crate) const SERVER_CERTIFICATES: Quota = Quota("ServerCertificatesPerAccount", 20);

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::UploadServerCertificate>(upload)
        .with::<op::GetServerCertificate>(get)
        .with::<op::ListServerCertificates>(list)
        .with::<op::UpdateServerCertificate>(update)
        .with::<op::DeleteServerCertificate>(delete)
        .with::<op::TagServerCertificate>(tag)
        .with::<op::UntagServerCertificate>(untag)
        .with::<op::ListServerCertificateTags>(list_tags)
}

fn find(reader: &impl Read, context: &RequestContext, name: &str) -> Result<ServerCertificate, ServiceError> {
    let found = reader.get::<ServerCertificate>(&scope(context), &name_key(name));
    found.map(|certificate| (*certificate).clone()).ok_or_else(|| {
        error::no_such_entity(format!("The Server Certificate with name {name} cannot be found."))
    })
}

fn check_free(transaction: &Transaction, context: &RequestContext, name: &str) -> Result<(), ServiceError> {
    if transaction.contains::<ServerCertificate>(&scope(context), &name_key(name)) {
        let message = format!("The Server Certificate with name {name} already exists.");
        return Err(error::already_exists(message));
    }
    Ok(())
}

fn put(transaction: &mut Transaction, context: &RequestContext, certificate: ServerCertificate) {
    transaction.put(&scope(context), &name_key(&certificate.name), certificate);
}

fn metadata(certificate: &ServerCertificate) -> api::ServerCertificateMetadata {
    api::ServerCertificateMetadata {
        path: certificate.path.clone(),
        server_certificate_name: certificate.name.clone(),
        server_certificate_id: certificate.id.clone(),
        arn: certificate.arn.to_string(),
        upload_date: Some(certificate.uploaded),
        expiration: Some(certificate.expires),
    }
}

fn shown_tags(certificate: &ServerCertificate) -> Option<Vec<api::Tag>> {
    (!certificate.tags.is_empty()).then(|| tag::shown(&certificate.tags))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadServerCertificate.html>
fn upload(
    state: &State,
    context: &RequestContext,
    request: UploadServerCertificateRequest,
) -> Result<UploadServerCertificateResponse, ServiceError> {
    let read = Certificate::read(&request.certificate_body)?;
    read.check_key(&request.private_key)?;
    read.check_valid_at(context.now)?;
    if let Some(chain) = &request.certificate_chain {
        read.check_chain(chain)?;
    }
    let path = path(request.path);
    let name = request.server_certificate_name;
    let certificate = ServerCertificate {
        id: state.unique_id(IdKind::ServerCertificate),
        arn: arn(context, "server-certificate", &path, &name),
        name,
        path,
        body: request.certificate_body.trim().to_owned(),
        chain: request.certificate_chain.map(|chain| chain.trim().to_owned()),
        private_key: request.private_key,
        uploaded: context.now,
        expires: read.not_after,
        tags: tag::of(KeyCase::Kept, request.tags)?,
    };
    state.store.transact(|transaction| {
        check_free(transaction, context, &certificate.name)?;
        SERVER_CERTIFICATES.check(transaction.count::<ServerCertificate>(&scope(context)) + 1)?;
        let answer = UploadServerCertificateResponse {
            server_certificate_metadata: Some(metadata(&certificate)),
            tags: shown_tags(&certificate),
        };
        put(transaction, context, certificate);
        Ok(answer)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServerCertificate.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetServerCertificateRequest,
) -> Result<GetServerCertificateResponse, ServiceError> {
    let found = find(&state.store.snapshot(), context, &request.server_certificate_name)?;
    let server_certificate = api::ServerCertificate {
        server_certificate_metadata: metadata(&found),
        tags: shown_tags(&found),
        certificate_body: found.body,
        certificate_chain: found.chain,
    };
    Ok(GetServerCertificateResponse { server_certificate })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServerCertificates.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListServerCertificatesRequest,
) -> Result<ListServerCertificatesResponse, ServiceError> {
    let prefix = path(request.path_prefix);
    let snapshot = state.store.snapshot();
    let found = snapshot
        .scan::<ServerCertificate>(&scope(context))
        .filter(|(_, certificate)| certificate.path.starts_with(&prefix))
        .map(|(key, certificate)| (key.to_owned(), metadata(&certificate)));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    Ok(ListServerCertificatesResponse {
        is_truncated: page.is_truncated(),
        server_certificate_metadata_list: page.items,
        marker: page.marker,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateServerCertificate.html>
fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateServerCertificateRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let mut certificate = find(transaction, context, &request.server_certificate_name)?;
        let key = name_key(&certificate.name);
        if let Some(name) = request.new_server_certificate_name {
            if name_key(&name) != key {
                check_free(transaction, context, &name)?;
                transaction.delete::<ServerCertificate>(&scope(context), &key);
            }
            certificate.name = name;
        }
        certificate.path = request.new_path.unwrap_or(certificate.path);
        certificate.arn = arn(context, "server-certificate", &certificate.path, &certificate.name);
        put(transaction, context, certificate);
        Ok(Unit)
    })
}

/// Nothing in this cloud uses one yet, so none is in the way.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServerCertificate.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteServerCertificateRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let certificate = find(transaction, context, &request.server_certificate_name)?;
        transaction.delete::<ServerCertificate>(&scope(context), &name_key(&certificate.name));
        Ok(Unit)
    })
}

fn change(
    state: &State,
    context: &RequestContext,
    name: &str,
    change: impl FnOnce(&mut ServerCertificate) -> Result<(), ServiceError>,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let mut certificate = find(transaction, context, name)?;
        change(&mut certificate)?;
        put(transaction, context, certificate);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagServerCertificate.html>
fn tag(
    state: &State,
    context: &RequestContext,
    request: TagServerCertificateRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.server_certificate_name, |certificate| {
        tag::add(KeyCase::Kept, &mut certificate.tags, request.tags)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagServerCertificate.html>
fn untag(
    state: &State,
    context: &RequestContext,
    request: UntagServerCertificateRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.server_certificate_name, |certificate| {
        tag::remove(KeyCase::Kept, &mut certificate.tags, &request.tag_keys);
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServerCertificateTags.html>
fn list_tags(
    state: &State,
    context: &RequestContext,
    request: ListServerCertificateTagsRequest,
) -> Result<ListServerCertificateTagsResponse, ServiceError> {
    let certificate = find(&state.store.snapshot(), context, &request.server_certificate_name)?;
    let page = page::take(tag::keyed(&certificate.tags), request.marker.as_deref(), request.max_items)?;
    Ok(ListServerCertificateTagsResponse {
        is_truncated: page.is_truncated(),
        tags: page.items,
        marker: page.marker,
    })
}
