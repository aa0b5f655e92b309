//! GetConsoleOutput, GetPasswordData.

use aws_api::ec2::{self as api, operation as op};
use aws_catalog::Hypervisor;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use service_api::{Operations, RequestContext, ServiceError};

use super::Instance;
use crate::state::State;
use crate::{Ec2, error};

/// How much of the output an answer has: the newest.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-console.html>
const MAX_BYTES: usize = 64 * 1024;

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::GetConsoleOutput>(get).with::<op::GetPasswordData>(password)
}

fn get(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetConsoleOutputRequest,
) -> Result<api::GetConsoleOutputResult, ServiceError> {
    let instance = ec2.view(context).named::<Instance>(&input.instance_id)?;
    // Of Nitro types AWS has the output as of now; of others only what was posted after the last change of state. Here all
    // have it as of now, but whoever relies on that should see where AWS refuses.
    let kind = aws_catalog::instance_type(&instance.instance_type);
    if input.latest == Some(true) && kind.is_some_and(|kind| kind.hypervisor == Hypervisor::Xen) {
        return Err(error::unsupported(
            "This instance type does not support retrieving the latest console logs",
        ));
    }
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

/// Only Windows writes a password to its console, and there are no images of it: the data is empty, as on AWS for other
/// systems. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetPasswordData.html>
fn password(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetPasswordDataRequest,
) -> Result<api::GetPasswordDataResult, ServiceError> {
    let instance = ec2.view(context).named::<Instance>(&input.instance_id)?;
    ec2.answer(
        input.dry_run,
        api::GetPasswordDataResult {
            instance_id: Some(instance.id.to_string()),
            timestamp: Some(context.now),
            password_data: Some(String::new()),
        },
    )
}
