//! The words of a line, and what one of them means.
//!
//! Owns quotes, and the form of each kind of word. Refuses to know their order.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Ports, Selector, Traffic};

/// The tag whose value a bare name is.
pub(crate) const NAME_KEY: &str = "Name";
/// The kinds of resources that an id can be of.
const ID_PREFIXES: [&str; 5] = ["i", "eni", "subnet", "vpc", "sg"];
/// How many digits an id has: those of today, and those of old.
const ID_DIGITS: [usize; 2] = [17, 8];
/// How many characters a tag's key, or a value or a name, has at most.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Why a word is wrong, and what would be right.
pub(crate) type Wrong = (String, Option<String>);

/// A word.
#[derive(Clone, Debug, Default)]
pub(crate) struct Token {
    /// Its characters without the quotes, and whether each was in quotes.
    chars: Vec<(char, bool)>,
    has_quotes: bool,
    /// Where it begins in its line, from 1, and how long it is there.
    pub(crate) column: usize,
    pub(crate) length: usize,
}

impl Token {
    /// What it says, unless a part of it is in quotes.
    pub(crate) fn bare(&self) -> Option<String> {
        (!self.has_quotes).then(|| text(&self.chars))
    }

    /// A word that is told apart from others in another way.
    pub(crate) fn whole(said: &str, column: usize, length: usize) -> Result<Self, Wrong> {
        let mut token = Self { column, length, ..Self::default() };
        let mut rest = said.chars();
        while let Some(c) = rest.next() {
            token.take(c, &mut rest)?;
        }
        Ok(token)
    }

    /// Takes a character, or all that is in quotes.
    fn take(&mut self, c: char, rest: &mut impl Iterator<Item = char>) -> Result<usize, Wrong> {
        if c != '"' {
            self.chars.push((c, false));
            return Ok(1);
        }
        self.has_quotes = true;
        let mut length = 1;
        while let Some(c) = rest.next() {
            length += 1;
            match c {
                '"' => return Ok(length),
                '\\' => {
                    let escaped = rest.next().filter(|c| matches!(c, '"' | '\\'));
                    let Some(escaped) = escaped else {
                        let help = "write \\\\ for a backslash in quotes, and \\\" for a quote".to_owned();
                        return Err(("a backslash stands alone".to_owned(), Some(help)));
                    };
                    length += 1;
                    self.chars.push((escaped, true));
                }
                c => self.chars.push((c, true)),
            }
        }
        Err(("this quote is not closed".to_owned(), None))
    }
}

/// The words of a line up to a comment. A quote that is not closed ends it.
pub(crate) fn tokens(line: &str) -> (Vec<Token>, Option<(usize, usize, Wrong)>) {
    let mut tokens = Vec::new();
    let mut chars = line.chars().peekable();
    let mut column = 1;
    while let Some(&c) = chars.peek() {
        if c.is_whitespace() {
            chars.next();
            column += 1;
            continue;
        }
        if c == '#' {
            break;
        }
        let mut token = Token { column, ..Token::default() };
        while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
            match token.take(c, &mut chars) {
                Ok(length) => token.length += length,
                Err(wrong) => {
                    let (from, length) = (column + token.length, 1);
                    return (tokens, Some((from, length, wrong)));
                }
            }
        }
        column += token.length;
        tokens.push(token);
    }
    (tokens, None)
}

fn text(chars: &[(char, bool)]) -> String {
    chars.iter().map(|(c, _)| c).collect()
}

fn checked(what: &str, chars: &[(char, bool)], max: usize) -> Result<String, Wrong> {
    match chars.len() {
        0 => Err((format!("{what} is missing"), None)),
        count if count > max => Err((format!("{what} has {count} characters, and {max} are possible"), None)),
        _ => Ok(text(chars)),
    }
}

/// Who a word means.
pub(crate) fn selector(token: &Token) -> Result<Selector, Wrong> {
    if let Some(bare) = token.bare() {
        return selector_of_bare(&bare);
    }
    let strip = |prefix: &str| {
        let is_begin = prefix.chars().enumerate().all(|(at, c)| token.chars.get(at) == Some(&(c, false)));
        is_begin.then(|| &token.chars[prefix.len()..])
    };
    if let Some(rest) = strip("tag:") {
        return tag(rest);
    }
    match strip("host:") {
        Some(rest) => checked("the name of the host", rest, VALUE_CHARS_MAX).map(Selector::Host),
        None => {
            let value = checked("the name", &token.chars, VALUE_CHARS_MAX)?;
            Ok(Selector::Tag { key: NAME_KEY.to_owned(), value })
        }
    }
}

fn tag(rest: &[(char, bool)]) -> Result<Selector, Wrong> {
    let Some(at) = rest.iter().position(|&pair| pair == ('=', false)) else {
        return Err(("a tag has a key and a value".to_owned(), Some("write tag:Role=web".to_owned())));
    };
    let key = checked("the key of the tag", &rest[..at], KEY_CHARS_MAX)?;
    // A tag may well have no value.
    let value = match &rest[at + 1..] {
        [] => String::new(),
        value => checked("the value of the tag", value, VALUE_CHARS_MAX)?,
    };
    Ok(Selector::Tag { key, value })
}

