//! The regular expressions of the models: Java's dialect, look-around included.
//!
//! Owns: deciding whether a string satisfies a pattern. A pattern is compiled to a small program that backtracks on a
//! heap-allocated stack, so that no input can exhaust the thread's stack. It never tries the same choice at the same
//! position twice, so that its time grows with the product of both, and runs for a bounded number of steps. When
//! a pattern is beyond this dialect, or the bound is reached, the string passes: the models hold patterns that their
//! own services do not enforce, and refusing what AWS accepts would be worse than the opposite.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

mod class;
mod parse;

use class::Class;

/// Steps that one match may take beside a few per character, which is what ordinary matches take.
const MAX_STEPS: usize = 200_000;

/// The patterns that have been used, and nothing for those that are beyond the dialect.
type Compiled = HashMap<&'static str, Option<Arc<Pattern>>>;

/// Whether a string satisfies a pattern of a model.
///
/// A pattern that is anchored by itself is searched for; one that is not must match the whole string, as Java's
/// `matches` has it, unless it is a mere `\S`, `\w`, `\d` or dot, which means "has one".
pub fn matches_pattern(pattern: &'static str, text: &str) -> bool {
    static COMPILED: Mutex<Option<Compiled>> = Mutex::new(None);
    let compiled = {
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        compiled
            .get_or_insert_default()
            .entry(pattern)
            .or_insert_with(|| Pattern::new(pattern).map(Arc::new))
            .clone()
    };
    compiled.is_none_or(|compiled| compiled.is_satisfied_by(text))
}

/// A compiled pattern.
#[derive(Debug)]
struct Pattern {
    program: Program,
    is_search: bool,
}

impl Pattern {
    fn new(source: &str) -> Option<Self> {
        // A few models have the pattern as a JavaScript literal.
        let source = source.strip_prefix("/^").and_then(|rest| rest.strip_suffix("$/")).unwrap_or(source);
        let node = parse::parse(source)?;
        let is_anchored = source.starts_with('^') || source.ends_with('$');
        let is_search = is_anchored || matches!(source, r"\S" | r"\w" | r"\d" | ".");
        let mut program = Program::default();
        program.compile(&node)?;
        program.push(Step::Match)?;
        Some(Self { program, is_search })
    }

    fn is_satisfied_by(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        let last_start = if self.is_search { chars.len() } else { 0 };
        let end = (!self.is_search).then_some(chars.len());
        let mut run = Run { chars: &chars, end, budget: MAX_STEPS + 8 * chars.len(), tried: HashSet::new() };
        (0..=last_start).any(|start| run.matches(&self.program, start))
    }
}

/// A parsed pattern.
#[derive(Clone, Debug)]
enum Node {
    Empty,
    Set(Class),
    Start,
    End,
    WordBoundary { negated: bool },
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat { node: Box<Node>, min: u32, max: Option<u32>, is_lazy: bool },
    Look { node: Box<Node>, is_behind: bool, negated: bool },
}

#[derive(Debug)]
enum Step {
    Set(Class),
    Start,
    End,
    WordBoundary {
        negated: bool,
    },
    /// Takes as many characters of the set as there are, at most `max`, and gives them back one by one.
    Run {
        class: Class,
        min: usize,
        max: usize,
        is_lazy: bool,
    },
    /// Goes on at the first, and if that fails at the second.
    Split(usize, usize),
    Jump(usize),
    Look {
        program: Program,
        is_behind: bool,
        negated: bool,
    },
    Match,
}

#[derive(Debug, Default)]
struct Program {
    steps: Vec<Step>,
}

impl Program {
    /// Expanding counted groups could grow a program without bound.
    const MAX_LENGTH: usize = 20_000;

    fn push(&mut self, step: Step) -> Option<usize> {
        self.steps.push(step);
        (self.steps.len() <= Self::MAX_LENGTH).then_some(self.steps.len() - 1)
    }

    fn compile(&mut self, node: &Node) -> Option<()> {
        match node {
            Node::Empty => {}
            Node::Set(class) => {
                self.push(Step::Set(class.clone()))?;
            }
            Node::Start => {
                self.push(Step::Start)?;
            }
            Node::End => {
                self.push(Step::End)?;
            }
            Node::WordBoundary { negated } => {
                self.push(Step::WordBoundary { negated: *negated })?;
            }
            Node::Sequence(nodes) => nodes.iter().try_for_each(|node| self.compile(node))?,
            Node::Choice(nodes) => self.compile_choice(nodes)?,
            Node::Repeat { node, min, max, is_lazy } => match &**node {
                Node::Set(class) => {
                    let max = max.map_or(usize::MAX, |max| max as usize);
                    self.push(Step::Run {
                        class: class.clone(),
                        min: *min as usize,
                        max,
                        is_lazy: *is_lazy,
                    })?;
                }
                node => self.compile_repeat(node, *min, *max, *is_lazy)?,
            },
            Node::Look { node, is_behind, negated } => {
                let mut program = Self::default();
                program.compile(node)?;
                program.push(Step::Match)?;
                self.push(Step::Look { program, is_behind: *is_behind, negated: *negated })?;
            }
        }
        Some(())
    }

