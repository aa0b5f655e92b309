//! DescribeVolumeAttribute, ModifyVolumeAttribute.

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::Volume;
use crate::state::State;
use crate::{Ec2, error};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeVolumeAttribute>(describe).with::<op::ModifyVolumeAttribute>(modify)
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVolumeAttributeRequest,
) -> Result<api::DescribeVolumeAttributeResult, ServiceError> {
    let view = ec2.view(context);
    let volume = view.named::<Volume>(&input.volume_id)?;
    let mut answer =
        api::DescribeVolumeAttributeResult { volume_id: Some(volume.id.to_string()), ..Default::default() };
    match input.attribute.as_str() {
        "autoEnableIO" => {
            answer.auto_enable_io = Some(api::AttributeBooleanValue { value: Some(volume.auto_enable_io) });
        }
        "productCodes" => answer.product_codes = Some(Vec::new()),
        other => return Err(error::invalid_value_for(other, "attribute", "Unknown volume attribute")),
    }
    ec2.answer(input.dry_run, answer)
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVolumeAttributeRequest,
) -> Result<Unit, ServiceError> {
    let wanted = input.auto_enable_io.as_ref().and_then(|held| held.value);
    let wanted = wanted.ok_or_else(|| error::missing("autoEnableIO"))?;
    ec2.edit(context, input.dry_run, |edit| {
        let volume = edit.named::<Volume>(&input.volume_id)?;
        edit.put(Volume { auto_enable_io: wanted, ..Volume::clone(&volume) });
        Ok(Unit)
    })
}
