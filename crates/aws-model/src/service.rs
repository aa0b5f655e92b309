//! The registry of services whose models are built in.

use std::sync::OnceLock;

use crate::Model;
use crate::embedded::SERVICES;

/// A service whose model is built in, with the few facts that dispatch needs before the model is read.
#[derive(Debug)]
pub struct Service {
    /// The name of the model: `ec2`, `elbv2`.
    pub name: &'static str,
    /// The name in signatures; several models may share one, as `elb` and `elbv2` do.
    pub signing_name: &'static str,
    /// The first label of the service's host names.
    pub endpoint_prefix: &'static str,
    /// What precedes the operation in `X-Amz-Target` and stands in RPC v2 paths.
    pub target_prefix: Option<&'static str>,
    /// The version of the API, by which query services with one signing name differ.
    pub api_version: &'static str,
    pub(crate) compressed: &'static [u8],
    pub(crate) model: OnceLock<&'static Model>,
}

impl Service {
    /// The service's model, read from its compressed form when first asked for.
    pub fn model(&self) -> &'static Model {
        self.model.get_or_init(|| {
            let text =
                zstd::decode_all(self.compressed).expect("the file was compressed by `cargo xtask models`");
            let text = String::leak(String::from_utf8(text).expect("the file is JSON"));
            let model = serde_json::from_str(text).expect("the file was written from these types");
            Box::leak(Box::new(model))
        })
    }

    /// The model if something has asked for it already.
    pub fn loaded_model(&self) -> Option<&'static Model> {
        self.model.get().copied()
    }
}

/// All services, sorted by name.
pub fn services() -> &'static [Service] {
    &SERVICES
}

/// The service of that model name.
pub fn service(name: &str) -> Option<&'static Service> {
    let index = SERVICES.binary_search_by(|service| service.name.cmp(name)).ok()?;
    Some(&SERVICES[index])
}

/// The services that sign as that name, which is more than one for load balancing.
pub fn services_signing_as(name: &str) -> impl Iterator<Item = &'static Service> {
    SERVICES.iter().filter(move |service| service.signing_name == name)
}

/// The services whose host names begin with that label.
pub fn services_at_endpoint(prefix: &str) -> impl Iterator<Item = &'static Service> {
    SERVICES.iter().filter(move |service| service.endpoint_prefix == prefix)
}

/// The service of that prefix in `X-Amz-Target` (what stands before its last dot), or of that name in an RPC v2 path.
pub fn service_of_target(prefix: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.target_prefix == Some(prefix))
}
