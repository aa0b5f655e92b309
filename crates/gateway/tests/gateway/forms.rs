//! Uploads of browsers: forms with a policy that somebody signed, or without.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway::Limits;
use service_api::SignaturePlace;
use sigv4::{Signer, SigningTime};

use crate::browsers::configure;
use crate::client::{Answer, Call, Connection};
use crate::cloud::{Cloud, KEY, NOW_SECS, SECRET};

const BOUNDARY: &str = "----WebKitFormBoundary7";
const EXPIRES: &str = "2026-01-01T13:00:00Z";

fn signer() -> Signer<'static> {
    Signer { access_key_id: KEY, secret: SECRET, session_token: None, region: "us-east-1", service: "s3" }
}

fn time() -> SigningTime {
    SigningTime::from_unix_secs(NOW_SECS).unwrap()
}

/// A form that is filled in.
#[derive(Clone)]
pub(crate) struct Filled {
    fields: Vec<(String, String)>,
    file: Option<(&'static str, Vec<u8>)>,
    host: &'static str,
    path: &'static str,
}

impl Filled {
    /// That nobody signed.
    fn new(key: &str) -> Self {
        let fields = vec![("key".to_owned(), key.to_owned())];
        Self { fields, file: Some(("a.txt", b"content".to_vec())), host: "localhost", path: "/web" }
    }

    /// With a policy of these conditions, and of what every signed form has.
    pub(crate) fn signed(key: &str, conditions: &str) -> Self {
        let mut all = format!("{conditions}, {{\"bucket\": \"web\"}}");
        for (name, value) in signer().policy_fields(time()) {
            all.push_str(&format!(", {{\"{name}\": \"{value}\"}}"));
        }
        Self::new(key).with_policy(&format!("{{\"expiration\": \"{EXPIRES}\", \"conditions\": [{all}]}}"))
    }

    fn with_policy(mut self, policy: &str) -> Self {
        let policy = STANDARD.encode(policy);
        for (name, value) in signer().sign_policy(&policy, time()) {
            self.fields.push((name.to_owned(), value));
        }
        self.fields.push(("policy".to_owned(), policy));
        self
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(held, _)| held != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(held, _)| held != name);
        self
    }

    fn file(self, name: &'static str, content: &[u8]) -> Self {
        Self { file: Some((name, content.to_vec())), ..self }
    }

    fn call(&self) -> Call {
        let mut body = Vec::new();
        for (name, value) in &self.fields {
            let head =
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(head.as_bytes());
        }
        if let Some((name, content)) = &self.file {
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                 Content-Type: text/x-ignored\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--{BOUNDARY}--\r\n")
                .as_bytes(),
        );
        let mut call = Call::s3("POST", self.path, "", &body);
        self.host.clone_into(&mut call.headers[0].1);
        call.with("content-type", &format!("multipart/form-data; boundary={BOUNDARY}"))
    }

    pub(crate) fn send(&self, cloud: &Cloud) -> Answer {
        self.call().send(cloud)
    }
}

fn cloud() -> Cloud {
    within(|_| {})
}

fn within(limits: impl FnOnce(&mut Limits)) -> Cloud {
    let cloud = Cloud::with_s3_within(None, limits);
    configure(&cloud, "PUT", "/web", "", "").expect(200, &[]);
    configure(&cloud, "PUT", "/private", "", "").expect(200, &[]);
    cloud
}

pub(crate) const ANY_KEY: &str = "[\"starts-with\", \"$key\", \"\"]";

