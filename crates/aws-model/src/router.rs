//! Dispatch by method and URI for the REST protocols.
//!
//! A template is a sequence of path segments, each literal or a label, perhaps a greedy label, and literal query
//! parameters. Where several templates fit, the one with more literal segments from the left wins, then the one with
//! more query literals.

use std::cmp::Reverse;

use crate::{Location, Model};

/// The routes of one service.
#[derive(Debug, Default)]
pub struct Router {
    routes: Vec<Route>,
}

/// The parts of a request by which the REST protocols dispatch.
pub trait Routable {
    /// The method.
    fn method(&self) -> &str;
    /// The path as it was sent, percent-encoded.
    fn path(&self) -> &str;
    /// Whether there is a query parameter of that name, with that value if one is given.
    fn has_query(&self, name: &str, value: Option<&str>) -> bool;
    /// Whether there is a header of that name.
    fn has_header(&self, name: &str) -> bool;
}

/// An operation that fits a request, and the labels of its path as they stood there, still percent-encoded.
#[derive(Debug, PartialEq, Eq)]
pub struct RouteMatch<'a> {
    /// The operation's position in the model.
    pub operation: usize,
    /// Label names and raw values.
    pub labels: Vec<(&'static str, &'a str)>,
}

#[derive(Debug)]
struct Route {
    operation: usize,
    method: &'static str,
    segments: Vec<Segment>,
    query: Vec<(&'static str, Option<&'static str>)>,
    /// Wire names of required members in query and headers. S3 tells CopyObject from PutObject by them alone.
    required: Vec<(Location, &'static str)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
    /// One or more segments, up to as many literals as follow it.
    Greedy(&'static str),
}

impl Router {
    pub(crate) fn new(model: &Model) -> Self {
        let mut router = Self::of(model.operations.iter().map(|operation| {
            let input = operation.input.as_ref().and_then(|input| model.structure(input.shape));
            let required = input.map_or(&[][..], |input| &input.members).iter().filter(|member| {
                member.required && matches!(member.location, Location::Query | Location::Header)
            });
            let required = required.map(|member| (member.location, member.wire_name())).collect();
            (operation.method, operation.uri, required)
        }));
        let is_deprecated = |route: &Route| model.operations[route.operation].deprecated;
        router.routes.sort_by_key(|route| (route.rank(), is_deprecated(route)));
        router
    }

    fn of(
        templates: impl Iterator<Item = (&'static str, &'static str, Vec<(Location, &'static str)>)>,
    ) -> Self {
        let mut routes: Vec<Route> = templates
            .enumerate()
            .map(|(operation, (method, uri, required))| Route::new(operation, method, uri, required))
            .collect();
        routes.sort_by_key(Route::rank);
        Self { routes }
    }

    /// The operation for a request.
    ///
    /// Of several whose templates fit equally well, it is the one with the most required parameters that are all
    /// there, or else the one with the fewest, so that the missing ones can be complained about. An operation that
    /// another replaced at the same URI gives way to it.
    pub fn route<'a>(&self, request: &'a impl Routable) -> Option<RouteMatch<'a>> {
        let mut fitting = self.routes.iter().filter(|route| {
            route.method == request.method()
                && route.query.iter().all(|(name, value)| request.has_query(name, *value))
        });
        let (mut best, mut labels) =
            fitting.find_map(|route| Some((route, route.labels(request.path())?)))?;
        let first = best.precedence();
        while !best.has_required(request) {
            let next = fitting.by_ref().take_while(|route| route.precedence() == first);
            let Some(next) = next.into_iter().find_map(|route| Some((route, route.labels(request.path())?)))
            else {
                break;
            };
            (best, labels) = next;
        }
        Some(RouteMatch { operation: best.operation, labels })
    }
}

impl Route {
    fn new(
        operation: usize,
        method: &'static str,
        uri: &'static str,
        required: Vec<(Location, &'static str)>,
    ) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| match segment.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
                None => Segment::Literal(segment),
                Some(label) => label.strip_suffix('+').map_or(Segment::Label(label), Segment::Greedy),
            })
            .collect();
        let query = query
            .split('&')
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| match parameter.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (parameter, None),
            })
            .collect();
        Self { operation, method, segments, query, required }
    }

    fn has_required(&self, request: &impl Routable) -> bool {
        self.required.iter().all(|(location, name)| match location {
            Location::Header => request.has_header(name),
            _ => request.has_query(name, None),
        })
    }

    fn rank(&self) -> impl Ord + use<> {
        (Reverse(self.precedence()), Reverse(self.required.len()))
    }

    /// Literal segments sort above labels, labels above greedy ones, position by position.
    fn precedence(&self) -> (Vec<u8>, usize) {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(_) => 3,
            Segment::Label(_) => 2,
            Segment::Greedy(_) => 1,
        };
        (self.segments.iter().map(rank).collect(), self.query.len())
    }

    fn labels<'a>(&self, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let mut labels = Vec::new();
        let mut rest = path.strip_prefix('/')?;
        let mut ended = rest.is_empty();
        for (index, segment) in self.segments.iter().enumerate() {
            if ended {
                return None;
            }
            let end = match segment {
                Segment::Greedy(_) => greedy_end(rest, &self.segments[index + 1..])?,
                _ => rest.find('/').unwrap_or(rest.len()),
            };
            let (value, after) = rest.split_at(end);
            match segment {
                Segment::Literal(literal) if !same_segment(literal, value) => return None,
                Segment::Literal(_) => {}
                Segment::Label(_) if value.is_empty() => return None,
                Segment::Label(name) | Segment::Greedy(name) => labels.push((*name, value)),
            }
            ended = after.is_empty();
            rest = after.strip_prefix('/').unwrap_or(after);
        }
        (ended || rest.is_empty()).then_some(labels)
    }
}

