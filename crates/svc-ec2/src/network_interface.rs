//! Network interfaces: CreateNetworkInterface, DeleteNetworkInterface, DescribeNetworkInterfaces.
//!
//! Owns the record, and the making of interfaces for this and for RunInstances. Attributes, attachments and further
//! addresses are in files of their own. Refuses to know veth pairs: the data plane knows an interface by its `port`.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html>

mod address;
mod attachment;
mod attribute;
mod describe;
mod managed;
pub(crate) mod permission;
mod prefix;
pub(crate) mod public_address;

use std::net::{Ipv4Addr, Ipv6Addr};

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{
    AccountId, AvailabilityZone, InstanceId, MacAddress, NetworkInterfaceAttachmentId, NetworkInterfaceId,
    SecurityGroupId, SubnetId, Tags, Timestamp, VpcId,
};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

pub(crate) use attachment::{detach, in_use as attachment_in_use, settle};
pub(crate) use describe::private_dns_name;
pub use managed::ManagedKind;
pub(crate) use managed::{make_managed, remove_managed};
pub use permission::{InterfacePermission, NetworkInterfacePermission};
pub(crate) use prefix::WantedPrefixes;
pub use public_address::AssignedAddress;

use crate::due::Due;
use crate::elastic_ip::{self, Associated};
use crate::flow_log::{self, FlowLogResource};
use crate::idempotency::Attempt;
use crate::instance::Instance;
use crate::security_group::{self, SecurityGroup};
use crate::sharing::Sharing;
use crate::state::{Edit, Naming, State, resource};
use crate::subnet::Subnet;
use crate::subnet::address::Addresses;
use crate::{Ec2, counter, dependency, error, quota, tag};

/// How an interface hangs on an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: NetworkInterfaceAttachmentId,
    /// The instance.
    pub instance: InstanceId,
    /// The place among the instance's interfaces; 0 is the primary one.
    pub device_index: u32,
    /// Whether the interface goes with the instance.
    pub delete_on_termination: bool,
    /// Since when.
    pub attached_at: Timestamp,
    /// From when on there is no attachment any more, once the interface is to be detached.
    #[serde(default)]
    pub detached_at: Option<Timestamp>,
}

impl Attachment {
    /// Whether the interface is about to be detached: no packets pass it any more.
    pub fn is_detaching(&self) -> bool {
        self.detached_at.is_some()
    }

    /// Its status: `attaching` until the instance runs for the first time, then `attached`, and `detaching` at last.
    pub(crate) fn status(&self, is_launching: bool) -> &'static str {
        if self.is_detaching() {
            "detaching"
        } else if is_launching {
            "attaching"
        } else {
            "attached"
        }
    }
}

/// Idle times after which connections are forgotten, in seconds; `None` stands for the default.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html#connection-tracking-timeouts>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTracking {
    /// Of established TCP connections.
    pub tcp_established_secs: Option<u32>,
    /// Of UDP flows with more than one exchange.
    pub udp_stream_secs: Option<u32>,
    /// Of other UDP flows.
    pub udp_secs: Option<u32>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// Its id.
    pub id: NetworkInterfaceId,
    /// The VPC of its subnet.
    pub vpc: VpcId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// The zone of its subnet.
    pub zone: AvailabilityZone,
    /// The id of that zone.
    pub zone_id: String,
    /// The number by which the data plane knows it: never 0, and no other interface's in the cloud. It is
    /// used again some time after the interface is gone.
    pub port: u32,
    /// Its link-layer address, unique in the cloud for ever.
    pub mac: MacAddress,
    /// Its private IPv4 addresses; the first is the primary one.
    pub private_addresses: Vec<Ipv4Addr>,
    /// The public address of Amazon's pool that stands for the primary one.
    #[serde(default)]
    pub assigned_address: AssignedAddress,
    /// Its IPv6 addresses.
    pub ipv6_addresses: Vec<Ipv6Addr>,
    /// Blocks of 16 addresses of its subnet that it has whole.
    #[serde(default)]
    pub ipv4_prefixes: Vec<Ipv4Net>,
    /// Blocks of its subnet's IPv6 addresses that it has whole.
    #[serde(default)]
    pub ipv6_prefixes: Vec<Ipv6Net>,
    /// Whether the first IPv6 address stays for life.
    pub has_primary_ipv6: bool,
    /// Its security groups; at least one, unless a service made it.
    pub groups: Vec<SecurityGroupId>,
    /// Whether it takes and sends only what is for and from its own addresses.
    pub source_dest_check: bool,
    /// The instance that it hangs on.
    pub attachment: Option<Attachment>,
    /// What its maker says it is for.
    pub description: String,
    /// What a service made it for, which manages it; `None` for interfaces that hang on instances.
    #[serde(default)]
    pub kind: Option<ManagedKind>,
    /// Idle times of connections.
    pub connection_tracking: ConnectionTracking,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    NetworkInterface,
    NetworkInterfaceId,
    "ec2.network-interface" in subnet,
    Naming {
        resource_type: "network-interface",
        noun: "networkInterface",
        not_found: "InvalidNetworkInterfaceID.NotFound",
        malformed: "InvalidNetworkInterfaceId.Malformed",
    },
    fn attribute(&self, filter: &str) -> Option<String> {
        match filter {
            "network-interface-id" => Some(self.id.to_string()),
            "subnet-id" => Some(self.subnet.to_string()),
            "vpc-id" => Some(self.vpc.to_string()),
            _ => None,
        }
    },
    fn due(&self) -> Option<Due> {
        self.attachment.as_ref().and_then(|held| held.detached_at).map(Due::Change)
    },
    /// By the owner of its subnet.
    fn is_seen_by(&self, reader: &impl Read, owner: &Scope, account: AccountId) -> bool {
        account != owner.account
            && reader.contains::<Subnet>(
                &Scope::new(owner.partition, account, owner.region.clone()),
                &self.subnet.to_string(),
            )
    },
    const SHARING: Sharing = Sharing::Vpc;
);

