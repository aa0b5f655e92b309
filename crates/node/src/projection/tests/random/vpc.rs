//! Requests about one VPC: what it has, its gateways and its endpoints. Refuses to know what comes of them.

use store::Read as _;
use svc_ec2::record as ec2;

use super::super::cloud::{api, input, op};
use super::{Done, Walk};

impl Walk {
    pub(super) fn network(&mut self) -> Done {
        let number = self.made;
        self.made += 1;
        match self.numbers.below(14) {
            0 | 1 => {
                let block = format!("10.{}.0.0/16", number % 200);
                let mut input = input!(CreateVpcRequest { cidr_block: block });
                input.amazon_provided_ipv6_cidr_block = Some(true);
                self.try_call::<op::CreateVpc>(input)?;
            }
            2..=4 => {
                let vpc = self.any::<ec2::Vpc>()?;
                let snapshot = self.cloud.store.snapshot();
                let record = snapshot.get::<ec2::Vpc>(&self.cloud.scope(), &vpc)?;
                let second = record.primary_block().network().octets();
                let block = format!("{}.{}.{}.0/24", second[0], second[1], self.numbers.below(6));
                let zone = format!("{}{}", self.cloud.region, self.numbers.one(&["a", "b"]));
                self.try_call::<op::CreateSubnet>(input!(CreateSubnetRequest {
                    vpc_id: vpc,
                    cidr_block: block,
                    availability_zone: zone,
                }))?;
            }
            5 => {
                let gateway =
                    self.try_call::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
                let gateway = gateway?.internet_gateway?.internet_gateway_id?;
                let vpc = self.any::<ec2::Vpc>()?;
                self.try_call::<op::AttachInternetGateway>(input!(AttachInternetGatewayRequest {
                    internet_gateway_id: gateway,
                    vpc_id: vpc
                }))?;
            }
            6 => {
                let vpc = self.any::<ec2::Vpc>()?;
                let gateway = self.any::<ec2::InternetGateway>()?;
                self.try_call::<op::DetachInternetGateway>(input!(DetachInternetGatewayRequest {
                    internet_gateway_id: gateway,
                    vpc_id: vpc
                }))?;
            }
            7 => {
                let vpc = self.any::<ec2::Vpc>()?;
                self.try_call::<op::CreateEgressOnlyInternetGateway>(input!(
                    CreateEgressOnlyInternetGatewayRequest { vpc_id: vpc }
                ))?;
            }
            8 => {
                let id = self.any::<ec2::EgressOnlyInternetGateway>()?;
                self.try_call::<op::DeleteEgressOnlyInternetGateway>(input!(
                    DeleteEgressOnlyInternetGatewayRequest { egress_only_internet_gateway_id: id }
                ))?;
            }
            9 => {
                let vpc = self.any::<ec2::Vpc>()?;
                let block = format!("100.64.{}.0/24", self.numbers.below(4));
                self.try_call::<op::AssociateVpcCidrBlock>(input!(AssociateVpcCidrBlockRequest {
                    vpc_id: vpc,
                    cidr_block: block
                }))?;
            }
            10 => {
                let subnet = self.any::<ec2::Subnet>()?;
                self.try_call::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: subnet }))?;
            }
            11 => {
                let vpc = self.any::<ec2::Vpc>()?;
                self.try_call::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: vpc }))?;
            }
            12 => {
                let id = self.any::<ec2::InternetGateway>()?;
                self.try_call::<op::DeleteInternetGateway>(input!(DeleteInternetGatewayRequest {
                    internet_gateway_id: id
                }))?;
            }
            _ => self.cloud.share_all(),
        }
        Some(())
    }

    pub(super) fn routes(&mut self) -> Done {
        match self.numbers.below(10) {
            0 => {
                let vpc = self.any::<ec2::Vpc>()?;
                self.try_call::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: vpc }))?;
            }
            1 | 2 => {
                let vpc = self.any::<ec2::Vpc>()?;
                let (table, subnet) = (self.table_of(&vpc)?, self.subnet_of(&vpc)?);
                self.try_call::<op::AssociateRouteTable>(input!(AssociateRouteTableRequest {
                    route_table_id: table,
                    subnet_id: subnet
                }))?;
            }
            3 => {
                let gateway = self.any::<ec2::InternetGateway>()?;
                let table = self.any::<ec2::RouteTable>()?;
                self.try_call::<op::AssociateRouteTable>(input!(AssociateRouteTableRequest {
                    route_table_id: table,
                    gateway_id: gateway
                }))?;
            }
            4 | 5 => {
                let id = self.any_that::<ec2::RouteTable>(|table| !table.associations.is_empty())?;
                let snapshot = self.cloud.store.snapshot();
                let table = snapshot.get::<ec2::RouteTable>(&self.cloud.scope(), &id)?;
                let association =
                    table.associations[self.numbers.below(table.associations.len())].id.to_string();
                if self.numbers.below(2) == 0 {
                    let other = self.table_of(&table.vpc.to_string())?;
                    self.try_call::<op::ReplaceRouteTableAssociation>(input!(
                        ReplaceRouteTableAssociationRequest {
                            association_id: association,
                            route_table_id: other
                        }
                    ))?;
                } else {
                    self.try_call::<op::DisassociateRouteTable>(input!(DisassociateRouteTableRequest {
                        association_id: association
                    }))?;
                }
            }
            6 => {
                let table = self.any::<ec2::RouteTable>()?;
                self.try_call::<op::DeleteRouteTable>(input!(DeleteRouteTableRequest {
                    route_table_id: table
                }))?;
            }
            7 => {
                let table = self.any::<ec2::RouteTable>()?;
                let block = self.block();
                self.try_call::<op::DeleteRoute>(input!(DeleteRouteRequest {
                    route_table_id: table,
                    destination_cidr_block: block
                }))?;
            }
            _ => self.route()?,
        }
        Some(())
    }

    fn route(&mut self) -> Done {
        let table = self.any::<ec2::RouteTable>()?;
        let mut input = input!(CreateRouteRequest { route_table_id: table });
        if self.numbers.below(3) == 0 {
            input.destination_prefix_list_id = Some(self.any::<ec2::PrefixList>()?);
        } else {
            input.destination_cidr_block = Some(self.block());
        }
        match self.numbers.below(7) {
            0 => input.gateway_id = Some(self.any::<ec2::InternetGateway>()?),
            1 => input.nat_gateway_id = Some(self.any::<ec2::NatGateway>()?),
            2 => input.network_interface_id = Some(self.any::<ec2::NetworkInterface>()?),
            3 => input.vpc_peering_connection_id = Some(self.any::<ec2::VpcPeeringConnection>()?),
            4 => input.gateway_id = Some(self.any::<ec2::VpnGateway>()?),
            5 => input.transit_gateway_id = Some(self.anywhere::<ec2::TransitGateway>()?.2),
            _ => input.vpc_endpoint_id = Some(self.any::<ec2::VpcEndpoint>()?),
        }
        self.try_call::<op::CreateRoute>(input)?;
        Some(())
    }

    pub(super) fn addresses(&mut self) -> Done {
        match self.numbers.below(8) {
            0 | 1 => {
                let subnet = match self.numbers.below(4) {
                    0 => self.anywhere::<ec2::Subnet>()?.2,
                    _ => self.any::<ec2::Subnet>()?,
                };
                self.try_call::<op::CreateNetworkInterface>(input!(CreateNetworkInterfaceRequest {
                    subnet_id: subnet,
                    secondary_private_ip_address_count: 1,
                }))?;
            }
            2 => {
                self.try_call::<op::AllocateAddress>(input!(AllocateAddressRequest {}))?;
            }
            3 | 4 => {
                let allocation = self.any::<ec2::ElasticIp>()?;
                let interface = self.any::<ec2::NetworkInterface>()?;
                self.try_call::<op::AssociateAddress>(input!(AssociateAddressRequest {
                    allocation_id: allocation,
                    network_interface_id: interface,
                    allow_reassociation: true,
                }))?;
            }
            5 => {
                let id = self.any_that::<ec2::ElasticIp>(|one| one.association.is_some())?;
                let snapshot = self.cloud.store.snapshot();
                let held = snapshot.get::<ec2::ElasticIp>(&self.cloud.scope(), &id)?.association.clone()?;
                self.try_call::<op::DisassociateAddress>(input!(DisassociateAddressRequest {
                    association_id: held.id.to_string()
                }))?;
            }
            6 => {
                let allocation = self.any::<ec2::ElasticIp>()?;
                self.try_call::<op::ReleaseAddress>(input!(ReleaseAddressRequest {
                    allocation_id: allocation
                }))?;
            }
            _ => {
                let interface = self.any::<ec2::NetworkInterface>()?;
                self.try_call::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
                    network_interface_id: interface
                }))?;
            }
        }
        Some(())
    }

    pub(super) fn nat_gateways(&mut self) -> Done {
        let free = |one: &ec2::ElasticIp| one.association.is_none();
        match self.numbers.below(7) {
            0 => {
                let subnet = self.any::<ec2::Subnet>()?;
                self.try_call::<op::CreateNatGateway>(input!(CreateNatGatewayRequest {
                    subnet_id: subnet,
                    connectivity_type: "private",
                    secondary_private_ip_address_count: 1,
                }))?;
            }
            1 | 2 => {
                let gateway = self.any_that::<ec2::InternetGateway>(|one| one.attachment.is_some())?;
                let snapshot = self.cloud.store.snapshot();
                let vpc = snapshot.get::<ec2::InternetGateway>(&self.cloud.scope(), &gateway)?.attachment?;
                let subnet = self.subnet_of(&vpc.to_string())?;
                self.try_call::<op::AllocateAddress>(input!(AllocateAddressRequest {}))?;
                let allocation = self.any_that(free)?;
                self.try_call::<op::CreateNatGateway>(input!(CreateNatGatewayRequest {
                    subnet_id: subnet,
                    allocation_id: allocation
                }))?;
            }
            3 => {
                let id = self.any::<ec2::NatGateway>()?;
                self.try_call::<op::DeleteNatGateway>(input!(DeleteNatGatewayRequest {
                    nat_gateway_id: id
                }))?;
            }
            4 => {
                let id = self.any::<ec2::NatGateway>()?;
                self.try_call::<op::AssignPrivateNatGatewayAddress>(input!(
                    AssignPrivateNatGatewayAddressRequest { nat_gateway_id: id, private_ip_address_count: 1 }
                ))?;
            }
            5 => {
                let id = self.any_that::<ec2::NatGateway>(|one| one.addresses.len() > 1)?;
                let snapshot = self.cloud.store.snapshot();
                let gateway = snapshot.get::<ec2::NatGateway>(&self.cloud.scope(), &id)?;
                let private = gateway.addresses[1].private?.to_string();
                self.try_call::<op::UnassignPrivateNatGatewayAddress>(input!(
                    UnassignPrivateNatGatewayAddressRequest {
                        nat_gateway_id: id,
                        private_ip_addresses: [private.as_str()]
                    }
                ))?;
            }
            _ => {
                let id = self.any::<ec2::NatGateway>()?;
                let allocation = self.any_that(free)?;
                self.try_call::<op::AssociateNatGatewayAddress>(input!(AssociateNatGatewayAddressRequest {
                    nat_gateway_id: id,
                    allocation_ids: [allocation.as_str()]
                }))?;
            }
        }
        Some(())
    }

    pub(super) fn vpns(&mut self) -> Done {
        match self.numbers.below(10) {
            0 => {
                let made = self
                    .try_call::<op::CreateVpnGateway>(input!(CreateVpnGatewayRequest { r#type: "ipsec.1" }));
                let gateway = made?.vpn_gateway?.vpn_gateway_id?;
                let vpc = self.any::<ec2::Vpc>()?;
                self.try_call::<op::AttachVpnGateway>(input!(AttachVpnGatewayRequest {
                    vpn_gateway_id: gateway,
                    vpc_id: vpc
                }))?;
            }
            1 => {
                let gateway = self.any::<ec2::VpnGateway>()?;
                let vpc = self.any::<ec2::Vpc>()?;
                self.try_call::<op::AttachVpnGateway>(input!(AttachVpnGatewayRequest {
                    vpn_gateway_id: gateway,
                    vpc_id: vpc
                }))?;
            }
            2 => {
                let id = self.any::<ec2::VpnGateway>()?;
                let snapshot = self.cloud.store.snapshot();
                let gateway = snapshot.get::<ec2::VpnGateway>(&self.cloud.scope(), &id)?;
                let vpc = gateway.attachment.as_ref()?.vpc.to_string();
                self.try_call::<op::DetachVpnGateway>(input!(DetachVpnGatewayRequest {
                    vpn_gateway_id: id,
                    vpc_id: vpc
                }))?;
            }
            3 | 4 => {
                let address = format!("203.0.113.{}", self.numbers.below(200));
                let customer =
                    input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", ip_address: address });
                let customer = self.try_call::<op::CreateCustomerGateway>(customer)?.customer_gateway?;
                let mut input = input!(CreateVpnConnectionRequest {
                    customer_gateway_id: customer.customer_gateway_id?,
                    r#type: "ipsec.1",
                });
                if self.numbers.below(3) == 0 {
                    input.transit_gateway_id = Some(self.any::<ec2::TransitGateway>()?);
                } else {
                    input.vpn_gateway_id = Some(self.any::<ec2::VpnGateway>()?);
                    input.options = Some(api::VpnConnectionOptionsSpecification {
                        static_routes_only: Some(true),
                        ..Default::default()
                    });
                }
                self.try_call::<op::CreateVpnConnection>(input)?;
            }
            5 | 6 => {
                let (connection, block) = (self.any::<ec2::VpnConnection>()?, self.block());
                self.try_call::<op::CreateVpnConnectionRoute>(input!(CreateVpnConnectionRouteRequest {
                    vpn_connection_id: connection,
                    destination_cidr_block: block
                }))?;
            }
            7 => {
                let id = self.any_that::<ec2::VpnConnection>(|one| !one.routes.is_empty())?;
                let snapshot = self.cloud.store.snapshot();
                let block =
                    snapshot.get::<ec2::VpnConnection>(&self.cloud.scope(), &id)?.routes[0].destination;
                self.try_call::<op::DeleteVpnConnectionRoute>(input!(DeleteVpnConnectionRouteRequest {
                    vpn_connection_id: id,
                    destination_cidr_block: block.to_string()
                }))?;
            }
            8 => {
                let id = self.any::<ec2::VpnGateway>()?;
                let snapshot = self.cloud.store.snapshot();
                let gateway = snapshot.get::<ec2::VpnGateway>(&self.cloud.scope(), &id)?;
                let table = self.table_of(&gateway.attachment.as_ref()?.vpc.to_string())?;
                self.try_call::<op::EnableVgwRoutePropagation>(input!(EnableVgwRoutePropagationRequest {
                    gateway_id: id,
                    route_table_id: table
                }))?;
            }
            _ => {
                let id = self.any::<ec2::VpnConnection>()?;
                self.try_call::<op::DeleteVpnConnection>(input!(DeleteVpnConnectionRequest {
                    vpn_connection_id: id
                }))?;
            }
        }
        Some(())
    }

    pub(super) fn endpoints(&mut self) -> Done {
        match self.numbers.below(7) {
            0 | 1 => {
                let vpc = self.any::<ec2::Vpc>()?;
                let table = self.table_of(&vpc)?;
                let service = self.numbers.one(&["s3", "dynamodb"]);
                let service = format!("com.amazonaws.{}.{service}", self.cloud.region);
                self.try_call::<op::CreateVpcEndpoint>(input!(CreateVpcEndpointRequest {
                    vpc_id: vpc,
                    service_name: service,
                    route_table_ids: [table.as_str()],
                }))?;
            }
            2 => {
                let id = self.any::<ec2::VpcEndpoint>()?;
                let (added, removed) = (self.any::<ec2::RouteTable>()?, self.any::<ec2::RouteTable>()?);
                let mut input = input!(ModifyVpcEndpointRequest { vpc_endpoint_id: id });
                if self.numbers.below(2) == 0 {
                    input.add_route_table_ids = Some(vec![added]);
                } else {
                    input.remove_route_table_ids = Some(vec![removed]);
                }
                self.try_call::<op::ModifyVpcEndpoint>(input)?;
            }
            3 => {
                let id = self.any::<ec2::VpcEndpoint>()?;
                let input = input!(DeleteVpcEndpointsRequest { vpc_endpoint_ids: [id.as_str()] });
                self.try_call::<op::DeleteVpcEndpoints>(input)?;
            }
            4 => {
                let balancer = format!(
                    "arn:aws:elasticloadbalancing:{}:{}:loadbalancer/gwy/one/0123456789abcdef",
                    self.cloud.region, self.cloud.account
                );
                let is_asked = self.numbers.below(2) == 0;
                self.try_call::<op::CreateVpcEndpointServiceConfiguration>(input!(
                    CreateVpcEndpointServiceConfigurationRequest {
                        gateway_load_balancer_arns: [balancer.as_str()],
                        acceptance_required: is_asked,
                    }
                ))?;
            }
            5 => {
                let service = self.any::<ec2::VpcEndpointService>()?;
                let service = format!("com.amazonaws.vpce.{}.{service}", self.cloud.region);
                let subnet = self.any::<ec2::Subnet>()?;
                let snapshot = self.cloud.store.snapshot();
                let vpc = snapshot.get::<ec2::Subnet>(&self.cloud.scope(), &subnet)?.vpc.to_string();
                self.try_call::<op::CreateVpcEndpoint>(input!(CreateVpcEndpointRequest {
                    vpc_id: vpc,
                    vpc_endpoint_type: "GatewayLoadBalancer",
                    service_name: service,
                    subnet_ids: [subnet.as_str()],
                }))?;
            }
            _ => {
                let service = self.any::<ec2::VpcEndpointService>()?;
                let endpoint = self.any::<ec2::VpcEndpoint>()?;
                if self.numbers.below(3) == 0 {
                    self.try_call::<op::RejectVpcEndpointConnections>(input!(
                        RejectVpcEndpointConnectionsRequest {
                            service_id: service,
                            vpc_endpoint_ids: [endpoint.as_str()]
                        }
                    ))?;
                } else {
                    self.try_call::<op::AcceptVpcEndpointConnections>(input!(
                        AcceptVpcEndpointConnectionsRequest {
                            service_id: service,
                            vpc_endpoint_ids: [endpoint.as_str()]
                        }
                    ))?;
                }
            }
        }
        Some(())
    }

    pub(super) fn public_access(&mut self) -> Done {
        let mode = self.numbers.one(&["allow-egress", "allow-bidirectional"]);
        match self.numbers.below(5) {
            0 => {
                let mode = self.numbers.one(&["off", "block-ingress", "block-bidirectional"]);
                self.try_call::<op::ModifyVpcBlockPublicAccessOptions>(input!(
                    ModifyVpcBlockPublicAccessOptionsRequest { internet_gateway_block_mode: mode }
                ))?;
            }
            1 | 2 => {
                let mut input = input!(CreateVpcBlockPublicAccessExclusionRequest {
                    internet_gateway_exclusion_mode: mode
                });
                if self.numbers.below(2) == 0 {
                    input.vpc_id = Some(self.any::<ec2::Vpc>()?);
                } else {
                    input.subnet_id = Some(self.any::<ec2::Subnet>()?);
                }
                self.try_call::<op::CreateVpcBlockPublicAccessExclusion>(input)?;
            }
            3 => {
                let id = self.any::<ec2::VpcBlockPublicAccessExclusion>()?;
                self.try_call::<op::ModifyVpcBlockPublicAccessExclusion>(input!(
                    ModifyVpcBlockPublicAccessExclusionRequest {
                        exclusion_id: id,
                        internet_gateway_exclusion_mode: mode
                    }
                ))?;
            }
            _ => {
                let id = self.any::<ec2::VpcBlockPublicAccessExclusion>()?;
                self.try_call::<op::DeleteVpcBlockPublicAccessExclusion>(input!(
                    DeleteVpcBlockPublicAccessExclusionRequest { exclusion_id: id }
                ))?;
            }
        }
        Some(())
    }
}
