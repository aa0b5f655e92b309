//! What is known of the resources that requests name.
//!
//! Owns the way from what a request says (an id, a name, an address, an ARN, an association) to the record, and which
//! defaults a request means. Refuses to know what can be asked of a record; see [`super::keys`].

use aws_model::Value;
use aws_types::{AddressAssociationId, Tags};
use service_api::{ResourceFacts, Sharing};
use store::Read;

use super::{keys, launch, text_at};
use crate::instance::profile::IamInstanceProfileAssociation;
use crate::network_acl::association::NetworkAclAssociation;
use crate::record::{
    AssociationTarget, CustomerGateway, DhcpOptions, EgressOnlyInternetGateway, ElasticIp, FlowLog, Instance,
    InternetGateway, Ipv6Pool, KeyPair, LaunchTemplate, NatGateway, NetworkAcl, NetworkInsightsAccessScope,
    NetworkInsightsAccessScopeAnalysis, NetworkInsightsAnalysis, NetworkInsightsPath, NetworkInterface,
    NetworkInterfacePermission, PlacementGroup, PrefixList, PublicIpv4Pool, RouteTable, SecurityGroup,
    Snapshot, Subnet, SubnetCidrReservation, TransitGateway, TransitGatewayAttachment,
    TransitGatewayConnectPeer, TransitGatewayRouteTable, Volume, Vpc, VpcBlockPublicAccessExclusion,
    VpcEndpoint, VpcEndpointConnection, VpcEndpointService, VpcPeeringConnection, VpnConnection, VpnGateway,
};
use crate::state::{Resource, State};
use crate::tag::with_kinds;
use crate::vpc_endpoint_service::ConnectionNotification;
use crate::vpc_endpoint_service::notification::NotificationSource;
use crate::{arn, default_vpc, key_pair, placement_group, security_group, snapshot};

/// What ids of connection notifications begin with.
const NOTIFICATION: &str = "vpce-nfn-";

/// What is known of a resource of a type of the table.
pub(crate) fn facts(state: &impl State, resource_type: &str, text: &str) -> Option<ResourceFacts> {
    let text = if arn::is_meant(text) { arn::read(state, text)?.id } else { text };
    let id = resolved(state, resource_type, text)?;
    match resource_type {
        "image" => image(state, &id),
        "security-group-rule" => rule(state, &id),
        "snapshot" => shared_snapshot(state, &id).or_else(|| of_kind(state, resource_type, &id)),
        _ => of_kind(state, resource_type, &id),
    }
}

/// The facts of a resource whose kind has a record of its own.
fn of_kind(state: &impl State, resource_type: &str, id: &str) -> Option<ResourceFacts> {
    macro_rules! by_type {
        ($type:expr; $($kind:ty),*) => {
            $(if $type == <$kind as Resource>::NAMING.resource_type {
                return of_record::<$kind>(state, id);
            })*
        };
    }
    with_kinds!(by_type!(resource_type));
    None
}

fn of_record<R: Resource + keys::Asked>(state: &impl State, id: &str) -> Option<ResourceFacts> {
    let held = state.seen::<R>(id.parse().ok()?)?;
    let keys = held.resource.keys(&keys::Place { state, owner: held.owner });
    let id = held.resource.arn_id();
    Some(ResourceFacts {
        id: Some(id),
        owner: Some(held.owner),
        tags: held.resource.tags().clone(),
        keys,
        sharing: Sharing::ByService,
        ..ResourceFacts::default()
    })
}

fn image(state: &impl State, id: &str) -> Option<ResourceFacts> {
    let image = aws_catalog::image(state.region(), id.parse().ok()?)?;
    let key = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
    Some(ResourceFacts {
        id: Some(id.to_owned()),
        keys: vec![
            key("ec2:ImageID", id),
            key("ec2:ImageType", "machine"),
            key("ec2:Owner", image.owner_alias),
            key("ec2:Public", "true"),
            key("ec2:RootDeviceType", image.root_device_type),
        ],
        ..ResourceFacts::default()
    })
}

/// A rule's tags are in the record of its group.
fn rule(state: &impl State, id: &str) -> Option<ResourceFacts> {
    let groups = state.all::<SecurityGroup>();
    let found = |group: &SecurityGroup| group.rules.iter().find(|rule| rule.id.to_string() == id).cloned();
    let rule = groups.filter_map(|group| found(&group)).next()?;
    Some(ResourceFacts { tags: rule.tags, ..ResourceFacts::default() })
}

