//! VPC peering connections. Refuses to know how one comes to be.

use aws_types::{VpcId, VpcPeeringConnectionId};
use serde::{Deserialize, Serialize};

/// A VPC peering connection that is active.
/// <https://docs.aws.amazon.com/vpc/latest/peering/what-is-vpc-peering.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VpcPeeringConnection {
    /// Its id.
    pub id: VpcPeeringConnectionId,
    /// The VPC that asked.
    pub requester: VpcId,
    /// The VPC that was asked.
    pub accepter: VpcId,
    /// Whether the two are in different regions.
    pub is_inter_region: bool,
}

impl VpcPeeringConnection {
    /// The VPC at the other side of one of its two.
    pub fn peer_of(&self, vpc: VpcId) -> Option<VpcId> {
        if vpc == self.requester {
            Some(self.accepter)
        } else if vpc == self.accepter {
            Some(self.requester)
        } else {
            None
        }
    }
}