/// Who a word without quotes means.
pub(crate) fn selector_of_bare(bare: &str) -> Result<Selector, Wrong> {
    let chars: Vec<(char, bool)> = bare.chars().map(|c| (c, false)).collect();
    match bare {
        "internet" => return Ok(Selector::Internet),
        "workstation" => return Ok(Selector::Workstation),
        "->" | "allow" | "deny" => {
            return Err((format!("here should be who is meant, and not `{bare}`"), None));
        }
        _ => {}
    }
    if bare.starts_with("tag:") {
        return tag(&chars[4..]);
    }
    if bare.starts_with("host:") {
        return checked("the name of the host", &chars[5..], VALUE_CHARS_MAX).map(Selector::Host);
    }
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(Selector::Address(address));
    }
    if bare.parse::<IpNet>().is_ok() {
        let help = "name an address, a subnet by its id, or interfaces by a tag".to_owned();
        return Err((format!("{bare} is a block, and nobody has one"), Some(help)));
    }
    if bare.contains("->") {
        return Err(("there is no space around `->`".to_owned(), Some("write A -> B".to_owned())));
    }
    if let Some(id) = id(bare)? {
        return Ok(Selector::Id(id));
    }
    let value = checked("the name", &chars, VALUE_CHARS_MAX)?;
    Ok(Selector::Tag { key: NAME_KEY.to_owned(), value })
}

/// The id that a word is; none where it is more likely a name, which may well begin like one.
fn id(bare: &str) -> Result<Option<String>, Wrong> {
    let Some((prefix, digits)) = bare.split_once('-') else { return Ok(None) };
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if !ID_PREFIXES.contains(&prefix) || digits.is_empty() || !digits.chars().all(is_hex) {
        return Ok(None);
    }
    if ID_DIGITS.contains(&digits.len()) {
        return Ok(Some(bare.to_owned()));
    }
    let help = format!("an id has 17 digits; if it is a name, write \"{bare}\" in quotes");
    Err((format!("{bare} looks like an id and has {} digits", digits.len()), Some(help)))
}

/// What a word says is sent.
pub(crate) fn traffic(token: &Token) -> Result<Traffic, Wrong> {
    let said = text(&token.chars);
    let (name, rest) = match said.split_once('/') {
        Some((name, rest)) => (name, Some(rest)),
        None => (said.as_str(), None),
    };
    let none = |traffic| match rest {
        None => Ok(traffic),
        Some(_) => Err((format!("{name} has no ports"), None)),
    };
    match name {
        "tcp" => Ok(Traffic::Tcp(rest.map_or(Ok(Ports::ALL), ports)?)),
        "udp" => Ok(Traffic::Udp(rest.map_or(Ok(Ports::ALL), ports)?)),
        "ping" | "icmp" => none(Traffic::Ping),
        "all" => none(Traffic::All),
        "protocol" => match rest.unwrap_or_default().parse() {
            Ok(6) => Err(("protocol 6 is TCP".to_owned(), Some("write tcp, or tcp/PORT".to_owned()))),
            Ok(17) => Err(("protocol 17 is UDP".to_owned(), Some("write udp, or udp/PORT".to_owned()))),
            Ok(1 | 58) => Err(("of ICMP there are echo requests".to_owned(), Some("write ping".to_owned()))),
            Ok(number) => Ok(Traffic::Protocol(number)),
            Err(_) => Err((
                "the protocol has no number from 0 to 255".to_owned(),
                Some("write protocol/47".to_owned()),
            )),
        },
        _ => Err((
            format!("there is no protocol `{name}`"),
            Some("write tcp/PORT, udp/PORT, ping, all, or protocol/NUMBER".to_owned()),
        )),
    }
}

/// A port, or the first and the last of several.
pub(crate) fn ports(said: &str) -> Result<Ports, Wrong> {
    let number = |said: &str| -> Result<u16, Wrong> {
        let is_number = !said.is_empty() && said.chars().all(|c| c.is_ascii_digit());
        said.parse().ok().filter(|_| is_number).ok_or_else(|| {
            let help = "write 443, or 8000-8100".to_owned();
            (format!("`{said}` is no port from 0 to 65535"), Some(help))
        })
    };
    let (first, last) = said.split_once('-').unwrap_or((said, said));
    let ports = Ports { first: number(first)?, last: number(last)? };
    if ports.first > ports.last {
        let help = Some(format!("write {}-{}", ports.last, ports.first));
        return Err((format!("the first port {} comes after the last", ports.first), help));
    }
    Ok(ports)
}

/// A text as it is written in a word: in quotes where it has to be.
pub(crate) struct Written<'a>(pub(crate) &'a str);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let special = |c: char| c.is_whitespace() || matches!(c, '"' | '=' | '#' | ':');
        if self.0.is_empty() || self.0.contains(special) {
            Quoted(self.0).fmt(f)
        } else {
            f.write_str(self.0)
        }
    }
}

/// The same, in quotes.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
