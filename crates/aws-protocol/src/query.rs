//! Form-encoded requests: awsQuery, and EC2's variant of it.
//!
//! A structure is flattened into parameters whose names are paths: `Filter.1.Value.2`. Parameters are kept sorted, so
//! that everything under a path is one run of them.

use std::borrow::Cow;
use std::cell::Cell;

use aws_model::{
    Fields, List, Map, Member, Model, ShapeId, ShapeKind, Structure, TimestampFormat, Value, WireProtocol,
    is_absent_to_ec2,
};
use percent_encoding::percent_decode;

use crate::scalar::ScalarReader;
use crate::{MAX_DEPTH, ProtocolError};

/// More parameters than any AWS request has: RunInstances and PutMetricData at their limits stay below.
const MAX_PARAMETERS: usize = 50_000;

/// The parameters of a request.
#[derive(Debug)]
pub(crate) struct Parameters(Vec<Parameter>);

#[derive(Debug)]
struct Parameter {
    name: String,
    value: String,
    /// Its place in the request, by which errors choose the first of several.
    position: usize,
    is_read: Cell<bool>,
}

impl Parameters {
    /// Reads the parameters of the query string and of a form body together.
    pub(crate) fn parse(query: &str, body: &[u8]) -> Result<Self, ProtocolError> {
        let pairs = query.as_bytes().split(|byte| *byte == b'&').chain(body.split(|byte| *byte == b'&'));
        let mut parameters = Vec::new();
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            if parameters.len() == MAX_PARAMETERS {
                return Err(malformed(format!("The request has more than {MAX_PARAMETERS} parameters.")));
            }
            let equals = memchr::memchr(b'=', pair);
            let (name, value) = equals.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
            let (name, value) = (form_decode(name)?, form_decode(value)?);
            if name.bytes().filter(|byte| *byte == b'.').count() > 2 * MAX_DEPTH {
                return Err(malformed("The name of a parameter has too many parts."));
            }
            parameters.push(Parameter { name, value, position: parameters.len(), is_read: Cell::new(false) });
        }
        parameters.sort_by(|a, b| (&a.name, a.position).cmp(&(&b.name, b.position)));
        if let Some(pair) = parameters.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(malformed(format!("The parameter {} is given more than once.", pair[0].name)));
        }
        Ok(Self(parameters))
    }

    /// The value of the parameter of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let index = self.0.binary_search_by(|parameter| parameter.name.as_str().cmp(name)).ok()?;
        self.0[index].is_read.set(true);
        Some(&self.0[index].value)
    }

    /// Whether a parameter of that name is given without a value, which makes it read.
    fn is_empty_at(&self, name: &str) -> bool {
        let index = self.0.binary_search_by(|parameter| parameter.name.as_str().cmp(name));
        let parameter = index.ok().map(|index| &self.0[index]).filter(|parameter| parameter.value.is_empty());
        parameter.inspect(|parameter| parameter.is_read.set(true)).is_some()
    }

    /// The parameters whose names begin so.
    fn under(&self, prefix: &str) -> &[Parameter] {
        let start = self.0.partition_point(|parameter| parameter.name.as_str() < prefix);
        let length = self.0[start..].partition_point(|parameter| parameter.name.starts_with(prefix));
        &self.0[start..start + length]
    }

    /// Whether anything is given at a path or below it.
    fn has(&self, path: &str) -> bool {
        self.0.binary_search_by(|parameter| parameter.name.as_str().cmp(path)).is_ok()
            || !self.under(&format!("{path}.")).is_empty()
    }

    /// The numbers that follow a path, in order. AWS takes them in their order and does not mind gaps.
    fn indexes(&self, path: &str) -> Vec<u32> {
        let prefix = format!("{path}.");
        let number = |parameter: &Parameter| {
            let rest = &parameter.name[prefix.len()..];
            let digits = rest.split('.').next().unwrap_or(rest);
            digits.parse().ok().filter(|number: &u32| number.to_string() == digits)
        };
        let mut numbers: Vec<u32> = self.under(&prefix).iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The first parameter, as they were sent, that nothing has read and that is not about the request itself.
    fn unread(&self) -> Option<&str> {
        let about_the_request = |name: &str| {
            const NAMES: [&str; 8] = [
                "Action",
                "Version",
                "AWSAccessKeyId",
                "SignatureMethod",
                "SignatureVersion",
                "Signature",
                "SecurityToken",
                "Timestamp",
            ];
            NAMES.contains(&name) || name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("X-Amz-"))
        };
        let unread =
            self.0.iter().filter(|parameter| !parameter.is_read.get() && !about_the_request(&parameter.name));
        unread.min_by_key(|parameter| parameter.position).map(|parameter| parameter.name.as_str())
    }
}

