//! Subnets: CreateSubnet, DeleteSubnet, DescribeSubnets, ModifySubnetAttribute, their IPv6 blocks and reservations.
//!
//! Owns the subnet record and which addresses of it are free. Refuses to know who has an address: the interfaces do.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html>

pub(crate) mod address;
mod ipv6;
pub(crate) mod prefix;
mod reservation;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_catalog::Zone;
use aws_types::{AccountId, AvailabilityZone, SubnetId, Tags, Timestamp, VpcId};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};
use vpc_model::subnet::assignable_count;
use vpc_model::vpc::overlap;

pub use reservation::{ReservationType, SubnetCidrReservation};

use crate::block_public_access::exclusion::{self, Excluded};
use crate::cidr::{self, SubnetIpv6CidrAssociation};
use crate::filter::{Filters, each, flag, number, text};
use crate::flow_log::{self, FlowLogResource};
use crate::network_interface::NetworkInterface;
use crate::page::Page;
use crate::sharing::{self, Sharing};
use crate::state::{Edit, Naming, State, View, resource};
use crate::vpc::Vpc;
use crate::vpc::cidr_block::PREFIX_LENGTHS;
use crate::{Ec2, block_public_access, dependency, error, network_acl, quota, route_table, tag, zone};

/// How instances are named.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostnameType {
    /// By the private IPv4 address: `ip-10-0-0-5`.
    #[default]
    IpName,
    /// By the instance's id: `i-0123456789abcdef0`.
    ResourceName,
}

impl HostnameType {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IpName => "ip-name",
            Self::ResourceName => "resource-name",
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// `InvalidParameterValue`.
    pub(crate) fn parse(text: &str, parameter: &str) -> Result<Self, ServiceError> {
        match text {
            "ip-name" => Ok(Self::IpName),
            "resource-name" => Ok(Self::ResourceName),
            other => Err(error::invalid_value_for(other, parameter, "It must be ip-name or resource-name.")),
        }
    }
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// The VPC that it is part of.
    pub vpc: VpcId,
    /// The zone that it lies in, by the account's name for it.
    pub zone: AvailabilityZone,
    /// The id of that zone.
    pub zone_id: String,
    /// Its IPv4 block.
    pub cidr: Ipv4Net,
    /// Its IPv6 blocks. Ended ones may still be in the list.
    pub ipv6_associations: Vec<SubnetIpv6CidrAssociation>,
    /// Whether it is the default subnet of its zone.
    pub is_default: bool,
    /// Whether instances get a public IPv4 address unless they say otherwise.
    pub map_public_ip_on_launch: bool,
    /// Whether interfaces get an IPv6 address unless they say otherwise.
    pub assign_ipv6_address_on_creation: bool,
    /// Whether the resolver makes IPv6 addresses of IPv4 ones.
    pub enable_dns64: bool,
    /// How instances are named.
    pub hostname_type: HostnameType,
    /// Whether resource names resolve to IPv4 addresses.
    pub resource_name_dns_a: bool,
    /// Whether resource names resolve to IPv6 addresses.
    pub resource_name_dns_aaaa: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    Subnet,
    SubnetId,
    "ec2.subnet" in vpc,
    Naming {
        resource_type: "subnet",
        noun: "subnet",
        not_found: "InvalidSubnetID.NotFound",
        malformed: "InvalidSubnetID.Malformed",
    },
    fn attribute(&self, filter: &str) -> Option<String> {
        match filter {
            "subnet-id" => Some(self.id.to_string()),
            "vpc-id" => Some(self.vpc.to_string()),
            "availability-zone" | "availabilityZone" => Some(self.zone.to_string()),
            _ => None,
        }
    },
    fn is_seen_by(&self, reader: &impl Read, owner: &Scope, account: AccountId) -> bool {
        sharing::has_subnet(reader, owner, account, self.id)
    },
    const SHARING: Sharing = Sharing::Vpc;
);

