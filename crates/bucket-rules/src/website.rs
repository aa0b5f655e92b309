//! Websites: which object a path is, what comes in the place of an error, and where requests are sent on.
//!
//! Owns the document and its meaning. Refuses to know objects: whoever asks says what came of looking for one.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html>
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html>

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::RuleError;

const RULES_MAX: usize = 50;
const PERMANENTLY: u16 = 301;
const FOUND: u16 = 302;
/// What stays as it is in the path of a location.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');

/// Of the document.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketWebsite.html>
const BYTES_MAX: usize = 128 << 10;

/// The document as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebsiteConfiguration {
    /// What is put behind a path that ends with a slash, such as `index.html`.
    pub index_suffix: Option<String>,
    /// The key of the object that comes with errors.
    pub error_key: Option<String>,
    /// Where everything is sent.
    pub redirect_all: Option<RedirectAll>,
    /// Where some of it is sent. `Some` without any is not a document.
    pub routing_rules: Option<Vec<RoutingRule>>,
}

/// Where everything is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectAll {
    /// The host.
    pub host_name: String,
    /// `http` or `https`; `None` is that of the request.
    pub protocol: Option<String>,
}

/// Where some requests are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingRule {
    /// Which; `None` is all.
    pub condition: Option<RoutingCondition>,
    /// Where.
    pub redirect: Redirect,
}

/// Which requests a rule is about. Both have to hold if both are given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingCondition {
    /// What the key begins with.
    pub key_prefix_equals: Option<String>,
    /// The status that would be answered.
    pub http_error_code_returned_equals: Option<String>,
}

/// Where requests are sent. What is missing stays as it is in the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// The host.
    pub host_name: Option<String>,
    /// The status; 301 if none is given.
    pub http_redirect_code: Option<String>,
    /// `http` or `https`.
    pub protocol: Option<String>,
    /// In the place of the prefix of the condition.
    pub replace_key_prefix_with: Option<String>,
    /// In the place of the key.
    pub replace_key_with: Option<String>,
}

/// The website of a bucket, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Website(WebsiteConfiguration);

/// A request to a website.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<'a> {
    /// `http` or `https`.
    pub protocol: &'a str,
    /// The host of the request.
    pub host: &'a str,
    /// The path without its first slash, decoded.
    pub key: &'a str,
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The object with this key is sent.
    Object(String),
    /// The request is sent on.
    Redirection(Redirection),
}

/// Where a request is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// The status.
    pub status: u16,
    /// The header `Location`.
    pub location: String,
}

/// What comes in the place of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorPage {
    /// The object with this key, with the status of the error.
    Object(String),
    /// The request is sent on.
    Redirection(Redirection),
    /// A page that S3 makes.
    Plain,
}

impl Website {
    /// Checks a document.
    ///
    /// # Errors
    /// The first thing that AWS would refuse.
    pub fn new(configuration: WebsiteConfiguration) -> Result<Self, RuleError> {
        let written = &configuration;
        if written.bytes() > BYTES_MAX {
            return Err(RuleError::TooLong);
        }
        if let Some(all) = &written.redirect_all {
            let alone = written.index_suffix.is_none()
                && written.error_key.is_none()
                && written.routing_rules.is_none();
            if !alone {
                let message =
                    "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.";
                return Err(RuleError::argument(message, "RedirectAllRequestsTo", "not null"));
            }
            if all.host_name.is_empty() {
                return Err(RuleError::MalformedXml);
            }
            check_protocol(all.protocol.as_deref())?;
            return Ok(Self(configuration));
        }
        let Some(suffix) = &written.index_suffix else {
            let message =
                "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty";
            return Err(RuleError::argument(message, "IndexDocument", "null"));
        };
        if suffix.is_empty() || suffix.contains('/') {
            return Err(RuleError::argument(
                "The IndexDocument Suffix is not well formed",
                "IndexDocument",
                suffix.as_str(),
            ));
        }
        if written.error_key.as_ref().is_some_and(String::is_empty) {
            return Err(RuleError::argument("The ErrorDocument Key is not well formed", "ErrorDocument", ""));
        }
        if let Some(rules) = &written.routing_rules {
            if rules.is_empty() {
                return Err(RuleError::MalformedXml);
            }
            if rules.len() > RULES_MAX {
                let count = rules.len();
                let message = format!(
                    "{count} routing rules provided, the number of routing rules in a website configuration is limited to 50."
                );
                return Err(RuleError::Request(message.into()));
            }
            rules.iter().try_for_each(RoutingRule::check)?;
        }
        Ok(Self(configuration))
    }

    /// The document.
    pub fn configuration(&self) -> &WebsiteConfiguration {
        &self.0
    }

