//! What is wrong with a file, and where, as people read it.
//!
//! Owns the picture: the line, and a caret below the place. Refuses to know the grammar.

use std::fmt::Write as _;

use serde::Serialize;

use crate::PROBLEMS_MAX;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The character of the line that it begins at, from 1.
    pub column: usize,
    /// How many characters it is about; 0 where it is about a place between two.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// Everything that is wrong with a file, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problems {
    listed: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    /// Those that are told of: [`PROBLEMS_MAX`] at most.
    pub fn listed(&self) -> &[Problem] {
        &self.listed
    }

    /// How many there are beside those.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        if self.listed.len() < PROBLEMS_MAX { self.listed.push(problem) } else { self.left_out += 1 }
    }

    /// The picture of each, of a file that is called so and has those bytes.
    pub fn shown(&self, name: &str, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let lines: Vec<&str> = text.lines().collect();
        let mut shown = String::new();
        for problem in &self.listed {
            let Problem { line, column, length, message, help } = problem;
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            let _ = writeln!(shown, "error: {message}\n{margin}--> {name}:{line}:{column}\n{margin} |");
            // What would move the caret, or the cursor of a terminal, is a space here.
            let source = lines.get(line - 1).copied().unwrap_or_default();
            let source: String = source.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let carets = "^".repeat((*length).max(1));
            let _ = writeln!(shown, "{number} | {source}\n{margin} | {}{carets}", " ".repeat(column - 1));
            if let Some(help) = help {
                let _ = writeln!(shown, "{margin} = {help}");
            }
            shown.push('\n');
        }
        if self.left_out > 0 {
            let _ = writeln!(shown, "and {} more", self.left_out);
        }
        shown
    }
}
