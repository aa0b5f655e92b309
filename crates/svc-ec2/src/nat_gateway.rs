//! NAT gateways: CreateNatGateway, DeleteNatGateway.
//!
//! Owns the record and its states, and what becomes of a gateway's interface and Elastic IP addresses when it is deleted
//! or fails. Changes of its addresses are in [`address`]. Refuses to know how a packet is translated.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html>

mod address;
mod describe;

use std::net::Ipv4Addr;
use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{
    AddressAssociationId, AllocationId, AvailabilityZone, NatGatewayId, NetworkInterfaceId, SubnetId, Tags,
    Timestamp, VpcId,
};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::due::Due;
use crate::elastic_ip::{ElasticIp, association};
use crate::idempotency::Attempt;
use crate::network_interface::{self, ManagedKind, NetworkInterface, NewInterface};
use crate::state::{Edit, Naming, State, resource};
use crate::subnet::Subnet;
use crate::{Ec2, error, internet_gateway, pace, quota, tag};

/// What a gateway translates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connectivity {
    /// To its Elastic IP addresses.
    Public,
    /// To its private addresses.
    Private,
}

/// The state of a gateway.
///
/// ```text
/// pending ──► available ──► deleting ──► deleted
///    │                         ▲
///    └──────► failed ──────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatGatewayState {
    /// It is being made.
    Pending,
    /// It could not be made.
    Failed,
    /// It is there.
    Available,
    /// It is being deleted.
    Deleting,
    /// It is gone, and shown for a while.
    Deleted,
}

impl NatGatewayState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Available => "available",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
        }
    }
}

/// Why a gateway could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayFailure {
    /// `FailureCode`.
    pub code: String,
    /// `FailureMessage`.
    pub message: String,
}

/// A deletion that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayDeletion {
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it is done.
    pub done_at: Timestamp,
}

/// An Elastic IP address as a gateway has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayElasticIp {
    /// Its allocation.
    pub allocation: AllocationId,
    /// The address.
    pub address: Ipv4Addr,
    /// Its association with the private address; `None` where that failed.
    pub association: Option<AddressAssociationId>,
}

/// How an address of a gateway changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressChange {
    /// It is the gateway's from then on.
    Added(Timestamp),
    /// It is the gateway's until then.
    Removed(Timestamp),
}

/// An address of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayAddress {
    /// The private address; `None` where the subnet had none for it.
    pub private: Option<Ipv4Addr>,
    /// The public address that stands for it.
    pub elastic: Option<NatGatewayElasticIp>,
    /// How it changes.
    pub change: AddressChange,
}

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NatGateway {
    /// Its id.
    pub id: NatGatewayId,
    /// The VPC of its subnet.
    pub vpc: VpcId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// The zone of its subnet.
    pub zone: AvailabilityZone,
    /// What it translates to.
    pub connectivity: Connectivity,
    /// Its interface, which goes when the gateway is deleted or fails; `None` where the subnet had no address for it.
    pub interface: Option<NetworkInterfaceId>,
    /// Its addresses; the first is the primary one.
    pub addresses: Vec<NatGatewayAddress>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it becomes available, or fails.
    pub ready_at: Timestamp,
    /// Why it fails, if it does.
    pub failure: Option<NatGatewayFailure>,
    /// Its deletion, if it was asked for.
    pub deletion: Option<NatGatewayDeletion>,
    /// Whether its interface is gone, as it is after the gateway.
    #[serde(default)]
    pub has_released_interface: bool,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    NatGateway,
    NatGatewayId,
    "ec2.nat-gateway",
    Naming {
        resource_type: "natgateway",
        noun: "natGateway",
        not_found: "NatGatewayNotFound",
        malformed: "NatGatewayMalformed",
    },
    fn attribute(&self, filter: &str) -> Option<String> {
        match filter {
            "nat-gateway-id" => Some(self.id.to_string()),
            "subnet-id" => Some(self.subnet.to_string()),
            "vpc-id" => Some(self.vpc.to_string()),
            _ => None,
        }
    },
    fn not_found_message(id: &str) -> String {
        format!("NatGateway {id} was not found")
    },
    fn none_found_message(ids: &[String]) -> String {
        format!("NatGateways {} were not found", ids.join(", "))
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.ended_at().map(|ended| ended.plus_millis(pace::SHOWN_AFTER_DELETION_MILLIS))
    },
    fn due(&self) -> Option<Due> {
        let removals = self.addresses.iter().filter_map(|address| match address.change {
            AddressChange::Removed(done_at) => Some(done_at),
            AddressChange::Added(_) => None,
        });
        let release = self.ended_at().filter(|_| self.interface.is_some() && !self.has_released_interface);
        removals.chain(release).min().map(Due::Change).or_else(|| self.ends_at().map(Due::End))
    }
);

