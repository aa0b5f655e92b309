use aws_api::account::{self as api, operation as op};
use aws_types::Partition;

use crate::harness::*;

pub(crate) fn contact() -> api::ContactInformation {
    api::ContactInformation {
        full_name: "Ann Example".to_owned(),
        address_line1: "1 Main Street".to_owned(),
        city: "Seattle".to_owned(),
        state_or_region: Some("WA".to_owned()),
        postal_code: "98101".to_owned(),
        country_code: "US".to_owned(),
        phone_number: "+1 206 555 0100".to_owned(),
        ..Default::default()
    }
}

#[test]
fn an_account_has_contact_information_once_it_is_put() {
    let cloud = Cloud::organized();
    cloud.refuses::<op::GetContactInformation>(MEMBER, Default::default(), "ResourceNotFoundException");
    let put = |account: Option<&str>| api::PutContactInformationRequest {
        contact_information: contact(),
        account_id: account.map(str::to_owned),
    };
    cloud.ok::<op::PutContactInformation>(MANAGEMENT, put(Some(MEMBER)));
    let found = cloud.ok::<op::GetContactInformation>(MEMBER, Default::default());
    assert_eq!(found.contact_information, Some(contact()));
    let account = identities::account(&cloud.store.snapshot(), Partition::Aws, MEMBER.parse().unwrap());
    assert_eq!(account.unwrap().contact.as_ref().unwrap().city, "Seattle");
    cloud.refuses::<op::PutContactInformation>(MEMBER, put(Some(MANAGEMENT)), "AccessDeniedException");
}

#[test]
fn others_can_be_reached_for_three_reasons() {
    let cloud = Cloud::organized();
    let put = |contact_type: &str, name: &str| api::PutAlternateContactRequest {
        name: name.to_owned(),
        title: "Boss".to_owned(),
        email_address: "boss@example.com".to_owned(),
        phone_number: "+1 206 555 0101".to_owned(),
        alternate_contact_type: contact_type.to_owned(),
        account_id: None,
    };
    let get = |contact_type: &str| api::GetAlternateContactRequest {
        alternate_contact_type: contact_type.to_owned(),
        account_id: None,
    };
    let none = "ResourceNotFoundException";
    cloud.refuses::<op::GetAlternateContact>(MEMBER, get("BILLING"), none);
    cloud.ok::<op::PutAlternateContact>(MEMBER, put("BILLING", "Ann"));
    cloud.ok::<op::PutAlternateContact>(MEMBER, put("SECURITY", "Bob"));
    cloud.ok::<op::PutAlternateContact>(MEMBER, put("BILLING", "Cid"));
    let name = |contact_type: &str| {
        cloud
            .ok::<op::GetAlternateContact>(MEMBER, get(contact_type))
            .alternate_contact
            .unwrap()
            .name
            .unwrap()
    };
    assert_eq!((name("BILLING"), name("SECURITY")), ("Cid".to_owned(), "Bob".to_owned()));
    let delete = || api::DeleteAlternateContactRequest {
        alternate_contact_type: "BILLING".to_owned(),
        account_id: None,
    };
    cloud.ok::<op::DeleteAlternateContact>(MEMBER, delete());
    cloud.refuses::<op::DeleteAlternateContact>(MEMBER, delete(), none);
    cloud.refuses::<op::GetAlternateContact>(MEMBER, get("BILLING"), none);
    cloud.refuses::<op::GetAlternateContact>(STRANGER, get("SECURITY"), none);
}