impl Subnet {
    /// Its IPv6 block, if it has one.
    pub fn ipv6_block(&self) -> Option<Ipv6Net> {
        self.ipv6_associations
            .iter()
            .find(|association| association.is_current())
            .map(|association| association.block)
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateSubnet>(create)
        .with::<op::DeleteSubnet>(delete)
        .with::<op::DescribeSubnets>(describe)
        .with::<op::ModifySubnetAttribute>(modify_attribute);
    reservation::operations(ipv6::operations(table))
}

/// A subnet that is to be made.
pub(crate) struct NewSubnet {
    pub(crate) zone: Zone,
    pub(crate) cidr: Ipv4Net,
    pub(crate) ipv6: Option<Ipv6Net>,
    pub(crate) is_default: bool,
    pub(crate) tags: Tags,
}

/// Makes a subnet and puts it under the VPC's default network ACL.
///
/// # Errors
/// `InvalidSubnet.Range`, `InvalidSubnet.Conflict`, `SubnetLimitExceeded`.
pub(crate) fn make(edit: &mut Edit<'_>, vpc: &Vpc, new: NewSubnet) -> Result<Subnet, ServiceError> {
    let NewSubnet { zone, cidr, ipv6, is_default, tags } = new;
    if !PREFIX_LENGTHS.contains(&cidr.prefix_len()) || !vpc.blocks().any(|block| block.contains(&cidr)) {
        return Err(ServiceError::new("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid.")));
    }
    let siblings: Vec<_> = edit.parts::<Subnet, _>(vpc.id).collect();
    if siblings.iter().any(|sibling| overlap(sibling.cidr, cidr)) {
        return Err(conflict(cidr));
    }
    if let Some(block) = ipv6 {
        ipv6::check(vpc, &siblings, block)?;
    }
    quota::SUBNETS_PER_VPC.check(edit, siblings.len() + 1)?;
    let now = edit.now();
    let association = ipv6.map(|block| SubnetIpv6CidrAssociation {
        source: vpc.ipv6_source(block),
        ..SubnetIpv6CidrAssociation::original(edit.new_id(), block, now)
    });
    let subnet = Subnet {
        id: edit.new_id(),
        vpc: vpc.id,
        zone: zone.name,
        zone_id: zone.zone_id,
        cidr,
        ipv6_associations: association.into_iter().collect(),
        is_default,
        map_public_ip_on_launch: is_default,
        assign_ipv6_address_on_creation: false,
        enable_dns64: false,
        hostname_type: HostnameType::IpName,
        resource_name_dns_a: false,
        resource_name_dns_aaaa: false,
        created_at: now,
        tags,
    };
    edit.put(subnet.clone());
    network_acl::association::associate_with_default(edit, &subnet);
    Ok(subnet)
}

fn conflict(cidr: impl std::fmt::Display) -> ServiceError {
    ServiceError::new("InvalidSubnet.Conflict", format!("The CIDR '{cidr}' conflicts with another subnet"))
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateSubnetRequest,
) -> Result<api::CreateSubnetResult, ServiceError> {
    if input.ipv6_native == Some(true) {
        return Err(error::unsupported("IPv6-only subnets are not supported."));
    }
    if input.outpost_arn.is_some() {
        return Err(error::unsupported("Outposts are not supported."));
    }
    if input.ipv4_ipam_pool_id.is_some()
        || input.ipv4_netmask_length.is_some()
        || input.ipv6_ipam_pool_id.is_some()
        || input.ipv6_netmask_length.is_some()
    {
        return Err(error::unsupported("IPAM pools are not supported."));
    }
    let text =
        input.cidr_block.as_deref().ok_or_else(|| error::missing_either("cidrBlock", "ipv4IpamPoolId"))?;
    let cidr = cidr::parse_v4(text)
        .ok_or_else(|| error::invalid_value_for(text, "cidrBlock", "This is not a valid CIDR block."))?;
    let ipv6 = input.ipv6_cidr_block.as_deref().map(ipv6::parse).transpose()?;
    let tags = tag::specified(input.tag_specifications.as_ref(), "subnet")?;
    ec2.edit(context, input.dry_run, |edit| {
        let vpc = edit.named::<Vpc>(&input.vpc_id)?;
        let chosen =
            zone::choose(edit, input.availability_zone.as_deref(), input.availability_zone_id.as_deref())?;
        let zone = match chosen {
            Some(zone) => zone,
            None => zone::zones(edit)
                .into_iter()
                .next()
                .ok_or_else(|| ServiceError::internal("the region has no zones"))?,
        };
        let subnet = make(edit, &vpc, NewSubnet { zone, cidr, ipv6, is_default: false, tags })?;
        Ok(api::CreateSubnetResult { subnet: Some(shown(edit, &subnet, 0)) })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteSubnetRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let subnet = edit.named::<Subnet>(&input.subnet_id)?;
        dependency::check_subnet(edit, subnet.id)?;
        route_table::forget_subnet(edit, subnet.id);
        network_acl::association::forget_subnet(edit, subnet.id);
        address::forget(edit, subnet.id);
        flow_log::forget(edit, FlowLogResource::Subnet(subnet.id));
        reservation::forget(edit, subnet.id);
        exclusion::forget(edit, Excluded::Subnet(subnet.id));
        edit.remove::<Subnet>(subnet.id);
        Ok(Unit)
    })
}

