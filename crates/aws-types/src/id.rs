//! Resource ids: a prefix and 17 hexadecimal digits, as EC2 has made them since 2016.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The random part of an id: 17 hexadecimal digits, 68 bits.
const ID_DIGITS: usize = 17;

/// The text is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid id: \"{text}\" (expecting \"{prefix}-...\")")]
pub struct ParseIdError {
    /// What was given.
    pub text: String,
    /// The prefix of the wanted kind, without the hyphen.
    pub prefix: &'static str,
}

/// What every resource id can do; implemented by the id newtypes of this module.
pub trait ResourceId: Copy + Eq + Ord + std::hash::Hash + fmt::Display + FromStr<Err = ParseIdError> {
    /// The letters before the hyphen, such as `vpc`.
    const PREFIX: &'static str;

    /// Makes an id of the low 68 bits.
    fn from_bits(bits: u128) -> Self;
}

fn parse_bits(text: &str, prefix: &'static str) -> Result<u128, ParseIdError> {
    let error = || ParseIdError { text: text.to_owned(), prefix };
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).ok_or_else(error)?;
    let lower_hex = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if digits.len() != ID_DIGITS || !lower_hex {
        return Err(error());
    }
    u128::from_str_radix(digits, 16).map_err(|_| error())
}

macro_rules! resource_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(u128);

        impl ResourceId for $name {
            const PREFIX: &'static str = $prefix;

            fn from_bits(bits: u128) -> Self {
                Self(bits & ((1 << (4 * ID_DIGITS)) - 1))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_bits(text, $prefix).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{:017x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

resource_ids! {
    /// A virtual private cloud.
    VpcId = "vpc";
    /// The association of a VPC with one of its CIDR blocks.
    VpcCidrAssociationId = "vpc-cidr-assoc";
    /// A subnet.
    SubnetId = "subnet";
    /// The association of a subnet with an IPv6 CIDR block.
    SubnetCidrAssociationId = "subnet-cidr-assoc";
    /// A reserved block of a subnet.
    SubnetCidrReservationId = "scr";
    /// A route table.
    RouteTableId = "rtb";
    /// The association of a route table with a subnet, a gateway, or a VPC as its main table.
    RouteTableAssociationId = "rtbassoc";
    /// A security group.
    SecurityGroupId = "sg";
    /// One rule of a security group.
    SecurityGroupRuleId = "sgr";
    /// A network access control list.
    NetworkAclId = "acl";
    /// The association of a network ACL with a subnet.
    NetworkAclAssociationId = "aclassoc";
    /// An elastic network interface.
    NetworkInterfaceId = "eni";
    /// The attachment of a network interface to an instance.
    NetworkInterfaceAttachmentId = "eni-attach";
    /// What another account may do with a network interface.
    NetworkInterfacePermissionId = "eni-perm";
    /// A VPC or subnet that the options of VPC Block Public Access do not hold for.
    VpcBlockPublicAccessExclusionId = "vpcbpa-exclude";
    /// An instance.
    InstanceId = "i";
    /// The reservation that one RunInstances call makes.
    ReservationId = "r";
    /// An Amazon machine image.
    ImageId = "ami";
    /// A key pair.
    KeyPairId = "key";
    /// A DHCP option set.
    DhcpOptionsId = "dopt";
    /// The allocation of an elastic IP address to an account.
    AllocationId = "eipalloc";
    /// The association of an elastic IP address with a private address.
    AddressAssociationId = "eipassoc";
    /// An internet gateway.
    InternetGatewayId = "igw";
    /// An egress-only internet gateway.
    EgressOnlyInternetGatewayId = "eigw";
    /// A VPC peering connection.
    VpcPeeringConnectionId = "pcx";
    /// A NAT gateway.
    NatGatewayId = "nat";
    /// A volume.
    VolumeId = "vol";
    /// A snapshot of a volume.
    SnapshotId = "snap";
    /// A placement group.
    PlacementGroupId = "pg";
    /// A managed prefix list.
    PrefixListId = "pl";
    /// A flow log.
    FlowLogId = "fl";
    /// A customer gateway.
    CustomerGatewayId = "cgw";
    /// A virtual private gateway.
    VpnGatewayId = "vgw";
    /// A Site-to-Site VPN connection.
    VpnConnectionId = "vpn";
    /// A VPC endpoint.
    VpcEndpointId = "vpce";
    /// A service that VPC endpoints lead to.
    VpcEndpointServiceId = "vpce-svc";
    /// The permission of a principal to use an endpoint service.
    VpcEndpointServicePermissionId = "vpce-svc-perm";
    /// The connection of a VPC endpoint with the service of a customer.
    VpcEndpointConnectionId = "vpce-con";
    /// What is told to whom about connections of endpoints.
    ConnectionNotificationId = "vpce-nfn";
    /// A transit gateway.
    TransitGatewayId = "tgw";
    /// An attachment of a transit gateway.
    TransitGatewayAttachmentId = "tgw-attach";
    /// A Connect peer of a transit gateway.
    TransitGatewayConnectPeerId = "tgw-connect-peer";
    /// A route table of a transit gateway.
    TransitGatewayRouteTableId = "tgw-rtb";
    /// A launch template.
    LaunchTemplateId = "lt";
    /// A pool of the IPv6 addresses of a range that an account has brought.
    Ipv6PoolId = "ipv6pool-ec2";
    /// A pool of the IPv4 addresses of a range that an account has brought.
    PublicIpv4PoolId = "ipv4pool-ec2";
    /// A path to be analysed for reachability.
    NetworkInsightsPathId = "nip";
    /// An analysis of such a path.
    NetworkInsightsAnalysisId = "nia";
    /// A Network Access Scope.
    NetworkInsightsAccessScopeId = "nis";
    /// An analysis of a Network Access Scope.
    NetworkInsightsAccessScopeAnalysisId = "nisa";
    /// The association of an IAM instance profile with an instance.
    IamInstanceProfileAssociationId = "iip-assoc";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_17_digits_and_reads_them_back() {
        let id = VpcId::from_bits(u128::MAX);
        assert_eq!(id.to_string(), "vpc-fffffffffffffffff");
        assert_eq!(VpcId::from_bits(0xabc).to_string(), "vpc-00000000000000abc");
        assert_eq!("vpc-00000000000000abc".parse(), Ok(VpcId::from_bits(0xabc)));
    }

    #[test]
    fn refuses_other_prefixes_cases_and_lengths() {
        for bad in [
            "",
            "vpc-",
            "vpc-1a2b3c4d",
            "subnet-00000000000000abc",
            "vpc-00000000000000ABC",
            "vpc-+0000000000000abc",
        ] {
            let error = bad.parse::<VpcId>().unwrap_err();
            assert_eq!(error.to_string(), format!("Invalid id: \"{bad}\" (expecting \"vpc-...\")"));
        }
        assert!("vpc-cidr-assoc-00000000000000abc".parse::<VpcId>().is_err());
    }
}