    /// What is done with a request, before anything is looked for.
    pub fn page(&self, request: &PageRequest<'_>) -> Page {
        if let Some(all) = &self.0.redirect_all {
            let protocol = all.protocol.as_deref().unwrap_or(request.protocol);
            let location = location(protocol, &all.host_name, request.key);
            return Page::Redirection(Redirection { status: PERMANENTLY, location });
        }
        if let Some(redirection) = self.routed(request, None) {
            return Page::Redirection(redirection);
        }
        if request.key.is_empty() || request.key.ends_with('/') {
            return Page::Object(format!("{}{}", request.key, self.index_suffix()));
        }
        Page::Object(request.key.to_owned())
    }

    /// The key of the index that a request for a folder without its slash may mean. If there is no object with the key of the
    /// request, but one with this key, the request is sent to the folder.
    pub fn folder(&self, request: &PageRequest<'_>) -> Option<(String, Redirection)> {
        if request.key.is_empty() || request.key.ends_with('/') || self.0.redirect_all.is_some() {
            return None;
        }
        let index = format!("{}/{}", request.key, self.index_suffix());
        let path = utf8_percent_encode(request.key, PATH);
        Some((index, Redirection { status: FOUND, location: format!("/{path}/") }))
    }

    /// What comes in the place of an error with a status.
    pub fn error_page(&self, request: &PageRequest<'_>, status: u16) -> ErrorPage {
        if let Some(redirection) = self.routed(request, Some(status)) {
            return ErrorPage::Redirection(redirection);
        }
        match &self.0.error_key {
            // The object of errors is for what the caller has done wrong.
            Some(key) if (400..500).contains(&status) => ErrorPage::Object(key.clone()),
            _ => ErrorPage::Plain,
        }
    }

    fn index_suffix(&self) -> &str {
        self.0.index_suffix.as_deref().unwrap_or_default()
    }

    /// The first rule that is about the request. Without a status those that need one are left out, with one the others.
    fn routed(&self, request: &PageRequest<'_>, status: Option<u16>) -> Option<Redirection> {
        let rules = self.0.routing_rules.iter().flatten();
        let status = status.map(|status| status.to_string());
        let is_about = |rule: &&RoutingRule| {
            let condition = rule.condition.as_ref();
            let code = condition.and_then(|condition| condition.http_error_code_returned_equals.as_ref());
            code == status.as_ref() && request.key.starts_with(rule.prefix())
        };
        rules.into_iter().find(is_about).map(|rule| rule.redirection(request))
    }
}

impl WebsiteConfiguration {
    /// What the texts of the document take.
    fn bytes(&self) -> usize {
        let all = self.redirect_all.iter();
        let all = all.flat_map(|all| [Some(&all.host_name), all.protocol.as_ref()]);
        let of_rules = self.routing_rules.iter().flatten().flat_map(|rule| {
            let Redirect {
                host_name,
                http_redirect_code,
                protocol,
                replace_key_prefix_with,
                replace_key_with,
            } = &rule.redirect;
            let condition = rule.condition.as_ref();
            [
                condition.and_then(|condition| condition.key_prefix_equals.as_ref()),
                condition.and_then(|condition| condition.http_error_code_returned_equals.as_ref()),
                host_name.as_ref(),
                http_redirect_code.as_ref(),
                protocol.as_ref(),
                replace_key_prefix_with.as_ref(),
                replace_key_with.as_ref(),
            ]
        });
        let own = [self.index_suffix.as_ref(), self.error_key.as_ref()].into_iter();
        own.chain(all).chain(of_rules).flatten().map(String::len).sum()
    }
}

impl RoutingRule {
    fn prefix(&self) -> &str {
        let condition = self.condition.as_ref();
        condition.and_then(|condition| condition.key_prefix_equals.as_deref()).unwrap_or_default()
    }

    fn check(&self) -> Result<(), RuleError> {
        let refused = |message: String| Err(RuleError::Request(message.into()));
        let redirect = &self.redirect;
        check_protocol(redirect.protocol.as_deref())?;
        if redirect.replace_key_prefix_with.is_some() && redirect.replace_key_with.is_some() {
            return refused("You can only define ReplaceKeyPrefix or ReplaceKey but not both.".into());
        }
        if *redirect == Redirect::default() {
            return Err(RuleError::MalformedXml);
        }
        if let Some(condition) = &self.condition {
            if *condition == RoutingCondition::default() {
                let message = "Condition cannot be empty. To redirect all requests without a condition, the condition element \
                    shouldn't be present.";
                return refused(message.into());
            }
            if let Some(code) = &condition.http_error_code_returned_equals
                && !code.parse().is_ok_and(|code: u16| (400..600).contains(&code))
            {
                return refused(format!(
                    "The provided HTTP error code ({code}) is not valid. Valid codes are 4XX or 5XX."
                ));
            }
        }
        if let Some(code) = &redirect.http_redirect_code
            && !code.parse().is_ok_and(|code: u16| (301..400).contains(&code))
        {
            return refused(format!(
                "The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300."
            ));
        }
        Ok(())
    }

