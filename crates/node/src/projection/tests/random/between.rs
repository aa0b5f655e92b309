//! Requests about what is between VPCs: peerings, groups and prefix lists, transit gateways. Refuses to know what comes of
//! them.

use store::Read as _;
use svc_ec2::record as ec2;

use super::super::cloud::{OTHER, OWNER, api, input, op};
use super::{Done, Walk};

impl Walk {
    pub(super) fn peerings(&mut self) -> Done {
        match self.numbers.below(5) {
            0 | 1 => {
                let vpc = self.any::<ec2::Vpc>()?;
                let (account, region, peer) = self.anywhere::<ec2::Vpc>()?;
                self.try_call::<op::CreateVpcPeeringConnection>(input!(CreateVpcPeeringConnectionRequest {
                    vpc_id: vpc,
                    peer_vpc_id: peer,
                    peer_owner_id: account,
                    peer_region: region,
                }))?;
            }
            2 | 3 => {
                let id = self.any_that::<ec2::VpcPeeringConnection>(|one| {
                    one.decision == ec2::PeeringDecision::None
                })?;
                self.try_call::<op::AcceptVpcPeeringConnection>(input!(AcceptVpcPeeringConnectionRequest {
                    vpc_peering_connection_id: id
                }))?;
            }
            _ => {
                let id = self.any::<ec2::VpcPeeringConnection>()?;
                self.try_call::<op::DeleteVpcPeeringConnection>(input!(DeleteVpcPeeringConnectionRequest {
                    vpc_peering_connection_id: id
                }))?;
            }
        }
        Some(())
    }

