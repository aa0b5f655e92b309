//! Devices: veth pairs made with one end in another namespace, seen, set up, deleted.

use std::os::fd::{AsFd, AsRawFd};

use aws_types::MacAddress;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags,
    LinkInfo, LinkMessage,
};

use crate::{Netlink, NetlinkError, NetworkNamespace};

/// A device as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index, unique in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its link address, where it has one of six bytes.
    pub mac: Option<MacAddress>,
    /// Its largest packet, bytes.
    pub mtu_bytes: u32,
    /// Whether it has been set up.
    pub is_up: bool,
    /// Whether it is set up and, for a veth, its other end too.
    pub is_running: bool,
    /// Whether it is one end of a veth pair.
    pub is_veth: bool,
}

/// A veth pair to be made: the near end in the namespace of the netlink socket.
#[derive(Clone, Debug)]
pub struct VethSpec<'a> {
    /// Index of the near end.
    pub index: u32,
    /// Name of the near end.
    pub name: String,
    /// Link address of the near end.
    pub mac: MacAddress,
    /// Group of the near end, by which many are deleted at once; 0 is the kernel's default group.
    pub group: u32,
    /// Largest packet of both ends, bytes.
    pub mtu_bytes: u32,
    /// The far end.
    pub peer: VethPeer<'a>,
}

/// The far end of a veth pair to be made; it starts down.
#[derive(Clone, Debug)]
pub struct VethPeer<'a> {
    /// Where it is made.
    pub namespace: &'a NetworkNamespace,
    /// Its name there.
    pub name: String,
    /// Its link address.
    pub mac: MacAddress,
}

impl Netlink {
    /// Makes a veth pair in one step; its near end starts up and never takes an IPv6 address of its own.
    ///
    /// # Errors
    /// When the kernel refuses: `EEXIST` when the index or one of the names is taken.
    pub fn create_veth(&self, spec: &VethSpec<'_>) -> Result<(), NetlinkError> {
        let mut peer = LinkMessage::default();
        peer.attributes.push(LinkAttribute::IfName(spec.peer.name.clone()));
        peer.attributes.push(LinkAttribute::Address(spec.peer.mac.0.to_vec()));
        peer.attributes.push(LinkAttribute::Mtu(spec.mtu_bytes));
        peer.attributes.push(LinkAttribute::NetNsFd(spec.peer.namespace.as_fd().as_raw_fd()));
        let mut near = LinkMessage::default();
        near.header.index = spec.index;
        near.header.flags = LinkFlags::Up;
        near.header.change_mask = LinkFlags::Up;
        near.attributes.push(LinkAttribute::IfName(spec.name.clone()));
        near.attributes.push(LinkAttribute::Address(spec.mac.0.to_vec()));
        near.attributes.push(LinkAttribute::Mtu(spec.mtu_bytes));
        near.attributes.push(LinkAttribute::Group(spec.group));
        near.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.request(
            || {
                let VethSpec { name, index, peer, .. } = spec;
                format!("create veth {name} (device {index}) to {} in {}", peer.name, peer.namespace.name())
            },
            RouteNetlinkMessage::NewLink(near),
            NLM_F_CREATE | NLM_F_EXCL,
        )?;
        Ok(())
    }

    /// Every device of the namespace.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn links(&self) -> Result<Vec<Link>, NetlinkError> {
        let message = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let answers = self.request(|| "list devices".to_owned(), message, NLM_F_DUMP)?;
        Ok(answers.into_iter().filter_map(link_of).collect())
    }

    /// The device of this index, if there is one.
    ///
    /// # Errors
    /// When the kernel refuses for another reason than that there is none.
    pub fn link(&self, index: u32) -> Result<Option<Link>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.look_up(message, || format!("look at device {index}"))
    }

    /// The device of this name, if there is one.
    ///
    /// # Errors
    /// When the kernel refuses for another reason than that there is none.
    pub fn link_named(&self, name: &str) -> Result<Option<Link>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        self.look_up(message, || format!("look at device {name}"))
    }

    /// Sets a device up or down.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_up(&self, index: u32, is_up: bool) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = if is_up { LinkFlags::Up } else { LinkFlags::empty() };
        message.header.change_mask = LinkFlags::Up;
        let action = || format!("set device {index} {}", if is_up { "up" } else { "down" });
        self.request(action, RouteNetlinkMessage::SetLink(message), 0)?;
        Ok(())
    }

    /// Keeps a device from making itself a link-local IPv6 address.
    ///
    /// # Errors
    /// When the kernel refuses, for example because it has no IPv6.
    pub fn disable_ipv6_autoconf(&self, index: u32) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![
            AfSpecInet6::AddrGenMode(In6AddrGenMode::None),
        ])]));
        let action = || format!("keep device {index} from making itself IPv6 addresses");
        self.request(action, RouteNetlinkMessage::SetLink(message), 0)?;
        Ok(())
    }

    /// Changes a device's largest packet.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_mtu(&self, index: u32, mtu_bytes: u32) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::Mtu(mtu_bytes));
        let action = || format!("set the MTU of device {index} to {mtu_bytes}");
        self.request(action, RouteNetlinkMessage::SetLink(message), 0)?;
        Ok(())
    }

    /// Changes a device's link address.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_mac(&self, index: u32, mac: MacAddress) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::Address(mac.0.to_vec()));
        let action = || format!("set the MAC address of device {index} to {mac}");
        self.request(action, RouteNetlinkMessage::SetLink(message), 0)?;
        Ok(())
    }

    /// Deletes a device, and of a veth pair both ends. Its absence is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn delete_link(&self, index: u32) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        match self.request(|| format!("delete device {index}"), RouteNetlinkMessage::DelLink(message), 0) {
            Err(error) if error.errno() == Some(libc::ENODEV) => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// Deletes every device of a group in one step, which takes about as long as one. An empty group is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn delete_group(&self, group: u32) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::Group(group));
        let action = || format!("delete the devices of group {group}");
        match self.request(action, RouteNetlinkMessage::DelLink(message), 0) {
            Err(error) if error.errno() == Some(libc::ENODEV) => Ok(()),
            result => result.map(|_| ()),
        }
    }

    fn look_up(
        &self,
        message: LinkMessage,
        action: impl Fn() -> String,
    ) -> Result<Option<Link>, NetlinkError> {
        match self.request(action, RouteNetlinkMessage::GetLink(message), 0) {
            Err(error) if error.errno() == Some(libc::ENODEV) => Ok(None),
            result => Ok(result?.into_iter().find_map(link_of)),
        }
    }
}

fn link_of(answer: RouteNetlinkMessage) -> Option<Link> {
    let RouteNetlinkMessage::NewLink(message) = answer else { return None };
    let flags = message.header.flags;
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        mac: None,
        mtu_bytes: 0,
        is_up: flags.contains(LinkFlags::Up),
        is_running: flags.contains(LinkFlags::Running),
        is_veth: false,
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Mtu(mtu_bytes) => link.mtu_bytes = mtu_bytes,
            LinkAttribute::Address(bytes) => link.mac = bytes.try_into().ok().map(MacAddress),
            LinkAttribute::LinkInfo(infos) => {
                link.is_veth = infos.iter().any(|info| matches!(info, LinkInfo::Kind(InfoKind::Veth)));
            }
            _ => {}
        }
    }
    Some(link)
}
