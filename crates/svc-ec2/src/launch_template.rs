//! Launch templates: CreateLaunchTemplate, DeleteLaunchTemplate, ModifyLaunchTemplate, DescribeLaunchTemplates.
//!
//! Owns the record, names, and which template and version a request names. The operations on versions are in
//! [`version`], what a version says and how it completes a launch is in [`data`]. Refuses to launch.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-launch-templates.html>

pub(crate) mod data;
mod version;

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{LaunchTemplateId, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

pub use data::LaunchTemplateData;

use crate::filter::{Filters, text};
use crate::idempotency::Attempt;
use crate::page::Page;
use crate::state::{Naming, State, resource};
use crate::{Ec2, error, quota, tag};

/// How long a name can be.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html>
const NAME_CHARACTERS: std::ops::RangeInclusive<usize> = 3..=128;
/// How long a version's description can be.
const MAX_DESCRIPTION_CHARACTERS: usize = 255;
/// `MaxResults` of the describe operations.
const PAGE_LIMITS: (i32, i32) = (1, 200);

/// A launch template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaunchTemplate {
    /// Its id.
    pub id: LaunchTemplateId,
    /// Its name, which no other template of the account has in the region.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The ARN of who made it.
    pub created_by: String,
    /// The number of the version that a launch uses which names none.
    pub default_version: u64,
    /// The number that the next version gets: numbers are not used again.
    pub next_version: u64,
    /// Its versions, in the order of their numbers. The default one is always there.
    pub versions: Vec<LaunchTemplateVersion>,
    /// Its tags.
    pub tags: Tags,
}

/// A version of a launch template; it never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaunchTemplateVersion {
    /// Its number, from 1 on.
    pub number: u64,
    /// Its description.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The ARN of who made it.
    pub created_by: String,
    /// What it says of a launch.
    pub data: LaunchTemplateData,
}

resource!(
    LaunchTemplate,
    LaunchTemplateId,
    "ec2.launch-template",
    Naming {
        resource_type: "launch-template",
        noun: "launch template",
        not_found: "InvalidLaunchTemplateId.NotFound",
        malformed: "InvalidLaunchTemplateId.Malformed",
    },
    fn not_found_message(id: &str) -> String {
        format!("The specified launch template, with template ID {id}, does not exist.")
    },
    fn none_found_message(_: &[String]) -> String {
        NONE_FOUND.to_owned()
    }
);

/// The message when a list names templates that do not exist.
const NONE_FOUND: &str = "At least one of the launch templates specified in the request does not exist.";

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateLaunchTemplate>(create)
        .with::<op::DeleteLaunchTemplate>(delete)
        .with::<op::DescribeLaunchTemplates>(describe)
        .with::<op::ModifyLaunchTemplate>(modify);
    [data::operations, version::operations].into_iter().fold(table, |table, add| add(table))
}

impl LaunchTemplate {
    /// The number of the newest version.
    fn latest_version(&self) -> u64 {
        self.versions.last().map_or(self.default_version, |version| version.number)
    }

    /// A version as a request names it: a number, `$Latest` or `$Default`.
    ///
    /// # Errors
    /// `InvalidLaunchTemplateId.VersionNotFound`; `InvalidParameterValue` for what names no version.
    fn version(&self, wanted: &str) -> Result<&LaunchTemplateVersion, ServiceError> {
        let number = match wanted {
            "$Latest" => self.latest_version(),
            "$Default" => self.default_version,
            number => version_number(number)?,
        };
        self.versions.iter().find(|version| version.number == number).ok_or_else(|| {
            ServiceError::new(
                "InvalidLaunchTemplateId.VersionNotFound",
                format!(
                    "Could not find the specified version {wanted} for the launch template with ID {}.",
                    self.id
                ),
            )
        })
    }
}

/// The number of a version in a request.
fn version_number(text: &str) -> Result<u64, ServiceError> {
    text.parse().map_err(|_| {
        error::invalid_value_for(
            text,
            "launchTemplateVersion",
            "A version is given by its number, $Latest or $Default.",
        )
    })
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-()./_".contains(c);
    if NAME_CHARACTERS.contains(&name.chars().count()) && name.chars().all(is_allowed) {
        return Ok(());
    }
    Err(ServiceError::new(
        "InvalidLaunchTemplateName.MalformedException",
        "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the \
         following characters: - ( ) . / _.",
    ))
}

fn check_description(description: Option<&String>) -> Result<(), ServiceError> {
    match description.filter(|text| text.chars().count() > MAX_DESCRIPTION_CHARACTERS) {
        Some(_) => Err(error::invalid_value(format!(
            "The version description must not be longer than {MAX_DESCRIPTION_CHARACTERS} characters."
        ))),
        None => Ok(()),
    }
}

fn by_name(state: &impl State, name: &str) -> Option<Arc<LaunchTemplate>> {
    state.all::<LaunchTemplate>().find(|template| template.name == name)
}

