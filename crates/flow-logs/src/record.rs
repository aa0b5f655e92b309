//! Records as text: one line, a value for each field of a format.
//!
//! Owns what each field says. Refuses to know when a record is due and where it goes.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::{AccountId, InstanceId, NetworkInterfaceId, Region, SubnetId, VpcId};
use ipnet::IpNet;
use vpc_model::Direction;

use crate::field::{Field, Format};
use crate::flow::{Action, Counts, Flow};

/// What a field says that says nothing.
const NOTHING: &str = "-";
/// The account of interfaces that AWS manages.
const UNKNOWN: &str = "unknown";

/// What records tell of the interface itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceFacts {
    /// Its owner.
    pub account: AccountId,
    /// Its region.
    pub region: Region,
    /// Its id.
    pub interface: NetworkInterfaceId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// The id of its zone.
    pub zone_id: String,
    /// The instance that it hangs on.
    pub instance: Option<InstanceId>,
    /// Whether AWS made it for a service.
    pub is_managed: bool,
    /// Its primary private address.
    pub ipv4: Ipv4Addr,
    /// Its first IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// The resolver of its VPC.
    pub resolver: Option<Ipv4Addr>,
    /// The router of its subnet.
    pub router: Ipv4Addr,
    /// Which way packets take that it sends, by their destination; the longest block counts.
    pub paths: Vec<(IpNet, TrafficPath)>,
}

/// The way that a packet takes from an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficPath {
    /// To something in the same VPC.
    SameVpc,
    /// Through a virtual private gateway.
    VpnGateway,
    /// Through a peering connection in the region.
    PeeringInRegion,
    /// Through a peering connection to another region.
    PeeringBetweenRegions,
    /// Through a gateway endpoint.
    GatewayEndpoint,
    /// Through an internet gateway.
    InternetGateway,
    /// Another one, for which there is no number.
    Other,
}

impl TrafficPath {
    /// The numbers are those of instances on Nitro.
    const fn text(self) -> &'static str {
        match self {
            Self::SameVpc => "1",
            Self::VpnGateway => "3",
            Self::PeeringInRegion => "4",
            Self::PeeringBetweenRegions => "5",
            Self::GatewayEndpoint => "7",
            Self::InternetGateway => "8",
            Self::Other => NOTHING,
        }
    }
}

impl InterfaceFacts {
    /// Its own address, as `srcaddr` of what it sends and `dstaddr` of what it receives say it (fact 68).
    fn own_address(&self, like: IpAddr) -> IpAddr {
        match like {
            IpAddr::V4(_) => IpAddr::V4(self.ipv4),
            IpAddr::V6(_) => self.ipv6.map_or(like, IpAddr::V6),
        }
    }

    fn path(&self, destination: IpAddr) -> TrafficPath {
        let leading = self.paths.iter().filter(|(block, _)| block.contains(&destination));
        leading.max_by_key(|(block, _)| block.prefix_len()).map_or(TrafficPath::Other, |(_, path)| *path)
    }
}

/// What a record is of.
#[derive(Clone, Copy, Debug)]
pub enum Status<'a> {
    /// A flow.
    Ok(&'a Flow, &'a Counts),
    /// That there was none.
    NoData,
    /// That there were some of which there are no records.
    SkipData,
}

/// The line of a record, without an end of line. Times are in seconds since 1970.
pub fn line(format: &Format, facts: &InterfaceFacts, status: Status<'_>, start: i64, end: i64) -> String {
    let mut line = String::with_capacity(160);
    for (index, field) in format.fields().iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        let written = write_field(&mut line, *field, format, facts, status, (start, end));
        written.expect("a String takes everything");
    }
    line
}

fn write_field(
    line: &mut String,
    field: Field,
    format: &Format,
    facts: &InterfaceFacts,
    status: Status<'_>,
    (start, end): (i64, i64),
) -> std::fmt::Result {
    match field {
        Field::Version => return write!(line, "{}", format.version()),
        Field::AccountId if facts.is_managed => line.push_str(UNKNOWN),
        Field::AccountId => return write!(line, "{}", facts.account),
        Field::InterfaceId => return write!(line, "{}", facts.interface),
        Field::Start => return write!(line, "{start}"),
        Field::End => return write!(line, "{end}"),
        Field::LogStatus => line.push_str(match status {
            Status::Ok(..) => "OK",
            Status::NoData => "NODATA",
            Status::SkipData => "SKIPDATA",
        }),
        Field::VpcId => return write!(line, "{}", facts.vpc),
        Field::SubnetId => return write!(line, "{}", facts.subnet),
        Field::InstanceId => match facts.instance {
            Some(instance) => return write!(line, "{instance}"),
            None => line.push_str(NOTHING),
        },
        Field::Region => return write!(line, "{}", facts.region),
        Field::ZoneId => line.push_str(&facts.zone_id),
        _ => match status {
            Status::Ok(flow, counts) => return write_flow(line, field, facts, flow, counts),
            Status::NoData | Status::SkipData => line.push_str(NOTHING),
        },
    }
    Ok(())
}

fn write_flow(
    line: &mut String,
    field: Field,
    facts: &InterfaceFacts,
    flow: &Flow,
    counts: &Counts,
) -> std::fmt::Result {
    let is_egress = flow.direction == Direction::Egress;
    match field {
        Field::SourceAddress if is_egress => write!(line, "{}", facts.own_address(flow.source)),
        Field::SourceAddress | Field::PacketSourceAddress => write!(line, "{}", flow.source),
        Field::DestinationAddress if !is_egress => write!(line, "{}", facts.own_address(flow.destination)),
        Field::DestinationAddress | Field::PacketDestinationAddress => write!(line, "{}", flow.destination),
        Field::SourcePort => write!(line, "{}", flow.source_port),
        Field::DestinationPort => write!(line, "{}", flow.destination_port),
        Field::Protocol => write!(line, "{}", flow.protocol.0),
        Field::Packets => write!(line, "{}", counts.packets),
        Field::Bytes => write!(line, "{}", counts.bytes),
        Field::Action => line.write_str(match flow.action {
            Action::Accept => "ACCEPT",
            Action::Reject | Action::RejectPublicAccess => "REJECT",
        }),
        Field::TcpFlags => write!(line, "{}", counts.tcp_flags),
        Field::Type => line.write_str(if flow.source.is_ipv4() { "IPv4" } else { "IPv6" }),
        Field::FlowDirection => line.write_str(if is_egress { "egress" } else { "ingress" }),
        Field::TrafficPath if is_egress => line.write_str(facts.path(flow.destination).text()),
        Field::RejectReason if flow.action == Action::RejectPublicAccess => line.write_str("BPA"),
        // Outposts and the like, ECS, encryption of VPCs and addresses of AWS's own services are not there.
        _ => line.write_str(NOTHING),
    }
}
