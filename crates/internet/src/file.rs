//! The file that declares hosts: TOML, or JSON with the same members.
//!
//! Owns its form, and that an error names the line. Refuses to open files: it is given a text and the directory that
//! relative paths begin at.
//!
//! ```toml
//! [[host]]
//! name = "example.org"
//! addresses = ["198.51.100.7", "2001:db8::7"]
//! http = "hello"            # or http-dir = "site"; without either, the host answers its name
//! latency-ms = 20           # how long packets take one way, if they are to be late
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::host::{Content, Host, HostName, MAX_HOSTS};

/// What is wrong with a file of hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct FileError {
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// The hosts that a text declares. It is JSON when it begins with a brace, else TOML.
///
/// # Errors
/// The first thing that is wrong, and its line.
pub fn parse(text: &str, directory: &Path) -> Result<Vec<Host>, FileError> {
    if text.trim_start().starts_with('{') {
        let mut json = serde_json::Deserializer::from_str(text);
        let hosts = Hosts { directory }.deserialize(&mut json);
        hosts.and_then(|hosts| json.end().map(|()| hosts)).map_err(|error| {
            let position = format!(" at line {} column {}", error.line(), error.column());
            let message = error.to_string();
            let message = message.strip_suffix(&position).unwrap_or(&message).to_owned();
            FileError { line: error.line().max(1), message }
        })
    } else {
        let read = toml::Deserializer::parse(text).and_then(|toml| Hosts { directory }.deserialize(toml));
        read.map_err(|error| {
            let before = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..before].iter().filter(|byte| **byte == b'\n').count() + 1;
            FileError { line, message: error.message().to_owned() }
        })
    }
}

/// A declaration as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: HostName,
    addresses: Vec<IpAddr>,
    http: Option<String>,
    http_dir: Option<PathBuf>,
    latency_ms: Option<u32>,
}

/// What a file has.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Member {
    Host,
}

/// Reads the whole file.
struct Hosts<'a> {
    directory: &'a Path,
}

impl<'de> DeserializeSeed<'de> for Hosts<'_> {
    type Value = Vec<Host>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Host>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Hosts<'_> {
    type Value = Vec<Host>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of hosts named `host`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Host>, A::Error> {
        let mut known = Known { directory: self.directory, hosts: Vec::new(), taken: BTreeMap::new() };
        while let Some(Member::Host) = map.next_key()? {
            map.next_value_seed(List(&mut known))?;
        }
        Ok(known.hosts)
    }
}

/// What was read up to now, which the next declaration is checked against where it stands.
struct Known<'a> {
    directory: &'a Path,
    hosts: Vec<Host>,
    taken: BTreeMap<IpAddr, HostName>,
}

impl Known<'_> {
    fn add(&mut self, written: Written) -> Result<(), String> {
        if self.hosts.len() >= MAX_HOSTS {
            return Err(format!("there are more than {MAX_HOSTS} hosts"));
        }
        let content = match (written.http, written.http_dir) {
            (Some(_), Some(_)) => return Err("a host has http or http-dir, not both".to_owned()),
            (Some(text), None) => Content::Text(text),
            (None, Some(path)) => Content::Directory(self.directory.join(path)),
            (None, None) => Content::Name,
        };
        let Written { name, addresses, latency_ms, .. } = written;
        let host = Host { name, addresses, content, latency_ms };
        host.check().map_err(|error| error.to_string())?;
        if self.hosts.iter().any(|other| other.name == host.name) {
            return Err(format!("{} is there twice", host.name));
        }
        for address in &host.addresses {
            if let Some(other) = self.taken.insert(*address, host.name.clone()) {
                return Err(format!("{address} is an address of {other} already"));
            }
        }
        self.hosts.push(host);
        Ok(())
    }
}

struct List<'a, 'b>(&'a mut Known<'b>);

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of hosts, each with a name and addresses")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(One(self.0))?.is_some() {}
        Ok(())
    }
}

/// Reads and checks one declaration, so that what is wrong with it is told with its place.
struct One<'a, 'b>(&'a mut Known<'b>);

