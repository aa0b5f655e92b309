//! What cannot be deleted while what exists.
//!
//! Owns one table for each resource that others depend on. Refuses to delete.

use aws_types::{NetworkAclId, NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId, VpcId};
use service_api::ServiceError;

use crate::error;
use crate::record::{
    ElasticIp, InternetGateway, NetworkAcl, NetworkInterface, Peer, RouteTable, SecurityGroup, Subnet,
};
use crate::state::{Edit, State};

/// Each row: what stands in the way, and whether it is there.
type Rows<I> = &'static [(&'static str, fn(&Edit<'_>, I) -> bool)];

const VPC: Rows<VpcId> = &[
    ("subnets", |edit, vpc| edit.all::<Subnet>().any(|subnet| subnet.vpc == vpc)),
    ("network interfaces", |edit, vpc| edit.all::<NetworkInterface>().any(|interface| interface.vpc == vpc)),
    ("route tables beside the main one", |edit, vpc| {
        edit.all::<RouteTable>().any(|table| table.vpc == vpc && !table.is_main())
    }),
    ("security groups beside the default one", |edit, vpc| {
        edit.all::<SecurityGroup>().any(|group| group.vpc == vpc && !group.is_default())
    }),
    ("network ACLs beside the default one", |edit, vpc| {
        edit.all::<NetworkAcl>().any(|acl| acl.vpc == vpc && !acl.is_default)
    }),
    ("an attached internet gateway", |edit, vpc| {
        edit.all::<InternetGateway>().any(|gateway| gateway.attachment == Some(vpc))
    }),
    ("references from security groups of other VPCs", |edit, vpc| {
        let of_vpc =
            |id: SecurityGroupId| edit.find::<SecurityGroup>(id).is_some_and(|group| group.vpc == vpc);
        edit.all::<SecurityGroup>().any(|group| group.vpc != vpc && referenced(&group).any(of_vpc))
    }),
];

const SUBNET: Rows<SubnetId> = &[("network interfaces", |edit, subnet| {
    edit.all::<NetworkInterface>().any(|interface| interface.subnet == subnet)
})];

const ROUTE_TABLE: Rows<RouteTableId> = &[("associations", |edit, table| {
    edit.find::<RouteTable>(table).is_some_and(|table| !table.associations.is_empty())
})];

const NETWORK_ACL: Rows<NetworkAclId> = &[("associations", |edit, acl| {
    edit.find::<NetworkAcl>(acl).is_some_and(|acl| !acl.associations.is_empty())
})];

const SECURITY_GROUP: Rows<SecurityGroupId> = &[
    ("network interfaces", |edit, group| {
        edit.all::<NetworkInterface>().any(|interface| interface.groups.contains(&group))
    }),
    ("rules of other groups", |edit, group| {
        edit.all::<SecurityGroup>()
            .any(|other| other.id != group && referenced(&other).any(|peer| peer == group))
    }),
];

/// What keeps an internet gateway on a VPC.
const ATTACHED_GATEWAY: Rows<VpcId> = &[("mapped public addresses", |edit, vpc| {
    edit.all::<ElasticIp>()
        .any(|elastic_ip| elastic_ip.association.as_ref().is_some_and(|held| held.vpc == vpc))
})];

fn referenced(group: &SecurityGroup) -> impl Iterator<Item = SecurityGroupId> + '_ {
    group.rules.iter().filter_map(|rule| match rule.peer {
        Peer::Group(group) => Some(group),
        Peer::Ipv4(_) | Peer::Ipv6(_) => None,
    })
}

fn blocked<I: Copy>(rows: Rows<I>, edit: &Edit<'_>, id: I) -> bool {
    rows.iter().any(|(_, is_there)| is_there(edit, id))
}

