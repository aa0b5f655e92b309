//! Where the statements of a policy stand in its text.
//!
//! Owns the counting: lines and columns from one, and of each place the one behind its brace, as the policy simulator of AWS
//! has it. Refuses to check the text, which was read as a policy before.

use aws_api::iam::Position;

/// A statement's first and last place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) start: Position,
    pub(crate) end: Position,
}

/// The places of a policy's statements, in their order.
pub(crate) fn spans(text: &str) -> Vec<Span> {
    let mut scanner = Scanner::default();
    text.chars().for_each(|character| scanner.take(character));
    scanner.found
}

#[derive(Debug, Default)]
struct Scanner {
    line: i32,
    column: i32,
    depth: usize,
    /// The text that is open, or was last.
    text: String,
    is_in_text: bool,
    is_escaped: bool,
    /// Whether the member of the document is `Statement`, and how deep its statements are.
    statements: Option<usize>,
    start: Option<Position>,
    found: Vec<Span>,
}

impl Scanner {
    fn take(&mut self, character: char) {
        self.column += 1;
        if character == '\n' {
            self.line += 1;
            self.column = 0;
        }
        if self.is_in_text {
            match character {
                _ if self.is_escaped => self.is_escaped = false,
                '\\' => self.is_escaped = true,
                '"' => self.is_in_text = false,
                other => self.text.push(other),
            }
            return;
        }
        match character {
            '"' => {
                self.is_in_text = true;
                self.text.clear();
            }
            // The name of a member of the document stands before it.
            ':' if self.depth == 1 => self.statements = (self.text == "Statement").then_some(2),
            '[' | '{' => self.open(character),
            ']' | '}' => self.close(),
            _ => {}
        }
    }

    /// Behind the character that was taken last.
    fn here(&self) -> Position {
        Position { line: Some(self.line + 1), column: Some(self.column + 1) }
    }

    fn open(&mut self, character: char) {
        self.depth += 1;
        if character == '[' && self.depth == 2 {
            // A list of statements, one deeper.
            self.statements = self.statements.map(|depth| depth + 1);
        } else if character == '{' && self.statements == Some(self.depth) {
            self.start = Some(self.here());
        }
    }

    fn close(&mut self) {
        if self.statements == Some(self.depth)
            && let Some(start) = self.start.take()
        {
            self.found.push(Span { start, end: self.here() });
        }
        self.depth -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[[i32; 4]]) {
        let places = |span: &Span| {
            let of = |place: &Position| [place.line.unwrap_or(0), place.column.unwrap_or(0)];
            let [[a, b], [c, d]] = [of(&span.start), of(&span.end)];
            [a, b, c, d]
        };
        assert_eq!(spans(text).iter().map(places).collect::<Vec<_>>(), expect, "{text}");
    }

    #[test]
    fn statements_stand_where_aws_says() {
        // The example of the command line's manual for simulate-custom-policy.
        check(
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}"#,
            &[[1, 38, 1, 167]],
        );
        check("{\n  \"Statement\": [\n    {},\n    {\"a\": [{}]}\n  ]\n}", &[[3, 6, 3, 7], [4, 6, 4, 16]]);
        check(r#"{"Id":"Statement","Statement":[{"Sid":"}\"{"},{}]}"#, &[[1, 33, 1, 46], [1, 48, 1, 49]]);
    }
}