#[test]
fn a_form_makes_an_object() {
    let cloud = cloud();
    let conditions = format!(
        "{ANY_KEY}, [\"starts-with\", \"$Content-Type\", \"text/\"], [\"eq\", \"$X-Amz-Meta-Colour\", \"röt\"], \
         [\"content-length-range\", 1, 10]"
    );
    let form = Filled::signed("dir/${filename}", &conditions)
        .with("Content-Type", "text/x-mine")
        .with("x-amz-meta-colour", "röt")
        .with("x-ignore-this", "1")
        .file("C:\\files\\b ä.txt", b"content");
    let answer = form.send(&cloud);
    answer.expect(204, &[]);
    assert_eq!(answer.body, "");
    assert_eq!(answer.header("location"), Some("http://localhost/web/dir/b%20%C3%A4.txt"));
    let found = configure(&cloud, "GET", "/web/dir/b%20%C3%A4.txt", "", "");
    found.expect(200, &["content"]);
    assert_eq!(found.header("etag"), answer.header("etag"));
    assert_eq!(found.header("content-type"), Some("text/x-mine"));
    assert_eq!(found.header("x-amz-meta-colour"), Some("=?UTF-8?B?csO2dA==?="));
    let calls = cloud.calls.take();
    let put = calls.iter().rev().find(|call| call.operation.name == "PutObject").expect("it is recorded");
    let signature = put.context.way.signature.expect("it was signed");
    assert_eq!((signature.place, signature.signed.unix_secs()), (SignaturePlace::Form, NOW_SECS));
    assert_eq!(put.context.principal.access_key_id, KEY);
    assert!(cloud.used.lock().unwrap().iter().any(|used| used == &format!("{KEY} us-east-1 s3")));
    // Nobody's, to a bucket in the host's name.
    let mut open = Filled::new("open").file("", b"");
    (open.host, open.path) = ("web.localhost:4566", "/");
    let answer = open.send(&cloud);
    answer.expect(204, &[]);
    assert_eq!(answer.header("location"), Some("http://web.localhost:4566/open"));
    let found = configure(&cloud, "GET", "/web/open", "", "");
    assert_eq!((found.status, found.body.as_str()), (200, ""));
    assert_eq!(found.header("content-type"), Some("binary/octet-stream"));
}

#[test]
fn browsers_get_the_answer_that_the_form_asks_for() {
    let cloud = cloud();
    let form = |status: &str| Filled::new("a&b/c").with("success_action_status", status).send(&cloud);
    form("204").expect(204, &[]);
    form("404").expect(204, &[]);
    assert_eq!(form("200").expect(200, &[]).body, "");
    let created = form("201");
    created.expect(
        201,
        &[
            "<PostResponse><Location>http://localhost/web/a%26b/c</Location><Bucket>web</Bucket><Key>a&amp;b/c</Key><ETag>&quot;",
        ],
    );
    assert_eq!(created.header("content-type"), Some("application/xml"));
    let sent = Filled::new("a").with("success_action_redirect", "http://app.example/done?x=1").send(&cloud);
    let tag = configure(&cloud, "HEAD", "/web/a", "", "")
        .header("etag")
        .expect("a tag")
        .trim_matches('"')
        .to_owned();
    let to = format!("http://app.example/done?x=1&bucket=web&key=a&etag=%22{tag}%22");
    assert_eq!((sent.status, sent.header("location")), (303, Some(to.as_str())));
    Filled::new("a").with("redirect", "no address").send(&cloud).expect(204, &[]);
}

#[test]
fn a_policy_lets_pass_what_it_says() {
    let cloud = cloud();
    let check = |form: Filled, status: u16, code: &str, says: &str| {
        form.send(&cloud).expect(status, &[&format!("<Code>{code}</Code>"), says]);
    };
    let denied = |form: Filled, says: &str| {
        check(form, 403, "AccessDenied", &format!("<Message>Invalid according to Policy: {says}"));
    };
    denied(Filled::signed("a", "[\"starts-with\", \"$key\", \"b\"]"), "Policy Condition failed: [");
    denied(Filled::signed("a", ANY_KEY).with("acl", "private"), "Extra input fields: acl");
    let mut elsewhere = Filled::signed("a", ANY_KEY).with("bucket", "web");
    elsewhere.path = "/other";
    denied(elsewhere, "Policy Condition failed: [");
    let expired = "{\"expiration\": \"2026-01-01T11:59:59Z\", \"conditions\": []}";
    denied(Filled::new("a").with_policy(expired), "Policy expired.");
    check(Filled::new("a").with_policy("{}"), 400, "InvalidPolicyDocument", "Policy missing expiration.");
    let sized = |least: u64, most: u64, file: &[u8]| {
        Filled::signed("sized", &format!("{ANY_KEY}, [\"content-length-range\", {least}, {most}]"))
            .file("a", file)
    };
    sized(2, 3, b"123").send(&cloud).expect(204, &[]);
    check(sized(2, 3, b"1234"), 400, "EntityTooLarge", "<MaxSizeAllowed>3</MaxSizeAllowed>");
    check(
        sized(2, 3, b"1"),
        400,
        "EntityTooSmall",
        "<ProposedSize>1</ProposedSize><MinSizeAllowed>2</MinSizeAllowed>",
    );
    let kept = configure(&cloud, "GET", "/web/sized", "", "");
    assert_eq!(kept.body, "123");
    configure(&cloud, "GET", "/web/a", "", "").expect(404, &[]);
}