/// How many IPv4 addresses the interfaces of a subnet have, with those of their prefixes. They may be of any of these
/// accounts.
fn used_addresses(state: &impl State, scopes: &[Scope], subnet: SubnetId) -> usize {
    let interfaces = sharing::parts_of::<NetworkInterface, _>(state, scopes, subnet);
    let used = interfaces.map(|interface| {
        interface.private_addresses.len() + prefix::ADDRESSES_PER_PREFIX * interface.ipv4_prefixes.len()
    });
    used.sum()
}

/// A subnet as answers have it.
pub(crate) fn shown(state: &impl State, subnet: &Subnet, used_addresses: usize) -> api::Subnet {
    let now = state.now();
    let free = assignable_count(subnet.cidr).saturating_sub(used_addresses);
    let ipv6 = subnet.ipv6_associations.iter().filter(|association| association.is_shown(now));
    api::Subnet {
        assign_ipv6_address_on_creation: Some(subnet.assign_ipv6_address_on_creation),
        availability_zone: Some(subnet.zone.to_string()),
        availability_zone_id: Some(subnet.zone_id.clone()),
        available_ip_address_count: Some(i32::try_from(free).expect("a subnet has at most 2^16 addresses")),
        block_public_access_states: Some(block_public_access::states(state, subnet.vpc, Some(subnet.id))),
        cidr_block: Some(subnet.cidr.to_string()),
        default_for_az: Some(subnet.is_default),
        enable_dns64: Some(subnet.enable_dns64),
        ipv6_cidr_block_association_set: Some(ipv6.map(|held| ipv6::shown(state, held)).collect()),
        ipv6_native: Some(false),
        map_customer_owned_ip_on_launch: Some(false),
        map_public_ip_on_launch: Some(subnet.map_public_ip_on_launch),
        owner_id: Some(state.account().to_string()),
        private_dns_name_options_on_launch: Some(api::PrivateDnsNameOptionsOnLaunch {
            enable_resource_name_dns_aaaa_record: Some(subnet.resource_name_dns_aaaa),
            enable_resource_name_dns_a_record: Some(subnet.resource_name_dns_a),
            hostname_type: Some(subnet.hostname_type.as_str().to_owned()),
        }),
        state: Some("available".to_owned()),
        subnet_arn: Some(state.arn(&format!("subnet/{}", subnet.id))),
        subnet_id: Some(subnet.id.to_string()),
        tags: tag::shown(&subnet.tags),
        vpc_id: Some(subnet.vpc.to_string()),
        ..Default::default()
    }
}

