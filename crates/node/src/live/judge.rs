//! Whether a trace and the network agree about a packet.
//!
//! Owns the comparison. Refuses to know how the network was looked at.

use serde::{Deserialize, Serialize};
use vpc_engine::DropReason;
use vpc_engine::reach::{Ends, Trace, Way};
use vpc_model::Port;

/// What was seen of a packet on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing.
    Nothing,
    /// It was dropped.
    Dropped(DropReason),
    /// It was sent on by a port like this, and not seen to arrive, which it would have been if that is watched.
    SentOn { to: Port, ends: Ends, has_conditions: bool, is_watched: bool },
    /// It came out there like this.
    Arrived { at: Port, ends: Ends },
}

/// Whether a trace and the network agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveVerdict {
    /// They do.
    Agrees,
    /// They do not: one of them has a defect.
    Disagrees,
    /// What became of the packet comes of something that a trace does not speak of, or was not seen.
    Unclear,
}

/// One direction.
enum Compared {
    Same,
    Different(String),
    Unclear(String),
}

/// Compares. Answers with the verdict in what they differ, or why there is nothing to compare.
pub(super) fn judge(trace: &Trace, there: &Seen, back: &Seen) -> (LiveVerdict, Option<String>) {
    match compare(&trace.there, there, Some(trace)) {
        Compared::Different(how) => return (LiveVerdict::Disagrees, Some(format!("the packet {how}"))),
        Compared::Unclear(why) => return (LiveVerdict::Unclear, Some(format!("the packet {why}"))),
        Compared::Same => {}
    }
    let (Seen::Arrived { .. }, Some(way)) = (there, &trace.back) else {
        return (LiveVerdict::Agrees, None);
    };
    if *back == Seen::Nothing {
        return unseen_reply(way);
    }
    match compare(way, back, None) {
        Compared::Different(how) => (LiveVerdict::Disagrees, Some(format!("the answer {how}"))),
        Compared::Unclear(why) => (LiveVerdict::Unclear, Some(format!("the answer {why}"))),
        Compared::Same => (LiveVerdict::Agrees, None),
    }
}

/// No reply was seen, neither where it would come in nor where it would come out: perhaps nobody has sent one.
fn unseen_reply(way: &Way) -> (LiveVerdict, Option<String>) {
    match way.refusals().next() {
        Some(told) => {
            let seen =
                format!("no reply was seen, nor that one was dropped because {told}: only that none came");
            (LiveVerdict::Agrees, Some(seen))
        }
        None => {
            let why = "went where it should; no reply was seen, so that it is not known whether one would come back";
            (LiveVerdict::Unclear, Some(format!("the packet {why}")))
        }
    }
}

/// `opening` is the trace of the packet if this is the way there: a NAT gateway takes another port than the one that is told
/// if somebody has that one.
fn compare(way: &Way, seen: &Seen, opening: Option<&Trace>) -> Compared {
    let told = way.refusals().next();
    match *seen {
        Seen::Nothing => Compared::Unclear(
            "never came to the network: its sender's own kernel has no route for it, or nobody answered on the link for the \
             next address"
                .to_owned(),
        ),
        Seen::Dropped(reason) => match told {
            Some(told) if *told == reason => Compared::Same,
            _ if reason.is_of_load() => Compared::Unclear(format!(
                "was dropped because of what else is under way, which a trace knows nothing of: {reason}"
            )),
            Some(told) => Compared::Different(format!("was dropped because {reason}, and not because {told}")),
            None => Compared::Different(format!("was dropped because {reason}, and should have passed")),
        },
        Seen::SentOn { to, ends, has_conditions, is_watched } => match arrived(way, to, ends, opening) {
            Compared::Same if !is_watched && opening.is_some() => {
                Compared::Unclear("was sent on as it should, to where nothing runs that would take it".to_owned())
            }
            // Where a reply goes to another than who sent the packet, nobody looks.
            Compared::Same if !is_watched => Compared::Same,
            Compared::Same if has_conditions => Compared::Unclear(
                "is under way, or went missing, as the conditions of the paths on its way want".to_owned(),
            ),
            Compared::Same => {
                Compared::Different("was sent on as it should, and did not arrive".to_owned())
            }
            other => other,
        },
        Seen::Arrived { at, ends } => arrived(way, at, ends, opening),
    }
}

fn arrived(way: &Way, at: Port, ends: Ends, opening: Option<&Trace>) -> Compared {
    if let Some(told) = way.refusals().next() {
        return Compared::Different(format!("passed, and should have been dropped because {told}"));
    }
    let is_same = way.landed.is_some_and(|(port, told)| {
        let is_translated = opening.is_some_and(|trace| told.source != trace.question.source.address);
        let is_like_it = told.source == ends.source
            && told.destination == ends.destination
            && told.destination_port == ends.destination_port;
        port == at && (told == ends || (is_translated && is_like_it))
    });
    match way.landed {
        _ if is_same => Compared::Same,
        Some((port, told)) => Compared::Different(format!(
            "came to port {at} as {ends}, and should have come to port {port} as {told}"
        )),
        None => Compared::Different(format!("came to port {at} as {ends}, and should have come nowhere")),
    }
}

#[cfg(test)]
mod tests {
    use aws_types::{NetworkInterfaceId, ResourceId};
    use vpc_engine::Endpoint;
    use vpc_engine::reach::{HeaderBox, Met, Question, Span, Step};
    use vpc_model::Protocol;

