//! Limits, time-outs, many connections, shutdown.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::client::{Call, Connection};
use crate::cloud::Cloud;
use crate::tls;

#[test]
fn connections_are_kept_and_may_be_pipelined() {
    let cloud = Cloud::start();
    let mut connection = Connection::open(cloud.address);
    let call = Call::ec2("DescribeVpcs").signed().bytes();
    for _ in 0..3 {
        connection.write(&call);
        connection.answer().unwrap().expect(200, &[]);
    }
    connection.write(&call.repeat(3));
    for _ in 0..3 {
        connection.answer().unwrap().expect(200, &[]);
    }
}

#[test]
fn large_bodies_are_refused_without_being_read() {
    let cloud = Cloud::with(|limits| limits.max_body_bytes = 1000);
    let mut call = Call::ec2("DescribeVpcs");
    call.body.resize(1000, b'&');
    call.clone().signed().send(&cloud).expect(200, &[]);
    call.body.push(b'&');
    let call = call.signed();
    for bytes in [
        call.bytes(),
        call.chunked(100),
        format!("{}content-length: 99999999999\r\n\r\n", call.head()).into(),
    ] {
        let mut connection = Connection::open(cloud.address);
        connection.write(&bytes);
        let answer = connection.answer().unwrap();
        answer.expect(413, &["<Code>RequestEntityTooLarge</Code>"]);
        assert_eq!(answer.header("connection"), Some("close"));
    }
}

#[test]
fn a_client_that_expects_100_continue_gets_it_unless_it_is_refused() {
    let cloud = Cloud::with(|limits| limits.max_body_bytes = 1000);
    let call = Call::ec2("DescribeVpcs").signed();
    let mut connection = Connection::open(cloud.address);
    let head = format!("{}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", call.head(), call.body.len());
    connection.write(head.as_bytes());
    assert_eq!(connection.answer().unwrap().status, 100);
    connection.write(&call.body);
    connection.answer().unwrap().expect(200, &[]);
    connection.write(head.replace(&format!("length: {}", call.body.len()), "length: 5000").as_bytes());
    connection.answer().unwrap().expect(413, &[]);
}

#[test]
fn truncated_bodies_change_nothing() {
    let cloud = Cloud::start();
    let call = Call::ec2("CreateVpc").signed();
    for bytes in [call.bytes(), call.chunked(10)] {
        let mut connection = Connection::open(cloud.address);
        connection.write(&bytes[..bytes.len() - 8]);
        connection.half_close();
        connection.answer().unwrap().expect(400, &["<Code>IncompleteBody</Code>"]);
    }
    assert_eq!(cloud.gate.most(), 0, "the operation was called");
    Call::ec2("DescribeVpcs").signed().send(&cloud).expect(200, &[]);
}

#[test]
fn what_is_not_http_is_refused_and_the_port_lives() {
    let cloud = Cloud::start();
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot frames at all, whatever they are",
        format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", "x".repeat(100_000)).as_bytes(),
    ] {
        let mut connection = Connection::open(cloud.address);
        connection.write(garbage);
        connection.half_close();
        if let Some(answer) = connection.answer() {
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
    }
    Call::ec2("DescribeVpcs").signed().send(&cloud).expect(200, &[]);
}

/// What an HTTP/2 client begins with: the preface of RFC 9113, section 3.4, and an empty SETTINGS frame.
const HTTP_2_START: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A gateway that waits for nobody for long.
fn impatient_cloud() -> Cloud {
    Cloud::with(|limits| {
        limits.handshake_timeout = Duration::from_millis(200);
        limits.head_timeout = Duration::from_millis(200);
        limits.body_timeout = Duration::from_millis(200);
        limits.shutdown_timeout = Duration::from_millis(200);
    })
}

/// Reads until the gateway closes the connection, answering nothing.
fn read_to_end<S: Read + Write>(connection: &mut Connection<S>) {
    let mut buffer = [0; 1024];
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                panic!("the connection stays open");
            }
            // Without TLS's own farewell, or reset.
            Err(_) => return,
        }
    }
}

#[test]
fn slow_clients_are_cut_off() {
    let cloud = impatient_cloud();
    let call = Call::ec2("DescribeVpcs").signed();
    let bytes = call.bytes();
    let started = Instant::now();
    for (sent, status) in [(0, None), (20, None), (bytes.len() - 3, Some(400))] {
        let mut connection = Connection::open(cloud.address);
        connection.write(&bytes[..sent]);
        let answer = connection.answer();
        // For a head that never ends hyper says 408 or nothing.
        assert!(
            status.is_none() || answer.as_ref().map(|answer| answer.status) == status,
            "{sent}: {answer:?}"
        );
        assert!(connection.answer().is_none(), "the connection is closed");
    }
    // A connection that was used and is idle now.
    let mut connection = Connection::open(cloud.address);
    connection.write(&bytes);
    connection.answer().unwrap().expect(200, &[]);
    assert!(connection.answer().is_none_or(|answer| answer.status == 408));
    // What may become HTTP/2 and does not, and what does and asks nothing.
    for start in [&b"P"[..], &HTTP_2_START[..HTTP_2_START.len() - 10], HTTP_2_START] {
        let mut connection = Connection::open(cloud.address);
        connection.write(start);
        read_to_end(&mut connection);
    }
    // TLS, and then silence.
    let mut connection = tls::connect(&cloud, "localhost").unwrap();
    read_to_end(&mut connection);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[test]
fn idle_http_2_connections_are_told_to_end() {
    let cloud = impatient_cloud();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(cloud.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
        let ended = tokio::spawn(connection);
        let request = http::Request::get(format!("http://{}/_brume/health", cloud.address));
        let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        let ended = tokio::time::timeout(Duration::from_secs(8), ended).await;
        ended.expect("the connection stays open").unwrap().expect("an end without an error");
    });
}

