//! Certificates for the tests, made as they run.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A certificate and its key, in PEM.
pub(crate) struct Made {
    pub(crate) body: String,
    pub(crate) key: String,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![format!("{name}.example")]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// One that vouches for itself.
pub(crate) fn self_signed(name: &str) -> Made {
    self_signed_in(name, 2020, 2040)
}

/// One that is valid from the beginning of a year to that of another.
pub(crate) fn self_signed_in(name: &str, from: i32, until: i32) -> Made {
    let key = KeyPair::generate().unwrap();
    let mut params = params(name);
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    Made { body: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// A root, an intermediate that it signed, and a leaf that the intermediate signed.
pub(crate) fn chain() -> (Made, String, String) {
    let ca = |name: &str| {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let [root_key, middle_key, leaf_key] = [(); 3].map(|()| KeyPair::generate().unwrap());
    let root = ca("root").self_signed(&root_key).unwrap().pem();
    let root_issuer = Issuer::new(ca("root"), root_key);
    let middle = ca("middle").signed_by(&middle_key, &root_issuer).unwrap().pem();
    let middle_issuer = Issuer::new(ca("middle"), middle_key);
    let leaf = params("leaf").signed_by(&leaf_key, &middle_issuer).unwrap().pem();
    (Made { body: leaf, key: leaf_key.serialize_pem() }, middle, root)
}
