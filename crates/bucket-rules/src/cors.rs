//! Cross-origin rules: which requests of other origins pass, and the headers of the answer.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html>
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>

use serde::{Deserialize, Serialize};

use crate::RuleError;

const RULES_MAX: usize = 100;
/// Of the document.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html>
const BYTES_MAX: usize = 64 << 10;
/// What an element takes without a content, such as `<ExposeHeader/>`.
const ELEMENT_BYTES_MIN: usize = 15;
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];
const NOT_ALLOWED: &str = "This CORS request is not allowed. This is usually because the evalution of Origin, request method / \
    Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.";
const NOT_ENABLED: &str = "CORS is not enabled for this bucket.";
const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorsRule {
    /// Its name.
    pub id: Option<String>,
    /// Patterns of headers that a preflight may ask for, each with at most one `*`.
    pub allowed_headers: Vec<String>,
    /// Methods.
    pub allowed_methods: Vec<String>,
    /// Patterns of origins, each with at most one `*`.
    pub allowed_origins: Vec<String>,
    /// Headers of the answer that scripts may read.
    pub expose_headers: Vec<String>,
    /// How long a browser keeps the answer to a preflight.
    pub max_age_secs: Option<i32>,
}

/// The rules of a bucket, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CorsRules(Vec<CorsRule>);

/// What of a request cross-origin rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorsRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Access-Control-Request-Method`. S3 looks at it in any request, not in preflights alone.
    pub request_method: Option<&'a str>,
    /// `Access-Control-Request-Headers`.
    pub request_headers: Option<&'a str>,
    /// Whether the path names an object.
    pub is_object: bool,
}

