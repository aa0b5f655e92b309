//! What those who have not proved who they are can take from others with their bodies.

use std::time::{Duration, Instant};

use crate::client::{Call, Connection};
use crate::cloud::Cloud;

/// What a head says of its body.
const CHUNKED: &str = "transfer-encoding: chunked";
const LARGE: &str = "content-length: 16777216";

fn unsigned() -> Call {
    Call::ec2("DescribeVpcs")
}

/// Of a key that exists, with a secret that is not its own.
fn forged() -> Call {
    let mut call = Call::ec2("DescribeVpcs");
    call.secret = "other";
    call.signed()
}

/// A call whose body has this many bytes.
fn sized(operation: &str, body_bytes: usize) -> Call {
    let mut call = Call::ec2(operation);
    call.body.resize(body_bytes, b'&');
    call.signed()
}

/// Sends the head and the first bytes of the body, and leaves it at that.
fn begin(cloud: &Cloud, call: &Call, framing: &str, body: &[u8]) -> Connection {
    let mut connection = Connection::open(cloud.address);
    connection.write(&[format!("{}{framing}\r\n\r\n", call.head()).as_bytes(), body].concat());
    connection
}

#[test]
fn bodies_that_do_not_come_take_no_room() {
    let cloud = Cloud::start();
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(begin(&cloud, &unsigned(), CHUNKED, b"1\r\n&\r\n"));
        held.push(begin(&cloud, &forged(), CHUNKED, b"1\r\n&\r\n"));
        held.push(begin(&cloud, &forged(), LARGE, b"&"));
    }
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    sized("DescribeVpcs", 1 << 20).send(&cloud).expect(200, &[]);
    assert!(started.elapsed() < Duration::from_secs(4), "it waited {:?}", started.elapsed());
}

#[test]
fn a_body_has_a_deadline_however_it_comes() {
    let cloud = Cloud::with(|limits| {
        limits.body_timeout = Duration::from_secs(5);
        limits.body_deadline = Duration::from_millis(500);
    });
    let call = sized("DescribeVpcs", 1000);
    let mut connection = begin(&cloud, &call, "content-length: 1000", b"");
    let started = Instant::now();
    connection.stream().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let answer = call.body.iter().find_map(|byte| {
        connection.write(&[*byte]);
        connection.answer()
    });
    answer.expect("there is an answer").expect(400, &["<Code>RequestTimeout</Code>"]);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[test]
fn a_large_body_that_will_be_refused_is_not_waited_for() {
    let cloud = Cloud::start();
    let check = |change: fn(&mut Call), status, code: &str| {
        let mut call = Call::ec2("DescribeVpcs");
        change(&mut call);
        // EC2 by its address, since its name in the body is not read.
        call.headers[0].1 = "ec2.us-east-1.amazonaws.com".to_owned();
        let call = if call.service.is_empty() { call } else { call.signed() };
        let chunks = format!("20001\r\n{}\r\n", "&".repeat(0x20001));
        for (framing, body) in [(LARGE, ""), (CHUNKED, &chunks)] {
            let answer = begin(&cloud, &call, framing, body.as_bytes()).answer().expect(framing);
            answer.expect(status, &[code]);
            assert_eq!(answer.header("connection"), Some("close"), "{framing}");
        }
    };
    check(|call| call.service = "", 401, "<Code>AuthFailure</Code>");
    check(|call| call.key = "AKIDOTHER", 401, "<Code>AuthFailure</Code>");
    check(|call| call.token = Some("x"), 401, "<Code>AuthFailure</Code>");
    check(|call| call.region = "mars-1", 401, "<Code>AuthFailure</Code>");
    check(|call| call.offset_secs = -901, 400, "<Code>RequestExpired</Code>");
    // A digest in the head, which the signature is not right for.
    check(
        |call| {
            call.headers.push(("x-amz-content-sha256", "0".repeat(64)));
            call.secret = "other";
        },
        401,
        "<Code>AuthFailure</Code>",
    );
}

#[test]
fn one_peers_unverified_bodies_have_a_share() {
    let cloud = Cloud::with(|limits| {
        limits.max_bodies_bytes = 1 << 20;
        limits.max_peer_bodies_bytes = 64 << 10;
        limits.body_wait = Duration::from_secs(1);
    });
    let most = vec![b'&'; 60 << 10];
    let held = begin(&cloud, &forged(), LARGE, &most);
    std::thread::sleep(Duration::from_millis(100));
    sized("DescribeVpcs", 2 << 10).send(&cloud).expect(200, &[]);
    sized("DescribeVpcs", 8 << 10).send(&cloud).expect(503, &["<Code>SlowDown</Code>"]);
    // Who proves it by the head alone has no part in that: it is carried out.
    let mut proven = Call::query("s3", "");
    (proven.method, proven.path) = ("PUT", "/bucket/key");
    proven.body.resize(100 << 10, b'&');
    proven.headers.push(("x-amz-content-sha256", sigv4::sha256_hex(&proven.body)));
    proven.signed().send(&cloud).expect(200, &[]);
    drop(held);
    std::thread::sleep(Duration::from_millis(100));
    // The share is free again when the signature is verified, not when the call ends.
    std::thread::scope(|threads| {
        let calls = [1, 2].map(|held| {
            let call = threads.spawn(|| sized("CreateVpc", 60 << 10).send(&cloud).status);
            cloud.gate.wait_for(held);
            call
        });
        cloud.gate.open();
        for call in calls {
            assert_eq!(call.join().unwrap(), 200);
        }
    });
}
