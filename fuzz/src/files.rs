//! Files that somebody wrote for a command.

/// A file of assertions: lines, or JSON where it begins with a brace. What was read is read again from what is written of it.
pub fn assertions(bytes: &[u8]) {
    let is_json = bytes.first() == Some(&b'{');
    match assertions::parse(bytes, is_json) {
        Ok(read) => {
            for assertion in read {
                let written = assertion.to_string();
                let again =
                    assertions::parse(written.as_bytes(), false).expect("what is written can be read");
                assert_eq!(again, [assertions::Assertion { line: 1, ..assertion }], "{written}");
            }
        }
        Err(problems) => {
            assert!(!problems.listed().is_empty(), "a refusal says why");
            problems.shown("file", bytes);
        }
    }
}
