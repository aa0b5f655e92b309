//! What a closed account has in the network: there, and out of reach until the account is opened again.

use aws_types::{NetworkInterfaceId, Partition, TransitGatewayId};
use identities::{close_account, reopen_account};
use vpc_model::{InterfaceRole, Object};

use super::cloud::{Cloud, OTHER, OWNER, input, op};
use crate::testing::put_account;

/// A cloud of two accounts.
fn two_accounts() -> Cloud {
    let cloud = Cloud::new();
    for number in [OWNER, OTHER] {
        put_account(&cloud.store, number, |_| {});
    }
    cloud
}

fn interface(cloud: &mut Cloud, subnet: &str) -> String {
    let made =
        cloud.ok::<op::CreateNetworkInterface>(input!(CreateNetworkInterfaceRequest { subnet_id: subnet }));
    made.network_interface.unwrap().network_interface_id.unwrap()
}

fn role(cloud: &Cloud, id: &str) -> InterfaceRole {
    match cloud.told::<NetworkInterfaceId>(id) {
        Some(Object::Interface(interface)) => interface.role,
        other => panic!("{other:?}"),
    }
}

/// Closes an account, and tells the engine; or opens it again.
fn set_open(cloud: &mut Cloud, number: &str, is_open: bool) {
    let (id, now) = (number.parse().unwrap(), cloud.now);
    let set = cloud.store.transact(|transaction| {
        let set = if is_open { reopen_account } else { close_account };
        set(transaction, Partition::Aws, id, now).unwrap();
        Ok::<_, store::StoreError>(())
    });
    set.unwrap();
    cloud.last.clear();
    cloud.follow();
    cloud.check();
}

#[test]
fn what_a_closed_account_has_is_out_of_reach_until_it_is_opened_again() {
    let mut cloud = two_accounts();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    let ours = interface(&mut cloud, &subnet);
    cloud.account = OTHER;
    let vpc = cloud.vpc("10.1.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.1.1.0/24");
    let theirs = interface(&mut cloud, &subnet);
    let made = cloud.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}));
    let gateway = made.transit_gateway.unwrap().transit_gateway_id.unwrap();
    cloud.settle();
    cloud.ok::<op::CreateTransitGatewayVpcAttachment>(input!(CreateTransitGatewayVpcAttachmentRequest {
        transit_gateway_id: gateway.as_str(),
        vpc_id: vpc.as_str(),
        subnet_ids: [subnet.as_str()],
    }));
    cloud.settle();
    let of_gateway = |cloud: &Cloud| {
        let interfaces = cloud.objects().filter_map(|object| match object {
            Object::Interface(held) if held.subnet.to_string() == subnet => Some(held),
            _ => None,
        });
        let roles: Vec<_> =
            interfaces.filter(|held| held.id.to_string() != theirs).map(|held| held.role).collect();
        roles
    };
    assert_eq!(of_gateway(&cloud), [InterfaceRole::TransitGateway]);
    assert!(cloud.told::<TransitGatewayId>(&gateway).is_some());

    set_open(&mut cloud, OTHER, false);
    assert_eq!(role(&cloud, &theirs), InterfaceRole::ClosedAccount);
    assert_eq!(of_gateway(&cloud), [InterfaceRole::ClosedAccount]);
    assert_eq!(cloud.told::<TransitGatewayId>(&gateway), None);
    assert_eq!(role(&cloud, &ours), InterfaceRole::Workload);
    assert_eq!(cloud.last_ids().len(), 3, "nothing of the other account is told: {:?}", cloud.last);

    set_open(&mut cloud, OTHER, true);
    assert_eq!(role(&cloud, &theirs), InterfaceRole::Workload);
    assert_eq!(of_gateway(&cloud), [InterfaceRole::TransitGateway]);
    assert!(cloud.told::<TransitGatewayId>(&gateway).is_some());
}

#[test]
fn in_a_shared_subnet_nothing_is_reached_when_its_owner_is_closed_and_else_what_is_of_open_accounts() {
    let mut cloud = two_accounts();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    super::shared::share(&cloud.store, &[format!("subnet/{subnet}")]);
    let ours = interface(&mut cloud, &subnet);
    cloud.account = OTHER;
    // The default group is the owner's.
    let group = cloud.ok::<op::CreateSecurityGroup>(input!(CreateSecurityGroupRequest {
        vpc_id: vpc.as_str(),
        group_name: "web",
        description: "a group",
    }));
    let group = group.group_id.unwrap();
    let made = cloud.ok::<op::CreateNetworkInterface>(input!(CreateNetworkInterfaceRequest {
        subnet_id: subnet.as_str(),
        groups: [group.as_str()],
    }));
    let theirs = made.network_interface.unwrap().network_interface_id.unwrap();
    for (closed, expected) in [
        (OTHER, [InterfaceRole::Workload, InterfaceRole::ClosedAccount]),
        (OWNER, [InterfaceRole::ClosedAccount, InterfaceRole::ClosedAccount]),
    ] {
        set_open(&mut cloud, closed, false);
        assert_eq!([&ours, &theirs].map(|id| role(&cloud, id)), expected, "{closed}");
        set_open(&mut cloud, closed, true);
        assert_eq!([&ours, &theirs].map(|id| role(&cloud, id)), [InterfaceRole::Workload; 2], "{closed}");
    }
    // What an owner shares is not there for others while it is closed.
    let describe = || input!(DescribeSubnetsRequest { subnet_ids: [subnet.as_str()] });
    assert!(cloud.call::<op::DescribeSubnets>(describe()).is_ok());
    set_open(&mut cloud, OWNER, false);
    let refused = cloud.call::<op::DescribeSubnets>(describe()).unwrap_err();
    assert_eq!(refused.code, "InvalidSubnetID.NotFound");
    set_open(&mut cloud, OWNER, true);
    assert!(cloud.call::<op::DescribeSubnets>(describe()).is_ok());
}
