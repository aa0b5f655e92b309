//! OpenID Connect providers.
//!
//! Owns the record's rules. Refuses to know tokens, which STS reads. AWS fetches the thumbprint of a provider that comes
//! without one; Brume keeps what it is given, and asks nobody on the internet.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html>

use aws_api::Unit;
use aws_api::iam::{
    AddClientIDToOpenIDConnectProviderRequest, CreateOpenIDConnectProviderRequest,
    CreateOpenIDConnectProviderResponse, DeleteOpenIDConnectProviderRequest, GetOpenIDConnectProviderRequest,
    GetOpenIDConnectProviderResponse, ListOpenIDConnectProviderTagsRequest,
    ListOpenIDConnectProviderTagsResponse, ListOpenIDConnectProvidersRequest,
    ListOpenIDConnectProvidersResponse, OpenIDConnectProviderListEntry,
    RemoveClientIDFromOpenIDConnectProviderRequest, TagOpenIDConnectProviderRequest,
    UntagOpenIDConnectProviderRequest, UpdateOpenIDConnectProviderThumbprintRequest, operation as op,
};
use identities::OpenIdConnectProvider;
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::quota::Quota;
use crate::tag::{self, KeyCase};
use crate::{State, arn, error, page, scope};

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const PROVIDERS: Quota = Quota("OpenIDConnectProvidersPerAccount", 100);
const CLIENT_IDS: Quota = Quota("ClientIdsPerOpenIdConnectProvider", 100);
const THUMBPRINTS: usize = 5;
const SCHEME: &str = "https://";

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateOpenIDConnectProvider>(create)
        .with::<op::GetOpenIDConnectProvider>(get)
        .with::<op::ListOpenIDConnectProviders>(list)
        .with::<op::DeleteOpenIDConnectProvider>(delete)
        .with::<op::UpdateOpenIDConnectProviderThumbprint>(update_thumbprints)
        .with::<op::AddClientIDToOpenIDConnectProvider>(add_client_id)
        .with::<op::RemoveClientIDFromOpenIDConnectProvider>(remove_client_id)
        .with::<op::TagOpenIDConnectProvider>(tag)
        .with::<op::UntagOpenIDConnectProvider>(untag)
        .with::<op::ListOpenIDConnectProviderTags>(list_tags)
}

/// The URL without its scheme, where it can be a provider's: a host, and a path if there is one.
fn provider_of(url: &str) -> Result<String, ServiceError> {
    let rest = url.strip_prefix(SCHEME).filter(|rest| !rest.is_empty());
    let rest = rest.ok_or_else(|| error::validation("Invalid Open ID Connect Provider URL"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_host = host.split('.').all(|label| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    let is_path = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\".contains(&byte));
    if !is_host || !is_path {
        return Err(error::validation("Invalid Open ID Connect Provider URL"));
    }
    let host = host.to_ascii_lowercase();
    Ok(if rest.contains('/') { format!("{host}/{path}") } else { host })
}

fn check_thumbprints(thumbprints: Vec<String>) -> Result<Vec<String>, ServiceError> {
    if thumbprints.len() > THUMBPRINTS {
        return Err(error::invalid_input(format!(
            "Thumbprint list must contain at most {THUMBPRINTS} entries."
        )));
    }
    let mut checked = Vec::new();
    for one in thumbprints {
        if !one.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error::invalid_input(format!("Invalid thumbprint: {one}")));
        }
        let one = one.to_ascii_lowercase();
        if !checked.contains(&one) {
            checked.push(one);
        }
    }
    Ok(checked)
}

fn find(
    reader: &impl Read,
    context: &RequestContext,
    wanted: &str,
) -> Result<OpenIdConnectProvider, ServiceError> {
    let prefix = arn(context, "oidc-provider/", "", "").to_string();
    let found = wanted.strip_prefix(&prefix);
    let found = found.and_then(|url| reader.get::<OpenIdConnectProvider>(&scope(context), url));
    found
        .map(|provider| (*provider).clone())
        .ok_or_else(|| error::no_such_entity(format!("OpenIDConnect Provider not found for arn {wanted}")))
}

fn change(
    state: &State,
    context: &RequestContext,
    wanted: &str,
    change: impl FnOnce(&mut OpenIdConnectProvider) -> Result<(), ServiceError>,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let mut provider = find(transaction, context, wanted)?;
        change(&mut provider)?;
        put(transaction, context, provider);
        Ok(Unit)
    })
}

