//! Where the packets of a path begin, and where they are to come.
//!
//! Owns which interfaces and gateways the resource at an end of a path means, and what AWS says of one that means none.
//! Refuses to know what becomes of packets.
//! <https://docs.aws.amazon.com/vpc/latest/reachability/how-reachability-analyzer-works.html>

use std::net::IpAddr;

use aws_api::ec2 as api;
use aws_types::{InstanceId, NetworkInterfaceId, VpcId};
use store::Read as _;
use svc_ec2::record::{self as ec2, PathDestination, PathResource};
use vpc_engine::Snapshot as Network;
use vpc_model::{Interface, InterfaceRole, ObjectId, Port};

use super::explanations::code;
use super::records::Records;

/// An interface at an end of a path.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) port: Port,
    interface: NetworkInterfaceId,
    private: Vec<IpAddr>,
    public: Vec<IpAddr>,
}

impl Place {
    fn of(interface: &Interface) -> Self {
        let public = interface.public_ipv4.iter().map(|pair| IpAddr::V4(pair.public));
        Self {
            port: interface.port,
            interface: interface.id,
            private: interface.addresses().collect(),
            public: public.chain(interface.ipv6.iter().copied().map(IpAddr::V6)).collect(),
        }
    }
}

/// Where packets begin.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// The port that they come in by.
    pub(super) port: Port,
    place: Option<Place>,
    /// What they have to pass first, where that is the start.
    pub(super) through: Option<ObjectId>,
}

/// Where packets are to come.
#[derive(Clone, Debug)]
pub(super) enum Goal {
    /// One of these interfaces.
    Landing(Vec<Place>),
    /// A gateway, an attachment, a connection or an endpoint.
    Through(ObjectId),
    /// Whoever has this address.
    Address(IpAddr),
}

type Ends<T> = Result<T, Box<api::Explanation>>;

impl Start {
    /// The starts that a resource means.
    pub(super) fn of(records: Records<'_>, network: &Network, source: PathResource) -> Ends<Vec<Self>> {
        let sender = |place: Place| Self { port: place.port, place: Some(place), through: None };
        match source {
            PathResource::Instance(id) => {
                Ok(places_of_instance(records, network, id)?.into_iter().map(sender).collect())
            }
            PathResource::NetworkInterface(id) => Ok(vec![sender(place_of_interface(records, network, id)?)]),
            PathResource::InternetGateway(id) => {
                let record = records.get::<ec2::InternetGateway>(id).ok_or_else(gone)?;
                record.attachment.ok_or_else(|| unassociated(records.internet_gateway(id)))?;
                Ok(vec![Self { port: Port::INTERNET, place: None, through: Some(id.into()) }])
            }
            PathResource::TransitGateway(id) => {
                let record = records.find::<ec2::TransitGateway>(id);
                let (owner, _) = record.ok_or_else(gone)?;
                let attachments =
                    records.snapshot.parts::<ec2::TransitGatewayAttachment>(&owner, &id.to_string());
                let vpcs: Vec<VpcId> = attachments.filter_map(|(_, held)| attached_vpc(&held)).collect();
                Self::by(network, id.into(), records.transit_gateway(id), &vpcs)
            }
            PathResource::TransitGatewayAttachment(id) => {
                let record = records.get::<ec2::TransitGatewayAttachment>(id).ok_or_else(gone)?;
                let vpcs: Vec<VpcId> = attached_vpc(&record).into_iter().collect();
                Self::by(network, ObjectId::TransitGatewayAttachment(id), records.attachment(id), &vpcs)
            }
            PathResource::VpcPeeringConnection(id) => {
                let record = records.get::<ec2::VpcPeeringConnection>(id).ok_or_else(gone)?;
                let vpcs = [record.requester.vpc, record.accepter.vpc];
                Self::by(network, id.into(), records.peering(id), &vpcs)
            }
            PathResource::VpcEndpoint(id) => {
                records.get::<ec2::VpcEndpoint>(id).ok_or_else(gone)?;
                let vpc_endpoint = Some(records.endpoint(id));
                Err(Box::new(api::Explanation { vpc_endpoint, ..code("VPCE_INTRA_VPC_TRAFFIC") }))
            }
            PathResource::VpnGateway(id) => Err(closed_vpn_gateway(records, id)?),
            PathResource::VpcEndpointService(_) => Err(unsupported(source)),
        }
    }

