//! Quotas, as AWS sets them for a new account.
//!
//! Owns the numbers and the errors. Refuses to count: the caller does, because only it knows what counts. A quota with a
//! public code can be raised; the value that holds is read from `applied-quotas`.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>

use service_api::ServiceError;

use crate::state::{Edit, State};
use crate::volume::VolumeType;

/// One quota: how many there can be, and the error when there would be more.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// How many there can be unless the quota was raised.
    pub most: usize,
    public: Option<&'static applied_quotas::Quota>,
    code: &'static str,
    message: &'static str,
}

macro_rules! quotas {
    ($($(#[$doc:meta])* $name:ident = $most:literal, $code:literal, $message:literal $(, $public:ident)?;)*) => {$(
        $(#[$doc])*
        pub const $name: Quota =
            Quota { most: $most, public: quotas!(@public $($public)?), code: $code, message: $message };
    )*

        /// All of them, by their names here.
        pub const ALL: &[(&str, Quota)] = &[$((stringify!($name), $name)),*];
    };
    (@public) => { None };
    (@public $public:ident) => { Some(&applied_quotas::$public) };
}

quotas! {
    /// VPCs in a region.
    VPCS_PER_REGION = 5, "VpcLimitExceeded", "The maximum number of VPCs has been reached.", VPCS_PER_REGION;
    /// IPv4 blocks of a VPC, the primary one included. The message is made where it is checked: it names the VPC.
    IPV4_BLOCKS_PER_VPC = 5, "CidrLimitExceeded", "", IPV4_BLOCKS_PER_VPC;
    /// IPv6 blocks of a VPC.
    IPV6_BLOCKS_PER_VPC = 5, "CidrLimitExceeded", "", IPV6_BLOCKS_PER_VPC;
    /// Address ranges that an account has brought to a region, of IPv4 and IPv6 together.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-byoip.html#byoip-requirements>
    BYOIP_CIDRS_PER_REGION = 5, "ResourceLimitExceeded",
        "The number of BYOIP CIDRs for this account has reached the maximum allowed limit.";
    /// Subnets in a VPC.
    SUBNETS_PER_VPC = 200, "SubnetLimitExceeded", "The maximum number of subnets has been reached.", SUBNETS_PER_VPC;
    /// Route tables in a VPC, the main one included.
    ROUTE_TABLES_PER_VPC = 200, "RouteTableLimitExceeded", "The maximum number of route tables has been reached.", ROUTE_TABLES_PER_VPC;
    /// Network ACLs in a VPC.
    NETWORK_ACLS_PER_VPC = 200, "NetworkAclLimitExceeded", "The maximum number of network acls has been reached.", NETWORK_ACLS_PER_VPC;
    /// Rules in one direction of a network ACL, for IPv4 and for IPv6 each; the default deny counts.
    RULES_PER_NETWORK_ACL = 20, "NetworkAclEntryLimitExceeded",
        "The maximum number of network acl entries has been reached.", RULES_PER_NETWORK_ACL;
    /// Internet gateways in a region: as many as VPCs.
    INTERNET_GATEWAYS_PER_REGION = 5, "InternetGatewayLimitExceeded",
        "The maximum number of internet gateways has been reached.", INTERNET_GATEWAYS_PER_REGION;
    /// Egress-only internet gateways in a region: as many as VPCs.
    EGRESS_ONLY_INTERNET_GATEWAYS_PER_REGION = 5, "EgressOnlyInternetGatewayLimitExceeded",
        "The maximum number of egress-only internet gateways has been reached.", EGRESS_ONLY_INTERNET_GATEWAYS_PER_REGION;
    /// Routes in a route table beside the local ones, for IPv4 and for IPv6 each.
    ROUTES_PER_ROUTE_TABLE = 50, "RouteLimitExceeded", "The maximum number of routes has been reached.", ROUTES_PER_ROUTE_TABLE;
    /// Security groups in a region.
    SECURITY_GROUPS_PER_REGION = 2500, "SecurityGroupLimitExceeded",
        "The maximum number of security groups has been reached.", SECURITY_GROUPS_PER_REGION;
    /// Rules in one direction of a security group, for IPv4 and for IPv6 each.
    RULES_PER_SECURITY_GROUP = 60, "RulesPerSecurityGroupLimitExceeded",
        "The maximum number of rules per security group has been reached.", RULES_PER_SECURITY_GROUP;
    /// Security groups on a network interface.
    SECURITY_GROUPS_PER_INTERFACE = 5, "SecurityGroupsPerInterfaceLimitExceeded",
        "The maximum number of security groups per interface has been reached.", SECURITY_GROUPS_PER_INTERFACE;
    /// Network interfaces in a region.
    NETWORK_INTERFACES_PER_REGION = 5000, "NetworkInterfaceLimitExceeded",
        "The maximum number of network interfaces has been reached.", NETWORK_INTERFACES_PER_REGION;
    /// Managed prefix lists in a region. AWS publishes the number and not the code.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-quotas-managed-prefix-lists>
    PREFIX_LISTS_PER_REGION = 100, "PrefixListLimitExceeded", "The maximum number of prefix lists has been reached.";
    /// VPC peering connections of a VPC that are active.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-peering>
    ACTIVE_PEERING_CONNECTIONS_PER_VPC = 50, "ActiveVpcPeeringConnectionPerVpcLimitExceeded",
        "The maximum number of active VPC peering connections has been reached.", ACTIVE_PEERING_CONNECTIONS_PER_VPC;
    /// Requests for VPC peering connections of an account in a region that are not answered.
    OUTSTANDING_PEERING_REQUESTS = 25, "OutstandingVpcPeeringConnectionLimitExceeded",
        "The maximum number of outstanding VPC peering connection requests has been reached.", OUTSTANDING_PEERING_REQUESTS;
    /// Gateway endpoints in a region.
    /// <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html>
    GATEWAY_ENDPOINTS_PER_REGION = 20, "VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached.", GATEWAY_ENDPOINTS_PER_REGION;
    /// Interface endpoints and Gateway Load Balancer endpoints in a VPC.
    INTERFACE_ENDPOINTS_PER_VPC = 50, "VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached.", INTERFACE_ENDPOINTS_PER_VPC;
    /// NAT gateways in a zone.
    NAT_GATEWAYS_PER_ZONE = 5, "NatGatewayLimitExceeded", "The maximum number of NAT Gateways has been reached.", NAT_GATEWAYS_PER_ZONE;
    /// Elastic IP addresses of a public NAT gateway. AWS publishes the number and not the code.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-gateways>
    ELASTIC_IPS_PER_NAT_GATEWAY = 2, "NatGatewayAddressLimitExceeded",
        "The maximum number of Elastic IP addresses of a NAT gateway has been reached.", ELASTIC_IPS_PER_NAT_GATEWAY;
    /// Private addresses of a NAT gateway. AWS publishes the number and not the code.
    ADDRESSES_PER_NAT_GATEWAY = 8, "NatGatewayAddressLimitExceeded",
        "The maximum number of addresses of a NAT gateway has been reached.", ADDRESSES_PER_NAT_GATEWAY;
    /// Exclusions of VPC Block Public Access in a region. AWS publishes the number and not the code.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa.html>
    BLOCK_PUBLIC_ACCESS_EXCLUSIONS_PER_REGION = 50, "VpcBlockPublicAccessExclusionLimitExceeded",
        "The maximum number of VPC Block Public Access exclusions has been reached.";
    /// Elastic IP addresses in a region.
    ELASTIC_IPS_PER_REGION = 5, "AddressLimitExceeded", "The maximum number of addresses has been reached.",
        ELASTIC_IPS_PER_REGION;
    /// Flow logs of one resource.
    FLOW_LOGS_PER_RESOURCE = 2, "FlowLogsLimitExceeded", "The maximum number of flow logs has been reached.";
    /// Customer gateways in a region. <https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html>
    CUSTOMER_GATEWAYS_PER_REGION = 50, "CustomerGatewayLimitExceeded",
        "The maximum number of customer gateways has been reached.", CUSTOMER_GATEWAYS_PER_REGION;
    /// Virtual private gateways in a region.
    VPN_GATEWAYS_PER_REGION = 5, "VpnGatewayLimitExceeded",
        "The maximum number of virtual private gateways has been reached.", VPN_GATEWAYS_PER_REGION;
    /// Site-to-Site VPN connections in a region.
    VPN_CONNECTIONS_PER_REGION = 50, "VpnConnectionLimitExceeded",
        "The maximum number of VPN connections has been reached.", VPN_CONNECTIONS_PER_REGION;
    /// Site-to-Site VPN connections of a virtual private gateway.
    VPN_CONNECTIONS_PER_GATEWAY = 10, "VpnConnectionLimitExceeded",
        "The maximum number of VPN connections of the virtual private gateway has been reached.", VPN_CONNECTIONS_PER_GATEWAY;
    /// Transit gateways of an account. AWS publishes the numbers of these five and not their codes.
    /// <https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-quotas.html>
    TRANSIT_GATEWAYS_PER_ACCOUNT = 5, "TransitGatewayLimitExceeded",
        "The maximum number of transit gateways has been reached.", TRANSIT_GATEWAYS_PER_ACCOUNT;
    /// Route tables of a transit gateway.
    ROUTE_TABLES_PER_TRANSIT_GATEWAY = 20, "TransitGatewayRouteTableLimitExceeded",
        "The maximum number of transit gateway route tables has been reached.", ROUTE_TABLES_PER_TRANSIT_GATEWAY;
    /// Attachments of a transit gateway.
    ATTACHMENTS_PER_TRANSIT_GATEWAY = 5000, "TransitGatewayAttachmentLimitExceeded",
        "The maximum number of transit gateway attachments has been reached.", ATTACHMENTS_PER_TRANSIT_GATEWAY;
    /// Static routes of a transit gateway, in all its tables.
    STATIC_ROUTES_PER_TRANSIT_GATEWAY = 10000, "TransitGatewayRouteLimitExceeded",
        "The maximum number of transit gateway routes has been reached.", STATIC_ROUTES_PER_TRANSIT_GATEWAY;
    /// Connect peers of a Connect attachment.
    PEERS_PER_CONNECT = 4, "TransitGatewayConnectPeerLimitExceeded",
        "The maximum number of transit gateway Connect peers has been reached.";
    /// Launch templates in a region. AWS publishes the number and not the code.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-launch-templates.html#launch-template-restrictions>
    LAUNCH_TEMPLATES_PER_REGION = 5000, "LaunchTemplateLimitExceeded",
        "The maximum number of launch templates has been reached.", LAUNCH_TEMPLATES_PER_REGION;
    /// Snapshots in a region. <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html>
    SNAPSHOTS_PER_REGION = 100_000, "SnapshotLimitExceeded", "The maximum number of snapshots has been reached.";
    /// Placement groups in a region.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-groups.html#placement-groups-limitations>
    PLACEMENT_GROUPS_PER_REGION = 500, "PlacementGroupLimitExceeded",
        "The maximum number of placement groups has been reached.";
    /// What the volumes of one type hold together, in TiB. The message is made where it is checked: it names the type.
    /// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html>
    STORAGE_TIB_PER_VOLUME_TYPE = 50, "VolumeLimitExceeded", "";
    /// The same for io2.
    STORAGE_TIB_OF_IO2 = 20, "VolumeLimitExceeded", "";
    /// Paths of Reachability Analyzer in a region. The codes are those that the handlers know which AWS publishes for
    /// CloudFormation's resources of these kinds.
    /// <https://docs.aws.amazon.com/vpc/latest/reachability/reachability-analyzer-limits.html>
    NETWORK_INSIGHTS_PATHS_PER_REGION = 100, "NetworkInsightsPath.LimitExceeded",
        "The maximum number of network insights paths has been reached.";
    /// Analyses of paths in a region.
    NETWORK_INSIGHTS_ANALYSES_PER_REGION = 1000, "NetworkInsightsAnalysis.LimitExceeded",
        "The maximum number of network insights analyses has been reached.";
    /// Analyses of paths that run at once.
    RUNNING_NETWORK_INSIGHTS_ANALYSES = 6, "NetworkInsightsAnalysis.LimitExceeded",
        "The maximum number of concurrent network insights analyses has been reached.";
    /// Network Access Scopes in a region. AWS publishes the numbers of these three and not their codes.
    /// <https://docs.aws.amazon.com/vpc/latest/network-access-analyzer/network-access-analyzer-limits.html>
    NETWORK_INSIGHTS_ACCESS_SCOPES_PER_REGION = 1000, "NetworkInsightsAccessScope.LimitExceeded",
        "The maximum number of network insights access scopes has been reached.";
    /// Analyses of Network Access Scopes in a region.
    NETWORK_INSIGHTS_ACCESS_SCOPE_ANALYSES_PER_REGION = 10_000, "NetworkInsightsAccessScopeAnalysis.LimitExceeded",
        "The maximum number of network insights access scope analyses has been reached.";
    /// Analyses of Network Access Scopes that run at once.
    RUNNING_NETWORK_INSIGHTS_ACCESS_SCOPE_ANALYSES = 25, "NetworkInsightsAccessScopeAnalysis.LimitExceeded",
        "The maximum number of concurrent network insights access scope analyses has been reached.";
    /// Versions of a launch template. AWS publishes the number and not the code.
    VERSIONS_PER_LAUNCH_TEMPLATE = 10000, "LaunchTemplateVersionLimitExceeded",
        "The maximum number of launch template versions has been reached.", VERSIONS_PER_LAUNCH_TEMPLATE;
}

/// The quotas that Service Quotas does not know, each with why: they have no code there, and cannot be raised here.
pub const WITHOUT_PUBLIC_CODE: &[(&str, &str)] = &[
    ("BLOCK_PUBLIC_ACCESS_EXCLUSIONS_PER_REGION", "AWS raises it by a support case"),
    ("BYOIP_CIDRS_PER_REGION", "AWS raises it by a support case"),
    ("FLOW_LOGS_PER_RESOURCE", "AWS does not raise it"),
    (
        "NETWORK_INSIGHTS_ACCESS_SCOPES_PER_REGION",
        "Service Quotas has it under another service, which is not there",
    ),
    (
        "NETWORK_INSIGHTS_ACCESS_SCOPE_ANALYSES_PER_REGION",
        "Service Quotas has it under another service, which is not there",
    ),
    (
        "NETWORK_INSIGHTS_ANALYSES_PER_REGION",
        "Service Quotas has it under another service, which is not there",
    ),
    ("NETWORK_INSIGHTS_PATHS_PER_REGION", "Service Quotas has it under another service, which is not there"),
    ("PEERS_PER_CONNECT", "AWS does not raise it"),
    ("PLACEMENT_GROUPS_PER_REGION", "AWS raises it by a support case"),
    ("PREFIX_LISTS_PER_REGION", "AWS raises it by a support case"),
    (
        "RUNNING_NETWORK_INSIGHTS_ACCESS_SCOPE_ANALYSES",
        "Service Quotas has it under another service, which is not there",
    ),
    ("RUNNING_NETWORK_INSIGHTS_ANALYSES", "Service Quotas has it under another service, which is not there"),
    ("SNAPSHOTS_PER_REGION", "its code is of EBS, which is not built"),
    ("STORAGE_TIB_OF_IO2", "its code is of EBS, which is not built"),
    ("STORAGE_TIB_PER_VOLUME_TYPE", "its code is of EBS, which is not built"),
];

/// To how many security groups on an interface AWS raises the quota on request.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>
pub const MOST_SECURITY_GROUPS_PER_INTERFACE: usize = 16;

/// How many rules in one direction a security group can have where quotas are off: AWS lets rules per group times groups
/// per interface be 1,000 at most, and one group is the fewest.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>
pub const MOST_RULES_PER_SECURITY_GROUP: usize = 1000;

/// vCPUs of running instances of the standard families (A, C, D, H, I, M, R, T, Z), which are all that the catalog has.
/// AWS gives a new account few (5 to 32) and raises that with use; this is what it is seen to have raised many accounts
/// to, so that tests with hundreds of instances need no ticket.
/// <https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html>
pub const STANDARD_VCPUS: u32 = 1152;

/// How many instances one launch can make, whatever the quotas: what one transaction can write without keeping others
/// waiting for long. AWS names no such number and asks to split launches of more than 500.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>
pub const MOST_INSTANCES_PER_LAUNCH: usize = 1000;

const GIB_PER_TIB: u64 = 1024;

/// The quota of what the volumes of a type hold together.
fn storage(volume_type: VolumeType) -> Quota {
    match volume_type {
        VolumeType::Io2 => STORAGE_TIB_OF_IO2,
        VolumeType::Standard
        | VolumeType::Gp2
        | VolumeType::Gp3
        | VolumeType::Io1
        | VolumeType::St1
        | VolumeType::Sc1 => STORAGE_TIB_PER_VOLUME_TYPE,
    }
}

/// How much the volumes of a type can hold together, in GiB.
pub(crate) fn most_storage_gib(edit: &Edit<'_>, volume_type: VolumeType) -> u64 {
    if edit.config.enforce_quotas {
        storage(volume_type).most_in(edit) as u64 * GIB_PER_TIB
    } else {
        u64::MAX
    }
}

/// Checks that the volumes of a type can hold so much together.
///
/// # Errors
/// `VolumeLimitExceeded`.
pub(crate) fn check_storage(
    edit: &Edit<'_>,
    volume_type: VolumeType,
    held_gib: u64,
) -> Result<(), ServiceError> {
    if held_gib <= most_storage_gib(edit, volume_type) {
        return Ok(());
    }
    let quota = storage(volume_type);
    Err(ServiceError::new(
        quota.code,
        format!(
            "You have exceeded your maximum {} storage limit of {} TiB in this region. Please contact AWS Support to \
             request an Elastic Block Store service limit increase.",
            volume_type.as_str(),
            quota.most_in(edit),
        ),
    ))
}

/// Checks that so many vCPUs of instances can run at once. AWS measures instances by their vCPUs since 2019; its older
/// `InstanceLimitExceeded` is left for the number of one request ([`launch_exceeded`]).
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html#ec2-on-demand-instances-limits>
///
/// A dry run is refused too, as with every quota. AWS documents `DryRun` as a test of permissions, but its own
/// ParallelCluster, which rehearses launches with it, handles `InstanceLimitExceeded` and
/// `InsufficientFreeAddressesInSubnet` from them.
/// <https://github.com/aws/aws-parallelcluster/blob/develop/cli/src/pcluster/validators/cluster_validators.py>
///
/// # Errors
/// `VcpuLimitExceeded`, in the words that AWS is seen to use.
pub(crate) fn check_vcpus(edit: &Edit<'_>, vcpus: u64) -> Result<(), ServiceError> {
    let most = most_vcpus(edit);
    if vcpus <= most {
        return Ok(());
    }
    Err(ServiceError::new(
        "VcpuLimitExceeded",
        format!(
            "You have requested more vCPU capacity than your current vCPU limit of {most} allows for the \
             instance bucket that the specified instance type belongs to. Please visit \
             http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
        ),
    ))
}

/// How many vCPUs of instances can run at once.
pub(crate) fn most_vcpus(edit: &Edit<'_>) -> u64 {
    if edit.config.enforce_quotas {
        applied_quotas::STANDARD_VCPUS.value(edit.reader(), edit.scope())
    } else {
        u64::MAX
    }
}

/// The error for a launch of more instances than [`MOST_INSTANCES_PER_LAUNCH`].
pub(crate) fn launch_exceeded(wanted: usize) -> ServiceError {
    ServiceError::new(
        "InstanceLimitExceeded",
        format!(
            "You have requested more instances ({wanted}) than your current instance limit of \
             {MOST_INSTANCES_PER_LAUNCH} allows for the specified instance type. Please visit \
             http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
        ),
    )
}

impl Quota {
    /// Checks that so many are allowed.
    ///
    /// # Errors
    /// The quota's own.
    pub(crate) fn check(&self, edit: &Edit<'_>, count: usize) -> Result<(), ServiceError> {
        let is_exceeded = edit.config.enforce_quotas && count > self.most_in(edit);
        if is_exceeded { Err(self.exceeded()) } else { Ok(()) }
    }

    /// How many there can be in an account and region.
    pub(crate) fn most_in(&self, state: &impl State) -> usize {
        let applied = self.public.map(|public| public.value(state.reader(), state.scope()));
        applied.map_or(self.most, |value| usize::try_from(value).unwrap_or(usize::MAX))
    }

    /// The error when there would be more.
    pub(crate) fn exceeded(&self) -> ServiceError {
        ServiceError::new(self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use aws_types::{Partition, Timestamp};
    use store::{MemoryBackend, Scope, Store};

    use super::*;
    use crate::Config;

    #[test]
    fn every_quota_is_public_or_has_a_reason_why_not() {
        for (name, quota) in ALL {
            let reason = WITHOUT_PUBLIC_CODE.iter().find(|(other, _)| other == name);
            assert_eq!(quota.public.is_none(), reason.is_some(), "{name}");
            let Some(public) = quota.public else { continue };
            assert_eq!(public.default, quota.most as u64, "{name}");
            assert!(applied_quotas::ALL.iter().any(|listed| listed.id() == public.id()), "{name}");
            let same =
                ALL.iter().filter(|(_, other)| other.public.is_some_and(|other| other.id() == public.id()));
            assert_eq!(same.count(), 1, "{name}");
        }
        let names = WITHOUT_PUBLIC_CODE.iter().map(|(name, _)| name);
        assert!(names.clone().all(|name| ALL.iter().any(|(known, _)| known == name)));
        assert!(names.is_sorted());
        // The vCPUs are counted apart ([`check_vcpus`]).
        let public = ALL.iter().filter(|(_, quota)| quota.public.is_some()).count();
        assert_eq!(applied_quotas::ALL.len(), public + 1);
        assert_eq!(applied_quotas::STANDARD_VCPUS.default, u64::from(STANDARD_VCPUS));
    }

    #[test]
    fn every_increase_holds() {
        struct NoIds;
        impl service_api::IdSource for NoIds {
            fn bits(&self) -> u128 {
                0
            }
        }
        let store = Store::open(MemoryBackend::new()).unwrap();
        let scope = Scope::new(Partition::Aws, "123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let done = store.transact(|transaction| {
            for (name, quota) in ALL {
                let config = Config::default();
                let mut check = |raised: Option<u64>, count: usize| {
                    if let (Some(public), Some(raised)) = (quota.public, raised) {
                        public.apply(transaction, &scope, raised);
                    }
                    let edit = Edit::new(transaction, &NoIds, &config, scope.clone(), Timestamp::default());
                    quota.check(&edit, count).map_err(|error| error.code.into_owned())
                };
                let exceeded = Err(quota.code.to_owned());
                assert_eq!(check(None, quota.most), Ok(()), "{name}");
                assert_eq!(check(None, quota.most + 1), exceeded, "{name}");
                if quota.public.is_some() {
                    let raised = quota.most as u64 + 1;
                    assert_eq!(check(Some(raised), quota.most + 1), Ok(()), "{name}");
                    assert_eq!(check(None, quota.most + 2), exceeded, "{name}");
                }
            }
            Ok::<_, ServiceError>(())
        });
        done.unwrap();
    }
}
