//! VPC endpoints that routes lead to. Interface endpoints are interfaces like others. Refuses to know policies.

use std::net::IpAddr;

use aws_types::{VpcEndpointId, VpcId};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A VPC endpoint that is available.
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/concepts.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VpcEndpoint {
    /// Its id.
    pub id: VpcEndpointId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Where it leads.
    pub kind: VpcEndpointKind,
}

/// Where an endpoint leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VpcEndpointKind {
    /// To a service of AWS, by a prefix list (fact 59).
    Gateway(ManagedService),
    /// To the appliances behind a Gateway Load Balancer. There is none yet, so what comes here goes nowhere.
    GatewayLoadBalancer,
}

/// A service of AWS that has public addresses and is run by this cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ManagedService {
    /// Amazon S3.
    S3,
    /// Amazon DynamoDB.
    DynamoDb,
}

impl ManagedService {
    /// Every service.
    pub const ALL: [Self; 2] = [Self::S3, Self::DynamoDb];
}

/// The public addresses of a service in a region: what its prefix list has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceAddresses {
    /// The block; no other block of a service or of the cloud's public addresses overlaps it.
    pub id: IpNet,
    /// The service that answers there.
    pub service: ManagedService,
}

/// A range of public addresses of the cloud: what it gives, or keeps for itself. What nobody in it has, nobody outside has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PublicAddresses {
    /// The range.
    pub id: IpNet,
}

/// A host of the simulated internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InternetHost {
    /// Its address.
    pub id: IpAddr,
    /// Where it is.
    pub place: InternetPlace,
}

/// Which side of the simulated internet a host is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum InternetPlace {
    /// One that was declared.
    Declared,
    /// The machine that the cloud runs on.
    Workstation,
}