#[test]
fn calls_may_take_longer_than_clients() {
    let cloud = impatient_cloud();
    let call = Call::ec2("CreateVpc").signed();
    let mut busy = Connection::open(cloud.address);
    busy.write(&call.bytes());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let over_http_2 = runtime.spawn(http_2_call(cloud.address, call));
    cloud.gate.wait_for(2);
    // Two connections, one after the other, that begin later and are cut off for asking nothing.
    for _ in 0..2 {
        let mut idle = Connection::open(cloud.address);
        idle.write(HTTP_2_START);
        read_to_end(&mut idle);
    }
    cloud.gate.open();
    busy.answer().unwrap().expect(200, &[]);
    assert_eq!(runtime.block_on(over_http_2).unwrap(), 200);
}

/// The status of a call in an HTTP/2 connection of its own.
async fn http_2_call(address: SocketAddr, call: Call) -> u16 {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::post("http://localhost/");
    // The host goes as :authority.
    for (name, value) in call.headers.iter().filter(|(name, _)| *name != "host") {
        request = request.header(*name, value);
    }
    let request = request.body(Full::new(Bytes::from(call.body))).unwrap();
    sender.send_request(request).await.unwrap().status().as_u16()
}

#[test]
fn clients_that_do_not_take_their_answers_are_cut_off() {
    let cloud = impatient_cloud();
    let connection = Connection::open(cloud.address);
    let mut stream = connection.stream();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let calls = b"GET /_brume/health HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    let error = loop {
        if let Err(error) = stream.write_all(&calls) {
            break error;
        }
    };
    assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind()), "{error}");
}

#[test]
fn calls_run_beside_each_other_up_to_the_limit() {
    let cloud = Cloud::with(|limits| limits.max_calls = 8);
    let answers: Vec<_> = std::thread::scope(|threads| {
        let clients: Vec<_> =
            (0..20).map(|_| threads.spawn(|| Call::ec2("CreateVpc").signed().send(&cloud).status)).collect();
        cloud.gate.wait_for(8);
        // All places are taken, and the gateway still answers for itself.
        let mut connection = Connection::open(cloud.address);
        connection.write(b"GET /_brume/health HTTP/1.1\r\nhost: localhost\r\n\r\n");
        connection.answer().unwrap().expect(200, &[]);
        cloud.gate.open();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(answers, [200; 20]);
    assert_eq!(cloud.gate.most(), 8);
}

#[test]
fn connections_beyond_the_limit_wait() {
    let cloud = Cloud::with(|limits| limits.max_connections = 2);
    let held = [Connection::open(cloud.address), Connection::open(cloud.address)];
    std::thread::sleep(Duration::from_millis(50));
    let mut third = Connection::open(cloud.address);
    third.write(&Call::ec2("DescribeVpcs").signed().bytes());
    third.stream().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(third.answer().is_none(), "the third connection was served");
    drop(held);
    third.stream().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    third.answer().unwrap().expect(200, &[]);
}

#[test]
fn shutdown_lets_calls_end_and_takes_no_more() {
    let mut cloud = Cloud::start();
    let mut idle = Connection::open(cloud.address);
    idle.write(&Call::ec2("DescribeVpcs").signed().bytes());
    idle.answer().unwrap().expect(200, &[]);
    let mut busy = Connection::open(cloud.address);
    busy.write(&Call::ec2("CreateVpc").signed().bytes());
    cloud.gate.wait_for(1);
    cloud.stop();
    assert!(idle.answer().is_none(), "an idle connection is closed");
    std::thread::sleep(Duration::from_millis(50));
    assert!(!cloud.has_ended(), "a call is on its way");
    assert!(std::net::TcpStream::connect(cloud.address).is_err(), "the port is closed");
    cloud.gate.open();
    let answer = busy.answer().unwrap();
    answer.expect(200, &[]);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(busy.answer().is_none());
}

#[test]
fn shutdown_does_not_wait_forever() {
    let mut cloud = Cloud::with(|limits| limits.shutdown_timeout = Duration::from_millis(100));
    let mut slow = Connection::open(cloud.address);
    slow.write(&Call::ec2("CreateVpc").signed().bytes()[..50]);
    let mut busy = Connection::open(cloud.address);
    busy.write(&Call::ec2("CreateVpc").signed().bytes());
    cloud.gate.wait_for(1);
    cloud.stop();
    assert!(busy.answer().is_none(), "the connection is cut at the deadline");
    cloud.gate.open();
}

#[test]
fn a_long_answer_may_be_taken_slowly() {
    const LONG: usize = 30_000_000;
    let cloud = Cloud::with(|limits| {
        limits.max_body_bytes = 2 * LONG;
        limits.head_timeout = Duration::from_millis(300);
        limits.shutdown_timeout = Duration::from_millis(100);
    });
    Call::s3("PUT", "/bucket/long", "", &vec![b'x'; LONG]).signed().send(&cloud).expect(200, &[]);
    let mut connection = Connection::open(cloud.address);
    connection.write(&Call::s3("GET", "/bucket/long", "", b"").signed().bytes());
    let (mut read_bytes, mut buffer) = (0, vec![0; 1_000_000]);
    let started = Instant::now();
    while read_bytes < LONG {
        std::thread::sleep(Duration::from_millis(20));
        match connection.read(&mut buffer) {
            Ok(read) if read > 0 => read_bytes += read,
            ended => panic!("{ended:?} after {read_bytes} bytes in {:?}", started.elapsed()),
        }
    }
    assert!(started.elapsed() > Duration::from_millis(500), "it was taken slowly");
}
