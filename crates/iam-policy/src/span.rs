//! Where statements are in the text of a policy.

use serde::{Deserialize, Serialize};

/// A place in a text. Both count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in its line.
    pub column: usize,
}

/// From the brace that opens a statement to behind the one that closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The opening brace.
    pub start: Position,
    /// The character behind the closing brace.
    pub end: Position,
}

/// The spans of all statements of a policy's text, which is valid JSON.
///
/// An object is a statement if the member of the policy that holds it, or holds the list that holds it, is `Statement`.
pub(crate) fn of_statements(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut at = Position { line: 1, column: 1 };
    // The innermost text is the last one seen; at depth one it is the name of the member whose value comes next.
    let mut string: Option<String> = None;
    let mut escaped = false;
    let mut last = String::new();
    let mut member = String::new();
    let mut open: Vec<char> = Vec::new();
    let mut start = None;
    for character in text.chars() {
        let here = at;
        at = if character == '\n' {
            Position { line: at.line + 1, column: 1 }
        } else {
            Position { column: at.column + 1, ..at }
        };
        if let Some(inside) = &mut string {
            if character == '"' && !escaped {
                last = decoded(&string.take().unwrap_or_default());
            } else {
                inside.push(character);
                escaped = character == '\\' && !escaped;
            }
            continue;
        }
        match character {
            '"' => string = Some(String::new()),
            ':' if open == ['{'] => member.clone_from(&last),
            '{' | '[' => {
                let holds_statements = member == "Statement" && matches!(open.as_slice(), ['{'] | ['{', '[']);
                if character == '{' && holds_statements {
                    start = Some(here);
                }
                open.push(character);
            }
            '}' | ']' => {
                open.pop();
                if matches!(open.as_slice(), ['{'] | ['{', '['])
                    && character == '}'
                    && let Some(start) = start.take()
                {
                    found.push(Span { start, end: at });
                }
            }
            _ => {}
        }
    }
    found
}

/// What a text of JSON says, of which this is between the quotes.
fn decoded(raw: &str) -> String {
    serde_json::from_str(&format!("\"{raw}\"")).unwrap_or_default()
}
