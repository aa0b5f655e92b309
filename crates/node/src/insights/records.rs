//! What the components of a path are called, from EC2's records.
//!
//! Owns ids, ARNs and names of components, and whose they are. Refuses to know paths.

use std::fmt::Display;
use std::sync::Arc;

use aws_api::ec2 as api;
use aws_types::{
    AccountId, Arn, EgressOnlyInternetGatewayId, InstanceId, InternetGatewayId, NatGatewayId, NetworkAclId,
    NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId, Tags, TransitGatewayAttachmentId,
    TransitGatewayId, TransitGatewayRouteTableId, VpcEndpointId, VpcId, VpcPeeringConnectionId, VpnGatewayId,
};
use store::{Read as _, Record, Scope, Snapshot};
use svc_ec2::record as ec2;
use vpc_model::ObjectId;

/// The records of a snapshot, as somebody in an account and a region finds them.
#[derive(Clone, Copy)]
pub(super) struct Records<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) scope: &'s Scope,
}

macro_rules! components {
    ($($name:ident($id:ty) is $record:ident, $resource_type:literal;)*) => {
        impl Records<'_> {
            $(
                /// The component that has this id.
                pub(super) fn $name(&self, id: $id) -> api::AnalysisComponent {
                    self.component::<ec2::$record>(id, $resource_type, |record| &record.tags)
                }
            )*
        }
    };
}

components! {
    instance(InstanceId) is Instance, "instance";
    interface(NetworkInterfaceId) is NetworkInterface, "network-interface";
    vpc(VpcId) is Vpc, "vpc";
    subnet(SubnetId) is Subnet, "subnet";
    security_group(SecurityGroupId) is SecurityGroup, "security-group";
    network_acl(NetworkAclId) is NetworkAcl, "network-acl";
    route_table(RouteTableId) is RouteTable, "route-table";
    internet_gateway(InternetGatewayId) is InternetGateway, "internet-gateway";
    egress_only_internet_gateway(EgressOnlyInternetGatewayId) is EgressOnlyInternetGateway,
        "egress-only-internet-gateway";
    nat_gateway(NatGatewayId) is NatGateway, "natgateway";
    peering(VpcPeeringConnectionId) is VpcPeeringConnection, "vpc-peering-connection";
    transit_gateway(TransitGatewayId) is TransitGateway, "transit-gateway";
    attachment(TransitGatewayAttachmentId) is TransitGatewayAttachment, "transit-gateway-attachment";
    transit_gateway_route_table(TransitGatewayRouteTableId) is TransitGatewayRouteTable,
        "transit-gateway-route-table";
    endpoint(VpcEndpointId) is VpcEndpoint, "vpc-endpoint";
    vpn_gateway(VpnGatewayId) is VpnGateway, "vpn-gateway";
}

impl<'s> Records<'s> {
    /// A record, whosever it is, and whose: a path goes where packets go. The account's own one comes first.
    pub(super) fn find<R: Record>(&self, id: impl Display) -> Option<(Scope, Arc<R>)> {
        let id = id.to_string();
        if let Some(own) = self.snapshot.get::<R>(self.scope, &id) {
            return Some((self.scope.clone(), own));
        }
        let found = self.snapshot.scan_all::<R>().find(|(_, key, _)| *key == id);
        found.map(|(scope, _, record)| (scope.clone(), record))
    }

    /// The same without whose.
    pub(super) fn get<R: Record>(&self, id: impl Display) -> Option<Arc<R>> {
        self.find(id).map(|(_, record)| record)
    }

    /// Whether the account has a record in its region.
    pub(super) fn has<R: Record>(&self, id: impl Display) -> bool {
        self.snapshot.contains::<R>(self.scope, &id.to_string())
    }

    /// Whether the account has a gateway, an attachment, a connection or an endpoint, or a side of it.
    pub(super) fn is_own_object(&self, object: ObjectId) -> bool {
        match object {
            ObjectId::InternetGateway(id) => self.has::<ec2::InternetGateway>(id),
            ObjectId::EgressOnlyInternetGateway(id) => self.has::<ec2::EgressOnlyInternetGateway>(id),
            ObjectId::NatGateway(id) => self.has::<ec2::NatGateway>(id),
            ObjectId::VpnGateway(id) => self.has::<ec2::VpnGateway>(id),
            ObjectId::VpcPeeringConnection(id) => self.has::<ec2::VpcPeeringConnection>(id),
            ObjectId::TransitGateway(id) => self.has::<ec2::TransitGateway>(id),
            ObjectId::TransitGatewayAttachment(id) | ObjectId::TransitGatewayPeering(id) => {
                let held = self.find::<ec2::TransitGatewayAttachment>(id);
                held.is_some_and(|(owner, held)| {
                    let is_of_own_vpc = matches!(
                        held.target,
                        ec2::AttachmentTarget::Vpc { owner: Some(vpc_owner), .. } if vpc_owner == self.scope.account
                    );
                    owner == *self.scope || is_of_own_vpc
                })
            }
            ObjectId::VpcEndpoint(id) => self.has::<ec2::VpcEndpoint>(id),
            _ => false,
        }
    }

    /// Whether what another account has is meant.
    fn is_foreign(&self, owner: &Scope) -> bool {
        owner.account != self.scope.account
    }