    pub(super) fn groups(&mut self) -> Done {
        match self.numbers.below(5) {
            0 => {
                let vpc = self.any::<ec2::Vpc>()?;
                let name = format!("group {}", self.made);
                self.made += 1;
                self.try_call::<op::CreateSecurityGroup>(input!(CreateSecurityGroupRequest {
                    vpc_id: vpc,
                    group_name: name,
                    description: "a group",
                }))?;
            }
            1 | 2 => {
                // Of the VPCs at both sides of a connection.
                let id = self.any_that::<ec2::VpcPeeringConnection>(|one| {
                    matches!(one.decision, ec2::PeeringDecision::Accepted { .. })
                })?;
                let snapshot = self.cloud.store.snapshot();
                let scope = self.cloud.scope();
                let connection = snapshot.get::<ec2::VpcPeeringConnection>(&scope, &id)?;
                let (own, other) = if connection.requester.account == scope.account {
                    (&connection.requester, &connection.accepter)
                } else {
                    (&connection.accepter, &connection.requester)
                };
                let own = self.any_that::<ec2::SecurityGroup>(|group| group.vpc == own.vpc)?;
                let mut there = snapshot.scan_all::<ec2::SecurityGroup>();
                let peer = there.find(|(_, _, group)| group.vpc == other.vpc)?.1.to_owned();
                let pair = api::UserIdGroupPair {
                    group_id: Some(peer),
                    user_id: Some(other.account.to_string()),
                    ..Default::default()
                };
                self.allow(own, |permission| permission.user_id_group_pairs = Some(vec![pair]))?;
            }
            3 => {
                let (group, list) =
                    (self.any::<ec2::SecurityGroup>()?, self.anywhere::<ec2::PrefixList>()?.2);
                let list = api::PrefixListId { prefix_list_id: Some(list), description: None };
                self.allow(group, |permission| permission.prefix_list_ids = Some(vec![list]))?;
            }
            _ => {
                let group = self.any::<ec2::SecurityGroup>()?;
                self.try_call::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest {
                    group_id: group
                }))?;
            }
        }
        Some(())
    }

    fn allow(&mut self, group: String, whom: impl FnOnce(&mut api::IpPermission)) -> Done {
        let mut permission = input!(IpPermission { ip_protocol: "-1" });
        whom(&mut permission);
        let mut input = input!(AuthorizeSecurityGroupIngressRequest { group_id: group });
        input.ip_permissions = Some(vec![permission]);
        self.try_call::<op::AuthorizeSecurityGroupIngress>(input)?;
        Some(())
    }

    pub(super) fn prefix_lists(&mut self) -> Done {
        let entry = api::AddPrefixListEntry { cidr: self.block(), description: None };
        match self.numbers.below(5) {
            0 => {
                let mut input = input!(CreateManagedPrefixListRequest {
                    prefix_list_name: "list",
                    address_family: "IPv4",
                    max_entries: 9,
                });
                input.entries = Some(vec![entry]);
                self.try_call::<op::CreateManagedPrefixList>(input)?;
            }
            1..=3 => {
                let id = self.any::<ec2::PrefixList>()?;
                let snapshot = self.cloud.store.snapshot();
                let list = snapshot.get::<ec2::PrefixList>(&self.cloud.scope(), &id)?;
                let mut input = input!(ModifyManagedPrefixListRequest { prefix_list_id: id });
                input.current_version = Some(list.version);
                if self.numbers.below(3) == 0 {
                    let cidr = list.entries.first()?.block.to_string();
                    input.remove_entries = Some(vec![api::RemovePrefixListEntry { cidr }]);
                } else {
                    input.add_entries = Some(vec![entry]);
                }
                self.try_call::<op::ModifyManagedPrefixList>(input)?;
            }
            _ => {
                let id = self.any::<ec2::PrefixList>()?;
                self.try_call::<op::DeleteManagedPrefixList>(input!(DeleteManagedPrefixListRequest {
                    prefix_list_id: id
                }))?;
            }
        }
        Some(())
    }

    pub(super) fn transit_gateways(&mut self) -> Done {
        match self.numbers.below(17) {
            0 | 1 => {
                self.try_call::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}))?;
            }
            2..=5 => {
                let (_, _, gateway) = self.anywhere::<ec2::TransitGateway>()?;
                let subnet = self.any::<ec2::Subnet>()?;
                let snapshot = self.cloud.store.snapshot();
                let vpc = snapshot.get::<ec2::Subnet>(&self.cloud.scope(), &subnet)?.vpc.to_string();
                self.try_call::<op::CreateTransitGatewayVpcAttachment>(input!(
                    CreateTransitGatewayVpcAttachmentRequest {
                        transit_gateway_id: gateway,
                        vpc_id: vpc,
                        subnet_ids: [subnet.as_str()],
                    }
                ))?;
            }
            6 => {
                let (_, _, id) = self.anywhere::<ec2::TransitGatewayAttachment>()?;
                let subnet = self.any::<ec2::Subnet>()?;
                self.try_call::<op::ModifyTransitGatewayVpcAttachment>(input!(
                    ModifyTransitGatewayVpcAttachmentRequest {
                        transit_gateway_attachment_id: id,
                        add_subnet_ids: [subnet.as_str()],
                    }
                ))?;
            }
            7 => {
                let (_, _, id) = self.anywhere::<ec2::TransitGatewayAttachment>()?;
                self.try_call::<op::DeleteTransitGatewayVpcAttachment>(input!(
                    DeleteTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: id }
                ))?;
            }
            8 => {
                let id = self.any::<ec2::TransitGatewayAttachment>()?;
                self.try_call::<op::AcceptTransitGatewayVpcAttachment>(input!(
                    AcceptTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: id }
                ))?;
            }
            9 | 10 => {
                let gateway = self.any::<ec2::TransitGateway>()?;
                let (account, region, peer) = self.anywhere::<ec2::TransitGateway>()?;
                self.try_call::<op::CreateTransitGatewayPeeringAttachment>(input!(
                    CreateTransitGatewayPeeringAttachmentRequest {
                        transit_gateway_id: gateway,
                        peer_transit_gateway_id: peer,
                        peer_account_id: account,
                        peer_region: region,
                    }
                ))?;
            }
            11 | 12 => {
                // As whoever is asked, wherever that is.
                let snapshot = self.cloud.store.snapshot();
                let mut asked = snapshot.scan_all::<ec2::TransitGatewayAttachment>().filter(|(_, _, one)| {
                    matches!(one.target, ec2::AttachmentTarget::Peering { is_accepter: true, .. })
                        && one.progress.change == ec2::Change::Request
                });
                let (scope, id, _) = asked.next()?;
                let id = id.to_owned();
                self.cloud.account = if scope.account.to_string() == OTHER { OTHER } else { OWNER };
                self.cloud.region =
                    if scope.region.as_str() == "eu-west-1" { "eu-west-1" } else { "us-east-1" };
                self.try_call::<op::AcceptTransitGatewayPeeringAttachment>(input!(
                    AcceptTransitGatewayPeeringAttachmentRequest { transit_gateway_attachment_id: id }
                ))?;
            }
            13 => {
                let id = self.any::<ec2::TransitGatewayAttachment>()?;
                self.try_call::<op::DeleteTransitGatewayPeeringAttachment>(input!(
                    DeleteTransitGatewayPeeringAttachmentRequest { transit_gateway_attachment_id: id }
                ))?;
            }
            14 | 15 => {
                let id = self.any_that::<ec2::TransitGatewayAttachment>(|one| one.vpc().is_some())?;
                let mut input = input!(CreateTransitGatewayConnectRequest {
                    transport_transit_gateway_attachment_id: id
                });
                input.options.protocol = "gre".to_owned();
                self.try_call::<op::CreateTransitGatewayConnect>(input)?;
            }
            _ => {
                let id = self.any::<ec2::TransitGateway>()?;
                self.try_call::<op::DeleteTransitGateway>(input!(DeleteTransitGatewayRequest {
                    transit_gateway_id: id
                }))?;
            }
        }
        Some(())
    }

    pub(super) fn transit_gateway_tables(&mut self) -> Done {
        let what = self.numbers.below(11);
        if what == 0 {
            let id = self.any::<ec2::TransitGateway>()?;
            self.try_call::<op::CreateTransitGatewayRouteTable>(input!(
                CreateTransitGatewayRouteTableRequest { transit_gateway_id: id }
            ))?;
            return Some(());
        }
        let table = self.any::<ec2::TransitGatewayRouteTable>()?;
        let snapshot = self.cloud.store.snapshot();
        let record = snapshot.get::<ec2::TransitGatewayRouteTable>(&self.cloud.scope(), &table)?;
        let attachment =
            self.any_that::<ec2::TransitGatewayAttachment>(|one| one.gateway == record.gateway)?;
        let block = self.block();
        match what {
            1 | 2 => {
                self.try_call::<op::AssociateTransitGatewayRouteTable>(input!(
                    AssociateTransitGatewayRouteTableRequest {
                        transit_gateway_route_table_id: table,
                        transit_gateway_attachment_id: attachment,
                    }
                ))?;
            }
            3 => {
                self.try_call::<op::DisassociateTransitGatewayRouteTable>(input!(
                    DisassociateTransitGatewayRouteTableRequest {
                        transit_gateway_route_table_id: table,
                        transit_gateway_attachment_id: attachment,
                    }
                ))?;
            }
            4 => {
                self.try_call::<op::EnableTransitGatewayRouteTablePropagation>(input!(
                    EnableTransitGatewayRouteTablePropagationRequest {
                        transit_gateway_route_table_id: table,
                        transit_gateway_attachment_id: attachment,
                    }
                ))?;
            }
            5 => {
                self.try_call::<op::DisableTransitGatewayRouteTablePropagation>(input!(
                    DisableTransitGatewayRouteTablePropagationRequest {
                        transit_gateway_route_table_id: table,
                        transit_gateway_attachment_id: attachment,
                    }
                ))?;
            }
            6 | 7 => {
                self.try_call::<op::CreateTransitGatewayRoute>(input!(CreateTransitGatewayRouteRequest {
                    transit_gateway_route_table_id: table,
                    destination_cidr_block: block,
                    transit_gateway_attachment_id: attachment,
                }))?;
            }
            8 => {
                let list = self.anywhere::<ec2::PrefixList>()?.2;
                self.try_call::<op::CreateTransitGatewayPrefixListReference>(input!(
                    CreateTransitGatewayPrefixListReferenceRequest {
                        transit_gateway_route_table_id: table,
                        prefix_list_id: list,
                        transit_gateway_attachment_id: attachment,
                    }
                ))?;
            }
            9 => {
                let list = record.references.first()?.list.to_string();
                self.try_call::<op::DeleteTransitGatewayPrefixListReference>(input!(
                    DeleteTransitGatewayPrefixListReferenceRequest {
                        transit_gateway_route_table_id: table,
                        prefix_list_id: list
                    }
                ))?;
            }
            _ => {
                self.try_call::<op::DeleteTransitGatewayRouteTable>(input!(
                    DeleteTransitGatewayRouteTableRequest { transit_gateway_route_table_id: table }
                ))?;
            }
        }
        Some(())
    }
}