fn malformed(problem: impl Into<String>) -> ProtocolError {
    ProtocolError::new("MalformedQueryString", problem)
}

fn form_decode(text: &[u8]) -> Result<String, ProtocolError> {
    let text: Cow<'_, [u8]> = if memchr::memchr(b'+', text).is_some() {
        Cow::Owned(text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect())
    } else {
        Cow::Borrowed(text)
    };
    let decoded: Vec<u8> = percent_decode(&text).collect();
    String::from_utf8(decoded).map_err(|_| malformed("The request has a parameter that is not UTF-8."))
}

/// Reads parameters by shape.
pub(crate) struct QueryReader<'a> {
    pub(crate) model: &'a Model,
    pub(crate) protocol: WireProtocol,
    pub(crate) parameters: &'a Parameters,
}

impl QueryReader<'_> {
    /// Reads an operation's whole input.
    pub(crate) fn input(&self, structure: &Structure) -> Result<Fields, ProtocolError> {
        let fields = self.structure(structure, "")?;
        self.nothing_unread()?;
        Ok(fields)
    }

    /// EC2 refuses parameters that it does not know; the other services pass over them.
    pub(crate) fn nothing_unread(&self) -> Result<(), ProtocolError> {
        if self.protocol != WireProtocol::Ec2Query {
            return Ok(());
        }
        match self.parameters.unread() {
            Some(name) => {
                Err(ProtocolError::new("UnknownParameter", format!("The parameter {name} is not recognized")))
            }
            None => Ok(()),
        }
    }

    /// Recursion ends because every level needs parameters with longer names, and their parts are bounded.
    fn structure(&self, structure: &Structure, path: &str) -> Result<Fields, ProtocolError> {
        let mut fields = Fields::new();
        for member in &structure.members {
            let name = parameter_name(self.protocol, member);
            let path = if path.is_empty() { name.into_owned() } else { format!("{path}.{name}") };
            if let Some(value) = self.member(member, &path)? {
                fields.push(member.name, value);
            }
        }
        Ok(fields)
    }

    fn member(&self, member: &Member, path: &str) -> Result<Option<Value>, ProtocolError> {
        match &self.model[member.shape].kind {
            ShapeKind::String(_)
                if self.protocol == WireProtocol::Ec2Query
                    && is_absent_to_ec2(member.name, "")
                    && self.parameters.is_empty_at(path) =>
            {
                Ok(None)
            }
            ShapeKind::List(list) => self.list(list, member.flattened || list.flattened, path),
            ShapeKind::Map(map) => self.map(map, member.flattened || map.flattened, path),
            _ if self.parameters.has(path) => self.value(member.shape, path),
            _ => Ok(None),
        }
    }

    /// Reads a value of which something is given.
    fn value(&self, shape: ShapeId, path: &str) -> Result<Option<Value>, ProtocolError> {
        match &self.model[shape].kind {
            ShapeKind::Structure(structure) => Ok(Some(Value::Structure(self.structure(structure, path)?))),
            ShapeKind::List(list) => self.list(list, list.flattened, path),
            ShapeKind::Map(map) => self.map(map, map.flattened, path),
            _ => match self.parameters.get(path) {
                Some(text) => {
                    let reader =
                        ScalarReader { protocol: self.protocol, timestamps: TimestampFormat::Iso8601 };
                    reader.read(&self.model[shape], text, path).map(Some)
                }
                // Something is given below a scalar, which nothing will read.
                None => Ok(None),
            },
        }
    }

    fn list(&self, list: &List, flattened: bool, path: &str) -> Result<Option<Value>, ProtocolError> {
        let elements = if self.protocol == WireProtocol::Ec2Query {
            Cow::Borrowed(path)
        } else if flattened {
            match (list.location_name, path.rsplit_once('.')) {
                (Some(name), Some((parent, _))) => Cow::Owned(format!("{parent}.{name}")),
                (Some(name), None) => Cow::Borrowed(name),
                (None, _) => Cow::Borrowed(path),
            }
        } else {
            Cow::Owned(format!("{path}.{}", list.location_name.unwrap_or("member")))
        };
        let mut values = Vec::new();
        for index in self.parameters.indexes(&elements) {
            values.extend(self.value(list.element, &format!("{elements}.{index}"))?);
        }
        // An empty list is sent as its name alone, without a value.
        let is_given = !values.is_empty() || self.parameters.is_empty_at(path);
        Ok(is_given.then_some(Value::List(values)))
    }

    fn map(&self, map: &Map, flattened: bool, path: &str) -> Result<Option<Value>, ProtocolError> {
        let entries = if flattened { Cow::Borrowed(path) } else { Cow::Owned(format!("{path}.entry")) };
        let mut values = Vec::new();
        for index in self.parameters.indexes(&entries) {
            let key = format!("{entries}.{index}.{}", map.key_name.unwrap_or("key"));
            let value = format!("{entries}.{index}.{}", map.value_name.unwrap_or("value"));
            let Some(key) = self.parameters.get(&key) else {
                return Err(ProtocolError::malformed(
                    self.protocol,
                    format!("{entries}.{index} has no key."),
                ));
            };
            if let Some(value) = self.value(map.value, &value)? {
                values.push((key.to_owned(), value));
            }
        }
        Ok((!values.is_empty()).then_some(Value::Map(values)))
    }
}

