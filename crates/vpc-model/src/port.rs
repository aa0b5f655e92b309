//! The place of an interface on the fabric. Owns its number; refuses to know which host device stands behind it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The dense number of an interface's place on the fabric.
///
/// A port is 22 bits wide, because services see each interface under an address of 100.64.0.0/10 that ends in its
/// port. Numbers are used again once an interface is gone and has been unplugged, and a new one is given only where no
/// old one is free, so that tables indexed by port stay as small as the most interfaces that there ever were at once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Port(u32);

/// The number is above [`Port::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("port {0} is above {max}", max = Port::MAX.number())]
pub struct PortError(u32);

impl Port {
    /// The service namespace: DNS, instance metadata, time.
    pub const SERVICES: Self = Self(0);
    /// The declared hosts of the simulated internet. Beyond [`Self::LAST_OF_INTERFACES`], like those that follow.
    pub const INTERNET: Self = Self((1 << 17) - 1);
    /// The machine that the cloud runs on.
    pub const WORKSTATION: Self = Self((1 << 17) - 2);
    /// The last port below those that are reserved. Those above the reserved ones are interfaces' too.
    pub const LAST_OF_INTERFACES: Self = Self((1 << 17) - 17);
    /// The highest port.
    pub const MAX: Self = Self((1 << 22) - 1);

    /// The port of that number.
    ///
    /// # Errors
    /// When the number is above [`Port::MAX`].
    pub const fn new(number: u32) -> Result<Self, PortError> {
        if number > Self::MAX.0 { Err(PortError(number)) } else { Ok(Self(number)) }
    }

    /// Whether no interface can have it: services, the internet, the workstation, and some for what will come.
    pub const fn is_reserved(self) -> bool {
        self.0 == Self::SERVICES.0 || (Self::LAST_OF_INTERFACES.0 < self.0 && self.0 <= Self::INTERNET.0)
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The number as the index of a table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl TryFrom<u32> for Port {
    type Error = PortError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        Self::new(number)
    }
}

impl From<Port> for u32 {
    fn from(port: Port) -> Self {
        port.0
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {}", self.0)
    }
}