static FILTERS: Filters<api::Subnet> = Filters {
    tags: Some(|subnet| subnet.tags.as_deref().unwrap_or_default()),
    named: &[
        ("availability-zone", |subnet| text(&subnet.availability_zone)),
        ("availabilityZone", |subnet| text(&subnet.availability_zone)),
        ("availability-zone-id", |subnet| text(&subnet.availability_zone_id)),
        ("availabilityZoneId", |subnet| text(&subnet.availability_zone_id)),
        ("available-ip-address-count", |subnet| number(subnet.available_ip_address_count)),
        ("cidr", |subnet| text(&subnet.cidr_block)),
        ("cidr-block", |subnet| text(&subnet.cidr_block)),
        ("cidrBlock", |subnet| text(&subnet.cidr_block)),
        ("default-for-az", |subnet| flag(subnet.default_for_az)),
        ("defaultForAz", |subnet| flag(subnet.default_for_az)),
        ("enable-dns64", |subnet| flag(subnet.enable_dns64)),
        ("ipv6-cidr-block-association.association-id", |subnet| {
            each(&subnet.ipv6_cidr_block_association_set, |block| block.association_id.clone())
        }),
        ("ipv6-cidr-block-association.ipv6-cidr-block", |subnet| {
            each(&subnet.ipv6_cidr_block_association_set, |block| block.ipv6_cidr_block.clone())
        }),
        ("ipv6-cidr-block-association.state", |subnet| {
            each(&subnet.ipv6_cidr_block_association_set, |block| {
                block.ipv6_cidr_block_state.as_ref()?.state.clone()
            })
        }),
        ("ipv6-native", |subnet| flag(subnet.ipv6_native)),
        ("map-customer-owned-ip-on-launch", |subnet| flag(subnet.map_customer_owned_ip_on_launch)),
        ("map-public-ip-on-launch", |subnet| flag(subnet.map_public_ip_on_launch)),
        ("outpost-arn", |subnet| text(&subnet.outpost_arn)),
        ("owner-id", |subnet| text(&subnet.owner_id)),
        ("private-dns-name-options-on-launch.enable-resource-name-dns-a-record", |subnet| {
            flag(
                subnet
                    .private_dns_name_options_on_launch
                    .as_ref()
                    .and_then(|held| held.enable_resource_name_dns_a_record),
            )
        }),
        ("private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record", |subnet| {
            flag(
                subnet
                    .private_dns_name_options_on_launch
                    .as_ref()
                    .and_then(|held| held.enable_resource_name_dns_aaaa_record),
            )
        }),
        ("private-dns-name-options-on-launch.hostname-type", |subnet| {
            subnet
                .private_dns_name_options_on_launch
                .iter()
                .filter_map(|held| held.hostname_type.clone())
                .collect()
        }),
        ("state", |subnet| text(&subnet.state)),
        ("subnet-arn", |subnet| text(&subnet.subnet_arn)),
        ("subnet-id", |subnet| text(&subnet.subnet_id)),
        ("vpc-id", |subnet| text(&subnet.vpc_id)),
    ],
    absent: &["customer-owned-ipv4-pool", "enable-lni-at-device-index"],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeSubnetsRequest,
) -> Result<api::DescribeSubnetsResult, ServiceError> {
    let view = ec2.view(context);
    let scopes = sharing::scopes_with::<NetworkInterface>(&view);
    let show = |view: &View, subnet: &Subnet| shown(view, subnet, used_addresses(view, &scopes, subnet.id));
    let page = Page::new("DescribeSubnets", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (subnets, next_token) = page.of_seen(&view, input.subnet_ids.as_ref(), wanted, show)?;
    ec2.answer(input.dry_run, api::DescribeSubnetsResult { next_token, subnets: Some(subnets) })
}

fn modify_attribute(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifySubnetAttributeRequest,
) -> Result<Unit, ServiceError> {
    if input.map_customer_owned_ip_on_launch.is_some()
        || input.customer_owned_ipv4_pool.is_some()
        || input.enable_lni_at_device_index.is_some()
        || input.disable_lni_at_device_index.is_some()
    {
        return Err(error::unsupported("Outposts are not supported."));
    }
    let value =
        |attribute: &Option<api::AttributeBooleanValue>| attribute.as_ref().and_then(|held| held.value);
    let flags = [
        value(&input.map_public_ip_on_launch),
        value(&input.assign_ipv6_address_on_creation),
        value(&input.enable_dns64),
        value(&input.enable_resource_name_dns_a_record_on_launch),
        value(&input.enable_resource_name_dns_aaaa_record_on_launch),
    ];
    let given =
        flags.iter().flatten().count() + usize::from(input.private_dns_hostname_type_on_launch.is_some());
    match given {
        0 => return Err(error::missing("attribute")),
        1 => {}
        _ => return Err(error::combination("Fields for multiple attribute types specified")),
    }
    let hostname_type = input.private_dns_hostname_type_on_launch.as_deref();
    let hostname_type =
        hostname_type.map(|text| HostnameType::parse(text, "privateDnsHostnameTypeOnLaunch")).transpose()?;
    ec2.edit(context, None, |edit| {
        let mut subnet = Subnet::clone(&*edit.named::<Subnet>(&input.subnet_id)?);
        let [public, assign, dns64, dns_a, dns_aaaa] = flags;
        if (assign == Some(true) || dns_aaaa == Some(true)) && subnet.ipv6_block().is_none() {
            let parameter = if assign.is_some() {
                "assignIpv6AddressOnCreation"
            } else {
                "enableResourceNameDnsAAAARecord"
            };
            return Err(error::invalid_value(format!(
                "Invalid value 'true' for {parameter}. Subnet must have associated IPv6 CIDR."
            )));
        }
        subnet.map_public_ip_on_launch = public.unwrap_or(subnet.map_public_ip_on_launch);
        subnet.assign_ipv6_address_on_creation = assign.unwrap_or(subnet.assign_ipv6_address_on_creation);
        subnet.enable_dns64 = dns64.unwrap_or(subnet.enable_dns64);
        subnet.resource_name_dns_a = dns_a.unwrap_or(subnet.resource_name_dns_a);
        subnet.resource_name_dns_aaaa = dns_aaaa.unwrap_or(subnet.resource_name_dns_aaaa);
        subnet.hostname_type = hostname_type.unwrap_or(subnet.hostname_type);
        edit.put(subnet);
        Ok(Unit)
    })
}
