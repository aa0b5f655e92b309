//! Namespaces, veth pairs and packet sockets, in namespaces of the tests' own.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;

use aws_types::MacAddress;
use host_net::{
    EtherType, FrameBatch, Netlink, NetworkNamespace, PacketSocket, Transmission, VethPeer, VethSpec,
    VirtioNetHeader, tcp_listener, udp_socket,
};

/// A namespace, or none on a host that does not let us make one.
fn namespace() -> Option<NetworkNamespace> {
    match NetworkNamespace::create_unpinned() {
        Ok(namespace) => Some(namespace),
        Err(error) => {
            assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "{error}");
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

fn spec<'a>(index: u32, peer: &'a NetworkNamespace) -> VethSpec<'a> {
    VethSpec {
        index,
        name: format!("near{index}"),
        mac: MacAddress([2, 0, 0, 0, 1, index as u8]),
        group: 7,
        mtu_bytes: 9001,
        peer: VethPeer {
            namespace: peer,
            name: "eth0".to_owned(),
            mac: MacAddress([2, 0, 0, 0, 2, index as u8]),
        },
    }
}

fn mounts_of(path: &Path) -> usize {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    mounts.lines().filter(|line| line.contains(path.to_str().unwrap())).count()
}

#[test]
fn a_pinned_namespace_is_made_once_and_leaves_nothing() {
    if namespace().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netns/fabric");
    let first = NetworkNamespace::create_pinned(&path).unwrap();
    let again = NetworkNamespace::create_pinned(&path).unwrap();
    assert_eq!(first.id().unwrap(), again.id().unwrap());
    assert_ne!(first.id().unwrap(), NetworkNamespace::current().unwrap().id().unwrap());
    assert_eq!(mounts_of(&path), 1);
    let inside = first.run(|| NetworkNamespace::current().unwrap().id().unwrap()).unwrap();
    assert_eq!(inside, first.id().unwrap());
    drop((first, again));
    NetworkNamespace::unpin(&path).unwrap();
    NetworkNamespace::unpin(&path).unwrap();
    assert_eq!(mounts_of(&path), 0);
    assert!(!path.exists());
}

#[test]
fn what_is_no_namespace_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes");
    std::fs::write(&path, "text").unwrap();
    let error = NetworkNamespace::create_pinned(&path).unwrap_err().to_string();
    assert!(error.contains("is not a network namespace"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
}

#[test]
fn a_veth_pair_is_made_with_its_far_end_elsewhere() {
    let (Some(near), Some(far)) = (namespace(), namespace()) else { return };
    let (near, far_links) = (Netlink::open(&near).unwrap(), Netlink::open(&far).unwrap());
    for index in [70, 71] {
        let mut wanted = spec(index, &far);
        wanted.peer.name = format!("eth{}", index - 70);
        near.create_veth(&wanted).unwrap();
    }
    let link = near.link(70).unwrap().unwrap();
    assert_eq!((link.name.as_str(), link.mtu_bytes, link.is_up, link.is_veth), ("near70", 9001, true, true));
    let guest = far_links.link_named("eth0").unwrap().unwrap();
    assert_eq!((guest.mac, guest.is_up), (Some(MacAddress([2, 0, 0, 0, 2, 70])), false));
    let error = near.create_veth(&spec(70, &far)).unwrap_err();
    assert_eq!(error.errno(), Some(17));
    assert!(error.to_string().contains("near70"), "{error}");

    near.delete_link(71).unwrap();
    near.delete_link(71).unwrap();
    assert!(near.link(71).unwrap().is_none());
    assert!(far_links.link_named("eth1").unwrap().is_none());
    near.delete_group(7).unwrap();
    near.delete_group(7).unwrap();
    assert!(near.links().unwrap().iter().all(|link| link.name == "lo"), "{:?}", near.links());
    assert!(far_links.links().unwrap().iter().all(|link| link.name == "lo"));
}

#[test]
fn frames_cross_by_packet_sockets_with_their_device() {
    let (Some(near), Some(far)) = (namespace(), namespace()) else { return };
    let (near_links, far_links) = (Netlink::open(&near).unwrap(), Netlink::open(&far).unwrap());
    near_links.create_veth(&spec(80, &far)).unwrap();
    let eth0 = far_links.link_named("eth0").unwrap().unwrap().index;
    far_links.set_up(eth0, true).unwrap();
    let receiver = PacketSocket::receiver(&near, EtherType::Ipv4, 1 << 20).unwrap();
    let sender = PacketSocket::sender(&far, 1 << 20).unwrap();
    let mut frame = vec![0xff; 14 + 200];
    frame[12..14].copy_from_slice(&0x0800_u16.to_be_bytes());
    let header = VirtioNetHeader::default();
    // One to a device that is not there is left out, the ones around it are not.
    let frames = [eth0, 99, eth0].map(|device| Transmission { device, header, frame: &frame });
    assert_eq!(sender.send(&frames).unwrap(), [1]);
    let mut batch = FrameBatch::new(4);
    assert_eq!(receiver.receive(&mut batch).unwrap(), 2);
    assert_eq!((batch.device(1), batch.frame(1)), (80, frame.as_slice()));
    assert_eq!(receiver.receive(&mut batch).unwrap(), 0);
}

#[test]
fn services_listen_in_the_namespace_they_are_given() {
    let Some(namespace) = namespace() else { return };
    let links = Netlink::open(&namespace).unwrap();
    let address = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
    links.set_up(1, true).unwrap();
    links.add_address(1, address, 32).unwrap();
    links.add_address(1, address, 32).unwrap();
    let listener = tcp_listener(&namespace, SocketAddr::new(address, 80)).unwrap();
    let _udp = udp_socket(&namespace, SocketAddr::new(address, 53)).unwrap();
    let taken = udp_socket(&namespace, SocketAddr::new(address, 53)).unwrap_err().to_string();
    assert!(taken.contains("169.254.169.254:53"), "{taken}");
    listener.set_nonblocking(false).unwrap();
    let mut client = namespace.run(|| TcpStream::connect((address, 80)).unwrap()).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
}
