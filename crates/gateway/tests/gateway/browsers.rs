//! What browsers ask for that programs do not: preflights, answers for pages of other origins, and websites.

use checksums::{ChecksumAlgorithm, Hasher};

use crate::client::{Answer, Call, Connection};
use crate::cloud::Cloud;

/// A signed request with the digest that configurations have to have.
pub(crate) fn configure(
    cloud: &Cloud,
    method: &'static str,
    path: &'static str,
    query: &str,
    body: &str,
) -> Answer {
    let digest = Hasher::of(ChecksumAlgorithm::Md5, body.as_bytes()).to_base64();
    let call = Call::s3(method, path, query, body.as_bytes());
    let call = if body.is_empty() { call } else { call.with("content-md5", &digest) };
    call.signed().send(cloud)
}

fn put(cloud: &Cloud, path: &'static str, body: &str, headers: &[(&'static str, &str)]) {
    let call = Call::s3("PUT", path, "", body.as_bytes());
    let call = headers.iter().fold(call, |call, (name, value)| call.with(name, value));
    call.signed().send(cloud).expect(200, &[]);
}

const RULES: &str = "<CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
    <CORSRule><ID>first</ID><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*.ok</AllowedOrigin>\
    <AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule>\
    <CORSRule><AllowedMethod>POST</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>\
    </CORSConfiguration>";

fn with_rules() -> Cloud {
    let cloud = Cloud::with_s3(None);
    put(&cloud, "/web", "", &[]);
    put(&cloud, "/private", "", &[]);
    put(&cloud, "/web/a", "kept", &[]);
    cloud
}

#[test]
fn rules_are_kept_shown_and_removed() {
    let cloud = with_rules();
    let none = ["<Code>NoSuchCORSConfiguration</Code>", "<BucketName>web</BucketName>"];
    configure(&cloud, "GET", "/web", "cors", "").expect(404, &none);
    configure(&cloud, "PUT", "/web", "cors", RULES).expect(200, &[]);
    configure(&cloud, "GET", "/web", "cors", "").expect(
        200,
        &[
            "<CORSConfiguration ",
            "<ID>first</ID>",
            "<MaxAgeSeconds>60</MaxAgeSeconds>",
            "<AllowedMethod>POST</AllowedMethod><AllowedMethod>PUT</AllowedMethod>",
        ],
    );
    let bad = RULES.replace("<AllowedMethod>GET", "<AllowedMethod>FLY");
    configure(&cloud, "PUT", "/web", "cors", &bad)
        .expect(400, &["<Code>InvalidRequest</Code>", "method is FLY"]);
    configure(&cloud, "PUT", "/web", "cors", "<CORSConfiguration></CORSConfiguration>")
        .expect(400, &["<Code>MalformedXML</Code>"]);
    configure(&cloud, "GET", "/web", "cors", "").expect(200, &["<ID>first</ID>"]);
    configure(&cloud, "DELETE", "/web", "cors", "").expect(204, &[]);
    configure(&cloud, "GET", "/web", "cors", "").expect(404, &none);
    configure(&cloud, "PUT", "/none", "cors", RULES).expect(404, &["<Code>NoSuchBucket</Code>"]);
}

