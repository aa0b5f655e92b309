//! The real packet of a trace: sent, and looked for where it comes out.
//!
//! Owns where it is sent and watched, and what is written down when the network does not do what the trace says. Refuses to
//! judge packets, and to know how one is asked for.
//!
//! The sender's own kernel sends it, so that it takes the way that every packet of the sender takes: by its routes, to the
//! neighbour that it asks for. What is decided about it and about its answer the data plane tells apart from all else; that
//! it arrives is seen by a packet socket where it comes out.

mod judge;
mod on_file;
mod probe;

use std::ops::Deref;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use data_plane::{Fate, Followed, Following, WorkstationLink};
use host_net::{EtherType, FrameBatch, NetworkNamespace, PacketSocket};
use serde::{Deserialize, Serialize};
use vpc_engine::Snapshot;
use vpc_engine::reach::{Case, Ends, Trace, Tracer};
use vpc_model::{Port, Protocol};

pub use judge::LiveVerdict;

use crate::network::NetworkView;
use judge::{Seen, judge};
use probe::{Answer, Probe};

/// How long the packet is looked for.
const ARRIVAL: Duration = Duration::from_secs(2);
/// How long an answer is waited for once the packet has arrived.
const ANSWER: Duration = Duration::from_secs(1);
/// How long is waited between two looks at what has arrived.
const PAUSE: Duration = Duration::from_micros(200);
/// How long between two looks at what was decided, for which everybody's frames wait.
const DECISION_PAUSE: Duration = Duration::from_millis(2);
/// Frames that are taken at once.
const BATCH_FRAMES: usize = 8;
/// Bytes of frames that may wait for a look.
const QUEUE_BYTES: usize = 4 << 20;

/// What became of a real packet, or of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveWay {
    /// What became of it, in a sentence.
    pub text: String,
    /// Where it was seen to arrive.
    pub arrived_at: Option<String>,
    /// Its addresses and ports there.
    pub packet: Option<String>,
    /// The name of the reason that it was dropped for.
    pub dropped: Option<String>,
    /// How long after it was sent that was seen, in microseconds; of an answer, after the packet was sent.
    pub after_us: Option<u64>,
}

/// What the network did with a real packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveReport {
    /// The packet as it was sent, and from where.
    pub sent: String,
    /// What became of it.
    pub there: LiveWay,
    /// What became of its answer, if it arrived.
    pub back: Option<LiveWay>,
    /// Whether that is what the trace says.
    pub verdict: LiveVerdict,
    /// In what they differ, or what could not be compared.
    pub remark: Option<String>,
    /// Where what is needed to try again is written down, if they differ.
    pub replay: Option<PathBuf>,
}

/// A disagreement as it is written down. The test `a_case_on_file_is_played` plays its case.
#[derive(Serialize)]
struct Disagreement<'a> {
    version: &'static str,
    mode: String,
    remark: Option<&'a str>,
    told: String,
    seen: [String; 2],
    case: Case,
}

/// A namespace, the data plane's or opened here.
pub(crate) enum Ground<'a> {
    Held(&'a NetworkNamespace),
    Opened(NetworkNamespace),
}

impl Deref for Ground<'_> {
    type Target = NetworkNamespace;

    fn deref(&self) -> &NetworkNamespace {
        match self {
            Self::Held(namespace) => namespace,
            Self::Opened(namespace) => namespace,
        }
    }
}

/// Where what is behind a port sends and receives.
///
/// # Errors
/// What to say when nothing runs there.
pub(crate) fn ground(network: &NetworkView, port: Port) -> Result<Ground<'_>, String> {
    let opened = match port {
        Port::INTERNET => return Ok(Ground::Held(network.plane.internet_namespace())),
        Port::SERVICES => return Ok(Ground::Held(network.plane.services_namespace())),
        // That of this process.
        Port::WORKSTATION => NetworkNamespace::current(),
        port => {
            let instance = network.directory.instance_on(port);
            let namespace = instance.and_then(|instance| network.instances.network_namespace(instance));
            let nobody = || format!("no instance runs at {}", network.interface(port));
            NetworkNamespace::open(&namespace.ok_or_else(nobody)?)
        }
    };
    opened.map(Ground::Opened).map_err(|error| error.to_string())
}

