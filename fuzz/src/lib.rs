//! What is fuzzed: each function takes any bytes through one parser and what follows from it.
//!
//! Owns how bytes become a request, a frame or a packet. The functions are plain, so that `tests/seeds.rs` plays the seeds
//! through them without a fuzzer, and a crash can be played again by `cargo run --bin fuzz-NAME FILE`.

mod federation;
mod files;
mod forms;

mod network;
mod organization_policies;
mod policies;
mod protocol;
mod services;

pub use federation::saml_response;
pub use files::assertions;
pub use forms::post_policy;
pub use network::frame;
pub use organization_policies::management_policy;
pub use policies::policies;
pub use protocol::{cbor, json, query, rest_json, rest_xml, sigv4};
pub use services::{dns, imds, ntp};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its folder of seeds.
pub const TARGETS: [(&str, Target); 15] = [
    ("query", query),
    ("json", json),
    ("cbor", cbor),
    ("rest_json", rest_json),
    ("rest_xml", rest_xml),
    ("sigv4", sigv4),
    ("frame", frame),
    ("dns", dns),
    ("ntp", ntp),
    ("imds", imds),
    ("assertions", assertions),
    ("policies", policies),
    ("saml_response", saml_response),
    ("management_policy", management_policy),
    ("post_policy", post_policy),
];

/// The program of a target: under libFuzzer what it calls, and otherwise one that plays the files named.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::$name(bytes));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            for path in std::env::args_os().skip(1) {
                $crate::$name(&std::fs::read(path)?);
            }
            Ok(())
        }
    };
}
