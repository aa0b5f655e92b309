//! What packets a path is about: its protocol, and the addresses and ports at its ends.
//!
//! Owns how requests say that and which of it excludes what. Refuses to know the resources at the ends.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInsightsPath.html>

use std::net::IpAddr;

use aws_api::ec2 as api;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;
use vpc_model::{PortRange, Protocol};

use crate::error;

/// The protocols that paths and access scopes know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PathProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl PathProtocol {
    /// Reads it as clients send it, in capitals or not.
    ///
    /// # Errors
    /// `InvalidParameterValue` for any other protocol.
    pub(crate) fn parse(text: &str) -> Result<Self, ServiceError> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            _ => Err(error::invalid_value_for(text, "protocol", "It has to be tcp or udp.")),
        }
    }

    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// Its number.
    pub fn number(self) -> Protocol {
        match self {
            Self::Tcp => Protocol::TCP,
            Self::Udp => Protocol::UDP,
        }
    }
}

/// What the packets of a path look like at one of its ends. What is `None` can be anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathFilter {
    /// From where they come.
    pub source_address: Option<IpAddr>,
    /// From which ports.
    pub source_ports: Option<PortRange>,
    /// Where they go.
    pub destination_address: Option<IpAddr>,
    /// To which ports.
    pub destination_ports: Option<PortRange>,
}

impl PathFilter {
    fn read(input: &api::PathRequestFilter, parameter: &str) -> Result<Self, ServiceError> {
        Ok(Self {
            source_address: address(input.source_address.as_deref(), &format!("{parameter}.sourceAddress"))?,
            source_ports: ports(input.source_port_range.as_ref(), &format!("{parameter}.sourcePortRange"))?,
            destination_address: address(
                input.destination_address.as_deref(),
                &format!("{parameter}.destinationAddress"),
            )?,
            destination_ports: ports(
                input.destination_port_range.as_ref(),
                &format!("{parameter}.destinationPortRange"),
            )?,
        })
    }

    fn shown(&self) -> api::PathFilter {
        let range = |ports: PortRange| api::FilterPortRange {
            from_port: Some(ports.from().into()),
            to_port: Some(ports.to().into()),
        };
        api::PathFilter {
            source_address: self.source_address.map(|address| address.to_string()),
            source_port_range: self.source_ports.map(range),
            destination_address: self.destination_address.map(|address| address.to_string()),
            destination_port_range: self.destination_ports.map(range),
        }
    }
}

/// What packets a path is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathTraffic {
    /// Their protocol.
    pub protocol: PathProtocol,
    /// The address that they come from.
    pub source_ip: Option<IpAddr>,
    /// The address that they go to.
    pub destination_ip: Option<IpAddr>,
    /// The port that they go to.
    pub destination_port: Option<u16>,
    /// What they look like where they leave the source; there is no source address and destination port beside it.
    pub filter_at_source: Option<PathFilter>,
    /// What they look like where they reach the destination; there is no destination address beside it.
    pub filter_at_destination: Option<PathFilter>,
}

impl PathTraffic {
    pub(super) fn read(input: &api::CreateNetworkInsightsPathRequest) -> Result<Self, ServiceError> {
        let (at_source, at_destination) = (&input.filter_at_source, &input.filter_at_destination);
        let exclusive = [
            (at_source.is_some() && input.source_ip.is_some(), "filterAtSource", "sourceIp"),
            (at_source.is_some() && input.destination_port.is_some(), "filterAtSource", "destinationPort"),
            (
                at_destination.is_some() && input.destination_ip.is_some(),
                "filterAtDestination",
                "destinationIp",
            ),
        ];
        if let Some((_, filter, plain)) = exclusive.iter().find(|(are_both, _, _)| *are_both) {
            let message = format!("The parameter {filter} cannot be used with the parameter {plain}");
            return Err(error::combination(message));
        }
        let filter = |input: &Option<api::PathRequestFilter>, parameter| {
            input.as_ref().map(|input| PathFilter::read(input, parameter)).transpose()
        };
        let traffic = Self {
            protocol: PathProtocol::parse(&input.protocol)?,
            source_ip: address(input.source_ip.as_deref(), "sourceIp")?,
            destination_ip: address(input.destination_ip.as_deref(), "destinationIp")?,
            destination_port: input
                .destination_port
                .map(|port_| port(port_, "destinationPort"))
                .transpose()?,
            filter_at_source: filter(at_source, "filterAtSource")?,
            filter_at_destination: filter(at_destination, "filterAtDestination")?,
        };
        let mut families = traffic.addresses().map(|address| address.is_ipv6());
        if let Some(first) = families.next()
            && families.any(|other| other != first)
        {
            return Err(error::invalid_value("The addresses of a path have to be of one family."));
        }
        Ok(traffic)
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let filters = [self.filter_at_source, self.filter_at_destination];
        let filtered = filters.into_iter().flatten();
        let filtered = filtered.flat_map(|filter| [filter.source_address, filter.destination_address]);
        [self.source_ip, self.destination_ip].into_iter().chain(filtered).flatten()
    }

    /// The address that the packets go to as they leave the source, where it is said.
    pub fn destination_address(&self) -> Option<IpAddr> {
        self.destination_ip.or(self.filter_at_source.and_then(|filter| filter.destination_address))
    }

    /// Shows it in an answer that says the rest.
    pub(super) fn show(&self, answer: api::NetworkInsightsPath) -> api::NetworkInsightsPath {
        api::NetworkInsightsPath {
            protocol: Some(self.protocol.as_str().to_owned()),
            source_ip: self.source_ip.map(|address| address.to_string()),
            destination_ip: self.destination_ip.map(|address| address.to_string()),
            destination_port: self.destination_port.map(i32::from),
            filter_at_source: self.filter_at_source.map(|filter| filter.shown()),
            filter_at_destination: self.filter_at_destination.map(|filter| filter.shown()),
            ..answer
        }
    }
}

fn address(text: Option<&str>, parameter: &str) -> Result<Option<IpAddr>, ServiceError> {
    let invalid = |text: &str| error::invalid_value_for(text, parameter, "It has to be an IP address.");
    text.map(|text| text.parse().map_err(|_| invalid(text))).transpose()
}

/// Reads a port.
///
/// # Errors
/// `InvalidParameterValue` for a number that is none.
fn port(number: i32, parameter: &str) -> Result<u16, ServiceError> {
    let invalid = || error::invalid_value_for(number, parameter, "It has to be between 0 and 65535.");
    number.try_into().map_err(|_| invalid())
}

fn ports(
    range: Option<&api::RequestFilterPortRange>,
    parameter: &str,
) -> Result<Option<PortRange>, ServiceError> {
    let Some(range) = range else { return Ok(None) };
    let bound = |number: Option<i32>, name: &str| {
        let parameter = format!("{parameter}.{name}");
        port(number.ok_or_else(|| error::missing(&parameter))?, &parameter)
    };
    let (from, to) = (bound(range.from_port, "fromPort")?, bound(range.to_port, "toPort")?);
    let range = PortRange::new(from, to);
    range
        .map(Some)
        .map_err(|error| error::invalid_value_for(format!("{from}-{to}"), parameter, &format!("{error}.")))
}
