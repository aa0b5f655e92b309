//! IAM instance profiles of instances: AssociateIamInstanceProfile, DisassociateIamInstanceProfile,
//! ReplaceIamInstanceProfileAssociation, DescribeIamInstanceProfileAssociations.
//!
//! Owns the record of an association. Profiles are records of `identities`: one has to be there when it is named. Refuses to
//! know what the role in it may do.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{IamInstanceProfileAssociationId, InstanceId, Tags, Timestamp};
use identities::{InstanceProfile, name_key};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use sha2::{Digest, Sha256};
use store::{Read as _, RecordKind, Scope};

use super::Instance;
use super::lifecycle::InstanceState;
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::progress::{Change, Progress};
use crate::state::{Edit, Naming, State, resource};
use crate::{Ec2, error, pace};

/// How long a profile's name can be.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_NAME_CHARACTERS: usize = 128;

/// The association of an instance with an instance profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IamInstanceProfileAssociation {
    /// Its id.
    pub id: IamInstanceProfileAssociationId,
    /// The instance.
    pub instance: InstanceId,
    /// The ARN of the profile.
    pub profile_arn: String,
    /// The id of the profile. `None` in associations from before there were profiles.
    #[serde(default)]
    pub instance_profile_id: Option<String>,
    /// When it was asked for, or asked to end.
    pub changed_at: Timestamp,
    /// Which of the two, and when that is done.
    #[serde(flatten)]
    pub progress: Progress,
    /// Always empty: associations carry no tags.
    #[serde(default)]
    pub tags: Tags,
}

resource!(
    IamInstanceProfileAssociation,
    IamInstanceProfileAssociationId,
    "ec2.iam-instance-profile-association" in instance,
    Naming {
        resource_type: "iam-instance-profile-association",
        noun: "association",
        not_found: "NoSuchAssociation",
        malformed: "InvalidAssociationID.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.progress.is_ended().then_some(self.progress.done_at)
    }
);

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AssociateIamInstanceProfile>(associate)
        .with::<op::DescribeIamInstanceProfileAssociations>(describe)
        .with::<op::DisassociateIamInstanceProfile>(disassociate)
        .with::<op::ReplaceIamInstanceProfileAssociation>(replace)
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<IamInstanceProfileAssociation>()];

/// The profile of the account that has this name.
pub(crate) fn of_name(state: &impl State, name: &str) -> Option<Arc<InstanceProfile>> {
    let scope = Scope::global(state.scope().partition, state.account());
    state.reader().get::<InstanceProfile>(&scope, &name_key(name))
}

/// The profile that a request names.
///
/// # Errors
/// `InvalidParameterValue` for what is no name or ARN of a profile of the account.
fn wanted(
    state: &impl State,
    profile: &api::IamInstanceProfileSpecification,
) -> Result<Arc<InstanceProfile>, ServiceError> {
    let find = |name: &str| of_name(state, name);
    let is_name = |name: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        (1..=MAX_NAME_CHARACTERS).contains(&name.len()) && name.chars().all(is_allowed)
    };
    match (&profile.name, &profile.arn) {
        (Some(name), None) => {
            Some(name).filter(|name| is_name(name)).and_then(|name| find(name)).ok_or_else(|| {
                error::invalid_value_for(name, "iamInstanceProfile.name", "Invalid IAM Instance Profile name")
            })
        }
        (None, Some(arn)) => {
            let name = arn.rsplit('/').next().filter(|name| is_name(name));
            name.and_then(find).filter(|found| found.arn.as_str() == arn).ok_or_else(|| {
                error::invalid_value_for(arn, "iamInstanceProfile.arn", "Invalid IAM Instance Profile ARN")
            })
        }
        (Some(_), Some(_)) => Err(error::combination(
            "The parameters iamInstanceProfile.name and iamInstanceProfile.arn may not be used together",
        )),
        (None, None) => Err(error::missing("IamInstanceProfile")),
    }
}

/// The association of an instance that is not ending.
pub(crate) fn held(state: &impl State, instance: InstanceId) -> Option<Arc<IamInstanceProfileAssociation>> {
    let mut all = state.parts::<IamInstanceProfileAssociation, _>(instance);
    all.find(|association| !association.progress.is_ended())
}

fn make(
    edit: &mut Edit<'_>,
    instance: InstanceId,
    profile: &InstanceProfile,
) -> IamInstanceProfileAssociation {
    let association = IamInstanceProfileAssociation {
        id: edit.new_id(),
        instance,
        profile_arn: profile.arn.to_string(),
        instance_profile_id: Some(profile.id.clone()),
        changed_at: edit.now(),
        progress: Progress::new(Change::Create, pace::INSTANCE_PROFILE_ASSOCIATION.done_at(edit)),
        tags: Tags::default(),
    };
    edit.put(association.clone());
    association
}

/// The profile that a launch asks for, checked: it has to have a role.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn of_launch(
    state: &impl State,
    input: &api::RunInstancesRequest,
) -> Result<Option<Arc<InstanceProfile>>, ServiceError> {
    let Some(asked) = &input.iam_instance_profile else { return Ok(None) };
    let profile = wanted(state, asked)?;
    if profile.role.is_none() {
        let message = format!("IAM Instance Profile \"{}\" has no associated IAM Roles", profile.arn);
        return Err(ServiceError::new("InvalidParameterValue", message));
    }
    Ok(Some(profile))
}

/// Gives an instance that is launched its profile.
pub(super) fn launch(edit: &mut Edit<'_>, instance: InstanceId, profile: &InstanceProfile) {
    make(edit, instance, profile);
}

