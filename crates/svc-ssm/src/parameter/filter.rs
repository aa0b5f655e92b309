//! The filters of `GetParametersByPath` and `DescribeParameters`.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html>

use std::sync::Arc;

use aws_api::ssm::{ParameterStringFilter, ParametersFilter};
use aws_catalog::PublicParameter;
use service_api::ServiceError;
use store::{Read, Scope};

use super::name;
use super::record::{Parameter, ParameterKind, ParameterVersion, versions};
use crate::error::{invalid_filter_key, invalid_filter_value, validation};

/// Which operation filters; each knows other keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    GetParametersByPath,
    DescribeParameters,
}

/// Filters that were checked. A parameter has to match all of them, and any value of each.
pub(super) struct Filters(Vec<Filter>);

struct Filter {
    key: Key,
    option: Match,
    values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Name,
    Type,
    Encryption,
    Path,
    Label,
    Tier,
    DataType,
    Tag(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Equals,
    BeginsWith,
    Contains,
    OneLevel,
    Recursive,
}

impl Match {
    fn holds(self, wanted: &str, found: &str) -> bool {
        match self {
            Self::Equals => found == wanted,
            Self::BeginsWith => found.starts_with(wanted),
            Self::Contains => found.contains(wanted),
            Self::OneLevel => name::is_below(found, wanted, false),
            Self::Recursive => name::is_below(found, wanted, true),
        }
    }
}

impl Filters {
    /// Checks the filters of a request.
    ///
    /// # Errors
    /// The filter that is not valid, and why.
    pub(super) fn read(filters: &[ParameterStringFilter], asker: Asker) -> Result<Self, ServiceError> {
        let mut read: Vec<Filter> = Vec::new();
        for filter in filters {
            let filter = read_one(filter, asker)?;
            if read.iter().any(|other| other.key == filter.key) {
                return Err(invalid_filter_key(format!(
                    "The following filter is duplicated in the request: {}. A request can contain only one occurrence \
                     of a specific filter.",
                    filter.key.as_str()
                )));
            }
            read.push(filter);
        }
        Ok(Self(read))
    }