    fn compile_choice(&mut self, nodes: &[Node]) -> Option<()> {
        let mut jumps = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            if index + 1 == nodes.len() {
                self.compile(node)?;
                break;
            }
            let split = self.push(Step::Jump(0))?;
            self.compile(node)?;
            jumps.push(self.push(Step::Jump(0))?);
            self.steps[split] = Step::Split(split + 1, self.steps.len());
        }
        for jump in jumps {
            self.steps[jump] = Step::Jump(self.steps.len());
        }
        Some(())
    }

    fn compile_repeat(&mut self, node: &Node, min: u32, max: Option<u32>, is_lazy: bool) -> Option<()> {
        for _ in 0..min {
            self.compile(node)?;
        }
        let split =
            |first, second| if is_lazy { Step::Split(second, first) } else { Step::Split(first, second) };
        match max {
            None => {
                let start = self.push(Step::Jump(0))?;
                self.compile(node)?;
                self.push(Step::Jump(start))?;
                self.steps[start] = split(start + 1, self.steps.len());
            }
            Some(max) => {
                let mut splits = Vec::new();
                for _ in min..max {
                    splits.push(self.push(Step::Jump(0))?);
                    self.compile(node)?;
                }
                for at in splits {
                    self.steps[at] = split(at + 1, self.steps.len());
                }
            }
        }
        Some(())
    }
}

/// One text being matched by one program. What was tried and failed from one start fails from any other.
struct Run<'a> {
    chars: &'a [char],
    /// Where the match must end, if that matters.
    end: Option<usize>,
    budget: usize,
    /// Choices that were taken: the step, which of its two kinds of choice, and the position.
    tried: HashSet<(usize, bool, usize)>,
}

impl Run<'_> {
    /// Whether the program matches from a position. A match that runs out of budget counts as one.
    fn matches(&mut self, program: &Program, start: usize) -> bool {
        let chars = self.chars;
        let mut pending = vec![State::At { step: 0, position: start }];
        while let Some(state) = pending.pop() {
            let (mut step, mut position) = match state {
                State::At { step, position } => (step, position),
                State::Taken { step, least, most, is_lazy } => {
                    let position = if is_lazy { least } else { most };
                    if least < most {
                        let (least, most) = if is_lazy { (least + 1, most) } else { (least, most - 1) };
                        pending.push(State::Taken { step, least, most, is_lazy });
                    }
                    if !self.tried.insert((step, true, position)) {
                        continue;
                    }
                    (step + 1, position)
                }
            };
            loop {
                if self.budget == 0 {
                    return true;
                }
                self.budget -= 1;
                match &program.steps[step] {
                    Step::Set(class) if chars.get(position).is_some_and(|char| class.has(*char)) => {
                        position += 1;
                    }
                    Step::Start if position == 0 => {}
                    Step::End if position == chars.len() => {}
                    Step::WordBoundary { negated } if is_word_boundary(chars, position) != *negated => {}
                    Step::Run { class, min, max, is_lazy } if self.tried.insert((step, false, position)) => {
                        let run =
                            chars[position..].iter().take(*max).take_while(|char| class.has(**char)).count();
                        self.budget = self.budget.saturating_sub(run);
                        if run >= *min {
                            let (least, most) = (position + min, position + run);
                            pending.push(State::Taken { step, least, most, is_lazy: *is_lazy });
                        }
                        break;
                    }
                    Step::Split(first, second) if self.tried.insert((step, false, position)) => {
                        pending.push(State::At { step: *second, position });
                        step = *first;
                        continue;
                    }
                    Step::Jump(target) => {
                        step = *target;
                        continue;
                    }
                    Step::Look { program, is_behind, negated } => {
                        if self.looks(program, *is_behind, position) == *negated && self.budget > 0 {
                            break;
                        }
                    }
                    Step::Match if self.end.is_none_or(|end| end == position) => return true,
                    _ => break,
                }
                step += 1;
            }
        }
        false
    }

    fn looks(&mut self, program: &Program, is_behind: bool, position: usize) -> bool {
        let end = is_behind.then_some(position);
        let mut run = Run { chars: self.chars, end, budget: self.budget, tried: HashSet::new() };
        let mut starts = if is_behind { 0..=position } else { position..=position };
        let found = starts.any(|start| run.matches(program, start));
        self.budget = run.budget;
        found
    }
}

