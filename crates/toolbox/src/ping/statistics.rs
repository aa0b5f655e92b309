//! Counts and times of a run, and how they are told. Pure.

use std::fmt::Write;
use std::time::Duration;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Statistics {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) duplicates: u64,
    pub(super) errors: u64,
    shortest: Duration,
    longest: Duration,
    sum_millis: f64,
    sum_of_squares: f64,
}

impl Statistics {
    /// Counts an answer.
    pub(super) fn add(&mut self, round_trip: Duration) {
        self.shortest = if self.received == 0 { round_trip } else { self.shortest.min(round_trip) };
        self.longest = self.longest.max(round_trip);
        self.received += 1;
        let millis = round_trip.as_secs_f64() * 1000.0;
        self.sum_millis += millis;
        self.sum_of_squares += millis * millis;
    }

    /// The slowest answer, if there was any.
    pub(super) fn slowest(&self) -> Option<Duration> {
        (self.received > 0).then_some(self.longest)
    }

    /// What is told at the end.
    pub(super) fn summary(&self, host: &str, elapsed: Duration) -> String {
        let mut text = format!("\n--- {host} ping statistics ---\n");
        let _ = write!(text, "{} packets transmitted, {} received", self.sent, self.received);
        if self.duplicates > 0 {
            let _ = write!(text, ", +{} duplicates", self.duplicates);
        }
        if self.errors > 0 {
            let _ = write!(text, ", +{} errors", self.errors);
        }
        let lost = self.sent.saturating_sub(self.received);
        let loss = if self.sent == 0 { 0.0 } else { lost as f64 * 100.0 / self.sent as f64 };
        // Six significant digits without trailing zeros, as C's %g.
        let loss = format!("{loss:.4}");
        let loss = loss.trim_end_matches('0').trim_end_matches('.');
        let _ = writeln!(text, ", {loss}% packet loss, time {}ms", elapsed.as_millis());
        if self.received > 0 {
            let mean = self.sum_millis / self.received as f64;
            let variance = (self.sum_of_squares / self.received as f64 - mean * mean).max(0.0);
            let _ = writeln!(
                text,
                "rtt min/avg/max/mdev = {:.3}/{mean:.3}/{:.3}/{:.3} ms",
                self.shortest.as_secs_f64() * 1000.0,
                self.longest.as_secs_f64() * 1000.0,
                variance.sqrt()
            );
        }
        text
    }
}

/// A time in milliseconds with about three significant digits, as ping prints it.
pub(super) fn milliseconds(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match millis {
        _ if millis >= 100.0 => format!("{millis:.0}"),
        _ if millis >= 10.0 => format!("{millis:.1}"),
        _ if millis >= 1.0 => format!("{millis:.2}"),
        _ => format!("{millis:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_reads_as_iputils_writes_it() {
        let mut statistics = Statistics { sent: 3, ..Statistics::default() };
        for millis in [1, 2] {
            statistics.add(Duration::from_millis(millis));
        }
        assert_eq!(
            statistics.summary("10.0.0.5", Duration::from_millis(2003)),
            "\n--- 10.0.0.5 ping statistics ---\n\
             3 packets transmitted, 2 received, 33.3333% packet loss, time 2003ms\n\
             rtt min/avg/max/mdev = 1.000/1.500/2.000/0.500 ms\n"
        );
        let none = Statistics { sent: 1, errors: 1, ..Statistics::default() };
        let text = none.summary("x", Duration::ZERO);
        assert!(
            text.contains("1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms"),
            "{text}"
        );
    }

    #[test]
    fn times_have_three_digits() {
        let micros = [45, 1_230, 12_340, 123_400];
        let texts = micros.map(|time| milliseconds(Duration::from_micros(time)));
        assert_eq!(texts, ["0.045", "1.23", "12.3", "123"]);
    }
}
