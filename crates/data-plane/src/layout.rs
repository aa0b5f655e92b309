//! Where things are: files of a run directory, names and numbers of devices. Refuses to touch any of them.

use std::path::{Path, PathBuf};

use aws_types::MacAddress;
use vpc_abi::PORT_IFINDEX_BASE;
use vpc_model::Port;

/// Group of every host end in the fabric, by which they are deleted at once.
pub(crate) const PORT_GROUP: u32 = 1;
/// Largest packet of a VPC (fact 64), bytes.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html>
pub(crate) const VPC_MTU_BYTES: u32 = 9001;
/// The services' device in their own namespace.
pub(crate) const SERVICES_DEVICE: &str = "eth0";
/// The device of the simulated internet's hosts in their namespace.
pub(crate) const INTERNET_DEVICE: &str = "eth0";
/// Largest packet of the internet (fact 64), bytes.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html>
pub(crate) const INTERNET_MTU_BYTES: u32 = 1500;

/// The files of one cloud's run directory.
#[derive(Clone, Debug)]
pub(crate) struct RunDir(PathBuf);

impl RunDir {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Held while a daemon works here.
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("data-plane.lock")
    }

    pub(crate) fn namespaces(&self) -> PathBuf {
        self.0.join("netns")
    }

    pub(crate) fn fabric(&self) -> PathBuf {
        self.namespaces().join("fabric")
    }

    pub(crate) fn services(&self) -> PathBuf {
        self.namespaces().join("services")
    }

    pub(crate) fn internet(&self) -> PathBuf {
        self.namespaces().join("internet")
    }

    pub(crate) fn bpf(&self) -> PathBuf {
        self.0.join("bpf")
    }

    /// Held in memory.
    pub(crate) fn memory(&self) -> PathBuf {
        self.0.join("flows")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.memory().join("journal")
    }
}

/// The index of a port's host end. The port is the index, so no table stands between them.
pub(crate) fn device_of(port: Port) -> u32 {
    port.number() + PORT_IFINDEX_BASE
}

/// The port that a host end of that index belongs to.
pub(crate) fn port_of(device: u32) -> Option<Port> {
    device.checked_sub(PORT_IFINDEX_BASE).and_then(|number| Port::new(number).ok())
}

/// The name of a port's host end.
pub(crate) fn device_name(port: Port) -> String {
    format!("port{}", port.number())
}

/// The link address of a port's host end, which no frame is ever sent to.
pub(crate) fn device_mac(port: Port) -> MacAddress {
    let [_, high, middle, low] = port.number().to_be_bytes();
    MacAddress([0x0e, 0xff, 0, high, middle, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_index_is_a_port_and_back() {
        for number in [0, 1, 70_000, Port::MAX.number()] {
            let port = Port::new(number).unwrap();
            assert_eq!(port_of(device_of(port)), Some(port));
            assert!(device_name(port).len() < 16, "longer than a device name may be");
        }
        assert_eq!(port_of(1), None);
        assert_ne!(device_mac(Port::new(1).unwrap()), device_mac(Port::new(256).unwrap()));
    }
}
