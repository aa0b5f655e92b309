use serde::{Deserialize, Serialize};
use store::{MemoryBackend, Read, Record, Store, StoreError, Transaction};
use svc_ec2::Config;
use svc_ec2::record;

use crate::cloud::{Cloud, api, input, op, tags};
use crate::{byoip, transit_gateway, vpc_endpoint, vpc_endpoint_service, vpn_connection, vpn_gateway};

/// How long ended resources are shown, the longest change before that included.
const SHOWN: i64 = 3_600_000 + 100;
const DAY: i64 = 24 * 3_600_000;
const CONSUMER: &str = "210987654321";

/// A record as it is written, whatever it is.
macro_rules! raw {
    ($name:ident, $kind:literal) => {
        #[derive(Serialize, Deserialize)]
        struct $name(serde_json::Value);

        impl Record for $name {
            const KIND: &'static str = $kind;
        }
    };
}
raw!(DueRecord, "ec2.due");
raw!(UsedToken, "ec2.client-token");
raw!(Connection, "ec2.vpc-endpoint-connection");
raw!(RawCustomerGateway, "ec2.customer-gateway");
raw!(AddressTransfer, "ec2.address-transfer");
raw!(BroughtRange, "ec2.brought-range");

fn count<R: Record>(cloud: &Cloud) -> usize {
    cloud.store.snapshot().count::<R>(&cloud.scope())
}

/// A change that has nothing to do with what is removed.
fn change(cloud: &Cloud) {
    let resources = [cloud.default_vpc()];
    cloud.ok::<op::CreateTags>(input!(CreateTagsRequest { resources, tags: tags(&[("k", "v")]) }));
}

/// Checks that the one record of a kind, which was just ended, stays for that time, and that the first change afterwards
/// removes it, and no request that only reads.
#[track_caller]
fn stays<R: Record>(cloud: &Cloud, millis: i64) {
    cloud.wait(millis - 1);
    change(cloud);
    assert_eq!(count::<R>(cloud), 1, "{} went early", R::KIND);
    cloud.wait(1);
    let before = cloud.store.snapshot().revision();
    cloud.ok::<op::DescribeTags>(input!(DescribeTagsRequest {}));
    assert_eq!(cloud.store.snapshot().revision(), before, "{}: reading changed something", R::KIND);
    change(cloud);
    assert_eq!(count::<R>(cloud), 0, "{} stays", R::KIND);
}

#[test]
fn an_ended_record_leaves_nothing_behind() {
    let cloud = Cloud::new();
    change(&cloud);
    let before = count::<DueRecord>(&cloud);
    let made = input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", ip_address: "203.0.113.1" });
    let made = cloud.ok::<op::CreateCustomerGateway>(made).customer_gateway.unwrap();
    let delete =
        input!(DeleteCustomerGatewayRequest { customer_gateway_id: made.customer_gateway_id.unwrap() });
    cloud.ok::<op::DeleteCustomerGateway>(delete);
    assert_eq!(count::<DueRecord>(&cloud), before + 1);
    stays::<record::CustomerGateway>(&cloud, SHOWN - 100);
    assert_eq!(count::<DueRecord>(&cloud), before);
}

#[test]
fn a_record_that_ends_later_than_it_was_entered_goes_then() {
    let backend = MemoryBackend::new();
    let open = || Cloud::on(Store::open(backend.clone()).unwrap(), Config::default());
    let cloud = open();
    let made = input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", ip_address: "203.0.113.1" });
    let made = cloud.ok::<op::CreateCustomerGateway>(made).customer_gateway.unwrap();
    let customer_gateway_id = made.customer_gateway_id.unwrap();
    cloud.ok::<op::DeleteCustomerGateway>(input!(DeleteCustomerGatewayRequest { customer_gateway_id }));
    let (entries, scope) = (count::<DueRecord>(&cloud), cloud.scope());
    drop(cloud);
    // The entry stays where it is, as with a build that shows deleted gateways for longer.
    let delay = |transaction: &mut Transaction| {
        let (key, held) = transaction.scan::<RawCustomerGateway>(&scope).next().unwrap();
        let (key, mut json) = (key.to_owned(), held.0.clone());
        let deleted_at = json["deleted_at"].as_i64().unwrap();
        json["deleted_at"] = (deleted_at + 1000).into();
        transaction.put(&scope, &key, RawCustomerGateway(json));
        Ok::<_, StoreError>(())
    };
    Store::open(backend.clone()).unwrap().transact(delay).unwrap();
    let cloud = open();
    cloud.wait(SHOWN - 100);
    change(&cloud);
    assert_eq!(count::<DueRecord>(&cloud), entries);
    stays::<record::CustomerGateway>(&cloud, 1000);
    assert_eq!(count::<DueRecord>(&cloud), entries - 1);
}

