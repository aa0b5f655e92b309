use aws_api::account::{self as api, operation as op};
use organization::{FeatureSet, Member};
use store::Read as _;

use crate::harness::*;

fn about(account: Option<&str>) -> api::GetAccountInformationRequest {
    api::GetAccountInformationRequest { account_id: account.map(str::to_owned) }
}

#[test]
fn an_account_knows_itself() {
    let cloud = Cloud::organized();
    let own = cloud.ok::<op::GetAccountInformation>(STRANGER, about(None));
    assert_eq!((own.account_id.as_deref(), own.account_name.as_deref()), (Some(STRANGER), Some("stranger")));
    assert_eq!(own.account_created_date.unwrap().unix_secs(), 1_700_000_000);
    assert_eq!(own.account_state.as_deref(), Some("ACTIVE"));
    let named = api::PutAccountNameRequest { account_name: "Other".to_owned(), account_id: None };
    cloud.ok::<op::PutAccountName>(STRANGER, named);
    let own = cloud.ok::<op::GetAccountInformation>(STRANGER, about(None));
    assert_eq!(own.account_name.as_deref(), Some("Other"));
}

#[test]
fn the_management_account_administers_members() {
    let cloud = Cloud::organized();
    let named =
        api::PutAccountNameRequest { account_name: "Audit".to_owned(), account_id: Some(MEMBER.to_owned()) };
    cloud.ok::<op::PutAccountName>(MANAGEMENT, named);
    let member = cloud.ok::<op::GetAccountInformation>(MANAGEMENT, about(Some(MEMBER)));
    assert_eq!(member.account_name.as_deref(), Some("Audit"));
    let denied = "AccessDeniedException";
    for (caller, account) in [
        (MANAGEMENT, MANAGEMENT),
        (MANAGEMENT, STRANGER),
        (MEMBER, MEMBER),
        (MEMBER, MANAGEMENT),
        (STRANGER, MEMBER),
        (STRANGER, STRANGER),
    ] {
        cloud.refuses::<op::GetAccountInformation>(caller, about(Some(account)), denied);
    }
}

#[test]
fn it_takes_trust_and_all_features() {
    let cloud = Cloud::organized();
    cloud.change(|transaction| {
        let mut organization = organization();
        organization.trusted_services.clear();
        organization.put(transaction, aws_types::Partition::Aws);
    });
    cloud.refuses::<op::GetAccountInformation>(MANAGEMENT, about(Some(MEMBER)), "AccessDeniedException");
    cloud.change(|transaction| {
        let mut organization = organization();
        organization.feature_set = FeatureSet::ConsolidatedBilling;
        organization.put(transaction, aws_types::Partition::Aws);
    });
    cloud.refuses::<op::GetAccountInformation>(MANAGEMENT, about(Some(MEMBER)), "AccessDeniedException");
}

#[test]
fn a_delegate_administers_members() {
    let cloud = Cloud::organized();
    let scope = organization().scope(aws_types::Partition::Aws);
    cloud.change(|transaction| {
        let member = transaction.get::<Member>(&scope, MEMBER).unwrap();
        let mut member = (*member).clone();
        member.delegated_services.insert(SERVICE.to_owned(), Default::default());
        transaction.put(&scope, MEMBER, member);
    });
    cloud.ok::<op::GetAccountInformation>(MEMBER, about(Some(MEMBER)));
    cloud.refuses::<op::GetAccountInformation>(MEMBER, about(Some(MANAGEMENT)), "AccessDeniedException");
}