/// What remains to be tried.
enum State {
    At {
        step: usize,
        position: usize,
    },
    /// Go on after a run that ended anywhere between, the longest or shortest first.
    Taken {
        step: usize,
        least: usize,
        most: usize,
        is_lazy: bool,
    },
}

fn is_word_boundary(chars: &[char], position: usize) -> bool {
    let is_word = |index: Option<usize>| {
        index
            .and_then(|index| chars.get(index))
            .is_some_and(|char| char.is_ascii_alphanumeric() || *char == '_')
    };
    is_word(position.checked_sub(1)) != is_word(Some(position))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &'static str, yes: &[&str], no: &[&str]) {
        assert!(Pattern::new(pattern).is_some(), "{pattern} is not understood");
        for text in yes {
            assert!(matches_pattern(pattern, text), "{pattern} should match {text:?}");
        }
        for text in no {
            assert!(!matches_pattern(pattern, text), "{pattern} should not match {text:?}");
        }
    }

    #[test]
    fn understands_the_models() {
        check(r"[\w+=,.@-]+", &["a.b@c-d"], &["", "a b", "é"]);
        check(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", &["", "Ünïcode 1", "a/b"], &["a\tb", "a*"]);
        check(r"^(?!aws:)[a-zA-Z+-=._:/]+$", &["name", "aws"], &["aws:x", ""]);
        check(r"(?!^\d+$)^[0-9a-zA-Z-_]+$", &["a1", "1a"], &["11", ""]);
        check(r"[0-9A-Za-z\.\-_]*(?<!\.)", &["a.b", ""], &["a.b."]);
        check(r"a(b|c){2,3}d?", &["abb", "abcbd"], &["ab", "abbbb"]);
        check(r"([a-z]{1,3}\.){0,127}x", &["x", "ab.cde.x"], &["abcd.x"]);
        check(r"(a*)*b", &["b", "aaab"], &["aaa"]);
        check(r"\S", &["a b", "x"], &["", "  "]);
        check(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", &["a\u{1F600}"], &["\u{0}"]);
        check(r"\d{12}|^$", &["123456789012", ""], &["x"]);
        check(r"[a-z-\d]+", &["a-1"], &["_"]);
        check(r"[\s\S]*", &["\n\u{0}é"], &[]);
        check(r"\p{Print}+", &["a b~"], &["\u{7f}", "é"]);
        check(r"a+?b*?c\x2e", &["abc."], &["ab."]);
        check(r"[,;|]", &[",", "|"], &["", ",;"]);
        check(r"(?i)all|[0-9]{12}", &["ALL", "all", "123456789012"], &["al", "ALLL"]);
        check(r"a(?i)[b-c]d", &["aBD", "acd"], &["Abd"]);
        check(
            r"^[a-z*](?:[._\-/a-z*]?[a-z*]+)*$",
            &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
            &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaG"],
        );
        check(r"(a|aa)+$b|c", &["c"], &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]);
        check(r"(?:a?)*?b|(|x)+y", &["aab", "y", "xxy"], &["aa", "xx"]);
        check(r"[^\p{C}]*", &["ab"], &["a\u{1}"]);
    }

    #[test]
    fn ends_on_hostile_input() {
        let text = "a".repeat(100_000);
        assert!(
            matches_pattern(r"^(([a-z])+.)+[A-Z]([a-z])+$", &text),
            "the bound was reached, which passes"
        );
        assert!(matches_pattern(r"[\s\S]*", &text));
        assert!(matches_pattern(r"(x?a)*", &text));
    }

    /// Every pattern of every built-in model is either understood or one of these few.
    #[test]
    fn understands_nearly_all_patterns() {
        let mut beyond = std::collections::BTreeSet::new();
        let mut count = 0;
        for service in crate::services() {
            for shape in &service.model().shapes {
                if let crate::ShapeKind::String(crate::Text { pattern: Some(pattern), .. }) = &shape.kind {
                    count += 1;
                    if Pattern::new(pattern).is_none() {
                        beyond.insert(*pattern);
                    }
                }
            }
        }
        assert!(count > 500, "{count} patterns");
        assert!(beyond.len() <= 5, "{beyond:#?}");
    }
}
