//! What somebody expects of a network, and how it is written: the file format of `brume assert`, described in
//! `docs/assertions.md`.
//!
//! Owns the grammar and what is said about a file that is not of it: everything that is wrong, each with its place. Refuses to
//! know any network: whether there is somebody of a name is found out where it is checked. Pure.

mod json;
mod line;
mod problem;
mod token;

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use problem::{Problem, Problems};

/// How many assertions a file has at most.
pub const ASSERTIONS_MAX: usize = 5_000;
/// How many bytes a file has at most.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// How many problems of a file are told of; a file that is of another kind has one in every line.
pub const PROBLEMS_MAX: usize = 50;
/// The ports that clients open connections from, unless an assertion says others.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports>
pub const CLIENT_PORTS: Ports = Ports { first: 1024, last: u16::MAX };

/// One expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// The line of the file that it begins in, from 1.
    pub line: usize,
    /// Who sends.
    pub from: Selector,
    /// Who is to get it, or not.
    pub to: Selector,
    /// The family that it is about; where there is none, what `docs/assertions.md` says.
    pub family: Option<Family>,
    /// What is sent.
    pub traffic: Traffic,
    /// From which ports; of no meaning where the protocol has none.
    pub client_ports: Ports,
    /// Whether it is to get through.
    pub expect: Expectation,
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selector {
    /// Everybody with a public address that is neither the cloud's nor the workstation's.
    Internet,
    /// The machine that the cloud runs on.
    Workstation,
    /// A declared host of the internet, by its name.
    Host(String),
    /// The interfaces with that tag, and those of the instances with it.
    Tag {
        /// Its key.
        key: String,
        /// Its value.
        value: String,
    },
    /// An interface, or all interfaces of an instance, a subnet, a VPC or a security group.
    Id(String),
    /// Whoever has the address.
    Address(IpAddr),
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// TCP to each of these ports.
    Tcp(Ports),
    /// UDP to each of these ports.
    Udp(Ports),
    /// An echo request.
    Ping,
    /// Another protocol, by its number.
    Protocol(u8),
    /// TCP and UDP to every port, and an echo request.
    All,
}

/// Ports that follow each other, both ends among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ports {
    /// The first.
    pub first: u16,
    /// The last, not less than the first.
    pub last: u16,
}

impl Ports {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// One port.
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }
}

/// Whether something is to get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// It gets there, and its reply comes back.
    Allow,
    /// It does not even get there.
    Deny,
}

/// Reads a file: JSON where `is_json`, and otherwise lines.
///
/// # Errors
/// Everything that is wrong with it, up to [`PROBLEMS_MAX`].
pub fn parse(bytes: &[u8], is_json: bool) -> Result<Vec<Assertion>, Problems> {
    let mut problems = Problems::default();
    let text = match std::str::from_utf8(bytes) {
        _ if bytes.len() > FILE_BYTES_MAX => {
            let message =
                format!("the file has {} bytes, and {FILE_BYTES_MAX} at most are read", bytes.len());
            problems.add(Problem { line: 1, column: 1, length: 0, message, help: None });
            return Err(problems);
        }
        Ok(text) => text,
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let message = "here is a byte that is no UTF-8".to_owned();
            problems.add(Problem { line, column, length: 1, message, help: None });
            return Err(problems);
        }
    };
    // Of an editor that marks files so.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let assertions =
        if is_json { json::parse(text, &mut problems) } else { line::parse(text, &mut problems) };
    if assertions.len() > ASSERTIONS_MAX {
        let line = assertions[ASSERTIONS_MAX].line;
        let message = format!("a file has {ASSERTIONS_MAX} assertions at most, and here is one more");
        problems.add(Problem { line, column: 1, length: 0, message, help: None });
    }
    if problems.is_empty() { Ok(assertions) } else { Err(problems) }
}

impl std::str::FromStr for Traffic {
    type Err = String;

    fn from_str(said: &str) -> Result<Self, String> {
        let token = token::Token::whole(said, 1, 1).and_then(|token| token::traffic(&token));
        token.map_err(|(message, help)| match help {
            Some(help) => format!("{message}; {help}"),
            None => message,
        })
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { first, last } if first == last => first.fmt(f),
            Self { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = |f: &mut fmt::Formatter<'_>, name: &str, ports: Ports| match ports {
            Ports::ALL => f.write_str(name),
            ports => write!(f, "{name}/{ports}"),
        };
        match *self {
            Self::Tcp(ports) => with(f, "tcp", ports),
            Self::Udp(ports) => with(f, "udp", ports),
            Self::Ping => f.write_str("ping"),
            Self::Protocol(number) => write!(f, "protocol/{number}"),
            Self::All => f.write_str("all"),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        })
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet => f.write_str("internet"),
            Self::Workstation => f.write_str("workstation"),
            Self::Host(name) => write!(f, "host:{}", token::Written(name)),
            // A name that stands alone must not be taken for something else.
            Self::Tag { key, value } if key == token::NAME_KEY => match token::selector_of_bare(value) {
                Ok(selector) if selector == *self => token::Written(value).fmt(f),
                _ => token::Quoted(value).fmt(f),
            },
            Self::Tag { key, value } => write!(f, "tag:{}={}", token::Written(key), token::Written(value)),
            Self::Id(id) => f.write_str(id),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, family, traffic, client_ports, expect, .. } = self;
        write!(f, "{from} -> {to} ")?;
        if let Some(family) = family {
            write!(f, "{family} ")?;
        }
        write!(f, "{traffic} ")?;
        if *client_ports != CLIENT_PORTS {
            write!(f, "from {client_ports} ")?;
        }
        expect.fmt(f)
    }
}

#[cfg(test)]
mod tests;
