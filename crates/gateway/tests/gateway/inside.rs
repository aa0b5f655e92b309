//! The addresses of a service inside of the cloud's network, which clients of `127.0.0.2` and further stand for.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::{Asker, Gone, Network, ServiceEndpoint};
use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use service_api::EndpointPassed;

use crate::client::{Call, Connection};
use crate::cloud::Cloud;
use crate::tls;

/// What the endpoints' policies are, by the last number of the address that is behind each. Others came over the internet.
#[derive(Default)]
pub(crate) struct Policies(Mutex<HashMap<u8, Result<&'static str, Gone>>>);

impl Policies {
    fn set(&self, of: u8, policy: Result<&'static str, Gone>) {
        self.0.lock().unwrap().insert(of, policy);
    }
}

struct Loopback(Arc<Policies>);

impl Network for Loopback {
    fn asker(&self, _: SocketAddr, peer: SocketAddr) -> Option<Box<dyn Asker>> {
        let IpAddr::V4(address) = peer.ip() else { return None };
        let number = address.octets()[3];
        (number > 1).then(|| Box::new(Guest { number, policies: Arc::clone(&self.0) }) as _)
    }

    fn is_named(&self, name: &str) -> bool {
        name.ends_with("s3.eu-west-1.amazonaws.com")
    }
}

struct Guest {
    number: u8,
    policies: Arc<Policies>,
}

impl Asker for Guest {
    fn source_ip(&self) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, self.number).into()
    }

    fn share(&self) -> IpAddr {
        Ipv4Addr::new(100, 64, 0, self.number).into()
    }

    fn endpoint(&self) -> Result<Option<EndpointPassed>, Gone> {
        let policy = self.policies.0.lock().unwrap().get(&self.number).copied().transpose()?;
        Ok(policy.map(|policy| EndpointPassed {
            endpoint_id: format!("vpce-{}", self.number),
            account: "123456789012".parse().unwrap(),
            vpc_id: "vpc-1".to_owned(),
            source_ip: self.source_ip(),
            policy: Some(policy.to_owned()),
        }))
    }
}

/// An endpoint of S3 at an address of its own.
pub(crate) fn endpoint(policies: &Arc<Policies>) -> (SocketAddr, ServiceEndpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let network = Arc::new(Loopback(Arc::clone(policies)));
    (address, ServiceEndpoint { service: "s3", name: "s3.amazonaws.com", listeners: vec![listener], network })
}

/// A connection of the guest with that number.
fn connect(cloud: &Cloud, number: u8) -> TcpStream {
    let from = SocketAddr::from(([127, 0, 0, number], 0));
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&cloud.inside.into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.into()
}

fn get(path: &'static str) -> Call {
    Call::s3("GET", path, "", b"").signed()
}

#[test]
fn each_request_brings_the_endpoint_as_it_is() {
    let cloud = Cloud::start();
    let mut connection = Connection::over(connect(&cloud, 2));
    let mut ask = |path: &'static str| {
        connection.write(&get(path).bytes());
        let answer = connection.answer();
        let call = cloud.calls.take().pop().map(|call| call.context);
        (answer.map(|answer| answer.status), call)
    };
    let (status, context) = ask("/b/k");
    let context = context.expect("the call was recorded");
    assert_eq!((status, context.source_ip.to_string().as_str()), (Some(404), "10.0.0.2"));
    assert_eq!(context.way.endpoint, None, "it came over the internet");
    for policy in ["one", "another"] {
        cloud.policies.set(2, Ok(policy));
        let endpoint = ask("/b/k").1.and_then(|context| context.way.endpoint).expect("there is one");
        assert_eq!((endpoint.endpoint_id.as_str(), endpoint.policy.as_deref()), ("vpce-2", Some(policy)));
        assert_eq!(endpoint.source_ip.to_string(), "10.0.0.2");
    }
    cloud.policies.set(2, Err(Gone));
    assert!(matches!(ask("/b/k"), (None, None)), "nothing is answered by a way that is gone");
    // Of the others nothing has changed.
    let mut other = Connection::over(connect(&cloud, 3));
    other.write(&get("/b/k").bytes());
    other.answer().unwrap().expect(404, &["<Code>NoSuchKey</Code>"]);
    // Who is nobody is not answered.
    let mut nobody = Connection::over(connect(&cloud, 1));
    nobody.write(&get("/b/k").bytes());
    assert!(nobody.answer().is_none());
}