impl NatGateway {
    /// Its state at that time.
    pub fn state(&self, now: Timestamp) -> NatGatewayState {
        match (&self.deletion, &self.failure) {
            (Some(deletion), _) if now < deletion.done_at => NatGatewayState::Deleting,
            (Some(_), _) => NatGatewayState::Deleted,
            (None, _) if now < self.ready_at => NatGatewayState::Pending,
            (None, Some(_)) => NatGatewayState::Failed,
            (None, None) => NatGatewayState::Available,
        }
    }

    /// The private addresses that it translates to at that time, the primary one first.
    pub fn private_addresses(&self, now: Timestamp) -> Vec<Ipv4Addr> {
        let present = self.addresses.iter().filter(|address| address.is_present(now));
        present.filter_map(|address| address.private).collect()
    }

    /// When its state or its addresses change next by themselves.
    pub fn changes_after(&self, now: Timestamp) -> Option<Timestamp> {
        let of_addresses = self.addresses.iter().map(|address| match address.change {
            AddressChange::Added(at) | AddressChange::Removed(at) => at,
        });
        let of_gateway = self.deletion.map_or(self.ready_at, |deletion| deletion.done_at);
        of_addresses.chain([of_gateway]).filter(|at| now < *at).min()
    }

    /// When it is gone, if it will be.
    fn ended_at(&self) -> Option<Timestamp> {
        match (&self.deletion, &self.failure) {
            (Some(deletion), _) => Some(deletion.done_at),
            (None, Some(_)) => Some(self.ready_at),
            (None, None) => None,
        }
    }

