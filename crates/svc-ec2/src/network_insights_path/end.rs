//! Where a path begins and ends.
//!
//! Owns which kinds of resources that can be, and how requests name them. Refuses to know how a packet gets from one to the
//! other.
//! <https://docs.aws.amazon.com/vpc/latest/reachability/how-reachability-analyzer-works.html#source-and-destination-resources>

use std::fmt;
use std::net::IpAddr;

use aws_types::{
    AccountId, Arn, InstanceId, InternetGatewayId, NetworkInterfaceId, TransitGatewayAttachmentId,
    TransitGatewayId, VpcEndpointId, VpcEndpointServiceId, VpcPeeringConnectionId, VpnGatewayId,
};
use serde::{Deserialize, Serialize};
use service_api::ServiceError;
use store::Read;

use crate::record::{
    Instance, InternetGateway, NetworkInterface, TransitGateway, TransitGatewayAttachment, VpcEndpoint,
    VpcEndpointService, VpcPeeringConnection, VpnGateway,
};
use crate::state::{Resource, State};
use crate::{arn, error};

macro_rules! resources {
    ($($(#[$doc:meta])* $kind:ident($id:ident) = $record:ident;)*) => {
        /// A resource that a path can begin or end at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum PathResource {
            $($(#[$doc])* $kind($id),)*
        }

        impl PathResource {
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

            /// The owner, if the resource is there: in the account that an ARN says, or else among all that this one sees.
            fn owner(self, state: &impl State, said: Option<AccountId>) -> Option<AccountId> {
                match self {
                    $(Self::$kind(id) => owner_of::<$record>(state, id, said),)*
                }
            }
        }

        impl fmt::Display for PathResource {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$kind(id) => id.fmt(f),)*
                }
            }
        }
    };
}

resources! {
    /// An instance.
    Instance(InstanceId) = Instance;
    /// An internet gateway: whatever is behind it.
    InternetGateway(InternetGatewayId) = InternetGateway;
    /// A network interface.
    NetworkInterface(NetworkInterfaceId) = NetworkInterface;
    /// A transit gateway.
    TransitGateway(TransitGatewayId) = TransitGateway;
    /// One attachment of a transit gateway.
    TransitGatewayAttachment(TransitGatewayAttachmentId) = TransitGatewayAttachment;
    /// A VPC endpoint.
    VpcEndpoint(VpcEndpointId) = VpcEndpoint;
    /// A service that VPC endpoints lead to.
    VpcEndpointService(VpcEndpointServiceId) = VpcEndpointService;
    /// A VPC peering connection.
    VpcPeeringConnection(VpcPeeringConnectionId) = VpcPeeringConnection;
    /// A virtual private gateway.
    VpnGateway(VpnGatewayId) = VpnGateway;
}

/// The end of a path that is a resource. It stays when the resource goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathEnd {
    /// Whose the resource is.
    pub owner: AccountId,
    /// The resource.
    pub resource: PathResource,
}

impl PathEnd {
    /// The resource's ARN.
    pub(super) fn arn(&self, state: &impl State) -> String {
        let resource = format!("{}/{}", self.resource.kind(), self.resource);
        let scope = state.scope();
        Arn::new(scope.partition, "ec2", &scope.region, self.owner, &resource).as_str().to_owned()
    }
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathDestination {
    /// To a resource.
    Resource(PathEnd),
    /// To an address, wherever it is.
    Address(IpAddr),
}

/// Which end of a path a request speaks of.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Source,
    Destination,
}

impl End {
    fn parameter(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }

    fn not_found(self, text: &str) -> ServiceError {
        let code = match self {
            Self::Source => "NetworkInsightsSource.NotFound",
            Self::Destination => "NetworkInsightsDestination.NotFound",
        };
        ServiceError::new(code, format!("The {} '{text}' does not exist", self.parameter()))
    }

    /// Finds what a request names by its id or ARN.
    ///
    /// # Errors
    /// `InvalidParameterValue` for what can be no end of a path; `NetworkInsightsSource.NotFound` and
    /// `NetworkInsightsDestination.NotFound`.
    pub(super) fn find(self, state: &impl State, text: &str) -> Result<PathEnd, ServiceError> {
        let unfit = |why: &str| error::invalid_value_for(text, self.parameter(), why);
        let (resource, said) = if arn::is_meant(text) {
            let named = arn::read(state, text)
                .ok_or_else(|| unfit("It is not the ARN of a resource of EC2 in this Region."))?;
            let resource = PathResource::parse(named.id).filter(|resource| resource.kind() == named.kind);
            (resource, Some(named.owner))
        } else {
            (PathResource::parse(text), None)
        };
        let resource = resource.ok_or_else(|| {
            unfit(
                "It has to be the ID or ARN of an instance, internet gateway, network interface, transit gateway, \
                 transit gateway attachment, VPC endpoint, VPC endpoint service, VPC peering connection or virtual \
                 private gateway.",
            )
        })?;
        let owner = resource.owner(state, said).ok_or_else(|| self.not_found(text))?;
        Ok(PathEnd { owner, resource })
    }
}

fn owner_of<R: Resource>(state: &impl State, id: R::Id, said: Option<AccountId>) -> Option<AccountId> {
    let Some(owner) = said else { return state.seen::<R>(id).map(|held| held.owner) };
    let found = state.reader().get::<R>(&state.part_of(owner), &id.to_string())?;
    found.is_visible(state.now()).then_some(owner)
}
