//! Files of lines: an assertion in each.
//!
//! Owns the order of the words. Refuses to know what a word means: [`crate::token`] does.

use crate::token::{self, Token, Wrong, tokens};
use crate::{Assertion, CLIENT_PORTS, Expectation, Family, Problem, Problems};

/// What a line looks like.
const FORM: &str = "write SOURCE -> DESTINATION PROTOCOL[/PORT[-PORT]] allow|deny";

/// Reads all lines, and adds what is wrong with them.
pub(crate) fn parse(text: &str, problems: &mut Problems) -> Vec<Assertion> {
    let mut assertions = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut reader = Line { number, line, problems, is_whole: true };
        let (tokens, broken) = tokens(line);
        if let Some((column, length, wrong)) = broken {
            reader.wrong(column, length, wrong);
        } else if !tokens.is_empty() {
            assertions.extend(reader.assertion(&tokens));
        }
    }
    assertions
}

struct Line<'a> {
    number: usize,
    line: &'a str,
    problems: &'a mut Problems,
    /// Whether nothing was wrong so far.
    is_whole: bool,
}

impl Line<'_> {
    fn wrong(&mut self, column: usize, length: usize, (message, help): Wrong) {
        self.is_whole = false;
        self.problems.add(Problem { line: self.number, column, length, message, help });
    }

    fn read<T>(&mut self, token: &Token, read: impl FnOnce(&Token) -> Result<T, Wrong>) -> Option<T> {
        read(token).map_err(|wrong| self.wrong(token.column, token.length, wrong)).ok()
    }

    /// Says that something is missing at the end of the line.
    fn missing(&mut self, what: &str) {
        let end = self.line.split_once(" #").map_or(self.line, |(before, _)| before).trim_end();
        let message = format!("here {what} is missing");
        self.wrong(end.chars().count() + 1, 0, (message, Some(FORM.to_owned())));
    }

    /// The assertion of a line that has words, unless something is wrong with it. Goes on after each mistake, as far as it is
    /// known what the words after it are to be.
    fn assertion(&mut self, tokens: &[Token]) -> Option<Assertion> {
        let mut rest = tokens.iter().peekable();
        let from = rest.next().and_then(|token| self.read(token, token::selector));
        match rest.next() {
            Some(token) if token.bare().as_deref() == Some("->") => {}
            Some(token) => {
                let help = "names with spaces are in quotes; ".to_owned() + FORM;
                self.wrong(token.column, token.length, ("here `->` is missing".to_owned(), Some(help)));
                return None;
            }
            None => {
                self.missing("`->`");
                return None;
            }
        }
        let Some(to) = rest.next() else {
            self.missing("the destination");
            return None;
        };
        let to = self.read(to, token::selector);
        let word = |token: Option<&&Token>| token.and_then(|token| token.bare());
        let family = match word(rest.peek()).as_deref() {
            Some("ipv4") => Some(Family::Ipv4),
            Some("ipv6") => Some(Family::Ipv6),
            _ => None,
        };
        if family.is_some() {
            rest.next();
        }
        let Some(traffic) = rest.next() else {
            self.missing("the protocol");
            return None;
        };
        let traffic = self.read(traffic, token::traffic);
        let mut client_ports = Some(CLIENT_PORTS);
        if word(rest.peek()).as_deref() == Some("from") {
            rest.next();
            let Some(ports) = rest.next() else {
                self.missing("the ports of the clients");
                return None;
            };
            client_ports = self.read(ports, |token| token::ports(&token.bare().unwrap_or_default()));
        }
        let Some(expect) = rest.next() else {
            self.missing("`allow` or `deny`");
            return None;
        };
        let expect = self.read(expect, |token| expectation(&token.bare().unwrap_or_default()));
        if let Some(token) = rest.next() {
            let message = "the assertion ends before this".to_owned();
            let help = "a comment begins with #; names with spaces are in quotes".to_owned();
            self.wrong(token.column, token.length, (message, Some(help)));
        }
        let assertion = Assertion {
            line: self.number,
            from: from?,
            to: to?,
            family,
            traffic: traffic?,
            client_ports: client_ports?,
            expect: expect?,
        };
        self.is_whole.then_some(assertion)
    }
}

/// What is expected.
pub(crate) fn expectation(said: &str) -> Result<Expectation, Wrong> {
    match said {
        "allow" => Ok(Expectation::Allow),
        "deny" => Ok(Expectation::Deny),
        _ => Err(("here should be `allow` or `deny`".to_owned(), Some(FORM.to_owned()))),
    }
}