    /// The older form of `DescribeParameters`, where `Name` means the beginning of a name.
    pub(super) fn read_old(filters: &[ParametersFilter]) -> Result<Self, ServiceError> {
        let read = |filter: &ParametersFilter| {
            let (key, option) = match filter.key.as_str() {
                "Name" => (Key::Name, Match::BeginsWith),
                "Type" => (Key::Type, Match::Equals),
                "KeyId" => (Key::Encryption, Match::Equals),
                other => return Err(unknown_key(other, Asker::DescribeParameters)),
            };
            Ok(Filter { key, option, values: filter.values.clone() })
        };
        filters.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The version of a parameter that the filters let through: the newest, or the one with the wanted label.
    pub(super) fn pick<S: Read>(
        &self,
        state: &S,
        scope: &Scope,
        name: &str,
        parameter: &Parameter,
    ) -> Option<Arc<ParameterVersion>> {
        let label = self.0.iter().find(|filter| filter.key == Key::Label);
        let version = match label {
            Some(filter) => versions(state, scope, name).find(|version| {
                version
                    .labels
                    .iter()
                    .any(|label| filter.values.iter().any(|value| filter.option.holds(value, label)))
            }),
            None => state.get(scope, &ParameterVersion::id(name, parameter.latest)),
        }?;
        let holds = |filter: &Filter| match &filter.key {
            Key::Label => true,
            Key::Name | Key::Path => filter.holds(name),
            Key::Type => filter.holds(version.kind.as_str()),
            Key::Encryption => version.key_id.as_deref().is_some_and(|key| filter.holds(key)),
            Key::Tier => filter.holds(version.tier.as_str()),
            Key::DataType => filter.holds(&version.data_type),
            Key::Tag(key) => {
                parameter.tags.get(key).is_some_and(|value| filter.values.is_empty() || filter.holds(value))
            }
        };
        self.0.iter().all(holds).then_some(version)
    }

    /// Whether a public parameter matches. They have no keys, labels and tags, and one type.
    pub(super) fn match_public(&self, parameter: &PublicParameter) -> bool {
        self.0.iter().all(|filter| match &filter.key {
            Key::Name | Key::Path => filter.holds(&parameter.name),
            Key::Type => filter.holds(ParameterKind::String.as_str()),
            Key::DataType => filter.holds(parameter.data_type),
            Key::Tier => filter.holds("Standard"),
            Key::Encryption | Key::Label | Key::Tag(_) => false,
        })
    }
}

impl Filter {
    fn holds(&self, found: &str) -> bool {
        // A name is stored with or without its slash; a filter finds it with either.
        let bare = |text: &str| text.strip_prefix('/').unwrap_or(text).to_owned();
        self.values.iter().any(|wanted| match (&self.key, self.option) {
            (Key::Name, Match::Equals | Match::BeginsWith) => self.option.holds(&bare(wanted), &bare(found)),
            _ => self.option.holds(wanted, found),
        })
    }
}

impl Key {
    fn as_str(&self) -> &str {
        match self {
            Self::Name => "Name",
            Self::Type => "Type",
            Self::Encryption => "KeyId",
            Self::Path => "Path",
            Self::Label => "Label",
            Self::Tier => "Tier",
            Self::DataType => "DataType",
            Self::Tag(key) => key,
        }
    }
}

fn unknown_key(key: &str, asker: Asker) -> ServiceError {
    let valid = match asker {
        Asker::GetParametersByPath => "[Type, KeyId, Label]",
        Asker::DescribeParameters => "[Path, Name, Type, KeyId, Tier, DataType]",
    };
    invalid_filter_key(format!(
        "The following filter key is not valid: {key}. Valid filter keys include: {valid}."
    ))
}

fn read_one(filter: &ParameterStringFilter, asker: Asker) -> Result<Filter, ServiceError> {
    let key = match (filter.key.as_str(), asker) {
        ("Type", _) => Key::Type,
        ("KeyId", _) => Key::Encryption,
        ("Label", Asker::GetParametersByPath) => Key::Label,
        ("Name", Asker::DescribeParameters) => Key::Name,
        ("Path", Asker::DescribeParameters) => Key::Path,
        ("Tier", Asker::DescribeParameters) => Key::Tier,
        ("DataType", Asker::DescribeParameters) => Key::DataType,
        (other, Asker::DescribeParameters) if other.starts_with("tag:") => {
            Key::Tag(other["tag:".len()..].to_owned())
        }
        (other, _) => return Err(unknown_key(other, asker)),
    };
    let option = read_option(&key, filter.option.as_deref())?;
    let values = filter.values.clone().unwrap_or_default();
    if values.is_empty() && !matches!(key, Key::Tag(_)) {
        let message =
            format!("The following filter values are missing : null for filter key {}.", key.as_str());
        return Err(invalid_filter_value(message));
    }
    for value in &values {
        check_value(&key, value)?;
    }
    Ok(Filter { key, option, values })
}

fn read_option(key: &Key, option: Option<&str>) -> Result<Match, ServiceError> {
    let (default, valid) = match key {
        Key::Path => (Match::OneLevel, "[Recursive, OneLevel]"),
        Key::Name => (Match::Equals, "[BeginsWith, Contains, Equals]"),
        _ => (Match::Equals, "[BeginsWith, Equals]"),
    };
    let option = option.unwrap_or(match default {
        Match::OneLevel => "OneLevel",
        _ => "Equals",
    });
    match (key, option) {
        (Key::Path, "OneLevel") => Ok(Match::OneLevel),
        (Key::Path, "Recursive") => Ok(Match::Recursive),
        (Key::Name, "Contains") => Ok(Match::Contains),
        (Key::Path, _) => Err(invalid_option(option, valid)),
        (_, "Equals") => Ok(Match::Equals),
        (_, "BeginsWith") => Ok(Match::BeginsWith),
        _ => Err(invalid_option(option, valid)),
    }
}

fn invalid_option(option: &str, valid: &str) -> ServiceError {
    let message =
        format!("The following filter option is not valid: {option}. Valid options include: {valid}.");
    ServiceError::new("InvalidFilterOption", message)
}

fn check_value(key: &Key, value: &str) -> Result<(), ServiceError> {
    let one_of = |valid: &[&str]| {
        if valid.contains(&value) {
            return Ok(());
        }
        let valid = valid.join(", ");
        let message =
            format!("The following filter value is not valid: {value}. Valid values include: [{valid}].");
        Err(ServiceError::new("InvalidFilterOption", message))
    };
    match key {
        Key::Type => one_of(&["String", "StringList", "SecureString"]),
        Key::Tier => one_of(&["Standard", "Advanced", "Intelligent-Tiering"]),
        Key::Path
            if ["/aws", "/ssm"].iter().any(|reserved| value.to_ascii_lowercase().starts_with(reserved)) =>
        {
            Err(validation(
                "Filters for common parameters can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). When using \
                 global parameters, please specify within a global namespace.",
            ))
        }
        Key::Path => name::check_path(value),
        Key::Name | Key::Encryption | Key::Label | Key::DataType | Key::Tag(_) => Ok(()),
    }
}
