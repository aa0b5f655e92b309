//! Steps and changes in words, for people.
//!
//! Owns the sentences. Refuses to know where they are shown.

use std::fmt;

use vpc_model::{Direction, IcmpMatch, PortRange, RouteTarget, Traffic};

use super::repair::Fix;
use super::trace::{Ends, Met};

/// Traffic as a rule names it: `tcp 22`.
struct Named(Traffic);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports =
            |f: &mut fmt::Formatter<'_>, name: &str, ports: PortRange| match (ports.from(), ports.to()) {
                (first, last) if first == last => write!(f, "{name} {first}"),
                (first, last) => write!(f, "{name} {first}-{last}"),
            };
        match self.0 {
            Traffic::All => f.write_str("all traffic"),
            Traffic::Tcp(wanted) => ports(f, "tcp", wanted),
            Traffic::Udp(wanted) => ports(f, "udp", wanted),
            Traffic::Icmp(IcmpMatch::Any) => f.write_str("icmp"),
            Traffic::Icmpv6(IcmpMatch::Any) => f.write_str("icmpv6"),
            Traffic::Icmp(IcmpMatch::Type(kind) | IcmpMatch::TypeAndCode(kind, _)) => {
                write!(f, "icmp type {kind}")
            }
            Traffic::Icmpv6(IcmpMatch::Type(kind) | IcmpMatch::TypeAndCode(kind, _)) => {
                write!(f, "icmpv6 type {kind}")
            }
            Traffic::Protocol(protocol) => write!(f, "protocol {}", protocol.0),
        }
    }
}

/// A target of a route.
struct Target(RouteTarget);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            RouteTarget::Local => f.write_str("local"),
            RouteTarget::Blackhole => f.write_str("nothing"),
            RouteTarget::Interface(id) => id.fmt(f),
            RouteTarget::InternetGateway(id) => id.fmt(f),
            RouteTarget::EgressOnlyInternetGateway(id) => id.fmt(f),
            RouteTarget::NatGateway(id) => id.fmt(f),
            RouteTarget::VpcPeeringConnection(id) => id.fmt(f),
            RouteTarget::TransitGateway(id) => id.fmt(f),
            RouteTarget::VpcEndpoint(id) => id.fmt(f),
            RouteTarget::VpnGateway(id) => id.fmt(f),
        }
    }
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Interface(interface) => interface.fmt(f),
            Self::Rules { direction, rule: Some(rule), .. } => {
                write!(f, "{} rule {rule} lets it pass", word(direction))
            }
            Self::Rules { direction, rule: None, .. } => {
                write!(f, "{} passes: it belongs to a tracked connection", word(direction))
            }
            Self::NetworkAcl { acl, direction, rule, .. } => match rule {
                Some(rule) => write!(f, "{} rule {} of {acl} lets it pass", word(direction), rule.get()),
                None => write!(f, "{} of {acl} lets it pass", word(direction)),
            },
            Self::OnLink { subnet } => write!(f, "the destination is in {subnet} too"),
            Self::Route { table, destination, target, .. } => {
                write!(f, "{table} routes {destination} to {}", Target(target))
            }
            Self::TransitRoute { table, destination, target: Some(target) } => {
                write!(f, "{table} routes {destination} to {target}")
            }
            Self::TransitRoute { table, destination, target: None } => {
                write!(f, "{table} routes {destination} to nothing")
            }
            Self::Through(object) => write!(f, "through {object}"),
            Self::Internet => f.write_str("on the internet"),
            Self::Refused(reason) => reason.fmt(f),
        }
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |f: &mut fmt::Formatter<'_>, address: std::net::IpAddr, port: u16| match port {
            0 => address.fmt(f),
            port => std::net::SocketAddr::new(address, port).fmt(f),
        };
        end(f, self.source, self.source_port)?;
        f.write_str(" > ")?;
        end(f, self.destination, self.destination_port)
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preposition = |direction| if direction == Direction::Ingress { "from" } else { "to" };
        match *self {
            Self::Rule { group, interface, direction, traffic, peer } => write!(
                f,
                "add to {group} of {interface} an {} rule for {} {} {peer}",
                word(direction),
                Named(traffic),
                preposition(direction)
            ),
            Self::AclEntry { acl, direction, number, traffic, peer } => write!(
                f,
                "add to {acl} the {} rule {}, which allows {} {} {peer}",
                word(direction),
                number.get(),
                Named(traffic),
                preposition(direction)
            ),
            Self::NoSourceDestCheck { interface } => {
                write!(f, "switch off the source/destination check of {interface}")
            }
            Self::Route { table, destination, target } => {
                write!(f, "route {destination} in {table} to {}", Target(target))
            }
            Self::TransitRoute { table, destination, target } => {
                write!(f, "route {destination} in {table} to {target}")
            }
            Self::Association { attachment, table } => write!(f, "associate {attachment} with {table}"),
            Self::AttachmentIpv6 { attachment } => write!(f, "enable IPv6 for {attachment}"),
            Self::PublicAddress { interface, private, .. } => {
                write!(f, "associate an Elastic IP address with {private} of {interface}")
            }
            Self::NoPublicAccessBlock { subnet } => {
                write!(f, "exclude {subnet} from VPC Block Public Access")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_types::{NetworkAclId, NetworkInterfaceId, ResourceId, SecurityGroupId};
    use vpc_model::AclRuleNumber;

    use super::*;

    #[test]
    fn changes_are_said_as_people_would_make_them() {
        let rule = Fix::Rule {
            group: SecurityGroupId::from_bits(1),
            interface: NetworkInterfaceId::from_bits(2),
            direction: Direction::Ingress,
            traffic: Traffic::Tcp(PortRange::one(22)),
            peer: "10.0.0.5/32".parse().unwrap(),
        };
        assert_eq!(
            rule.to_string(),
            "add to sg-00000000000000001 of eni-00000000000000002 an ingress rule for tcp 22 from 10.0.0.5/32"
        );
        let entry = Fix::AclEntry {
            acl: NetworkAclId::from_bits(3),
            direction: Direction::Egress,
            number: AclRuleNumber::new(99).unwrap(),
            traffic: Traffic::Udp(PortRange::new(1024, 65535).unwrap()),
            peer: "10.0.0.5/32".parse().unwrap(),
        };
        assert_eq!(
            entry.to_string(),
            "add to acl-00000000000000003 the egress rule 99, which allows udp 1024-65535 to 10.0.0.5/32"
        );
    }
}
