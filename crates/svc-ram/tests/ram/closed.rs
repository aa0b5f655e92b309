//! What the closed account of an owner shares: nothing, until it is opened again or is closed for good.

use identities::{Account, AccountState, close_account, reopen_account};

use super::*;

fn put_owner(cloud: &Cloud) {
    let id = OWNER.parse().unwrap();
    let account = Account {
        id,
        created: cloud.now,
        name: None,
        is_further: true,
        email: None,
        state: AccountState::Active,
        contact: None,
    };
    let put = cloud.store.transact(|transaction| {
        transaction.put(&Scope::global(Partition::Aws, id), OWNER, account);
        Ok::<_, StoreError>(())
    });
    put.unwrap();
}

fn set_open(cloud: &Cloud, is_open: bool) {
    let set = if is_open { reopen_account } else { close_account };
    let done = cloud.store.transact(|transaction| {
        set(transaction, Partition::Aws, OWNER.parse().unwrap(), cloud.now).unwrap();
        Ok::<_, StoreError>(())
    });
    done.unwrap();
}

#[test]
fn what_a_closed_account_shares_is_shared_again_when_it_is_opened() {
    let cloud = Cloud::new();
    put_owner(&cloud);
    cloud.create(wanted("net", &[SUBNET], &[OTHER]));
    let arn = cloud.invitations(OTHER)[0].resource_share_invitation_arn.clone().unwrap();
    cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&arn));
    let later = cloud.create(wanted("lists", &[LIST], &[OTHER]));
    let invited = cloud.invitations(OTHER);
    let pending = invited.iter().find(|one| one.status.as_deref() == Some("PENDING")).unwrap();
    let pending = pending.resource_share_invitation_arn.clone().unwrap();
    assert!(cloud.is_shared(SUBNET));

    set_open(&cloud, false);
    assert!(!cloud.is_shared(SUBNET));
    assert!(cloud.shares(OTHER, "OTHER-ACCOUNTS").is_empty());
    assert!(cloud.resources(OTHER, "OTHER-ACCOUNTS").is_empty() && cloud.invitations(OTHER).is_empty());
    let unknown = "ResourceShareInvitationArnNotFoundException";
    cloud.refuses::<op::AcceptResourceShareInvitation>(OTHER, accept(&pending), unknown);

    set_open(&cloud, true);
    assert!(cloud.is_shared(SUBNET));
    assert_eq!(cloud.resources(OTHER, "OTHER-ACCOUNTS"), [SUBNET]);
    cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&pending));
    assert!(cloud.is_shared(LIST) && later.name.as_deref() == Some("lists"));
}

#[test]
fn an_account_that_is_closed_for_good_is_in_nobodys_shares() {
    let cloud = Cloud::new();
    cloud.create(wanted("net", &[SUBNET], &[OTHER]));
    let arn = cloud.invitations(OTHER)[0].resource_share_invitation_arn.clone().unwrap();
    cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&arn));
    for gone in [OWNER, OTHER] {
        let [account, before] = [gone, if gone == OWNER { OTHER } else { OWNER }];
        let forgotten = cloud.store.transact(|transaction| {
            resource_shares::forget_account(transaction, Partition::Aws, account.parse().unwrap());
            Ok::<_, StoreError>(())
        });
        forgotten.unwrap();
        let snapshot = cloud.store.snapshot();
        let scope = Scope::new(Partition::Aws, before.parse().unwrap(), "us-east-1".parse().unwrap());
        assert_eq!(snapshot.count::<SharingPartner>(&scope), 0);
    }
    // The one had invited the other, and was invited by nobody.
    assert_eq!(cloud.store.snapshot().scan_all::<Invitation>().count(), 0);
    assert_eq!(cloud.statuses("PRINCIPAL"), []);
    assert_eq!(cloud.store.snapshot().scan_all::<ResourceShare>().count(), 1, "the owner's own is its own");
}
