//! Bodies that are too long to be held: read as they come, and written as they are found.
//!
//! Both are read by blocking, on a thread that the gateway keeps for it. Whoever gives bytes never gives an empty piece.

use aws_model::Value;
use bytes::Bytes;

use crate::ServiceError;

/// What a client sends for the streaming member of an input, decoded, and with its framing and signatures checked.
pub trait Payload: Send {
    /// How many bytes it has in all, as the client said; where it only said how long the payload is with what stands around it,
    /// how many there are at most.
    fn length(&self) -> u64;

    /// The next piece; `None` at the end, when all that the client said of it is known to hold.
    ///
    /// # Errors
    /// What the client did wrong, in the words of its protocol, or that it has gone. Nothing of the payload may be kept then.
    fn next(&mut self) -> Result<Option<Bytes>, ServiceError>;

    /// The value of a field behind the payload, once that has ended. The name is in lower case.
    fn trailing(&self, name: &str) -> Option<&str>;
}

/// What an answer has for the streaming member of an output.
pub trait Content: Send {
    /// How many bytes it has: not more and not fewer are given, or an error.
    fn length(&self) -> u64;

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// The bytes cannot be had, or are not what they were. The connection is cut then, for the answer has begun.
    fn next(&mut self) -> Result<Option<Bytes>, ServiceError>;
}

/// The output of an operation, and what belongs to its streaming member.
pub struct Streamed<O> {
    /// The output without that member.
    pub output: O,
    /// What belongs to it, if anything does.
    pub content: Option<Box<dyn Content>>,
}

impl<O> Streamed<O> {
    /// An output that has no content.
    pub fn empty(output: O) -> Self {
        Self { output, content: None }
    }

    /// An output with content.
    pub fn with(output: O, content: impl Content + 'static) -> Self {
        Self { output, content: Some(Box::new(content)) }
    }

    /// The same with another form of the output.
    pub(crate) fn map<P>(self, into: impl FnOnce(O) -> P) -> Streamed<P> {
        Streamed { output: into(self.output), content: self.content }
    }
}

/// A payload or content that is in memory: of short requests and answers, and in tests.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    length: u64,
    bytes: Option<Bytes>,
    trailing: Vec<(String, String)>,
}

impl Whole {
    /// All of these bytes.
    pub fn new(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        Self { length, bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), trailing: Vec::new() }
    }

    /// The same with fields behind them.
    #[must_use]
    pub fn with_trailing(self, trailing: Vec<(String, String)>) -> Self {
        Self { trailing, ..self }
    }
}

impl Payload for Whole {
    fn length(&self) -> u64 {
        self.length
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        Ok(self.bytes.take())
    }

    fn trailing(&self, name: &str) -> Option<&str> {
        self.trailing.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl Content for Whole {
    fn length(&self) -> u64 {
        self.length
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        Ok(self.bytes.take())
    }
}

/// An answer as the gateway gets it.
pub type StreamedValue = Streamed<Value>;
