//! `PutParameter`.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>

use std::sync::Arc;

use aws_api::ssm::{PutParameterRequest, PutParameterResult};
use aws_types::ImageId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex_lite::Regex;
use service_api::{RequestContext, ServiceError};
use store::{Read as _, Transaction};

use super::name;
use super::record::{Parameter, ParameterKind, ParameterTier, ParameterVersion, versions};
use super::tag;
use crate::State;
use crate::error::{not_implemented, validation};

/// How many versions of a parameter are kept.
const MAX_VERSIONS: usize = 100;
/// How many parameters an account can have in a region: 10,000 standard and 100,000 advanced ones on AWS.
const MAX_PARAMETERS: usize = 110_000;
/// How much longer a sealed value is than its plain text, in blocks of 16 bytes, so that it looks like a ciphertext.
const SEAL_OVERHEAD_BLOCKS: usize = 8;
/// The only key there is as long as KMS is not built.
const DEFAULT_KEY: &str = "alias/aws/ssm";

pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutParameterRequest,
) -> Result<PutParameterResult, ServiceError> {
    check_request(&request)?;
    let tags = tag::read(request.tags.as_deref().unwrap_or_default())?;
    // Drawn before the transaction, where nothing may block. Without a type it may be that of an older version.
    let may_be_secure =
        request.r#type.as_deref().is_none_or(|name| name == ParameterKind::SecureString.as_str());
    let blocks = if may_be_secure { request.value.len() / 16 + SEAL_OVERHEAD_BLOCKS } else { 0 };
    let sealed = seal(state, blocks);
    state.store.transact(|transaction| {
        let scope = context.scope();
        let existing = super::record::latest(transaction, &scope, &request.name);
        if existing.is_some() && request.overwrite != Some(true) {
            return Err(already_exists());
        }
        if existing.is_none() && transaction.count::<Parameter>(&scope) >= MAX_PARAMETERS {
            let message = format!("An account can have at most {MAX_PARAMETERS} parameters in a region.");
            return Err(ServiceError::new("ParameterLimitExceeded", message));
        }
        let previous = existing.as_ref().map(|(_, version)| version);
        let version = next_version(context, &request, previous, &sealed)?;
        if existing.is_some() {
            forget_oldest(transaction, context, &request.name)?;
        }
        let tags = existing.as_ref().map_or(tags, |(parameter, _)| parameter.tags.clone());
        let answer = PutParameterResult {
            version: Some(version.version),
            tier: Some(version.tier.as_str().to_owned()),
        };
        transaction.put(&scope, &request.name, Parameter { latest: version.version, tags });
        transaction.put(&scope, &ParameterVersion::id(&request.name, version.version), version);
        Ok(answer)
    })
}

fn already_exists() -> ServiceError {
    let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
    ServiceError::new("ParameterAlreadyExists", message)
}

/// Everything that can be said without looking at what is stored.
fn check_request(request: &PutParameterRequest) -> Result<(), ServiceError> {
    if request.value.is_empty() {
        return Err(validation(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length \
             greater than or equal to 1.",
        ));
    }
    if request.overwrite == Some(true) && request.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
        return Err(validation(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove \
             overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        ));
    }
    name::check_new(&request.name)?;
    if request.value.contains("{{") {
        return Err(validation(
            "Parameter value can't nest another parameter. Do not use \"{{}}\" in the value.",
        ));
    }
    let has_policies = |policies: &String| !matches!(policies.trim(), "[]" | "[{}]" | "{}");
    if request.policies.as_ref().is_some_and(has_policies) {
        return Err(not_implemented("A parameter policy"));
    }
    Ok(())
}

/// The version that the request makes. What an overwriting request leaves out stays as it was.
fn next_version(
    context: &RequestContext,
    request: &PutParameterRequest,
    previous: Option<&Arc<ParameterVersion>>,
    sealed: &str,
) -> Result<ParameterVersion, ServiceError> {
    let kind = kind(request, previous)?;
    let allowed_pattern = request
        .allowed_pattern
        .clone()
        .or_else(|| previous.and_then(|previous| previous.allowed_pattern.clone()));
    if let Some(pattern) = allowed_pattern.as_deref().filter(|pattern| !pattern.is_empty()) {
        check_pattern(pattern, kind, &request.value)?;
    }
    Ok(ParameterVersion {
        version: previous.map_or(0, |previous| previous.version) + 1,
        kind,
        tier: tier(request, previous)?,
        value: request.value.clone(),
        sealed: (kind == ParameterKind::SecureString).then(|| sealed.to_owned()),
        key_id: key_id(request, kind)?,
        description: request
            .description
            .clone()
            .or_else(|| previous.and_then(|previous| previous.description.clone())),
        allowed_pattern,
        data_type: data_type(request, previous)?,
        labels: Vec::new(),
        modified_at: context.now,
        modified_by: context.principal.arn.to_string(),
    })
}