/// Sends the packet of a trace from where it begins, and compares.
///
/// # Errors
/// What to say when it cannot be sent.
pub(crate) fn send(
    network: &NetworkView,
    snapshot: &Snapshot,
    (trace, from): (&Trace, &NetworkNamespace),
    random: u128,
) -> Result<LiveReport, String> {
    let question = trace.question;
    let own = question.packet(snapshot).as_ref().map(Ends::of);
    let own = own.ok_or_else(|| format!("{} is not in the network", network.interface(question.from)))?;
    let known = |record: &vpc_engine::FlowRecord| {
        let key = &record.key;
        key.port == question.from
            && key.protocol == question.protocol
            && (key.local, key.remote) == (question.source, question.destination)
    };
    if network.plane.flows().iter().any(known) {
        return Err(format!("there is a connection {own} already: choose another --from-port"));
    }
    let device = match (question.from, network.plane.workstation()) {
        // Whatever other routes this machine has, the packet is this network's.
        (Port::WORKSTATION, WorkstationLink::Linked { device, .. }) => Some(device),
        (Port::WORKSTATION, WorkstationLink::Absent(reason)) => return Err(reason),
        _ => None,
    };
    let probe = Probe::new(question, random);
    let mut watch = Watch::open(network, trace, own, from)?;
    let sent_at = Instant::now();
    let refused = probe.send(from, device.as_deref()).err();
    if refused.is_none() {
        watch.look(&probe, sent_at).map_err(|error| error.to_string())?;
    }
    let (mut verdict, mut remark) = judge(trace, &watch.there, &watch.back);
    if let Some(error) = refused {
        remark = Some(format!("it could not be sent: {error}"));
    }
    if verdict == LiveVerdict::Disagrees {
        // What was in force when the packet came is not known then.
        let later = network.plane.snapshot();
        let again = Tracer::seeded(&later, network.plane.seed()).trace(question);
        if again.as_ref() != Some(trace) {
            verdict = LiveVerdict::Unclear;
            remark = Some("the network has changed meanwhile".to_owned());
        }
    }
    let mut replay = None;
    if verdict == LiveVerdict::Disagrees {
        let disagreement = Disagreement {
            version: env!("CARGO_PKG_VERSION"),
            mode: format!("{:?}", network.plane.mode()),
            remark: remark.as_deref(),
            told: format!("{trace:#?}"),
            seen: [format!("{:?}", watch.there), format!("{:?}", watch.back)],
            case: Case { seed: network.plane.seed(), question, deltas: network.deltas() },
        };
        tracing::error!(?remark, "a packet did not do what the trace says");
        let written = on_file::write_down(&network.disagreements, &disagreement);
        replay = Some(written.map_err(|error| error.to_string())?);
    }
    let place = network.interface(question.from);
    let back = matches!(watch.there, Seen::Arrived { .. }).then(|| watch.told_of_answer(network, sent_at));
    let there = watch.told(network, sent_at);
    Ok(LiveReport { sent: format!("{own} from {place}"), there, back, verdict, remark, replay })
}

/// Who looks for the packet and its answer.
struct Watch<'n> {
    from: Port,
    own: Ends,
    there: Seen,
    there_at: Option<Instant>,
    back: Seen,
    back_at: Option<Instant>,
    answer: Option<Answer>,
    packet: Following<'n>,
    /// Of the answer, where the trace says that the packet lands.
    reply: Option<Following<'n>>,
    /// Where that is, and its socket if anything runs there.
    landing: Option<(Port, Option<PacketSocket>)>,
    home: PacketSocket,
    batch: FrameBatch,
    /// When what was decided is looked at next.
    decisions_at: Instant,
}

impl<'n> Watch<'n> {
    fn open(
        network: &'n NetworkView,
        trace: &Trace,
        own: Ends,
        from: &NetworkNamespace,
    ) -> Result<Self, String> {
        let question = trace.question;
        let family = if own.source.is_ipv4() { EtherType::Ipv4 } else { EtherType::Ipv6 };
        let socket = |namespace: &NetworkNamespace| PacketSocket::receiver(namespace, family, QUEUE_BYTES);
        let landing = trace.there.landed.map(|(port, _)| {
            let socket = ground(network, port).ok().and_then(|namespace| socket(&namespace).ok());
            (port, socket)
        });
        let follow = |from: Port, protocol: Protocol, ends: Ends| {
            network.plane.follow(Followed { from, protocol, ends }).map_err(|error| error.to_string())
        };
        Ok(Self {
            from: question.from,
            own,
            there: Seen::Nothing,
            there_at: None,
            back: Seen::Nothing,
            back_at: None,
            answer: None,
            packet: follow(question.from, question.protocol, own)?,
            reply: (trace.there.landed)
                .map(|(port, ends)| follow(port, question.protocol, ends.reversed()))
                .transpose()?,
            landing,
            home: socket(from).map_err(|error| error.to_string())?,
            batch: FrameBatch::new(BATCH_FRAMES),
            decisions_at: Instant::now(),
        })
    }