fn check<I: Copy + std::fmt::Display>(
    rows: Rows<I>,
    noun: &str,
    edit: &Edit<'_>,
    id: I,
) -> Result<(), ServiceError> {
    if blocked(rows, edit, id) { Err(error::dependency(noun, id)) } else { Ok(()) }
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_vpc(edit: &Edit<'_>, id: VpcId) -> Result<(), ServiceError> {
    check(VPC, "vpc", edit, id)
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_subnet(edit: &Edit<'_>, id: SubnetId) -> Result<(), ServiceError> {
    check(SUBNET, "subnet", edit, id)
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_route_table(edit: &Edit<'_>, id: RouteTableId) -> Result<(), ServiceError> {
    check(ROUTE_TABLE, "routeTable", edit, id)
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_network_acl(edit: &Edit<'_>, id: NetworkAclId) -> Result<(), ServiceError> {
    check(NETWORK_ACL, "networkAcl", edit, id)
}

/// # Errors
/// `DependencyViolation`, in words of its own.
pub(crate) fn check_security_group(edit: &Edit<'_>, id: SecurityGroupId) -> Result<(), ServiceError> {
    if blocked(SECURITY_GROUP, edit, id) {
        return Err(ServiceError::new(
            "DependencyViolation",
            format!("resource {id} has a dependent object"),
        ));
    }
    Ok(())
}

/// # Errors
/// `InvalidParameterValue` for an interface that is attached.
pub(crate) fn check_network_interface(edit: &Edit<'_>, id: NetworkInterfaceId) -> Result<(), ServiceError> {
    if edit.find::<NetworkInterface>(id).is_some_and(|interface| interface.attachment.is_some()) {
        return Err(error::invalid_value(format!("Network interface '{id}' is currently in use.")));
    }
    Ok(())
}

/// Whether the internet gateway of a VPC can be detached.
///
/// # Errors
/// `DependencyViolation`, in words of its own.
#[cfg_attr(not(test), expect(dead_code, reason = "DetachInternetGateway is not there yet"))]
pub(crate) fn check_detach(edit: &Edit<'_>, vpc: VpcId) -> Result<(), ServiceError> {
    if blocked(ATTACHED_GATEWAY, edit, vpc) {
        return Err(ServiceError::new(
            "DependencyViolation",
            format!(
                "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before \
                 detaching the gateway."
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_types::{AddressAssociationId, AllocationId, ResourceId, Tags, Timestamp};
    use service_api::IdSource;
    use store::{MemoryBackend, Scope, Store, Transaction};

    use super::*;
    use crate::Config;
    use crate::record::AddressAssociation;

    struct NoIds;

    impl IdSource for NoIds {
        fn bits(&self) -> u128 {
            0
        }
    }

    #[test]
    fn mapped_public_addresses_keep_the_internet_gateway() {
        let (mapped, other) = (VpcId::from_bits(1), VpcId::from_bits(2));
        let elastic_ip = ElasticIp {
            id: AllocationId::from_bits(3),
            address: [198, 18, 0, 1].into(),
            association: Some(AddressAssociation {
                id: AddressAssociationId::from_bits(4),
                interface: NetworkInterfaceId::from_bits(5),
                vpc: mapped,
                private_address: [10, 0, 0, 4].into(),
            }),
            allocated_at: Timestamp::default(),
            tags: Tags::default(),
        };
        let account = "123456789012".parse().expect("twelve digits");
        let region = "us-east-1".parse().expect("a region");
        let scope = Scope::new(aws_types::Partition::Aws, account, region);
        let store = Store::open(MemoryBackend::new()).expect("it is empty");
        let check = |transaction: &mut Transaction| {
            let config = Config::default();
            let mut edit = Edit::new(transaction, &NoIds, &config, scope, Timestamp::default());
            edit.put(elastic_ip.clone());
            assert!(check_detach(&edit, other).is_ok());
            let error = check_detach(&edit, mapped).expect_err("an address stands for one of its interfaces");
            assert_eq!(error.code, "DependencyViolation");
            assert!(
                error.message.starts_with(&format!("Network {mapped} has some mapped public address(es)."))
            );
            edit.put(ElasticIp { association: None, ..elastic_ip });
            check_detach(&edit, mapped)
        };
        store.transact(check).expect("the address stands for nothing any more");
    }
}
