//! Elastic IP addresses: AllocateAddress, ReleaseAddress, DescribeAddresses.
//!
//! Owns the record, and what answers about other resources show of it. Which addresses are free is in [`pool`], what
//! they stand for in [`association`], how they change hands in [`transfer`]. Refuses to know how a packet gets a public
//! address.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html>

pub(crate) mod association;
mod attribute;
mod moving;
pub(crate) mod pool;
pub(crate) mod public_pool;
pub(crate) mod transfer;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{
    AddressAssociationId, AllocationId, NetworkInterfaceId, PublicIpv4PoolId, Region, Tags, Timestamp, VpcId,
};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

use crate::filter::{Filters, text};
use crate::network_interface::NetworkInterface;
use crate::state::{Edit, Naming, State, resource};
use crate::vpc::Vpc;
use crate::{Ec2, byoip, default_vpc, error, quota, tag, zone};

/// What an elastic IP address stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressAssociation {
    /// Its id.
    pub id: AddressAssociationId,
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// The VPC of that interface.
    pub vpc: VpcId,
    /// The interface's private address that the public one stands for.
    pub private_address: Ipv4Addr,
}

/// A public address that an account holds until it releases it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElasticIp {
    /// Its id.
    pub id: AllocationId,
    /// The public address: no other allocation has it, of any account.
    pub address: Ipv4Addr,
    /// What it stands for, if for anything.
    pub association: Option<AddressAssociation>,
    /// The pool of the account's own that it is from; `None` for one of Amazon's.
    #[serde(default)]
    pub pool: Option<PublicIpv4PoolId>,
    /// Since when the account holds it.
    pub allocated_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    ElasticIp,
    AllocationId,
    "ec2.elastic-ip" of interface,
    Naming {
        resource_type: "elastic-ip",
        noun: "allocation",
        not_found: "InvalidAllocationID.NotFound",
        malformed: "InvalidAllocationID.Malformed",
    }
);

/// The pool of Amazon's addresses and their owner, as answers call both.
const AMAZON_POOL: &str = "amazon";
/// The one domain that addresses are for since EC2-Classic is gone.
const DOMAIN: &str = "vpc";

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::AllocateAddress>(allocate)
        .with::<op::ReleaseAddress>(release)
        .with::<op::DescribeAddresses>(describe);
    [association::operations, attribute::operations, moving::operations, transfer::operations]
        .into_iter()
        .fold(table, |table, add| add(table))
}

/// The public name of an address in a VPC, such as `ec2-198-18-0-1.compute-1.amazonaws.com`; empty in a VPC that gives
/// no public names.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html#vpc-dns-support>
pub(crate) fn public_dns_name(state: &impl State, vpc: VpcId, address: Ipv4Addr) -> String {
    let vpc = state.find::<Vpc>(vpc);
    vpc.and_then(|vpc| vpc.public_dns_name(state.region(), address)).unwrap_or_default()
}

impl Vpc {
    /// The public name of an address in it; `None` when it gives no public names.
    pub fn public_dns_name(&self, region: &Region, address: Ipv4Addr) -> Option<String> {
        let has_names = self.enable_dns_support && self.enable_dns_hostnames;
        let [a, b, c, d] = address.octets();
        has_names.then(|| format!("ec2-{a}-{b}-{c}-{d}.{}", zone::public_domain(region)))
    }
}

/// The public address that a private one has: an elastic IP address, or one of Amazon's pool that the interface has
/// been given.
pub(crate) struct PublicAssociation<'a> {
    pub(crate) address: Ipv4Addr,
    /// The allocation, if it is one.
    pub(crate) elastic_ip: Option<&'a ElasticIp>,
}

impl PublicAssociation<'_> {
    /// Whose the address is, as answers say it.
    pub(crate) fn owner(&self, state: &impl State) -> String {
        self.elastic_ip.map_or_else(|| AMAZON_POOL.to_owned(), |_| state.account().to_string())
    }
}

/// The public addresses that an interface's private ones have, with those.
pub fn public_addresses(
    read: &impl Read,
    scope: &Scope,
    interface: &NetworkInterface,
) -> Vec<(Ipv4Addr, Ipv4Addr)> {
    let id = interface.id.to_string();
    let associated = Associated::among(read.parts::<ElasticIp>(scope, &id).map(|(_, elastic_ip)| elastic_ip));
    let pair = |private: &Ipv4Addr| Some((associated.public_address(interface, *private)?.address, *private));
    interface.private_addresses.iter().filter_map(pair).collect()
}

/// The elastic IP addresses of an account that stand for something, read once for a whole answer.
pub(crate) struct Associated(HashMap<NetworkInterfaceId, Vec<Arc<ElasticIp>>>);

impl Associated {
    /// As of now.
    pub(crate) fn of(state: &impl State) -> Self {
        Self::among(state.reader().scan::<ElasticIp>(state.scope()).map(|(_, elastic_ip)| elastic_ip))
    }

    fn among(all: impl Iterator<Item = Arc<ElasticIp>>) -> Self {
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for elastic_ip in all {
            if let Some(interface) = elastic_ip.interface() {
                found.entry(interface).or_default().push(elastic_ip);
            }
        }
        Self(found)
    }

