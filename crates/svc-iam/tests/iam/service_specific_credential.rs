//! Service-specific credentials.

use super::cloud::{By, Cloud, HOUR_MILLIS};
use aws_api::iam::{self as api, operation as op};

fn create(user: &str, service: &str) -> api::CreateServiceSpecificCredentialRequest {
    api::CreateServiceSpecificCredentialRequest {
        user_name: user.to_owned(),
        service_name: format!("{service}.amazonaws.com"),
        credential_age_days: None,
    }
}

fn made(cloud: &Cloud, input: api::CreateServiceSpecificCredentialRequest) -> api::ServiceSpecificCredential {
    cloud.ok::<op::CreateServiceSpecificCredential>(input).service_specific_credential.unwrap()
}

fn delete(user: &str, id: &str) -> api::DeleteServiceSpecificCredentialRequest {
    api::DeleteServiceSpecificCredentialRequest {
        user_name: Some(user.to_owned()),
        service_specific_credential_id: id.to_owned(),
    }
}

#[test]
fn credentials_have_names_and_secrets_that_are_shown_once() {
    let mut cloud = Cloud::new();
    cloud.user("Bob");
    let first = made(&cloud, create("Bob", "codecommit"));
    assert_eq!(first.service_user_name.as_deref(), Some("Bob-at-123456789012"));
    assert!(first.service_password.as_ref().unwrap().len() > 40 && first.service_credential_secret.is_none());
    assert!(first.service_specific_credential_id.starts_with("ACCA"));
    let second = made(&cloud, create("Bob", "codecommit"));
    assert_eq!(second.service_user_name.as_deref(), Some("Bob+1-at-123456789012"));
    assert_ne!(first.service_password, second.service_password);
    cloud.refuses::<op::CreateServiceSpecificCredential>(
        create("Bob", "codecommit"),
        "LimitExceeded: Cannot exceed quota for ServiceSpecificCredentialsPerUser: 2",
    );
    cloud.refuses::<op::CreateServiceSpecificCredential>(
        create("Bob", "ec2"),
        "NotSupportedService: No such service ec2.amazonaws.com is supported for Service Specific Credentials",
    );
    let aged = |service: &str| api::CreateServiceSpecificCredentialRequest {
        credential_age_days: Some(1),
        ..create("Bob", service)
    };
    cloud.refuses::<op::CreateServiceSpecificCredential>(
        aged("cassandra"),
        "ValidationError: CredentialAgeDays is not supported for the service cassandra.amazonaws.com.",
    );
    let key = made(&cloud, aged("bedrock"));
    assert_eq!(key.service_credential_alias.as_deref(), Some("Bob-at-123456789012"));
    assert!(key.service_credential_secret.is_some() && key.service_password.is_none());
    assert_eq!(key.expiration_date, Some(cloud.now.plus_millis(24 * HOUR_MILLIS)));

    cloud.now = cloud.now.plus_millis(24 * HOUR_MILLIS);
    let list = |service: Option<&str>| {
        let input = api::ListServiceSpecificCredentialsRequest {
            user_name: Some("Bob".to_owned()),
            service_name: service.map(str::to_owned),
            ..Default::default()
        };
        cloud.ok::<op::ListServiceSpecificCredentials>(input).service_specific_credentials.unwrap()
    };
    assert_eq!(list(None).len(), 3);
    let keys = list(Some("bedrock.amazonaws.com"));
    assert_eq!((keys.len(), keys[0].status.as_str()), (1, "Expired"));
    let snapshot = cloud.store.snapshot();
    let secret = first.service_password.unwrap();
    assert!(snapshot.records().all(|(_, stored)| !format!("{stored:?}").contains(&secret)));
}

#[test]
fn credentials_are_changed_reset_and_deleted() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.user("Eve");
    let made = made(&cloud, create("Bob", "cassandra"));
    let id = made.service_specific_credential_id.clone();
    cloud.ok::<op::UpdateServiceSpecificCredential>(api::UpdateServiceSpecificCredentialRequest {
        user_name: Some("Bob".to_owned()),
        service_specific_credential_id: id.clone(),
        status: "Inactive".to_owned(),
    });
    let reset = api::ResetServiceSpecificCredentialRequest {
        user_name: None,
        service_specific_credential_id: id.clone(),
    };
    let missing = format!("NoSuchEntity: No such credential {id} exists");
    for by in [By::Root, By::User("Eve")] {
        cloud.refuses_to::<op::ResetServiceSpecificCredential>(&by, reset.clone(), &missing);
    }
    let again = cloud.ok_by::<op::ResetServiceSpecificCredential>(&By::User("Bob"), reset);
    let again = again.service_specific_credential.unwrap();
    assert_eq!(again.service_user_name, made.service_user_name);
    assert_ne!(again.service_password, made.service_password);
    let all = |by: &By<'_>, all_users: Option<bool>| {
        let input = api::ListServiceSpecificCredentialsRequest { all_users, ..Default::default() };
        cloud.ok_by::<op::ListServiceSpecificCredentials>(by, input).service_specific_credentials.unwrap()
    };
    assert_eq!(all(&By::User("Eve"), None).len(), 0);
    let shown = all(&By::User("Eve"), Some(true));
    assert_eq!((shown.len(), shown[0].status.as_str()), (1, "Inactive"));
    cloud.refuses::<op::DeleteUser>(
        api::DeleteUserRequest { user_name: "Bob".to_owned() },
        "DeleteConflict: Cannot delete entity, must delete service-specific credentials first.",
    );
    cloud.refuses::<op::DeleteServiceSpecificCredential>(delete("Eve", &id), &missing);
    cloud.ok::<op::DeleteServiceSpecificCredential>(delete("Bob", &id));
    cloud.ok::<op::DeleteUser>(api::DeleteUserRequest { user_name: "Bob".to_owned() });
}
