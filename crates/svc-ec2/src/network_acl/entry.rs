//! Entries of network ACLs: CreateNetworkAclEntry, ReplaceNetworkAclEntry, DeleteNetworkAclEntry.
//!
//! Owns an entry's form and number. Refuses to know the order in which packets meet entries beyond that it is by number.

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use super::NetworkAcl;
use crate::quota::RULES_PER_NETWORK_ACL;
use crate::security_group::IpProtocol;
use crate::state::{Edit, State};
use crate::{Ec2, cidr, error};

/// The numbers that entries can have.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html>
const NUMBERS: std::ops::RangeInclusive<i32> = 1..=32_766;
/// The number of the deny at the end, for IPv4 and for IPv6.
const LAST: i32 = 32_767;
const LAST_IPV6: i32 = 32_768;
/// The number of the entries that let everything through, for IPv4 and for IPv6.
const OPEN: u16 = 100;
const OPEN_IPV6: u16 = 101;

/// What happens to a packet that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It passes.
    Allow,
    /// It is dropped.
    Deny,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAclEntry {
    /// For what leaves the subnet.
    pub egress: bool,
    /// Its number, unique in its direction; lower ones come first.
    pub number: u16,
    /// The protocol.
    pub protocol: IpProtocol,
    /// What happens to a packet that matches.
    pub action: Action,
    /// From or to which addresses.
    pub cidr: IpNet,
    /// First and last destination port, for TCP and UDP.
    pub ports: Option<(u16, u16)>,
    /// ICMP type and code, for ICMP; -1 is any.
    pub icmp: Option<(i16, i16)>,
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateNetworkAclEntry>(create)
        .with::<op::ReplaceNetworkAclEntry>(replace)
        .with::<op::DeleteNetworkAclEntry>(delete)
}

/// The entries that let everything through, both ways.
pub(super) fn open(ipv6: bool) -> Vec<NetworkAclEntry> {
    let entry = |egress, number, cidr: &str| NetworkAclEntry {
        egress,
        number,
        protocol: IpProtocol::ALL,
        action: Action::Allow,
        cidr: cidr.parse().expect("the block is written correctly"),
        ports: None,
        icmp: None,
    };
    let both =
        |egress| [Some(entry(egress, OPEN, "0.0.0.0/0")), ipv6.then(|| entry(egress, OPEN_IPV6, "::/0"))];
    [both(false), both(true)].into_iter().flatten().flatten().collect()
}

fn shown(
    egress: bool,
    number: i32,
    protocol: IpProtocol,
    action: Action,
    cidr: IpNet,
) -> api::NetworkAclEntry {
    let (v4, v6) = match cidr {
        IpNet::V4(block) => (Some(block.to_string()), None),
        IpNet::V6(block) => (None, Some(block.to_string())),
    };
    api::NetworkAclEntry {
        cidr_block: v4,
        egress: Some(egress),
        ipv6_cidr_block: v6,
        protocol: Some(protocol.number().map_or_else(|| "-1".to_owned(), |number| number.to_string())),
        rule_action: Some(action.as_str().to_owned()),
        rule_number: Some(number),
        ..Default::default()
    }
}