    /// Those of one interface.
    pub(crate) fn with(&self, interface: NetworkInterfaceId) -> &[Arc<ElasticIp>] {
        self.0.get(&interface).map_or(&[], Vec::as_slice)
    }

    /// The public address, of either kind, that a private address of an interface has.
    pub(crate) fn public_address(
        &self,
        interface: &NetworkInterface,
        private: Ipv4Addr,
    ) -> Option<PublicAssociation<'_>> {
        let mut elastic = self.with(interface.id).iter();
        if let Some(elastic_ip) = elastic.find(|elastic_ip| elastic_ip.stands_for(interface.id, private)) {
            return Some(PublicAssociation { address: elastic_ip.address, elastic_ip: Some(elastic_ip) });
        }
        let assigned = interface.assigned_address.held().filter(|_| private == interface.primary_address());
        assigned.map(|address| PublicAssociation { address, elastic_ip: None })
    }
}

impl ElasticIp {
    /// The interface that has the private address which it stands for.
    pub fn interface(&self) -> Option<NetworkInterfaceId> {
        self.association.as_ref().map(|held| held.interface)
    }

    /// Whether it stands for that private address.
    pub(crate) fn stands_for(&self, interface: NetworkInterfaceId, private: Ipv4Addr) -> bool {
        self.association
            .as_ref()
            .is_some_and(|held| held.interface == interface && held.private_address == private)
    }
}

/// The error for an address that the account does not hold.
fn unknown_address(text: &str) -> ServiceError {
    ServiceError::new("InvalidAddress.NotFound", format!("Address '{text}' not found."))
}

fn parse_address(text: &str) -> Result<Ipv4Addr, ServiceError> {
    text.parse()
        .map_err(|_| ServiceError::new("InvalidAddress.Malformed", format!("Address '{text}' is not valid.")))
}

/// The allocation of a public address, as a request that changes something names it.
///
/// # Errors
/// `InvalidAddress.Malformed`, `AuthFailure` for an address that the account does not hold.
fn by_address(state: &impl State, text: &str) -> Result<Arc<ElasticIp>, ServiceError> {
    let address = parse_address(text)?;
    state.all::<ElasticIp>().find(|elastic_ip| elastic_ip.address == address).ok_or_else(|| {
        ServiceError::new("AuthFailure", format!("The address '{text}' does not belong to you."))
    })
}

/// The pool of an address as answers name it.
fn pool_name(pool: Option<PublicIpv4PoolId>) -> String {
    pool.map_or_else(|| AMAZON_POOL.to_owned(), |pool| pool.to_string())
}

/// Checks that the account can have one more address of Amazon's, however it comes to it. Addresses that it has brought are
/// beside the quota. <https://aws.amazon.com/vpc/faqs/#Bring_Your_Own_IP>
///
/// # Errors
/// `AddressLimitExceeded`.
fn check_room(edit: &Edit<'_>) -> Result<(), ServiceError> {
    let count = edit.all::<ElasticIp>().filter(|held| held.pool.is_none()).count();
    quota::ELASTIC_IPS_PER_REGION.check(edit, count + 1)
}

/// Takes an address, out of a pool of the account's or out of Amazon's.
fn take(
    edit: &mut Edit<'_>,
    own_pool: Option<&str>,
    wanted: Option<&str>,
) -> Result<(Ipv4Addr, Option<PublicIpv4PoolId>), ServiceError> {
    let parsed = wanted.map(parse_address).transpose()?;
    if let Some((address, pool)) = byoip::pool::take_ipv4(edit, own_pool, parsed)? {
        return Ok((address, Some(pool)));
    }
    check_room(edit)?;
    let address = match (parsed, wanted) {
        (Some(address), Some(text)) => pool::take(edit, address).ok_or_else(|| unknown_address(text))?,
        _ => pool::take_any(edit).ok_or_else(error::no_free_address)?,
    };
    Ok((address, None))
}

fn allocate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AllocateAddressRequest,
) -> Result<api::AllocateAddressResult, ServiceError> {
    if let Some(domain) = input.domain.as_deref().filter(|domain| *domain != DOMAIN) {
        return Err(error::invalid_value_for(domain, "domain", "The only domain of addresses is 'vpc'."));
    }
    if input.customer_owned_ipv4_pool.is_some() || input.ipam_pool_id.is_some() {
        return Err(error::unsupported("Customer-owned address pools and IPAM pools are not supported."));
    }
    let own_pool = input.public_ipv4_pool.as_deref().filter(|pool| *pool != AMAZON_POOL);
    let tags = tag::specified(input.tag_specifications.as_ref(), "elastic-ip")?;
    ec2.edit(context, input.dry_run, |edit| {
        zone::check_border_group(edit.region(), input.network_border_group.as_deref())?;
        let (address, pool) = take(edit, own_pool, input.address.as_deref())?;
        let elastic_ip =
            ElasticIp { id: edit.new_id(), address, association: None, pool, allocated_at: edit.now(), tags };
        let answer = api::AllocateAddressResult {
            allocation_id: Some(elastic_ip.id.to_string()),
            domain: Some(DOMAIN.to_owned()),
            network_border_group: Some(edit.region().to_string()),
            public_ip: Some(address.to_string()),
            public_ipv4_pool: Some(pool_name(pool)),
            ..Default::default()
        };
        edit.put(elastic_ip);
        Ok(answer)
    })
}

