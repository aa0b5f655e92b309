//! The one document that can be run: `AWS-RunShellScript`.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html#aws-runShellScript>

use std::collections::BTreeMap;

use aws_types::Region;
use service_api::ServiceError;

use super::Script;

/// Its name.
pub(super) const NAME: &str = "AWS-RunShellScript";
/// Its only step.
pub(super) const PLUGIN: &str = "aws:runShellScript";

/// How long a script may run by default.
const DEFAULT_EXECUTION_TIMEOUT_SECS: u32 = 3600;
/// How long a script may run at most.
const MAX_EXECUTION_TIMEOUT_SECS: u32 = 172_800;

/// Checks the document that a request names.
///
/// # Errors
/// It is another one, or another version.
pub(super) fn check(region: &Region, name: &str, version: Option<&str>) -> Result<(), ServiceError> {
    let of_arn = format!("arn:aws:ssm:{region}::document/{NAME}");
    if name != NAME && name != of_arn {
        let message = format!("Document with name {name} does not exist.");
        return Err(ServiceError::new("InvalidDocument", message));
    }
    match version {
        None | Some("$DEFAULT" | "$LATEST" | "1") => Ok(()),
        Some(other) => {
            let message = format!("Document version {other} does not exist for document {NAME}.");
            Err(ServiceError::new("InvalidDocumentVersion", message))
        }
    }
}

/// Reads the document's parameters.
///
/// # Errors
/// One is missing, unknown, or not of its form.
pub(super) fn script(parameters: &BTreeMap<String, Vec<String>>) -> Result<Script, ServiceError> {
    let mut script = Script {
        commands: Vec::new(),
        working_directory: None,
        execution_timeout_secs: DEFAULT_EXECUTION_TIMEOUT_SECS,
    };
    for (name, values) in parameters {
        match name.as_str() {
            "commands" => script.commands.clone_from(values),
            "workingDirectory" => {
                script.working_directory =
                    Some(single(name, values)?).filter(|directory| !directory.is_empty());
            }
            "executionTimeout" => script.execution_timeout_secs = timeout_secs(&single(name, values)?)?,
            other => return Err(invalid(format!("Parameter {other} is not defined in document {NAME}."))),
        }
    }
    if script.commands.is_empty() {
        return Err(invalid(format!("Parameter commands is required by document {NAME}.")));
    }
    Ok(script)
}

fn single(name: &str, values: &[String]) -> Result<String, ServiceError> {
    match values {
        [value] => Ok(value.clone()),
        _ => Err(invalid(format!("Parameter {name} takes one value."))),
    }
}

fn timeout_secs(text: &str) -> Result<u32, ServiceError> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let secs = text.parse().ok().filter(|secs| is_plain && (1..=MAX_EXECUTION_TIMEOUT_SECS).contains(secs));
    secs.ok_or_else(|| {
        invalid(format!(
            "Parameter executionTimeout has to be 1 to {MAX_EXECUTION_TIMEOUT_SECS} seconds, not {text:?}."
        ))
    })
}

fn invalid(message: String) -> ServiceError {
    ServiceError::new("InvalidParameters", message)
}