#[test]
fn a_change_that_fails_removes_nothing() {
    let cloud = Cloud::new();
    let delete = input!(DeleteVpnGatewayRequest { vpn_gateway_id: vpn_gateway::create(&cloud) });
    cloud.ok::<op::DeleteVpnGateway>(delete.clone());
    cloud.wait(SHOWN);
    cloud.refuses::<op::DeleteVpnGateway>(delete, "InvalidVpnGatewayID.NotFound", "…");
    let dry = input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", dry_run: true });
    cloud.refuses::<op::CreateVpc>(dry, "DryRunOperation", "…");
    assert_eq!(count::<record::VpnGateway>(&cloud), 1);
}

#[test]
fn many_records_go_in_several_changes() {
    let cloud = Cloud::new();
    change(&cloud);
    for token in 0..150 {
        let request = input!(CreateVpnGatewayRequest { r#type: "ipsec.1" });
        let made = cloud.ok::<op::CreateVpnGateway>(request).vpn_gateway.unwrap();
        let delete = input!(DeleteVpnGatewayRequest { vpn_gateway_id: made.vpn_gateway_id.unwrap() });
        cloud.ok::<op::DeleteVpnGateway>(delete);
        assert_eq!(count::<record::VpnGateway>(&cloud), token + 1);
    }
    cloud.wait(SHOWN);
    for left in [50, 0] {
        change(&cloud);
        assert_eq!(count::<record::VpnGateway>(&cloud), left);
    }
}

#[test]
fn vpn_connections_and_gateways_go() {
    let cloud = Cloud::new();
    let (id, _, gateway) = vpn_connection::made(&cloud);
    cloud.ok::<op::DeleteVpnConnection>(input!(DeleteVpnConnectionRequest { vpn_connection_id: &id }));
    stays::<record::VpnConnection>(&cloud, SHOWN);
    cloud.ok::<op::DeleteVpnGateway>(input!(DeleteVpnGatewayRequest { vpn_gateway_id: &gateway }));
    stays::<record::VpnGateway>(&cloud, SHOWN - 100);
}

#[test]
fn instances_and_their_profiles_go() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let id = cloud.started(&subnet);
    cloud.instance_profile("/", "app");
    let iam_instance_profile = input!(IamInstanceProfileSpecification { name: "app" });
    let associate = input!(AssociateIamInstanceProfileRequest { instance_id: &id, iam_instance_profile });
    let made = cloud.ok::<op::AssociateIamInstanceProfile>(associate);
    let association_id = made.iam_instance_profile_association.unwrap().association_id.unwrap();
    cloud.wait(100);
    cloud.ok::<op::DisassociateIamInstanceProfile>(input!(DisassociateIamInstanceProfileRequest {
        association_id
    }));
    stays::<record::IamInstanceProfileAssociation>(&cloud, 100);
    cloud.terminate(&id);
    stays::<record::Instance>(&cloud, SHOWN - 100);
}

#[test]
fn nat_gateways_go() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let create = input!(CreateNatGatewayRequest { subnet_id: &subnet, connectivity_type: "private" });
    let nat_gateway_id =
        cloud.ok::<op::CreateNatGateway>(create).nat_gateway.unwrap().nat_gateway_id.unwrap();
    cloud.wait(100);
    cloud.ok::<op::DeleteNatGateway>(input!(DeleteNatGatewayRequest { nat_gateway_id }));
    assert_eq!(count::<record::NetworkInterface>(&cloud), 1);
    // Other records show that a gateway is gone: whoever looks first carries it out, once.
    cloud.wait(100);
    let describe = || cloud.ok::<op::DescribeNetworkInterfaces>(input!(DescribeNetworkInterfacesRequest {}));
    assert_eq!(describe().network_interfaces.unwrap().len(), 0);
    assert_eq!(count::<record::NetworkInterface>(&cloud), 0);
    let before = cloud.store.snapshot().revision();
    describe();
    assert_eq!(cloud.store.snapshot().revision(), before);
    stays::<record::NatGateway>(&cloud, SHOWN - 100);
}