/// Gives up an address of an account that is closed for good.
pub(crate) fn give_up(edit: &mut Edit<'_>, elastic_ip: &ElasticIp) {
    transfer::forget(edit, elastic_ip.id);
    if elastic_ip.pool.is_none() {
        pool::give_back(edit, elastic_ip.address);
    }
}

fn release(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ReleaseAddressRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let elastic_ip = match (&input.allocation_id, &input.public_ip) {
            (Some(_), Some(_)) => return Err(association::both_names()),
            (Some(id), None) => edit.named::<ElasticIp>(id)?,
            (None, Some(address)) => {
                by_address(edit, address)?;
                return Err(error::invalid_value(
                    "You must specify an allocation id when releasing a VPC elastic IP address",
                ));
            }
            (None, None) => return Err(error::missing("AllocationId")),
        };
        let address = elastic_ip.address;
        // AWS answers as if there were no such address elsewhere.
        // <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html>
        zone::check_border_group(edit.region(), input.network_border_group.as_deref())
            .map_err(|_| unknown_address(&address.to_string()))?;
        // In the default VPC an address is disassociated as it is released; elsewhere that has to come first.
        if let Some(held) = &elastic_ip.association {
            if default_vpc::find(edit).is_none_or(|vpc| vpc.id != held.vpc) {
                let message = format!("Address {address} is in use.");
                return Err(ServiceError::new("InvalidIPAddress.InUse", message));
            }
            association::check_permitted(edit, held)?;
        }
        transfer::forget(edit, elastic_ip.id);
        edit.remove::<ElasticIp>(elastic_ip.id);
        if let Some(held) = &elastic_ip.association {
            association::ended(edit, held);
        }
        if elastic_ip.pool.is_none() {
            pool::give_back(edit, address);
        }
        Ok(Unit)
    })
}

fn shown(state: &impl State, elastic_ip: &ElasticIp) -> api::Address {
    let held = elastic_ip.association.as_ref();
    let interface = held.and_then(|held| state.find::<NetworkInterface>(held.interface));
    let attachment = interface.as_ref().and_then(|interface| interface.attachment.as_ref());
    api::Address {
        allocation_id: Some(elastic_ip.id.to_string()),
        association_id: held.map(|held| held.id.to_string()),
        domain: Some(DOMAIN.to_owned()),
        instance_id: attachment.map(|attachment| attachment.instance.to_string()),
        network_border_group: Some(state.region().to_string()),
        network_interface_id: held.map(|held| held.interface.to_string()),
        network_interface_owner_id: held.map(|_| state.account().to_string()),
        private_ip_address: held.map(|held| held.private_address.to_string()),
        public_ip: Some(elastic_ip.address.to_string()),
        public_ipv4_pool: Some(pool_name(elastic_ip.pool)),
        tags: tag::shown(&elastic_ip.tags),
        ..Default::default()
    }
}

static FILTERS: Filters<api::Address> = Filters {
    tags: Some(|address| address.tags.as_deref().unwrap_or_default()),
    named: &[
        ("allocation-id", |address| text(&address.allocation_id)),
        ("association-id", |address| text(&address.association_id)),
        ("domain", |address| text(&address.domain)),
        ("instance-id", |address| text(&address.instance_id)),
        ("network-border-group", |address| text(&address.network_border_group)),
        ("network-interface-id", |address| text(&address.network_interface_id)),
        ("network-interface-owner-id", |address| text(&address.network_interface_owner_id)),
        ("private-ip-address", |address| text(&address.private_ip_address)),
        ("public-ip", |address| text(&address.public_ip)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeAddressesRequest,
) -> Result<api::DescribeAddressesResult, ServiceError> {
    let view = ec2.view(context);
    let wanted = input.public_ips.unwrap_or_default();
    if !wanted.is_empty() && input.allocation_ids.as_ref().is_some_and(|ids| !ids.is_empty()) {
        return Err(association::both_names());
    }
    let mut found = view.selected::<ElasticIp>(input.allocation_ids.as_ref())?;
    if !wanted.is_empty() {
        let addresses = wanted.iter().map(|text| parse_address(text)).collect::<Result<Vec<_>, _>>()?;
        found.retain(|elastic_ip| addresses.contains(&elastic_ip.address));
        let is_found = |address: &Ipv4Addr| found.iter().any(|elastic_ip| elastic_ip.address == *address);
        if let Some(unknown) = addresses.iter().find(|address| !is_found(address)) {
            return Err(unknown_address(&unknown.to_string()));
        }
    }
    let mut addresses: Vec<_> = found.iter().map(|elastic_ip| shown(&view, elastic_ip)).collect();
    FILTERS.apply(&mut addresses, input.filters.as_ref())?;
    ec2.answer(input.dry_run, api::DescribeAddressesResult { addresses: Some(addresses) })
}