/// Another account's snapshot, whose tags its owner alone sees.
fn shared_snapshot(state: &impl State, id: &str) -> Option<ResourceFacts> {
    let (owner, held) = snapshot::permission::other(state, id.parse().ok()?)?;
    let keys = keys::Asked::keys(&*held, &keys::Place { state, owner });
    Some(ResourceFacts {
        owner: Some(owner),
        tags: Tags::default(),
        keys,
        sharing: Sharing::ByService,
        ..ResourceFacts::default()
    })
}

/// The id of the resource that a text names or leads to.
fn resolved(state: &impl State, resource_type: &str, text: &str) -> Option<String> {
    let found = |id: String| Some(id);
    match resource_type {
        "elastic-ip" => elastic_ip(state, text),
        "instance" => instance(state, text),
        "internet-gateway" if text.starts_with("rtbassoc-") => match association(state, text)?.1 {
            AssociationTarget::InternetGateway(id) => found(id.to_string()),
            AssociationTarget::Main | AssociationTarget::Subnet(_) => None,
        },
        "key-pair" if text.parse::<<KeyPair as Resource>::Id>().is_err() => {
            found(key_pair::by_name(state, text).ok()?.id.to_string())
        }
        "launch-template" if !text.starts_with("lt-") => {
            let template = state.all::<LaunchTemplate>().find(|template| template.name == text)?;
            found(template.id.to_string())
        }
        "network-interface" => interface(state, text),
        "placement-group" if text.parse::<<PlacementGroup as Resource>::Id>().is_err() => {
            found(placement_group::by_name(state, text).ok()?.id.to_string())
        }
        "route-table" if text.starts_with("rtbassoc-") => found(association(state, text)?.0),
        "security-group" if !text.starts_with("sg-") => {
            found(security_group::by_name(state, text).ok()?.id.to_string())
        }
        "subnet" => subnet(state, text),
        "vpc" => vpc(state, text),
        "vpc-endpoint" if text.starts_with(NOTIFICATION) => match notified(state, text)? {
            NotificationSource::Endpoint(id) => found(id.to_string()),
            NotificationSource::Service(_) => None,
        },
        "vpc-endpoint-service" if text.starts_with(NOTIFICATION) => match notified(state, text)? {
            NotificationSource::Service(id) => found(id.to_string()),
            NotificationSource::Endpoint(_) => None,
        },
        _ => found(text.to_owned()),
    }
}

/// What a connection notification is about.
fn notified(state: &impl State, text: &str) -> Option<NotificationSource> {
    Some(state.own::<ConnectionNotification>(text.parse().ok()?)?.source)
}

/// The route table that has an association, and what with.
fn association(state: &impl State, text: &str) -> Option<(String, AssociationTarget)> {
    state.all::<RouteTable>().find_map(|table| {
        let held = table.associations.iter().find(|held| held.id.to_string() == text)?;
        Some((table.id.to_string(), held.target))
    })
}

/// The address that has an association, or that is that address.
fn elastic_ip(state: &impl State, text: &str) -> Option<String> {
    if text.starts_with("eipalloc-") {
        return Some(text.to_owned());
    }
    Some(associated(state, text)?.id.to_string())
}

fn associated(state: &impl State, text: &str) -> Option<std::sync::Arc<ElasticIp>> {
    if let Ok(id) = text.parse::<AddressAssociationId>() {
        return state
            .all::<ElasticIp>()
            .find(|held| held.association.as_ref().is_some_and(|one| one.id == id));
    }
    let address: std::net::Ipv4Addr = text.parse().ok()?;
    state.all::<ElasticIp>().find(|held| held.address == address)
}

fn instance(state: &impl State, text: &str) -> Option<String> {
    if text.starts_with("eni-attach-") {
        return Some(attached(state, text)?.attachment.as_ref()?.instance.to_string());
    }
    if text.starts_with("iip-assoc-") {
        let held = state.own::<IamInstanceProfileAssociation>(text.parse().ok()?)?;
        return Some(held.instance.to_string());
    }
    Some(text.to_owned())
}