    /// The other account that an object of the network is of, if it is one.
    pub(super) fn foreign_owner<R: Record>(&self, id: impl Display) -> Option<AccountId> {
        self.find::<R>(id)
            .map(|(owner, _)| owner)
            .filter(|owner| self.is_foreign(owner))
            .map(|owner| owner.account)
    }

    fn component<R: Record>(
        &self,
        id: impl Display,
        resource_type: &str,
        tags: impl Fn(&R) -> &Tags,
    ) -> api::AnalysisComponent {
        let id = id.to_string();
        let found = self.find::<R>(&id);
        let owner = found.as_ref().map_or(self.scope, |(owner, _)| owner);
        let arn =
            Arn::new(owner.partition, "ec2", &owner.region, owner.account, &format!("{resource_type}/{id}"));
        // What others call their things is theirs to know.
        let own = found.as_ref().filter(|(owner, _)| !self.is_foreign(owner));
        let name = own.and_then(|(_, record)| tags(record).get("Name")).map(str::to_owned);
        api::AnalysisComponent { id: Some(id), arn: Some(arn.as_str().to_owned()), name }
    }

    /// A gateway, an attachment, a connection or an endpoint that packets pass.
    pub(super) fn object(&self, object: ObjectId) -> Option<api::AnalysisComponent> {
        Some(match object {
            ObjectId::InternetGateway(id) => self.internet_gateway(id),
            ObjectId::EgressOnlyInternetGateway(id) => self.egress_only_internet_gateway(id),
            ObjectId::NatGateway(id) => self.nat_gateway(id),
            ObjectId::VpnGateway(id) => self.vpn_gateway(id),
            ObjectId::VpcPeeringConnection(id) => self.peering(id),
            ObjectId::TransitGateway(id) => self.transit_gateway(id),
            ObjectId::TransitGatewayAttachment(id) | ObjectId::TransitGatewayPeering(id) => {
                self.attachment(id)
            }
            ObjectId::VpcEndpoint(id) => self.endpoint(id),
            ObjectId::Interface(id) => self.interface(id),
            ObjectId::Vpc(id) => self.vpc(id),
            ObjectId::Subnet(id) => self.subnet(id),
            ObjectId::NetworkAcl(id) => self.network_acl(id),
            ObjectId::RouteTable(id) => self.route_table(id),
            ObjectId::SecurityGroup(id) => self.security_group(id),
            ObjectId::TransitGatewayRouteTable(id) => self.transit_gateway_route_table(id),
            ObjectId::DhcpOptions(_)
            | ObjectId::ServiceAddresses(_)
            | ObjectId::PublicAddresses(_)
            | ObjectId::InternetHost(_)
            | ObjectId::Path(_) => return None,
        })
    }

    /// The other account that an object is of, if it is one that its owner alone may look into.
    pub(super) fn foreign_object(&self, object: ObjectId) -> Option<AccountId> {
        match object {
            ObjectId::InternetGateway(id) => self.foreign_owner::<ec2::InternetGateway>(id),
            ObjectId::NatGateway(id) => self.foreign_owner::<ec2::NatGateway>(id),
            ObjectId::EgressOnlyInternetGateway(id) => {
                self.foreign_owner::<ec2::EgressOnlyInternetGateway>(id)
            }
            ObjectId::VpcEndpoint(id) => self.foreign_owner::<ec2::VpcEndpoint>(id),
            ObjectId::Interface(id) => self.foreign_owner::<ec2::NetworkInterface>(id),
            ObjectId::Vpc(id) => self.foreign_owner::<ec2::Vpc>(id),
            ObjectId::Subnet(id) => self.foreign_owner::<ec2::Subnet>(id),
            ObjectId::NetworkAcl(id) => self.foreign_owner::<ec2::NetworkAcl>(id),
            ObjectId::RouteTable(id) => self.foreign_owner::<ec2::RouteTable>(id),
            ObjectId::TransitGatewayRouteTable(id) => self.foreign_owner::<ec2::TransitGatewayRouteTable>(id),
            ObjectId::SecurityGroup(id) => self.foreign_owner::<ec2::SecurityGroup>(id),
            ObjectId::VpnGateway(id) => self.foreign_owner::<ec2::VpnGateway>(id),
            ObjectId::TransitGateway(id) => self.foreign_owner::<ec2::TransitGateway>(id),
            ObjectId::TransitGatewayAttachment(id) | ObjectId::TransitGatewayPeering(id) => self
                .foreign_owner::<ec2::TransitGatewayAttachment>(id)
                .filter(|_| !self.is_own_object(object)),
            // Both sides know of it.
            ObjectId::VpcPeeringConnection(_)
            | ObjectId::DhcpOptions(_)
            | ObjectId::ServiceAddresses(_)
            | ObjectId::PublicAddresses(_)
            | ObjectId::InternetHost(_)
            | ObjectId::Path(_) => None,
        }
    }

    /// The VPC and the subnet of an interface.
    pub(super) fn place(&self, interface: NetworkInterfaceId) -> Option<(VpcId, SubnetId)> {
        self.get::<ec2::NetworkInterface>(interface).map(|record| (record.vpc, record.subnet))
    }
}
