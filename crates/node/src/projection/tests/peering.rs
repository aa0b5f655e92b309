//! VPC peering connections, between accounts and regions, and groups that rules name over them.

use aws_types::{SecurityGroupId, VpcPeeringConnectionId};
use vpc_model::{Object, ObjectId, Peer};

use super::cloud::{Cloud, OTHER, OWNER, api, input, op, parsed};

fn told(cloud: &Cloud, id: &str) -> Option<(String, String, bool)> {
    match cloud.told::<VpcPeeringConnectionId>(id) {
        Some(Object::VpcPeeringConnection(told)) => {
            Some((told.requester.to_string(), told.accepter.to_string(), told.is_inter_region))
        }
        None => None,
        other => panic!("{other:?}"),
    }
}

/// A connection between a VPC of the owner's in `us-east-1` and one of an account in a region, and the two VPCs; active.
fn active(cloud: &mut Cloud, account: &'static str, region: &'static str) -> (String, String, String) {
    let vpc = cloud.vpc("10.0.0.0/16");
    (cloud.account, cloud.region) = (account, region);
    let peer = cloud.vpc("10.1.0.0/16");
    (cloud.account, cloud.region) = (OWNER, "us-east-1");
    let input = input!(CreateVpcPeeringConnectionRequest {
        vpc_id: vpc.as_str(),
        peer_vpc_id: peer.as_str(),
        peer_owner_id: account,
        peer_region: region,
    });
    let made = cloud.ok::<op::CreateVpcPeeringConnection>(input).vpc_peering_connection.unwrap();
    let id = made.vpc_peering_connection_id.unwrap();
    cloud.wait(3000);
    assert_eq!(told(cloud, &id), None);
    (cloud.account, cloud.region) = (account, region);
    let accept = input!(AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: id.as_str() });
    cloud.ok::<op::AcceptVpcPeeringConnection>(accept);
    (cloud.account, cloud.region) = (OWNER, "us-east-1");
    cloud.wait(2999);
    assert_eq!(told(cloud, &id), None);
    cloud.wait(1);
    (id, vpc, peer)
}

#[test]
fn a_connection_is_there_once_and_while_it_is_active() {
    for (account, region) in
        [(OWNER, "us-east-1"), (OTHER, "us-east-1"), (OWNER, "eu-west-1"), (OTHER, "eu-west-1")]
    {
        let mut cloud = Cloud::with_realistic_timing();
        let (id, vpc, peer) = active(&mut cloud, account, region);
        assert_eq!(cloud.last_ids(), [parsed::<VpcPeeringConnectionId>(&id).into()]);
        assert_eq!(told(&cloud, &id), Some((vpc.clone(), peer, region != "us-east-1")));
        cloud.check();
        let main = cloud.table(&vpc);
        cloud.ok::<op::CreateRoute>(input!(CreateRouteRequest {
            route_table_id: main.as_str(),
            destination_cidr_block: "10.1.0.0/16",
            vpc_peering_connection_id: id.as_str(),
        }));
        assert_eq!(cloud.routes(&main), [format!("10.1.0.0/16 Static VpcPeeringConnection({id})")]);

        (cloud.account, cloud.region) = (account, region);
        let delete = input!(DeleteVpcPeeringConnectionRequest { vpc_peering_connection_id: id.as_str() });
        cloud.ok::<op::DeleteVpcPeeringConnection>(delete);
        assert_eq!(told(&cloud, &id), None);
        cloud.check();
        cloud.settle();
        cloud.check();
    }
}

/// The groups that the rules of a group name.
fn peers(cloud: &Cloud, group: &str) -> Vec<String> {
    let Some(Object::SecurityGroup(told)) = cloud.told::<SecurityGroupId>(group) else { panic!("{group}") };
    let named = told.rules.iter().filter_map(|rule| match rule.peer {
        Peer::Group(group) => Some(group.to_string()),
        Peer::Cidr(_) => None,
    });
    named.collect()
}

fn group(cloud: &mut Cloud, vpc: &str) -> String {
    let input = input!(CreateSecurityGroupRequest { vpc_id: vpc, group_name: "web", description: "a group" });
    cloud.ok::<op::CreateSecurityGroup>(input).group_id.unwrap()
}

fn allow(cloud: &mut Cloud, group: &str, peer: &str, account: &str) {
    let pair = api::UserIdGroupPair {
        group_id: Some(peer.to_owned()),
        user_id: Some(account.to_owned()),
        ..Default::default()
    };
    let permission = api::IpPermission {
        ip_protocol: Some("-1".to_owned()),
        user_id_group_pairs: Some(vec![pair]),
        ..Default::default()
    };
    let mut input = input!(AuthorizeSecurityGroupIngressRequest { group_id: group });
    input.ip_permissions = Some(vec![permission]);
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(input);
}

#[test]
fn a_rule_names_a_group_of_a_peered_vpc_while_the_connection_is_active() {
    for account in [OWNER, OTHER] {
        let mut cloud = Cloud::with_realistic_timing();
        let (id, vpc, peer) = active(&mut cloud, account, "us-east-1");
        let (ours, unconcerned) = (group(&mut cloud, &vpc), {
            let third = cloud.vpc("10.2.0.0/16");
            group(&mut cloud, &third)
        });
        cloud.account = account;
        let theirs = group(&mut cloud, &peer);
        cloud.account = OWNER;
        allow(&mut cloud, &ours, &theirs, account);
        cloud.account = account;
        allow(&mut cloud, &theirs, &ours, OWNER);
        assert_eq!(peers(&cloud, &ours), [theirs.as_str()]);
        assert_eq!(peers(&cloud, &theirs), [ours.as_str()]);
        assert!(peers(&cloud, &unconcerned).is_empty());
        cloud.check();

        let delete = input!(DeleteVpcPeeringConnectionRequest { vpc_peering_connection_id: id.as_str() });
        cloud.ok::<op::DeleteVpcPeeringConnection>(delete);
        assert!(peers(&cloud, &ours).is_empty() && peers(&cloud, &theirs).is_empty());
        let mut expected: Vec<ObjectId> =
            [&ours, &theirs].map(|id| parsed::<SecurityGroupId>(id).into()).into();
        expected.sort_unstable();
        expected.push(parsed::<VpcPeeringConnectionId>(&id).into());
        assert_eq!(cloud.last_ids(), expected);
        cloud.check();
    }
}