#[test]
fn signatures_of_forms_are_verified() {
    let cloud = cloud();
    let check = |form: Filled, status: u16, code: &str, says: &str| {
        form.send(&cloud).expect(status, &[&format!("<Code>{code}</Code>"), says]);
    };
    let form = || Filled::signed("a", ANY_KEY);
    let other = form().fields.iter().find(|(name, _)| name == "policy").unwrap().1.clone();
    check(
        form().with("x-amz-signature", &"0".repeat(64)),
        403,
        "SignatureDoesNotMatch",
        &format!("<StringToSign>{other}</StringToSign>"),
    );
    check(form().with("policy", &STANDARD.encode("{}")), 403, "SignatureDoesNotMatch", "AKIDEXAMPLE");
    let unknown = format!("AKIDOTHER/{}", signer().policy_fields(time())[1].1.split_once('/').unwrap().1);
    check(form().with("x-amz-credential", &unknown), 403, "InvalidAccessKeyId", "AKIDOTHER");
    check(form().with("x-amz-credential", "AKID"), 400, "InvalidArgument", "Credential");
    let service = form().fields[2].1.replace("/s3/", "/ec2/");
    check(form().with("x-amz-credential", &service), 400, "InvalidArgument", "correct service");
    check(
        form().with("x-amz-date", "20251231T120000Z"),
        403,
        "SignatureDoesNotMatch",
        "Date in Credential scope",
    );
    check(form().with("x-amz-algorithm", "AWS4-HMAC-SHA1"), 400, "InvalidRequest", "AWS4-HMAC-SHA256");
    for name in ["x-amz-signature", "x-amz-date", "x-amz-credential", "x-amz-algorithm", "policy"] {
        check(form().without(name), 400, "InvalidArgument", &format!("must contain a field named '{name}'"));
    }
    // The older way to sign.
    let older = Filled::new("a").with("AWSAccessKeyId", KEY).with("signature", "x").with("policy", "e30=");
    check(older, 400, "InvalidRequest", "The authorization mechanism you have provided is not supported.");
    // Who may not is told before the file comes.
    let mut private = Filled::new("a").file("a", &vec![b'x'; 2_000_000]);
    private.path = "/private";
    let call = private.call();
    let mut connection = Connection::open(cloud.address);
    connection.write(&call.bytes()[..call.bytes().len() - 1_900_000]);
    connection
        .answer()
        .expect("an answer")
        .expect(403, &["<Code>AccessDenied</Code>", "<Message>Access Denied<"]);
    configure(&cloud, "GET", "/web/a", "", "").expect(404, &[]);
}

#[test]
fn forms_that_are_none_are_refused() {
    let cloud = cloud();
    let check = |form: Filled, status: u16, code: &str, says: &str| {
        form.send(&cloud).expect(status, &[&format!("<Code>{code}</Code>"), says]);
    };
    let mut without_file = Filled::new("a");
    without_file.file = None;
    check(
        without_file,
        400,
        "InvalidArgument",
        "<ArgumentName>file</ArgumentName><ArgumentValue>0</ArgumentValue>",
    );
    check(Filled::new("a").without("key"), 400, "InvalidArgument", "must contain a field named 'key'");
    check(Filled::new(""), 400, "InvalidArgument", "User key must have a length greater than 0.");
    check(Filled::new(&"k".repeat(1025)), 400, "KeyTooLongError", "");
    let long = Filled::new("a").with("x-ignore-a", &"x".repeat(20_001));
    check(long, 400, "MaxPostPreDataLengthExceededError", "preceding the upload file");
    let mut twice = Filled::new("a");
    twice.fields.push(("Key".to_owned(), "b".to_owned()));
    check(twice, 400, "InvalidArgument", "once");
    check(Filled::new("a").with("tagging", "<Tagging>"), 400, "MalformedXML", "");
    check(Filled::new("a").with("x-amz-checksum-sha256", "sailorjerry"), 400, "InvalidRequest", "");
    let mut nowhere = Filled::new("a");
    nowhere.path = "/none";
    check(nowhere, 404, "NoSuchBucket", "");
    let mut cut = Filled::new("a").call();
    cut.body.truncate(cut.body.len() - 20);
    cut.send(&cloud).expect(400, &["<Code>MalformedPOSTRequest</Code>"]);
    let mut unbound = Filled::new("a").call();
    unbound.headers[1].1 = "multipart/form-data".to_owned();
    unbound.send(&cloud).expect(400, &["<Code>MalformedPOSTRequest</Code>"]);
    // Without a length, and with one that is not true.
    let call = Filled::new("a").call();
    let mut connection = Connection::open(cloud.address);
    connection.write(&call.chunked(100));
    connection.answer().expect("an answer").expect(411, &["<Code>MissingContentLength</Code>"]);
    let mut connection = Connection::open(cloud.address);
    let bytes = call.bytes();
    connection.write(&bytes[..bytes.len() - 10]);
    connection.half_close();
    if let Some(answer) = connection.answer() {
        answer.expect(400, &["<Code>IncompleteBody</Code>"]);
    }
    configure(&cloud, "GET", "/web/a", "", "").expect(404, &[]);
    // A form to an object is no form.
    let mut to_object = Filled::new("a");
    to_object.path = "/web/a";
    to_object.send(&cloud).expect(405, &["<Code>MethodNotAllowed</Code>"]);
}

