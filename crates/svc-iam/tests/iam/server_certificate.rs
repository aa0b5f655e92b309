//! Server certificates.

use super::certificates::{chain, self_signed, self_signed_in};
use super::cloud::{By, Cloud, pairs, tags};
use aws_api::iam::{self as api, operation as op};
use aws_types::Timestamp;

fn upload(name: &str, body: &str, key: &str) -> api::UploadServerCertificateRequest {
    api::UploadServerCertificateRequest {
        server_certificate_name: name.to_owned(),
        certificate_body: body.to_owned(),
        private_key: key.to_owned(),
        ..Default::default()
    }
}

fn get(name: &str) -> api::GetServerCertificateRequest {
    api::GetServerCertificateRequest { server_certificate_name: name.to_owned() }
}

#[test]
fn a_certificate_is_kept_and_its_key_is_not_shown() {
    let cloud = Cloud::new();
    let made = self_signed("web");
    let answer = cloud.ok::<op::UploadServerCertificate>(api::UploadServerCertificateRequest {
        path: Some("/prod/".to_owned()),
        tags: Some(tags(&[("a", "1")])),
        ..upload("Web", &made.body, &made.key)
    });
    let metadata = answer.server_certificate_metadata.unwrap();
    assert_eq!(metadata.arn, "arn:aws:iam::123456789012:server-certificate/prod/Web");
    assert!(metadata.server_certificate_id.starts_with("ASCA"), "{}", metadata.server_certificate_id);
    assert_eq!(metadata.upload_date, Some(cloud.now));
    // The first second of 2040.
    assert_eq!(metadata.expiration, Some(Timestamp::from_unix_secs(2_208_988_800)));
    assert_eq!(pairs(&answer.tags.unwrap()), [("a", "1")]);
    let shown = cloud.ok::<op::GetServerCertificate>(get("web")).server_certificate;
    assert_eq!(shown.server_certificate_metadata, metadata);
    assert_eq!((shown.certificate_body.as_str(), shown.certificate_chain), (made.body.trim(), None));
    cloud.refuses::<op::UploadServerCertificate>(
        upload("WEB", &made.body, &made.key),
        "EntityAlreadyExists: The Server Certificate with name WEB already exists.",
    );
    let list = |prefix: &str| {
        let input =
            api::ListServerCertificatesRequest { path_prefix: Some(prefix.to_owned()), ..Default::default() };
        cloud.ok::<op::ListServerCertificates>(input).server_certificate_metadata_list
    };
    assert_eq!((list("/prod").len(), list("/test").len()), (1, 0));

    cloud.ok::<op::UpdateServerCertificate>(api::UpdateServerCertificateRequest {
        server_certificate_name: "Web".to_owned(),
        new_path: Some("/".to_owned()),
        new_server_certificate_name: Some("Site".to_owned()),
    });
    let missing = "NoSuchEntity: The Server Certificate with name Web cannot be found.";
    cloud.refuses::<op::GetServerCertificate>(get("Web"), missing);
    let shown = cloud.ok::<op::GetServerCertificate>(get("Site")).server_certificate;
    assert_eq!(shown.server_certificate_metadata.arn, "arn:aws:iam::123456789012:server-certificate/Site");
    cloud.refuses_to::<op::GetServerCertificate>(
        &By::OtherRoot,
        get("Site"),
        &missing.replace("Web", "Site"),
    );
    let delete = api::DeleteServerCertificateRequest { server_certificate_name: "Site".to_owned() };
    cloud.ok::<op::DeleteServerCertificate>(delete.clone());
    cloud.refuses::<op::DeleteServerCertificate>(delete, &missing.replace("Web", "Site"));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let cloud = Cloud::new();
    let (one, other) = (self_signed("one"), self_signed("other"));
    cloud.refuses::<op::UploadServerCertificate>(
        upload("c", &one.body, &other.key),
        "KeyPairMismatch: The private key does not match the public key of the certificate.",
    );
    let no_certificate =
        "MalformedCertificate: Unable to parse certificate. Please ensure the certificate is in PEM format.";
    for body in ["x", &one.key, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
        cloud.refuses::<op::UploadServerCertificate>(upload("c", body, &one.key), no_certificate);
    }
    let both = format!("{}{}", one.body, other.body);
    cloud.refuses::<op::UploadServerCertificate>(
        upload("c", &both, &one.key),
        "MalformedCertificate: Certificate body must contain only one certificate.",
    );
    for key in ["x", &one.body] {
        cloud.refuses::<op::UploadServerCertificate>(
            upload("c", &one.body, key),
            "MalformedCertificate: Unable to parse private key. Please ensure that it is in PEM format and not encrypted.",
        );
    }
    for (from, until, expect) in [
        (2020, 2022, "Certificate is no longer valid. The 'Not After' date is in the past."),
        (2035, 2040, "Certificate is not yet valid. The 'Not Before' date is in the future."),
    ] {
        let made = self_signed_in("then", from, until);
        let expect = format!("MalformedCertificate: {expect}");
        cloud.refuses::<op::UploadServerCertificate>(upload("c", &made.body, &made.key), &expect);
    }
}

#[test]
fn a_chain_leads_from_signer_to_signer() {
    let cloud = Cloud::new();
    let (leaf, middle, root) = chain();
    let with = |name: &str, chain: &str| api::UploadServerCertificateRequest {
        certificate_chain: Some(chain.to_owned()),
        ..upload(name, &leaf.body, &leaf.key)
    };
    let whole = format!("{middle}{root}");
    cloud.ok::<op::UploadServerCertificate>(with("whole", &whole));
    let shown = cloud.ok::<op::GetServerCertificate>(get("whole")).server_certificate;
    assert_eq!(shown.certificate_chain.as_deref(), Some(whole.trim()));
    cloud.ok::<op::UploadServerCertificate>(with("part", &middle));
    let (_, stranger, _) = self::chain();
    for (chain, index) in [
        (root.clone(), 0),
        (format!("{root}{middle}"), 0),
        (format!("{middle}{middle}"), 1),
        // The names are right, the key is another.
        (stranger, 0),
    ] {
        let expect = format!(
            "MalformedCertificate: Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: {index}"
        );
        cloud.refuses::<op::UploadServerCertificate>(with("c", &chain), &expect);
    }
    cloud.refuses::<op::UploadServerCertificate>(
        with("c", "x"),
        "MalformedCertificate: Unable to parse certificate chain. Please ensure the certificate chain is in PEM format.",
    );
}

#[test]
fn certificates_have_tags_and_a_quota() {
    let cloud = Cloud::new();
    let made = self_signed("web");
    for number in 0..20 {
        cloud.ok::<op::UploadServerCertificate>(upload(&format!("c{number}"), &made.body, &made.key));
    }
    cloud.refuses::<op::UploadServerCertificate>(
        upload("more", &made.body, &made.key),
        "LimitExceeded: Cannot exceed quota for ServerCertificatesPerAccount: 20",
    );
    let server_certificate_name = "c7".to_owned();
    cloud.ok::<op::TagServerCertificate>(api::TagServerCertificateRequest {
        server_certificate_name: server_certificate_name.clone(),
        tags: tags(&[("a", "1"), ("b", "2")]),
    });
    cloud.ok::<op::UntagServerCertificate>(api::UntagServerCertificateRequest {
        server_certificate_name: server_certificate_name.clone(),
        tag_keys: vec!["a".to_owned()],
    });
    let listed = cloud.ok::<op::ListServerCertificateTags>(api::ListServerCertificateTagsRequest {
        server_certificate_name,
        ..Default::default()
    });
    assert_eq!(pairs(&listed.tags), [("b", "2")]);
}
