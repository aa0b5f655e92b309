//! What requests need to be allowed.

use aws_api::Operation;
use aws_api::account::{self as api, operation as op};
use aws_model::Value;
use service_api::{Service as _, TargetResource};

use crate::harness::*;

fn needed<O: Operation>(cloud: &Cloud, account: &str, input: O::Input) -> TargetResource
where
    O::Input: Into<Value>,
{
    let needed = cloud.service.needed_permissions(&cloud.context(account), O::NAME, &input.into()).unwrap();
    let [permission] = &needed[..] else { panic!("{needed:?}") };
    assert_eq!(permission.action, format!("account:{}", O::NAME));
    let [resource] = &permission.resources[..] else { panic!("{permission:?}") };
    resource.clone()
}

const IN_ORGANIZATION: &str = "arn:aws:account::111111111111:account/o-abcdefghij/222222222222";

#[test]
fn an_account_that_is_named_is_asked_about_as_a_member_of_its_organization() {
    let cloud = Cloud::organized();
    let of = |account: &str, named: Option<&str>| {
        let input = api::GetContactInformationRequest { account_id: named.map(str::to_owned) };
        needed::<op::GetContactInformation>(&cloud, account, input).arn
    };
    assert_eq!(of(MANAGEMENT, None), "arn:aws:account::111111111111:account");
    assert_eq!(of(MANAGEMENT, Some(MEMBER)), IN_ORGANIZATION);
    // Whether a member may name accounts is the service's to say.
    assert_eq!(of(MEMBER, None), "arn:aws:account::222222222222:account");
    assert_eq!(of(MEMBER, Some(MEMBER)), IN_ORGANIZATION);
    assert_eq!(of(STRANGER, Some(MEMBER)), "arn:aws:account::999999999999:account");
    let name =
        api::PutAccountNameRequest { account_name: "new".to_owned(), account_id: Some(MEMBER.to_owned()) };
    assert_eq!(needed::<op::PutAccountName>(&cloud, MANAGEMENT, name).arn, IN_ORGANIZATION);
}

fn keys(resource: &TargetResource) -> Vec<String> {
    resource.keys.iter().map(|(key, values)| format!("{key}={}", values.join(","))).collect()
}

#[test]
fn the_address_of_a_member_is_asked_about_with_its_domain() {
    let cloud = Cloud::organized();
    let account_id = || MEMBER.to_owned();
    let get = api::GetPrimaryEmailRequest { account_id: account_id() };
    let get = needed::<op::GetPrimaryEmail>(&cloud, MANAGEMENT, get);
    assert_eq!((get.arn.as_str(), keys(&get)), (IN_ORGANIZATION, vec![]));
    let primary_email = || "new@example.org".to_owned();
    let start =
        api::StartPrimaryEmailUpdateRequest { account_id: account_id(), primary_email: primary_email() };
    let otp = "ABC234".to_owned();
    let accept = api::AcceptPrimaryEmailUpdateRequest {
        account_id: account_id(),
        primary_email: primary_email(),
        otp,
    };
    for resource in [
        needed::<op::StartPrimaryEmailUpdate>(&cloud, MANAGEMENT, start),
        needed::<op::AcceptPrimaryEmailUpdate>(&cloud, MANAGEMENT, accept),
    ] {
        assert_eq!(resource.arn, IN_ORGANIZATION);
        assert_eq!(keys(&resource), ["account:EmailTargetDomain=example.org"]);
    }
}

#[test]
fn requests_say_which_region_and_which_contact_they_are_about() {
    let cloud = Cloud::organized();
    let region = || "af-south-1".to_owned();
    let enable = api::EnableRegionRequest { account_id: Some(MEMBER.to_owned()), region_name: region() };
    let disable = api::DisableRegionRequest { account_id: None, region_name: region() };
    for resource in [
        needed::<op::EnableRegion>(&cloud, MANAGEMENT, enable),
        needed::<op::DisableRegion>(&cloud, MANAGEMENT, disable),
    ] {
        assert_eq!(keys(&resource), ["account:TargetRegion=af-south-1"]);
    }
    let delete = api::DeleteAlternateContactRequest {
        alternate_contact_type: "BILLING".to_owned(),
        account_id: Some(MEMBER.to_owned()),
    };
    let resource = needed::<op::DeleteAlternateContact>(&cloud, MANAGEMENT, delete);
    assert_eq!(resource.arn, IN_ORGANIZATION);
    assert_eq!(keys(&resource), ["account:AlternateContactTypes=BILLING"]);
}