impl NetworkInterface {
    /// The primary private address.
    pub fn primary_address(&self) -> Ipv4Addr {
        *self.private_addresses.first().expect("an interface keeps its primary address for life")
    }

    /// The attachment that it has at that time.
    pub fn attached(&self, now: Timestamp) -> Option<&Attachment> {
        let held = self.attachment.as_ref();
        held.filter(|held| held.detached_at.is_none_or(|detached_at| now < detached_at))
    }

    /// How many addresses and prefixes it has, of IPv4 and of IPv6.
    pub(crate) fn address_counts(&self) -> (usize, usize) {
        let v4 = self.private_addresses.len() + self.ipv4_prefixes.len();
        (v4, self.ipv6_addresses.len() + self.ipv6_prefixes.len())
    }

    /// The private DNS name of the primary address, whatever the interface hangs on.
    pub fn private_dns_name(&self, scope: &Scope) -> String {
        private_dns_name(&scope.region, self.primary_address())
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table.with::<op::CreateNetworkInterface>(create).with::<op::DeleteNetworkInterface>(delete);
    [
        address::operations,
        attachment::operations,
        attribute::operations,
        describe::operations,
        permission::operations,
    ]
    .into_iter()
    .fold(table, |table, add| add(table))
}

/// How many addresses and prefixes of one family any interface can have: what the largest instance types allow.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html>
const MAX_ADDRESSES: usize = 64;

/// Checks how many addresses and prefixes of one family an interface is to have, whatever instance it hangs on.
///
/// # Errors
/// `PrivateIpAddressLimitExceeded`.
pub(crate) fn check_address_count(count: usize) -> Result<(), ServiceError> {
    if count > MAX_ADDRESSES {
        return Err(ServiceError::new(
            "PrivateIpAddressLimitExceeded",
            format!(
                "Number of private addresses will exceed limit: {count}, and an interface has up to {MAX_ADDRESSES}."
            ),
        ));
    }
    Ok(())
}

/// An interface that is to be made.
#[derive(Clone, Default)]
pub(crate) struct NewInterface {
    pub(crate) description: String,
    /// None stands for the VPC's default group.
    pub(crate) groups: Vec<SecurityGroupId>,
    pub(crate) primary: Option<String>,
    pub(crate) secondaries: Vec<String>,
    pub(crate) secondary_count: usize,
    pub(crate) ipv6: Vec<String>,
    /// `None` leaves it to the subnet.
    pub(crate) ipv6_count: Option<usize>,
    pub(crate) prefixes: WantedPrefixes,
    pub(crate) has_primary_ipv6: bool,
    /// Whether it gets a public address of Amazon's pool while an instance runs of which it is the primary interface.
    pub(crate) wants_public_address: bool,
    pub(crate) connection_tracking: ConnectionTracking,
    pub(crate) tags: Tags,
}

impl NewInterface {
    /// How many IPv6 addresses it is to have beside those that are named.
    fn ipv6_count_in(&self, subnet: &Subnet) -> usize {
        let by_subnet =
            subnet.assign_ipv6_address_on_creation && subnet.ipv6_block().is_some() && self.ipv6.is_empty();
        self.ipv6_count.unwrap_or(usize::from(by_subnet))
    }