/// All entries as answers have them, with the deny at the end of each direction.
pub(super) fn all_shown(entries: &[NetworkAclEntry], has_ipv6: bool) -> Vec<api::NetworkAclEntry> {
    let mut all = Vec::with_capacity(entries.len() + 4);
    // AWS prints what goes out first.
    for egress in [true, false] {
        for entry in entries.iter().filter(|entry| entry.egress == egress) {
            let number = i32::from(entry.number);
            let mut shown = shown(egress, number, entry.protocol, entry.action, entry.cidr);
            shown.port_range =
                entry.ports.map(|(from, to)| api::PortRange { from: Some(from.into()), to: Some(to.into()) });
            shown.icmp_type_code = entry
                .icmp
                .map(|(kind, code)| api::IcmpTypeCode { code: Some(code.into()), r#type: Some(kind.into()) });
            all.push(shown);
        }
        let mut last = |number, cidr: &str| {
            let cidr = cidr.parse().expect("the block is written correctly");
            all.push(shown(egress, number, IpProtocol::ALL, Action::Deny, cidr));
        };
        last(LAST, "0.0.0.0/0");
        if has_ipv6 {
            last(LAST_IPV6, "::/0");
        }
    }
    all
}

/// An entry as create and replace requests have it: both have the same members.
macro_rules! requested {
    ($input:expr) => {{
        let input = &$input;
        Requested {
            number: input.rule_number,
            protocol: &input.protocol,
            action: &input.rule_action,
            egress: input.egress,
            v4: input.cidr_block.as_deref(),
            v6: input.ipv6_cidr_block.as_deref(),
            icmp: input.icmp_type_code.as_ref(),
            ports: input.port_range.as_ref(),
        }
        .parse()
    }};
}

struct Requested<'a> {
    number: i32,
    protocol: &'a str,
    action: &'a str,
    egress: bool,
    v4: Option<&'a str>,
    v6: Option<&'a str>,
    icmp: Option<&'a api::IcmpTypeCode>,
    ports: Option<&'a api::PortRange>,
}

fn number(number: i32) -> Result<u16, ServiceError> {
    let valid =
        Some(number).filter(|number| NUMBERS.contains(number)).and_then(|number| u16::try_from(number).ok());
    valid.ok_or_else(|| error::invalid_value_for(number, "ruleNumber", "Must be between 1 and 32766."))
}

impl Requested<'_> {
    fn parse(self) -> Result<NetworkAclEntry, ServiceError> {
        let number = number(self.number)?;
        let protocol = IpProtocol::parse(self.protocol)?;
        let action = match self.action {
            "allow" => Action::Allow,
            "deny" => Action::Deny,
            other => return Err(error::invalid_value_for(other, "ruleAction", "Must be allow or deny.")),
        };
        let malformed =
            |text: &str| error::invalid_value_for(text, "cidrBlock", "This is not a valid CIDR block.");
        let cidr = match (self.v4, self.v6) {
            (Some(text), None) => IpNet::V4(cidr::parse_v4(text).ok_or_else(|| malformed(text))?),
            (None, Some(text)) => IpNet::V6(cidr::parse_v6(text).ok_or_else(|| malformed(text))?),
            (None, None) => return Err(error::missing("cidrBlock or ipv6CidrBlock")),
            (Some(_), Some(_)) => {
                return Err(error::combination("Only one of cidrBlock and ipv6CidrBlock can be specified"));
            }
        };
        let ports = if protocol.has_ports() { Some(self.ports()?) } else { None };
        let icmp = if protocol.is_icmp() { Some(self.icmp()?) } else { None };
        Ok(NetworkAclEntry { egress: self.egress, number, protocol, action, cidr, ports, icmp })
    }

    fn ports(&self) -> Result<(u16, u16), ServiceError> {
        let both = self.ports.and_then(|range| Some((range.from?, range.to?)));
        let (from, to) = both.ok_or_else(|| error::missing("portRange"))?;
        let port = |port: i32| {
            u16::try_from(port)
                .map_err(|_| error::invalid_value(format!("TCP/UDP port ({port}) out of range")))
        };
        let (first, last) = (port(from)?, port(to)?);
        if first > last {
            return Err(error::invalid_value(format!("Invalid TCP/UDP port range ({from}:{to})")));
        }
        Ok((first, last))
    }

    fn icmp(&self) -> Result<(i16, i16), ServiceError> {
        let both = self.icmp.and_then(|held| Some((held.r#type?, held.code?)));
        let (kind, code) = both.ok_or_else(|| error::missing("icmpTypeCode"))?;
        let part = |number: i32, noun: &str| {
            let valid = i16::try_from(number).ok().filter(|number| (-1..=255).contains(number));
            valid.ok_or_else(|| error::invalid_value(format!("ICMP {noun} ({number}) out of range")))
        };
        Ok((part(kind, "type")?, part(code, "code")?))
    }
}

/// Puts an entry in its place.
fn insert(acl: &mut NetworkAcl, entry: NetworkAclEntry) {
    acl.entries.push(entry);
    acl.entries.sort_by_key(|entry| (entry.egress, entry.number));
}

/// The quota counts IPv4 and IPv6 apart, and the deny at the end of each.
fn check_quota(edit: &Edit<'_>, acl: &NetworkAcl, entry: &NetworkAclEntry) -> Result<(), ServiceError> {
    let is_v6 = |held: &NetworkAclEntry| matches!(held.cidr, IpNet::V6(_));
    let alike =
        acl.entries.iter().filter(|held| held.egress == entry.egress && is_v6(held) == is_v6(entry)).count();
    RULES_PER_NETWORK_ACL.check(edit, alike + 1)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateNetworkAclEntryRequest,
) -> Result<Unit, ServiceError> {
    let entry = requested!(input)?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut acl = NetworkAcl::clone(&*edit.named::<NetworkAcl>(&input.network_acl_id)?);
        if acl.entries.iter().any(|held| held.egress == entry.egress && held.number == entry.number) {
            return Err(ServiceError::new(
                "NetworkAclEntryAlreadyExists",
                format!("The network acl entry identified by {} already exists.", entry.number),
            ));
        }
        insert(&mut acl, entry.clone());
        check_quota(edit, &acl, &entry)?;
        edit.put(acl);
        Ok(Unit)
    })
}

/// The ACL without the entry that a request names.
fn without(edit: &Edit<'_>, acl: &str, egress: bool, number: u16) -> Result<NetworkAcl, ServiceError> {
    let mut acl = NetworkAcl::clone(&*edit.named::<NetworkAcl>(acl)?);
    let place = acl.entries.iter().position(|held| held.egress == egress && held.number == number);
    let place = place.ok_or_else(|| {
        let message = format!("The network acl entry identified by {number} does not exist.");
        ServiceError::new("InvalidNetworkAclEntry.NotFound", message)
    })?;
    acl.entries.remove(place);
    Ok(acl)
}

fn replace(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ReplaceNetworkAclEntryRequest,
) -> Result<Unit, ServiceError> {
    let entry = requested!(input)?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut acl = without(edit, &input.network_acl_id, entry.egress, entry.number)?;
        insert(&mut acl, entry.clone());
        check_quota(edit, &acl, &entry)?;
        edit.put(acl);
        Ok(Unit)
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteNetworkAclEntryRequest,
) -> Result<Unit, ServiceError> {
    let number = number(input.rule_number)?;
    ec2.edit(context, input.dry_run, |edit| {
        let acl = without(edit, &input.network_acl_id, input.egress, number)?;
        edit.put(acl);
        Ok(Unit)
    })
}
