//! The resolver over real sockets on loopback.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use aws_types::InstanceId;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use proptest::prelude::*;
use vpc_services::{
    DnsAnswer, DnsDirectory, DnsNetwork, DnsQuestion, DnsServer, LINK_LOCAL_PACKETS_PER_SEC, LinkLocalBudget,
    PublicNames,
};

const INSTANCE: &str = "i-0123456789abcdef0";

/// Two VPCs with the same addresses: 127.0.0.1 asks from one and 127.0.0.2 from the other, 127.0.0.3 from one whose DNS
/// support is off, 127.0.0.5 from one without DNS hostnames, 127.0.0.6 from a subnet with DNS64, and nobody is behind the rest.
struct Directory;

impl DnsDirectory for Directory {
    fn network(&self, peer: IpAddr) -> Option<DnsNetwork> {
        let IpAddr::V4(peer) = peer else { return None };
        let network = |is_supported, has_private_names, domain: &str| {
            let blocks = ["100.70.0.0/16", "3fff::/56"].map(|block| block.parse().unwrap()).to_vec();
            let has_dns64 = peer.octets()[3] == 6;
            let private_domain = domain.into();
            Some(DnsNetwork { is_supported, has_private_names, private_domain, has_dns64, blocks })
        };
        match peer.octets() {
            [127, 0, 0, 1 | 6] => network(true, true, "ec2.internal"),
            [127, 0, 0, 2] => network(true, true, "eu-west-1.compute.internal"),
            [127, 0, 0, 3] => network(false, true, "ec2.internal"),
            [127, 0, 0, 5] => network(true, false, "ec2.internal"),
            _ => None,
        }
    }

    fn has_private_address(&self, peer: IpAddr, address: Ipv4Addr) -> bool {
        match peer.to_string().as_str() {
            "127.0.0.1" | "127.0.0.6" => {
                [[10, 0, 0, 5], [100, 70, 0, 9]].map(Ipv4Addr::from).contains(&address)
            }
            _ => address.octets() == [10, 0, 0, 6],
        }
    }

    fn resource_name(&self, _peer: IpAddr, instance: InstanceId) -> Vec<IpAddr> {
        if instance.to_string() == INSTANCE {
            vec!["10.0.0.5".parse().unwrap(), "fd00::5".parse().unwrap()]
        } else {
            vec![]
        }
    }

    fn instance_with(&self, _peer: IpAddr, address: Ipv6Addr) -> Option<InstanceId> {
        (address == "3fff::5".parse::<Ipv6Addr>().unwrap()).then(|| INSTANCE.parse().unwrap())
    }

    fn other(&self, _peer: IpAddr, question: &DnsQuestion) -> DnsAnswer {
        let zone = "compute-1.amazonaws.com".to_owned();
        if question.address == Some(IpAddr::from([198, 18, 0, 7])) {
            return DnsAnswer::Pointer { name: PUBLIC.to_owned(), ttl_secs: 300 };
        }
        match question.name.as_str() {
            "big.amazonaws.com" => {
                let addresses = (0..90).map(|last| IpAddr::from([198, 51, 100, last])).collect();
                DnsAnswer::Host { addresses, ttl_secs: 300, zone }
            }
            PUBLIC => DnsAnswer::Host { addresses: vec![IpAddr::from([10, 0, 0, 5])], ttl_secs: 60, zone },
            "refused.amazonaws.com" => DnsAnswer::Refused,
            name if name.ends_with(&zone) => DnsAnswer::NoSuchName { zone },
            _ => DnsAnswer::Elsewhere,
        }
    }
}

const PUBLIC: &str = "ec2-198-18-0-7.compute-1.amazonaws.com";

/// An internet with one host, which also says that it is everything that is private.
struct Internet;

