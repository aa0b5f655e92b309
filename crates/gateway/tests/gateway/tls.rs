//! HTTPS on the same port, with the cloud's own authority.

use std::io;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use crate::client::{Call, Connection};
use crate::cloud::Cloud;

pub(crate) fn client_config(cloud: &Cloud) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&cloud.ca_path).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

pub(crate) type TlsConnection = Connection<StreamOwned<ClientConnection, TcpStream>>;

/// Connects, checking that the certificate is for that name.
pub(crate) fn connect(cloud: &Cloud, name: &str) -> io::Result<TlsConnection> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client_config(cloud)), name).unwrap();
    let mut socket = TcpStream::connect(cloud.address)?;
    while client.is_handshaking() {
        client.complete_io(&mut socket)?;
    }
    Ok(Connection::over(StreamOwned::new(client, socket)))
}

#[test]
fn one_port_speaks_both() {
    let cloud = Cloud::start();
    let call = Call::ec2("DescribeVpcs").signed();
    for name in [
        "localhost",
        "127.0.0.1",
        "::1",
        "ec2.us-east-1.amazonaws.com",
        "bucket.s3.eu-west-1.amazonaws.com",
        "ec2.localhost",
    ] {
        let mut connection = connect(&cloud, name).unwrap_or_else(|error| panic!("{name}: {error}"));
        connection.write(&call.bytes());
        connection.answer().unwrap().expect(200, &["secure_transport: true"]);
        let tls = cloud.calls.take()[0].tls.expect("it is encrypted");
        assert!(tls.version == "TLSv1_3" && tls.cipher_suite.starts_with("TLS13_AES_"), "{tls:?}");
    }
    call.send(&cloud).expect(200, &["secure_transport: false"]);
}

#[test]
fn names_that_are_not_ours_get_no_certificate() {
    let cloud = Cloud::start();
    for name in ["example.org", "amazonaws.com.example.org"] {
        let error = connect(&cloud, name).err().expect("the certificate is not for that name");
        assert!(error.to_string().contains("not valid for name"), "{error}");
    }
}

#[test]
fn the_authority_is_kept_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let tls_dir = dir.path().join("a/tls");
    let first = Cloud::in_dir(tls_dir.clone(), |_| {});
    let mode = |file: &str| tls_dir.join(file).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("."), mode("ca.key"), mode("ca.pem")), (0o700, 0o600, 0o644));
    let trusted = std::fs::read(&first.ca_path).unwrap();
    drop(first);
    let second = Cloud::in_dir(tls_dir, |_| {});
    assert_eq!(std::fs::read(&second.ca_path).unwrap(), trusted);
    connect(&second, "localhost").unwrap();
}

#[test]
fn http_2_by_alpn() {
    let cloud = Cloud::start();
    let mut config = client_config(&cloud);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(cloud.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let answers = (0..10).map(|_| {
            let call = Call::ec2("DescribeVpcs").signed();
            let mut request = http::Request::post("https://localhost/");
            // The host goes as :authority.
            for (name, value) in call.headers.iter().filter(|(name, _)| *name != "host") {
                request = request.header(*name, value);
            }
            sender.send_request(request.body(Full::new(Bytes::from(call.body))).unwrap())
        });
        for answer in futures_util::future::join_all(answers).await {
            let answer = answer.unwrap();
            assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert!(String::from_utf8_lossy(&body).contains("secure_transport: true"));
        }
    });
}