    /// Whatever comes by an object from interfaces of these VPCs.
    fn by(
        network: &Network,
        object: ObjectId,
        component: api::AnalysisComponent,
        vpcs: &[VpcId],
    ) -> Ends<Vec<Self>> {
        let senders = network.interfaces().filter(|interface| vpcs.contains(&interface.vpc));
        let senders = senders.filter(|interface| interface.role == InterfaceRole::Workload);
        let starts: Vec<Self> = senders
            .map(|interface| {
                let place = Place::of(interface);
                Self { port: place.port, place: Some(place), through: Some(object) }
            })
            .collect();
        if starts.is_empty() { Err(unassociated(component)) } else { Ok(starts) }
    }

    /// The addresses that its packets come from; none where any does.
    pub(super) fn addresses(&self) -> Option<&[IpAddr]> {
        self.place.as_ref().map(|place| place.private.as_slice())
    }
}

impl Goal {
    /// The goal that the destination of a path means.
    pub(super) fn of(
        records: Records<'_>,
        network: &Network,
        destination: Option<PathDestination>,
    ) -> Ends<Self> {
        let resource = match destination {
            None => return Err(gone()),
            Some(PathDestination::Address(address)) => return Ok(Self::Address(address)),
            Some(PathDestination::Resource(end)) => end.resource,
        };
        match resource {
            PathResource::Instance(id) => Ok(Self::Landing(places_of_instance(records, network, id)?)),
            PathResource::NetworkInterface(id) => {
                Ok(Self::Landing(vec![place_of_interface(records, network, id)?]))
            }
            PathResource::InternetGateway(id) => {
                let record = records.get::<ec2::InternetGateway>(id).ok_or_else(gone)?;
                record.attachment.ok_or_else(|| unassociated(records.internet_gateway(id)))?;
                Ok(Self::Through(id.into()))
            }
            PathResource::TransitGateway(id) => {
                records.get::<ec2::TransitGateway>(id).map(|_| Self::Through(id.into())).ok_or_else(gone)
            }
            PathResource::TransitGatewayAttachment(id) => {
                let record = records.get::<ec2::TransitGatewayAttachment>(id).ok_or_else(gone)?;
                Ok(Self::Through(match record.target {
                    ec2::AttachmentTarget::Peering { .. } => ObjectId::TransitGatewayPeering(id),
                    _ => ObjectId::TransitGatewayAttachment(id),
                }))
            }
            PathResource::VpcPeeringConnection(id) => records
                .get::<ec2::VpcPeeringConnection>(id)
                .map(|_| Self::Through(id.into()))
                .ok_or_else(gone),
            PathResource::VpcEndpoint(id) => {
                let record = records.get::<ec2::VpcEndpoint>(id).ok_or_else(gone)?;
                match record.kind {
                    ec2::VpcEndpointKind::Gateway | ec2::VpcEndpointKind::GatewayLoadBalancer => {
                        Ok(Self::Through(id.into()))
                    }
                    ec2::VpcEndpointKind::Interface => {
                        let of_subnets = record.subnets.iter().map(|subnet| subnet.interface);
                        let interfaces = of_subnets.filter_map(|id| network.interface_by_id(id));
                        let places: Vec<Place> = interfaces.map(Place::of).collect();
                        if places.is_empty() {
                            Err(unassociated(records.endpoint(id)))
                        } else {
                            Ok(Self::Landing(places))
                        }
                    }
                }
            }
            PathResource::VpnGateway(id) => {
                let record = records.get::<ec2::VpnGateway>(id).ok_or_else(gone)?;
                record.attachment.as_ref().ok_or_else(|| unassociated(records.vpn_gateway(id)))?;
                Ok(Self::Through(id.into()))
            }
            PathResource::VpcEndpointService(_) => Err(unsupported(resource)),
        }
    }

