//! URLs, as far as they are needed to ask for something by HTTP. Pure.

use std::fmt;

use super::Failure;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// With the query, without the fragment.
    pub(super) path: String,
    /// `user:password`.
    pub(super) credentials: Option<String>,
}

const HTTP_PORT: u16 = 80;

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let malformed = || Failure::new(3, "URL using bad/illegal format or missing URL");
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) => {
                return Err(Failure::new(1, format!("Protocol \"{scheme}\" not supported")));
            }
            None => text,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let (credentials, authority) = match authority.rsplit_once('@') {
            Some((credentials, authority)) => (Some(credentials.to_owned()), authority),
            None => (None, authority),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or_else(malformed)?;
                (host, port.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            None | Some("") => HTTP_PORT,
            Some(port) => port.parse().map_err(|_| malformed())?,
        };
        // Whatever could end a header line early has no place in a request.
        let unsafe_byte = |byte: u8| byte.is_ascii_control() || byte == b' ';
        if host.is_empty() || text.bytes().any(unsafe_byte) {
            return Err(malformed());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { host: host.to_owned(), port, path, credentials })
    }

    /// Where a `Location` header leads to from here.
    pub(super) fn join(&self, location: &str) -> Result<Self, Failure> {
        if location.contains("://") {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(rest);
        }
        let base = self.path.split('?').next().unwrap_or_default();
        let path = if location.starts_with('/') {
            location.to_owned()
        } else if location.starts_with('?') {
            format!("{base}{location}")
        } else {
            let directory = base.rsplit_once('/').map_or("", |(directory, _)| directory);
            format!("{directory}/{location}")
        };
        Self::parse(&format!("http://{}{path}", self.authority()))
    }

    /// Host and port as the `Host` header has them.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == HTTP_PORT { host } else { format!("{host}:{}", self.port) }
    }

    pub(super) fn add_query(&mut self, query: &str) {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(query);
    }

    /// The last part of the path.
    pub(super) fn file_name(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default().to_owned()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, u16, &str), u8>) {
        let url = Url::parse(text);
        let found =
            url.as_ref().map(|url| (url.host.as_str(), url.port, url.path.as_str())).map_err(|f| f.code);
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn urls_are_taken_apart() {
        check("10.0.0.5", Ok(("10.0.0.5", 80, "/")));
        check("http://web:8080/a/b?c=d#e", Ok(("web", 8080, "/a/b?c=d")));
        check("http://web?x=1", Ok(("web", 80, "/?x=1")));
        check("http://[fd00::1]:81/x", Ok(("fd00::1", 81, "/x")));
        check("http://me:pw@web/", Ok(("web", 80, "/")));
        check("https://web/", Err(1));
        check("http:///x", Err(3));
        check("http://web:port/", Err(3));
        check("http://web/a\r\nX: y", Err(3));
    }

    #[test]
    fn redirects_lead_where_they_say() {
        let from = Url::parse("http://web:81/a/b?q").unwrap();
        for (location, to) in [
            ("/c", "http://web:81/c"),
            ("c", "http://web:81/a/c"),
            ("?z", "http://web:81/a/b?z"),
            ("http://other/x", "http://other/x"),
            ("//other/x", "http://other/x"),
        ] {
            assert_eq!(from.join(location).unwrap().to_string(), to);
        }
    }
}