/// The headers of an answer that rules let pass, by their names.
pub type CorsHeaders = Vec<(&'static str, String)>;

impl CorsRules {
    /// Checks rules.
    ///
    /// # Errors
    /// [`RuleError::MalformedXml`] for none, more than 100, or one without methods or origins; [`RuleError::TooLong`] for more
    /// than 64 KiB; [`RuleError::Request`] for a method that browsers do not ask for, and for wildcards where none may be.
    pub fn new(rules: Vec<CorsRule>) -> Result<Self, RuleError> {
        if rules.is_empty() || rules.len() > RULES_MAX {
            return Err(RuleError::MalformedXml);
        }
        if rules.iter().map(CorsRule::bytes_min).sum::<usize>() > BYTES_MAX {
            return Err(RuleError::TooLong);
        }
        rules.iter().try_for_each(CorsRule::check)?;
        Ok(Self(rules))
    }

    /// The rules in their order.
    pub fn rules(&self) -> &[CorsRule] {
        &self.0
    }

    /// The headers beside the answer to a request; none if no rule lets it pass, or no other origin asks.
    pub fn headers(&self, request: &CorsRequest<'_>) -> CorsHeaders {
        let Some(origin) = request.origin else { return Vec::new() };
        let method = request.request_method.unwrap_or(request.method);
        let asked = requested(request.request_headers);
        self.0.iter().find_map(|rule| rule.headers(origin, method, &asked)).unwrap_or_default()
    }
}

/// The answer to a preflight: `OPTIONS`, by the rules of the bucket if there are any.
///
/// # Errors
/// [`RuleError::BadRequest`] without an origin or a method; [`RuleError::CorsForbidden`] if no rule lets the request pass.
pub fn preflight(rules: Option<&CorsRules>, request: &CorsRequest<'_>) -> Result<CorsHeaders, RuleError> {
    if request.origin.is_none() {
        return Err(RuleError::BadRequest("Insufficient information. Origin request header needed.".into()));
    }
    let resource_type = if request.is_object { "OBJECT" } else { "BUCKET" };
    let method = request.request_method.unwrap_or(request.method).to_owned();
    let Some(rules) = rules else {
        return Err(RuleError::CorsForbidden { message: NOT_ENABLED, method, resource_type });
    };
    let Some(asked) = request.request_method else {
        return Err(RuleError::BadRequest("Invalid Access-Control-Request-Method: null".into()));
    };
    if !METHODS.contains(&asked) {
        return Err(RuleError::BadRequest(format!("Invalid Access-Control-Request-Method: {asked}").into()));
    }
    let headers = rules.headers(request);
    if headers.is_empty() {
        return Err(RuleError::CorsForbidden { message: NOT_ALLOWED, method, resource_type });
    }
    Ok(headers)
}

impl CorsRule {
    /// What the rule takes in a document, in the shortest way to write it.
    fn bytes_min(&self) -> usize {
        let lists =
            [&self.allowed_headers, &self.allowed_methods, &self.allowed_origins, &self.expose_headers];
        let texts = lists.into_iter().flatten().map(|text| text.len() + ELEMENT_BYTES_MIN);
        texts.sum::<usize>() + self.id.as_ref().map_or(0, String::len)
    }

    fn check(&self) -> Result<(), RuleError> {
        if self.allowed_methods.is_empty() || self.allowed_origins.is_empty() {
            return Err(RuleError::MalformedXml);
        }
        let refused = |message: String| Err(RuleError::Request(message.into()));
        if let Some(method) = self.allowed_methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
            return refused(format!(
                "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            ));
        }
        let several = |text: &&String| text.matches('*').count() > 1;
        if let Some(origin) = self.allowed_origins.iter().find(several) {
            return refused(format!("AllowedOrigin \"{origin}\" can not have more than one wildcard."));
        }
        if let Some(header) = self.allowed_headers.iter().find(several) {
            return refused(format!("AllowedHeader \"{header}\" can not have more than one wildcard."));
        }
        if let Some(header) = self.expose_headers.iter().find(|header| header.contains('*')) {
            return refused(format!(
                "ExposeHeader \"{header}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
            ));
        }
        if self.id.as_ref().is_some_and(|id| id.chars().count() > 255) {
            return refused("The ID field must be less than or equal to 255 characters".into());
        }
        Ok(())
    }

    fn headers(&self, origin: &str, method: &str, asked: &[String]) -> Option<CorsHeaders> {
        let pattern = self.allowed_origins.iter().find(|pattern| one_star(pattern, origin))?;
        let allows = |name: &String| {
            self.allowed_headers.iter().any(|pattern| one_star(&pattern.to_ascii_lowercase(), name))
        };
        if !self.allowed_methods.iter().any(|allowed| allowed == method) || !asked.iter().all(allows) {
            return None;
        }
        let mut headers = Vec::new();
        if pattern == "*" {
            headers.push(("Access-Control-Allow-Origin", "*".to_owned()));
        } else {
            headers.push(("Access-Control-Allow-Origin", origin.to_owned()));
            headers.push(("Access-Control-Allow-Credentials", "true".to_owned()));
        }
        headers.push(("Access-Control-Allow-Methods", self.allowed_methods.join(", ")));
        if !asked.is_empty() {
            headers.push(("Access-Control-Allow-Headers", asked.join(", ")));
        }
        if !self.expose_headers.is_empty() {
            headers.push(("Access-Control-Expose-Headers", self.expose_headers.join(", ")));
        }
        if let Some(secs) = self.max_age_secs {
            headers.push(("Access-Control-Max-Age", secs.to_string()));
        }
        headers.push(("Vary", VARY.to_owned()));
        Some(headers)
    }
}

/// The names of headers in a list, in small letters.
fn requested(list: Option<&str>) -> Vec<String> {
    let names = list.unwrap_or_default().split(',').map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

/// Whether a text is one that a pattern with at most one `*` stands for.
fn one_star(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            text.len() >= before.len() + after.len() && text.starts_with(before) && text.ends_with(after)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(origins: &[&str], methods: &[&str]) -> CorsRule {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        CorsRule { allowed_origins: texts(origins), allowed_methods: texts(methods), ..CorsRule::default() }
    }

    fn asks<'a>(
        method: &'a str,
        origin: Option<&'a str>,
        request_method: Option<&'a str>,
    ) -> CorsRequest<'a> {
        CorsRequest { method, origin, request_method, request_headers: None, is_object: false }
    }

    fn header<'a>(headers: &'a CorsHeaders, name: &str) -> Option<&'a str> {
        headers.iter().find(|(had, _)| *had == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn rules_are_checked() {
        let long = rule(&[&"o".repeat(64 << 10)], &["GET"]);
        let empty = CorsRule { allowed_headers: vec![String::new(); 10_000], ..rule(&["*"], &["GET"]) };
        let exposes = CorsRule { expose_headers: vec!["x-*".into()], ..rule(&["*"], &["GET"]) };
        let two_stars = CorsRule { allowed_headers: vec!["*-a-*".into()], ..rule(&["*"], &["GET"]) };
        for (rules, code, message) in [
            (vec![], "MalformedXML", ""),
            (vec![rule(&["*"], &["GET"]); 101], "MalformedXML", ""),
            (vec![long], "MaxMessageLengthExceeded", "Your request was too large."),
            (vec![empty], "MaxMessageLengthExceeded", "Your request was too large."),
            (vec![rule(&["*"], &[])], "MalformedXML", ""),
            (vec![rule(&[], &["GET"])], "MalformedXML", ""),
            (
                vec![rule(&["*"], &["GET", "MYMETHOD"])],
                "InvalidRequest",
                "Found unsupported HTTP method in CORS config. Unsupported method is MYMETHOD",
            ),
            (
                vec![rule(&["http://*.*.org"], &["GET"])],
                "InvalidRequest",
                "AllowedOrigin \"http://*.*.org\" can not have more than one wildcard.",
            ),
            (
                vec![two_stars],
                "InvalidRequest",
                "AllowedHeader \"*-a-*\" can not have more than one wildcard.",
            ),
            (vec![exposes], "InvalidRequest", "ExposeHeader \"x-*\" contains wildcard."),
        ] {
            let error = CorsRules::new(rules).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains(message), "{error}");
        }
        assert_eq!(CorsRules::new(vec![rule(&[""], &["GET"]); 100]).unwrap().rules().len(), 100);
    }

    #[test]
    fn origins_and_methods() {
        let rules = CorsRules::new(vec![
            rule(&["*suffix"], &["GET"]),
            rule(&["start*end"], &["GET"]),
            rule(&["prefix*"], &["GET"]),
            rule(&["*.put"], &["PUT"]),
        ])
        .unwrap();
        for (method, origin, request_method, passes) in [
            ("GET", "foo.suffix", None, Some("GET")),
            ("GET", "foo.bar", None, None),
            ("GET", "foo.suffix.get", None, None),
            ("GET", "startend", None, Some("GET")),
            ("GET", "start12end", None, Some("GET")),
            ("GET", "starend", None, None),
            ("GET", "0start12end", None, None),
            ("GET", "prefix", None, Some("GET")),
            ("GET", "PREFIX", None, None),
            ("GET", "bla.prefix", None, None),
            ("PUT", "foo.suffix", Some("GET"), Some("GET")),
            ("PUT", "foo.suffix", Some("PUT"), None),
            ("PUT", "foo.suffix", None, None),
            ("PUT", "foo.put", None, Some("PUT")),
        ] {
            let headers = rules.headers(&asks(method, Some(origin), request_method));
            let name = if passes.is_some() { Some(origin) } else { None };
            assert_eq!(header(&headers, "Access-Control-Allow-Origin"), name, "{method} {origin}");
            assert_eq!(header(&headers, "Access-Control-Allow-Methods"), passes, "{method} {origin}");
        }
        assert!(rules.headers(&asks("GET", None, None)).is_empty());
    }

    #[test]
    fn headers_of_the_answer() {
        let mut full = rule(&["https://localhost:4200"], &["GET", "PUT"]);
        full.allowed_headers = vec!["x-amz-expected-BUCKET-owner".into(), "x-amz-server-*".into()];
        full.expose_headers = vec!["x-amz-id-2".into(), "ETag".into()];
        full.max_age_secs = Some(3_000);
        let rules = CorsRules::new(vec![full, rule(&["*"], &["GET"])]).unwrap();
        let mut request = asks("OPTIONS", Some("https://localhost:4200"), Some("GET"));
        request.request_headers = Some("x-AMZ-expected-bucket-owner,x-amz-server-side-encryption");
        let headers = preflight(Some(&rules), &request).unwrap();
        assert_eq!(
            headers,
            [
                ("Access-Control-Allow-Origin", "https://localhost:4200".to_owned()),
                ("Access-Control-Allow-Credentials", "true".to_owned()),
                ("Access-Control-Allow-Methods", "GET, PUT".to_owned()),
                (
                    "Access-Control-Allow-Headers",
                    "x-amz-expected-bucket-owner, x-amz-server-side-encryption".to_owned()
                ),
                ("Access-Control-Expose-Headers", "x-amz-id-2, ETag".to_owned()),
                ("Access-Control-Max-Age", "3000".to_owned()),
                ("Vary", VARY.to_owned()),
            ]
        );
        let anyone = rules.headers(&asks("GET", Some("example.origin"), None));
        assert_eq!(header(&anyone, "Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(header(&anyone, "Access-Control-Allow-Credentials"), None);
        request.request_headers = Some("x-amz-request-payer");
        assert_eq!(preflight(Some(&rules), &request).unwrap_err().code(), "AccessForbidden");
    }

    #[test]
    fn preflights_that_do_not_pass() {
        let rules = CorsRules::new(vec![rule(&["*.ok"], &["GET"])]).unwrap();
        for (rules, request, code, status, message) in [
            (
                Some(&rules),
                asks("OPTIONS", None, Some("GET")),
                "BadRequest",
                400,
                "Insufficient information.",
            ),
            (None, asks("OPTIONS", None, None), "BadRequest", 400, "Insufficient information."),
            (
                None,
                asks("OPTIONS", Some("a.ok"), None),
                "AccessForbidden",
                403,
                "CORSResponse: CORS is not enabled",
            ),
            (Some(&rules), asks("OPTIONS", Some("a.ok"), None), "BadRequest", 400, "Invalid Access-Control"),
            (
                Some(&rules),
                asks("OPTIONS", Some("a.ok"), Some("FLY")),
                "BadRequest",
                400,
                "Invalid Access-Control",
            ),
            (
                Some(&rules),
                asks("OPTIONS", Some("a.ok"), Some("PUT")),
                "AccessForbidden",
                403,
                "CORSResponse: This",
            ),
            (
                Some(&rules),
                asks("OPTIONS", Some("a.no"), Some("GET")),
                "AccessForbidden",
                403,
                "CORSResponse: This",
            ),
        ] {
            let error = preflight(rules, &request).unwrap_err();
            assert_eq!((error.code(), error.status()), (code, status), "{request:?}");
            assert!(error.to_string().starts_with(message), "{error}");
        }
        let forbidden = preflight(None, &asks("OPTIONS", Some("a.ok"), None)).unwrap_err();
        assert_eq!(
            forbidden.details(),
            [("Method", "OPTIONS".to_owned()), ("ResourceType", "BUCKET".to_owned())]
        );
    }
}
