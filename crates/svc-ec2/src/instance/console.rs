//! GetConsoleOutput.

use aws_api::ec2::{self as api, operation as op};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use service_api::{Operations, RequestContext, ServiceError};

use super::Instance;
use crate::Ec2;
use crate::state::State;

/// How much of the output an answer has: the newest.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-console.html>
const MAX_BYTES: usize = 64 * 1024;

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::GetConsoleOutput>(get)
}

fn get(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetConsoleOutputRequest,
) -> Result<api::GetConsoleOutputResult, ServiceError> {
    let instance = ec2.view(context).named::<Instance>(&input.instance_id)?;
    let output = ec2.host.console_output(instance.id);
    let newest = output.as_deref().map(|bytes| &bytes[bytes.len().saturating_sub(MAX_BYTES)..]);
    ec2.answer(
        input.dry_run,
        api::GetConsoleOutputResult {
            instance_id: Some(instance.id.to_string()),
            output: newest.map(|bytes| STANDARD.encode(bytes)),
            timestamp: Some(context.now),
        },
    )
}