#[test]
fn permissions_go() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let interface = cloud.interface(&subnet);
    let grant = input!(CreateNetworkInterfacePermissionRequest {
        network_interface_id: &interface,
        aws_account_id: CONSUMER,
        permission: "INSTANCE-ATTACH"
    });
    let made = cloud.ok::<op::CreateNetworkInterfacePermission>(grant).interface_permission.unwrap();
    let network_interface_permission_id = made.network_interface_permission_id.unwrap();
    cloud.ok::<op::DeleteNetworkInterfacePermission>(input!(DeleteNetworkInterfacePermissionRequest {
        network_interface_permission_id
    }));
    stays::<record::NetworkInterfacePermission>(&cloud, 100);
}

#[test]
fn prefix_lists_go() {
    let cloud = Cloud::new();
    let list = input!(CreateManagedPrefixListRequest {
        prefix_list_name: "offices",
        address_family: "IPv4",
        max_entries: 1
    });
    let list = cloud.ok::<op::CreateManagedPrefixList>(list).prefix_list.unwrap();
    cloud.wait(1000);
    let delete = input!(DeleteManagedPrefixListRequest { prefix_list_id: list.prefix_list_id.unwrap() });
    cloud.ok::<op::DeleteManagedPrefixList>(delete);
    stays::<record::PrefixList>(&cloud, 61_000);
}

#[test]
fn associations_of_security_groups_go() {
    let cloud = Cloud::new();
    let (vpc, further) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let group = cloud.group(&vpc, "web");
    let associate = input!(AssociateSecurityGroupVpcRequest { group_id: &group, vpc_id: &further });
    cloud.ok::<op::AssociateSecurityGroupVpc>(associate);
    cloud.wait(100);
    let disassociate = input!(DisassociateSecurityGroupVpcRequest { group_id: &group, vpc_id: &further });
    cloud.ok::<op::DisassociateSecurityGroupVpc>(disassociate);
    stays::<record::SecurityGroupVpcAssociation>(&cloud, 100);
}

#[test]
fn exclusions_go() {
    let cloud = Cloud::new();
    let create = input!(CreateVpcBlockPublicAccessExclusionRequest {
        vpc_id: cloud.default_vpc(),
        internet_gateway_exclusion_mode: "allow-egress"
    });
    let made = cloud.ok::<op::CreateVpcBlockPublicAccessExclusion>(create);
    let exclusion_id = made.vpc_block_public_access_exclusion.unwrap().exclusion_id.unwrap();
    cloud.wait(100);
    let delete = input!(DeleteVpcBlockPublicAccessExclusionRequest { exclusion_id });
    cloud.ok::<op::DeleteVpcBlockPublicAccessExclusion>(delete);
    stays::<record::VpcBlockPublicAccessExclusion>(&cloud, SHOWN);
}

