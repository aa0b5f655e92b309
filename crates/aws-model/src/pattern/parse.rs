//! From a pattern's text to its tree.

use super::Node;
use super::class::Class;

/// Parses a whole pattern, or gives up on what is beyond this dialect: back references, and inline flags other than that for ignoring case.
pub(super) fn parse(source: &str) -> Option<Node> {
    let chars: Vec<char> = source.chars().collect();
    let mut parser = Parser { chars: &chars, at: 0, depth: 0, ignores_case: false };
    let node = parser.choice()?;
    (parser.at == chars.len()).then_some(node)
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
    depth: usize,
    /// Whether `(?i)` was seen. Java ends it with the group that it stands in; no model goes on after one.
    ignores_case: bool,
}

const MAX_DEPTH: usize = 50;

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += 1;
        Some(char)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.chars[self.at..].iter().copied().take(text.len()).eq(text.chars());
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn choice(&mut self) -> Option<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut choices = vec![self.sequence()?];
        while self.eat("|") {
            choices.push(self.sequence()?);
        }
        self.depth -= 1;
        if choices.len() == 1 { choices.pop() } else { Some(Node::Choice(choices)) }
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        while !matches!(self.peek(), None | Some('|' | ')')) {
            if self.eat("(?i)") {
                self.ignores_case = true;
                continue;
            }
            let atom = match self.atom()? {
                Node::Set(class) if self.ignores_case => Node::Set(class.ignoring_case()),
                atom => atom,
            };
            nodes.push(self.repeated(atom)?);
        }
        match nodes.len() {
            0 => Some(Node::Empty),
            1 => nodes.pop(),
            _ => Some(Node::Sequence(nodes)),
        }
    }

    fn repeated(&mut self, mut node: Node) -> Option<Node> {
        while let Some((min, max)) = self.quantifier() {
            let is_lazy = self.eat("?");
            // A possessive quantifier only saves backtracking in these patterns.
            let _is_possessive = !is_lazy && self.eat("+");
            if max.is_some_and(|max| max < min) {
                return None;
            }
            node = Node::Repeat { node: Box::new(node), min, max, is_lazy };
        }
        Some(node)
    }

    /// Takes a quantifier if there is one. A brace that begins none stands for itself.
    fn quantifier(&mut self) -> Option<(u32, Option<u32>)> {
        let start = self.at;
        let counts = match self.next()? {
            '*' => Some((0, None)),
            '+' => Some((1, None)),
            '?' => Some((0, Some(1))),
            '{' => self.counts(),
            _ => None,
        };
        if counts.is_none() {
            self.at = start;
        }
        counts
    }

    /// `n}`, `n,}`, `n,m}` or `,m}`.
    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        let min = self.number();
        let counts = if self.eat(",") { (min.unwrap_or(0), self.number()) } else { (min?, Some(min?)) };
        self.eat("}").then_some(counts)
    }

    fn number(&mut self) -> Option<u32> {
        let start = self.at;
        while self.peek().is_some_and(|char| char.is_ascii_digit()) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect::<String>().parse().ok()
    }

    fn atom(&mut self) -> Option<Node> {
        Some(match self.next()? {
            '^' => Node::Start,
            '$' => Node::End,
            '.' => Node::Set(Class::dot()),
            '(' => self.group()?,
            '[' => Node::Set(self.class()?),
            '\\' => match self.peek()? {
                'b' | 'B' => Node::WordBoundary { negated: self.next()? == 'B' },
                'A' => {
                    self.at += 1;
                    Node::Start
                }
                'z' | 'Z' => {
                    self.at += 1;
                    Node::End
                }
                '1'..='9' => return None,
                _ => Node::Set(self.escape()?),
            },
            '*' | '+' | '?' => return None,
            char => Node::Set(Class::char(char.into())),
        })
    }

    fn group(&mut self) -> Option<Node> {
        let look = [("?=", false, false), ("?!", false, true), ("?<=", true, false), ("?<!", true, true)];
        let look = look.into_iter().find(|(opening, ..)| self.eat(opening));
        if look.is_none() && self.peek() == Some('?') && !self.eat("?:") && !self.name() {
            return None;
        }
        let node = self.choice()?;
        if !self.eat(")") {
            return None;
        }
        Some(match look {
            Some((_, is_behind, negated)) => Node::Look { node: Box::new(node), is_behind, negated },
            // A group is not one character even when its content is, so that `(a)` is no single atom.
            None => Node::Sequence(vec![node]),
        })
    }

    /// Takes the name of a named group, which nothing refers to.
    fn name(&mut self) -> bool {
        if !self.eat("?<") && !self.eat("?P<") {
            return false;
        }
        while self.peek().is_some_and(|char| char.is_ascii_alphanumeric()) {
            self.at += 1;
        }
        self.eat(">")
    }

    /// What follows a backslash, where that stands for characters.
    fn escape(&mut self) -> Option<Class> {
        Some(match self.next()? {
            'p' | 'P' => {
                let negated = self.chars[self.at - 1] == 'P';
                let class = Class::property(&self.property_name()?)?;
                if negated { class.complement() } else { class }
            }
            letter @ ('d' | 'D' | 'w' | 'W' | 's' | 'S') => Class::perl(letter)?,
            _ => {
                self.at -= 1;
                Class::char(self.escaped_char()?)
            }
        })
    }

    fn property_name(&mut self) -> Option<String> {
        if !self.eat("{") {
            return self.next().map(String::from);
        }
        let start = self.at;
        while self.next()? != '}' {}
        Some(self.chars[start..self.at - 1].iter().collect())
    }

    /// What follows a backslash, where that stands for one character.
    fn escaped_char(&mut self) -> Option<u32> {
        Some(match self.next()? {
            'n' => 0xa,
            'r' => 0xd,
            't' => 9,
            'f' => 0xc,
            'v' => 0xb,
            'a' => 7,
            'e' => 0x1b,
            '0' => 0,
            'x' if self.eat("{") => {
                let start = self.at;
                while self.next()? != '}' {}
                u32::from_str_radix(&self.chars[start..self.at - 1].iter().collect::<String>(), 16).ok()?
            }
            'x' => self.hex(2)?,
            'u' => self.utf16()?,
            char if char.is_ascii_alphanumeric() => return None,
            char => char.into(),
        })
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text: String = self.chars.get(self.at..self.at + digits)?.iter().collect();
        self.at += digits;
        u32::from_str_radix(&text, 16).ok()
    }

    /// A UTF-16 unit, or two of them that make a character.
    fn utf16(&mut self) -> Option<u32> {
        let first = self.hex(4)?;
        if !(0xd800..0xdc00).contains(&first) {
            return Some(first);
        }
        let start = self.at;
        if self.eat("\\u") {
            let second = self.hex(4)?;
            if (0xdc00..0xe000).contains(&second) {
                return Some(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
        }
        self.at = start;
        Some(first)
    }

    /// A class, whose bracket has been taken. Hyphens that cannot make a range stand for themselves.
    fn class(&mut self) -> Option<Class> {
        self.depth += 1;
        if self.depth > MAX_DEPTH || self.chars[self.at..].windows(2).any(|pair| pair == ['&', '&']) {
            return None;
        }
        let negated = self.eat("^");
        let mut class = Class::default();
        let mut is_first = true;
        loop {
            let part = match self.next()? {
                ']' if !is_first => break,
                '[' if self.peek() == Some(':') => {
                    self.at += 1;
                    let start = self.at;
                    while self.next()? != ':' {}
                    let name: String = self.chars[start..self.at - 1].iter().collect();
                    if !self.eat("]") {
                        return None;
                    }
                    let mut letters = name.chars();
                    let first = letters.next()?.to_ascii_uppercase();
                    Class::property(&(first.to_string() + letters.as_str()))?
                }
                '[' => self.class()?,
                '\\' if self.peek().is_some_and(|char| "dDwWsSpP".contains(char)) => self.escape()?,
                char => {
                    let start = if char == '\\' { self.escaped_char()? } else { char.into() };
                    match self.range_end()? {
                        Some(end) if end < start => return None,
                        Some(end) => Class::of(&[(start, end)]),
                        None => Class::char(start),
                    }
                }
            };
            class = class.union(part);
            is_first = false;
        }
        self.depth -= 1;
        Some(if negated { class.complement() } else { class })
    }

    /// The end of a range, if a hyphen and a character follow.
    fn range_end(&mut self) -> Option<Option<u32>> {
        if self.peek() != Some('-') {
            return Some(None);
        }
        match (self.chars.get(self.at + 1), self.chars.get(self.at + 2)) {
            (None | Some(']' | '['), _) => Some(None),
            (Some('\\'), Some('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'p' | 'P')) => Some(None),
            (Some('\\'), _) => {
                self.at += 2;
                self.escaped_char().map(Some)
            }
            (Some(end), _) => {
                self.at += 2;
                Some(Some((*end).into()))
            }
        }
    }
}
