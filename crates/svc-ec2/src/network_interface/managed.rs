//! Interfaces that a service makes and manages for users.
//!
//! Owns how they differ from those that users make: they are in use for life, requests cannot change or delete them, and
//! they have no security groups but those that their maker gives them. Refuses to know the services' resources.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html>

use aws_types::NetworkInterfaceId;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use super::{NetworkInterface, NewInterface, check_quota, make, remove};
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::subnet::address::Addresses;

/// How the ids begin of attachments that a service holds its interfaces by.
pub(super) const MANAGED_ATTACHMENT: &str = "ela-attach-";

/// What an interface is for that a service made, as `interfaceType` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManagedKind {
    /// A NAT gateway's.
    NatGateway,
    /// A transit gateway attachment's.
    TransitGateway,
    /// An interface endpoint's.
    VpcEndpoint,
    /// A Gateway Load Balancer endpoint's.
    GatewayLoadBalancerEndpoint,
}

impl ManagedKind {
    /// The text of `interfaceType`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NatGateway => "nat_gateway",
            Self::TransitGateway => "transit_gateway",
            Self::VpcEndpoint => "vpc_endpoint",
            Self::GatewayLoadBalancerEndpoint => "gateway_load_balancer_endpoint",
        }
    }

    /// As which account AWS makes such interfaces.
    pub(crate) fn requester(self) -> &'static str {
        match self {
            Self::NatGateway | Self::TransitGateway => "amazon-aws",
            Self::VpcEndpoint | Self::GatewayLoadBalancerEndpoint => "727180483921",
        }
    }

    /// Whether it takes and sends only what is for and from its own addresses.
    fn source_dest_check(self) -> bool {
        match self {
            // A gateway takes what is for others.
            Self::NatGateway => false,
            Self::TransitGateway | Self::VpcEndpoint | Self::GatewayLoadBalancerEndpoint => true,
        }
    }
}

/// Makes and writes an interface for a service.
///
/// # Errors
/// Addresses that the subnet does not give, `NetworkInterfaceLimitExceeded`.
pub(crate) fn make_managed(
    edit: &mut Edit<'_>,
    subnet: &Subnet,
    kind: ManagedKind,
    new: NewInterface,
) -> Result<NetworkInterface, ServiceError> {
    check_quota(edit, 1)?;
    let groups = new.groups.clone();
    let mut addresses = Addresses::of(edit, subnet);
    let made = make(edit, subnet, &mut addresses, new)?;
    let source_dest_check = kind.source_dest_check();
    let interface = NetworkInterface { kind: Some(kind), groups, source_dest_check, ..made };
    edit.put(interface.clone());
    Ok(interface)
}

/// Removes an interface that a service made. One that is gone already is no error: what it belonged to can be deleted all
/// the same.
pub(crate) fn remove_managed(edit: &mut Edit<'_>, id: NetworkInterfaceId) {
    if let Some(interface) = edit.own::<NetworkInterface>(id) {
        remove(edit, &interface);
    }
}
