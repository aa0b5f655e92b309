//! The versions of launch templates: CreateLaunchTemplateVersion, DeleteLaunchTemplateVersions,
//! DescribeLaunchTemplateVersions.
//!
//! Owns the numbers of versions. Refuses to know what a version says.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-launch-template-versions.html>

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{
    LaunchTemplate, LaunchTemplateData, LaunchTemplateVersion, PAGE_LIMITS, check_description, named,
    shown_number, version_number,
};
use crate::filter::{Filters, each, flag, text};
use crate::idempotency::Attempt;
use crate::page::Page;
use crate::state::State;
use crate::{Ec2, error, quota};

/// How many versions one request can delete.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteLaunchTemplateVersions.html>
const MAX_DELETED: usize = 200;

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateLaunchTemplateVersion>(create)
        .with::<op::DeleteLaunchTemplateVersions>(delete)
        .with::<op::DescribeLaunchTemplateVersions>(describe)
}

fn refuse_alias(resolve_alias: Option<bool>) -> Result<(), ServiceError> {
    match resolve_alias {
        Some(true) => Err(error::unsupported("Image aliases of launch templates are not resolved.")),
        Some(false) | None => Ok(()),
    }
}

/// What the request says goes over what its source version says.
fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateLaunchTemplateVersionRequest,
) -> Result<api::CreateLaunchTemplateVersionResult, ServiceError> {
    refuse_alias(input.resolve_alias)?;
    check_description(input.version_description.as_ref())?;
    let data = LaunchTemplateData::wanted(&input.launch_template_data)?;
    if data.is_empty() && input.source_version.is_none() {
        return Err(error::missing("LaunchTemplateData"));
    }
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateLaunchTemplateVersion", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |template: &LaunchTemplate, version: &LaunchTemplateVersion| {
            Ok(api::CreateLaunchTemplateVersionResult {
                launch_template_version: Some(shown(template, version)?),
                warning: None,
            })
        };
        if let Some(attempt) = &attempt
            && let Some(made) = attempt.earlier(edit)?
            && let [template, number] = &made[..]
            && let Ok(template) = edit.named::<LaunchTemplate>(template)
            && let Ok(version) = template.version(number)
        {
            return answer(&template, version);
        }
        let held = named(edit, input.launch_template_id.as_ref(), input.launch_template_name.as_ref())?;
        let mut template = LaunchTemplate::clone(&held);
        quota::VERSIONS_PER_LAUNCH_TEMPLATE.check(edit, template.versions.len() + 1)?;
        let data = match &input.source_version {
            Some(source) => template.version(source)?.data.clone().with(data),
            None => data,
        };
        let version = LaunchTemplateVersion {
            number: template.next_version,
            description: input.version_description.clone(),
            created_at: edit.now(),
            created_by: context.principal.arn.to_string(),
            data,
        };
        template.next_version += 1;
        template.versions.push(version.clone());
        edit.put(template.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![template.id.to_string(), version.number.to_string()]);
        }
        answer(&template, &version)
    })
}

/// Removes one version.
///
/// # Errors
/// The code and message of the version's own result.
fn remove(template: &mut LaunchTemplate, number: u64) -> Result<(), (&'static str, String)> {
    let Some(place) = template.versions.iter().position(|version| version.number == number) else {
        let message = format!("The specified launch template version {number} does not exist.");
        return Err(("launchTemplateVersionDoesNotExist", message));
    };
    if number == template.default_version {
        return Err((
            "unexpectedError",
            "The default version of a launch template cannot be deleted.".to_owned(),
        ));
    }
    template.versions.remove(place);
    Ok(())
}

/// Each version has a result of its own.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteLaunchTemplateVersionsRequest,
) -> Result<api::DeleteLaunchTemplateVersionsResult, ServiceError> {
    if input.versions.is_empty() {
        return Err(error::missing("LaunchTemplateVersion"));
    }
    if input.versions.len() > MAX_DELETED {
        let message = format!("The request can name at most {MAX_DELETED} versions");
        return Err(error::invalid_value(message));
    }
    let numbers: Vec<u64> =
        input.versions.iter().map(|text| version_number(text)).collect::<Result<_, _>>()?;
    ec2.edit(context, input.dry_run, |edit| {
        let held = named(edit, input.launch_template_id.as_ref(), input.launch_template_name.as_ref())?;
        let mut template = LaunchTemplate::clone(&held);
        let (id, name) = (Some(template.id.to_string()), Some(template.name.clone()));
        let (mut done, mut refused) = (Vec::new(), Vec::new());
        for number in numbers {
            match remove(&mut template, number) {
                Ok(()) => done.push(api::DeleteLaunchTemplateVersionsResponseSuccessItem {
                    launch_template_id: id.clone(),
                    launch_template_name: name.clone(),
                    version_number: shown_number(number),
                }),
                Err((code, message)) => refused.push(api::DeleteLaunchTemplateVersionsResponseErrorItem {
                    launch_template_id: id.clone(),
                    launch_template_name: name.clone(),
                    response_error: Some(api::ResponseError {
                        code: Some(code.to_owned()),
                        message: Some(message),
                    }),
                    version_number: shown_number(number),
                }),
            }
        }
        if !done.is_empty() {
            edit.put(template);
        }
        Ok(api::DeleteLaunchTemplateVersionsResult {
            successfully_deleted_launch_template_versions: Some(done),
            unsuccessfully_deleted_launch_template_versions: Some(refused),
        })
    })
}

