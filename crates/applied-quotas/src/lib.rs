//! The quotas that AWS gives a public code, and what an account's were raised to in a region.
//!
//! Owns their codes, names and defaults, and the record of a value that differs from the default. Refuses to count
//! resources (their service does), and to know how a value is asked for.
//!
//! <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>
//! <https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-connection-quotas.html>
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html>
//! <https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-quotas.html>
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html>

use serde::{Deserialize, Serialize};
use store::{Read, Record, Scope, Transaction};

/// One quota of an account in a region.
#[derive(Debug)]
pub struct Quota {
    /// The code of its service, such as `vpc`.
    pub service: &'static str,
    /// Its own code, such as `L-F678F1CE`.
    pub code: &'static str,
    /// What AWS calls it.
    pub name: &'static str,
    /// Its value before anybody asked for more.
    pub default: u64,
    /// The value beyond which AWS does not raise it, where AWS names one.
    pub most: Option<u64>,
    /// The quotas that rise with it, by as much.
    pub raises: &'static [&'static Quota],
}

/// What a quota was raised to. Stored under the account's scope in the region, by [`Quota::id`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedQuota {
    /// The value that holds.
    pub value: u64,
}

impl Record for AppliedQuota {
    const KIND: &'static str = "service-quotas.applied";
}

impl Quota {
    /// The service's code and its own: `vpc/L-F678F1CE`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.service, self.code)
    }

    /// The value that holds in an account and region.
    pub fn value(&self, reader: &impl Read, scope: &Scope) -> u64 {
        reader.get::<AppliedQuota>(scope, &self.id()).map_or(self.default, |applied| applied.value)
    }

    /// Lets another value hold from now on.
    pub fn apply(&self, transaction: &mut Transaction, scope: &Scope, value: u64) {
        transaction.put(scope, &self.id(), AppliedQuota { value });
    }
}

