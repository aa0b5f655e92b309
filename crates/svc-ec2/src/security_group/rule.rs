//! One rule of a security group: its form, how requests write it, and how answers print it.
//!
//! Owns protocols, port ranges and peers, and what of them AWS refuses. Refuses to know groups.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>

use std::collections::HashSet;
use std::fmt;

use aws_api::ec2 as api;
use aws_types::{AccountId, PrefixListId, SecurityGroupId, SecurityGroupRuleId, Tags};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use super::SecurityGroup;
use super::peered::{self, PeeredGroup};
use crate::prefix_list::{Listed, PrefixList};
use crate::state::{State, not_found, parse_id};
use crate::{cidr, error};

/// The characters of descriptions, as AWS's messages list them.
pub(super) const DESCRIPTION_CHARACTERS: &str = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
const MAX_DESCRIPTION_CHARACTERS: usize = 255;

const ALL: i16 = -1;
const ICMP: i16 = 1;
const TCP: i16 = 6;
const UDP: i16 = 17;
const ICMPV6: i16 = 58;

pub(super) fn is_description_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || ". _-:/()#,@[]+=&;{}!$*".contains(character)
}

/// An IP protocol by its number, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IpProtocol(i16);

impl IpProtocol {
    /// Every protocol.
    pub const ALL: Self = Self(ALL);

    /// The protocol's number; `None` stands for all.
    pub fn number(self) -> Option<u8> {
        u8::try_from(self.0).ok()
    }

    /// Whether rules for it have a range of ports.
    pub fn has_ports(self) -> bool {
        matches!(self.0, TCP | UDP)
    }

    /// Whether rules for it have an ICMP type and code.
    pub fn is_icmp(self) -> bool {
        matches!(self.0, ICMP | ICMPV6)
    }

    /// Reads a name or number.
    ///
    /// # Errors
    /// `InvalidParameterValue`.
    pub(crate) fn parse(text: &str) -> Result<Self, ServiceError> {
        let number = match text.to_ascii_lowercase().as_str() {
            "-1" | "all" => Some(ALL),
            "icmp" => Some(ICMP),
            "tcp" => Some(TCP),
            "udp" => Some(UDP),
            "icmpv6" => Some(ICMPV6),
            other => other.parse::<u8>().ok().map(i16::from),
        };
        number.map(Self).ok_or_else(|| {
            error::invalid_value(format!("Invalid value '{text}' for IP protocol. Unknown protocol."))
        })
    }
}

/// As rules print it: a name for the four that have one there, else the number; `-1` for all.
impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ICMP => f.write_str("icmp"),
            TCP => f.write_str("tcp"),
            UDP => f.write_str("udp"),
            ICMPV6 => f.write_str("icmpv6"),
            number => write!(f, "{number}"),
        }
    }
}

/// With whom a rule allows traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// Addresses.
    Ipv4(Ipv4Net),
    /// Addresses.
    Ipv6(Ipv6Net),
    /// The interfaces that carry a group.
    Group(SecurityGroupId),
    /// The interfaces that carry a group of a peered VPC.
    PeeredGroup(PeeredGroup),
    /// The addresses of a prefix list, whatever they are at the time.
    PrefixList(PrefixListId),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(block) => block.fmt(f),
            Self::Ipv6(block) => block.fmt(f),
            Self::Group(group) => group.fmt(f),
            Self::PeeredGroup(peered) => write!(f, "{}/{}", peered.account, peered.group),
            Self::PrefixList(list) => list.fmt(f),
        }
    }
}

/// What traffic a rule allows: two rules of one group and direction never allow the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Traffic {
    pub(super) protocol: IpProtocol,
    /// First and last port, or ICMP type and code with -1 for any; `None` for protocols that have neither.
    pub(super) ports: Option<(i32, i32)>,
    pub(super) peer: Peer,
}