/// The name of a member in a query request. EC2 has names of its own for a few, and capitalises the wire name of the
/// others.
pub(crate) fn parameter_name(protocol: WireProtocol, member: &Member) -> Cow<'static, str> {
    if protocol != WireProtocol::Ec2Query {
        return Cow::Borrowed(member.wire_name());
    }
    match (member.query_name, member.location_name) {
        (Some(name), _) => Cow::Borrowed(name),
        (None, Some(name)) if name.starts_with(|first: char| first.is_ascii_lowercase()) => {
            Cow::Owned(name[..1].to_ascii_uppercase() + &name[1..])
        }
        (None, _) => Cow::Borrowed(member.wire_name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_forms() {
        let parameters = Parameters::parse("Action=A%20b", b"&x.10=+1&x.2=%C3%A9&y").expect("it is a form");
        assert_eq!(parameters.get("Action"), Some("A b"));
        assert_eq!(parameters.get("y"), Some(""));
        assert_eq!(parameters.get("x"), None);
        assert_eq!(parameters.indexes("x"), [2, 10]);
        assert_eq!(parameters.unread(), Some("x.10"));
    }

    #[test]
    fn refuses_broken_forms() {
        assert!(Parameters::parse("", b"a=%ff").is_err());
        assert!(Parameters::parse("a=1", b"a=2").is_err());
        assert!(Parameters::parse("", format!("a{}=1", ".1".repeat(1_000)).as_bytes()).is_err());
        assert!(Parameters::parse("", "a&".repeat(MAX_PARAMETERS + 1).as_bytes()).is_err());
    }
}