    /// Looks until there is nothing more to be seen.
    fn look(&mut self, probe: &Probe, sent_at: Instant) -> std::io::Result<()> {
        loop {
            let now = Instant::now();
            self.look_there(probe, now)?;
            self.look_back(probe, now)?;
            if now >= self.decisions_at {
                self.decisions_at = now + DECISION_PAUSE;
                self.look_at_decisions(now);
            }
            let is_over = match (self.there, self.there_at) {
                (Seen::Dropped(_), _) => true,
                (Seen::Arrived { .. }, Some(at)) => {
                    matches!(self.back, Seen::Arrived { .. } | Seen::Dropped(_)) || now > at + ANSWER
                }
                _ => now > sent_at + ARRIVAL,
            };
            if is_over {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn look_there(&mut self, probe: &Probe, now: Instant) -> std::io::Result<()> {
        if let Some((port, Some(socket))) = &self.landing {
            let count = socket.receive(&mut self.batch)?;
            let seen = (0..count).find_map(|index| probe.recognize(self.batch.frame(index)));
            if let Some(packet) = seen.filter(|_| !matches!(self.there, Seen::Arrived { .. })) {
                self.there = Seen::Arrived { at: *port, ends: Ends::of(&packet) };
                self.there_at = Some(now);
            }
        }
        Ok(())
    }

    fn look_back(&mut self, probe: &Probe, now: Instant) -> std::io::Result<()> {
        let count = self.home.receive(&mut self.batch)?;
        let answer = (0..count).find_map(|index| probe.answer(self.batch.frame(index), self.own));
        if let Some((packet, answer)) = answer {
            self.answer = Some(answer);
            self.back_at = Some(now);
            // An error is no reply: other rules may hold for it.
            if answer != Answer::PortUnreachable {
                self.back = Seen::Arrived { at: self.from, ends: Ends::of(&packet) };
            }
        }
        Ok(())
    }

    /// What was decided about what has not been seen to arrive.
    fn look_at_decisions(&mut self, now: Instant) {
        if self.there == Seen::Nothing
            && let Some(fate) = self.packet.fate()
        {
            let is_watched = |to| matches!(&self.landing, Some((port, Some(_))) if *port == to);
            (self.there, self.there_at) = (seen(fate, is_watched), Some(now));
        }
        if self.back == Seen::Nothing
            && let Some(fate) = self.reply.as_ref().and_then(Following::fate)
        {
            (self.back, self.back_at) = (seen(fate, |to| to == self.from), Some(now));
        }
    }

    fn told(&self, network: &NetworkView, sent_at: Instant) -> LiveWay {
        way(network, &self.there, self.there_at.map(|at| at - sent_at), "it")
    }

    fn told_of_answer(&self, network: &NetworkView, sent_at: Instant) -> LiveWay {
        let after = self.back_at.map(|at| at - sent_at);
        let mut way = way(network, &self.back, after, "its answer");
        match (self.back, self.answer) {
            (Seen::Arrived { .. } | Seen::Nothing, Some(answer)) => {
                way.text = format!("its answer came back{}: {}", after_words(after), answer.words());
            }
            (Seen::Nothing, None) => way.text = "no answer was seen".to_owned(),
            _ => {}
        }
        way
    }
}

fn seen(fate: Fate, is_watched: impl Fn(Port) -> bool) -> Seen {
    match fate {
        Fate::Dropped(reason) => Seen::Dropped(reason),
        Fate::Sent { to, ends, has_conditions } => {
            Seen::SentOn { to, ends, has_conditions, is_watched: is_watched(to) }
        }
    }
}

fn after_words(after: Option<Duration>) -> String {
    after.map(|after| format!(" after {:.1} ms", after.as_secs_f64() * 1000.0)).unwrap_or_default()
}

fn way(network: &NetworkView, seen: &Seen, after: Option<Duration>, what: &str) -> LiveWay {
    let when = after_words(after);
    let (mut arrived_at, mut packet, mut dropped) = (None, None, None);
    let text = match seen {
        Seen::Nothing => format!("{what} was not seen by the network"),
        Seen::Dropped(reason) => {
            dropped = Some(reason.name().to_owned());
            format!("{what} was dropped{when}: {reason}")
        }
        Seen::SentOn { to, ends, .. } => {
            format!("{what} was sent on{when} to {} as {ends}, and not seen there", network.interface(*to))
        }
        Seen::Arrived { at, ends } => {
            let at = network.interface(*at);
            (arrived_at, packet) = (Some(at.clone()), Some(ends.to_string()));
            format!("{what} arrived{when} at {at} as {ends}")
        }
    };
    let after_us = after.map(|after| after.as_micros() as u64);
    LiveWay { text, arrived_at, packet, dropped, after_us }
}
