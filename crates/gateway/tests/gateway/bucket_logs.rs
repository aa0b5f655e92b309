//! What the logs of buckets are told of requests: whoever makes them, whatever is answered, and how much of it was taken.

use aws_types::AccountId;
use bucket_rules::{AccessLogEntry, CanonicalUserId};

use crate::browsers::{HOST, configure, visit, with_site};
use crate::client::{Call, Connection};
use crate::cloud::{ACCOUNT, Cloud};
use crate::forms::{ANY_KEY, Filled};
use crate::tls;

/// The root user, as logs name it.
fn root() -> String {
    CanonicalUserId::of(ACCOUNT.parse::<AccountId>().unwrap()).to_string()
}

/// Operation, key, status, code, lengths of answer and object, requester, and how it was signed.
fn told(entry: &AccessLogEntry) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let number = |number: Option<u64>| text(&number.map(|number| number.to_string()));
    let requester = text(&entry.requester).replace(&root(), "root");
    format!(
        "{} {} {} {} {} {} {requester} {}",
        entry.operation,
        text(&entry.key),
        entry.status.unwrap(),
        text(&entry.error_code),
        number(entry.sent_bytes),
        number(entry.object_bytes),
        entry.authentication.unwrap_or("-"),
    )
}

fn cloud() -> Cloud {
    let cloud = Cloud::with_s3(None);
    for path in ["/web", "/private", "/other"] {
        Call::s3("PUT", path, "", b"").signed().send(&cloud).expect(200, &[]);
    }
    let made = cloud.logged.take(2);
    assert_eq!(made.iter().map(told).collect::<Vec<_>>(), ["REST.PUT.BUCKET - 200 - - - root AuthHeader"; 2]);
    cloud
}

#[test]
fn a_log_is_told_of_each_request_that_names_its_bucket() {
    let cloud = cloud();
    // The call, and what is told of it: `#` is the length of the answer.
    let check = |call: Call, expect: &str| {
        let answer = call.send(&cloud);
        let [entry] = cloud.logged.take(1).try_into().unwrap();
        assert_eq!(told(&entry), expect.replace('#', &answer.body.len().to_string()), "{answer:?}");
        assert_eq!(entry.request_uri, Some(format!("{} {} HTTP/1.1", call.method, call.target())));
        assert_eq!(Some(entry.request_id.as_str()), answer.header("x-amz-request-id"));
        assert_eq!(entry.host_id.as_deref(), answer.header("x-amz-id-2"));
        assert_eq!(entry.host_header.as_deref(), Some(call.headers[0].1.as_str()));
        assert_eq!(entry.remote_ip, Some([127, 0, 0, 1].into()));
        assert!(entry.total_millis.is_some() && entry.turn_around_millis <= entry.total_millis, "{entry:?}");
        assert_eq!(entry.signature_version.is_some(), entry.authentication.is_some());
        entry
    };
    let call = |method, path, query| Call::s3(method, path, query, b"");
    let put = Call::s3("PUT", "/web/a%20b", "", b"content").signed();
    check(put, "REST.PUT.OBJECT a b 200 - - 7 root AuthHeader");
    let get = call("GET", "/web/a%20b", "versionId=null");
    let get = get.with("referer", "http://from").with("user-agent", "an agent/1").signed();
    let entry = check(get, "REST.GET.OBJECT a b 200 - 7 7 root AuthHeader");
    assert_eq!((entry.bucket.as_str(), entry.version_id.as_deref()), ("web", Some("null")));
    assert_eq!(entry.referer.as_deref(), Some("http://from"));
    assert_eq!(entry.user_agent.as_deref(), Some("an agent/1"));
    assert_eq!((entry.tls_version, entry.cipher_suite), (None, None));
    let part = call("GET", "/web/a%20b", "").with("range", "bytes=2-4").signed();
    check(part, "REST.GET.OBJECT a b 206 - 3 7 root AuthHeader");
    check(call("HEAD", "/web/a%20b", "").signed(), "REST.HEAD.OBJECT a b 200 - - 7 root AuthHeader");
    check(call("GET", "/web/a%20b", "").presigned(60), "REST.GET.OBJECT a b 200 - 7 7 root QueryString");
    let mut by_host = call("GET", "/a%20b", "");
    "web.s3.us-east-1.localhost".clone_into(&mut by_host.headers[0].1);
    check(by_host.clone(), "REST.GET.OBJECT a b 200 - 7 7 - -");
    "web.s3.eu-west-1.localhost".clone_into(&mut by_host.headers[0].1);
    check(by_host, "REST.GET.OBJECT a b 301 PermanentRedirect # - - -");
    check(call("GET", "/web", "list-type=2").signed(), "REST.GET.BUCKET - 200 - # - root AuthHeader");
    // What is refused, by whom ever.
    let missing = call("GET", "/web/missing", "").signed();
    check(missing, "REST.GET.OBJECT missing 404 NoSuchKey # - root AuthHeader");
    check(call("GET", "/private/a", ""), "REST.GET.OBJECT a 403 AccessDenied # - - -");
    let forged = Call { secret: "a guess", ..call("GET", "/web/a%20b", "") }.signed();
    check(forged, "REST.GET.OBJECT a b 403 SignatureDoesNotMatch # - - AuthHeader");
    let preflight = call("OPTIONS", "/web/a%20b", "").with("origin", "http://o");
    let preflight = preflight.with("access-control-request-method", "GET");
    check(preflight, "REST.OPTIONS.PREFLIGHT a b 403 AccessForbidden # - - -");
    check(
        call("PATCH", "/web/a%20b", "").signed(),
        "REST.PATCH.OBJECT a b 405 MethodNotAllowed # - root AuthHeader",
    );
    // A bucket without a log, and other services.
    call("GET", "/other/a", "").send(&cloud).expect(404, &[]);
    Call::ec2("DescribeVpcs").signed().send(&cloud).expect(200, &[]);
    check(call("DELETE", "/web/a%20b", "").signed(), "REST.DELETE.OBJECT a b 204 - - - root AuthHeader");
}