fn put(transaction: &mut Transaction, context: &RequestContext, provider: OpenIdConnectProvider) {
    transaction.put(&scope(context), &provider.url.clone(), provider);
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateOpenIDConnectProviderRequest,
) -> Result<CreateOpenIDConnectProviderResponse, ServiceError> {
    let url = provider_of(&request.url)?;
    let mut client_ids = Vec::new();
    for id in request.client_id_list.unwrap_or_default() {
        if !client_ids.contains(&id) {
            client_ids.push(id);
        }
    }
    CLIENT_IDS.check(client_ids.len())?;
    let provider = OpenIdConnectProvider {
        arn: arn(context, "oidc-provider/", "", &url),
        url,
        client_ids,
        thumbprints: check_thumbprints(request.thumbprint_list.unwrap_or_default())?,
        created: context.now,
        tags: tag::of(KeyCase::Kept, request.tags)?,
    };
    state.store.transact(|transaction| {
        if transaction.contains::<OpenIdConnectProvider>(&scope(context), &provider.url) {
            let message = format!("Provider with url {SCHEME}{} already exists.", provider.url);
            return Err(error::already_exists(message));
        }
        PROVIDERS.check(transaction.count::<OpenIdConnectProvider>(&scope(context)) + 1)?;
        let answer = CreateOpenIDConnectProviderResponse {
            open_id_connect_provider_arn: Some(provider.arn.to_string()),
            tags: (!provider.tags.is_empty()).then(|| tag::shown(&provider.tags)),
        };
        put(transaction, context, provider);
        Ok(answer)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOpenIDConnectProvider.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetOpenIDConnectProviderRequest,
) -> Result<GetOpenIDConnectProviderResponse, ServiceError> {
    let provider = find(&state.store.snapshot(), context, &request.open_id_connect_provider_arn)?;
    Ok(GetOpenIDConnectProviderResponse {
        url: Some(provider.url),
        client_id_list: Some(provider.client_ids),
        thumbprint_list: Some(provider.thumbprints),
        create_date: Some(provider.created),
        tags: Some(tag::shown(&provider.tags)),
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListOpenIDConnectProviders.html>
fn list(
    state: &State,
    context: &RequestContext,
    _: ListOpenIDConnectProvidersRequest,
) -> Result<ListOpenIDConnectProvidersResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let found = snapshot.scan::<OpenIdConnectProvider>(&scope(context));
    let found =
        found.map(|(_, provider)| OpenIDConnectProviderListEntry { arn: Some(provider.arn.to_string()) });
    Ok(ListOpenIDConnectProvidersResponse { open_id_connect_provider_list: Some(found.collect()) })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteOpenIDConnectProvider.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteOpenIDConnectProviderRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let provider = find(transaction, context, &request.open_id_connect_provider_arn)?;
        transaction.delete::<OpenIdConnectProvider>(&scope(context), &provider.url);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateOpenIDConnectProviderThumbprint.html>
fn update_thumbprints(
    state: &State,
    context: &RequestContext,
    request: UpdateOpenIDConnectProviderThumbprintRequest,
) -> Result<Unit, ServiceError> {
    let thumbprints = check_thumbprints(request.thumbprint_list)?;
    change(state, context, &request.open_id_connect_provider_arn, |provider| {
        provider.thumbprints = thumbprints;
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddClientIDToOpenIDConnectProvider.html>
fn add_client_id(
    state: &State,
    context: &RequestContext,
    request: AddClientIDToOpenIDConnectProviderRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.open_id_connect_provider_arn, |provider| {
        if !provider.client_ids.contains(&request.client_id) {
            CLIENT_IDS.check(provider.client_ids.len() + 1)?;
            provider.client_ids.push(request.client_id);
        }
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveClientIDFromOpenIDConnectProvider.html>
fn remove_client_id(
    state: &State,
    context: &RequestContext,
    request: RemoveClientIDFromOpenIDConnectProviderRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.open_id_connect_provider_arn, |provider| {
        provider.client_ids.retain(|held| *held != request.client_id);
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagOpenIDConnectProvider.html>
fn tag(
    state: &State,
    context: &RequestContext,
    request: TagOpenIDConnectProviderRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.open_id_connect_provider_arn, |provider| {
        tag::add(KeyCase::Kept, &mut provider.tags, request.tags)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagOpenIDConnectProvider.html>
fn untag(
    state: &State,
    context: &RequestContext,
    request: UntagOpenIDConnectProviderRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.open_id_connect_provider_arn, |provider| {
        tag::remove(KeyCase::Kept, &mut provider.tags, &request.tag_keys);
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListOpenIDConnectProviderTags.html>
fn list_tags(
    state: &State,
    context: &RequestContext,
    request: ListOpenIDConnectProviderTagsRequest,
) -> Result<ListOpenIDConnectProviderTagsResponse, ServiceError> {
    let provider = find(&state.store.snapshot(), context, &request.open_id_connect_provider_arn)?;
    let page = page::take(tag::keyed(&provider.tags), request.marker.as_deref(), request.max_items)?;
    Ok(ListOpenIDConnectProviderTagsResponse {
        is_truncated: page.is_truncated(),
        tags: page.items,
        marker: page.marker,
    })
}