/// In the words of `InvalidPermission.Duplicate`.
impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = |number: i32| if number == -1 { "ALL".to_owned() } else { number.to_string() };
        write!(f, "peer: {}, ", self.peer)?;
        match (self.protocol, self.ports) {
            (IpProtocol::ALL, _) => f.write_str("ALL, ")?,
            (protocol, Some((from, to))) if protocol.has_ports() => {
                write!(f, "{}, from port: {from}, to port: {to}, ", protocol.to_string().to_uppercase())?;
            }
            (protocol, Some((kind, code))) => {
                write!(
                    f,
                    "{}, type: {}, code: {}, ",
                    protocol.to_string().to_uppercase(),
                    any(kind),
                    any(code)
                )?;
            }
            (protocol, None) => write!(f, "{protocol}, ")?,
        }
        f.write_str("ALLOW")
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// Its id.
    pub id: SecurityGroupRuleId,
    /// Whether it is for what goes out.
    pub egress: bool,
    /// The protocol.
    pub protocol: IpProtocol,
    /// First and last port for TCP and UDP; type and code for ICMP, with -1 for any; `None` for other protocols, of
    /// which everything is allowed.
    pub ports: Option<(i32, i32)>,
    /// From or to whom.
    pub peer: Peer,
    /// What its maker says it is for.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

impl SecurityGroupRule {
    /// A rule for all traffic with a peer.
    pub(super) fn everything(id: SecurityGroupRuleId, egress: bool, peer: Peer) -> Self {
        Self {
            id,
            egress,
            protocol: IpProtocol::ALL,
            ports: None,
            peer,
            description: None,
            tags: Tags::default(),
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic { protocol: self.protocol, ports: self.ports, peer: self.peer }
    }
}

/// Traffic as a request writes it, with its description.
pub(super) struct Wanted {
    pub(super) traffic: Traffic,
    pub(super) description: Option<String>,
}

/// Checks a protocol's ports.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn ports(
    protocol: IpProtocol,
    from: Option<i32>,
    to: Option<i32>,
) -> Result<Option<(i32, i32)>, ServiceError> {
    if protocol.has_ports() {
        let (Some(from), Some(to)) = (from, to) else {
            return Err(error::invalid_value(
                "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
            ));
        };
        for port in [from, to] {
            if !(0..=65_535).contains(&port) {
                return Err(error::invalid_value(format!("TCP/UDP port ({port}) out of range")));
            }
        }
        if from > to {
            return Err(error::invalid_value(format!("Invalid TCP/UDP port range ({from}:{to})")));
        }
        return Ok(Some((from, to)));
    }
    if protocol.is_icmp() {
        let (kind, code) = (from.unwrap_or(-1), to.unwrap_or(-1));
        for (number, noun) in [(kind, "type"), (code, "code")] {
            if !(-1..=255).contains(&number) {
                return Err(error::invalid_value(format!("ICMP {noun} ({number}) out of range")));
            }
        }
        if kind == -1 && code != -1 {
            return Err(error::invalid_value(
                "ICMP code must be -1 (all codes) when the type is -1 (all types)",
            ));
        }
        return Ok(Some((kind, code)));
    }
    Ok(None)
}

pub(super) fn check_description(description: Option<&String>) -> Result<(), ServiceError> {
    let is_valid = description.is_none_or(|text| {
        text.chars().count() <= MAX_DESCRIPTION_CHARACTERS && text.chars().all(is_description_character)
    });
    if is_valid {
        return Ok(());
    }
    Err(error::invalid_value(format!(
        "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  \
         {DESCRIPTION_CHARACTERS}"
    )))
}

pub(super) fn ipv4(text: &str) -> Result<Peer, ServiceError> {
    cidr::parse_v4(text)
        .map(Peer::Ipv4)
        .ok_or_else(|| error::invalid_value(format!("CIDR block {text} is malformed")))
}

pub(super) fn ipv6(text: &str) -> Result<Peer, ServiceError> {
    cidr::parse_v6(text)
        .map(Peer::Ipv6)
        .ok_or_else(|| error::invalid_value(format!("CIDR block {text} is malformed")))
}