macro_rules! quotas {
    ($($(#[$doc:meta])* $name:ident = $service:literal, $code:literal, $said:literal, $default:literal
        $(, at most $most:literal)? $(, raises $($raised:ident)+)?;)*) => {
        $(
            $(#[$doc])*
            pub static $name: Quota = Quota {
                service: $service,
                code: $code,
                name: $said,
                default: $default,
                most: quotas!(@most $($most)?),
                raises: &[$($(&$raised),+)?],
            };
        )*

        /// All of them, in the order of their service and code.
        pub static ALL: &[&Quota] = &[$(&$name),*];
    };
    (@most) => { None };
    (@most $most:literal) => { Some($most) };
}

quotas! {
    /// Elastic IP addresses in a region.
    ELASTIC_IPS_PER_REGION = "ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5;
    /// vCPUs of running instances of the standard families. AWS's own default is 5; see `docs/differences.md`.
    STANDARD_VCPUS = "ec2", "L-1216C47A",
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 1152;
    /// Versions of a launch template.
    VERSIONS_PER_LAUNCH_TEMPLATE = "ec2", "L-142B4294", "Launch template versions", 10000;
    /// Site-to-Site VPN connections in a region.
    VPN_CONNECTIONS_PER_REGION = "ec2", "L-3E6EC3A3", "VPN connections per region", 50;
    /// Route tables of a transit gateway.
    ROUTE_TABLES_PER_TRANSIT_GATEWAY = "ec2", "L-43872EB7", "Route Tables per transit gateway", 20;
    /// Customer gateways in a region.
    CUSTOMER_GATEWAYS_PER_REGION = "ec2", "L-4FB7FF5D", "Customer gateways per region", 50;
    /// Virtual private gateways in a region.
    VPN_GATEWAYS_PER_REGION = "ec2", "L-7029FAB6", "Virtual private gateways per region", 5;
    /// Transit gateways in a region.
    TRANSIT_GATEWAYS_PER_ACCOUNT = "ec2", "L-A2478D36", "Transit gateways per account", 5;
    /// Site-to-Site VPN connections of a virtual private gateway.
    VPN_CONNECTIONS_PER_GATEWAY = "ec2", "L-B91E5754", "VPN connections per VGW", 10;
    /// Routes of a transit gateway, in all its tables.
    STATIC_ROUTES_PER_TRANSIT_GATEWAY = "ec2", "L-BCC1FB47", "Routes per transit gateway", 10000;
    /// Attachments of a transit gateway.
    ATTACHMENTS_PER_TRANSIT_GATEWAY = "ec2", "L-E0233F82", "Attachments per transit gateway", 5000;
    /// Launch templates in a region.
    LAUNCH_TEMPLATES_PER_REGION = "ec2", "L-FB451C26", "Launch templates", 5000;
    /// IPv6 blocks of a VPC.
    IPV6_BLOCKS_PER_VPC = "vpc", "L-085A6257", "IPv6 CIDR blocks per VPC", 5, at most 50;
    /// Rules in one direction of a security group.
    RULES_PER_SECURITY_GROUP = "vpc", "L-0EA8095F", "Inbound or outbound rules per security group", 60,
        at most 1000;
    /// Gateway endpoints in a region.
    GATEWAY_ENDPOINTS_PER_REGION = "vpc", "L-1B52E74A", "Gateway VPC endpoints per Region", 20;
    /// Interface endpoints and Gateway Load Balancer endpoints in a VPC.
    INTERFACE_ENDPOINTS_PER_VPC = "vpc", "L-29B6F2EB", "Interface VPC endpoints per VPC", 50;
    /// Rules in one direction of a network ACL.
    RULES_PER_NETWORK_ACL = "vpc", "L-2AEEBF1A", "Rules per network ACL", 20, at most 40;
    /// Security groups on a network interface.
    SECURITY_GROUPS_PER_INTERFACE = "vpc", "L-2AFB9258", "Security groups per network interface", 5, at most 16;
    /// Subnets in a VPC.
    SUBNETS_PER_VPC = "vpc", "L-407747CB", "Subnets per VPC", 200;
    /// Egress-only internet gateways in a region.
    EGRESS_ONLY_INTERNET_GATEWAYS_PER_REGION = "vpc", "L-45FE3B85", "Egress-only internet gateways per Region", 5;
    /// Route tables in a VPC.
    ROUTE_TABLES_PER_VPC = "vpc", "L-589F43AA", "Route tables per VPC", 200;
    /// Elastic IP addresses of a public NAT gateway.
    ELASTIC_IPS_PER_NAT_GATEWAY = "vpc", "L-5F53652F", "Elastic IP address quota per NAT gateway", 2, at most 8;
    /// VPC peering connections of a VPC that are active.
    ACTIVE_PEERING_CONNECTIONS_PER_VPC = "vpc", "L-7E9ECCDB", "Active VPC peering connections per VPC", 50,
        at most 125;
    /// IPv4 blocks of a VPC, the primary one included.
    IPV4_BLOCKS_PER_VPC = "vpc", "L-83CA0A9D", "IPv4 CIDR blocks per VPC", 5, at most 50;
    /// Routes in a route table.
    ROUTES_PER_ROUTE_TABLE = "vpc", "L-93826ACB", "Routes per route table", 50, at most 1000;
    /// Internet gateways in a region.
    INTERNET_GATEWAYS_PER_REGION = "vpc", "L-A4707A72", "Internet gateways per Region", 5;
    /// Network ACLs in a VPC.
    NETWORK_ACLS_PER_VPC = "vpc", "L-B4A6D682", "Network ACLs per VPC", 200;
    /// Requests for VPC peering connections that are not answered.
    OUTSTANDING_PEERING_REQUESTS = "vpc", "L-DC9F7029", "Outstanding VPC peering connection requests", 25;
    /// Network interfaces in a region.
    NETWORK_INTERFACES_PER_REGION = "vpc", "L-DF5E4CA3", "Network interfaces per Region", 5000;
    /// Private addresses of a NAT gateway.
    ADDRESSES_PER_NAT_GATEWAY = "vpc", "L-DFA99DE7", "Private IP address quota per NAT gateway", 8;
    /// Security groups in a region.
    SECURITY_GROUPS_PER_REGION = "vpc", "L-E79EC296", "VPC security groups per Region", 2500;
    /// VPCs in a region. Raising it raises those of gateways, which no VPC needs two of.
    VPCS_PER_REGION = "vpc", "L-F678F1CE", "VPCs per Region", 5,
        raises INTERNET_GATEWAYS_PER_REGION EGRESS_ONLY_INTERNET_GATEWAYS_PER_REGION;
    /// NAT gateways in a zone.
    NAT_GATEWAYS_PER_ZONE = "vpc", "L-FE5A380F", "NAT gateways per Availability Zone", 5;
}

#[cfg(test)]
mod tests {
    use aws_types::Partition;
    use store::{MemoryBackend, Store, StoreError};

    use super::*;

    #[test]
    fn codes_are_sorted_and_no_two_are_the_same() {
        let ids: Vec<String> = ALL.iter().map(|quota| quota.id()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        for quota in ALL {
            let digits = quota.code.strip_prefix("L-").unwrap();
            assert!(
                digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
                "{}",
                quota.code
            );
        }
    }

    #[test]
    fn a_value_holds_in_one_account_and_region() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let scope = |account: &str, region: &str| {
            Scope::new(Partition::Aws, account.parse().unwrap(), region.parse().unwrap())
        };
        let here = scope("123456789012", "us-east-1");
        let applied = store.transact(|transaction| {
            VPCS_PER_REGION.apply(transaction, &here, 50);
            Ok::<_, StoreError>(VPCS_PER_REGION.value(transaction, &here))
        });
        assert_eq!(applied.unwrap(), 50);
        let snapshot = store.snapshot();
        assert_eq!(SUBNETS_PER_VPC.value(&snapshot, &here), 200);
        for elsewhere in [scope("123456789012", "us-west-2"), scope("210987654321", "us-east-1")] {
            assert_eq!(VPCS_PER_REGION.value(&snapshot, &elsewhere), 5);
        }
    }
}
