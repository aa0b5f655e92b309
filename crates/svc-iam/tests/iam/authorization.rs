//! What requests to IAM need to be allowed.

use super::certificates::self_signed;
use super::cloud::{By, Cloud, tags};
use aws_api::Operation;
use aws_api::iam::{self as api, operation as op};
use aws_model::Value;
use service_api::{Service as _, TargetResource};

fn needed<O: Operation>(cloud: &Cloud, input: O::Input) -> Vec<TargetResource>
where
    O::Input: Into<Value>,
{
    let needed = cloud.service.needed_permissions(&cloud.context(&By::Root), O::NAME, &input.into());
    let [permission] = &needed.unwrap()[..] else { panic!("{} needs one action", O::NAME) };
    permission.resources.clone()
}

/// The ARNs, without what all of the account begin with.
fn arns(resources: &[TargetResource]) -> Vec<&str> {
    resources.iter().map(|held| held.arn.strip_prefix("arn:aws:iam::123456789012:").unwrap()).collect()
}

fn has(resource: &TargetResource, key: &str, value: &str) {
    let is_there = resource.keys.iter().any(|(held, values)| held == key && values == &[value]);
    assert!(is_there, "{key} of {}: {:?}", resource.arn, resource.keys);
}

#[test]
fn a_new_name_or_path_is_asked_about_as_the_old_one_is() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateUser>(api::CreateUserRequest {
        user_name: "Ann".to_owned(),
        path: Some("/staff/".to_owned()),
        tags: Some(tags(&[("Team", "red")])),
        ..Default::default()
    });
    let update = |name: Option<&str>, path: Option<&str>| api::UpdateUserRequest {
        user_name: "ann".to_owned(),
        new_user_name: name.map(str::to_owned),
        new_path: path.map(str::to_owned),
    };
    let check = |name, path, expected: &[&str]| {
        let resources = needed::<op::UpdateUser>(&cloud, update(name, path));
        assert_eq!(arns(&resources), expected);
        resources.iter().for_each(|held| has(held, "aws:ResourceTag/Team", "red"));
    };
    let old = "user/staff/Ann";
    check(None, None, &[old]);
    check(Some("root"), None, &[old, "user/staff/root"]);
    check(None, Some("/admins/"), &[old, "user/admins/Ann"]);
    check(None, Some("/"), &[old, "user/Ann"]);
    check(Some("root"), Some("/admins/top/"), &[old, "user/admins/top/root"]);
    check(Some("Ann"), Some("/staff/"), &[old]);

    cloud.group("dev");
    let update = api::UpdateGroupRequest {
        group_name: "dev".to_owned(),
        new_path: None,
        new_group_name: Some("admins".to_owned()),
    };
    assert_eq!(arns(&needed::<op::UpdateGroup>(&cloud, update)), ["group/dev", "group/admins"]);
}

#[test]
fn certificates_have_their_paths_and_tags_and_are_asked_about_under_both_names() {
    let cloud = Cloud::new();
    let made = self_signed("web");
    cloud.ok::<op::UploadServerCertificate>(api::UploadServerCertificateRequest {
        server_certificate_name: "Web".to_owned(),
        path: Some("/prod/".to_owned()),
        certificate_body: made.body,
        private_key: made.key,
        tags: Some(tags(&[("Team", "red")])),
        ..Default::default()
    });
    let get = api::GetServerCertificateRequest { server_certificate_name: "web".to_owned() };
    let resources = needed::<op::GetServerCertificate>(&cloud, get);
    assert_eq!(arns(&resources), ["server-certificate/prod/Web"]);
    let update = api::UpdateServerCertificateRequest {
        server_certificate_name: "Web".to_owned(),
        new_path: Some("/test/".to_owned()),
        new_server_certificate_name: Some("Site".to_owned()),
    };
    let resources = needed::<op::UpdateServerCertificate>(&cloud, update);
    assert_eq!(arns(&resources), ["server-certificate/prod/Web", "server-certificate/test/Site"]);
    let delete = api::DeleteServerCertificateRequest { server_certificate_name: "web".to_owned() };
    has(&needed::<op::DeleteServerCertificate>(&cloud, delete)[0], "aws:ResourceTag/Team", "red");
}

#[test]
fn providers_and_devices_have_their_tags() {
    let cloud = Cloud::new();
    let made = cloud.ok::<op::CreateOpenIDConnectProvider>(api::CreateOpenIDConnectProviderRequest {
        url: "https://login.example.com/tenants/one".to_owned(),
        thumbprint_list: Some(vec!["a".repeat(40)]),
        tags: Some(tags(&[("Team", "red")])),
        ..Default::default()
    });
    let delete = api::DeleteOpenIDConnectProviderRequest {
        open_id_connect_provider_arn: made.open_id_connect_provider_arn.unwrap(),
    };
    let resources = needed::<op::DeleteOpenIDConnectProvider>(&cloud, delete);
    assert_eq!(arns(&resources), ["oidc-provider/login.example.com/tenants/one"]);
    has(&resources[0], "aws:ResourceTag/Team", "red");
    let made = cloud.ok::<op::CreateVirtualMFADevice>(api::CreateVirtualMFADeviceRequest {
        virtual_mfa_device_name: "phone".to_owned(),
        path: Some("/hq/".to_owned()),
        tags: Some(tags(&[("Team", "blue")])),
    });
    let serial_number = made.virtual_mfa_device.serial_number;
    let resources =
        needed::<op::DeleteVirtualMFADevice>(&cloud, api::DeleteVirtualMFADeviceRequest { serial_number });
    assert_eq!(arns(&resources), ["mfa/hq/phone"]);
    has(&resources[0], "aws:ResourceTag/Team", "blue");
}

#[test]
fn requests_say_which_service_a_credential_is_for_and_how_long() {
    let cloud = Cloud::new();
    cloud.user("ann");
    let create = || api::CreateServiceSpecificCredentialRequest {
        user_name: "ann".to_owned(),
        service_name: "bedrock.amazonaws.com".to_owned(),
        credential_age_days: Some(30),
    };
    let key = "iam:ServiceSpecificCredentialServiceName";
    let resources = needed::<op::CreateServiceSpecificCredential>(&cloud, create());
    has(&resources[0], key, "bedrock.amazonaws.com");
    has(&resources[0], "iam:ServiceSpecificCredentialAgeDays", "30");
    let made = cloud.ok::<op::CreateServiceSpecificCredential>(create()).service_specific_credential.unwrap();
    let delete = api::DeleteServiceSpecificCredentialRequest {
        user_name: Some("ann".to_owned()),
        service_specific_credential_id: made.service_specific_credential_id,
    };
    has(&needed::<op::DeleteServiceSpecificCredential>(&cloud, delete)[0], key, "bedrock.amazonaws.com");
}
