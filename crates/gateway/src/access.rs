//! The one log line of each request.

use std::net::IpAddr;
use std::time::Instant;

use aws_types::AccountId;
use service_api::RequestId;

/// The status that is logged for a client that went away before the answer, as nginx has it.
const CLIENT_CLOSED: u16 = 499;

/// What is known of a request so far. Writes its line when it is dropped, whatever became of the request.
pub(crate) struct Access {
    started: Instant,
    pub(crate) request_id: RequestId,
    pub(crate) source_ip: IpAddr,
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) account: Option<AccountId>,
    pub(crate) error_code: Option<String>,
    status: u16,
}

impl Access {
    pub(crate) fn begin(request_id: RequestId, source_ip: IpAddr) -> Self {
        Self {
            started: Instant::now(),
            request_id,
            source_ip,
            service: "-",
            operation: "-",
            account: None,
            error_code: None,
            status: CLIENT_CLOSED,
        }
    }

    /// The request was read. Should answering it panic, its line says so.
    pub(crate) fn begin_answer(&mut self) {
        self.status = http::StatusCode::INTERNAL_SERVER_ERROR.as_u16();
    }

    /// Writes the line.
    pub(crate) fn end(mut self, status: http::StatusCode) {
        self.status = status.as_u16();
    }
}

impl Drop for Access {
    fn drop(&mut self) {
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