    fn redirection(&self, request: &PageRequest<'_>) -> Redirection {
        let redirect = &self.redirect;
        let protocol = redirect.protocol.as_deref().unwrap_or(request.protocol);
        let host = redirect.host_name.as_deref().unwrap_or(request.host);
        let key = match (&redirect.replace_key_with, &redirect.replace_key_prefix_with) {
            (Some(key), _) => key.clone(),
            (None, Some(prefix)) => format!("{prefix}{}", &request.key[self.prefix().len()..]),
            (None, None) => request.key.to_owned(),
        };
        let status = redirect.http_redirect_code.as_ref().and_then(|code| code.parse().ok());
        Redirection { status: status.unwrap_or(PERMANENTLY), location: location(protocol, host, &key) }
    }
}

/// Checks the header `x-amz-website-redirect-location` of an object.
///
/// # Errors
/// [`RuleError::Argument`].
pub fn check_redirect_location(location: &str) -> Result<(), RuleError> {
    let valid = ["http://", "https://", "/"].iter().any(|prefix| location.starts_with(prefix));
    if valid {
        return Ok(());
    }
    Err(RuleError::RedirectLocation)
}

fn check_protocol(protocol: Option<&str>) -> Result<(), RuleError> {
    if protocol.is_none_or(|protocol| ["http", "https"].contains(&protocol)) {
        return Ok(());
    }
    let message = "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.";
    Err(RuleError::Request(message.into()))
}

