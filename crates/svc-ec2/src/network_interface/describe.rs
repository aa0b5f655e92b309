//! DescribeNetworkInterfaces, and how interfaces and their names are shown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, Region};
use service_api::{Operations, RequestContext, ServiceError};

use super::managed::{MANAGED_ATTACHMENT, ManagedKind};
use super::{Attachment, NetworkInterface, prefix};
use crate::Ec2;
use crate::elastic_ip::{self, Associated, PublicAssociation};
use crate::filter::{Filters, each, flag, number, text};
use crate::instance::Instance;
use crate::page::Page;
use crate::security_group;
use crate::state::{State, View};
use crate::tag;
use crate::vpc::Vpc;
use crate::zone;

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeNetworkInterfaces>(describe)
}

/// The private name of an address, such as `ip-10-0-0-5.ec2.internal`.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html>
pub(crate) fn private_dns_name(region: &Region, address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("ip-{a}-{b}-{c}-{d}.{}", zone::private_domain(region))
}

fn attachment_status(state: &impl State, attachment: &Attachment) -> &'static str {
    let instance = state.find::<Instance>(attachment.instance);
    attachment.status(instance.is_some_and(|instance| instance.is_launching()))
}

/// An interface as answers have it.
pub(super) fn shown(
    state: &impl State,
    associated: &Associated,
    interface: &NetworkInterface,
) -> api::NetworkInterface {
    let association = |address: Ipv4Addr| {
        let public = associated.public_address(interface, address)?;
        Some(shown_association(state, interface, &public))
    };
    // Interfaces have names where the VPC has DNS hostnames; instances have theirs anyhow.
    let has_names = state.find::<Vpc>(interface.vpc).is_some_and(|vpc| vpc.enable_dns_hostnames);
    let name = |address: Ipv4Addr| has_names.then(|| private_dns_name(state.region(), address));
    let addresses = interface.private_addresses.iter().enumerate().map(|(place, address)| {
        api::NetworkInterfacePrivateIpAddress {
            association: association(*address),
            primary: Some(place == 0),
            private_dns_name: name(*address),
            private_ip_address: Some(address.to_string()),
        }
    });
    let ipv6 = interface.ipv6_addresses.iter().enumerate().map(|(place, address)| {
        api::NetworkInterfaceIpv6Address {
            ipv6_address: Some(address.to_string()),
            is_primary_ipv6: Some(place == 0 && interface.has_primary_ipv6),
            ..Default::default()
        }
    });
    let tracking = interface.connection_tracking;
    let secs = |secs: Option<u32>| secs.and_then(|secs| i32::try_from(secs).ok());
    let attachment = interface.attached(state.now()).map(|held| api::NetworkInterfaceAttachment {
        attach_time: Some(held.attached_at),
        attachment_id: Some(held.id.to_string()),
        delete_on_termination: Some(held.delete_on_termination),
        device_index: i32::try_from(held.device_index).ok(),
        instance_id: Some(held.instance.to_string()),
        instance_owner_id: Some(state.account().to_string()),
        network_card_index: Some(0),
        status: Some(attachment_status(state, held).to_owned()),
        ..Default::default()
    });
    // What a service made hangs on nothing that could be seen, and is in use.
    let managed = interface.kind.map(|_| api::NetworkInterfaceAttachment {
        attach_time: Some(interface.created_at),
        attachment_id: Some(interface.id.to_string().replacen("eni-", MANAGED_ATTACHMENT, 1)),
        delete_on_termination: Some(false),
        device_index: Some(1),
        instance_owner_id: Some("amazon-aws".to_owned()),
        network_card_index: Some(0),
        status: Some("attached".to_owned()),
        ..Default::default()
    });
    let attachment = attachment.or(managed);
    let is_tracked = tracking != super::ConnectionTracking::default();
    api::NetworkInterface {
        association: association(interface.primary_address()),
        availability_zone: Some(interface.zone.to_string()),
        availability_zone_id: Some(interface.zone_id.clone()),
        connection_tracking_configuration: is_tracked.then(|| api::ConnectionTrackingConfiguration {
            tcp_established_timeout: secs(tracking.tcp_established_secs),
            udp_stream_timeout: secs(tracking.udp_stream_secs),
            udp_timeout: secs(tracking.udp_secs),
        }),
        description: Some(interface.description.clone()),
        groups: Some(security_group::identifiers(state, &interface.groups)),
        interface_type: Some(interface.kind.map_or("interface", ManagedKind::as_str).to_owned()),
        ipv6_address: interface.ipv6_addresses.first().map(ToString::to_string),
        ipv6_addresses: Some(ipv6.collect()),
        ipv4_prefixes: prefix::shown(&interface.ipv4_prefixes),
        ipv6_prefixes: prefix::shown_v6(&interface.ipv6_prefixes),
        mac_address: Some(interface.mac.to_string()),
        network_interface_id: Some(interface.id.to_string()),
        operator: Some(api::OperatorResponse { managed: Some(false), ..Default::default() }),
        owner_id: Some(state.account().to_string()),
        private_dns_name: name(interface.primary_address()),
        private_ip_address: Some(interface.primary_address().to_string()),
        private_ip_addresses: Some(addresses.collect()),
        requester_id: interface.kind.map(|kind| kind.requester().to_owned()),
        requester_managed: Some(interface.kind.is_some()),
        source_dest_check: Some(interface.source_dest_check),
        status: Some(if attachment.is_some() { "in-use" } else { "available" }.to_owned()),
        subnet_id: Some(interface.subnet.to_string()),
        tag_set: Some(tag::shown_always(&interface.tags)),
        vpc_id: Some(interface.vpc.to_string()),
        attachment,
        ..Default::default()
    }
}

