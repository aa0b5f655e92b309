//! One of everything that a user or an account can have, for the state files of releases.

use std::sync::Arc;

use aws_api::Unit;
use aws_api::iam::{self as api, operation as op};

use super::certificates::self_signed;
use super::cloud::{By, Cloud};
use super::root_access::{In, management};
use super::{saml_provider, ssh_public_key};

/// Gives the user Bob one of each.
pub(crate) fn write(mut cloud: Cloud) {
    let user_name = || "Bob".to_owned();
    cloud.ok::<op::CreateAccountAlias>(api::CreateAccountAliasRequest { account_alias: "cloud".to_owned() });
    cloud.ok::<op::CreateLoginProfile>(api::CreateLoginProfileRequest {
        user_name: Some(user_name()),
        password: Some("Secret-1234".to_owned()),
        password_reset_required: Some(true),
    });
    cloud.ok::<op::UpdateAccountPasswordPolicy>(api::UpdateAccountPasswordPolicyRequest {
        minimum_password_length: Some(9),
        ..Default::default()
    });
    cloud.ok::<op::CreateVirtualMFADevice>(api::CreateVirtualMFADeviceRequest {
        virtual_mfa_device_name: "phone".to_owned(),
        ..Default::default()
    });
    cloud.ok::<op::CreateOpenIDConnectProvider>(api::CreateOpenIDConnectProviderRequest {
        url: "https://idp.example".to_owned(),
        ..Default::default()
    });
    cloud.ok::<op::CreateSAMLProvider>(saml_provider::create(saml_provider::whole("")));
    let made = self_signed("web");
    cloud.ok::<op::UploadServerCertificate>(api::UploadServerCertificateRequest {
        server_certificate_name: "web".to_owned(),
        certificate_body: made.body.clone(),
        private_key: made.key,
        ..Default::default()
    });
    cloud.ok::<op::UploadSigningCertificate>(api::UploadSigningCertificateRequest {
        user_name: Some(user_name()),
        certificate_body: made.body,
    });
    cloud.ok::<op::UploadSSHPublicKey>(ssh_public_key::upload("Bob", ssh_public_key::SSH));
    cloud.ok::<op::CreateServiceSpecificCredential>(api::CreateServiceSpecificCredentialRequest {
        user_name: user_name(),
        service_name: "codecommit.amazonaws.com".to_owned(),
        credential_age_days: None,
    });
    cloud.ok::<op::SetSecurityTokenServicePreferences>(api::SetSecurityTokenServicePreferencesRequest {
        global_endpoint_token_version: "v2Token".to_owned(),
    });
    cloud.ok::<op::GenerateServiceLastAccessedDetails>(api::GenerateServiceLastAccessedDetailsRequest {
        arn: "arn:aws:iam::123456789012:user/Bob".to_owned(),
        granularity: None,
    });
    cloud.ok::<op::GenerateCredentialReport>(Unit);
    cloud.service = cloud.service.with_organization(Arc::new(In(management())));
    cloud.ok::<op::EnableOrganizationsRootSessions>(api::EnableOrganizationsRootSessionsRequest {});
}

/// Looks at what was written.
pub(crate) fn read(cloud: &Cloud, release: &str) {
    let aliases = cloud.ok::<op::ListAccountAliases>(Default::default()).account_aliases;
    assert_eq!(aliases, ["cloud"], "{release}");
    let change = |old: &str| api::ChangePasswordRequest {
        old_password: old.to_owned(),
        new_password: "Another-1234".to_owned(),
    };
    let refused = cloud.call::<op::ChangePassword>(&By::User("Bob"), change("Secret-1235")).unwrap_err();
    assert_eq!(refused.code, "AccessDenied", "{release}");
    cloud.ok_by::<op::ChangePassword>(&By::User("Bob"), change("Secret-1234"));
    let summary = cloud.ok::<op::GetAccountSummary>(Unit).summary_map.unwrap();
    let counted = ["MFADevices", "Providers", "ServerCertificates", "GlobalEndpointTokenVersion"];
    assert_eq!(counted.map(|key| summary[key]), [1, 2, 1, 2], "{release}");
    let policy = cloud.ok::<op::GetAccountPasswordPolicy>(Unit).password_policy;
    assert_eq!(policy.minimum_password_length, Some(9), "{release}");
}