#[test]
fn a_file_is_kept_as_it_comes() {
    let cloud = cloud();
    let lines = b"\r\n--\r\n------WebKitFormBoundary\r\n".repeat(200_000);
    let form = Filled::signed("long", &format!("{ANY_KEY}, [\"content-length-range\", 5000000, 9000000]"))
        .file("a", &lines);
    let answer = form.send(&cloud);
    answer.expect(204, &[]);
    assert!(configure(&cloud, "GET", "/web/long", "", "").body.as_bytes() == lines);
    // Whoever waits to be asked for the body is.
    let call = Filled::new("asked").call().with("expect", "100-continue");
    let mut connection = Connection::open(cloud.address);
    let bytes = call.bytes();
    let head = bytes.len() - call.body.len();
    connection.write(&bytes[..head]);
    assert_eq!(connection.answer().expect("an answer").status, 100);
    connection.write(&bytes[head..]);
    connection.answer().expect("an answer").expect(204, &[]);
}

/// Sends the head of a form and so much of its body, and leaves it at that.
fn begin(cloud: &Cloud, form: &Filled, body_bytes: usize) -> Connection {
    let call = form.call();
    let bytes = call.bytes();
    let mut connection = Connection::open(cloud.address);
    connection.write(&bytes[..bytes.len() - call.body.len() + body_bytes]);
    connection
}

#[test]
fn forms_take_no_room_of_payloads_before_they_may_be_written() {
    let cloud = within(|limits| limits.max_payloads = 1);
    let held: Vec<_> = (0..3).map(|_| begin(&cloud, &Filled::new("a"), 30)).collect();
    std::thread::sleep(Duration::from_millis(200));
    Call::s3("PUT", "/web/long", "", &[b'x'; 300_000]).signed().send(&cloud).expect(200, &[]);
    Filled::signed("b", ANY_KEY).send(&cloud).expect(204, &[]);
    drop(held);
    // Where there is none, who may not write hears that, and who may is told to come later.
    let cloud = within(|limits| limits.max_payloads = 0);
    let forged = Filled::signed("a", ANY_KEY).with("x-amz-signature", &"0".repeat(64));
    forged.send(&cloud).expect(403, &["<Code>SignatureDoesNotMatch</Code>"]);
    let mut private = Filled::new("a");
    private.path = "/private";
    private.send(&cloud).expect(403, &["<Code>AccessDenied</Code>"]);
    Filled::signed("a", ANY_KEY).send(&cloud).expect(503, &["<Code>SlowDown</Code>"]);
}

#[test]
fn the_fields_of_a_form_have_a_deadline_however_they_come() {
    let cloud = within(|limits| {
        limits.body_timeout = Duration::from_secs(5);
        limits.body_deadline = Duration::from_millis(500);
    });
    let form = Filled::new("a").with("x-ignore-a", &"x".repeat(1000));
    let started = Instant::now();
    let mut connection = begin(&cloud, &form, 0);
    connection.stream().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let answer = form.call().body.iter().find_map(|byte| {
        connection.write(&[*byte]);
        connection.answer()
    });
    answer.expect("there is an answer").expect(400, &["<Code>RequestTimeout</Code>"]);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[test]
fn the_fields_of_forms_have_their_peers_share() {
    let cloud = within(|limits| {
        limits.max_peer_bodies_bytes = 20 << 10;
        limits.body_wait = Duration::from_millis(500);
    });
    let form = Filled::new("a").with("x-ignore-a", &"x".repeat(16 << 10));
    let held = begin(&cloud, &form, 15 << 10);
    std::thread::sleep(Duration::from_millis(200));
    form.send(&cloud).expect(503, &["<Code>SlowDown</Code>"]);
    drop(held);
    std::thread::sleep(Duration::from_millis(200));
    form.send(&cloud).expect(204, &[]);
}
