//! Limits, time-outs, many connections, shutdown.

use std::time::{Duration, Instant};

use crate::client::{Call, Connection};
use crate::cloud::Cloud;

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

#[test]
fn slow_clients_are_cut_off() {
    let cloud = Cloud::with(|limits| {
        limits.handshake_timeout = Duration::from_millis(200);
        limits.head_timeout = Duration::from_millis(200);
        limits.body_timeout = Duration::from_millis(200);
    });
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
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
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
