//! The rows that a test plays, and the facts that they have the numbers of.
//!
//! Owns the forms in which a row says its number: in its function's name, at the beginning of a comment and as the first
//! argument of `check`. Refuses to know the table and whether a row is a good one.

/// The text of the function that is declared so, from its arguments to its end.
pub(super) fn body<'a>(text: &'a str, declaration: &str) -> Option<&'a str> {
    let (_, body) = text.split_once(declaration)?;
    Some(body.split_once("\n}\n").map_or(body, |(body, _)| body))
}

/// Whether the function runs only when one asks for what is ignored.
pub(super) fn is_ignored(text: &str, function: &str) -> bool {
    let Some((before, _)) = text.split_once(&format!("fn {function}(")) else { return false };
    let is_before_a_function = |line: &&str| {
        matches!(*line, "" | "pub" | "async") || line.starts_with("#[") || line.starts_with("//")
    };
    before
        .lines()
        .rev()
        .map(str::trim)
        .take_while(is_before_a_function)
        .any(|line| line.starts_with("#[ignore"))
}

/// What a text gives to `play_in_both_modes`: a row that is called otherwise has no wires.
pub(super) fn lists(text: &str) -> String {
    let lists = text.split("play_in_both_modes(&[").skip(1);
    lists.filter_map(|list| Some(list.split_once("])")?.0)).collect()
}

/// The names of the rows that a text plays, of those that `rows` has.
pub(super) fn played<'a>(text: &'a str, rows: &str) -> Vec<&'a str> {
    let code = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let names = code.flat_map(|line| line.split("::").skip(1)).map(|after| {
        after.split(|char: char| !char.is_ascii_alphanumeric() && char != '_').next().unwrap_or_default()
    });
    names.filter(|name| body(rows, &format!("pub fn {name}(")).is_some()).collect()
}

/// The facts that the rows of a function are about, of the facts with these numbers.
pub(super) fn facts(function: &str, body: &str, numbers: &[String]) -> Vec<String> {
    let name = function.strip_prefix("facts_").or_else(|| function.strip_prefix("fact_"));
    let mut said = name.map(|name| list(&name.replace('_', " "), numbers).0).unwrap_or_default();
    let mut above = "";
    for line in body.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("// ") {
            // A number in the middle of a sentence is none of a fact.
            if !above.starts_with("//") {
                said.extend(of_comment(comment, numbers));
            }
        } else {
            let argument = if above == "check(" { Some(line) } else { line.strip_prefix("check(") };
            let name = argument.and_then(|argument| argument.strip_prefix('"')).unwrap_or_default();
            let number = name.split([' ', '"']).next().unwrap_or_default();
            said.extend(numbers.iter().find(|known| *known == number).cloned());
        }
        above = line;
    }
    said
}

/// `N:` and `N, M:`, or with the word before them also `Fact N.` and `Facts N and M.`
fn of_comment(comment: &str, numbers: &[String]) -> Vec<String> {
    let named = comment.strip_prefix("Facts ").or_else(|| comment.strip_prefix("Fact "));
    let (said, rest) = list(named.unwrap_or(comment), numbers);
    let is_about_them = match rest.chars().next() {
        Some(':') => true,
        Some('.') | None => named.is_some(),
        Some(_) => false,
    };
    if is_about_them { said } else { Vec::new() }
}

/// The numbers that a text begins with, as in `1, 2`, `1 and 2` and `1 to 3`, and what follows them.
fn list<'a>(text: &'a str, numbers: &[String]) -> (Vec<String>, &'a str) {
    let mut said = Vec::new();
    let mut rest = text;
    // The place of the number that a range begins with.
    let mut first = None;
    loop {
        let end = rest.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let Some(place) = numbers.iter().position(|number| *number == rest[..end]) else {
            return (said, rest);
        };
        said.extend(numbers[first.map_or(place, |first: usize| first.min(place))..=place].iter().cloned());
        rest = &rest[end..];
        let separator = [", ", " and ", " to "].into_iter().find(|separator| rest.starts_with(separator));
        let Some(separator) = separator else { return (said, rest) };
        rest = &rest[separator.len()..];
        first = (separator == " to ").then_some(place);
    }
}

#[cfg(test)]
mod tests {
    use super::super::numbers;
    use super::*;

    #[test]
    fn a_number_counts_in_the_forms_of_rows_alone() {
        let of = |function: &str, body: &str| facts(function, body, &numbers());
        for (name, expected) in [
            ("fact_7_a_route_of_8", vec!["7"]),
            ("facts_33_and_37_an_internet_gateway", vec!["33", "37"]),
            ("facts_11_to_13_a_table", vec!["11", "11", "12", "13"]),
            ("recipe_1_10_a_gateway", vec![]),
            ("rows_of_46_gateways", vec![]),
            ("fact_90_is_none", vec![]),
        ] {
            assert_eq!(of(name, ""), expected, "{name}");
        }
        for (body, expected) in [
            ("// 46: the ACL counts.", vec!["46"]),
            ("// 46, 61a: the ACL counts, of 22.", vec!["46", "61a"]),
            ("// Fact 46.", vec!["46"]),
            ("// Fact 46: so a rule of 22: does not.", vec!["46"]),
            ("// Facts A8 and 42.", vec!["A8", "42"]),
            ("// 46 bytes", vec![]),
            ("// 46.", vec![]),
            ("// After 46: nothing.", vec![]),
            ("// Fact 46 bytes", vec![]),
            ("// 46, bytes: 22", vec![]),
            ("// A line that ends in\n// 46: nothing.", vec![]),
            ("send(46); // 46: sent", vec![]),
            ("check(\n    \"19 after a middlebox\",\n    \"20\",\n);", vec!["19"]),
            ("check(\"19\", as_is);", vec!["19"]),
            ("check(\n    \"the 19\",\n);", vec![]),
            ("other(\n    \"19\",\n);", vec![]),
        ] {
            assert_eq!(of("routing", body), expected, "{body}");
        }
    }

    #[test]
    fn rows_are_played_by_their_names() {
        let rows = "pub fn one() {\n}\npub fn two() {\n}\nfn helper() {\n}\n";
        let text = "\n    play(&[\n        routes::one,\n        // routes::two,\n        routes::helper,\n    ]);\n";
        assert_eq!(played(text, rows), ["one"]);
        assert_eq!(played(" rows::two();", rows), ["two"]);
        assert!(played(" two();", rows).is_empty());
    }

    #[test]
    fn what_is_ignored_says_so_above_the_function() {
        let text = "/// Long.\n#[test]\n#[ignore = \"long\"]\nfn one() {\n}\n\n#[test]\nfn two() {\n}\n";
        assert!(is_ignored(text, "one"));
        assert!(!is_ignored(text, "two") && !is_ignored(text, "three"));
    }
}