/// Forgets the associations of an instance that is gone.
pub(super) fn forget(edit: &mut Edit<'_>, instance: InstanceId) {
    let all: Vec<_> = edit.parts::<IamInstanceProfileAssociation, _>(instance).collect();
    for association in all {
        edit.remove::<IamInstanceProfileAssociation>(association.id);
    }
}

/// The profiles of instances as answers have them.
pub(super) fn of_instances(state: &impl State) -> BTreeMap<InstanceId, api::IamInstanceProfile> {
    let all = state.all::<IamInstanceProfileAssociation>();
    let held = all.filter(|association| !association.progress.is_ended());
    held.map(|association| (association.instance, shown_profile(&association))).collect()
}

/// The id of a profile from before there were profiles is made of its ARN.
fn made_id(arn: &str) -> String {
    let digest = Sha256::digest(arn.as_bytes());
    let id: String = digest.iter().take(17).map(|byte| char::from(b'A' + byte % 26)).collect();
    format!("AIPA{id}")
}

fn shown_profile(association: &IamInstanceProfileAssociation) -> api::IamInstanceProfile {
    let arn = Some(association.profile_arn.clone());
    api::IamInstanceProfile { arn, id: Some(association.profile_id()) }
}

impl IamInstanceProfileAssociation {
    /// The id of the profile.
    pub fn profile_id(&self) -> String {
        self.instance_profile_id.clone().unwrap_or_else(|| made_id(&self.profile_arn))
    }
}

fn shown(
    state: &impl State,
    association: &IamInstanceProfileAssociation,
) -> api::IamInstanceProfileAssociation {
    let words = ["associating", "associated", "disassociating", "disassociated"];
    let name = association.progress.in_words(state.now(), words);
    api::IamInstanceProfileAssociation {
        association_id: Some(association.id.to_string()),
        iam_instance_profile: Some(shown_profile(association)),
        instance_id: Some(association.instance.to_string()),
        state: Some(name.to_owned()),
        timestamp: Some(association.changed_at),
    }
}

fn associate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssociateIamInstanceProfileRequest,
) -> Result<api::AssociateIamInstanceProfileResult, ServiceError> {
    ec2.edit(context, None, |edit| {
        let instance = edit.named::<Instance>(&input.instance_id)?;
        let profile = wanted(edit, &input.iam_instance_profile)?;
        if !matches!(
            instance.state,
            InstanceState::Pending
                | InstanceState::Running
                | InstanceState::Stopping
                | InstanceState::Stopped
        ) {
            let message =
                format!("The instance '{}' is not in a valid state for this operation.", instance.id);
            return Err(ServiceError::new("IncorrectInstanceState", message));
        }
        if held(edit, instance.id).is_some() {
            return Err(ServiceError::new(
                "IncorrectState",
                format!("There is an existing association for instance {}", instance.id),
            ));
        }
        let association = make(edit, instance.id, &profile);
        Ok(api::AssociateIamInstanceProfileResult {
            iam_instance_profile_association: Some(shown(edit, &association)),
        })
    })
}

/// An association that a request names and that is not ending.
fn named(edit: &mut Edit<'_>, id: &str) -> Result<IamInstanceProfileAssociation, ServiceError> {
    let association = edit.named::<IamInstanceProfileAssociation>(id)?;
    if association.progress.is_ended() {
        return Err(crate::state::not_found::<IamInstanceProfileAssociation>(id));
    }
    Ok(Arc::unwrap_or_clone(association))
}

fn disassociate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisassociateIamInstanceProfileRequest,
) -> Result<api::DisassociateIamInstanceProfileResult, ServiceError> {
    ec2.edit(context, None, |edit| {
        let association = named(edit, &input.association_id)?;
        let association = IamInstanceProfileAssociation {
            changed_at: edit.now(),
            progress: Progress::new(Change::Delete, pace::INSTANCE_PROFILE_ASSOCIATION.done_at(edit)),
            ..association
        };
        edit.put(association.clone());
        Ok(api::DisassociateIamInstanceProfileResult {
            iam_instance_profile_association: Some(shown(edit, &association)),
        })
    })
}

/// The new profile has an association of its own.
fn replace(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ReplaceIamInstanceProfileAssociationRequest,
) -> Result<api::ReplaceIamInstanceProfileAssociationResult, ServiceError> {
    ec2.edit(context, None, |edit| {
        let old = named(edit, &input.association_id)?;
        let profile = wanted(edit, &input.iam_instance_profile)?;
        edit.remove::<IamInstanceProfileAssociation>(old.id);
        let association = make(edit, old.instance, &profile);
        Ok(api::ReplaceIamInstanceProfileAssociationResult {
            iam_instance_profile_association: Some(shown(edit, &association)),
        })
    })
}

static FILTERS: Filters<api::IamInstanceProfileAssociation> = Filters {
    tags: None,
    named: &[
        ("instance-id", |association| text(&association.instance_id)),
        ("state", |association| text(&association.state)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeIamInstanceProfileAssociationsRequest,
) -> Result<api::DescribeIamInstanceProfileAssociationsResult, ServiceError> {
    let view = ec2.view(context);
    let page =
        Page::new("DescribeIamInstanceProfileAssociations", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (associations, next_token) = page.of(
        &view,
        input.association_ids.as_ref(),
        wanted,
        |association: &IamInstanceProfileAssociation| shown(&view, association),
    )?;
    Ok(api::DescribeIamInstanceProfileAssociationsResult {
        iam_instance_profile_associations: Some(associations),
        next_token,
    })
}