#[test]
fn transit_gateways_and_what_belongs_to_them_go() {
    let cloud = Cloud::new();
    let options = input!(TransitGatewayRequestOptions {
        transit_gateway_cidr_blocks: ["10.99.0.0/24"],
        default_route_table_association: "disable",
        default_route_table_propagation: "disable"
    });
    let gateway = transit_gateway::create(&cloud, input!(CreateTransitGatewayRequest { options }));
    let table = transit_gateway::new_table(&cloud, &gateway);
    cloud.ok::<op::DeleteTransitGatewayRouteTable>(input!(DeleteTransitGatewayRouteTableRequest {
        transit_gateway_route_table_id: &table
    }));
    stays::<record::TransitGatewayRouteTable>(&cloud, SHOWN);

    let (_, _, transport) = transit_gateway::attached(&cloud, &gateway, "10.1.0.0/16", "10.1.0.0/24");
    let options = input!(CreateTransitGatewayConnectRequestOptions { protocol: "gre" });
    let connect = input!(CreateTransitGatewayConnectRequest {
        transport_transit_gateway_attachment_id: &transport,
        options
    });
    let connect = cloud.ok::<op::CreateTransitGatewayConnect>(connect).transit_gateway_connect.unwrap();
    let connect = connect.transit_gateway_attachment_id.unwrap();
    cloud.wait(100);
    let peer = input!(CreateTransitGatewayConnectPeerRequest {
        transit_gateway_attachment_id: &connect,
        peer_address: "10.1.0.10",
        inside_cidr_blocks: ["169.254.6.0/29"]
    });
    let peer = cloud.ok::<op::CreateTransitGatewayConnectPeer>(peer).transit_gateway_connect_peer.unwrap();
    let peer = peer.transit_gateway_connect_peer_id.unwrap();
    cloud.wait(100);
    let delete = input!(DeleteTransitGatewayConnectPeerRequest { transit_gateway_connect_peer_id: peer });
    cloud.ok::<op::DeleteTransitGatewayConnectPeer>(delete);
    stays::<record::TransitGatewayConnectPeer>(&cloud, SHOWN);
    let delete = input!(DeleteTransitGatewayConnectRequest { transit_gateway_attachment_id: connect });
    cloud.ok::<op::DeleteTransitGatewayConnect>(delete);
    cloud.wait(SHOWN);
    change(&cloud);
    cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(transit_gateway::detach(&transport));
    stays::<record::TransitGatewayAttachment>(&cloud, SHOWN);

    let delete = input!(DeleteTransitGatewayRequest { transit_gateway_id: gateway });
    cloud.ok::<op::DeleteTransitGateway>(delete);
    stays::<record::TransitGateway>(&cloud, SHOWN);
}

/// An address that is offered to another account.
fn offered(cloud: &Cloud) -> (String, String) {
    let made = cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
    let (id, address) = (made.allocation_id.unwrap(), made.public_ip.unwrap());
    cloud.ok::<op::EnableAddressTransfer>(input!(EnableAddressTransferRequest {
        allocation_id: &id,
        transfer_account_id: CONSUMER
    }));
    (id, address)
}

#[test]
fn transfers_of_addresses_go() {
    let cloud = Cloud::new();
    offered(&cloud);
    stays::<AddressTransfer>(&cloud, 7 * DAY);
    let (_, address) = offered(&cloud);
    let other = cloud.seen_by(CONSUMER, "us-east-1");
    other.ok::<op::AcceptAddressTransfer>(input!(AcceptAddressTransferRequest { address: address }));
    stays::<AddressTransfer>(&cloud, 14 * DAY);
}

#[test]
fn a_transfer_that_is_ended_leaves_nothing_behind() {
    let cloud = Cloud::new();
    change(&cloud);
    let before = count::<DueRecord>(&cloud);
    let (allocation_id, _) = offered(&cloud);
    assert_eq!(count::<DueRecord>(&cloud), before + 1);
    cloud.ok::<op::DisableAddressTransfer>(input!(DisableAddressTransferRequest { allocation_id }));
    assert_eq!((count::<AddressTransfer>(&cloud), count::<DueRecord>(&cloud)), (0, before));
}

#[test]
fn ranges_and_their_pools_go() {
    let cloud = Cloud::new();
    let whole_cloud = store::Scope::global(cloud.scope().partition, "000000000000".parse().unwrap());
    let ranges = || cloud.store.snapshot().count::<BroughtRange>(&whole_cloud);
    byoip::pool(&cloud, "2001:db8::/44");
    byoip::pool(&cloud, "203.0.113.0/24");
    assert_eq!(ranges(), 2);
    for cidr in ["2001:db8::/44", "203.0.113.0/24"] {
        cloud.ok::<op::DeprovisionByoipCidr>(input!(DeprovisionByoipCidrRequest { cidr: cidr }));
    }
    cloud.wait(99);
    change(&cloud);
    assert_eq!(ranges(), 2);
    // Whoever changes something next, wherever that is, removes what is the whole cloud's.
    cloud.wait(1);
    change(&cloud.seen_by(CONSUMER, "us-west-2"));
    assert_eq!(ranges(), 0);
    cloud.wait(SHOWN - 101);
    change(&cloud);
    assert_eq!(count::<record::Ipv6Pool>(&cloud) + count::<record::PublicIpv4Pool>(&cloud), 2);
    cloud.wait(1);
    change(&cloud);
    assert_eq!(count::<record::Ipv6Pool>(&cloud) + count::<record::PublicIpv4Pool>(&cloud), 0);
}