#[test]
fn nothing_but_the_service_is_there() {
    let cloud = Cloud::start();
    let ask = |call: &Call| {
        let mut connection = Connection::over(connect(&cloud, 2));
        connection.write(&call.bytes());
        connection.answer_to(call.method).expect("an answer")
    };
    let health = Call::s3("GET", "/_brume/health", "", b"");
    health.send(&cloud).expect(200, &["running"]);
    let answer = ask(&health);
    assert!(!answer.body.contains("running"), "{answer:?}");
    assert_eq!(cloud.calls.take().pop().unwrap().model.metadata.name, "s3");
    for call in
        [Call::ec2("DescribeVpcs").signed(), Call::ssm("GetParameter", r#"{"Name":"/name"}"#).signed()]
    {
        let expected = format!("incorrect service &quot;{}&quot;", call.service);
        let answer = ask(&call);
        answer.expect(400, &["<Code>AuthorizationHeaderMalformed</Code>"]);
        assert!(
            answer.body.contains(&expected) || answer.body.contains(&expected.replace("&quot;", "\"")),
            "{answer:?}"
        );
    }
    let presigned = Call { method: "GET", ..Call::ec2("DescribeVpcs").presigned(60) };
    ask(&presigned).expect(400, &["<Code>AuthorizationQueryParametersError</Code>"]);
    // Without a signature neither header nor version leads to another service.
    let unsigned = Call::ssm("GetParameter", r#"{"Name":"/name"}"#);
    ask(&unsigned);
    assert!(cloud.calls.take().iter().all(|call| call.model.metadata.name == "s3"));
}

#[test]
fn certificates_are_for_the_services_names_alone() {
    let cloud = Cloud::start();
    let shake = |name: &'static str| {
        let server = ServerName::try_from(name).unwrap();
        let mut client = ClientConnection::new(Arc::new(tls::client_config(&cloud)), server).unwrap();
        let mut socket = connect(&cloud, 2);
        while client.is_handshaking() {
            client.complete_io(&mut socket)?;
        }
        Ok::<_, std::io::Error>(StreamOwned::new(client, socket))
    };
    for name in ["s3.eu-west-1.amazonaws.com", "bucket.s3.eu-west-1.amazonaws.com", "s3.amazonaws.com"] {
        let stream = shake(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut connection = Connection::over(stream);
        connection.write(&get("/b/k").bytes());
        connection.answer().unwrap().expect(404, &[]);
        assert!(cloud.calls.take()[0].context.secure_transport);
    }
    for name in ["ec2.eu-west-1.amazonaws.com", "localhost", "127.0.0.1", "example.org"] {
        let Err(error) = shake(name) else { panic!("the certificate is for {name}, too") };
        assert!(error.to_string().contains("not valid for name"), "{name}: {error}");
    }
}

#[test]
fn no_client_inside_takes_what_others_need() {
    let cloud = Cloud::with(|limits| {
        limits.max_inside_connections = 5;
        limits.max_inside_connections_of_one = 2;
        limits.max_inside_payloads = 3;
        limits.max_inside_payloads_of_one = 1;
        limits.max_connections = 2;
        limits.max_payloads = 1;
    });
    let is_answered = |connection: &mut Connection| {
        connection.write(&get("/b/k").bytes());
        connection.answer().is_some()
    };
    let mut held: Vec<_> = [2, 2].map(|guest| Connection::over(connect(&cloud, guest))).into();
    assert!(held.iter_mut().all(is_answered));
    let mut third = Connection::over(connect(&cloud, 2));
    assert!(!is_answered(&mut third), "one more than its share");
    let mut other = Connection::over(connect(&cloud, 3));
    assert!(is_answered(&mut other));
    // The machine's own clients have all of theirs.
    let mut outside: Vec<_> = (0..2).map(|_| Connection::open(cloud.address)).collect();
    assert!(outside.iter_mut().all(is_answered));
    drop(held.pop());
    let frees = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        is_answered(&mut Connection::over(connect(&cloud, 2)))
    });
    assert!(frees, "what has ended does not count");

    // Long payloads that do not come: of one guest there is one, and the machine's clients have their own room.
    let long = Call::s3("PUT", "/b/long", "", &[0; 1_000_000]).signed();
    let long = format!("{}content-length: 1000000\r\n\r\n", long.head()).into_bytes();
    held[0].write(&long);
    let refused = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        let mut again = Connection::over(connect(&cloud, 2));
        again.write(&long);
        again.stream().set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        again.answer().is_some_and(|answer| answer.status == 503)
    });
    assert!(refused, "a second payload of the same guest has no room");
    for connection in [&mut other, &mut outside[0]] {
        connection.write(&long);
        connection.stream().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert!(connection.answer().is_none(), "it is waited for the payload");
    }
}
