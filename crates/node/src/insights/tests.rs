//! What analyses find, in networks that requests have made: for each code of AWS's, something that brings it about.

mod access_scopes;
mod filters;
mod paths;
mod routes;
mod world;

use std::collections::BTreeSet;

/// The texts in quotation marks that are made as codes are.
fn codes_in(source: &str) -> BTreeSet<&str> {
    let is_code = |text: &&str| {
        text.contains('_')
            && text
                .chars()
                .all(|character| character.is_ascii_uppercase() || "_0123456789".contains(character))
    };
    source.split('"').filter(is_code).filter(|text| *text != "AVAILABILITY_ZONE_CROSSED").collect()
}

#[test]
fn the_table_of_codes_says_what_is_produced_and_tested() {
    let table = include_str!("../../../../docs/explanation-codes.md");
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?, cells.next()?))
    });
    let (mut produced, mut all) = (BTreeSet::new(), 0);
    for (code, is_produced) in rows.filter(|(code, _)| code.contains('_')) {
        all += 1;
        if is_produced == "yes" {
            produced.insert(code);
        }
    }
    assert_eq!(all, 71 + 5 + 13);
    let sources = [
        include_str!("ends.rs"),
        include_str!("explanations.rs"),
        include_str!("search.rs"),
        include_str!("wrong_ways.rs"),
    ];
    let in_sources: BTreeSet<&str> = sources.iter().flat_map(|source| codes_in(source)).collect();
    assert_eq!(in_sources, produced);
    let tests =
        [include_str!("tests/filters.rs"), include_str!("tests/paths.rs"), include_str!("tests/routes.rs")];
    let tested: BTreeSet<&str> = tests.iter().flat_map(|source| codes_in(source)).collect();
    let untested: Vec<_> = produced.difference(&tested).collect();
    assert!(untested.is_empty(), "{untested:?}");
}