/// Checks that transfers of addresses are entered in a state that has this in the place of the key which tells what is
/// entered.
#[track_caller]
fn enters_transfers(entered: impl Fn(&str) -> String) {
    let backend = MemoryBackend::new();
    let open = || Cloud::on(Store::open(backend.clone()).unwrap(), Config::default());
    let cloud = open();
    offered(&cloud);
    let scope = cloud.scope();
    drop(cloud);
    let age = |transaction: &mut Transaction| {
        let keys: Vec<String> =
            transaction.scan::<DueRecord>(&scope).map(|(key, _)| key.to_owned()).collect();
        let is_new = |key: &&String| key.contains("ec2.address-transfer") || key.starts_with("indexed");
        assert_eq!(keys.iter().filter(is_new).count(), 2);
        keys.iter().filter(is_new).for_each(|key| assert!(transaction.delete::<DueRecord>(&scope, key)));
        let entered = entered(keys.iter().find(|key| key.starts_with("indexed")).unwrap());
        transaction.put(&scope, &entered, DueRecord(serde_json::json!({})));
        Ok::<_, StoreError>(entered)
    };
    let entered = Store::open(backend.clone()).unwrap().transact(age).unwrap();
    let cloud = open();
    change(&cloud);
    assert!(!cloud.store.snapshot().contains::<DueRecord>(&scope, &entered));
    stays::<AddressTransfer>(&cloud, 7 * DAY);
}

#[test]
fn records_of_kinds_that_an_older_build_did_not_enter_go_too() {
    // Builds of before the first release did not name the kinds, or told how many there are.
    for entered in ["indexed", "indexed/24", "indexed/25"] {
        enters_transfers(|_| entered.to_owned());
    }
    enters_transfers(|today| today.replace("ec2.address-transfer:1,", ""));
    // As many kinds, and one of them another.
    enters_transfers(|today| today.replace("ec2.address-transfer:1", "ec2.other:1"));
    // What is due of the kind was something else.
    enters_transfers(|today| today.replace("ec2.address-transfer:1", "ec2.address-transfer:0"));
}

#[test]
fn used_tokens_go() {
    let cloud = Cloud::new();
    let create = |token: &str| {
        let create = input!(CreateEgressOnlyInternetGatewayRequest {
            vpc_id: cloud.vpc("10.0.0.0/16"),
            client_token: token
        });
        cloud.ok::<op::CreateEgressOnlyInternetGateway>(create);
    };
    create("one");
    stays::<UsedToken>(&cloud, DAY);
    // A token that is used once more after it was forgotten is remembered from then on.
    create("two");
    cloud.wait(DAY);
    create("two");
    stays::<UsedToken>(&cloud, DAY);
}

#[test]
fn peering_connections_go_on_both_sides() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(CONSUMER, "us-west-2");
    let request = input!(CreateVpcPeeringConnectionRequest {
        vpc_id: cloud.vpc("10.0.0.0/16"),
        peer_vpc_id: other.vpc("10.1.0.0/16"),
        peer_owner_id: CONSUMER,
        peer_region: "us-west-2"
    });
    let made = cloud.ok::<op::CreateVpcPeeringConnection>(request).vpc_peering_connection.unwrap();
    let id = made.vpc_peering_connection_id.unwrap();
    cloud.wait(100);
    let reject = input!(RejectVpcPeeringConnectionRequest { vpc_peering_connection_id: id });
    other.ok::<op::RejectVpcPeeringConnection>(reject);
    stays::<record::VpcPeeringConnection>(&other, DAY / 12);
    stays::<record::VpcPeeringConnection>(&cloud, 2 * DAY - DAY / 12);
    // A request that fails, and one that expires.
    let vpc = cloud.vpc("10.2.0.0/16");
    let request = |peer: &str| {
        let request = input!(CreateVpcPeeringConnectionRequest { vpc_id: &vpc, peer_vpc_id: peer });
        cloud.ok::<op::CreateVpcPeeringConnection>(request);
    };
    request("vpc-0123456789abcdef0");
    stays::<record::VpcPeeringConnection>(&cloud, DAY / 12 + 100);
    request(&cloud.vpc("10.3.0.0/16"));
    stays::<record::VpcPeeringConnection>(&cloud, 9 * DAY);
}