/// What a public address stands for, as answers have it.
fn shown_association(
    state: &impl State,
    interface: &NetworkInterface,
    public: &PublicAssociation<'_>,
) -> api::NetworkInterfaceAssociation {
    let association = public.elastic_ip.and_then(|elastic_ip| elastic_ip.association.as_ref());
    api::NetworkInterfaceAssociation {
        allocation_id: public.elastic_ip.map(|elastic_ip| elastic_ip.id.to_string()),
        association_id: association.map(|held| held.id.to_string()),
        ip_owner_id: Some(public.owner(state)),
        public_dns_name: Some(elastic_ip::public_dns_name(state, interface.vpc, public.address)),
        public_ip: Some(public.address.to_string()),
        ..Default::default()
    }
}

/// A member of the association of the primary address.
macro_rules! association {
    ($member:ident) => {
        |interface| interface.association.iter().flat_map(|held| text(&held.$member)).collect()
    };
}

/// A member of the associations of all addresses.
macro_rules! associations {
    ($member:ident) => {
        |interface| {
            let addresses = interface.private_ip_addresses.iter().flatten();
            let associations = addresses.filter_map(|address| address.association.as_ref());
            associations.flat_map(|held| text(&held.$member)).collect()
        }
    };
}

/// A member of the attachment.
macro_rules! attachment {
    ($attachment:ident => $value:expr) => {
        |interface| interface.attachment.iter().filter_map(|$attachment| $value).collect()
    };
}

static FILTERS: Filters<api::NetworkInterface> = Filters {
    tags: Some(|interface| interface.tag_set.as_deref().unwrap_or_default()),
    named: &[
        ("addresses.association.owner-id", associations!(ip_owner_id)),
        ("addresses.association.public-ip", associations!(public_ip)),
        ("addresses.primary", |interface| {
            interface
                .private_ip_addresses
                .iter()
                .flatten()
                .flat_map(|address| flag(address.primary))
                .collect()
        }),
        ("addresses.private-ip-address", |interface| {
            each(&interface.private_ip_addresses, |address| address.private_ip_address.clone())
        }),
        ("association.allocation-id", association!(allocation_id)),
        ("association.association-id", association!(association_id)),
        ("association.ip-owner-id", association!(ip_owner_id)),
        ("association.public-dns-name", association!(public_dns_name)),
        ("association.public-ip", association!(public_ip)),
        ("attachment.attach-time", attachment!(held => held.attach_time.map(|time| time.to_string()))),
        ("attachment.attachment-id", attachment!(held => held.attachment_id.clone())),
        (
            "attachment.delete-on-termination",
            attachment!(held => held.delete_on_termination.map(|flag| flag.to_string())),
        ),
        ("attachment.device-index", attachment!(held => held.device_index.map(|index| index.to_string()))),
        ("attachment.instance-id", attachment!(held => held.instance_id.clone())),
        ("attachment.instance-owner-id", attachment!(held => held.instance_owner_id.clone())),
        ("attachment.status", attachment!(held => held.status.clone())),
        ("availability-zone", |interface| text(&interface.availability_zone)),
        ("availability-zone-id", |interface| text(&interface.availability_zone_id)),
        ("description", |interface| text(&interface.description)),
        ("group-id", |interface| each(&interface.groups, |group| group.group_id.clone())),
        ("group-name", |interface| each(&interface.groups, |group| group.group_name.clone())),
        ("interface-type", |interface| text(&interface.interface_type)),
        ("ipv6-addresses.ipv6-address", |interface| {
            each(&interface.ipv6_addresses, |address| address.ipv6_address.clone())
        }),
        ("mac-address", |interface| text(&interface.mac_address)),
        ("network-interface-id", |interface| text(&interface.network_interface_id)),
        ("operator.managed", |_| vec!["false".to_owned()]),
        ("owner-id", |interface| text(&interface.owner_id)),
        ("private-dns-name", |interface| text(&interface.private_dns_name)),
        ("private-ip-address", |interface| text(&interface.private_ip_address)),
        ("requester-id", |interface| text(&interface.requester_id)),
        ("requester-managed", |interface| flag(interface.requester_managed)),
        ("source-dest-check", |interface| flag(interface.source_dest_check)),
        ("status", |interface| text(&interface.status)),
        ("subnet-id", |interface| text(&interface.subnet_id)),
        ("vpc-id", |interface| text(&interface.vpc_id)),
        ("attachment.network-card-index", |interface| {
            number(interface.attachment.as_ref().and_then(|held| held.network_card_index))
        }),
    ],
    absent: &["operator.principal"],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeNetworkInterfacesRequest,
) -> Result<api::DescribeNetworkInterfacesResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.network_interface_ids.as_ref();
    let owners: RefCell<BTreeMap<AccountId, Associated>> = RefCell::default();
    let show = |of_owner: &View, interface: &NetworkInterface| {
        let mut owners = owners.borrow_mut();
        let associated = owners.entry(of_owner.account()).or_insert_with(|| Associated::of(of_owner));
        shown(of_owner, associated, interface)
    };
    let page = Page::new("DescribeNetworkInterfaces", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (interfaces, next_token) = page.of_seen(&view, ids, wanted, show)?;
    ec2.answer(
        input.dry_run,
        api::DescribeNetworkInterfacesResult { network_interfaces: Some(interfaces), next_token },
    )
}