/// Where a greedy label ends: it leaves exactly the segments that follow it, and takes a trailing slash for its own
/// when none follow.
fn greedy_end(rest: &str, following: &[Segment]) -> Option<usize> {
    let mut end = rest.len();
    for _ in following {
        end = rest[..end].rfind('/')?;
    }
    (end > 0).then_some(end)
}

/// Literals of a few models hold characters that clients percent-encode, such as the colon of `/v2/domains:search`.
fn same_segment(literal: &str, value: &str) -> bool {
    literal == value || (value.contains('%') && percent_decoded_eq(literal, value))
}

fn percent_decoded_eq(literal: &str, value: &str) -> bool {
    let mut bytes = value.bytes();
    let mut decoded = std::iter::from_fn(|| {
        let byte = bytes.next()?;
        if byte != b'%' {
            return Some(Some(byte));
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let high = digit(bytes.next());
        let low = digit(bytes.next());
        Some(high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok()))
    });
    literal.bytes().all(|expected| decoded.next() == Some(Some(expected))) && decoded.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Request<'a>(&'a str, &'a str, &'a str, &'a str);

    impl Routable for Request<'_> {
        fn method(&self) -> &str {
            self.0
        }

        fn path(&self) -> &str {
            self.1
        }

        fn has_query(&self, name: &str, value: Option<&str>) -> bool {
            self.2.split('&').any(|parameter| {
                let (n, v) = parameter.split_once('=').unwrap_or((parameter, ""));
                n == name && value.is_none_or(|value| value == v)
            })
        }

        fn has_header(&self, name: &str) -> bool {
            self.3 == name
        }
    }

    type Template = (&'static str, &'static str, &'static [(Location, &'static str)]);

    const PART: &[(Location, &str)] = &[(Location::Query, "partNumber"), (Location::Query, "uploadId")];
    const COPY: &[(Location, &str)] = &[(Location::Header, "copy-source")];

    #[test]
    fn routes_by_path_method_query_and_required_members() {
        let templates: &[Template] = &[
            ("GET", "/", &[]),
            ("GET", "/{Bucket}", &[]),
            ("GET", "/{Bucket}?list-type=2", &[]),
            ("GET", "/{Bucket}?acl", &[]),
            ("GET", "/{Bucket}/{Key+}", &[]),
            ("GET", "/{Bucket}/{Key+}?acl", &[]),
            ("PUT", "/{Bucket}/{Key+}", COPY),
            ("PUT", "/{Bucket}/{Key+}", &[]),
            ("PUT", "/{Bucket}/{Key+}", PART),
            ("GET", "/a/b/{C}/d", &[]),
            ("GET", "/a/{B+}/tail", &[]),
        ];
        let router =
            Router::of(templates.iter().map(|(method, uri, required)| (*method, *uri, required.to_vec())));
        let check = |request: Request<'_>, expect: Option<(usize, &[(&str, &str)])>| {
            let found = router.route(&request).map(|found| (found.operation, found.labels));
            assert_eq!(
                found,
                expect.map(|(operation, labels)| (operation, labels.to_vec())),
                "{}?{}",
                request.1,
                request.2
            );
        };
        check(Request("GET", "/", "", ""), Some((0, &[])));
        check(Request("GET", "/x", "", ""), Some((1, &[("Bucket", "x")])));
        check(Request("GET", "/x/", "", ""), Some((1, &[("Bucket", "x")])));
        check(Request("GET", "/x", "list-type=2", ""), Some((2, &[("Bucket", "x")])));
        check(Request("GET", "/x", "list-type=1", ""), Some((1, &[("Bucket", "x")])));
        check(Request("GET", "/x", "acl", ""), Some((3, &[("Bucket", "x")])));
        check(Request("GET", "/x/y/z%2F", "acl=", ""), Some((5, &[("Bucket", "x"), ("Key", "y/z%2F")])));
        check(Request("GET", "/x//y/", "", ""), Some((4, &[("Bucket", "x"), ("Key", "/y/")])));
        check(Request("PUT", "/x/y", "", ""), Some((7, &[("Bucket", "x"), ("Key", "y")])));
        check(Request("PUT", "/x/y", "", "copy-source"), Some((6, &[("Bucket", "x"), ("Key", "y")])));
        check(
            Request("PUT", "/x/y", "uploadId=1&partNumber=2", ""),
            Some((8, &[("Bucket", "x"), ("Key", "y")])),
        );
        check(Request("PUT", "/x", "", ""), None);
        check(Request("GET", "", "", ""), None);
        check(Request("GET", "/a/b/q/d", "", ""), Some((9, &[("C", "q")])));
        check(Request("GET", "/%61/b/q/d", "", ""), Some((9, &[("C", "q")])));
        check(Request("GET", "/a/q/r/tail", "", ""), Some((10, &[("B", "q/r")])));
    }
}
