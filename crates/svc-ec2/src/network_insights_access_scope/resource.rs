//! Resource statements of access scopes: which components a condition is about.
//!
//! Owns which resources and types of resources a condition can name, and at which of its places. Refuses to know whether
//! a resource is there: that shows when the scope is analysed.
//! <https://docs.aws.amazon.com/vpc/latest/network-access-analyzer/resource-statement.html>

use std::fmt;

use aws_api::ec2 as api;
use aws_types::{
    AccountId, Arn, InstanceId, InternetGatewayId, NatGatewayId, NetworkInterfaceId, SecurityGroupId,
    SubnetId, TransitGatewayAttachmentId, VpcEndpointId, VpcEndpointServiceId, VpcId, VpcPeeringConnectionId,
    VpnGatewayId,
};
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use crate::record::{
    Instance, InternetGateway, NatGateway, NetworkInterface, SecurityGroup, Subnet, TransitGatewayAttachment,
    Vpc, VpcEndpoint, VpcEndpointService, VpcPeeringConnection, VpnGateway,
};
use crate::state::{Resource, State};
use crate::{arn, error};

/// A place of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Where paths begin.
    Source,
    /// Where paths end.
    Destination,
    /// What paths pass.
    Through,
}

impl Place {
    pub(super) fn parameter(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Through => "throughResource",
        }
    }
}

const ENDS: &[Place] = &[Place::Source, Place::Destination];
const THROUGH: &[Place] = &[Place::Through];
const ANYWHERE: &[Place] = &[Place::Source, Place::Destination, Place::Through];

macro_rules! resources {
    ($($(#[$doc:meta])* $kind:ident($id:ident) = $record:ident, $places:ident;)*) => {
        /// A resource that a condition can name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum AccessScopeResource {
            $($(#[$doc])* $kind($id),)*
        }

        impl AccessScopeResource {
            /// Reads an id.
            fn parse(text: &str) -> Option<Self> {
                None$(.or_else(|| text.parse().ok().map(Self::$kind)))*
            }

            /// What ARNs call its kind.
            fn kind(self) -> &'static str {
                match self {
                    $(Self::$kind(_) => <$record as Resource>::NAMING.resource_type,)*
                }
            }

            fn places(self) -> &'static [Place] {
                match self {
                    $(Self::$kind(_) => $places,)*
                }
            }
        }

        impl fmt::Display for AccessScopeResource {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$kind(id) => id.fmt(f),)*
                }
            }
        }
    };
}

resources! {
    /// An instance: all its interfaces.
    Instance(InstanceId) = Instance, ENDS;
    /// An internet gateway.
    InternetGateway(InternetGatewayId) = InternetGateway, ENDS;
    /// A NAT gateway.
    NatGateway(NatGatewayId) = NatGateway, THROUGH;
    /// A network interface.
    NetworkInterface(NetworkInterfaceId) = NetworkInterface, ENDS;
    /// A security group: all interfaces that carry it.
    SecurityGroup(SecurityGroupId) = SecurityGroup, ENDS;
    /// A subnet: all interfaces in it.
    Subnet(SubnetId) = Subnet, ENDS;
    /// An attachment of a transit gateway.
    TransitGatewayAttachment(TransitGatewayAttachmentId) = TransitGatewayAttachment, ANYWHERE;
    /// A VPC: all interfaces in it.
    Vpc(VpcId) = Vpc, ENDS;
    /// A virtual private gateway.
    VpnGateway(VpnGatewayId) = VpnGateway, ENDS;
    /// An endpoint service.
    VpcEndpointService(VpcEndpointServiceId) = VpcEndpointService, ANYWHERE;
    /// A VPC endpoint.
    VpcEndpoint(VpcEndpointId) = VpcEndpoint, ANYWHERE;
    /// A VPC peering connection.
    VpcPeeringConnection(VpcPeeringConnectionId) = VpcPeeringConnection, ANYWHERE;
}

/// A resource as a condition names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedResource {
    /// The resource.
    pub resource: AccessScopeResource,
    /// Whose it is, where the condition has its ARN; otherwise it is one that the scope's account sees.
    pub owner: Option<AccountId>,
}

impl NamedResource {
    fn read(state: &impl State, text: &str, place: Place) -> Result<Self, ServiceError> {
        let unfit = |why: &str| error::invalid_value_for(text, "resource", why);
        let (resource, owner) = if arn::is_meant(text) {
            if NOT_THERE.iter().any(|service| text.split(':').nth(2) == Some(*service)) {
                return Err(error::unsupported(
                    "Resource groups, load balancers and network firewalls are not supported.",
                ));
            }
            let named = arn::read(state, text)
                .ok_or_else(|| unfit("It is not the ARN of a resource of EC2 in this Region."))?;
            let resource = AccessScopeResource::parse(named.id);
            (resource.filter(|resource| resource.kind() == named.kind), Some(named.owner))
        } else {
            (AccessScopeResource::parse(text), None)
        };
        let resource = resource.ok_or_else(|| unfit("It is no resource that an access scope can name."))?;
        if !resource.places().contains(&place) {
            return Err(unfit(&format!("It cannot be a {}.", place.parameter())));
        }
        Ok(Self { resource, owner })
    }