/// An endpoint of the consumer's at a service of the provider's, and both their ids.
fn connected(provider: &Cloud, consumer: &Cloud) -> (String, String) {
    let service = vpc_endpoint_service::create(provider, vpc_endpoint_service::request());
    let id = vpc_endpoint_service::service_id(&service);
    vpc_endpoint_service::allow(provider, &id, &format!("arn:aws:iam::{CONSUMER}:root"));
    let vpc = consumer.vpc("10.5.0.0/16");
    let request = api::CreateVpcEndpointRequest {
        subnet_ids: Some(vec![consumer.subnet(&vpc, "10.5.0.0/24")]),
        ..vpc_endpoint_service::endpoint(&vpc, &service, "Interface")
    };
    (vpc_endpoint::id(&vpc_endpoint::create(consumer, request)), id)
}

fn delete_endpoint(cloud: &Cloud, id: &str) {
    cloud.ok::<op::DeleteVpcEndpoints>(input!(DeleteVpcEndpointsRequest { vpc_endpoint_ids: [id] }));
}

#[test]
fn endpoints_and_services_and_their_connections_go() {
    let provider = Cloud::new();
    let consumer = provider.seen_by(CONSUMER, "us-east-1");
    let (endpoint, service) = connected(&provider, &consumer);
    let tagged = || {
        let tags = provider.ok::<op::DescribeTags>(input!(DescribeTagsRequest {})).tags.unwrap();
        tags.iter().filter(|tag| tag.resource_type.as_deref() == Some("vpc-endpoint-connection")).count()
    };
    let describe = || {
        let all = input!(DescribeVpcEndpointConnectionsRequest {});
        provider.ok::<op::DescribeVpcEndpointConnections>(all).vpc_endpoint_connections.unwrap()
    };
    let resources = [describe()[0].vpc_endpoint_connection_id.clone().unwrap()];
    let create = input!(CreateTagsRequest { resources, tags: tags(&[("k", "v")]) });
    provider.ok::<op::CreateTags>(create.clone());
    delete_endpoint(&consumer, &endpoint);
    provider.wait(SHOWN - 1);
    assert_eq!((tagged(), describe().len()), (1, 1));
    change(&provider);
    change(&consumer);
    assert_eq!((count::<Connection>(&provider), count::<record::VpcEndpoint>(&consumer)), (1, 1));
    provider.wait(1);
    assert_eq!((tagged(), describe().len()), (0, 0));
    provider.refuses::<op::CreateTags>(create, "InvalidVpcEndpointConnectionId.NotFound", "…");
    change(&provider);
    change(&consumer);
    assert_eq!((count::<Connection>(&provider), count::<record::VpcEndpoint>(&consumer)), (0, 0));
    vpc_endpoint_service::delete(&provider, &service);
    stays::<record::VpcEndpointService>(&provider, 100);
}

#[test]
fn records_of_older_builds_go_too() {
    let backend = MemoryBackend::new();
    let open = || Cloud::on(Store::open(backend.clone()).unwrap(), Config::default());
    let provider = open();
    let consumer = provider.seen_by(CONSUMER, "us-east-1");
    let (endpoint, _) = connected(&provider, &consumer);
    delete_endpoint(&consumer, &endpoint);
    let scopes = [provider.scope(), consumer.scope()];
    drop((provider, consumer));
    // Older builds keep no times.
    let age = |transaction: &mut Transaction| {
        for scope in &scopes {
            let keys: Vec<String> =
                transaction.scan::<DueRecord>(scope).map(|(key, _)| key.to_owned()).collect();
            assert!(!keys.is_empty());
            keys.iter().for_each(|key| assert!(transaction.delete::<DueRecord>(scope, key)));
        }
        let (key, held) = transaction.scan::<Connection>(&scopes[0]).next().unwrap();
        let (key, mut json) = (key.to_owned(), held.0.clone());
        json.as_object_mut().unwrap().remove("shown_until").unwrap();
        transaction.put(&scopes[0], &key, Connection(json));
        Ok::<_, StoreError>(())
    };
    Store::open(backend.clone()).unwrap().transact(age).unwrap();
    let provider = open();
    let consumer = provider.seen_by(CONSUMER, "us-east-1");
    stays::<record::VpcEndpointConnection>(&provider, SHOWN);
    change(&consumer);
    assert_eq!(count::<record::VpcEndpoint>(&consumer), 0);
}