    /// The addresses that packets from a start go to; none where any may lead there.
    pub(super) fn addresses(&self, start: &Start) -> Option<Vec<IpAddr>> {
        let is_outside = start.port.is_reserved();
        match self {
            Self::Landing(places) => {
                let of =
                    |place: &Place| if is_outside { place.public.clone() } else { place.private.clone() };
                Some(places.iter().flat_map(of).collect())
            }
            Self::Address(address) => Some(vec![*address]),
            Self::Through(_) => None,
        }
    }

    /// Whether nothing of it has an address that the internet knows.
    pub(super) fn is_private(&self) -> bool {
        matches!(self, Self::Landing(places) if places.iter().all(|place| place.public.is_empty()))
    }

    /// The interfaces that are landed at.
    pub(super) fn interfaces(&self) -> Vec<NetworkInterfaceId> {
        match self {
            Self::Landing(places) => places.iter().map(|place| place.interface).collect(),
            Self::Through(_) | Self::Address(_) => Vec::new(),
        }
    }
}

fn attached_vpc(attachment: &ec2::TransitGatewayAttachment) -> Option<VpcId> {
    match attachment.target {
        ec2::AttachmentTarget::Vpc { vpc, .. } => Some(vpc),
        _ => None,
    }
}

fn places_of_instance(records: Records<'_>, network: &Network, id: InstanceId) -> Ends<Vec<Place>> {
    let instance = records.get::<ec2::Instance>(id).ok_or_else(gone)?;
    check_runs(records, id)?;
    let interfaces = instance.interfaces.iter().filter_map(|&id| network.interface_by_id(id));
    let places: Vec<Place> = interfaces.map(Place::of).collect();
    if places.is_empty() { Err(unassociated(records.instance(id))) } else { Ok(places) }
}

/// Refuses an instance that is stopped or gone. What another account's does is not told.
fn check_runs(records: Records<'_>, id: InstanceId) -> Ends<()> {
    let Some((owner, instance)) = records.find::<ec2::Instance>(id) else { return Ok(()) };
    match instance.state {
        _ if owner.account != records.scope.account => Ok(()),
        ec2::InstanceState::ShuttingDown | ec2::InstanceState::Terminated => {
            Err(unassociated(records.instance(id)))
        }
        ec2::InstanceState::Stopping | ec2::InstanceState::Stopped => {
            Err(bad_state(records.instance(id), "stopped"))
        }
        ec2::InstanceState::Pending | ec2::InstanceState::Running => Ok(()),
    }
}

fn place_of_interface(records: Records<'_>, network: &Network, id: NetworkInterfaceId) -> Ends<Place> {
    let record = records.get::<ec2::NetworkInterface>(id).ok_or_else(gone)?;
    if let Some(attachment) = &record.attachment {
        check_runs(records, attachment.instance)?;
    }
    network.interface_by_id(id).map(Place::of).ok_or_else(|| unassociated(records.interface(id)))
}

/// A virtual private gateway that nothing comes by.
fn closed_vpn_gateway(records: Records<'_>, id: aws_types::VpnGatewayId) -> Ends<Box<api::Explanation>> {
    let record = records.get::<ec2::VpnGateway>(id).ok_or_else(gone)?;
    let vpn_gateway = records.vpn_gateway(id);
    Ok(if record.attachment.is_none() {
        unassociated(vpn_gateway)
    } else {
        let component = Some(vpn_gateway.clone());
        Box::new(api::Explanation { component, vpn_gateway: Some(vpn_gateway), ..code("BAD_STATE_VPN") })
    })
}

fn gone() -> Box<api::Explanation> {
    Box::new(code("NO_SOURCE_OR_DESTINATION"))
}

fn unassociated(component: api::AnalysisComponent) -> Box<api::Explanation> {
    Box::new(api::Explanation { component: Some(component), ..code("UNASSOCIATED_COMPONENT") })
}

fn bad_state(component: api::AnalysisComponent, state: &str) -> Box<api::Explanation> {
    Box::new(api::Explanation {
        component: Some(component),
        state: Some(state.to_owned()),
        ..code("BAD_STATE")
    })
}

fn unsupported(resource: PathResource) -> Box<api::Explanation> {
    let component = api::AnalysisComponent { id: Some(resource.to_string()), arn: None, name: None };
    Box::new(api::Explanation { component: Some(component), ..code("UNSUPPORTED_COMPONENT") })
}