fn kind(
    request: &PutParameterRequest,
    previous: Option<&Arc<ParameterVersion>>,
) -> Result<ParameterKind, ServiceError> {
    match (&request.r#type, previous) {
        (Some(name), _) => ParameterKind::named(name).ok_or_else(|| {
            validation(format!(
                "1 validation error detected: Value '{name}' at 'type' failed to satisfy constraint: Member must satisfy \
                 enum value set: [SecureString, StringList, String]"
            ))
        }),
        (None, Some(previous)) => Ok(previous.kind),
        (None, None) => Err(validation("A parameter type is required when you create a parameter.")),
    }
}

fn tier(
    request: &PutParameterRequest,
    previous: Option<&Arc<ParameterVersion>>,
) -> Result<ParameterTier, ServiceError> {
    let chars = request.value.chars().count();
    let was_advanced = previous.is_some_and(|previous| previous.tier == ParameterTier::Advanced);
    let tier = match request.tier.as_deref() {
        Some("Advanced") => ParameterTier::Advanced,
        Some("Intelligent-Tiering") if chars > ParameterTier::Standard.max_value_chars() => {
            ParameterTier::Advanced
        }
        Some("Standard") if was_advanced => {
            return Err(validation(
                "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
                 advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced \
                 parameter and recreate it as a standard parameter.",
            ));
        }
        _ if was_advanced => ParameterTier::Advanced,
        _ => ParameterTier::Standard,
    };
    if chars <= tier.max_value_chars() {
        return Ok(tier);
    }
    Err(validation(match tier {
        ParameterTier::Standard => {
            "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter \
             value, upgrade the parameter to use the advanced-parameter tier. For more information, see \
             https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
        }
        ParameterTier::Advanced => {
            "Advanced tier parameters support a maximum parameter value of 8192 characters."
        }
    }))
}

/// The pattern has to match the whole value, as it does where Java's `matches` decides; of a list, each item.
fn check_pattern(pattern: &str, kind: ParameterKind, value: &str) -> Result<(), ServiceError> {
    let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        let message = format!("The request doesn't meet the regular expression requirement: {error}");
        ServiceError::new("InvalidAllowedPatternException", message)
    })?;
    let matches = match kind {
        ParameterKind::StringList => value.split(',').all(|item| regex.is_match(item)),
        ParameterKind::String | ParameterKind::SecureString => regex.is_match(value),
    };
    if matches {
        return Ok(());
    }
    let message = format!("Parameter value, cannot be validated against allowedPattern: {pattern}");
    Err(ServiceError::new("ParameterPatternMismatchException", message))
}

fn key_id(request: &PutParameterRequest, kind: ParameterKind) -> Result<Option<String>, ServiceError> {
    match (kind, request.key_id.as_deref()) {
        (ParameterKind::SecureString, None | Some(DEFAULT_KEY)) => Ok(Some(DEFAULT_KEY.to_owned())),
        (ParameterKind::SecureString, Some(other)) => {
            let message = format!(
                "The key {other} doesn't exist. KMS is not implemented; only {DEFAULT_KEY} can be used."
            );
            Err(ServiceError::new("InvalidKeyId", message))
        }
        (ParameterKind::String | ParameterKind::StringList, Some(_)) => {
            Err(validation("KeyId is required for SecureString type parameter only."))
        }
        (ParameterKind::String | ParameterKind::StringList, None) => Ok(None),
    }
}

fn data_type(
    request: &PutParameterRequest,
    previous: Option<&Arc<ParameterVersion>>,
) -> Result<String, ServiceError> {
    let data_type =
        request.data_type.as_deref().or_else(|| previous.map(|previous| previous.data_type.as_str()));
    match data_type.unwrap_or("text") {
        "text" => Ok("text".to_owned()),
        "aws:ec2:image" if request.value.parse::<ImageId>().is_ok() => Ok("aws:ec2:image".to_owned()),
        "aws:ec2:image" => Err(validation(format!("The value {} isn't the ID of an AMI.", request.value))),
        "aws:ssm:integration" => Err(not_implemented("The data type aws:ssm:integration")),
        other => {
            let message = format!(
                "The following data type is not supported: {other} (Data type names are all lowercase.)"
            );
            Err(validation(message))
        }
    }
}

/// Makes room for one more version. The oldest goes, unless a label holds it.
fn forget_oldest(
    transaction: &mut Transaction,
    context: &RequestContext,
    name: &str,
) -> Result<(), ServiceError> {
    let scope = context.scope();
    let oldest = {
        let mut kept = versions(transaction, &scope, name);
        let oldest = kept.next();
        oldest.filter(|_| kept.count() + 2 > MAX_VERSIONS)
    };
    let Some(oldest) = oldest else { return Ok(()) };
    if !oldest.labels.is_empty() {
        let message = format!(
            "You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. \
             Version {}, the oldest version, can't be deleted because it has a label associated with it. Move the label \
             to another version of the parameter, and try again.",
            oldest.version
        );
        return Err(ServiceError::new("ParameterMaxVersionLimitExceeded", message));
    }
    transaction.delete::<ParameterVersion>(&scope, &ParameterVersion::id(name, oldest.version));
    Ok(())
}

/// Random text of so many 16-byte blocks.
fn seal(state: &State, blocks: usize) -> String {
    let bytes: Vec<u8> = (0..blocks).flat_map(|_| state.ids.bits().to_be_bytes()).collect();
    STANDARD.encode(bytes)
}
