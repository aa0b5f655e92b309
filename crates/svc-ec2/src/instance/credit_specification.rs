//! DescribeInstanceCreditSpecifications, ModifyInstanceCreditSpecification.
//!
//! Owns how burstable instances are said to spend CPU credits. Refuses to know credits: there are none.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances.html>

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::Instance;
use super::lifecycle::DesiredState;
use crate::filter::{Filters, text};
use crate::idempotency::Attempt;
use crate::page::Page;
use crate::state::{Edit, State};
use crate::{Ec2, error};

const STANDARD: &str = "standard";
const UNLIMITED: &str = "unlimited";

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeInstanceCreditSpecifications>(describe)
        .with::<op::ModifyInstanceCreditSpecification>(modify)
}

/// The option of an instance; what is not burstable is shown as `standard`.
fn shown(instance: &Instance) -> api::InstanceCreditSpecification {
    api::InstanceCreditSpecification {
        instance_id: Some(instance.id.to_string()),
        cpu_credits: Some(instance.cpu_credits.clone().unwrap_or_else(|| STANDARD.to_owned())),
    }
}

static FILTERS: Filters<api::InstanceCreditSpecification> =
    Filters { tags: None, named: &[("instance-id", |held| text(&held.instance_id))], absent: &[] };

/// Without ids, only those that are `unlimited`.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceCreditSpecifications.html>
fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeInstanceCreditSpecificationsRequest,
) -> Result<api::DescribeInstanceCreditSpecificationsResult, ServiceError> {
    let has_ids = input.instance_ids.as_ref().is_some_and(|ids| !ids.is_empty());
    if has_ids && input.max_results.is_some() {
        return Err(error::combination(
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    let view = ec2.view(context);
    let mut instances = view.selected::<Instance>(input.instance_ids.as_ref())?;
    instances.retain(|instance| has_ids || instance.cpu_credits.as_deref() == Some(UNLIMITED));
    let page =
        Page::new("DescribeInstanceCreditSpecifications", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (specifications, next_token) = page.of_these(instances, wanted, shown)?;
    ec2.answer(
        input.dry_run,
        api::DescribeInstanceCreditSpecificationsResult {
            instance_credit_specifications: Some(specifications),
            next_token,
        },
    )
}

/// One instance as a request wants it.
fn changed(
    edit: &Edit<'_>,
    wanted: &api::InstanceCreditSpecificationRequest,
    credits: &str,
) -> Result<Instance, ServiceError> {
    let instance = Arc::unwrap_or_clone(edit.named::<Instance>(&wanted.instance_id)?);
    if instance.desired() == DesiredState::Terminated {
        let message =
            format!("The instance '{}' is {} and cannot be modified.", instance.id, instance.state.as_str());
        return Err(ServiceError::new("IncorrectInstanceState", message));
    }
    if instance.cpu_credits.is_none() {
        let message = format!("The {} instance type does not support CPU credits.", instance.instance_type);
        return Err(ServiceError::new("InstanceCreditSpecification.NotSupported", message));
    }
    Ok(Instance { cpu_credits: Some(credits.to_owned()), ..instance })
}

/// The option that a request names.
fn credits(wanted: &api::InstanceCreditSpecificationRequest) -> Result<&str, ServiceError> {
    match wanted.cpu_credits.as_deref() {
        Some(credits @ (STANDARD | UNLIMITED)) => Ok(credits),
        Some(other) => Err(ServiceError::new(
            "InvalidCpuCredits.Malformed",
            format!("Invalid value '{other}' for CpuCredits. Valid values are standard and unlimited."),
        )),
        None => Err(error::missing("CpuCredits")),
    }
}

/// Changes those that can be changed, and tells of the others why they were not.
fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::ModifyInstanceCreditSpecificationRequest,
) -> Result<api::ModifyInstanceCreditSpecificationResult, ServiceError> {
    if input.instance_credit_specifications.is_empty() {
        return Err(error::missing("InstanceCreditSpecification"));
    }
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("ModifyInstanceCreditSpecification", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let earlier = match &attempt {
            Some(attempt) => attempt.earlier(edit)?,
            None => None,
        };
        let (mut successful, mut unsuccessful) = (Vec::new(), Vec::new());
        for wanted in &input.instance_credit_specifications {
            let id = &wanted.instance_id;
            match changed(edit, wanted, credits(wanted)?) {
                // What an earlier attempt has done is not done over what came since.
                _ if earlier.as_ref().is_some_and(|done| done.contains(id)) => successful.push(id.clone()),
                Ok(instance) => {
                    edit.put(instance);
                    successful.push(id.clone());
                }
                Err(error) => unsuccessful.push(api::UnsuccessfulInstanceCreditSpecificationItem {
                    instance_id: Some(id.clone()),
                    error: Some(api::UnsuccessfulInstanceCreditSpecificationItemError {
                        code: Some(error.code.to_string()),
                        message: Some(error.message),
                    }),
                }),
            }
        }
        if let Some(attempt) = attempt.as_ref().filter(|_| earlier.is_none()) {
            attempt.remember(edit, successful.clone());
        }
        let item = |id| api::SuccessfulInstanceCreditSpecificationItem { instance_id: Some(id) };
        Ok(api::ModifyInstanceCreditSpecificationResult {
            successful_instance_credit_specifications: Some(successful.into_iter().map(item).collect()),
            unsuccessful_instance_credit_specifications: Some(unsuccessful),
        })
    })
}
