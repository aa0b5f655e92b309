//! SAML providers.

use super::certificates::self_signed;
use super::cloud::{By, Cloud, pairs, tags};
use aws_api::iam::{self as api, operation as op};
use aws_types::Timestamp;
use identities::SamlProvider;
use store::Read as _;

const ARN: &str = "arn:aws:iam::123456789012:saml-provider/Corp";

fn certificate() -> String {
    self_signed("idp").body.lines().filter(|line| !line.starts_with("-----")).collect()
}

fn metadata(attributes: &str, body: &str) -> String {
    format!(
        r#"<?xml version="1.0"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" {attributes}>
<!-- {} -->
{body}
</md:EntityDescriptor>"#,
        "x".repeat(1000)
    )
}

fn issuer(purpose: &str, certificate: &str) -> String {
    format!(
        r#"<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:KeyDescriptor {purpose}><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
<ds:X509Certificate>
{certificate}
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/"/>
</md:IDPSSODescriptor>"#
    )
}

pub(crate) fn whole(attributes: &str) -> String {
    metadata(
        &format!(r#"entityID="https://idp.example/a&amp;b" {attributes}"#),
        &issuer("use=\"signing\"", &certificate()),
    )
}

pub(crate) fn create(document: String) -> api::CreateSAMLProviderRequest {
    api::CreateSAMLProviderRequest {
        saml_metadata_document: document,
        name: "Corp".to_owned(),
        ..Default::default()
    }
}

fn get(cloud: &Cloud) -> api::GetSAMLProviderResponse {
    cloud.ok::<op::GetSAMLProvider>(api::GetSAMLProviderRequest { saml_provider_arn: ARN.to_owned() })
}

#[test]
fn a_provider_is_made_shown_changed_and_deleted() {
    let cloud = Cloud::new();
    let document = whole(r#"validUntil="2030-01-02T03:04:05Z""#);
    let made = cloud.ok::<op::CreateSAMLProvider>(api::CreateSAMLProviderRequest {
        tags: Some(tags(&[("a", "1")])),
        ..create(document.clone())
    });
    assert_eq!((made.saml_provider_arn.as_deref(), made.tags.unwrap().len()), (Some(ARN), 1));
    let shown = get(&cloud);
    assert_eq!(shown.saml_metadata_document.as_deref(), Some(document.as_str()));
    assert_eq!((shown.create_date, shown.saml_provider_uuid.unwrap().len()), (Some(cloud.now), 36));
    assert_eq!(shown.valid_until, Some(Timestamp::from_unix_secs(1_893_553_445)));
    cloud.refuses::<op::CreateSAMLProvider>(
        create(document),
        "EntityAlreadyExists: Metadata for Corp already exists",
    );
    // What STS holds assertions against.
    let scope = store::Scope::global(aws_types::Partition::Aws, super::cloud::ACCOUNT.parse().unwrap());
    let record = cloud.store.snapshot().get::<SamlProvider>(&scope, "corp").unwrap();
    assert_eq!(record.description.entity_id, "https://idp.example/a&b");
    assert_eq!(record.description.signing_certificates.len(), 1);

    cloud.ok::<op::UpdateSAMLProvider>(api::UpdateSAMLProviderRequest {
        saml_metadata_document: Some(whole("")),
        saml_provider_arn: ARN.to_owned(),
        ..Default::default()
    });
    let century = 100 * 365 * 24 * 60 * 60 * 1000;
    assert_eq!(get(&cloud).valid_until, Some(cloud.now.plus_millis(century)));
    let list = |by: &By<'_>| {
        cloud.ok_by::<op::ListSAMLProviders>(by, api::ListSAMLProvidersRequest {}).saml_provider_list.unwrap()
    };
    assert_eq!((list(&By::Root)[0].arn.as_deref(), list(&By::OtherRoot).len()), (Some(ARN), 0));
    let delete = api::DeleteSAMLProviderRequest { saml_provider_arn: ARN.to_owned() };
    cloud.ok::<op::DeleteSAMLProvider>(delete.clone());
    let missing = format!("NoSuchEntity: Manifest not found for arn {ARN}");
    cloud.refuses::<op::DeleteSAMLProvider>(delete, &missing);
}

#[test]
fn what_is_no_metadata_is_refused() {
    let cloud = Cloud::new();
    let entity = r#"entityID="e""#;
    let other = certificate();
    for (document, expect) in [
        ("x".repeat(2000), "Could not parse metadata"),
        (whole("").replace("EntityDescriptor", "EntitiesDescriptor"), "Could not parse metadata"),
        (whole("").replace("</md:EntityDescriptor>", ""), "Could not parse metadata"),
        (format!("{}<more/>", whole("")), "Could not parse metadata"),
        (whole("").replacen('?', "!", 1), "Could not parse metadata"),
        (whole(r#"validUntil="tomorrow""#), "Could not parse validUntil of the metadata"),
        (metadata(entity, ""), "Metadata must have an entityID and an IDPSSODescriptor"),
        (metadata("", &issuer("", &other)), "Metadata must have an entityID and an IDPSSODescriptor"),
        (metadata(entity, &issuer("", "AAAA")), "Metadata must have a valid X.509 signing certificate"),
        (
            metadata(entity, &issuer(r#"use="encryption""#, &other)),
            "Metadata must have a valid X.509 signing certificate",
        ),
    ] {
        cloud.refuses::<op::CreateSAMLProvider>(create(document), &format!("InvalidInput: {expect}"));
    }
}

#[test]
fn keys_decrypt_assertions_where_the_mode_says_so() {
    let cloud = Cloud::new();
    let mode = Some("Required".to_owned());
    let with = |key: Option<String>| api::CreateSAMLProviderRequest {
        assertion_encryption_mode: mode.clone(),
        add_private_key: key,
        ..create(whole(""))
    };
    cloud.refuses::<op::CreateSAMLProvider>(
        with(None),
        "InvalidInput: A private key is needed for an assertion encryption mode.",
    );
    cloud.refuses::<op::CreateSAMLProvider>(
        with(Some("x".to_owned())),
        "InvalidInput: Unable to parse the private key. It must be in PEM format and not encrypted.",
    );
    let key = self_signed("k").key;
    cloud.ok::<op::CreateSAMLProvider>(with(Some(key.clone())));
    let shown = get(&cloud);
    assert_eq!(shown.assertion_encryption_mode, mode);
    let first = shown.private_key_list.unwrap()[0].key_id.clone().unwrap();
    let update = |add: Option<&str>, remove: Option<&str>| api::UpdateSAMLProviderRequest {
        saml_provider_arn: ARN.to_owned(),
        add_private_key: add.map(str::to_owned),
        remove_private_key: remove.map(str::to_owned),
        ..Default::default()
    };
    cloud.ok::<op::UpdateSAMLProvider>(update(Some(&key), None));
    cloud.refuses::<op::UpdateSAMLProvider>(
        update(Some(&key), None),
        "LimitExceeded: Cannot exceed quota for PrivateKeysPerSAMLProvider: 2",
    );
    cloud.ok::<op::UpdateSAMLProvider>(update(None, Some(&first)));
    let expect = format!("NoSuchEntity: The private key with id {first} cannot be found.");
    cloud.refuses::<op::UpdateSAMLProvider>(update(None, Some(&first)), &expect);
    let second = get(&cloud).private_key_list.unwrap()[0].key_id.clone().unwrap();
    cloud.ok::<op::UpdateSAMLProvider>(update(None, Some(&second)));
    let shown = get(&cloud);
    assert_eq!((shown.private_key_list, shown.assertion_encryption_mode), (None, None));
}

#[test]
fn providers_have_tags() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateSAMLProvider>(create(whole("")));
    let saml_provider_arn = ARN.to_owned();
    cloud.ok::<op::TagSAMLProvider>(api::TagSAMLProviderRequest {
        saml_provider_arn: saml_provider_arn.clone(),
        tags: tags(&[("a", "1"), ("b", "2")]),
    });
    cloud.ok::<op::UntagSAMLProvider>(api::UntagSAMLProviderRequest {
        saml_provider_arn: saml_provider_arn.clone(),
        tag_keys: vec!["a".to_owned()],
    });
    let listed = cloud.ok::<op::ListSAMLProviderTags>(api::ListSAMLProviderTagsRequest {
        saml_provider_arn,
        ..Default::default()
    });
    assert_eq!(pairs(&listed.tags), [("b", "2")]);
}