    /// Whether it has its interface and its addresses still.
    pub(crate) fn is_there(&self, now: Timestamp) -> bool {
        self.ended_at().is_none_or(|ended| now < ended)
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table.with::<op::CreateNatGateway>(create).with::<op::DeleteNatGateway>(delete);
    [address::operations, describe::operations].into_iter().fold(table, |table, add| add(table))
}

/// What a request wants made.
struct Wanted {
    connectivity: Connectivity,
    subnet: String,
    allocations: Vec<String>,
    interface: NewInterface,
}

/// Refuses what is for regional gateways.
fn check_mode(input: &api::CreateNatGatewayRequest) -> Result<(), ServiceError> {
    match input.availability_mode.as_deref() {
        None | Some("zonal") => {}
        Some("regional") => return Err(error::unsupported("Regional NAT gateways are not supported.")),
        Some(other) => {
            return Err(error::invalid_value_for(other, "availabilityMode", "It is zonal or regional."));
        }
    }
    if input.vpc_id.is_some() || input.availability_zone_addresses.as_ref().is_some_and(|all| !all.is_empty())
    {
        return Err(error::combination(
            "The parameters VpcId and AvailabilityZoneAddresses can be used with regional NAT gateways only",
        ));
    }
    Ok(())
}

fn read(input: &api::CreateNatGatewayRequest) -> Result<Wanted, ServiceError> {
    check_mode(input)?;
    let connectivity = match input.connectivity_type.as_deref() {
        None | Some("public") => Connectivity::Public,
        Some("private") => Connectivity::Private,
        Some(other) => {
            return Err(error::invalid_value_for(other, "connectivityType", "It is public or private."));
        }
    };
    let subnet = input.subnet_id.clone().ok_or_else(|| error::missing("SubnetId"))?;
    let mut allocations: Vec<String> = input.allocation_id.iter().cloned().collect();
    allocations.extend(input.secondary_allocation_ids.iter().flatten().cloned());
    let secondaries = input.secondary_private_ip_addresses.clone().unwrap_or_default();
    let mut secondary_count =
        address::count(input.secondary_private_ip_address_count, "secondaryPrivateIpAddressCount")?;
    match connectivity {
        Connectivity::Public => {
            if input.allocation_id.is_none() {
                return Err(error::missing("AllocationId"));
            }
            if secondary_count > 0 {
                return Err(error::combination(
                    "The parameter SecondaryPrivateIpAddressCount can be used with private NAT gateways only",
                ));
            }
            address::check_distinct(&allocations, "AllocationId")?;
            secondary_count = address::unnamed(allocations.len() - 1, secondaries.len())?;
        }
        Connectivity::Private if !allocations.is_empty() => {
            return Err(error::combination(
                "The parameters AllocationId and SecondaryAllocationIds can be used with public NAT gateways only",
            ));
        }
        Connectivity::Private if secondary_count > 0 && !secondaries.is_empty() => {
            return Err(error::combination(
                "The parameter SecondaryPrivateIpAddressCount cannot be used with the parameter \
                 SecondaryPrivateIpAddresses",
            ));
        }
        Connectivity::Private => {}
    }
    let interface = NewInterface {
        primary: input.private_ip_address.clone(),
        secondaries,
        secondary_count,
        ipv6_count: Some(0),
        ..Default::default()
    };
    Ok(Wanted { connectivity, subnet, allocations, interface })
}

/// The interface of a new gateway, or `None` where the subnet has too few free addresses.
fn make_interface(
    edit: &mut Edit<'_>,
    id: NatGatewayId,
    subnet: &Subnet,
    new: NewInterface,
) -> Result<Option<NetworkInterface>, ServiceError> {
    let new = NewInterface { description: format!("Interface for NAT Gateway {id}"), ..new };
    match network_interface::make_managed(edit, subnet, ManagedKind::NatGateway, new) {
        Ok(interface) => Ok(Some(interface)),
        Err(error) if error.code == "InsufficientFreeAddressesInSubnet" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why a gateway fails that is being made, if it does: AWS tells this by the gateway's state, after it has answered.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NatGateway.html>
fn failure(
    edit: &Edit<'_>,
    subnet: &Subnet,
    connectivity: Connectivity,
    has_interface: bool,
    elastic_ips: &[Arc<ElasticIp>],
) -> Option<NatGatewayFailure> {
    let failure = |code: &str, message: String| Some(NatGatewayFailure { code: code.to_owned(), message });
    if !has_interface {
        let message = "Subnet has insufficient free addresses to create this NAT gateway";
        return failure("InsufficientFreeAddressesInSubnet", message.to_owned());
    }
    if connectivity == Connectivity::Public && internet_gateway::of_vpc(edit, subnet.vpc).is_none() {
        let message = format!("Network {} has no Internet gateway attached", subnet.vpc);
        return failure("Gateway.NotAttached", message);
    }
    let in_use = elastic_ips.iter().find(|elastic_ip| elastic_ip.association.is_some())?;
    failure("Resource.AlreadyAssociated", format!("Elastic IP address {} is already associated", in_use.id))
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateNatGatewayRequest,
) -> Result<api::CreateNatGatewayResult, ServiceError> {
    let wanted = read(&input)?;
    let tags = tag::specified(input.tag_specifications.as_ref(), "natgateway")?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateNatGateway", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |edit: &Edit<'_>, gateway: &NatGateway| api::CreateNatGatewayResult {
            client_token: input.client_token.clone(),
            nat_gateway: Some(describe::shown(edit, gateway)),
        };
        if let Some(attempt) = &attempt
            && let Some(gateway) = attempt.made::<NatGateway>(edit)?
        {
            return Ok(answer(edit, &gateway));
        }
        let gateway = make(edit, wanted, tags)?;
        edit.put(gateway.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![gateway.id.to_string()]);
        }
        Ok(answer(edit, &gateway))
    })
}

