//! Runs the network benchmark by itself and prints its report: `cargo run --release -p data-plane --example bench_network`.
//! `--slow` does without the flow cache; `--seconds=S` measures for so long each time, `--rounds=N` so often; `--ways` measures
//! every way through the network, and `--enforcement` how soon rules are enforced instead.

use std::time::Duration;

use data_plane::bench::{Options, Way, enforcement, run};

/// How many changes of rules are timed.
const CHANGES: usize = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let value =
        |name: &str| std::env::args().find_map(|argument| Some(argument.strip_prefix(name)?.to_owned()));
    let mut options = Options::default();
    if has("--slow") {
        options.mode = data_plane::ModeChoice::SlowOnly;
    }
    if let Some(seconds) = value("--seconds=") {
        options.measurement = Duration::from_secs_f64(seconds.parse()?);
    }
    if let Some(rounds) = value("--rounds=") {
        options.rounds = rounds.parse()?;
    }
    if has("--ways") {
        options.ways = Way::ALL.to_vec();
    }
    let report = if has("--enforcement") {
        serde_json::to_string_pretty(&enforcement(&options, CHANGES)?)?
    } else {
        serde_json::to_string_pretty(&run(&options)?)?
    };
    println!("{report}");
    Ok(())
}
