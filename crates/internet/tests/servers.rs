//! What hosts serve, over sockets of this machine: echo, HTTP, HTTPS, their limits, and what the internet's DNS answers.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use internet::{
    CertifyHost, Content, Host, HostServer, HostSockets, InternetDirectory, MAX_CONNECTIONS_PER_PEER,
    PublicNames, RegionNames,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::CertifiedKey;
use vpc_services::{DnsServer, LinkLocalBudget};

const PATIENCE: Duration = Duration::from_secs(10);

/// A certificate that each host signs for itself, and how many were made.
struct SelfSigned {
    certificate: CertificateDer<'static>,
    key: Arc<CertifiedKey>,
    made: AtomicUsize,
}

impl SelfSigned {
    fn new(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let key = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&key).unwrap();
        let key = Arc::new(CertifiedKey::new(vec![certificate.clone()], key));
        Self { certificate, key, made: AtomicUsize::new(0) }
    }
}

impl CertifyHost for SelfSigned {
    fn certify(&self, host: &Host) -> Option<Arc<CertifiedKey>> {
        assert_eq!(host.name.as_str(), "example.org");
        self.made.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&self.key))
    }
}

/// A host that serves at a loopback address, at ports that the system chose.
struct Running {
    runtime: tokio::runtime::Runtime,
    certificates: Arc<SelfSigned>,
    echo: SocketAddr,
    packets: SocketAddr,
    http: SocketAddr,
    https: SocketAddr,
}

impl Running {
    fn start(address: IpAddr, content: Content) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let certificates = Arc::new(SelfSigned::new(&["example.org"]));
        let listen = || TcpListener::bind((address, 0)).unwrap();
        let sockets = HostSockets {
            echo: listen(),
            echo_packets: UdpSocket::bind((address, 0)).unwrap(),
            http: listen(),
            https: listen(),
        };
        let [echo, http, https] =
            [&sockets.echo, &sockets.http, &sockets.https].map(|socket| socket.local_addr().unwrap());
        let packets = sockets.echo_packets.local_addr().unwrap();
        let host = Host {
            name: "example.org".parse().unwrap(),
            addresses: vec![address],
            content,
            latency_ms: None,
        };
        let server = HostServer::new(host, Arc::clone(&certificates) as _);
        runtime.spawn(async move { server.serve(vec![sockets]).await });
        Self { runtime, certificates, echo, packets, http, https }
    }

    fn on_loopback(content: Content) -> Self {
        Self::start([127, 0, 0, 1].into(), content)
    }

    /// The status, the head in lower case, and the body of an answer.
    fn get(&self, path: &str) -> (u16, String, Vec<u8>) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\r\n");
        self.ask(&request)
    }

    fn ask(&self, request: &str) -> (u16, String, Vec<u8>) {
        let mut stream = connect(self.http);
        stream.write_all(request.as_bytes()).unwrap();
        read_answer(&mut stream)
    }
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&to, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn read_answer(stream: &mut impl Read) -> (u16, String, Vec<u8>) {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), answer[end + 4..].to_vec())
}

