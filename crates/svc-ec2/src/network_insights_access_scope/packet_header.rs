//! Packet header statements of access scopes: which traffic a condition is about.
//!
//! Owns how requests say it. Refuses to know what is in a prefix list.
//! <https://docs.aws.amazon.com/vpc/latest/network-access-analyzer/packet-header-statement.html>

use std::fmt;
use std::net::IpAddr;

use aws_api::ec2 as api;
use aws_types::{AccountId, Arn, PrefixListId};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;
use vpc_model::PortRange;

use crate::network_insights_path::PathProtocol;
use crate::state::State;
use crate::{arn, error};

/// What ARNs call prefix lists.
const PREFIX_LIST: &str = "prefix-list";

/// An address or a block of them, as a condition has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessScopeAddress {
    /// One address.
    Address(IpAddr),
    /// All addresses of a block.
    Block(IpNet),
}

impl AccessScopeAddress {
    fn read(text: &str) -> Result<Self, ServiceError> {
        let address = text.parse().map(Self::Address);
        let block = || text.parse::<IpNet>().map(|block| Self::Block(block.trunc()));
        address.or_else(|_| block()).map_err(|_| {
            error::invalid_value_for(text, "address", "It has to be an IP address or a CIDR block.")
        })
    }

    /// The addresses, as a block.
    pub fn block(self) -> IpNet {
        match self {
            Self::Address(address) => address.into(),
            Self::Block(block) => block,
        }
    }
}

impl fmt::Display for AccessScopeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Block(block) => block.fmt(f),
        }
    }
}

/// A prefix list as a condition names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPrefixList {
    /// The list.
    pub id: PrefixListId,
    /// Whose it is, where the condition has its ARN; otherwise it is one that the scope's account sees.
    pub owner: Option<AccountId>,
}

impl NamedPrefixList {
    fn read(state: &impl State, text: &str) -> Result<Self, ServiceError> {
        let named = if arn::is_meant(text) {
            let named = arn::read(state, text).filter(|named| named.kind == PREFIX_LIST);
            named.map(|named| (named.id, Some(named.owner)))
        } else {
            Some((text, None))
        };
        let named = named.and_then(|(id, owner)| Some(Self { id: id.parse().ok()?, owner }));
        named.ok_or_else(|| {
            error::invalid_value_for(text, "prefixList", "It has to be the ID or ARN of a prefix list.")
        })
    }

    fn shown(self, state: &impl State) -> String {
        let Some(owner) = self.owner else { return self.id.to_string() };
        let resource = format!("{PREFIX_LIST}/{}", self.id);
        Arn::new(state.scope().partition, "ec2", state.region(), owner, &resource).as_str().to_owned()
    }
}

/// Which addresses a condition is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressStatement {
    /// Any.
    #[default]
    Any,
    /// These.
    Addresses(Vec<AccessScopeAddress>),
    /// Those in these prefix lists.
    PrefixLists(Vec<NamedPrefixList>),
}

impl AddressStatement {
    fn read(
        state: &impl State,
        side: &str,
        addresses: Option<&Vec<String>>,
        lists: Option<&Vec<String>>,
    ) -> Result<Self, ServiceError> {
        let (addresses, lists) =
            (addresses.map_or(&[][..], Vec::as_slice), lists.map_or(&[][..], Vec::as_slice));
        match (addresses, lists) {
            ([], []) => Ok(Self::Any),
            (addresses, []) => {
                let addresses = addresses.iter().map(|text| AccessScopeAddress::read(text));
                Ok(Self::Addresses(addresses.collect::<Result<_, _>>()?))
            }
            ([], lists) => {
                let lists = lists.iter().map(|text| NamedPrefixList::read(state, text));
                Ok(Self::PrefixLists(lists.collect::<Result<_, _>>()?))
            }
            _ => Err(error::combination(format!(
                "A packet header statement can have either {side} addresses or {side} prefix lists, but not both."
            ))),
        }
    }

    /// As answers have it: the addresses and the prefix lists.
    fn shown(&self, state: &impl State) -> (Option<Vec<String>>, Option<Vec<String>>) {
        match self {
            Self::Any => (None, None),
            Self::Addresses(addresses) => (Some(addresses.iter().map(ToString::to_string).collect()), None),
            Self::PrefixLists(lists) => (None, Some(lists.iter().map(|list| list.shown(state)).collect())),
        }
    }
}

/// Which traffic a condition is about. An empty list stands for all that there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketHeaderStatement {
    /// From where it comes.
    pub source: AddressStatement,
    /// Where it goes.
    pub destination: AddressStatement,
    /// From which ports.
    pub source_ports: Vec<PortRange>,
    /// To which ports.
    pub destination_ports: Vec<PortRange>,
    /// Of which protocols.
    pub protocols: Vec<PathProtocol>,
}

impl PacketHeaderStatement {
    pub(super) fn read(
        state: &impl State,
        input: &api::PacketHeaderStatementRequest,
    ) -> Result<Self, ServiceError> {
        let (sources, source_lists) = (input.source_addresses.as_ref(), input.source_prefix_lists.as_ref());
        let (destinations, destination_lists) =
            (input.destination_addresses.as_ref(), input.destination_prefix_lists.as_ref());
        let protocols = input.protocols.iter().flatten().map(|text| PathProtocol::parse(text));
        let read = Self {
            source: AddressStatement::read(state, "source", sources, source_lists)?,
            destination: AddressStatement::read(state, "destination", destinations, destination_lists)?,
            source_ports: ports(input.source_ports.as_ref(), "sourcePort")?,
            destination_ports: ports(input.destination_ports.as_ref(), "destinationPort")?,
            protocols: protocols.collect::<Result<_, _>>()?,
        };
        if read == Self::default() {
            return Err(error::invalid_value("A packet header statement has to have at least one field."));
        }
        Ok(read)
    }

    pub(super) fn shown(&self, state: &impl State) -> api::PacketHeaderStatement {
        let (source_addresses, source_prefix_lists) = self.source.shown(state);
        let (destination_addresses, destination_prefix_lists) = self.destination.shown(state);
        let protocols = self.protocols.iter().map(|protocol| protocol.as_str().to_owned());
        api::PacketHeaderStatement {
            source_addresses,
            destination_addresses,
            source_ports: shown_ports(&self.source_ports),
            destination_ports: shown_ports(&self.destination_ports),
            source_prefix_lists,
            destination_prefix_lists,
            protocols: (!self.protocols.is_empty()).then(|| protocols.collect()),
        }
    }
}

/// Reads ports, each as `22` or as `22-80`.
fn ports(texts: Option<&Vec<String>>, parameter: &str) -> Result<Vec<PortRange>, ServiceError> {
    let read = |text: &String| {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let range = PortRange::new(from.parse().ok()?, to.parse().ok()?);
        range.ok()
    };
    let checked = |text: &String| {
        let why = "It has to be a port or a range of ports, such as 22 or 8080-8090.";
        read(text).ok_or_else(|| error::invalid_value_for(text, parameter, why))
    };
    texts.into_iter().flatten().map(checked).collect()
}

fn shown_ports(ports: &[PortRange]) -> Option<Vec<String>> {
    let shown = ports.iter().map(|range| {
        if range.from() == range.to() { range.from().to_string() } else { format!("{range:?}") }
    });
    (!ports.is_empty()).then(|| shown.collect())
}