impl PublicNames for Internet {
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        let addresses = ["203.0.113.7", "2001:db8::7"].map(|address| address.parse().unwrap()).to_vec();
        ["www.example.org", "localhost", "nothing.ec2.internal", "10.in-addr.arpa"]
            .contains(&name)
            .then_some(addresses)
    }

    fn name(&self, address: IpAddr) -> Option<String> {
        let claimed = ["203.0.113.7", "2001:db8::7", "10.0.0.99", "100.70.0.99", "3fff::99"];
        claimed.contains(&address.to_string().as_str()).then(|| "www.example.org".to_owned())
    }
}

/// A running server; dropping it stops it.
struct Running {
    udp: SocketAddr,
    tcp: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

fn start() -> Running {
    let budget = Arc::new(LinkLocalBudget::new());
    serve(DnsServer::new(Arc::new(Directory), budget).with_public_names(Arc::new(Internet)))
}

fn serve(server: DnsServer) -> Running {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let (udp_at, tcp_at) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(server.serve(vec![udp], vec![tcp]));
    Running { udp: udp_at, tcp: tcp_at, _runtime: runtime }
}

impl Running {
    fn client(&self, from: &str) -> UdpSocket {
        let socket = UdpSocket::bind((from, 0)).unwrap();
        socket.connect(self.udp).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }

    fn exchange(&self, from: &str, packet: &[u8]) -> Message {
        let socket = self.client(from);
        socket.send(packet).unwrap();
        let mut buffer = [0; 65_535];
        let length = socket.recv(&mut buffer).unwrap();
        Message::from_vec(&buffer[..length]).unwrap()
    }

    fn ask(&self, from: &str, name: &str, kind: RecordType) -> Message {
        self.exchange(from, &query(name, kind).to_vec().unwrap())
    }