    use super::*;

    const REFUSED: DropReason = DropReason::Multicast;

    fn ends(source: &str, source_port: u16, destination: &str, destination_port: u16) -> Ends {
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        Ends { source, source_port, destination, destination_port }
    }

    fn port(number: u32) -> Port {
        Port::new(number).unwrap()
    }

    fn own() -> Ends {
        ends("10.0.0.5", 40_000, "198.51.100.7", 80)
    }

    /// By a NAT gateway.
    fn translated(source_port: u16) -> Ends {
        ends("198.18.0.1", source_port, "198.51.100.7", 80)
    }

    fn way(landed: (Port, Ends), refusal: Option<DropReason>) -> Way {
        let steps = refusal.map(|reason| Step { met: Met::Refused(reason), ends: landed.1 });
        Way { steps: steps.into_iter().collect(), landed: Some(landed) }
    }

    /// From port 1 to the internet and back, if nothing refuses it.
    fn trace(there: Option<DropReason>, back: Option<DropReason>) -> Trace {
        let at = |address: std::net::IpAddr, port| Endpoint { address, port };
        let Ends { source, source_port, destination, destination_port } = own();
        Trace {
            question: Question {
                from: port(1),
                source: at(source, source_port),
                destination: at(destination, destination_port),
                protocol: Protocol::TCP,
            },
            there: way((Port::INTERNET, translated(40_000)), there),
            back: Some(way((port(1), own().reversed()), back)),
            headers: HeaderBox { spans: [Span::ALL; 4] },
            is_by_header: false,
        }
    }

    fn check(trace: &Trace, there: Seen, back: Seen, expected: LiveVerdict, said: &str) {
        let (verdict, remark) = judge(trace, &there, &back);
        let is_said = remark.as_deref().unwrap_or_default().contains(said);
        assert!(verdict == expected && is_said, "{there:?} {back:?}: {verdict:?} {remark:?}");
    }

    #[test]
    fn every_difference_is_found() {
        use LiveVerdict::{Agrees, Disagrees, Unclear};
        let out = |source_port| Seen::Arrived { at: Port::INTERNET, ends: translated(source_port) };
        let home = Seen::Arrived { at: port(1), ends: own().reversed() };
        let open = trace(None, None);
        check(&open, out(40_000), home, Agrees, "");
        check(&open, out(40_000), Seen::Nothing, Unclear, "no reply was seen");
        check(&open, out(1024), home, Agrees, "");
        let elsewhere = Seen::Arrived { at: port(2), ends: translated(40_000) };
        check(&open, elsewhere, home, Disagrees, "the packet came to port 2");
        let untranslated = Seen::Arrived { at: Port::INTERNET, ends: own() };
        check(&open, untranslated, home, Disagrees, "as 10.0.0.5:40000 > 198.51.100.7:80, and should");
        check(&open, Seen::Dropped(REFUSED), home, Disagrees, "and should have passed");
        let load = DropReason::FlowTableFull;
        check(&open, Seen::Dropped(load), home, Unclear, "what else is under way");
        check(&open, Seen::Nothing, Seen::Nothing, Unclear, "never came to the network");
        let sent =
            |(to, ends), has_conditions, is_watched| Seen::SentOn { to, ends, has_conditions, is_watched };
        let there = (Port::INTERNET, translated(40_000));
        check(
            &open,
            sent(there, false, true),
            Seen::Nothing,
            Disagrees,
            "the packet was sent on as it should",
        );
        check(&open, sent(there, true, true), Seen::Nothing, Unclear, "conditions");
        check(&open, sent(there, false, false), Seen::Nothing, Unclear, "nothing runs");
        check(&open, sent((port(2), own()), false, false), Seen::Nothing, Disagrees, "came to port 2");
        let back = (port(1), own().reversed());
        check(&open, out(40_000), sent(back, false, true), Disagrees, "the answer was sent on as it should");
        let strayed = Trace { back: Some(way((port(2), own().reversed()), None)), ..trace(None, None) };
        let elsewhere = sent((port(2), own().reversed()), false, false);
        check(&strayed, out(40_000), elsewhere, Agrees, "");
        check(&open, out(40_000), elsewhere, Disagrees, "the answer came to port 2");
        check(&open, out(40_000), Seen::Dropped(REFUSED), Disagrees, "the answer was dropped");
        let other = Seen::Arrived { at: port(1), ends: own() };
        check(&open, out(40_000), other, Disagrees, "the answer came to port 1");

        let closed = trace(Some(REFUSED), None);
        check(&closed, Seen::Dropped(REFUSED), Seen::Nothing, Agrees, "");
        check(&closed, Seen::Dropped(DropReason::Broadcast), Seen::Nothing, Disagrees, "and not because");
        check(&closed, out(40_000), home, Disagrees, "should have been dropped");

        let interface = NetworkInterfaceId::from_bits(1);
        let refusal = DropReason::NoIngressRule { interface };
        let one_way = trace(None, Some(refusal));
        check(&one_way, out(40_000), Seen::Dropped(refusal), Agrees, "");
        check(&one_way, out(40_000), home, Disagrees, "the answer passed");
        check(&one_way, out(40_000), Seen::Nothing, Agrees, "only that none came");
    }
}