/// Makes a gateway and what belongs to it; the caller writes the gateway.
fn make(edit: &mut Edit<'_>, wanted: Wanted, tags: Tags) -> Result<NatGateway, ServiceError> {
    let Wanted { connectivity, subnet, allocations, interface: new } = wanted;
    let subnet = edit.named::<Subnet>(&subnet)?;
    let elastic_ips =
        allocations.iter().map(|id| edit.named::<ElasticIp>(id)).collect::<Result<Vec<_>, _>>()?;
    let now = edit.now();
    let counts = |gateway: &Arc<NatGateway>| gateway.zone == subnet.zone && gateway.is_there(now);
    let count = edit.all::<NatGateway>().filter(counts).count();
    quota::NAT_GATEWAYS_PER_ZONE.check(edit, count + 1)?;
    address::check_count(edit, connectivity, 1 + new.secondaries.len() + new.secondary_count)?;
    let id = edit.new_id();
    let address_count = 1 + new.secondaries.len() + new.secondary_count;
    let interface = make_interface(edit, id, &subnet, new)?;
    let failure = failure(edit, &subnet, connectivity, interface.is_some(), &elastic_ips);
    let ready_at = pace::NAT_GATEWAY_CREATION.done_at(edit);
    let mut addresses = Vec::with_capacity(address_count);
    for place in 0..address_count {
        let private =
            interface.as_ref().and_then(|interface| interface.private_addresses.get(place).copied());
        let elastic = elastic_ips.get(place).map(|elastic_ip| {
            let held = interface.as_ref().filter(|_| failure.is_none()).zip(private);
            address::associated(edit, elastic_ip, held)
        });
        addresses.push(NatGatewayAddress { private, elastic, change: AddressChange::Added(ready_at) });
    }
    Ok(NatGateway {
        id,
        vpc: subnet.vpc,
        subnet: subnet.id,
        zone: subnet.zone.clone(),
        connectivity,
        interface: interface.map(|interface| interface.id),
        addresses,
        created_at: now,
        ready_at,
        failure,
        deletion: None,
        has_released_interface: false,
        tags,
    })
}

/// Deleting again what is being deleted is no change. Routes to the gateway become blackholes.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteNatGatewayRequest,
) -> Result<api::DeleteNatGatewayResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut gateway = NatGateway::clone(&*edit.named::<NatGateway>(&input.nat_gateway_id)?);
        let answer = api::DeleteNatGatewayResult { nat_gateway_id: Some(gateway.id.to_string()) };
        match gateway.state(edit.now()) {
            NatGatewayState::Deleting => Ok(answer),
            NatGatewayState::Deleted => Err(crate::state::not_found::<NatGateway>(gateway.id)),
            NatGatewayState::Pending | NatGatewayState::Failed | NatGatewayState::Available => {
                let done_at = pace::NAT_GATEWAY_DELETION.done_at(edit);
                gateway.deletion = Some(NatGatewayDeletion { asked_at: edit.now(), done_at });
                edit.put(gateway);
                Ok(answer)
            }
        }
    })
}

/// Carries out on other records what has come due of a gateway, and forgets a gateway that is shown no more.
pub(crate) fn settle(edit: &mut Edit<'_>, id: &str) {
    use crate::state::Resource;
    let now = edit.now();
    let Some(gateway) = edit.record::<NatGateway>(id) else { return };
    let mut gateway = Arc::unwrap_or_clone(gateway);
    let interface = gateway.interface.and_then(|id| edit.find::<NetworkInterface>(id));
    let gone: Vec<_> = gateway.addresses.iter().copied().filter(|address| address.is_gone(now)).collect();
    gateway.addresses.retain(|address| !address.is_gone(now));
    if gateway.is_there(now) {
        if let Some(interface) = interface {
            let mut interface = Arc::unwrap_or_clone(interface);
            for private in gone.iter().filter_map(|address| address.private) {
                association::end(edit, interface.id, Some(private));
                interface.private_addresses.retain(|held| *held != private);
            }
            edit.put(interface);
        }
    } else {
        if let Some(interface) = gateway.interface {
            network_interface::remove_managed(edit, interface);
        }
        gateway.has_released_interface = true;
    }
    if gateway.is_visible(now) {
        edit.put(gateway);
    } else {
        edit.remove::<NatGateway>(gateway.id);
    }
}

impl NatGatewayAddress {
    /// Whether it is the gateway's.
    fn is_present(&self, now: Timestamp) -> bool {
        match self.change {
            AddressChange::Added(done_at) => done_at <= now,
            AddressChange::Removed(done_at) => now < done_at,
        }
    }

    /// Whether it is no longer the gateway's.
    fn is_gone(&self, now: Timestamp) -> bool {
        matches!(self.change, AddressChange::Removed(done_at) if done_at <= now)
    }
}
