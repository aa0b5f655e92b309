//! Files of JSON: `docs/assertions.schema.json` is their schema.
//!
//! Owns the members, and the place of each value, which a JSON reader forgets. Refuses to know what a word means.

use crate::line::expectation;
use crate::token::{self, Token, Wrong};
use crate::{Assertion, CLIENT_PORTS, Family, Problem, Problems};

/// What a file looks like.
const FORM: &str =
    r#"write {"assertions": [{"from": "web", "to": "db", "traffic": "tcp/5432", "expect": "allow"}]}"#;
/// The members of an assertion.
const MEMBERS: [&str; 6] = ["from", "to", "family", "traffic", "client_ports", "expect"];
/// Of how much within each other values are read. A file needs three.
const DEPTH_MAX: usize = 16;

/// A value, and where it is.
struct Node<'a> {
    value: Value<'a>,
    start: usize,
    end: usize,
}

enum Value<'a> {
    Object(Vec<(Node<'a>, Node<'a>)>),
    Array(Vec<Node<'a>>),
    Text(String),
    Other(&'a str),
}

/// Reads a file, and adds what is wrong with it.
pub(crate) fn parse(text: &str, problems: &mut Problems) -> Vec<Assertion> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let full = error.to_string();
        let message = full.split(" at line ").next().unwrap_or_default();
        let message = format!("this is no JSON: {message}");
        let (line, column) = (error.line().max(1), error.column().max(1));
        problems.add(Problem { line, column, length: 1, message, help: None });
        return Vec::new();
    }
    let mut reader = Reader { text, at: 0 };
    let mut file = File { text, problems };
    match reader.node(0) {
        Some(root) => file.assertions(&root),
        None => {
            file.wrong((0, 1), (format!("more than {DEPTH_MAX} values are within each other"), None));
            Vec::new()
        }
    }
}

/// Finds the places of values in a text that is known to be JSON.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b':'))
        {
            self.at += 1;
        }
        bytes.get(self.at).copied().unwrap_or_default()
    }

    fn node(&mut self, depth: usize) -> Option<Node<'a>> {
        if depth == DEPTH_MAX {
            return None;
        }
        let first = self.peek();
        let start = self.at;
        let value = match first {
            b'{' | b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                while !matches!(self.peek(), b'}' | b']' | 0) {
                    items.push(self.node(depth + 1)?);
                }
                self.at += 1;
                if first == b'[' { Value::Array(items) } else { Value::Object(paired(items)) }
            }
            b'"' => {
                self.at += 1;
                let bytes = self.text.as_bytes();
                while let Some(byte) = bytes.get(self.at).filter(|byte| **byte != b'"') {
                    self.at += if *byte == b'\\' { 2 } else { 1 };
                }
                self.at += 1;
                Value::Text(serde_json::from_str(self.text.get(start..self.at)?).ok()?)
            }
            _ => {
                let rest = &self.text[start..];
                let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | '}'));
                self.at += end.unwrap_or(rest.len()).max(1);
                Value::Other(self.text.get(start..self.at)?)
            }
        };
        Some(Node { value, start, end: self.at })
    }
}

fn paired(items: Vec<Node<'_>>) -> Vec<(Node<'_>, Node<'_>)> {
    let mut items = items.into_iter();
    std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect()
}

struct File<'a> {
    text: &'a str,
    problems: &'a mut Problems,
}

