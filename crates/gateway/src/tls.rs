//! The certificate authority of this cloud, and certificates for the names that clients ask for.
//!
//! The authority is made once and kept in two files; certificates are made when asked for and live in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use jiff::{Span, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{AuthorityError, Clock, GatewayError};

/// The authority's certificate, which clients are told to trust.
const CA_FILE: &str = "ca.pem";
const CA_KEY_FILE: &str = "ca.key";

/// How many names have a certificate at one time.
const MAX_CERTIFICATES: usize = 256;

/// How long a certificate is used before a new one is made, well within its validity.
const RENEW_AFTER_DAYS: i64 = 30;
const VALID_DAYS: i64 = 397;
const CA_VALID_DAYS: i64 = 3650;

/// A certificate authority in a directory.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    ca_path: PathBuf,
    ca_der: CertificateDer<'static>,
}

impl Authority {
    /// Reads the authority, or makes it when there is none.
    pub(crate) fn open(dir: &Path, today: Date) -> Result<Self, GatewayError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|cause| file_error(dir, cause))?;
        let (ca_path, key_path) = (dir.join(CA_FILE), dir.join(CA_KEY_FILE));
        let key_unusable = |error: rcgen::Error| unusable(&key_path, error);
        let key = match std::fs::read_to_string(&key_path) {
            Ok(pem) => KeyPair::from_pem(&pem).map_err(key_unusable)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate().map_err(key_unusable)?;
                write_file(&key_path, &key.serialize_pem(), 0o600)?;
                key
            }
            Err(cause) => return Err(file_error(&key_path, cause)),
        };
        // The name and key identifier follow from the key, so the certificate on disk is one of this issuer whichever
        // run wrote it.
        let params = ca_params(&key, today);
        let pem = match std::fs::read_to_string(&ca_path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pem = params.self_signed(&key).map_err(key_unusable)?.pem();
                write_file(&ca_path, &pem, 0o644)?;
                pem
            }
            Err(cause) => return Err(file_error(&ca_path, cause)),
        };
        let ca_der = PemObject::from_pem_slice(pem.as_bytes())
            .map_err(|error: pem::Error| unusable(&ca_path, error))?;
        Ok(Self { issuer: Issuer::new(params, key), ca_path, ca_der })
    }

    /// Where the certificate is that clients have to trust.
    pub(crate) fn ca_path(&self) -> &Path {
        &self.ca_path
    }

    fn issue(&self, names: &[SanType], today: Date) -> Result<CertifiedKey, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        set_validity(&mut params, today, VALID_DAYS);
        params.distinguished_name.push(DnType::CommonName, "Brume");
        params.subject_alt_names = names.to_vec();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signing_key = aws_lc_rs::sign::any_ecdsa_type(&der).expect("it was just made as a P-256 key");
        Ok(CertifiedKey::new(vec![certificate.der().clone(), self.ca_der.clone()], signing_key))
    }
}

/// The authority of the cloud for servers of its own beside the gateway's port, such as hosts of the simulated internet.
pub struct CloudAuthority {
    authority: Authority,
    clock: Arc<dyn Clock>,
}

