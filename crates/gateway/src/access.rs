//! The one log line of each request, and what is told of it to the log of a bucket.

use std::net::IpAddr;
use std::time::Instant;

use aws_protocol::Response;
use aws_types::AccountId;
use http::{HeaderMap, StatusCode};
use service_api::{Principal, RequestId};

use crate::handler::bucket_log::BucketLog;
use crate::s3::S3;

/// The status that is logged for a client that went away before the answer, as nginx has it.
const CLIENT_CLOSED: u16 = 499;

/// What is known of a request so far. Writes its line when it is dropped, whatever became of the request.
pub(crate) struct Access {
    pub(crate) started: Instant,
    pub(crate) request_id: RequestId,
    pub(crate) source_ip: IpAddr,
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) account: Option<AccountId>,
    pub(crate) error_code: Option<String>,
    /// What the log of a bucket is told of it.
    pub(crate) log: Option<Box<BucketLog>>,
    status: u16,
}

impl Access {
    /// What stands in the place of an operation that is not known.
    pub(crate) const NO_OPERATION: &str = "-";

    pub(crate) fn begin(request_id: RequestId, source_ip: IpAddr) -> Self {
        Self {
            started: Instant::now(),
            request_id,
            source_ip,
            service: "-",
            operation: Self::NO_OPERATION,
            account: None,
            error_code: None,
            log: None,
            status: CLIENT_CLOSED,
        }
    }

    /// The request was read. Should answering it panic, its line says so.
    pub(crate) fn begin_answer(&mut self) {
        self.status = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
    }

    /// It is known who asks.
    pub(crate) fn identify(&mut self, principal: &Principal) {
        self.account = (!principal.is_anonymous()).then_some(principal.account);
        if let Some(log) = &mut self.log {
            log.set_requester(principal);
        }
    }

    /// Writes the line. The log of a bucket is told when the answer's body was sent, too.
    pub(crate) fn end(mut self, response: &Response) -> Option<Box<BucketLog>> {
        self.status = response.status.as_u16();
        self.take_log(&response.headers)
    }

    fn take_log(&mut self, headers: &HeaderMap) -> Option<Box<BucketLog>> {
        let mut log = self.log.take().filter(|_| self.service == S3)?;
        // That nothing has changed is no error.
        let is_error = self.status != StatusCode::NOT_MODIFIED.as_u16();
        let code = self.error_code.as_deref().filter(|_| is_error);
        log.answered(self.operation, self.status, code, headers);
        Some(log)
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if self.log.is_some() {
            // Answering panicked.
            self.error_code.get_or_insert_with(|| "InternalError".to_owned());
            drop(self.take_log(&HeaderMap::new()));
        }
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "brume::access",
            service = self.service,
            operation = self.operation,
            account = self.account.map(tracing::field::display),
            status = self.status,
            micros,
            code = self.error_code.as_deref(),
            request_id = %self.request_id,
            source = %self.source_ip,
        );
    }
}