    fn shown(self, state: &impl State) -> String {
        let Some(owner) = self.owner else { return self.resource.to_string() };
        let resource = format!("{}/{}", self.resource.kind(), self.resource);
        Arn::new(state.scope().partition, "ec2", state.region(), owner, &resource).as_str().to_owned()
    }
}

/// The services of what conditions can name on AWS and is not there.
const NOT_THERE: [&str; 3] = ["elasticloadbalancing", "network-firewall", "resource-groups"];

macro_rules! types {
    ($($(#[$doc:meta])* $kind:ident = $text:literal, $places:ident;)*) => {
        /// A type of resources that a condition can name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum AccessScopeResourceType {
            $($(#[$doc])* $kind,)*
        }

        impl AccessScopeResourceType {
            const ALL: &[Self] = &[$(Self::$kind),*];

            /// As requests and answers have it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $text,)*
                }
            }

            fn places(self) -> &'static [Place] {
                match self {
                    $(Self::$kind => $places,)*
                }
            }
        }
    };
}

types! {
    /// Internet gateways.
    InternetGateway = "AWS::EC2::InternetGateway", ENDS;
    /// NAT gateways.
    NatGateway = "AWS::EC2::NatGateway", THROUGH;
    /// Network interfaces. The page does not list them; AWS's own scopes and examples have them.
    NetworkInterface = "AWS::EC2::NetworkInterface", ENDS;
    /// Attachments of transit gateways.
    TransitGatewayAttachment = "AWS::EC2::TransitGatewayAttachment", ANYWHERE;
    /// VPC endpoints.
    VpcEndpoint = "AWS::EC2::VPCEndpoint", DESTINATION_AND_THROUGH;
    /// Endpoint services.
    VpcEndpointService = "AWS::EC2::VPCEndpointService", ANYWHERE;
    /// VPC peering connections.
    VpcPeeringConnection = "AWS::EC2::VPCPeeringConnection", ANYWHERE;
    /// Virtual private gateways.
    VpnGateway = "AWS::EC2::VPNGateway", ENDS;
    /// Classic Load Balancers, of which there are none.
    ClassicLoadBalancer = "AWS::ElasticLoadBalancing::LoadBalancer", THROUGH;
    /// Application, Network and Gateway Load Balancers, of which there are none.
    LoadBalancer = "AWS::ElasticLoadBalancingV2::LoadBalancer", THROUGH;
    /// Network firewalls, of which there are none.
    NetworkFirewall = "AWS::NetworkFirewall::NetworkFirewall", THROUGH;
    /// The same by the name that AWS's example has.
    Firewall = "AWS::NetworkFirewall::Firewall", THROUGH;
}

const DESTINATION_AND_THROUGH: &[Place] = &[Place::Destination, Place::Through];

impl AccessScopeResourceType {
    fn read(text: &str, place: Place) -> Result<Self, ServiceError> {
        let unfit = |why: &str| error::invalid_value_for(text, "resourceType", why);
        let found = Self::ALL.iter().find(|kind| kind.as_str() == text);
        let found = found.ok_or_else(|| unfit("It is no type that an access scope can name."))?;
        if !found.places().contains(&place) {
            return Err(unfit(&format!("It cannot be a {}.", place.parameter())));
        }
        Ok(*found)
    }
}

/// Which components a condition is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResourceStatement {
    /// Any of these.
    Resources(Vec<NamedResource>),
    /// Any of one of these types.
    Types(Vec<AccessScopeResourceType>),
}

impl ResourceStatement {
    pub(super) fn read(
        state: &impl State,
        input: &api::ResourceStatementRequest,
        place: Place,
    ) -> Result<Self, ServiceError> {
        let resources = input.resources.as_deref().unwrap_or_default();
        let types = input.resource_types.as_deref().unwrap_or_default();
        match (resources, types) {
            ([], []) => Err(error::missing_either("resources", "resourceTypes")),
            (resources, []) => {
                let resources = resources.iter().map(|text| NamedResource::read(state, text, place));
                Ok(Self::Resources(resources.collect::<Result<_, _>>()?))
            }
            ([], types) => {
                let types = types.iter().map(|text| AccessScopeResourceType::read(text, place));
                Ok(Self::Types(types.collect::<Result<_, _>>()?))
            }
            _ => Err(error::combination(
                "A resource statement can have either resources or resource types, but not both.",
            )),
        }
    }

    pub(super) fn shown(&self, state: &impl State) -> api::ResourceStatement {
        match self {
            Self::Resources(resources) => api::ResourceStatement {
                resources: Some(resources.iter().map(|named| named.shown(state)).collect()),
                resource_types: None,
            },
            Self::Types(types) => api::ResourceStatement {
                resources: None,
                resource_types: Some(types.iter().map(|kind| kind.as_str().to_owned()).collect()),
            },
        }
    }
}