impl File<'_> {
    /// The line and the column of a byte.
    fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
    }

    fn wrong(&mut self, (start, end): (usize, usize), (message, help): Wrong) {
        let (line, column) = self.place(start);
        let shown = self.text.get(start..end).unwrap_or_default();
        let length = shown.lines().next().unwrap_or_default().chars().count();
        self.problems.add(Problem { line, column, length, message, help });
    }

    fn assertions(&mut self, root: &Node<'_>) -> Vec<Assertion> {
        let Value::Object(members) = &root.value else {
            self.wrong((root.start, root.end), ("this is no object".to_owned(), Some(FORM.to_owned())));
            return Vec::new();
        };
        let mut found = None;
        for (key, value) in members {
            match (&key.value, &value.value) {
                (Value::Text(name), _) if name == "$schema" => {}
                (Value::Text(name), Value::Array(items)) if name == "assertions" => found = Some(items),
                (Value::Text(name), _) if name == "assertions" => {
                    found = Some(const { &Vec::new() });
                    self.wrong(
                        (value.start, value.end),
                        ("this is no list".to_owned(), Some(FORM.to_owned())),
                    );
                }
                _ => {
                    let message = "there is no such member".to_owned();
                    self.wrong((key.start, key.end), (message, Some(FORM.to_owned())));
                }
            }
        }
        let Some(items) = found else {
            let message = "the member \"assertions\" is missing".to_owned();
            self.wrong((root.start, root.start + 1), (message, Some(FORM.to_owned())));
            return Vec::new();
        };
        items.iter().filter_map(|item| self.assertion(item)).collect()
    }

    fn assertion(&mut self, item: &Node<'_>) -> Option<Assertion> {
        let Value::Object(members) = &item.value else {
            self.wrong(
                (item.start, item.end),
                ("an assertion is an object".to_owned(), Some(FORM.to_owned())),
            );
            return None;
        };
        let mut found: [Option<&Node<'_>>; MEMBERS.len()] = [None; MEMBERS.len()];
        for (key, value) in members {
            let place = match &key.value {
                Value::Text(name) => MEMBERS.iter().position(|member| member == name),
                _ => None,
            };
            match place.map(|place| (place, found[place])) {
                Some((place, None)) => found[place] = Some(value),
                Some((_, Some(_))) => {
                    self.wrong((key.start, key.end), ("this is said twice".to_owned(), None));
                }
                None => {
                    let help = Some(format!("an assertion has {}", MEMBERS.join(", ")));
                    self.wrong((key.start, key.end), ("an assertion has no such member".to_owned(), help));
                }
            }
        }
        let [from, to, family, traffic, client_ports, expect] = found;
        let from = self.required(item, "from", from, token::selector);
        let to = self.required(item, "to", to, token::selector);
        let traffic = self.required(item, "traffic", traffic, token::traffic);
        let expect = self.required(item, "expect", expect, |token| expectation(&bare(token)));
        let family = family.map(|node| self.read(node, |token| family_of(&bare(token))));
        let client_ports = client_ports.map(|node| self.read(node, |token| token::ports(&bare(token))));
        Some(Assertion {
            line: self.place(item.start).0,
            from: from?,
            to: to?,
            family: family.map_or(Some(None), |family| family.map(Some))?,
            traffic: traffic?,
            client_ports: client_ports.unwrap_or(Some(CLIENT_PORTS))?,
            expect: expect?,
        })
    }

    fn required<T>(
        &mut self,
        item: &Node<'_>,
        name: &str,
        node: Option<&Node<'_>>,
        read: impl FnOnce(&Token) -> Result<T, Wrong>,
    ) -> Option<T> {
        let Some(node) = node else {
            let message = format!("the assertion has no \"{name}\"");
            self.wrong((item.start, item.start + 1), (message, Some(FORM.to_owned())));
            return None;
        };
        self.read(node, read)
    }

    fn read<T>(&mut self, node: &Node<'_>, read: impl FnOnce(&Token) -> Result<T, Wrong>) -> Option<T> {
        let read = match &node.value {
            Value::Text(said) => Token::whole(said, 1, 1).and_then(|token| read(&token)),
            Value::Other(said) => Err((format!("{said} is no string"), None)),
            _ => Err(("this is no string".to_owned(), None)),
        };
        read.map_err(|wrong| self.wrong((node.start, node.end), wrong)).ok()
    }
}

fn bare(token: &Token) -> String {
    token.bare().unwrap_or_default()
}

fn family_of(said: &str) -> Result<Family, Wrong> {
    match said {
        "ipv4" => Ok(Family::Ipv4),
        "ipv6" => Ok(Family::Ipv6),
        _ => Err(("a family is \"ipv4\" or \"ipv6\"".to_owned(), None)),
    }
}