fn location(protocol: &str, host: &str, key: &str) -> String {
    format!("{protocol}://{host}/{}", utf8_percent_encode(key, PATH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> WebsiteConfiguration {
        WebsiteConfiguration { index_suffix: Some("index.html".into()), ..WebsiteConfiguration::default() }
    }

    fn with_rule(rule: RoutingRule) -> WebsiteConfiguration {
        WebsiteConfiguration { routing_rules: Some(vec![rule]), ..index() }
    }

    fn asks(key: &str) -> PageRequest<'_> {
        PageRequest { protocol: "http", host: "b.s3-website.us-east-1.amazonaws.com", key }
    }

    #[test]
    fn documents_that_are_refused() {
        let suffix = |suffix: &str| WebsiteConfiguration { index_suffix: Some(suffix.into()), ..index() };
        let all = Some(RedirectAll { host_name: "test".into(), protocol: None });
        let redirect = |redirect: Redirect| with_rule(RoutingRule { condition: None, redirect });
        let to_key = Redirect { replace_key_with: Some("k".into()), ..Redirect::default() };
        let when =
            |condition| with_rule(RoutingRule { condition: Some(condition), redirect: to_key.clone() });
        let code = |code: &str| RoutingCondition {
            http_error_code_returned_equals: Some(code.into()),
            ..RoutingCondition::default()
        };
        let many = vec![RoutingRule { condition: None, redirect: to_key.clone() }; 51];
        let long = "k".repeat(BYTES_MAX);
        let long_all = RedirectAll { host_name: long.clone(), protocol: None };
        let long_all = WebsiteConfiguration { redirect_all: Some(long_all), ..Default::default() };
        for document in [
            suffix(&format!("{long}k")),
            redirect(Redirect { replace_key_with: Some(long.clone()), ..Redirect::default() }),
            when(RoutingCondition { key_prefix_equals: Some(long), ..RoutingCondition::default() }),
        ] {
            assert_eq!(Website::new(document).map(|_| ()), Err(RuleError::TooLong));
        }
        assert!(Website::new(long_all).is_ok());
        for (document, code, message) in [
            (suffix("/index.html"), "InvalidArgument", "The IndexDocument Suffix is not well formed"),
            (suffix(""), "InvalidArgument", "The IndexDocument Suffix is not well formed"),
            (
                WebsiteConfiguration { redirect_all: all, ..index() },
                "InvalidArgument",
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
            ),
            (
                WebsiteConfiguration { error_key: Some("e".into()), ..WebsiteConfiguration::default() },
                "InvalidArgument",
                "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            ),
            (
                WebsiteConfiguration { error_key: Some(String::new()), ..index() },
                "InvalidArgument",
                "The ErrorDocument Key is not well formed",
            ),
            (
                redirect(Redirect { protocol: Some("protocol".into()), ..Redirect::default() }),
                "InvalidRequest",
                "Invalid protocol, protocol can be http or https.",
            ),
            (
                redirect(Redirect { replace_key_prefix_with: Some("p".into()), ..to_key.clone() }),
                "InvalidRequest",
                "You can only define ReplaceKeyPrefix or ReplaceKey but not both.",
            ),
            (when(RoutingCondition::default()), "InvalidRequest", "Condition cannot be empty."),
            (when(code("200")), "InvalidRequest", "The provided HTTP error code (200) is not valid."),
            (
                redirect(Redirect { http_redirect_code: Some("300".into()), ..to_key.clone() }),
                "InvalidRequest",
                "The provided HTTP redirect code (300) is not valid.",
            ),
            (redirect(Redirect::default()), "MalformedXML", "The XML"),
            (WebsiteConfiguration { routing_rules: Some(vec![]), ..index() }, "MalformedXML", "The XML"),
            (
                WebsiteConfiguration { routing_rules: Some(many), ..index() },
                "InvalidRequest",
                "51 routing rules provided",
            ),
        ] {
            let error = Website::new(document).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert!(error.to_string().starts_with(message), "{error}");
        }
        for location in ["http://a", "https://a", "/a"] {
            assert_eq!(check_redirect_location(location), Ok(()));
        }
        assert_eq!(check_redirect_location("a").unwrap_err().code(), "InvalidRedirectLocation");
    }

    #[test]
    fn pages_and_folders() {
        let site =
            Website::new(WebsiteConfiguration { error_key: Some("error.html".into()), ..index() }).unwrap();
        for (key, object) in [("", "index.html"), ("a/", "a/index.html"), ("a", "a"), ("a/b.png", "a/b.png")]
        {
            assert_eq!(site.page(&asks(key)), Page::Object(object.into()), "{key}");
        }
        let sent = Redirection { status: 302, location: "/a%20b/".into() };
        assert_eq!(site.folder(&asks("a b")), Some(("a b/index.html".into(), sent)));
        assert_eq!(site.folder(&asks("a/")), None);
        assert_eq!(site.error_page(&asks("a"), 404), ErrorPage::Object("error.html".into()));
        assert_eq!(site.error_page(&asks("a"), 500), ErrorPage::Plain);
        assert_eq!(Website::new(index()).unwrap().error_page(&asks("a"), 404), ErrorPage::Plain);
    }

    #[test]
    fn everything_is_sent_on() {
        for (protocol, location) in
            [(None, "http://example.org/a/b%20c"), (Some("https"), "https://example.org/a/b%20c")]
        {
            let all = RedirectAll { host_name: "example.org".into(), protocol: protocol.map(str::to_owned) };
            let site = WebsiteConfiguration { redirect_all: Some(all), ..WebsiteConfiguration::default() };
            let page = Website::new(site).unwrap().page(&asks("a/b c"));
            assert_eq!(page, Page::Redirection(Redirection { status: 301, location: location.into() }));
        }
    }

    #[test]
    fn routing_rules() {
        const HOST: &str = "http://b.s3-website.us-east-1.amazonaws.com";
        let rule = |prefix: Option<&str>, code: Option<&str>, redirect: Redirect| RoutingRule {
            condition: Some(RoutingCondition {
                key_prefix_equals: prefix.map(str::to_owned),
                http_error_code_returned_equals: code.map(str::to_owned),
            }),
            redirect,
        };
        let to_prefix =
            |prefix: &str| Redirect { replace_key_prefix_with: Some(prefix.into()), ..Redirect::default() };
        let to_key = Redirect {
            replace_key_with: Some("gone.html".into()),
            http_redirect_code: Some("307".into()),
            ..Redirect::default()
        };
        let to_host = Redirect {
            host_name: Some("example.org".into()),
            protocol: Some("https".into()),
            ..Redirect::default()
        };
        let site = Website::new(WebsiteConfiguration {
            routing_rules: Some(vec![
                rule(Some("docs/"), None, to_prefix("documents/")),
                rule(Some("images/"), None, to_key),
                rule(None, Some("404"), to_host),
                rule(Some("secret/"), Some("403"), to_prefix("report-")),
            ]),
            ..index()
        })
        .unwrap();
        let sent = |status, location: String| Redirection { status, location };
        for (key, expected) in [
            ("docs/a", Some(sent(301, format!("{HOST}/documents/a")))),
            ("images/a", Some(sent(307, format!("{HOST}/gone.html")))),
            ("a", None),
            ("secret/a", None),
        ] {
            let page = site.page(&asks(key));
            let expected = expected.map_or(Page::Object(key.into()), Page::Redirection);
            assert_eq!(page, expected, "{key}");
        }
        for (key, status, expected) in [
            ("a", 404, Some(sent(301, "https://example.org/a".into()))),
            ("secret/a", 403, Some(sent(301, format!("{HOST}/report-a")))),
            ("a", 403, None),
            ("docs/a", 500, None),
        ] {
            let page = site.error_page(&asks(key), status);
            assert_eq!(page, expected.map_or(ErrorPage::Plain, ErrorPage::Redirection), "{key} {status}");
        }
    }
}
