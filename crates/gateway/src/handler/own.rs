//! The gateway's own pages, for whoever looks after it.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use super::Handler;
use crate::outgoing::Outgoing;

/// Below this path the gateway answers for itself. No service has it: it is no bucket name, for the underscore.
pub(super) const OWN_PATH: &str = "/_brume/";
const HEALTH_PATH: &str = "/_brume/health";

impl Handler {
    /// The gateway's own pages.
    pub(super) fn own(&self, method: &Method, path: &str) -> http::Response<Outgoing> {
        let (status, body) = match (method, path) {
            (&Method::GET | &Method::HEAD, HEALTH_PATH) => (
                StatusCode::OK,
                serde_json::json!({
                    "status": "running",
                    "version": env!("CARGO_PKG_VERSION"),
                    "services": self.services.keys().collect::<Vec<_>>(),
                }),
            ),
            (_, HEALTH_PATH) => (StatusCode::METHOD_NOT_ALLOWED, serde_json::json!({"message": "use GET"})),
            _ => (StatusCode::NOT_FOUND, serde_json::json!({"message": "there is no such page"})),
        };
        let mut response = http::Response::new(Outgoing::whole(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}
