//! What the tests of this crate call EC2 with. Knows no test.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_types::{InstanceId, Partition, Timestamp};
use service_api::{IdSource, Principal, PrincipalKind, RequestContext, RequestId};
use svc_ec2::HostView;

/// Ids that nobody guesses, the same in every run.
#[derive(Default)]
pub(crate) struct Ids(AtomicU64);

impl IdSource for Ids {
    fn bits(&self) -> u128 {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        u128::from(count).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

/// A host without instances.
pub(crate) struct NoHost;

impl HostView for NoHost {
    fn console_output(&self, _: InstanceId) -> Option<Vec<u8>> {
        None
    }
}

/// A request of the first account's root user.
pub(crate) fn context() -> RequestContext {
    RequestContext {
        partition: Partition::Aws,
        region: "us-east-1".parse().unwrap(),
        principal: Principal {
            account: "123456789012".parse().unwrap(),
            kind: PrincipalKind::Root,
            arn: "arn:aws:iam::123456789012:root".parse().unwrap(),
            user_id: "123456789012".to_owned(),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        },
        request_id: RequestId::from_bits(1),
        now: Timestamp::from_unix_millis(1_795_357_680_000),
        source_ip: "127.0.0.1".parse().unwrap(),
        user_agent: String::new(),
        secure_transport: false,
    }
}