/// The group that a pair of user and group names: of the same VPC, or of one that is peered with it.
///
/// # Errors
/// `InvalidGroup.NotFound`, `InvalidGroupId.Malformed`.
pub(super) fn group_peer(
    state: &impl State,
    holder: &SecurityGroup,
    pair: &api::UserIdGroupPair,
) -> Result<Peer, ServiceError> {
    let text = pair.group_id.as_deref();
    if let Some(peered) = peered::find(state, holder, pair)? {
        return Ok(Peer::PeeredGroup(peered));
    }
    if let (Some(user), Some(text)) = (pair.user_id.as_deref(), text)
        && user != state.account().to_string()
    {
        // Whoever has groups in a shared VPC can refer to those of all the others there.
        let other = state.anyones::<SecurityGroup>(parse_id::<SecurityGroup>(text)?);
        let other = other.filter(|(owner, group)| owner.to_string() == user && group.vpc == holder.vpc);
        return other.map(|(_, group)| Peer::Group(group.id)).ok_or_else(|| not_found::<SecurityGroup>(text));
    }
    let group = super::by_id_or_name(state, text, pair.group_name.as_deref())?;
    if group.vpc != holder.vpc {
        return Err(error::different_networks());
    }
    Ok(Peer::Group(group.id))
}

/// The prefix list of rules that a request names. Those that a group has stay when the list is shared no more.
fn held_list_peer(state: &impl State, holder: &SecurityGroup, text: &str) -> Result<Peer, ServiceError> {
    let id = parse_id::<PrefixList>(text)?;
    if holder.has_prefix_list(id) { Ok(Peer::PrefixList(id)) } else { list_peer(state, text) }
}

/// The prefix list that a request names for a new rule.
///
/// # Errors
/// `InvalidPrefixListID.NotFound`, `InvalidPrefixListId.Malformed`.
pub(super) fn list_peer(state: &impl State, text: &str) -> Result<Peer, ServiceError> {
    match Listed::named(state, text)? {
        Listed::OfCustomer(list) if list.resource.is_deleted() => Err(not_found::<PrefixList>(text)),
        list => Ok(Peer::PrefixList(list.id())),
    }
}

/// The rules that a list of permissions stands for: one for each peer.
///
/// # Errors
/// Whatever is wrong with a permission.
pub(super) fn wanted(
    state: &impl State,
    holder: &SecurityGroup,
    permissions: &[api::IpPermission],
) -> Result<Vec<Wanted>, ServiceError> {
    let mut all = Vec::new();
    for permission in permissions {
        let text = permission.ip_protocol.as_deref().ok_or_else(|| error::missing("IpProtocol"))?;
        let protocol = IpProtocol::parse(text)?;
        let ports = ports(protocol, permission.from_port, permission.to_port)?;
        let before = all.len();
        let mut add = |peer, description: &Option<String>| {
            check_description(description.as_ref())?;
            let traffic = Traffic { protocol, ports, peer };
            all.push(Wanted { traffic, description: description.clone().filter(|text| !text.is_empty()) });
            Ok::<_, ServiceError>(())
        };
        for range in permission.ip_ranges.iter().flatten() {
            let text = range.cidr_ip.as_deref().ok_or_else(|| error::missing("CidrIp"))?;
            add(ipv4(text)?, &range.description)?;
        }
        for range in permission.ipv6_ranges.iter().flatten() {
            let text = range.cidr_ipv6.as_deref().ok_or_else(|| error::missing("CidrIpv6"))?;
            add(ipv6(text)?, &range.description)?;
        }
        for list in permission.prefix_list_ids.iter().flatten() {
            let text = list.prefix_list_id.as_deref().ok_or_else(|| error::missing("PrefixListId"))?;
            add(held_list_peer(state, holder, text)?, &list.description)?;
        }
        for pair in permission.user_id_group_pairs.iter().flatten() {
            add(group_peer(state, holder, pair)?, &pair.description)?;
        }
        if all.len() == before {
            return Err(error::missing("ipRanges, ipv6Ranges, prefixListIds or groups"));
        }
    }
    let mut seen = HashSet::with_capacity(all.len());
    if !all.iter().all(|wanted: &Wanted| seen.insert(wanted.traffic)) {
        return Err(error::invalid_value("The same permission must not appear multiple times"));
    }
    Ok(all)
}

