//! One netlink socket in one namespace: a request, its answers, its error.
//!
//! The socket belongs to the namespace that it was opened in, whichever thread uses it afterwards. Knows messages, not
//! what they are for; the files beside this one add the operations.

use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use aws_types::MacAddress;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::{NamespaceError, NetworkNamespace};

/// A netlink route socket bound to one namespace.
pub struct Netlink {
    connection: Mutex<Connection>,
    namespace: NetworkNamespace,
}

struct Connection {
    socket: Socket,
    sequence: u32,
}

/// A request that the kernel refused or that could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The kernel refused.
    #[error("cannot {action} in {namespace}: {source}")]
    Refused {
        /// What was asked, with the device's name or index.
        action: String,
        /// Where.
        namespace: String,
        /// Why.
        source: io::Error,
    },
    /// The kernel's answer could not be read.
    #[error("cannot {action} in {namespace}: unreadable answer: {detail}")]
    Unreadable {
        /// What was asked, with the device's name or index.
        action: String,
        /// Where.
        namespace: String,
        /// What the decoder said.
        detail: String,
    },
    /// The namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
}

impl NetlinkError {
    /// The kernel's error number, when it gave one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// Whether the device that it was about is not there.
    pub fn is_about_no_device(&self) -> bool {
        self.errno() == Some(libc::ENODEV)
    }
}

impl Netlink {
    /// Opens a socket in `namespace`.
    ///
    /// # Errors
    /// When the namespace cannot be entered or the socket not be made.
    pub fn open(namespace: &NetworkNamespace) -> Result<Self, NetlinkError> {
        let socket = namespace
            .run(|| {
                let mut socket = Socket::new(NETLINK_ROUTE)?;
                socket.bind_auto()?;
                socket.connect(&SocketAddr::new(0, 0))?;
                // Dumps are answered by this filter on newer kernels; older ones ignore it.
                let _ = socket.set_netlink_get_strict_chk(true);
                Ok(socket)
            })?
            .map_err(|source| NetlinkError::Refused {
                action: "open a netlink socket".to_owned(),
                namespace: namespace.name().to_owned(),
                source,
            })?;
        Ok(Self { connection: Mutex::new(Connection { socket, sequence: 0 }), namespace: namespace.clone() })
    }

    /// The namespace it works in.
    pub fn namespace(&self) -> &NetworkNamespace {
        &self.namespace
    }

    /// Gives the device an address. The address being there already is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_address(&self, index: u32, address: IpAddr, prefix_len: u8) -> Result<(), NetlinkError> {
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.index = index;
        message.header.prefix_len = prefix_len;
        message.attributes.push(AddressAttribute::Address(address));
        message.attributes.push(AddressAttribute::Local(address));
        if address.is_ipv6() {
            // Nobody else can have it: no duplicate address detection, so that it is usable at once.
            let flags = netlink_packet_route::address::AddressFlags::Nodad;
            message.attributes.push(AddressAttribute::Flags(flags));
        }
        self.request(
            || format!("add {address}/{prefix_len} to device {index}"),
            RouteNetlinkMessage::NewAddress(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )?;
        Ok(())
    }

    /// Takes an address off a device. Its absence is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_address(&self, index: u32, address: IpAddr, prefix_len: u8) -> Result<(), NetlinkError> {
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.index = index;
        message.header.prefix_len = prefix_len;
        message.attributes.push(AddressAttribute::Address(address));
        message.attributes.push(AddressAttribute::Local(address));
        let action = || format!("remove {address}/{prefix_len} from device {index}");
        match self.request(action, RouteNetlinkMessage::DelAddress(message), 0) {
            Err(error) if error.errno() == Some(libc::EADDRNOTAVAIL) => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// Routes a prefix to a gateway, which is taken to be on the device's link, or straight to the link when there is none.
    /// Replaces a route to the same.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_route(
        &self,
        destination: IpAddr,
        prefix_len: u8,
        index: u32,
        gateway: Option<IpAddr>,
    ) -> Result<(), NetlinkError> {
        let route_address = |address: IpAddr| match address {
            IpAddr::V4(address) => RouteAddress::Inet(address),
            IpAddr::V6(address) => RouteAddress::Inet6(address),
        };
        let mut message = RouteMessage::default();
        message.header.address_family = family(destination);
        message.header.destination_prefix_length = prefix_len;
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.kind = RouteType::Unicast;
        message.header.scope = match (destination, gateway) {
            (IpAddr::V4(_), None) => RouteScope::Link,
            _ => RouteScope::Universe,
        };
        if prefix_len > 0 {
            message.attributes.push(RouteAttribute::Destination(route_address(destination)));
        }
        if let Some(gateway) = gateway {
            message.attributes.push(RouteAttribute::Gateway(route_address(gateway)));
            message.header.flags = RouteFlags::Onlink;
        }
        message.attributes.push(RouteAttribute::Oif(index));
        self.request(
            || format!("route {destination}/{prefix_len} by device {index}"),
            RouteNetlinkMessage::NewRoute(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )?;
        Ok(())
    }

    /// Fixes the link address of a neighbour, which is then never asked for.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_neighbour(&self, index: u32, address: IpAddr, mac: MacAddress) -> Result<(), NetlinkError> {
        let mut message = NeighbourMessage::default();
        message.header.family = family(address);
        message.header.ifindex = index;
        message.header.state = NeighbourState::Permanent;
        message.attributes.push(NeighbourAttribute::Destination(match address {
            IpAddr::V4(address) => NeighbourAddress::Inet(address),
            IpAddr::V6(address) => NeighbourAddress::Inet6(address),
        }));
        message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.0.to_vec()));
        self.request(
            || format!("fix neighbour {address} of device {index}"),
            RouteNetlinkMessage::NewNeighbour(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )?;
        Ok(())
    }

    /// Sends a request and collects its answers up to the acknowledgement.
    pub(crate) fn request(
        &self,
        action: impl Fn() -> String,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        let refused = |source| NetlinkError::Refused {
            action: action(),
            namespace: self.namespace.name().to_owned(),
            source,
        };
        let unreadable = |detail| NetlinkError::Unreadable {
            action: action(),
            namespace: self.namespace.name().to_owned(),
            detail,
        };
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.sequence = connection.sequence.wrapping_add(1);
        let sequence = connection.sequence;
        let is_dump = flags & NLM_F_DUMP == NLM_F_DUMP;
        let mut packet = NetlinkMessage::from(message);
        packet.header.flags = NLM_F_REQUEST | flags | if is_dump { 0 } else { NLM_F_ACK };
        packet.header.sequence_number = sequence;
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        connection.socket.send(&bytes, 0).map_err(refused)?;

        let mut answers = Vec::new();
        loop {
            let (datagram, _) = connection.socket.recv_from_full().map_err(refused)?;
            let mut rest = datagram.as_slice();
            while !rest.is_empty() {
                let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                    .map_err(|error| unreadable(error.to_string()))?;
                // Answers are padded to four bytes, except the last of a datagram.
                let length = (answer.header.length as usize).next_multiple_of(4).clamp(4, rest.len());
                rest = &rest[length..];
                if answer.header.sequence_number != sequence {
                    continue;
                }
                match answer.payload {
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) if error.raw_code() == 0 => return Ok(answers),
                    NetlinkPayload::Error(error) => return Err(refused(error.to_io())),
                    NetlinkPayload::InnerMessage(inner) => answers.push(inner),
                    _ => {}
                }
            }
        }
    }
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
