//! OpenID Connect providers.

use super::cloud::{By, Cloud, pairs, tags};
use aws_api::iam::{self as api, operation as op};

const URL: &str = "https://token.actions.githubusercontent.com";
const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";
const THUMBPRINT: &str = "6938FD4D98BAB03FAADB97B34396831E3780AEA1";

fn create(url: &str) -> api::CreateOpenIDConnectProviderRequest {
    api::CreateOpenIDConnectProviderRequest { url: url.to_owned(), ..Default::default() }
}

fn get(arn: &str) -> api::GetOpenIDConnectProviderRequest {
    api::GetOpenIDConnectProviderRequest { open_id_connect_provider_arn: arn.to_owned() }
}

fn list(cloud: &Cloud) -> Vec<String> {
    let list = cloud
        .ok::<op::ListOpenIDConnectProviders>(api::ListOpenIDConnectProvidersRequest {})
        .open_id_connect_provider_list
        .unwrap();
    list.into_iter().map(|one| one.arn.unwrap()).collect()
}

#[test]
fn a_provider_is_made_shown_and_deleted() {
    let cloud = Cloud::new();
    let made = cloud.ok::<op::CreateOpenIDConnectProvider>(api::CreateOpenIDConnectProviderRequest {
        client_id_list: Some(vec!["sts.amazonaws.com".to_owned()]),
        thumbprint_list: Some(vec![THUMBPRINT.to_owned()]),
        tags: Some(tags(&[("a", "1")])),
        ..create(URL)
    });
    assert_eq!(made.open_id_connect_provider_arn.as_deref(), Some(ARN));
    let shown = cloud.ok::<op::GetOpenIDConnectProvider>(get(ARN));
    assert_eq!(shown.url.as_deref(), URL.strip_prefix("https://"));
    assert_eq!(shown.client_id_list.unwrap(), ["sts.amazonaws.com"]);
    assert_eq!(shown.thumbprint_list.unwrap(), [THUMBPRINT.to_ascii_lowercase()]);
    assert_eq!((shown.create_date, pairs(&shown.tags.unwrap())), (Some(cloud.now), vec![("a", "1")]));
    cloud.refuses::<op::CreateOpenIDConnectProvider>(
        create(URL),
        "EntityAlreadyExists: Provider with url https://token.actions.githubusercontent.com already exists.",
    );
    cloud.ok::<op::CreateOpenIDConnectProvider>(create("https://OIDC.eks.example/id/ABC"));
    let other = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.example/id/ABC";
    assert_eq!(list(&cloud), [other, ARN]);
    let missing = format!("NoSuchEntity: OpenIDConnect Provider not found for arn {ARN}");
    cloud.refuses_to::<op::GetOpenIDConnectProvider>(&By::OtherRoot, get(ARN), &missing);
    let delete = api::DeleteOpenIDConnectProviderRequest { open_id_connect_provider_arn: ARN.to_owned() };
    cloud.ok::<op::DeleteOpenIDConnectProvider>(delete.clone());
    cloud.refuses::<op::DeleteOpenIDConnectProvider>(delete, &missing);
    assert_eq!(list(&cloud), [other]);
}

#[test]
fn urls_and_thumbprints_have_rules() {
    let cloud = Cloud::new();
    for url in [
        "http://example.com",
        "https://",
        "https://example.com?x=1",
        "https://example.com/a?x=1",
        "https://example.com:8443",
        "https://exa mple.com",
        "https://example..com",
        "example.com",
    ] {
        let expect = "ValidationError: Invalid Open ID Connect Provider URL";
        cloud.refuses::<op::CreateOpenIDConnectProvider>(create(url), expect);
    }
    let with = |thumbprints: Vec<String>| api::CreateOpenIDConnectProviderRequest {
        thumbprint_list: Some(thumbprints),
        ..create(URL)
    };
    cloud.refuses::<op::CreateOpenIDConnectProvider>(
        with(vec![THUMBPRINT.to_owned(); 6]),
        "InvalidInput: Thumbprint list must contain at most 5 entries.",
    );
    let bad = THUMBPRINT.replace('6', "g");
    let expect = format!("InvalidInput: Invalid thumbprint: {bad}");
    cloud.refuses::<op::CreateOpenIDConnectProvider>(with(vec![bad]), &expect);
}

#[test]
fn client_ids_thumbprints_and_tags_change() {
    let cloud = Cloud::new();
    let arn = ARN.to_owned();
    cloud.ok::<op::CreateOpenIDConnectProvider>(create(URL));
    for id in ["a", "b", "a"] {
        cloud.ok::<op::AddClientIDToOpenIDConnectProvider>(api::AddClientIDToOpenIDConnectProviderRequest {
            open_id_connect_provider_arn: arn.clone(),
            client_id: id.to_owned(),
        });
    }
    for id in ["a", "c"] {
        let input = api::RemoveClientIDFromOpenIDConnectProviderRequest {
            open_id_connect_provider_arn: arn.clone(),
            client_id: id.to_owned(),
        };
        cloud.ok::<op::RemoveClientIDFromOpenIDConnectProvider>(input);
    }
    let input = api::UpdateOpenIDConnectProviderThumbprintRequest {
        open_id_connect_provider_arn: arn.clone(),
        thumbprint_list: vec![THUMBPRINT.to_owned()],
    };
    cloud.ok::<op::UpdateOpenIDConnectProviderThumbprint>(input);
    let shown = cloud.ok::<op::GetOpenIDConnectProvider>(get(ARN));
    assert_eq!(shown.client_id_list.unwrap(), ["b"]);
    assert_eq!(shown.thumbprint_list.unwrap().len(), 1);
    cloud.ok::<op::TagOpenIDConnectProvider>(api::TagOpenIDConnectProviderRequest {
        open_id_connect_provider_arn: arn.clone(),
        tags: tags(&[("a", "1"), ("b", "2")]),
    });
    cloud.ok::<op::UntagOpenIDConnectProvider>(api::UntagOpenIDConnectProviderRequest {
        open_id_connect_provider_arn: arn.clone(),
        tag_keys: vec!["a".to_owned()],
    });
    let input =
        api::ListOpenIDConnectProviderTagsRequest { open_id_connect_provider_arn: arn, ..Default::default() };
    assert_eq!(pairs(&cloud.ok::<op::ListOpenIDConnectProviderTags>(input).tags), [("b", "2")]);
}
