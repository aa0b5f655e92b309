//! SAML providers.
//!
//! Owns the record's rules. Refuses to know assertions, which STS reads.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, CreateSAMLProviderRequest, CreateSAMLProviderResponse, DeleteSAMLProviderRequest,
    GetSAMLProviderRequest, GetSAMLProviderResponse, ListSAMLProviderTagsRequest,
    ListSAMLProviderTagsResponse, ListSAMLProvidersRequest, ListSAMLProvidersResponse, SAMLProviderListEntry,
    TagSAMLProviderRequest, UntagSAMLProviderRequest, UpdateSAMLProviderRequest, UpdateSAMLProviderResponse,
    operation as op,
};
use aws_types::Timestamp;
use identities::{IdKind, SamlDescription, SamlEncryption, SamlPrivateKey, SamlProvider, name_key};
use service_api::{Operations, RequestContext, RequestId, ServiceError};
use store::{Read, Transaction};

use crate::quota::Quota;
use crate::tag::{self, KeyCase};
use crate::{State, arn, certificate, error, page, saml_metadata, scope};

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const PROVIDERS: Quota = Quota("SAMLProvidersPerAccount", 100);
const KEYS_PER_PROVIDER: Quota = Quota("PrivateKeysPerSAMLProvider", 2);
/// How long a provider holds whose document does not say.
const CENTURY_MILLIS: i64 = 100 * 365 * 24 * 60 * 60 * 1000;

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateSAMLProvider>(create)
        .with::<op::GetSAMLProvider>(get)
        .with::<op::ListSAMLProviders>(list)
        .with::<op::UpdateSAMLProvider>(update)
        .with::<op::DeleteSAMLProvider>(delete)
        .with::<op::TagSAMLProvider>(tag)
        .with::<op::UntagSAMLProvider>(untag)
        .with::<op::ListSAMLProviderTags>(list_tags)
}

fn find(reader: &impl Read, context: &RequestContext, wanted: &str) -> Result<SamlProvider, ServiceError> {
    let name = wanted.rsplit('/').next().unwrap_or_default();
    let found = reader.get::<SamlProvider>(&scope(context), &name_key(name));
    let found = found.filter(|provider| provider.arn.as_str() == wanted);
    found
        .map(|provider| (*provider).clone())
        .ok_or_else(|| error::no_such_entity(format!("Manifest not found for arn {wanted}")))
}

fn put(transaction: &mut Transaction, context: &RequestContext, provider: SamlProvider) {
    transaction.put(&scope(context), &name_key(&provider.name), provider);
}

fn read(document: &str) -> Result<SamlDescription, ServiceError> {
    saml_metadata::read(document).map_err(|error| error::invalid_input(error.to_string()))
}

fn valid_until(provider: &SamlProvider) -> Timestamp {
    provider.description.valid_until.unwrap_or(provider.created.plus_millis(CENTURY_MILLIS))
}

/// Adds a key that assertions are decrypted with.
fn add_key(
    state: &State,
    context: &RequestContext,
    provider: &mut SamlProvider,
    pem: String,
) -> Result<(), ServiceError> {
    if !certificate::is_private_key(&pem) {
        return Err(error::invalid_input(
            "Unable to parse the private key. It must be in PEM format and not encrypted.",
        ));
    }
    KEYS_PER_PROVIDER.check(provider.private_keys.len() + 1)?;
    let id = state.unique_id(IdKind::SamlPrivateKey);
    provider.private_keys.push(SamlPrivateKey { id, added: context.now, pem });
    Ok(())
}