/// The interface that has an attachment.
fn attached(state: &impl State, text: &str) -> Option<std::sync::Arc<NetworkInterface>> {
    let is_it =
        |held: &NetworkInterface| held.attachment.as_ref().is_some_and(|one| one.id.to_string() == text);
    state.all::<NetworkInterface>().find(|held| is_it(held))
}

fn interface(state: &impl State, text: &str) -> Option<String> {
    if text.starts_with("eni-attach-") {
        return Some(attached(state, text)?.id.to_string());
    }
    if text.starts_with("eni-perm-") {
        return Some(state.own::<NetworkInterfacePermission>(text.parse().ok()?)?.interface.to_string());
    }
    if text.starts_with("eni-") {
        return Some(text.to_owned());
    }
    Some(associated(state, text)?.association.as_ref()?.interface.to_string())
}

fn subnet(state: &impl State, text: &str) -> Option<String> {
    if text.starts_with("rtbassoc-") {
        return match association(state, text)?.1 {
            AssociationTarget::Subnet(id) => Some(id.to_string()),
            AssociationTarget::Main | AssociationTarget::InternetGateway(_) => None,
        };
    }
    if text.starts_with("aclassoc-") {
        let mut all = state.reader().scan::<NetworkAclAssociation>(state.scope());
        return all.find(|(_, held)| held.id.to_string() == text).map(|(_, held)| held.subnet.to_string());
    }
    if text.starts_with("subnet-cidr-assoc-") {
        let has = |held: &Subnet| held.ipv6_associations.iter().any(|one| one.id.to_string() == text);
        return state.all::<Subnet>().find(|held| has(held)).map(|held| held.id.to_string());
    }
    Some(text.to_owned())
}

fn vpc(state: &impl State, text: &str) -> Option<String> {
    if text.starts_with("vpc-cidr-assoc-") {
        let has = |held: &Vpc| {
            held.cidr_associations.iter().any(|one| one.id.to_string() == text)
                || held.ipv6_associations.iter().any(|one| one.id.to_string() == text)
        };
        return state.all::<Vpc>().find(|held| has(held)).map(|held| held.id.to_string());
    }
    if text.starts_with("pcx-") {
        let held = state.own::<VpcPeeringConnection>(text.parse().ok()?)?;
        return Some(held.accepter.vpc.to_string());
    }
    Some(text.to_owned())
}

/// The resources that a request means and does not name: the default subnet and group of a launch. One that lists its
/// interfaces means none beside theirs, which [`launch::spelled_out`] names.
pub(crate) fn implied(
    state: &impl State,
    operation: &str,
    resource_type: &str,
    input: &Value,
) -> Option<Vec<String>> {
    let is_launch = operation == "RunInstances" && matches!(resource_type, "subnet" | "security-group");
    if !is_launch && (operation, resource_type) != ("CreateNetworkInterface", "security-group") {
        return None;
    }
    let interfaces = launch::listed(input);
    if !interfaces.is_empty() && interfaces.iter().all(launch::is_there) {
        return Some(Vec::new());
    }
    let named = text_at(input, &["SubnetId"])
        .or_else(|| interfaces.iter().find_map(|interface| text_at(interface, &["SubnetId"])));
    let subnet = match named {
        Some(id) => state.seen::<Subnet>(id.parse().ok()?)?.resource,
        None => default_subnet(state, input)?,
    };
    match resource_type {
        "subnet" => Some(vec![subnet.id.to_string()]),
        _ => Some(vec![security_group::default_of(state, subnet.vpc).ok()?.id.to_string()]),
    }
}

/// The default subnet of the zone that a launch names, or the first of all.
pub(super) fn default_subnet(state: &impl State, input: &Value) -> Option<std::sync::Arc<Subnet>> {
    let vpc = default_vpc::find(state)?;
    let name = text_at(input, &["Placement", "AvailabilityZone"]);
    let id = text_at(input, &["Placement", "AvailabilityZoneId"]);
    let defaults = state.parts::<Subnet, _>(vpc.id).filter(|subnet| subnet.is_default);
    let of_zone = defaults.filter(|subnet| {
        name.is_none_or(|name| subnet.zone.as_str() == name) && id.is_none_or(|id| subnet.zone_id == id)
    });
    of_zone.min_by(|one, other| one.zone.cmp(&other.zone))
}