impl CloudAuthority {
    /// Reads the authority in a directory, or makes it when there is none.
    ///
    /// # Errors
    /// Its files cannot be read or written, or are not an authority's.
    pub fn open(tls_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, GatewayError> {
        let authority = Authority::open(tls_dir, date_of(&*clock))?;
        Ok(Self { authority, clock })
    }

    /// A certificate for a name and addresses, valid from yesterday on for more than a year.
    ///
    /// # Errors
    /// The name cannot be in a certificate, or the authority does not sign.
    pub fn certify(&self, name: &str, addresses: &[IpAddr]) -> Result<CertifiedKey, AuthorityError> {
        let mut names = vec![SanType::DnsName(name.try_into()?)];
        names.extend(addresses.iter().copied().map(SanType::IpAddress));
        Ok(self.authority.issue(&names, date_of(&*self.clock))?)
    }
}

pub(crate) fn date_of(clock: &dyn Clock) -> Date {
    today(Timestamp::from_second(clock.now().unix_secs()).unwrap_or_default())
}

fn ca_params(key: &KeyPair, today: Date) -> CertificateParams {
    let mut params = CertificateParams::default();
    set_validity(&mut params, today, CA_VALID_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let identifier = hex::encode(params.key_identifier(key));
    params.distinguished_name.push(DnType::CommonName, format!("Brume local CA {}", &identifier[..8]));
    params
}

/// Valid from yesterday on, for clients whose clocks are behind.
fn set_validity(params: &mut CertificateParams, today: Date, days: i64) {
    let date = |days: i64| {
        let date = today.saturating_add(Span::new().days(days));
        date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = date(-1);
    params.not_after = date(days);
}

fn unusable(path: &Path, cause: impl Into<AuthorityError>) -> GatewayError {
    GatewayError::Authority { path: path.to_owned(), cause: cause.into() }
}

fn file_error(path: &Path, cause: io::Error) -> GatewayError {
    GatewayError::File { path: path.to_owned(), cause }
}

/// Writes a file so that it is there whole or not at all.
fn write_file(path: &Path, text: &str, mode: u32) -> Result<(), GatewayError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|cause| file_error(path, cause))
}

/// Today, in UTC.
pub(crate) fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// Picks, and makes, the certificate that a client's hello asks for.
pub(crate) struct Certificates {
    authority: Authority,
    /// For clients that name no host, or one that is none of ours.
    default_names: Vec<SanType>,
    /// Which hosts are ours.
    is_ours: Box<dyn Fn(&str) -> bool + Send + Sync>,
    today: Box<dyn Fn() -> Date + Send + Sync>,
    made: Mutex<BTreeMap<String, (Date, Arc<CertifiedKey>)>>,
}

impl Certificates {
    pub(crate) fn new(
        authority: Authority,
        listen: IpAddr,
        today: impl Fn() -> Date + Send + Sync + 'static,
    ) -> Self {
        let mut default_names: Vec<SanType> =
            ["localhost", "*.localhost"].into_iter().filter_map(dns_name).collect();
        let mut addresses = vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])];
        if !listen.is_unspecified() && !addresses.contains(&listen) {
            addresses.push(listen);
        }
        default_names.extend(addresses.into_iter().map(SanType::IpAddress));
        Self::of(authority, default_names, is_ours, today)
    }

    /// Those of a service's public addresses: of its names, and of no others.
    pub(crate) fn of_endpoint(
        authority: Authority,
        default_name: &str,
        is_named: impl Fn(&str) -> bool + Send + Sync + 'static,
        today: impl Fn() -> Date + Send + Sync + 'static,
    ) -> Self {
        Self::of(authority, dns_name(default_name).into_iter().collect(), is_named, today)
    }

    fn of(
        authority: Authority,
        default_names: Vec<SanType>,
        is_ours: impl Fn(&str) -> bool + Send + Sync + 'static,
        today: impl Fn() -> Date + Send + Sync + 'static,
    ) -> Self {
        let (is_ours, today) = (Box::new(is_ours), Box::new(today));
        Self { authority, default_names, is_ours, today, made: Mutex::default() }
    }

    /// The TLS side of the gateway's port.
    pub(crate) fn server_config(self) -> ServerConfig {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has the ciphers of TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }

    /// The certificate for a host name that is ours, or the one for the local names and addresses.
    fn certificate(&self, server_name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let name =
            server_name.map(str::to_ascii_lowercase).filter(|name| (self.is_ours)(name)).unwrap_or_default();
        let today = (self.today)();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, certificate)) = made.get(&name)
            && today.duration_since(*since).as_hours() < RENEW_AFTER_DAYS * 24
        {
            return Some(Arc::clone(certificate));
        }
        let mut names = self.default_names.clone();
        names.extend(dns_name(&name));
        let certificate = match self.authority.issue(&names, today) {
            Ok(certificate) => Arc::new(certificate),
            Err(error) => {
                tracing::error!(%error, name, "a certificate could not be made");
                return None;
            }
        };
        if made.len() >= MAX_CERTIFICATES {
            made.clear();
        }
        made.insert(name, (today, Arc::clone(&certificate)));
        Some(certificate)
    }
}

/// Whether a certificate is made for that name: one of AWS's, or one under `localhost`.
pub(crate) fn is_ours(name: &str) -> bool {
    [".amazonaws.com", ".amazonaws.com.cn", ".aws", ".localhost"]
        .iter()
        .any(|suffix| name.strip_suffix(suffix).is_some_and(|rest| !rest.is_empty()))
}

fn dns_name(name: &str) -> Option<SanType> {
    (!name.is_empty()).then(|| name.try_into().ok().map(SanType::DnsName)).flatten()
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificate(hello.server_name())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}