impl<'de> DeserializeSeed<'de> for One<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        struct Checked<'a, 'b>(&'a mut Known<'b>);

        impl<'de> Visitor<'de> for Checked<'_, '_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a host with a name and addresses")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
                let written = Written::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                self.0.add(written).map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_map(Checked(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<Host>, FileError> {
        parse(text, Path::new("/etc/brume"))
    }

    const TOML: &str = r#"# Two hosts.
[[host]]
name = "example.org"
addresses = ["198.51.100.7", "2001:db8::7"]
http = "hello"

[[host]]
name = "Files.Example."
addresses = ["203.0.113.9"]
http-dir = "site"
latency-ms = 20
"#;

    #[test]
    fn toml_and_json_say_the_same() {
        let json = r#"{ "host": [
            { "name": "example.org", "addresses": ["198.51.100.7", "2001:db8::7"], "http": "hello" },
            { "name": "Files.Example.", "addresses": ["203.0.113.9"], "http-dir": "site", "latency-ms": 20 } ] }"#;
        let hosts = read(TOML).unwrap();
        assert_eq!(read(json).unwrap(), hosts);
        let shown: Vec<_> = hosts.iter().map(|host| (host.name.as_str(), &host.content)).collect();
        let expected = [
            ("example.org", &Content::Text("hello".to_owned())),
            ("files.example", &Content::Directory("/etc/brume/site".into())),
        ];
        assert_eq!(shown, expected);
        assert_eq!([hosts[0].latency_ms, hosts[1].latency_ms], [None, Some(20)]);
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read("{}").unwrap(), []);
    }

    #[test]
    fn errors_name_their_line() {
        let check = |text: &str, line: usize, message: &str| {
            let error = read(text).unwrap_err();
            assert!(error.message.contains(message), "{text}\n{error}");
            assert_eq!(error.line, line, "{text}\n{error}");
        };
        let host =
            |rest: &str| format!("[[host]]\nname = \"a.example\"\naddresses = [\"198.51.100.7\"]\n{rest}");
        check("[[host]]\nname = ", 2, "");
        check("\n\n[[hosts]]\nname = \"a\"\n", 3, "unknown field `hosts`");
        check("[[host]]\nname = \"a.example\"\n", 1, "missing field `addresses`");
        check("[[host]]\nname = \"a b\"\naddresses = []\n", 2, "is no host name");
        check(
            "[[host]]\nname = \"a\"\naddresses = [\"198.51.100.7\",\n\"nowhere\"]\n",
            4,
            "invalid IP address",
        );
        check("[[host]]\nname = \"a\"\naddresses = [\"198.51.100.7\",\n7]\n", 4, "invalid type");
        check(&host("https = \"hello\"\n"), 4, "unknown field `https`");
        check("host = 7\n", 1, "a list of hosts");
        // What is wrong with a declaration as a whole is at its beginning.
        let second = |text: &str| format!("{}\n{text}", host(""));
        check(&second("[[host]]\nname = \"b\"\naddresses = [\"10.0.0.1\"]\n"), 5, "10.0.0.1 is private");
        check(&second("[[host]]\nname = \"b\"\naddresses = [\"198.51.100.7\"]\n"), 5, "of a.example already");
        check(
            &second("[[host]]\nname = \"A.example\"\naddresses = [\"198.51.100.8\"]\n"),
            5,
            "is there twice",
        );
        check(&second("[[host]]\nname = \"b\"\naddresses = []\n"), 5, "0 addresses");
        check(&host("latency-ms = 10001\n"), 1, "10001 ms are more than 10000");
        check(&host("latency-ms = -1\n"), 4, "invalid value");
        check(&host("http = \"\"\nhttp-dir = \"\"\n"), 1, "not both");

        check("{\n\"host\": [\n{ \"name\": \"b\",\n\"addresses\": [\"x\"] } ] }", 4, "invalid IP address");
        check(
            "{\n\"host\": [\n{ \"name\": \"b\",\n\"addresses\": [\"10.0.0.1\"] } ] }",
            4,
            "10.0.0.1 is private",
        );
        check("{\n\"host\": [] } extra", 2, "trailing");
        check("{\n\"host\": [\n{ \"name\": \"b\" }\n] }", 3, "missing field `addresses`");
        let many: String = (0..=MAX_HOSTS)
            .map(|number| format!("[[host]]\nname = \"a{number}\"\naddresses = [\"2001:db8::{number:x}\"]\n"))
            .collect();
        check(&many, 3 * MAX_HOSTS + 1, "more than 256 hosts");
    }

    proptest! {
        #[test]
        fn any_text_is_hosts_or_an_error_with_a_line_of_it(
            text in prop_oneof![".{0,200}", "(\\[\\[host\\]\\]\n|name = \"a\"\n|addresses = \\[\"198.51.100.7\"\\]\n|\\{|\\}|\"|\n){0,12}"],
        ) {
            if let Err(error) = read(&text) {
                prop_assert!((1..=text.split('\n').count()).contains(&error.line), "{}", error);
            }
        }
    }
}