    /// How many addresses and prefixes it is to have in a subnet, of IPv4 and of IPv6.
    pub(crate) fn address_counts(&self, subnet: &Subnet) -> (usize, usize) {
        let (prefixes, prefixes_v6) = self.prefixes.counts();
        let v4 = 1 + self.secondaries.len() + self.secondary_count + prefixes;
        (v4, self.ipv6.len() + self.ipv6_count_in(subnet) + prefixes_v6)
    }
}

/// Makes an interface and returns it; the caller writes it.
///
/// # Errors
/// Addresses that the subnet does not give, `NetworkInterfaceLimitExceeded` when the fabric has no more ports.
pub(crate) fn make(
    edit: &mut Edit<'_>,
    subnet: &Subnet,
    addresses: &mut Addresses,
    new: NewInterface,
) -> Result<NetworkInterface, ServiceError> {
    debug_assert_eq!(addresses.subnet(), subnet.id);
    let (v4_count, v6_count) = new.address_counts(subnet);
    check_address_count(v4_count)?;
    check_address_count(v6_count)?;
    let mut private_addresses = Vec::with_capacity(1 + new.secondaries.len() + new.secondary_count);
    // What is named is taken first, so that "any" does not take it.
    let primary = new.primary.as_deref().map(|text| addresses.take(text)).transpose()?;
    let named = new.secondaries.iter().map(|text| addresses.take(text)).collect::<Result<Vec<_>, _>>()?;
    let mut ipv6_addresses =
        new.ipv6.iter().map(|text| addresses.take_v6(text)).collect::<Result<Vec<_>, _>>()?;
    let mut prefixes = new.prefixes.take_named(addresses)?;
    private_addresses.push(match primary {
        Some(address) => address,
        None => addresses.take_any(edit)?,
    });
    private_addresses.extend(named);
    for _ in 0..new.secondary_count {
        private_addresses.push(addresses.take_any(edit)?);
    }
    for _ in 0..new.ipv6_count_in(subnet) {
        ipv6_addresses.push(addresses.take_any_v6(edit.new_bits())?);
    }
    new.prefixes.take_others(edit, addresses, &mut prefixes)?;
    let groups = if new.groups.is_empty() {
        vec![security_group::default_of(edit, subnet.vpc)?.id]
    } else {
        new.groups
    };
    let place = counter::place(edit).ok_or_else(|| quota::NETWORK_INTERFACES_PER_REGION.exceeded())?;
    Ok(NetworkInterface {
        id: edit.new_id(),
        vpc: subnet.vpc,
        subnet: subnet.id,
        zone: subnet.zone.clone(),
        zone_id: subnet.zone_id.clone(),
        port: place.port,
        mac: place.mac,
        private_addresses,
        assigned_address: AssignedAddress::wanted(new.wants_public_address),
        ipv6_addresses,
        ipv4_prefixes: prefixes.v4,
        ipv6_prefixes: prefixes.v6,
        has_primary_ipv6: new.has_primary_ipv6,
        groups,
        source_dest_check: true,
        attachment: None,
        description: new.description,
        kind: None,
        connection_tracking: new.connection_tracking,
        created_at: edit.now(),
        tags: new.tags,
    })
}

/// Removes an interface from the records, and gives back what it had of the cloud's. Its public addresses stand for
/// nothing then.
pub(crate) fn remove(edit: &mut Edit<'_>, interface: &NetworkInterface) {
    flow_log::forget(edit, FlowLogResource::NetworkInterface(interface.id));
    permission::forget(edit, interface.id);
    edit.remove::<NetworkInterface>(interface.id);
    elastic_ip::association::end(edit, interface.id, None);
    give_back(edit, interface);
}

/// Gives back what an interface that was made, and is not written or not any more, has of the cloud's.
pub(crate) fn give_back(edit: &mut Edit<'_>, interface: &NetworkInterface) {
    counter::free_port(edit, interface.port);
    if let Some(address) = interface.assigned_address.held() {
        elastic_ip::pool::give_back_assigned(edit, address);
    }
}

/// Reads the addresses of an interface from the three members that requests have for them.
///
/// # Errors
/// `InvalidParameterCombination`, `InvalidParameterValue`.
pub(crate) fn wanted_addresses(
    single: Option<&String>,
    listed: Option<&Vec<api::PrivateIpAddressSpecification>>,
    count: Option<i32>,
) -> Result<NewInterface, ServiceError> {
    let listed = listed.map_or(&[][..], Vec::as_slice);
    let count = usize::try_from(count.unwrap_or(0)).map_err(|_| {
        error::invalid_value_for(count.unwrap_or(0), "secondaryPrivateIpAddressCount", "It is negative.")
    })?;
    let primaries: Vec<_> = listed.iter().filter(|address| address.primary == Some(true)).collect();
    if primaries.len() > 1 || (single.is_some() && !primaries.is_empty()) {
        return Err(error::combination("Only one primary private IP address can be specified."));
    }
    if count > 0 && listed.iter().any(|address| address.primary != Some(true)) {
        return Err(error::combination(
            "The parameter secondaryPrivateIpAddressCount cannot be used with secondary private IP addresses",
        ));
    }
    let text = |address: &api::PrivateIpAddressSpecification| {
        address.private_ip_address.clone().ok_or_else(|| error::missing("PrivateIpAddress"))
    };
    let others = listed.iter().filter(|address| address.primary != Some(true));
    Ok(NewInterface {
        primary: match (single, primaries.first()) {
            (Some(single), _) => Some(single.clone()),
            (None, Some(address)) => Some(text(address)?),
            (None, None) => None,
        },
        secondaries: others.map(text).collect::<Result<_, _>>()?,
        secondary_count: count,
        ..Default::default()
    })
}

/// Reads the IPv6 addresses of an interface.
///
/// # Errors
/// `InvalidParameterCombination`, `InvalidParameterValue`.
pub(crate) fn wanted_ipv6(
    listed: Option<&Vec<api::InstanceIpv6Address>>,
    count: Option<i32>,
) -> Result<(Vec<String>, Option<usize>), ServiceError> {
    let listed = listed.map_or(&[][..], Vec::as_slice);
    if !listed.is_empty() && count.is_some_and(|count| count != 0) {
        return Err(error::combination(
            "The parameter ipv6Addresses cannot be used with the parameter ipv6AddressCount",
        ));
    }
    let text = |address: &api::InstanceIpv6Address| {
        address.ipv6_address.clone().ok_or_else(|| error::missing("Ipv6Address"))
    };
    let count = count.map(|count| {
        usize::try_from(count)
            .map_err(|_| error::invalid_value_for(count, "ipv6AddressCount", "It is negative."))
    });
    Ok((listed.iter().map(text).collect::<Result<_, _>>()?, count.transpose()?))
}

/// Reads idle times.
///
/// # Errors
/// `InvalidParameterValue` for one out of range.
pub(crate) fn wanted_tracking(
    wanted: Option<&api::ConnectionTrackingSpecificationRequest>,
) -> Result<ConnectionTracking, ServiceError> {
    let Some(wanted) = wanted else { return Ok(ConnectionTracking::default()) };
    let check = |secs: Option<i32>, least: i32, most: i32, parameter: &str| match secs {
        None => Ok(None),
        Some(secs) if (least..=most).contains(&secs) => Ok(u32::try_from(secs).ok()),
        Some(secs) => {
            let why = format!("It must be between {least} and {most} seconds.");
            Err(error::invalid_value_for(secs, parameter, &why))
        }
    };
    Ok(ConnectionTracking {
        tcp_established_secs: check(wanted.tcp_established_timeout, 60, 432_000, "TcpEstablishedTimeout")?,
        udp_stream_secs: check(wanted.udp_stream_timeout, 60, 180, "UdpStreamTimeout")?,
        udp_secs: check(wanted.udp_timeout, 30, 60, "UdpTimeout")?,
    })
}

/// The groups that a request names for an interface in a VPC, each once.
///
/// # Errors
/// Unknown groups, too many, and `mismatch` for a group of another VPC.
pub(crate) fn wanted_groups(
    edit: &Edit<'_>,
    vpc: VpcId,
    ids: &[String],
    mismatch: impl Fn(SecurityGroupId) -> ServiceError,
) -> Result<Vec<SecurityGroupId>, ServiceError> {
    let mut groups = Vec::with_capacity(ids.len());
    for text in ids {
        let group = edit.named::<SecurityGroup>(text)?;
        if group.vpc != vpc && !security_group::vpc_association::is_associated(edit, group.id, vpc) {
            return Err(mismatch(group.id));
        }
        if !groups.contains(&group.id) {
            groups.push(group.id);
        }
    }
    security_group::check_count(edit, groups.len())?;
    Ok(groups)
}

/// Checks that so many more interfaces are allowed.
///
/// # Errors
/// `NetworkInterfaceLimitExceeded`.
pub(crate) fn check_quota(edit: &Edit<'_>, added: usize) -> Result<(), ServiceError> {
    quota::NETWORK_INTERFACES_PER_REGION.check(edit, edit.count::<NetworkInterface>() + added)
}

/// The interface of an instance that has only that one: what is said of an instance with several does not say of which.
///
/// # Errors
/// `InvalidInstanceID` when there are several, `IncorrectInstanceState` when there is none any more.
pub(crate) fn only_one_of(state: &impl State, instance: &Instance) -> Result<NetworkInterface, ServiceError> {
    let id = instance.id;
    match instance.interfaces[..] {
        [only] => state.held(only),
        [] => Err(ServiceError::new(
            "IncorrectInstanceState",
            format!("The instance '{id}' has no network interface."),
        )),
        [..] => Err(ServiceError::new(
            "InvalidInstanceID",
            format!(
                "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the \
                 operation instead."
            ),
        )),
    }
}

/// Checks that an interface is not one that a service made and manages.
///
/// # Errors
/// `AuthFailure`.
pub(crate) fn check_requester(interface: &NetworkInterface) -> Result<(), ServiceError> {
    if interface.kind.is_some() {
        let message = "You do not have permission to access the specified resource.";
        return Err(ServiceError::new("AuthFailure", message));
    }
    Ok(())
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateNetworkInterfaceRequest,
) -> Result<api::CreateNetworkInterfaceResult, ServiceError> {
    if let Some(kind) = input.interface_type.as_deref().filter(|kind| *kind != "interface") {
        return Err(error::unsupported(format!("Network interfaces of type {kind} are not supported.")));
    }
    if input.operator.is_some() {
        return Err(error::unsupported("Service-managed network interfaces are not supported."));
    }
    let (ipv6, ipv6_count) = wanted_ipv6(input.ipv6_addresses.as_ref(), input.ipv6_address_count)?;
    let new = NewInterface {
        description: input.description.clone().unwrap_or_default(),
        ipv6,
        ipv6_count,
        prefixes: WantedPrefixes::of_new(
            input.ipv4_prefixes.as_ref(),
            input.ipv4_prefix_count,
            input.ipv6_prefixes.as_ref(),
            input.ipv6_prefix_count,
        )?,
        has_primary_ipv6: input.enable_primary_ipv6 == Some(true),
        connection_tracking: wanted_tracking(input.connection_tracking_specification.as_ref())?,
        tags: tag::specified(input.tag_specifications.as_ref(), "network-interface")?,
        ..wanted_addresses(
            input.private_ip_address.as_ref(),
            input.private_ip_addresses.as_ref(),
            input.secondary_private_ip_address_count,
        )?
    };
    new.check_prefixes()?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateNetworkInterface", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |edit: &Edit<'_>, interface: &NetworkInterface| api::CreateNetworkInterfaceResult {
            client_token: input.client_token.clone(),
            // The interface is available, and AWS calls it pending in this one answer.
            network_interface: Some(api::NetworkInterface {
                status: Some("pending".to_owned()),
                ..describe::shown(edit, &Associated::of(edit), interface)
            }),
        };
        if let Some(attempt) = &attempt
            && let Some(interface) = attempt.made::<NetworkInterface>(edit)?
        {
            return Ok(answer(edit, &interface));
        }
        let subnet = edit.usable::<Subnet>(&input.subnet_id)?.resource;
        let groups = input.groups.as_deref().unwrap_or_default();
        let groups = wanted_groups(edit, subnet.vpc, groups, |_| error::different_networks())?;
        check_quota(edit, 1)?;
        let mut addresses = Addresses::of(edit, &subnet);
        let interface = make(edit, &subnet, &mut addresses, NewInterface { groups, ..new })?;
        edit.put(interface.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![interface.id.to_string()]);
        }
        Ok(answer(edit, &interface))
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteNetworkInterfaceRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let interface = edit.named::<NetworkInterface>(&input.network_interface_id)?;
        check_requester(&interface)?;
        dependency::check_network_interface(edit, interface.id)?;
        remove(edit, &interface);
        Ok(Unit)
    })
}
