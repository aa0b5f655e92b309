//! Names, hierarchies, ARNs and selectors of parameters.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html#sysman-parameter-name-constraints>

use aws_types::{AccountId, Arn, Region};
use service_api::{RequestContext, ServiceError};

use crate::error::validation;

/// How many levels a hierarchy may have, the parameter itself among them.
const MAX_LEVELS: usize = 15;
/// The longest name, without what AWS puts before it in the ARN.
const MAX_NAME_CHARS: usize = 1011;

const NAME_RULE: &str = "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can \
    consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
    following 3 symbols .-_";

const PATH_RULE: &str = "The parameter doesn't meet the parameter name requirements. The parameter name must begin with \
    a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, \
    numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All \
    sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_.";

fn is_name_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/'))
}

/// Whether the name is of the tree that AWS fills.
pub(super) fn is_public(name: &str) -> bool {
    name.starts_with("/aws/service/")
}

/// Checks the name of a parameter that is to be written.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn check_new(name: &str) -> Result<(), ServiceError> {
    let lower = name.to_ascii_lowercase();
    let bare = lower.strip_prefix('/').unwrap_or(&lower);
    if bare.starts_with("aws") && lower.starts_with('/') && bare.contains('/') {
        let message = format!("No access to reserved parameter name: {name}.");
        return Err(ServiceError::new("AccessDeniedException", message));
    }
    if (bare.starts_with("aws") || bare.starts_with("ssm")) && !bare.contains('/') {
        return Err(validation(
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).",
        ));
    }
    if bare.starts_with("ssm") || !is_readable(name) {
        return Err(validation(NAME_RULE));
    }
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(validation(format!("Parameter name: can't be longer than {MAX_NAME_CHARS} characters.")));
    }
    if bare.split('/').count() > MAX_LEVELS {
        let message = format!("A parameter hierarchy can have a maximum of {MAX_LEVELS} levels.");
        return Err(ServiceError::new("HierarchyLevelLimitExceededException", message));
    }
    Ok(())
}

/// Whether it has the form of a name: plain, or a path from the root without empty parts.
fn is_readable(name: &str) -> bool {
    let parts = name.strip_prefix('/').unwrap_or(name);
    let is_path = parts.contains('/');
    is_name_text(name) && (!is_path || name.starts_with('/')) && parts.split('/').all(|part| !part.is_empty())
}

/// Checks a path to search below.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn check_path(path: &str) -> Result<(), ServiceError> {
    let is_path = path.starts_with('/') && !path.contains("//") && is_name_text(path);
    if is_path { Ok(()) } else { Err(validation(PATH_RULE)) }
}

/// Which version of a parameter is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    Latest,
    Version(i64),
    Label(String),
}

/// A parameter that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) selector: Selector,
    /// The selector with its colon, as answers repeat it.
    pub(super) selector_text: Option<String>,
}

impl Reference {
    /// Reads a name or ARN with an optional selector: `NAME`, `NAME:3`, `NAME:label`, `arn:aws:ssm:...:parameter/NAME`.
    ///
    /// # Errors
    /// It is not of that form.
    pub(super) fn parse(context: &RequestContext, text: &str) -> Result<Self, ServiceError> {
        let of_arn;
        let plain = if text.starts_with("arn:") {
            of_arn = name_of_arn(context, text)?;
            of_arn.as_str()
        } else {
            text
        };
        let (name, selector_text) = match plain.split_once(':') {
            Some((name, selector)) => (name, Some(selector)),
            None => (plain, None),
        };
        if !is_readable(name) {
            return Err(validation(NAME_RULE));
        }
        let selector = match selector_text {
            None => Selector::Latest,
            Some(text) => match text.parse() {
                Ok(version) => Selector::Version(version),
                Err(_) if !text.is_empty() && !text.contains(':') => Selector::Label(text.to_owned()),
                Err(_) => return Err(validation(NAME_RULE)),
            },
        };
        Ok(Self {
            name: name.to_owned(),
            selector,
            selector_text: selector_text.map(|text| format!(":{text}")),
        })
    }
}

/// The name and selector in an ARN of this region. An ARN does not say whether a plain name began with a slash; only
/// names with more than one level keep theirs.
fn name_of_arn(context: &RequestContext, text: &str) -> Result<String, ServiceError> {
    let invalid = || validation(format!("The parameter ARN {text} isn't valid."));
    let arn: Arn = text.parse().map_err(|_| invalid())?;
    let parts: Vec<&str> = arn.as_str().splitn(6, ':').collect();
    let [_, _, "ssm", region, account, resource] = parts.as_slice() else { return Err(invalid()) };
    let name = resource.strip_prefix("parameter/").ok_or_else(invalid)?;
    if *region != context.region.as_str() {
        return Err(validation(format!("The parameter ARN {text} is of another region.")));
    }
    if !account.is_empty() && *account != context.account().to_string() {
        return Err(ServiceError::new("ParameterNotFound", format!("Parameter {text} not found.")));
    }
    Ok(if name.contains('/') { format!("/{name}") } else { name.to_owned() })
}

/// The ARN of an account's parameter.
pub fn arn(region: &Region, account: AccountId, name: &str) -> String {
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:aws:ssm:{region}:{account}:parameter{slash}{name}")
}

/// Whether a parameter is below a path: directly, or at any depth when `recursive`. Plain names are below the root.
pub(super) fn is_below(name: &str, path: &str, recursive: bool) -> bool {
    let prefix = path.trim_end_matches('/');
    let rooted = name.strip_prefix('/').unwrap_or(name);
    let rest = match prefix.strip_prefix('/') {
        None => rooted,
        Some(prefix) => match rooted.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) => rest,
            None => return false,
        },
    };
    recursive || !rest.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_written() {
        let check = |name: &str, expected: Option<&str>| {
            let code = check_new(name).err().map(|error| error.code.into_owned());
            assert_eq!(code.as_deref(), expected, "{name}");
        };
        for good in ["a", "/a", "/a/b", "my.name-1_2", "/Prod/db/password", "/a/aws/ssm", "sms", "aw"] {
            check(good, None);
        }
        let invalid = Some("ValidationException");
        for bad in [
            "a/b", "/a//b", "/a/", "/", "", "a b", "/a/b@c", "ä", "a:1", "ssmx", "AWSlimit", "/ssm/x",
            "/ssmx", "awsx",
        ] {
            check(bad, invalid);
        }
        check("/aws/service/x", Some("AccessDeniedException"));
        check("/AWS/x", Some("AccessDeniedException"));
        check(&"/a".repeat(15), None);
        check(&"/a".repeat(16), Some("HierarchyLevelLimitExceededException"));
        check(&"a".repeat(1011), None);
        check(&"a".repeat(1012), invalid);
    }

    #[test]
    fn what_is_below_a_path() {
        let check = |name: &str, path: &str, expected: (bool, bool)| {
            assert_eq!(
                (is_below(name, path, false), is_below(name, path, true)),
                expected,
                "{name} below {path}"
            );
        };
        check("/a/b", "/a", (true, true));
        check("/a/b", "/a/", (true, true));
        check("/a/b/c", "/a", (false, true));
        check("/ab/c", "/a", (false, false));
        check("/a", "/a", (false, false));
        check("/a/b", "/", (false, true));
        check("/a", "/", (true, true));
        check("a", "/", (true, true));
    }
}