/// The template that a request names by its id or by its name.
///
/// # Errors
/// `InvalidLaunchTemplateId.NotFound`, `InvalidLaunchTemplateId.Malformed`,
/// `InvalidLaunchTemplateName.NotFoundException`; both or neither.
fn named(
    state: &impl State,
    id: Option<&String>,
    name: Option<&String>,
) -> Result<Arc<LaunchTemplate>, ServiceError> {
    match (id, name) {
        (Some(id), None) => state.named::<LaunchTemplate>(id),
        (None, Some(name)) => by_name(state, name).ok_or_else(|| {
            ServiceError::new(
                "InvalidLaunchTemplateName.NotFoundException",
                format!("The specified launch template, with template name {name}, does not exist."),
            )
        }),
        (Some(_), Some(_)) => Err(error::combination(
            "Either a launch template ID or a launch template name can be specified, but not both.",
        )),
        (None, None) => Err(error::missing_either("LaunchTemplateId", "LaunchTemplateName")),
    }
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateLaunchTemplateRequest,
) -> Result<api::CreateLaunchTemplateResult, ServiceError> {
    if input.operator.is_some() {
        return Err(error::unsupported("Service-managed launch templates are not supported."));
    }
    check_name(&input.launch_template_name)?;
    check_description(input.version_description.as_ref())?;
    let data = LaunchTemplateData::wanted(&input.launch_template_data)?;
    if data.is_empty() {
        return Err(error::missing("LaunchTemplateData"));
    }
    let tags = tag::specified(input.tag_specifications.as_ref(), "launch-template")?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateLaunchTemplate", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |template: &LaunchTemplate| api::CreateLaunchTemplateResult {
            launch_template: Some(shown(template)),
            warning: None,
        };
        if let Some(attempt) = &attempt
            && let Some(template) = attempt.made::<LaunchTemplate>(edit)?
        {
            return Ok(answer(&template));
        }
        if by_name(edit, &input.launch_template_name).is_some() {
            return Err(ServiceError::new(
                "InvalidLaunchTemplateName.AlreadyExistsException",
                "Launch template name already in use.",
            ));
        }
        quota::LAUNCH_TEMPLATES_PER_REGION.check(edit, edit.count::<LaunchTemplate>() + 1)?;
        let (created_at, created_by) = (edit.now(), context.principal.arn.to_string());
        let first = LaunchTemplateVersion {
            number: 1,
            description: input.version_description.clone(),
            created_at,
            created_by: created_by.clone(),
            data,
        };
        let template = LaunchTemplate {
            id: edit.new_id(),
            name: input.launch_template_name.clone(),
            created_at,
            created_by,
            default_version: 1,
            next_version: 2,
            versions: vec![first],
            tags,
        };
        edit.put(template.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![template.id.to_string()]);
        }
        Ok(answer(&template))
    })
}

/// Its versions go with it; instances that were launched from it stay.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteLaunchTemplateRequest,
) -> Result<api::DeleteLaunchTemplateResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let template = named(edit, input.launch_template_id.as_ref(), input.launch_template_name.as_ref())?;
        edit.remove::<LaunchTemplate>(template.id);
        Ok(api::DeleteLaunchTemplateResult { launch_template: Some(shown(&template)) })
    })
}

/// Makes another version the default one.
fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::ModifyLaunchTemplateRequest,
) -> Result<api::ModifyLaunchTemplateResult, ServiceError> {
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("ModifyLaunchTemplate", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |template: &LaunchTemplate| api::ModifyLaunchTemplateResult {
            launch_template: Some(shown(template)),
        };
        if let Some(attempt) = &attempt
            && let Some(template) = attempt.made::<LaunchTemplate>(edit)?
        {
            return Ok(answer(&template));
        }
        let held = named(edit, input.launch_template_id.as_ref(), input.launch_template_name.as_ref())?;
        let wanted = input.default_version.as_deref().ok_or_else(|| error::missing("SetDefaultVersion"))?;
        let number = held.version(wanted)?.number;
        let template = LaunchTemplate { default_version: number, ..LaunchTemplate::clone(&held) };
        edit.put(template.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![template.id.to_string()]);
        }
        Ok(answer(&template))
    })
}

fn shown_number(number: u64) -> Option<i64> {
    i64::try_from(number).ok()
}

fn shown(template: &LaunchTemplate) -> api::LaunchTemplate {
    api::LaunchTemplate {
        create_time: Some(template.created_at),
        created_by: Some(template.created_by.clone()),
        default_version_number: shown_number(template.default_version),
        latest_version_number: shown_number(template.latest_version()),
        launch_template_id: Some(template.id.to_string()),
        launch_template_name: Some(template.name.clone()),
        operator: Some(api::OperatorResponse { managed: Some(false), ..Default::default() }),
        tags: tag::shown(&template.tags),
    }
}

static FILTERS: Filters<api::LaunchTemplate> = Filters {
    tags: Some(|template| template.tags.as_deref().unwrap_or_default()),
    named: &[
        ("create-time", |template| template.create_time.iter().map(ToString::to_string).collect()),
        ("launch-template-name", |template| text(&template.launch_template_name)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeLaunchTemplatesRequest,
) -> Result<api::DescribeLaunchTemplatesResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.launch_template_ids.as_ref().filter(|ids| !ids.is_empty());
    let names = input.launch_template_names.as_ref().filter(|names| !names.is_empty());
    let mut found = match (ids, names) {
        (Some(_), Some(_)) => {
            return Err(error::combination(
                "Either launch template IDs or launch template names can be specified, but not both.",
            ));
        }
        (ids, None) => view.selected::<LaunchTemplate>(ids)?,
        (None, Some(names)) => {
            let unknown = || ServiceError::new("InvalidLaunchTemplateName.NotFoundException", NONE_FOUND);
            names.iter().map(|name| by_name(&view, name).ok_or_else(unknown)).collect::<Result<_, _>>()?
        }
    };
    found.sort_by_key(|template| template.id);
    found.dedup_by_key(|template| template.id);
    let page =
        Page::within("DescribeLaunchTemplates", input.max_results, input.next_token.as_ref(), PAGE_LIMITS);
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (templates, next_token) = page.of_these(found, wanted, shown)?;
    ec2.answer(
        input.dry_run,
        api::DescribeLaunchTemplatesResult { launch_templates: Some(templates), next_token },
    )
}
