//! Signing certificates of users and of the root user.

use super::certificates::{self_signed, self_signed_in};
use super::cloud::{By, Cloud};
use aws_api::iam::{self as api, operation as op};

fn upload(user: Option<&str>, body: &str) -> api::UploadSigningCertificateRequest {
    api::UploadSigningCertificateRequest {
        user_name: user.map(str::to_owned),
        certificate_body: body.to_owned(),
    }
}

#[test]
fn certificates_are_kept_changed_and_deleted() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let body = self_signed("bob").body;
    let made = cloud.ok::<op::UploadSigningCertificate>(upload(Some("Bob"), &body)).certificate;
    assert_eq!((made.user_name.as_str(), made.status.as_str()), ("Bob", "Active"));
    assert_eq!((made.certificate_body.as_str(), made.upload_date), (body.trim(), Some(cloud.now)));
    assert_eq!(made.certificate_id.len(), 32);
    for user in [Some("Bob"), None] {
        cloud.refuses::<op::UploadSigningCertificate>(
            upload(user, &body),
            "DuplicateCertificate: The certificate is already associated with an IAM user in the account.",
        );
    }
    cloud.ok::<op::UploadSigningCertificate>(upload(Some("Bob"), &self_signed("second").body));
    cloud.refuses::<op::UploadSigningCertificate>(
        upload(Some("Bob"), &self_signed("third").body),
        "LimitExceeded: Cannot exceed quota for SigningCertificatesPerUser: 2",
    );
    let update = |status: &str| api::UpdateSigningCertificateRequest {
        user_name: Some("Bob".to_owned()),
        certificate_id: made.certificate_id.clone(),
        status: status.to_owned(),
    };
    cloud.ok::<op::UpdateSigningCertificate>(update("Inactive"));
    cloud.refuses::<op::UpdateSigningCertificate>(
        update("Expired"),
        "InvalidInput: Invalid value for status: Expired",
    );
    let list = |by: &By<'_>| cloud.ok_by::<op::ListSigningCertificates>(by, Default::default()).certificates;
    let bobs = list(&By::User("Bob"));
    let first = bobs.iter().find(|one| one.certificate_id == made.certificate_id).unwrap();
    assert_eq!((bobs.len(), first.status.as_str()), (2, "Inactive"));
    assert!(list(&By::Root).is_empty());
    let own = cloud.ok::<op::UploadSigningCertificate>(upload(None, &self_signed("root").body)).certificate;
    assert_eq!(list(&By::Root), [own]);
    cloud.refuses::<op::DeleteUser>(
        api::DeleteUserRequest { user_name: "Bob".to_owned() },
        "DeleteConflict: Cannot delete entity, must delete signing certificates first.",
    );
    let delete = |user: Option<&str>, id: &str| api::DeleteSigningCertificateRequest {
        user_name: user.map(str::to_owned),
        certificate_id: id.to_owned(),
    };
    let missing = format!("NoSuchEntity: The Certificate with id {} cannot be found.", made.certificate_id);
    cloud.refuses::<op::DeleteSigningCertificate>(delete(None, &made.certificate_id), &missing);
    for one in bobs {
        cloud.ok::<op::DeleteSigningCertificate>(delete(Some("Bob"), &one.certificate_id));
    }
    cloud.ok::<op::DeleteUser>(api::DeleteUserRequest { user_name: "Bob".to_owned() });
}

#[test]
fn what_is_no_certificate_of_now_is_refused() {
    let cloud = Cloud::new();
    cloud.refuses::<op::UploadSigningCertificate>(
        upload(None, "x"),
        "MalformedCertificate: Unable to parse certificate. Please ensure the certificate is in PEM format.",
    );
    cloud.refuses::<op::UploadSigningCertificate>(
        upload(None, &self_signed_in("old", 2020, 2021).body),
        "MalformedCertificate: Certificate is no longer valid. The 'Not After' date is in the past.",
    );
}