    fn exchange_tcp(&self, stream: &mut TcpStream, packet: &[u8]) -> Message {
        stream.write_all(&u16::try_from(packet.len()).unwrap().to_be_bytes()).unwrap();
        stream.write_all(packet).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
        Message::from_vec(&answer).unwrap()
    }
}

fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn answers(message: &Message) -> Vec<String> {
    message
        .answers
        .iter()
        .map(|record| format!("{} {} {}", record.ttl, record.record_type(), record.data))
        .collect()
}

fn authority(message: &Message) -> Vec<String> {
    message.authorities.iter().map(|record| format!("{} {}", record.name, record.record_type())).collect()
}

#[test]
fn answers_by_name_and_kind() {
    let server = start();
    let check = |from: &str, name: &str, kind, code, expected: &[&str], zone: Option<&str>| {
        let answer = server.ask(from, name, kind);
        assert_eq!(answer.metadata.response_code, code, "{name} {kind}");
        assert_eq!(answers(&answer), expected, "{name} {kind}");
        let zone: Vec<String> = zone.iter().map(|zone| format!("{zone}. SOA")).collect();
        assert_eq!(authority(&answer), zone, "{name} {kind}");
        assert_eq!((answer.metadata.id, answer.metadata.recursion_available), (0x1234, true));
        assert_eq!(answer.queries.len(), 1);
    };
    use RecordType::{A, AAAA, ANY, AXFR, MX, PTR, SOA};
    use ResponseCode::{NXDomain, NoError, Refused};
    let (us, eu) = ("127.0.0.1", "127.0.0.2");
    let internal = Some("ec2.internal");
    check(us, "ip-10-0-0-5.ec2.internal.", A, NoError, &["60 A 10.0.0.5"], None);
    check(us, "IP-10-0-0-5.EC2.Internal.", A, NoError, &["60 A 10.0.0.5"], None);
    check(us, "ip-10-0-0-5.ec2.internal.", ANY, NoError, &["60 A 10.0.0.5"], None);
    check(us, "ip-10-0-0-5.ec2.internal.", AAAA, NoError, &[], internal);
    check(us, "ip-10-0-0-5.ec2.internal.", MX, NoError, &[], internal);
    check(us, "ip-10-0-0-6.ec2.internal.", A, NXDomain, &[], internal);
    check(us, "ip-10-0-0.ec2.internal.", A, NXDomain, &[], internal);
    check(us, "ec2.internal.", A, NoError, &[], internal);
    check(
        us,
        "ec2.internal.",
        SOA,
        NoError,
        &["60 SOA ns0.ec2.internal. hostmaster.amazon.com. 2012103100 3600 3600 3600 60"],
        None,
    );
    check(us, &format!("{INSTANCE}.ec2.internal."), A, NoError, &["60 A 10.0.0.5"], None);
    check(us, &format!("{INSTANCE}.ec2.internal."), AAAA, NoError, &["60 AAAA fd00::5"], None);
    check(us, "i-00000000000000000.ec2.internal.", A, NXDomain, &[], internal);
    // The same names and addresses in the other VPC are other ones.
    check(eu, "ip-10-0-0-5.ec2.internal.", A, NXDomain, &[], None);
    check(eu, "ip-10-0-0-6.eu-west-1.compute.internal.", A, NoError, &["60 A 10.0.0.6"], None);
    check(
        eu,
        "ip-10-0-0-5.eu-west-1.compute.internal.",
        A,
        NXDomain,
        &[],
        Some("eu-west-1.compute.internal"),
    );
    check(us, "5.0.0.10.in-addr.arpa.", PTR, NoError, &["60 PTR ip-10-0-0-5.ec2.internal."], None);
    check(us, "9.0.70.100.in-addr.arpa.", PTR, NoError, &["60 PTR ip-100-70-0-9.ec2.internal."], None);
    check(us, "5.0.0.10.in-addr.arpa.", A, NoError, &[], Some("10.in-addr.arpa"));
    check(us, "6.0.0.10.in-addr.arpa.", PTR, NXDomain, &[], Some("10.in-addr.arpa"));
    check(
        eu,
        "6.0.0.10.in-addr.arpa.",
        PTR,
        NoError,
        &["60 PTR ip-10-0-0-6.eu-west-1.compute.internal."],
        None,
    );
    check(us, ".", A, NXDomain, &[], None);
    check(us, "refused.amazonaws.com.", A, Refused, &[], None);
    check(us, "ip-10-0-0-5.ec2.internal.", AXFR, Refused, &[], None);
}

/// What stands for the asker, for the metadata service, and for addresses of the VPC, whatever the internet says.
#[test]
fn the_resolver_answers_for_its_own_zones() {
    let server = start();
    let check = |from: &str, name: &str, kind, code, expected: &[&str], zone: Option<&str>| {
        let answer = server.ask(from, name, kind);
        assert_eq!(answer.metadata.response_code, code, "{name} {kind}");
        assert_eq!(answers(&answer), expected, "{name} {kind}");
        let zone: Vec<String> = zone.iter().map(|zone| format!("{zone}. SOA")).collect();
        assert_eq!(authority(&answer), zone, "{name} {kind}");
    };
    use RecordType::{A, AAAA, ANY, MX, PTR, SOA};
    use ResponseCode::{NXDomain, NoError};
    let (us, eu, unnamed) = ("127.0.0.1", "127.0.0.2", "127.0.0.5");
    check(us, "localhost.", A, NoError, &["60 A 127.0.0.1"], None);
    check(us, "localhost.", AAAA, NoError, &["60 AAAA ::1"], None);
    check(us, "localhost.", MX, NoError, &[], Some("localhost"));
    check(us, "nothing.localdomain.", A, NXDomain, &[], Some("localdomain"));
    check(us, "1.0.0.127.in-addr.arpa.", PTR, NoError, &["60 PTR localhost."], None);
    check(us, "2.0.0.127.in-addr.arpa.", PTR, NXDomain, &[], Some("127.in-addr.arpa"));

    check(us, "instance-data.ec2.internal.", A, NoError, &["60 A 169.254.169.254"], None);
    check(eu, "instance-data.eu-west-1.compute.internal.", A, NoError, &["60 A 169.254.169.254"], None);
    check(us, "254.169.254.169.in-addr.arpa.", PTR, NoError, &["60 PTR instance-data.ec2.internal."], None);

    let zeros = "0.".repeat(27);
    let own = format!("5.{zeros}f.f.f.3.ip6.arpa.");
    check(us, &own, PTR, NoError, &[&format!("60 PTR {INSTANCE}.ec2.internal.")], None);
    let v6_zone = format!("{}f.f.f.3.ip6.arpa", "0.".repeat(10));
    check(us, &own.replacen('5', "9.9", 1).replacen("0.", "", 1), PTR, NXDomain, &[], Some(&v6_zone));
    check(us, "99.0.0.10.in-addr.arpa.", PTR, NXDomain, &[], Some("10.in-addr.arpa"));
    check(us, "99.0.70.100.in-addr.arpa.", PTR, NXDomain, &[], Some("70.100.in-addr.arpa"));
    check(us, "10.in-addr.arpa.", A, NoError, &[], Some("10.in-addr.arpa"));
    let soa = "60 SOA ns0.10.in-addr.arpa. hostmaster.amazon.com. 2012103100 3600 3600 3600 60";
    check(us, "10.in-addr.arpa.", SOA, NoError, &[soa], None);
    check(us, "nothing.ec2.internal.", ANY, NXDomain, &[], Some("ec2.internal"));

    // Without DNS hostnames there are no private names, and addresses have none.
    check(unnamed, "ip-10-0-0-6.ec2.internal.", A, NXDomain, &[], Some("ec2.internal"));
    check(unnamed, "instance-data.ec2.internal.", A, NXDomain, &[], Some("ec2.internal"));
    check(unnamed, "6.0.0.10.in-addr.arpa.", PTR, NXDomain, &[], Some("10.in-addr.arpa"));
    check(unnamed, "localhost.", A, NoError, &["60 A 127.0.0.1"], None);
    check(unnamed, "www.example.org.", A, NoError, &["60 A 203.0.113.7"], None);
}

#[test]
fn with_dns64_every_host_has_an_ipv6_address() {
    let server = start();
    let check = |name: &str, kind, expected: &[&str]| {
        assert_eq!(answers(&server.ask("127.0.0.6", name, kind)), expected, "{name} {kind}");
    };
    use RecordType::{A, AAAA, MX};
    let public = format!("{PUBLIC}.");
    check(&public, AAAA, &["60 AAAA 64:ff9b::a00:5"]);
    check(&public, A, &["60 A 10.0.0.5"]);
    check(&public, MX, &[]);
    check("ip-10-0-0-5.ec2.internal.", AAAA, &["60 AAAA 64:ff9b::a00:5"]);
    // What has IPv6 addresses keeps them, and the asker itself is not behind a gateway.
    check("www.example.org.", AAAA, &["60 AAAA 2001:db8::7"]);
    check("localhost.", AAAA, &["60 AAAA ::1"]);
    check("nothing.example.org.", AAAA, &[]);
}

#[test]
fn names_of_aws_and_of_the_internet() {
    let server = start();
    let check = |name: &str, kind, code, expected: &[&str], zone: Option<&str>| {
        let answer = server.ask("127.0.0.1", name, kind);
        assert_eq!(answer.metadata.response_code, code, "{name} {kind}");
        assert_eq!(answers(&answer), expected, "{name} {kind}");
        let zone: Vec<String> = zone.iter().map(|zone| format!("{zone}. SOA")).collect();
        assert_eq!(authority(&answer), zone, "{name} {kind}");
    };
    use RecordType::{A, AAAA, MX, PTR};
    use ResponseCode::{NXDomain, NoError};
    let zone = Some("compute-1.amazonaws.com");
    check(&format!("{PUBLIC}."), A, NoError, &["60 A 10.0.0.5"], None);
    check(&format!("{PUBLIC}."), AAAA, NoError, &[], zone);
    check("ec2-198-18-0-8.compute-1.amazonaws.com.", A, NXDomain, &[], zone);
    check("7.0.18.198.in-addr.arpa.", PTR, NoError, &[&format!("300 PTR {PUBLIC}.")], None);

    check("www.example.org.", A, NoError, &["60 A 203.0.113.7"], None);
    check("WWW.example.org.", AAAA, NoError, &["60 AAAA 2001:db8::7"], None);
    check("www.example.org.", MX, NoError, &[], None);
    check("example.org.", A, NXDomain, &[], None);
    check("7.113.0.203.in-addr.arpa.", PTR, NoError, &["60 PTR www.example.org."], None);
    check("8.113.0.203.in-addr.arpa.", PTR, NXDomain, &[], None);
    let answer = server.ask("127.0.0.1", "wWw.Example.ORG.", A);
    assert_eq!(answer.queries[0].name().to_ascii(), "wWw.Example.ORG.", "the question as it was asked");
    assert_eq!(answer.answers[0].name.to_ascii(), "wWw.Example.ORG.");

    // Without an internet none of its names are known.
    let server = serve(DnsServer::new(Arc::new(Directory), Arc::new(LinkLocalBudget::new())));
    let code = |name: &str| server.ask("127.0.0.1", name, A).metadata.response_code;
    assert_eq!(code("www.example.org."), NXDomain);
    assert_eq!(code(&format!("{PUBLIC}.")), NoError);
}

#[test]
fn without_dns_support_or_without_an_interface_nothing_is_answered() {
    let server = start();
    for from in ["127.0.0.3", "127.0.0.4"] {
        let socket = server.client(from);
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        socket.send(&query("ip-10-0-0-5.ec2.internal.", RecordType::A).to_vec().unwrap()).unwrap();
        assert!(socket.recv(&mut [0; 512]).is_err(), "{from} got an answer");
    }
}

#[test]
fn large_answers_are_truncated_over_udp_and_whole_over_tcp() {
    let server = start();
    let plain = server.ask("127.0.0.1", "big.amazonaws.com.", RecordType::A);
    assert!(plain.metadata.truncation && plain.answers.is_empty());
    let mut request = query("big.amazonaws.com.", RecordType::A);
    for (payload, truncated) in [(1232, true), (4096, false), (65_535, false)] {
        let mut edns = Edns::new();
        edns.set_max_payload(payload).set_version(0).set_dnssec_ok(true);
        request.set_edns(edns);
        let answer = server.exchange("127.0.0.1", &request.to_vec().unwrap());
        assert_eq!(answer.metadata.truncation, truncated, "{payload}");
        let edns = answer.edns.expect("EDNS is answered with EDNS");
        assert_eq!((edns.version(), edns.max_payload(), edns.flags().dnssec_ok), (0, 4096, true));
    }
    let mut stream = TcpStream::connect(server.tcp).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    for _ in 0..3 {
        let answer =
            server.exchange_tcp(&mut stream, &query("big.amazonaws.com.", RecordType::A).to_vec().unwrap());
        assert_eq!((answer.answers.len(), answer.metadata.truncation), (90, false));
    }
}

#[test]
fn what_is_wrong_is_said() {
    let server = start();
    let check = |what: &str, packet: &[u8], code: ResponseCode| {
        let answer = server.exchange("127.0.0.1", packet);
        // By number: the library reads the 16 of BADVERS as the BADSIG that shares it.
        assert_eq!(u16::from(answer.metadata.response_code), u16::from(code), "{what}");
        assert_eq!(answer.metadata.id, 0x1234, "{what}");
        assert!(answer.answers.is_empty(), "{what}");
    };
    let good = query("ip-10-0-0-5.ec2.internal.", RecordType::A);
    let bytes = good.to_vec().unwrap();
    check("a truncated question", &bytes[..20], ResponseCode::FormErr);
    let mut pointer_loop = bytes[..12].to_vec();
    pointer_loop.extend([0xc0, 12, 0, 1, 0, 1]);
    check("a name that points at itself", &pointer_loop, ResponseCode::FormErr);
    let mut no_question = good.clone();
    no_question.queries.clear();
    check("no question", &no_question.to_vec().unwrap(), ResponseCode::FormErr);
    let mut two = good.clone();
    two.add_query(good.queries[0].clone());
    check("two questions", &two.to_vec().unwrap(), ResponseCode::FormErr);
    let mut notify = good.clone();
    notify.metadata.op_code = OpCode::Notify;
    check("another operation", &notify.to_vec().unwrap(), ResponseCode::NotImp);
    let mut chaos = good.clone();
    chaos.queries[0].set_query_class(DNSClass::CH);
    check("another class", &chaos.to_vec().unwrap(), ResponseCode::Refused);
    let mut newer = good;
    let mut edns = Edns::new();
    edns.set_version(1);
    newer.set_edns(edns);
    check("a newer EDNS", &newer.to_vec().unwrap(), ResponseCode::BADVERS);
}

/// A client that does not wait for one answer before it sends the next query gets all of them, in order, also when the
/// bytes come one by one.
#[test]
fn several_queries_on_a_connection() {
    let server = start();
    let mut stream = TcpStream::connect(server.tcp).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut bytes = Vec::new();
    for id in 1..=3 {
        let mut query = query("ip-10-0-0-5.ec2.internal.", RecordType::A);
        query.metadata.id = id;
        let query = query.to_vec().unwrap();
        bytes.extend(u16::try_from(query.len()).unwrap().to_be_bytes());
        bytes.extend(query);
    }
    for byte in bytes {
        stream.write_all(&[byte]).unwrap();
    }
    for id in 1..=3 {
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
        let answer = Message::from_vec(&answer).unwrap();
        assert_eq!((answer.metadata.id, answers(&answer)), (id, vec!["60 A 10.0.0.5".to_owned()]));
    }
}

#[test]
fn fact_62_what_is_above_the_limit_is_dropped() {
    // All of it is within one second, however slow the machine is.
    static STANDS_STILL: LazyLock<Instant> = LazyLock::new(Instant::now);
    const ABOVE: u64 = 5;
    let budget = Arc::new(LinkLocalBudget::with_clock(|_| None, || *STANDS_STILL));
    let server = serve(DnsServer::new(Arc::new(Directory), Arc::clone(&budget)));
    let socket = server.client("127.0.0.2");
    let packet = query("ip-10-0-0-6.eu-west-1.compute.internal.", RecordType::A).to_vec().unwrap();
    for number in 0..LINK_LOCAL_PACKETS_PER_SEC {
        socket.send(&packet).unwrap();
        assert!(socket.recv(&mut [0; 512]).is_ok(), "question {number} is answered");
    }
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    for _ in 0..ABOVE {
        socket.send(&packet).unwrap();
        assert!(socket.recv(&mut [0; 512]).is_err());
    }
    let (asking, silent) = ("127.0.0.2".parse().unwrap(), "127.0.0.1".parse().unwrap());
    let dropped = || [budget.dropped(asking), budget.dropped(silent), budget.dropped_in_all()];
    let until = Instant::now() + Duration::from_secs(10);
    while dropped() != [ABOVE, 0, ABOVE] {
        assert!(Instant::now() < until, "{:?}", dropped());
        std::thread::sleep(Duration::from_millis(10));
    }
    let other = server.ask("127.0.0.1", "ip-10-0-0-5.ec2.internal.", RecordType::A);
    assert_eq!(other.answers.len(), 1, "another interface is not held up");
}

#[test]
fn random_bytes_never_stop_it() {
    let server = start();
    let socket = server.client("127.0.0.1");
    let real = query("ip-10-0-0-5.ec2.internal.", RecordType::A).to_vec().unwrap();
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 300, ..ProptestConfig::default() });
    let damaged = (Just(real), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6))
        .prop_map(|(mut packet, changes)| {
            for (index, byte) in changes {
                let index = index.index(packet.len());
                packet[index] = byte;
            }
            packet
        });
    let packets = prop_oneof![prop::collection::vec(any::<u8>(), 0..300), damaged];
    runner
        .run(&packets, |packet| {
            socket.send(&packet).unwrap();
            Ok(())
        })
        .unwrap();
    // A fresh second has a fresh budget.
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(server.ask("127.0.0.1", "ip-10-0-0-5.ec2.internal.", RecordType::A).answers.len(), 1);
}