#[test]
fn forms_websites_and_tls_are_told_as_such() {
    let cloud = cloud();
    Filled::signed("f/${filename}", ANY_KEY).send(&cloud).expect(204, &[]);
    let [form] = cloud.logged.take(1).try_into().unwrap();
    assert_eq!(told(&form), "REST.POST.OBJECT f/a.txt 204 - - - root -");
    assert_eq!(form.signature_version, Some("SigV4"));
    let call = Call::s3("HEAD", "/web/f/a.txt", "", b"").signed();
    let mut connection = tls::connect(&cloud, "localhost").unwrap();
    connection.write(&call.bytes());
    connection.answer_to("HEAD").unwrap().expect(200, &[]);
    let [entry] = cloud.logged.take(1).try_into().unwrap();
    assert_eq!(entry.tls_version.as_deref(), Some("TLSv1_3"));
    assert!(entry.cipher_suite.is_some_and(|suite| suite.starts_with("TLS13_AES_")));
    let cloud = with_site();
    cloud.logged.take(1);
    for (method, path, expect) in [
        ("GET", "/", "WEBSITE.GET.OBJECT index.html 200 - 4 4 - -"),
        ("HEAD", "/a", "WEBSITE.HEAD.OBJECT a 200 - - 4 - -"),
        ("GET", "/no%20page", "WEBSITE.GET.OBJECT no page 404 NoSuchKey 5 - - -"),
        ("GET", "/moved", "WEBSITE.GET.OBJECT moved 301 - - - - -"),
    ] {
        visit(&cloud, method, HOST, path);
        let entries = cloud.logged.take(1);
        assert_eq!(entries.iter().map(told).collect::<Vec<_>>(), [expect]);
    }
    configure(&cloud, "GET", "/web", "website", "").expect(200, &[]);
    assert_eq!(cloud.logged.take(1)[0].operation, "REST.GET.WEBSITE");
}

/// What is streamed is told when its last byte was given, or when the client has gone.
#[test]
fn only_what_was_sent_counts() {
    const LONG: usize = 32 << 20;
    let cloud = cloud();
    let put = Call::s3("PUT", "/web/long", "", &vec![b'x'; LONG]).signed().send(&cloud);
    put.expect(200, &[]);
    assert_eq!(cloud.logged.take(1)[0].object_bytes, Some(LONG as u64));
    let get = Call::s3("GET", "/web/long", "", b"").signed();
    assert_eq!(get.send(&cloud).body.len(), LONG);
    let [entry] = cloud.logged.take(1).try_into().unwrap();
    assert_eq!((entry.sent_bytes, entry.object_bytes), (Some(LONG as u64), Some(LONG as u64)));
    let mut connection = Connection::open(cloud.address);
    connection.write(&get.bytes());
    let mut first = [0; 1000];
    assert!(connection.read(&mut first).unwrap() > 0);
    drop(connection);
    let [entry] = cloud.logged.take(1).try_into().unwrap();
    assert_eq!(entry.object_bytes, Some(LONG as u64));
    assert!(entry.sent_bytes.unwrap() < LONG as u64, "{entry:?}");
}