fn shown(
    template: &LaunchTemplate,
    version: &LaunchTemplateVersion,
) -> Result<api::LaunchTemplateVersion, ServiceError> {
    Ok(api::LaunchTemplateVersion {
        create_time: Some(version.created_at),
        created_by: Some(version.created_by.clone()),
        default_version: Some(version.number == template.default_version),
        launch_template_data: Some(version.data.shown()?),
        launch_template_id: Some(template.id.to_string()),
        launch_template_name: Some(template.name.clone()),
        operator: Some(api::OperatorResponse { managed: Some(false), ..Default::default() }),
        version_description: version.description.clone(),
        version_number: shown_number(version.number),
    })
}

/// A value out of what the version says.
macro_rules! data {
    ($data:ident => $value:expr) => {
        |version| version.launch_template_data.iter().flat_map(|$data| $value).collect()
    };
}

/// A value of the version's metadata options.
macro_rules! metadata {
    ($member:ident) => {
        data!(data => data.metadata_options.iter().filter_map(|held| held.$member.clone()))
    };
}

static FILTERS: Filters<api::LaunchTemplateVersion> = Filters {
    tags: None,
    named: &[
        ("create-time", |version| version.create_time.iter().map(ToString::to_string).collect()),
        ("ebs-optimized", data!(data => flag(data.ebs_optimized))),
        ("http-endpoint", metadata!(http_endpoint)),
        ("http-tokens", metadata!(http_tokens)),
        (
            "host-resource-group-arn",
            data!(data => data.placement.iter().filter_map(|held| held.host_resource_group_arn.clone())),
        ),
        (
            "iam-instance-profile",
            data!(data => data.iam_instance_profile.iter().filter_map(|held| held.arn.clone().or(held.name.clone()))),
        ),
        ("image-id", data!(data => text(&data.image_id))),
        ("instance-type", data!(data => text(&data.instance_type))),
        ("is-default-version", |version| flag(version.default_version)),
        ("kernel-id", data!(data => text(&data.kernel_id))),
        (
            "license-configuration-arn",
            data!(data => each(&data.license_specifications, |held| held.license_configuration_arn.clone())),
        ),
        (
            "network-card-index",
            data!(data => each(&data.network_interfaces, |held| {
                held.network_card_index.map(|index| index.to_string())
            })),
        ),
        ("ram-disk-id", data!(data => text(&data.ram_disk_id))),
    ],
    absent: &["http-protocol-ipv4"],
};

/// Which versions of a template a request names, the newest first.
fn wanted<'a>(
    template: &'a LaunchTemplate,
    input: &api::DescribeLaunchTemplateVersionsRequest,
) -> Result<Vec<&'a LaunchTemplateVersion>, ServiceError> {
    if let Some(wanted) = input.versions.as_ref().filter(|versions| !versions.is_empty()) {
        let mut versions: Vec<_> =
            wanted.iter().map(|wanted| template.version(wanted)).collect::<Result<_, _>>()?;
        versions.sort_by_key(|version| std::cmp::Reverse(version.number));
        versions.dedup_by_key(|version| version.number);
        return Ok(versions);
    }
    let bound = |text: &Option<String>| text.as_deref().map(version_number).transpose();
    let least = bound(&input.min_version)?.unwrap_or(0);
    let most = bound(&input.max_version)?.unwrap_or(u64::MAX);
    Ok(template.versions.iter().rev().filter(|version| (least..=most).contains(&version.number)).collect())
}

fn check_selection(input: &api::DescribeLaunchTemplateVersionsRequest) -> Result<(), ServiceError> {
    refuse_alias(input.resolve_alias)?;
    let versions = input.versions.as_deref().unwrap_or_default();
    let has_range = input.min_version.is_some() || input.max_version.is_some();
    if has_range && !versions.is_empty() {
        return Err(error::combination("Versions cannot be specified with MinVersion or MaxVersion."));
    }
    if input.launch_template_id.is_some() || input.launch_template_name.is_some() {
        return Ok(());
    }
    // Without a template, the latest or default versions of all can be asked for.
    let are_names = |text: &String| ["$Latest", "$Default"].contains(&text.as_str());
    if has_range || versions.is_empty() || !versions.iter().all(are_names) {
        return Err(error::missing_either("LaunchTemplateId", "LaunchTemplateName"));
    }
    Ok(())
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeLaunchTemplateVersionsRequest,
) -> Result<api::DescribeLaunchTemplateVersionsResult, ServiceError> {
    check_selection(&input)?;
    let view = ec2.view(context);
    let templates = match (&input.launch_template_id, &input.launch_template_name) {
        (None, None) => view.all::<LaunchTemplate>().collect(),
        (id, name) => vec![named(&view, id.as_ref(), name.as_ref())?],
    };
    let mut versions = Vec::new();
    for template in &templates {
        for version in wanted(template, &input)? {
            versions.push(shown(template, version)?);
        }
    }
    FILTERS.apply(&mut versions, input.filters.as_ref())?;
    let keyed = versions
        .into_iter()
        .map(|version| {
            let id = version.launch_template_id.as_deref().unwrap_or_default();
            let number = i64::MAX - version.version_number.unwrap_or_default();
            (format!("{id}/{number:019}"), version)
        })
        .collect();
    let page = Page::within(
        "DescribeLaunchTemplateVersions",
        input.max_results,
        input.next_token.as_ref(),
        PAGE_LIMITS,
    );
    let (versions, next_token) = page.cut(keyed, |(key, _)| key)?;
    let versions = versions.into_iter().map(|(_, version)| version).collect();
    ec2.answer(
        input.dry_run,
        api::DescribeLaunchTemplateVersionsResult { launch_template_versions: Some(versions), next_token },
    )
}