/// Rules as permissions: those with the same protocol and ports are one.
pub(super) fn permissions<'a>(
    state: &impl State,
    rules: impl Iterator<Item = &'a SecurityGroupRule>,
) -> Vec<api::IpPermission> {
    type Key = (IpProtocol, Option<(i32, i32)>);
    let mut all: Vec<(Key, api::IpPermission)> = Vec::new();
    for rule in rules {
        let key = (rule.protocol, rule.ports);
        let place = all.iter().position(|(held, _)| *held == key).unwrap_or_else(|| {
            all.push((
                key,
                api::IpPermission {
                    from_port: rule.ports.map(|(from, _)| from),
                    ip_protocol: Some(rule.protocol.to_string()),
                    ip_ranges: Some(Vec::new()),
                    ipv6_ranges: Some(Vec::new()),
                    prefix_list_ids: Some(Vec::new()),
                    to_port: rule.ports.map(|(_, to)| to),
                    user_id_group_pairs: Some(Vec::new()),
                },
            ));
            all.len() - 1
        });
        let permission = &mut all[place].1;
        let description = rule.description.clone();
        match rule.peer {
            Peer::Ipv4(block) => permission
                .ip_ranges
                .get_or_insert_default()
                .push(api::IpRange { cidr_ip: Some(block.to_string()), description }),
            Peer::Ipv6(block) => permission
                .ipv6_ranges
                .get_or_insert_default()
                .push(api::Ipv6Range { cidr_ipv6: Some(block.to_string()), description }),
            Peer::Group(group) => {
                permission.user_id_group_pairs.get_or_insert_default().push(api::UserIdGroupPair {
                    description,
                    group_id: Some(group.to_string()),
                    user_id: Some(owner(state, group).to_string()),
                    ..Default::default()
                });
            }
            Peer::PeeredGroup(peered) => {
                permission.user_id_group_pairs.get_or_insert_default().push(api::UserIdGroupPair {
                    description,
                    group_id: Some(peered.group.to_string()),
                    peering_status: Some(peered.status(state).to_owned()),
                    user_id: Some(peered.account.to_string()),
                    vpc_id: Some(peered.vpc.to_string()),
                    vpc_peering_connection_id: Some(peered.connection.to_string()),
                    ..Default::default()
                });
            }
            Peer::PrefixList(list) => permission
                .prefix_list_ids
                .get_or_insert_default()
                .push(api::PrefixListId { description, prefix_list_id: Some(list.to_string()) }),
        }
    }
    all.into_iter().map(|(_, permission)| permission).collect()
}

/// Whose a group is that a rule names.
fn owner(state: &impl State, group: SecurityGroupId) -> AccountId {
    state.anyones::<SecurityGroup>(group).map_or(state.account(), |(owner, _)| owner)
}

/// A rule as answers have it.
pub(super) fn shown(
    state: &impl State,
    group: &SecurityGroup,
    rule: &SecurityGroupRule,
) -> api::SecurityGroupRule {
    let (mut v4, mut v6, mut list, mut referenced) = (None, None, None, None);
    match rule.peer {
        Peer::Ipv4(block) => v4 = Some(block.to_string()),
        Peer::Ipv6(block) => v6 = Some(block.to_string()),
        Peer::PrefixList(id) => list = Some(id.to_string()),
        Peer::Group(group) => {
            referenced = Some(api::ReferencedSecurityGroup {
                group_id: Some(group.to_string()),
                user_id: Some(owner(state, group).to_string()),
                ..Default::default()
            });
        }
        Peer::PeeredGroup(peered) => {
            referenced = Some(api::ReferencedSecurityGroup {
                group_id: Some(peered.group.to_string()),
                peering_status: Some(peered.status(state).to_owned()),
                user_id: Some(peered.account.to_string()),
                vpc_id: Some(peered.vpc.to_string()),
                vpc_peering_connection_id: Some(peered.connection.to_string()),
            });
        }
    }
    let (from, to) = rule.ports.unwrap_or((-1, -1));
    api::SecurityGroupRule {
        cidr_ipv4: v4,
        cidr_ipv6: v6,
        description: rule.description.clone(),
        from_port: Some(from),
        group_id: Some(group.id.to_string()),
        group_owner_id: Some(state.account().to_string()),
        ip_protocol: Some(rule.protocol.to_string()),
        is_egress: Some(rule.egress),
        prefix_list_id: list,
        referenced_group_info: referenced,
        security_group_rule_arn: Some(state.arn(&format!("security-group-rule/{}", rule.id))),
        security_group_rule_id: Some(rule.id.to_string()),
        tags: Some(crate::tag::shown_always(&rule.tags)),
        to_port: Some(to),
    }
}
