//! Runs the network benchmark by itself and prints its report: `cargo run --release -p data-plane --example bench_network`.
//! `--slow` does without the flow cache; `--seconds=S` measures for so long each time.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = data_plane::bench::Options::default();
    if std::env::args().any(|argument| argument == "--slow") {
        options.mode = data_plane::ModeChoice::SlowOnly;
    }
    let seconds = std::env::args().find_map(|argument| argument.strip_prefix("--seconds=")?.parse().ok());
    if let Some(seconds) = seconds {
        options.measurement = std::time::Duration::from_secs_f64(seconds);
    }
    let report = data_plane::bench::run(&options)?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