#[test]
fn every_host_says_who_asks_and_what_was_declared() {
    for (content, body) in
        [(Content::Name, "example.org\n"), (Content::Text("hello, \u{e4}".to_owned()), "hello, \u{e4}")]
    {
        let host = Running::on_loopback(content);
        assert_eq!(host.get("/any/path?q=1"), (200, host.get("/any/path").1, body.as_bytes().to_vec()));
        let mut stream = connect(host.http);
        let from = stream.local_addr().unwrap();
        stream.write_all(b"GET /whoami?x HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").unwrap();
        let (status, head, told) = read_answer(&mut stream);
        assert!(status == 200 && head.contains("content-type: application/json"), "{head}");
        let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        let expected =
            serde_json::json!({ "address": "127.0.0.1", "port": from.port(), "host": "example.org" });
        assert_eq!(told, expected);
        // Nothing else can be done.
        let (status, head, _) =
            host.ask("POST /whoami HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        assert!(status == 405 && head.contains("allow: get, head"), "{head}");
        let (status, head, nothing) = host.ask("HEAD / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        assert!(status == 200 && nothing.is_empty(), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    }
    let host = Running::start("::1".parse().unwrap(), Content::Name);
    assert!(String::from_utf8(host.get("/whoami").2).unwrap().contains("\"::1\""));
}

#[test]
fn https_has_the_hosts_certificate_which_is_made_once() {
    let host = Running::on_loopback(Content::Text("secret".to_owned()));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(host.certificates.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    for _ in 0..2 {
        let name = ServerName::try_from("example.org").unwrap();
        let session = rustls::ClientConnection::new(Arc::clone(&config), name).unwrap();
        let mut stream = rustls::StreamOwned::new(session, connect(host.https));
        stream.write_all(b"GET / HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"secret"), "{answer:?}");
    }
    assert_eq!(host.certificates.made.load(Ordering::Relaxed), 1);
    // Bytes that are no handshake end the connection, and nothing else.
    let mut stream = connect(host.https);
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    assert_eq!(host.get("/").0, 200);
}

fn site(directory: &Path) {
    let write = |path: &str, text: &str| {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("secret.txt", "secret");
    write("site/index.html", "<p>home");
    write("site/a b/index.html", "<p>below");
    write("site/data.json", "{}");
    write("site/whoami", "a file");
    write("site/empty/.keep", "");
    std::fs::write(directory.join("site/large.bin"), vec![7; 3 << 20]).unwrap();
    std::os::unix::fs::symlink("../secret.txt", directory.join("site/out")).unwrap();
    std::os::unix::fs::symlink(directory.join("secret.txt"), directory.join("site/absolute")).unwrap();
    std::os::unix::fs::symlink("data.json", directory.join("site/inside")).unwrap();
    std::os::unix::fs::symlink("loop", directory.join("site/loop")).unwrap();
    let pipe = std::ffi::CString::new(directory.join("site/pipe").to_str().unwrap()).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &*pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
}

#[test]
fn a_directory_serves_its_files_and_nothing_outside_of_it() {
    let directory = tempfile::tempdir().unwrap();
    site(directory.path());
    let host = Running::on_loopback(Content::Directory(directory.path().join("site")));
    for (path, kind, body) in [
        ("/", "text/html; charset=utf-8", "<p>home"),
        ("/index.html", "text/html; charset=utf-8", "<p>home"),
        ("/a%20b/", "text/html; charset=utf-8", "<p>below"),
        ("/data.json?x=1", "application/json", "{}"),
        ("/a%20b/../data.json", "application/json", "{}"),
        ("/inside", "application/octet-stream", "{}"),
        ("/empty/.keep", "application/octet-stream", ""),
    ] {
        let (status, head, told) = host.get(path);
        assert_eq!((status, String::from_utf8(told).unwrap().as_str()), (200, body), "{path}");
        assert!(head.contains(&format!("content-type: {kind}\r\n")), "{path}: {head}");
    }
    let (status, head, _) = host.get("/a%20b");
    assert!(status == 301 && head.contains("location: /a%20b/\r\n"), "{head}");
    let (_, head, large) = host.get("/large.bin");
    assert!(head.contains("content-length: 3145728") && large == vec![7; 3 << 20], "{head}");
    assert!(
        String::from_utf8(host.get("/whoami").2).unwrap().contains("\"address\""),
        "it is always who asks"
    );
    for outside in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/a%20b/../../secret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/out",
        "/absolute",
        "/loop",
        "/pipe",
        "/empty/",
        "/data.json/",
        "/nothing",
        "/%00",
        "/%ff",
        &format!("/{}", "x".repeat(300)),
    ] {
        let (status, _, body) = host.get(outside);
        assert_eq!((status, body), (404, b"not found\n".to_vec()), "{outside}");
    }
}

#[test]
fn echo_sends_back_what_comes() {
    let host = Running::on_loopback(Content::Name);
    let mut stream = connect(host.echo);
    for size in [1, 100_000, 7] {
        let sent: Vec<u8> = (0..size).map(|number| (number % 251) as u8).collect();
        let mut writer = stream.try_clone().unwrap();
        let copy = sent.clone();
        let writing = std::thread::spawn(move || writer.write_all(&copy).unwrap());
        let mut back = vec![0; size];
        stream.read_exact(&mut back).unwrap();
        writing.join().unwrap();
        assert_eq!(back, sent);
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    for packet in [&b"hello"[..], b"", &[7; 9000]] {
        socket.send_to(packet, host.packets).unwrap();
        let mut back = [0; 10_000];
        let (length, from) = socket.recv_from(&mut back).unwrap();
        assert_eq!((&back[..length], from), (packet, host.packets));
    }
}

#[test]
fn one_peer_has_so_many_connections_and_hostile_bytes_end_only_their_own() {
    let host = Running::on_loopback(Content::Name);
    let mut held: Vec<TcpStream> = (0..MAX_CONNECTIONS_PER_PEER).map(|_| connect(host.http)).collect();
    // The last of them was accepted once it is answered.
    let last = held.last_mut().unwrap();
    last.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").unwrap();
    assert_ne!(last.read(&mut [0; 64]).unwrap(), 0);
    let mut one_more = connect(host.http);
    let _ = one_more.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n");
    assert!(matches!(one_more.read(&mut [0; 64]), Ok(0) | Err(_)), "one more was answered");
    // Another server of the host has its own places.
    let mut echo = connect(host.echo);
    echo.write_all(b"x").unwrap();
    assert_eq!(echo.read(&mut [0; 1]).unwrap(), 1);
    held.clear();
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let mut stream = connect(host.http);
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n");
        if stream.read(&mut [0; 64]).is_ok_and(|length| length > 0) {
            break;
        }
        assert!(std::time::Instant::now() < until, "places are not given back");
    }
    for bytes in [&b"\0\0\0\0\r\n\r\n"[..], b"GET /", &[b'x'; 20_000], b"GET /%zz HTTP/1.1\r\n\r\n"] {
        let mut stream = connect(host.http);
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(host.get("/").0, 200);
}

#[test]
fn the_internets_dns_knows_hosts_and_public_names_over_both_transports() {
    let block = "198.18.0.0/21".parse().unwrap();
    let names =
        Arc::new(PublicNames::new(vec![RegionNames { block, domain: "compute-1.amazonaws.com".to_owned() }]));
    let host = Host {
        name: "example.org".parse().unwrap(),
        addresses: vec!["198.51.100.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
        content: Content::Name,
        latency_ms: None,
    };
    names.set_hosts([&host]);
    let runtime = Running::on_loopback(Content::Name);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let (udp_at, tcp_at) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
    let server = DnsServer::new(Arc::new(InternetDirectory), Arc::new(LinkLocalBudget::new()));
    let server = server.with_public_names(Arc::clone(&names) as _);
    runtime.runtime.spawn(async move { server.serve(vec![udp], vec![tcp]).await });
    let query = |name: &str, kind: RecordType| {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message.to_vec().unwrap()
    };
    let ask = |name: &str, kind: RecordType| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&query(name, kind), udp_at).unwrap();
        let mut answer = [0; 4096];
        let length = socket.recv(&mut answer).unwrap();
        let mut stream = connect(tcp_at);
        let question = query(name, kind);
        stream.write_all(&(question.len() as u16).to_be_bytes()).unwrap();
        stream.write_all(&question).unwrap();
        let mut over_tcp = [0; 2];
        stream.read_exact(&mut over_tcp).unwrap();
        let mut over_tcp = vec![0; usize::from(u16::from_be_bytes(over_tcp))];
        stream.read_exact(&mut over_tcp).unwrap();
        assert_eq!(over_tcp, &answer[..length], "{name}");
        let answer = Message::from_vec(&over_tcp).unwrap();
        let records: Vec<String> = answer.answers.iter().map(|record| record.data.to_string()).collect();
        (answer.metadata.response_code, records)
    };
    let check = |name: &str, kind: RecordType, expected: &[&str]| {
        let expected = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(ask(name, kind), (ResponseCode::NoError, expected), "{name}");
    };
    check("Example.ORG.", RecordType::A, &["198.51.100.7"]);
    check("example.org.", RecordType::AAAA, &["2001:db8::7"]);
    check("example.org.", RecordType::MX, &[]);
    check("7.100.51.198.in-addr.arpa.", RecordType::PTR, &["example.org."]);
    check("ec2-198-18-0-1.compute-1.amazonaws.com.", RecordType::A, &["198.18.0.1"]);
    check("1.0.18.198.in-addr.arpa.", RecordType::PTR, &["ec2-198-18-0-1.compute-1.amazonaws.com."]);
    for nobody in ["www.example.org.", "ip-10-0-0-1.ec2.internal.", "5.0.0.10.in-addr.arpa.", "x.invalid."] {
        assert_eq!(ask(nobody, RecordType::A), (ResponseCode::NXDomain, Vec::new()), "{nobody}");
    }
    names.set_hosts([]);
    assert_eq!(ask("example.org.", RecordType::A).0, ResponseCode::NXDomain);
}
