//! Reads the table that a divan benchmark prints.
//!
//! Owns the part of the table that is needed: the rate of the fastest sample of each benchmark and argument, which is the
//! one that a busy machine disturbs least. divan 0.1 has no machine-readable output.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The smallest and the largest network of `crates/vpc-engine/benches/forward.rs`, in interfaces.
const SMALLEST: &str = "10";
const LARGEST: &str = "100000";

/// Microseconds for one item, by benchmark and argument.
type Micros = BTreeMap<String, BTreeMap<String, f64>>;

/// Reads the lines `name`, `argument time …` and `rate Mitem/s …` of the table.
fn micros_per_item(table: &str) -> Micros {
    let mut found = Micros::new();
    let (mut name, mut argument) = ("", "");
    for line in table.lines() {
        let line = line.trim_start_matches(['│', '├', '╰', '─', ' ']);
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        if let Some(per_sec) = words.next().and_then(|unit| rate(first, unit)) {
            found.entry(name.to_owned()).or_default().insert(argument.to_owned(), 1e6 / per_sec);
        } else if first.parse::<u64>().is_ok() {
            argument = first;
        } else {
            name = first;
        }
    }
    found
}

/// Items per second of `4.541 Mitem/s`.
fn rate(number: &str, unit: &str) -> Option<f64> {
    let scale = match unit {
        "item/s" => 1.0,
        "Kitem/s" => 1e3,
        "Mitem/s" => 1e6,
        "Gitem/s" => 1e9,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * scale)
}

/// The report on `forward`: what a decision costs in the largest network with all of it talking, and how much more than
/// in the smallest one with ten interfaces talking in both. What the table lacks, the report lacks.
pub(super) fn forward_report(table: &str) -> Value {
    let found = micros_per_item(table);
    let micros = |name: &str, argument: &str| found.get(name).and_then(|all| all.get(argument)).copied();
    let of = |case: &str| {
        let few = format!("{case}_few");
        let growth = micros(&few, LARGEST).zip(micros(&few, SMALLEST)).map(|(large, small)| large / small);
        json!({ "micros": micros(&format!("{case}_all"), LARGEST), "growth": growth })
    };
    json!({ "new_connection": of("new_connection"), "established": of("established") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
Timer precision: 23 ns
forward                fastest       │ slowest       │ median        │ mean          │ samples │ iters
├─ apply_rule                        │               │               │               │         │
│  ╰─ 100000           4.541 ms      │ 18.87 ms      │ 7.877 ms      │ 9.449 ms      │ 100     │ 100
├─ established_few                   │               │               │               │         │
│  ├─ 10               2.000 ms      │ 10.43 ms      │ 2.287 ms      │ 3.771 ms      │ 200     │ 200
│  │                   5 Mitem/s     │ 958.6 Kitem/s │ 4.371 Mitem/s │ 2.651 Mitem/s │         │
│  ╰─ 100000           2.500 ms      │ 19.12 ms      │ 2.693 ms      │ 3.559 ms      │ 200     │ 200
│                      4 Mitem/s     │ 522.9 Kitem/s │ 3.713 Mitem/s │ 2.809 Mitem/s │         │
╰─ new_connection_all                │               │               │               │         │
   ╰─ 100000           20.00 ms      │ 48.7 ms       │ 14.86 ms      │ 19.25 ms      │ 200     │ 200
                       500 Kitem/s   │ 205.3 Kitem/s │ 672.5 Kitem/s │ 519.4 Kitem/s │         │
";

    #[test]
    fn the_fastest_samples_are_found() {
        let report = forward_report(TABLE);
        assert_eq!(report["established"]["growth"], 1.25);
        assert_eq!(report["new_connection"]["micros"], 2.0);
    }

    #[test]
    fn what_was_not_measured_is_not_in_the_report() {
        let report = forward_report(TABLE);
        assert!(report["established"]["micros"].is_null());
        assert!(report["new_connection"]["growth"].is_null());
        assert!(forward_report("")["established"]["growth"].is_null());
    }
}