/// Sets whether assertions have to be encrypted.
fn set_encryption(provider: &mut SamlProvider, mode: Option<&str>) -> Result<(), ServiceError> {
    provider.encryption = match mode {
        Some("Required") => Some(SamlEncryption::Required),
        Some(_) => Some(SamlEncryption::Allowed),
        None => provider.encryption,
    };
    if provider.encryption.is_some() && provider.private_keys.is_empty() {
        let message = "A private key is needed for an assertion encryption mode.";
        return Err(error::invalid_input(message));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateSAMLProvider.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateSAMLProviderRequest,
) -> Result<CreateSAMLProviderResponse, ServiceError> {
    let name = request.name;
    let mut provider = SamlProvider {
        id: RequestId::from_bits(state.ids.bits()).to_string(),
        arn: arn(context, "saml-provider/", "", &name),
        name,
        created: context.now,
        description: read(&request.saml_metadata_document)?,
        metadata: request.saml_metadata_document,
        encryption: None,
        private_keys: Vec::new(),
        tags: tag::of(KeyCase::Kept, request.tags)?,
    };
    if let Some(pem) = request.add_private_key {
        add_key(state, context, &mut provider, pem)?;
    }
    set_encryption(&mut provider, request.assertion_encryption_mode.as_deref())?;
    state.store.transact(|transaction| {
        if transaction.contains::<SamlProvider>(&scope(context), &name_key(&provider.name)) {
            return Err(error::already_exists(format!("Metadata for {} already exists", provider.name)));
        }
        PROVIDERS.check(transaction.count::<SamlProvider>(&scope(context)) + 1)?;
        let answer = CreateSAMLProviderResponse {
            saml_provider_arn: Some(provider.arn.to_string()),
            tags: (!provider.tags.is_empty()).then(|| tag::shown(&provider.tags)),
        };
        put(transaction, context, provider);
        Ok(answer)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetSAMLProvider.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetSAMLProviderRequest,
) -> Result<GetSAMLProviderResponse, ServiceError> {
    let provider = find(&state.store.snapshot(), context, &request.saml_provider_arn)?;
    let keys = provider
        .private_keys
        .iter()
        .map(|key| api::SAMLPrivateKey { key_id: Some(key.id.clone()), timestamp: Some(key.added) });
    Ok(GetSAMLProviderResponse {
        private_key_list: (!provider.private_keys.is_empty()).then(|| keys.collect()),
        valid_until: Some(valid_until(&provider)),
        create_date: Some(provider.created),
        tags: Some(tag::shown(&provider.tags)),
        assertion_encryption_mode: provider.encryption.map(|mode| match mode {
            SamlEncryption::Required => "Required".to_owned(),
            SamlEncryption::Allowed => "Allowed".to_owned(),
        }),
        saml_provider_uuid: Some(provider.id),
        saml_metadata_document: Some(provider.metadata),
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListSAMLProviders.html>
fn list(
    state: &State,
    context: &RequestContext,
    _: ListSAMLProvidersRequest,
) -> Result<ListSAMLProvidersResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let found = snapshot.scan::<SamlProvider>(&scope(context)).map(|(_, provider)| SAMLProviderListEntry {
        arn: Some(provider.arn.to_string()),
        valid_until: Some(valid_until(&provider)),
        create_date: Some(provider.created),
    });
    Ok(ListSAMLProvidersResponse { saml_provider_list: Some(found.collect()) })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSAMLProvider.html>
fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateSAMLProviderRequest,
) -> Result<UpdateSAMLProviderResponse, ServiceError> {
    let description = request.saml_metadata_document.as_deref().map(read).transpose()?;
    state.store.transact(|transaction| {
        let mut provider = find(transaction, context, &request.saml_provider_arn)?;
        if let Some((document, description)) = request.saml_metadata_document.zip(description) {
            provider.metadata = document;
            provider.description = description;
        }
        if let Some(id) = request.remove_private_key {
            let before = provider.private_keys.len();
            provider.private_keys.retain(|key| key.id != id);
            if provider.private_keys.len() == before {
                return Err(error::no_such_entity(format!("The private key with id {id} cannot be found.")));
            }
            if provider.private_keys.is_empty() && request.add_private_key.is_none() {
                provider.encryption = None;
            }
        }
        if let Some(pem) = request.add_private_key {
            add_key(state, context, &mut provider, pem)?;
        }
        set_encryption(&mut provider, request.assertion_encryption_mode.as_deref())?;
        let answer = UpdateSAMLProviderResponse { saml_provider_arn: Some(provider.arn.to_string()) };
        put(transaction, context, provider);
        Ok(answer)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteSAMLProvider.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteSAMLProviderRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let provider = find(transaction, context, &request.saml_provider_arn)?;
        transaction.delete::<SamlProvider>(&scope(context), &name_key(&provider.name));
        Ok(Unit)
    })
}

fn change(
    state: &State,
    context: &RequestContext,
    wanted: &str,
    change: impl FnOnce(&mut SamlProvider) -> Result<(), ServiceError>,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let mut provider = find(transaction, context, wanted)?;
        change(&mut provider)?;
        put(transaction, context, provider);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagSAMLProvider.html>
fn tag(
    state: &State,
    context: &RequestContext,
    request: TagSAMLProviderRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.saml_provider_arn, |provider| {
        tag::add(KeyCase::Kept, &mut provider.tags, request.tags)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagSAMLProvider.html>
fn untag(
    state: &State,
    context: &RequestContext,
    request: UntagSAMLProviderRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.saml_provider_arn, |provider| {
        tag::remove(KeyCase::Kept, &mut provider.tags, &request.tag_keys);
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListSAMLProviderTags.html>
fn list_tags(
    state: &State,
    context: &RequestContext,
    request: ListSAMLProviderTagsRequest,
) -> Result<ListSAMLProviderTagsResponse, ServiceError> {
    let provider = find(&state.store.snapshot(), context, &request.saml_provider_arn)?;
    let page = page::take(tag::keyed(&provider.tags), request.marker.as_deref(), request.max_items)?;
    Ok(ListSAMLProviderTagsResponse {
        is_truncated: page.is_truncated(),
        tags: page.items,
        marker: page.marker,
    })
}