#[test]
fn preflights_are_answered_by_the_rules_of_the_bucket() {
    let cloud = with_rules();
    let asks = |path, headers: &[(&'static str, &str)]| {
        let call = Call::s3("OPTIONS", path, "", b"");
        headers.iter().fold(call, |call, (name, value)| call.with(name, value)).send(&cloud)
    };
    let origin = |origin| ("origin", origin);
    let method = |method| ("access-control-request-method", method);
    let forbidden = |answer: &Answer, message: &str, method: &str, resource_type: &str| {
        answer.expect(
            403,
            &[
                "<Code>AccessForbidden</Code>",
                &format!("<Message>CORSResponse: {message}"),
                &format!("<Method>{method}</Method><ResourceType>{resource_type}</ResourceType>"),
            ],
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
    };
    asks("/web/a", &[]).expect(400, &["<Code>BadRequest</Code>", "Origin request header needed"]);
    forbidden(&asks("/web/a", &[origin("a.ok"), method("GET")]), "CORS is not enabled", "GET", "OBJECT");
    forbidden(&asks("/none", &[origin("a.ok"), method("GET")]), "Bucket not found", "GET", "BUCKET");
    configure(&cloud, "PUT", "/web", "cors", RULES).expect(200, &[]);
    asks("/web/a", &[origin("a.ok")])
        .expect(400, &["<Code>BadRequest</Code>", "Access-Control-Request-Method: null"]);
    forbidden(&asks("/web", &[origin("a.no"), method("GET")]), "This CORS request", "GET", "BUCKET");
    let asked = ("access-control-request-headers", "X-Amz-Date, x-amz-acl");
    let passes = asks("/web/a", &[origin("a.ok"), method("GET"), asked]);
    passes.expect(200, &[]);
    for (name, value) in [
        ("access-control-allow-origin", Some("a.ok")),
        ("access-control-allow-methods", Some("GET")),
        ("access-control-allow-headers", Some("x-amz-date, x-amz-acl")),
        ("access-control-allow-credentials", Some("true")),
        ("access-control-expose-headers", Some("ETag")),
        ("access-control-max-age", Some("60")),
        ("vary", Some("Origin, Access-Control-Request-Headers, Access-Control-Request-Method")),
        ("content-length", Some("0")),
        ("server", Some("AmazonS3")),
    ] {
        assert_eq!(passes.header(name), value, "{name}");
    }
    assert!(passes.header("x-amz-request-id").is_some());
    // Before the browser sends a request that somebody presigned, and to a bucket in the host's name.
    let presigned = Call::s3("PUT", "/web/a", "", b"").presigned(60);
    let mut before = Call { method: "OPTIONS", ..presigned };
    before = before.with("origin", "x").with("access-control-request-method", "PUT");
    assert_eq!(before.send(&cloud).expect(200, &[]).header("access-control-allow-origin"), Some("*"));
    let mut by_host =
        Call::s3("OPTIONS", "/a", "", b"").with("origin", "x").with("access-control-request-method", "PUT");
    by_host.headers[0].1 = "web.s3.eu-west-1.localhost:4566".to_owned();
    by_host.send(&cloud).expect(200, &[]);
    // Without a signature, and recorded by nobody.
    assert!(cloud.calls.take().iter().all(|call| call.operation.name != "HeadBucket"));
}

#[test]
fn answers_have_the_headers_that_let_a_page_read_them() {
    let cloud = with_rules();
    configure(&cloud, "PUT", "/web", "cors", RULES).expect(200, &[]);
    configure(&cloud, "PUT", "/private", "cors", RULES).expect(200, &[]);
    let check = |call: Call, status: u16, origin: Option<&str>| {
        let answer = call.send(&cloud);
        answer.expect(status, &[]);
        assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer:?}");
        assert_eq!(answer.header("vary").is_some(), origin.is_some(), "{answer:?}");
    };
    let get = |path| Call::s3("GET", path, "", b"");
    check(get("/web/a"), 200, None);
    check(get("/web/a").with("origin", "a.ok"), 200, Some("a.ok"));
    check(get("/web/a").with("origin", "a.no"), 200, None);
    check(get("/web/none").with("origin", "a.ok").signed(), 404, Some("a.ok"));
    check(get("/private/a").with("origin", "a.ok"), 403, Some("a.ok"));
    let put = |path| Call::s3("PUT", path, "", b"x").with("origin", "anybody");
    check(put("/private/a"), 403, Some("*"));
    check(put("/web/b"), 200, Some("*"));
    // S3 looks at what a preflight would ask for, in every request.
    check(put("/private/a").with("access-control-request-method", "GET"), 403, None);
}

#[test]
fn answers_about_buckets_and_parts_of_objects() {
    let cloud = with_rules();
    let signed = |method, path, query: &str| Call::s3(method, path, query, b"").signed();
    let part = Call::s3("GET", "/web/a", "", b"").with("range", "bytes=1-2").signed().send(&cloud);
    part.expect(206, &["ep"]);
    assert_eq!(part.header("content-range"), Some("bytes 1-2/4"));
    assert_eq!(part.header("content-type"), Some("binary/octet-stream"));
    assert_eq!(part.header("accept-ranges"), Some("bytes"));
    let beyond = Call::s3("GET", "/web/a", "", b"").with("range", "bytes=9-").signed().send(&cloud);
    beyond.expect(416, &["<Code>InvalidRange</Code>", "<ActualObjectSize>4</ActualObjectSize>"]);
    let mut connection = Connection::open(cloud.address);
    for (call, status, length) in [
        (signed("HEAD", "/web/a", ""), 200, Some("4")),
        (Call::s3("HEAD", "/web/a", "", b"").with("range", "bytes=0-1").signed(), 206, Some("2")),
        (signed("HEAD", "/web", ""), 200, None),
    ] {
        connection.write(&call.bytes());
        let answer = connection.answer_to("HEAD").expect("an answer");
        assert_eq!((answer.status, answer.header("server")), (status, Some("AmazonS3")), "{answer:?}");
        if let Some(length) = length {
            assert_eq!(answer.header("content-length"), Some(length), "{answer:?}");
        }
        assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")), "{answer:?}");
    }
    // Where a bucket is, from elsewhere, by HEAD too, and to whoever may not ask.
    let mut elsewhere = Call::s3("HEAD", "/web", "", b"");
    elsewhere.region = "eu-west-1";
    for (call, status) in [
        (elsewhere.signed(), 301),
        (signed("HEAD", "/web", ""), 200),
        (Call::s3("HEAD", "/private", "", b""), 403),
    ] {
        connection.write(&call.bytes());
        let answer = connection.answer_to("HEAD").expect("an answer");
        let region = answer.header("x-amz-bucket-region");
        assert_eq!((answer.status, region), (status, Some("us-east-1")), "{answer:?}");
        assert_eq!(answer.body, "");
    }
    let mut moved = Call::s3("GET", "/web/a", "", b"");
    moved.region = "eu-west-1";
    let moved = moved.signed().send(&cloud);
    moved.expect(
        301,
        &[
            "<Code>PermanentRedirect</Code>",
            "<Endpoint>web.s3.us-east-1.amazonaws.com</Endpoint>",
            "<Region>us-east-1</Region>",
        ],
    );
    assert_eq!(moved.header("x-amz-bucket-region"), Some("us-east-1"));
}

#[test]
fn what_was_deleted_is_told_in_headers() {
    let cloud = with_rules();
    let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    configure(&cloud, "PUT", "/web", "versioning", versioning).expect(200, &[]);
    let deleted = configure(&cloud, "DELETE", "/web/a", "", "");
    let marker = deleted.expect(204, &[]).header("x-amz-version-id").expect("an id").to_owned();
    let newest = configure(&cloud, "GET", "/web/a", "", "");
    newest.expect(404, &["<Code>NoSuchKey</Code>"]);
    assert!(!newest.body.contains("DeleteMarker"), "{newest:?}");
    let headers = (newest.header("x-amz-delete-marker"), newest.header("x-amz-version-id"));
    assert_eq!(headers, (Some("true"), Some(marker.as_str())));
    let named = configure(&cloud, "GET", "/web/a", &format!("versionId={marker}"), "");
    named.expect(
        405,
        &["<Code>MethodNotAllowed</Code>", "<Method>GET</Method>", "<ResourceType>DeleteMarker<"],
    );
    assert_eq!((named.header("x-amz-delete-marker"), named.header("allow")), (Some("true"), Some("DELETE")));
    assert_eq!(named.body.matches("<Method>").count(), 1);
    put(&cloud, "/web/b", "x", &[]);
    let tag = configure(&cloud, "GET", "/web/b", "", "").header("etag").expect("a tag").to_owned();
    let same = Call::s3("GET", "/web/b", "", b"").with("if-none-match", &tag).signed().send(&cloud);
    assert_eq!((same.status, same.header("etag"), same.body.as_str()), (304, Some(tag.as_str()), ""));
}

const SITE: &str = "<WebsiteConfiguration><ErrorDocument><Key>error.html</Key></ErrorDocument>\
    <IndexDocument><Suffix>index.html</Suffix></IndexDocument><RoutingRules>\
    <RoutingRule><Condition><KeyPrefixEquals>docs/</KeyPrefixEquals></Condition>\
    <Redirect><ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith></Redirect></RoutingRule>\
    <RoutingRule><Condition><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>\
    <KeyPrefixEquals>old/</KeyPrefixEquals></Condition><Redirect><HostName>old.example.com</HostName>\
    <HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>";

pub(crate) fn with_site() -> Cloud {
    let cloud = with_rules();
    configure(&cloud, "PUT", "/web", "website", SITE).expect(200, &[]);
    let html = [("content-type", "text/html")];
    put(&cloud, "/web/index.html", "home", &html);
    put(&cloud, "/web/b/index.html", "folder", &html);
    put(&cloud, "/web/error.html", "sorry", &html);
    put(&cloud, "/web/moved", "", &[("x-amz-website-redirect-location", "/a")]);
    cloud
}

pub(crate) const HOST: &str = "web.s3-website.localhost:4566";

pub(crate) fn visit(cloud: &Cloud, method: &'static str, host: &str, path: &'static str) -> Answer {
    let mut call = Call::s3(method, path, "", b"");
    host.clone_into(&mut call.headers[0].1);
    call.send(cloud)
}

#[test]
fn websites_are_kept_shown_and_removed() {
    let cloud = with_site();
    configure(&cloud, "GET", "/web", "website", "").expect(
        200,
        &[
            "<WebsiteConfiguration ",
            "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>",
            "<ErrorDocument><Key>error.html</Key></ErrorDocument>",
            "<KeyPrefixEquals>docs/</KeyPrefixEquals>",
        ],
    );
    let bad = SITE.replace("index.html", "a/b");
    configure(&cloud, "PUT", "/web", "website", &bad)
        .expect(400, &["<Code>InvalidArgument</Code>", "The IndexDocument Suffix is not well formed"]);
    configure(&cloud, "DELETE", "/web", "website", "").expect(204, &[]);
    configure(&cloud, "GET", "/web", "website", "")
        .expect(404, &["<Code>NoSuchWebsiteConfiguration</Code>", "<BucketName>web</BucketName>"]);
    visit(&cloud, "GET", HOST, "/").expect(404, &["NoSuchWebsiteConfiguration"]);
}

#[test]
fn a_website_has_pages() {
    let cloud = with_site();
    for host in [
        HOST,
        "web.s3-website-us-east-1.amazonaws.com",
        "WEB.s3-website.us-east-1.amazonaws.com",
        "web.s3-website.us-east-1.localhost",
    ] {
        let home = visit(&cloud, "GET", host, "/");
        home.expect(200, &["home"]);
        assert_eq!(home.header("content-type"), Some("text/html"));
        assert!(home.header("etag").is_some() && home.header("x-amz-id-2").is_some(), "{home:?}");
    }
    visit(&cloud, "GET", HOST, "/a").expect(200, &["kept"]);
    visit(&cloud, "GET", HOST, "/b/").expect(200, &["folder"]);
    let head = visit(&cloud, "HEAD", HOST, "/");
    assert_eq!((head.status, head.header("content-length"), head.body.as_str()), (200, Some("4"), ""));
    // Redirections: of folders, of objects, of rules.
    for (path, status, location) in [
        ("/b", 302, "/b/".to_owned()),
        ("/moved", 301, "/a".to_owned()),
        ("/docs/x%20y", 301, format!("http://{HOST}/documents/x%20y")),
        ("/old/x", 302, "http://old.example.com/old/x".to_owned()),
    ] {
        let sent = visit(&cloud, "GET", HOST, path);
        assert_eq!((sent.status, sent.header("location")), (status, Some(location.as_str())), "{path}");
        assert_eq!(sent.body, "");
    }
    // Errors: the owner's page, with the status, and for pages of other origins too.
    visit(&cloud, "GET", HOST, "/none").expect(404, &["sorry"]);
    let tag = visit(&cloud, "GET", HOST, "/a").header("etag").expect("a tag").to_owned();
    let mut again = Call::s3("GET", "/a", "", b"").with("if-none-match", &tag).with("range", "bytes=0-1");
    HOST.clone_into(&mut again.headers[0].1);
    assert_eq!(again.send(&cloud).status, 304);
    again.headers.retain(|(name, _)| *name != "if-none-match");
    again.send(&cloud).expect(206, &["ke"]);
    configure(&cloud, "PUT", "/web", "cors", RULES).expect(200, &[]);
    let crossed = again.with("origin", "a.ok").send(&cloud);
    assert_eq!(crossed.header("access-control-allow-origin"), Some("a.ok"));
    // Everything is read as by nobody, whoever signs.
    let asked = cloud.calls.take();
    assert!(asked.iter().any(|call| call.host.as_deref() == Some(HOST)));
    for call in asked.iter().filter(|call| call.host.as_deref() == Some(HOST)) {
        assert!(
            call.context.principal.is_anonymous()
                && ["GetObject", "HeadObject"].contains(&call.operation.name)
        );
    }
}

#[test]
fn a_website_tells_its_errors_in_html() {
    let cloud = with_site();
    let check = |answer: &Answer, status: u16, parts: &[&str]| {
        answer.expect(status, parts).expect(status, &["<!DOCTYPE html>", "<li>RequestId: "]);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{answer:?}");
    };
    let refused = visit(&cloud, "POST", HOST, "/a");
    check(&refused, 405, &["<title>405 Method Not Allowed</title>", "<li>Code: MethodNotAllowed</li>"]);
    assert_eq!(
        (refused.header("allow"), refused.header("x-amz-error-code")),
        (Some("GET, HEAD"), Some("MethodNotAllowed"))
    );
    check(&visit(&cloud, "PUT", HOST, "/new"), 405, &["MethodNotAllowed"]);
    configure(&cloud, "GET", "/web/new", "", "").expect(404, &[]);
    let other = visit(&cloud, "GET", "none.s3-website.localhost", "/");
    check(&other, 404, &["<li>Code: NoSuchBucket</li>", "<li>BucketName: none</li>"]);
    check(&visit(&cloud, "GET", "s3-website.localhost", "/"), 404, &["NoSuchBucket"]);
    let elsewhere = visit(&cloud, "GET", "web.s3-website-eu-west-1.amazonaws.com", "/");
    check(&elsewhere, 400, &["IncorrectEndpoint", "Endpoint: web.s3-website-us-east-1.amazonaws.com"]);
    assert_eq!(elsewhere.header("x-amz-bucket-region"), Some("us-east-1"));
    check(&visit(&cloud, "GET", HOST, "/%FF"), 400, &["InvalidURI"]);
    // Without a page for errors, and with one that is not there.
    let plain = SITE.replace("<ErrorDocument><Key>error.html</Key></ErrorDocument>", "");
    configure(&cloud, "PUT", "/web", "website", &plain).expect(200, &[]);
    let missing = visit(&cloud, "GET", HOST, "/%3Cscript%3E");
    check(&missing, 404, &["<li>Code: NoSuchKey</li>", "<li>Key: &lt;script&gt;</li>"]);
    configure(&cloud, "PUT", "/web", "website", &SITE.replace("error.html", "gone.html")).expect(200, &[]);
    check(&visit(&cloud, "GET", HOST, "/none"), 404, &["<li>Key: none</li>", "<li>Key: gone.html</li>"]);
    let head = visit(&cloud, "HEAD", HOST, "/none");
    assert_eq!((head.status, head.body.as_str()), (404, ""));
    // What nobody may read is no page, though its owner may read it.
    configure(&cloud, "PUT", "/private", "website", &plain).expect(200, &[]);
    put(&cloud, "/private/index.html", "secret", &[]);
    check(&visit(&cloud, "GET", "private.s3-website.localhost", "/"), 403, &["<li>Code: AccessDenied</li>"]);
    let mut signed = Call::s3("GET", "/", "", b"");
    "private.s3-website.localhost".clone_into(&mut signed.headers[0].1);
    signed.signed().send(&cloud).expect(403, &["AccessDenied"]);
}

#[test]
fn a_bucket_that_is_called_like_a_host_is_its_website() {
    let cloud = Cloud::with_s3(None);
    put(&cloud, "/www.example.com", "", &[]);
    put(&cloud, "/www.example.com/index.html", "home", &[]);
    visit(&cloud, "GET", "www.example.com", "/index.html").expect(404, &["<Code>NoSuchBucket</Code>"]);
    let all = "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>example.com</HostName><Protocol>https</Protocol>\
        </RedirectAllRequestsTo></WebsiteConfiguration>";
    let index = "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>";
    configure(&cloud, "PUT", "/www.example.com", "website", index).expect(200, &[]);
    visit(&cloud, "GET", "www.example.com:4566", "/").expect(200, &["home"]);
    configure(&cloud, "PUT", "/www.example.com", "website", all).expect(200, &[]);
    let sent = visit(&cloud, "GET", "www.example.com", "/a/b");
    assert_eq!((sent.status, sent.header("location")), (301, Some("https://example.com/a/b")));
}

#[test]
fn a_bucket_that_is_called_like_the_gateway_takes_no_request_of_a_service() {
    let cloud = Cloud::with_s3(None);
    let site = "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>";
    for (bucket, index) in
        [("/build.corp", "/build.corp/index.html"), ("/x.api.aws", "/x.api.aws/index.html")]
    {
        put(&cloud, bucket, "", &[]);
        put(&cloud, index, "captured", &[]);
        configure(&cloud, "PUT", bucket, "website", site).expect(200, &[]);
    }
    const FORM: &str = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=me\
        &RoleArn=arn:aws:iam::123456789012:role/r&WebIdentityToken=token";
    let at = |host: &str, mut call: Call| {
        host.clone_into(&mut call.headers[0].1);
        call.send(&cloud)
    };
    let by_form = Call::query("sts", FORM);
    let by_query = Call { method: "GET", query: FORM.to_owned(), body: Vec::new(), ..by_form.clone() };
    let get_with_form = Call { method: "GET", ..by_form.clone() };
    for call in [by_form, by_query, get_with_form] {
        at("build.corp:4566", call).expect(200, &["<Provider>"]);
    }
    let by_header = Call { method: "GET", ..Call::ssm("GetParameter", r#"{"Name":"/name"}"#) };
    let answer = at("build.corp:4566", by_header);
    assert!(answer.status >= 400 && !answer.body.contains("captured"), "{answer:?}");
    let posted = at("build.corp:4566", Call::s3("POST", "/", "", b"x"));
    assert!(
        posted.status >= 400 && posted.header("content-type") != Some("text/html; charset=utf-8"),
        "{posted:?}"
    );
    visit(&cloud, "GET", "build.corp:4566", "/").expect(200, &["captured"]);
    // Of a name that our certificates are for, no bucket is the website.
    let ours = visit(&cloud, "GET", "x.api.aws", "/");
    assert!(!ours.body.contains("captured"), "{ours:?}");
}
