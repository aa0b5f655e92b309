//! Sets of characters.

use regex_syntax::hir::{Class as HirClass, HirKind};

/// A set of characters, as ranges of code points. Surrogates may be in it and never match.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    ranges: Vec<(u32, u32)>,
}

const MAX: u32 = 0x10_ffff;

impl Class {
    pub(super) fn of(ranges: &[(u32, u32)]) -> Self {
        Self { ranges: ranges.to_vec() }.normalised()
    }

    pub(super) fn char(char: u32) -> Self {
        Self { ranges: vec![(char, char)] }
    }

    /// The dot: anything but a line's end.
    pub(super) fn dot() -> Self {
        Self::of(&[(0, 9), (0xb, 0xc), (0xe, MAX)])
    }

    /// `\d`, `\w` and `\s`, which in Java are ASCII, and their complements.
    pub(super) fn perl(letter: char) -> Option<Self> {
        let class = match letter.to_ascii_lowercase() {
            'd' => Self::of(&[(0x30, 0x39)]),
            'w' => Self::of(&[(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)]),
            's' => Self::of(&[(9, 13), (0x20, 0x20)]),
            _ => return None,
        };
        Some(if letter.is_ascii_uppercase() { class.complement() } else { class })
    }

    /// `\p{name}`: Java's POSIX names, which are ASCII, and Unicode's general categories.
    pub(super) fn property(name: &str) -> Option<Self> {
        Some(match name {
            "ASCII" => Self::of(&[(0, 0x7f)]),
            "Print" => Self::of(&[(0x20, 0x7e)]),
            "Graph" => Self::of(&[(0x21, 0x7e)]),
            "Punct" => Self::of(&[(0x21, 0x2f), (0x3a, 0x40), (0x5b, 0x60), (0x7b, 0x7e)]),
            "Alnum" => Self::of(&[(0x30, 0x39), (0x41, 0x5a), (0x61, 0x7a)]),
            "Alpha" => Self::of(&[(0x41, 0x5a), (0x61, 0x7a)]),
            "Upper" => Self::of(&[(0x41, 0x5a)]),
            "Lower" => Self::of(&[(0x61, 0x7a)]),
            "Digit" => Self::of(&[(0x30, 0x39)]),
            "Space" => Self::of(&[(9, 13), (0x20, 0x20)]),
            "Cntrl" => Self::of(&[(0, 0x1f), (0x7f, 0x7f)]),
            "LD" => Self::category("L")?.union(Self::category("Nd")?),
            "IsAlphabetic" => Self::category("L")?.union(Self::category("Nl")?),
            name => Self::category(name)?,
        })
    }

    fn category(name: &str) -> Option<Self> {
        let hir = regex_syntax::parse(&format!("\\p{{{name}}}")).ok()?;
        match hir.kind() {
            HirKind::Class(HirClass::Unicode(class)) => Some(Self {
                ranges: class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
            }),
            _ => None,
        }
    }

    pub(super) fn has(&self, char: char) -> bool {
        let char = u32::from(char);
        let after = self.ranges.partition_point(|(_, end)| *end < char);
        self.ranges.get(after).is_some_and(|(start, _)| *start <= char)
    }

    pub(super) fn union(mut self, other: Self) -> Self {
        self.ranges.extend(other.ranges);
        self.normalised()
    }

    /// With the other case of every ASCII letter in it, as Java has it without its Unicode flag.
    pub(super) fn ignoring_case(self) -> Self {
        let letters = |first: u8| (first..first + 26).map(u32::from);
        let mut others = Vec::new();
        for (lower, upper) in letters(b'a').zip(letters(b'A')) {
            let has = |char: u32| char::from_u32(char).is_some_and(|char| self.has(char));
            if has(lower) || has(upper) {
                others.extend([(lower, lower), (upper, upper)]);
            }
        }
        self.union(Self { ranges: others })
    }

    pub(super) fn complement(&self) -> Self {
        let mut ranges = Vec::new();
        let mut next = 0;
        for (start, end) in &self.ranges {
            if *start > next {
                ranges.push((next, start - 1));
            }
            next = end + 1;
        }
        if next <= MAX {
            ranges.push((next, MAX));
        }
        Self { ranges }
    }

    /// Sorted, and with ranges that touch made one.
    fn normalised(mut self) -> Self {
        self.ranges.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::with_capacity(self.ranges.len());
        for (start, end) in self.ranges {
            match ranges.last_mut() {
                Some((_, last)) if start <= last.saturating_add(1) => *last = end.max(*last),
                _ => ranges.push((start, end)),
            }
        }
        Self { ranges }
    }
}
