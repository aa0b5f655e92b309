//! What clients get as `NextToken`: a position between two results, sealed so that it is of use for a day, and only to
//! the request that it was given to.
//!
//! Owns the seal. [`crate::Operations`] opens the token of every request before the handler sees it, and seals that of
//! every answer; handlers deal in positions ([`token_after`], [`position`]). A token that does not open reaches the
//! handler as text that is no position, so that it answers with its own error at the place where it reads the token.
//! Refuses to know what is paged.
//!
//! The seal is a check sum and not a secret: what a client could forge is a position among its own results.

use std::cell::OnceCell;

use aws_model::{ShapeKind, Value};
use aws_types::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::RequestContext;
use crate::fingerprint::{add, add_pairs};

/// How long a token is of use.
const LIFETIME_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// How much of the check sum stands in a token.
const CHECK_BYTES: usize = 16;
/// How the token is called in the models.
const TOKENS: [&str; 3] = ["NextToken", "nextToken", "PaginationToken"];
/// What a client may change from page to page.
const FREE: [&str; 8] = [
    "NextToken",
    "nextToken",
    "PaginationToken",
    "MaxResults",
    "maxResults",
    "ResourcesPerPage",
    "TagsPerPage",
    "DryRun",
];
/// What every position begins with, so that any other text is told apart.
const MARK: &str = "after:";
/// What stands in the place of a token that does not open. It has no [`MARK`].
const REFUSED: &str = "refused";

/// The token, before it is sealed, of the page after the one that ends with this key.
pub fn token_after(key: &str) -> String {
    format!("{MARK}{key}")
}

/// The key that a token, once opened, follows; `None` for one that was refused.
pub fn position(token: &str) -> Option<&str> {
    token.strip_prefix(MARK)
}

/// Whether an operation's requests can have a token, and its answers.
pub(crate) fn is_paged(service: &str, operation: &str) -> bool {
    let Some(model) = aws_model::service(service).map(|service| service.model()) else { return true };
    let input = model.operation(operation).and_then(|operation| operation.input.as_ref());
    input.is_some_and(|input| match &model.shape(input.shape).kind {
        ShapeKind::Structure(structure) => structure.members.iter().any(|held| TOKENS.contains(&held.name)),
        _ => false,
    })
}

/// A request whose token, or whose answer's, may be needed: the seal is made when it is.
pub(crate) struct Sealer<'a> {
    context: &'a RequestContext,
    service: &'static str,
    operation: &'static str,
    input: Value,
    seal: OnceCell<Seal>,
}

impl<'a> Sealer<'a> {
    pub(crate) fn new(
        context: &'a RequestContext,
        service: &'static str,
        operation: &'static str,
        input: &Value,
    ) -> Self {
        Self { context, service, operation, input: input.clone(), seal: OnceCell::new() }
    }

    fn seal(&self) -> &Seal {
        self.seal.get_or_init(|| Seal::of(self.context, self.service, self.operation, &self.input))
    }

    /// Puts the position that the request's token holds in its place.
    pub(crate) fn open(&self, input: Value) -> Value {
        replace(input, |token| {
            // What an empty one means differs between services.
            if token.is_empty() {
                return token;
            }
            self.seal().opened(self.context.now, &token).unwrap_or_else(|| REFUSED.to_owned())
        })
    }

    /// Seals the answer's token. Some services tell by an empty one that there is no more.
    pub(crate) fn close(&self, output: Value) -> Value {
        replace(output, |position| {
            if position.is_empty() { position } else { self.seal().sealed(self.context.now, &position) }
        })
    }
}

/// What a token belongs to: an operation of a service, whose results they are, and all that the request says of them.
struct Seal([u8; 32]);

impl Seal {
    fn of(context: &RequestContext, service: &str, operation: &str, input: &Value) -> Self {
        let mut hash = Sha256::new();
        for part in [service, operation, &context.scope().to_string()] {
            add(&mut hash, &Value::String(part.to_owned()));
        }
        add_request(&mut hash, input);
        Self(hash.finalize().into())
    }

    fn check(&self, made_at: [u8; 8], position: &str) -> [u8; CHECK_BYTES] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(made_at);
        hash.update(position.as_bytes());
        let sum: [u8; 32] = hash.finalize().into();
        *sum.first_chunk().expect("a check sum is shorter than the hash")
    }

    fn sealed(&self, now: Timestamp, position: &str) -> String {
        let made_at = now.unix_millis().to_be_bytes();
        let check = self.check(made_at, position);
        URL_SAFE_NO_PAD.encode([&check[..], &made_at, position.as_bytes()].concat())
    }

    fn opened(&self, now: Timestamp, token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (check, rest) = bytes.split_first_chunk::<CHECK_BYTES>()?;
        let (made_at, position) = rest.split_first_chunk::<8>()?;
        let position = std::str::from_utf8(position).ok()?;
        let age_millis = now.unix_millis().saturating_sub(i64::from_be_bytes(*made_at));
        let holds = *check == self.check(*made_at, position) && age_millis < LIFETIME_MILLIS;
        holds.then(|| position.to_owned())
    }
}

fn replace(value: Value, change: impl Fn(String) -> String) -> Value {
    let Value::Structure(mut fields) = value else { return value };
    for name in TOKENS {
        match fields.take(name) {
            Some(Value::String(token)) => fields.push(name, Value::String(change(token))),
            Some(other) => fields.push(name, other),
            None => {}
        }
    }
    Value::Structure(fields)
}

fn add_request(hash: &mut Sha256, input: &Value) {
    let Value::Structure(fields) = input else { return };
    let mut members: Vec<_> = fields.iter().filter(|(name, _)| !FREE.contains(name)).collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    add_pairs(hash, b'o', &members);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_secs(1_795_357_680);

    fn seal() -> Seal {
        Seal([7; 32])
    }

    fn digest(members: &[(&'static str, Value)]) -> Vec<u8> {
        let mut hash = Sha256::new();
        add_request(&mut hash, &Value::Structure(members.iter().cloned().collect()));
        hash.finalize().to_vec()
    }

    proptest! {
        #[test]
        fn a_token_opens_to_its_position(position in ".{0,40}") {
            let token = seal().sealed(NOW, &position);
            prop_assert_eq!(seal().opened(NOW, &token), Some(position));
            prop_assert_eq!(Seal([8; 32]).opened(NOW, &token), None);
        }

        #[test]
        fn an_altered_token_does_not_open(position in "[a-z0-9-]{1,22}", place in 0_usize..1000, new in "[A-Za-z0-9_-]") {
            let token = seal().sealed(NOW, &position);
            let place = place % token.len();
            let altered = format!("{}{new}{}", &token[..place], &token[place + 1..]);
            prop_assume!(altered != token);
            prop_assert_eq!(seal().opened(NOW, &altered), None);
            prop_assert_eq!(seal().opened(NOW, &token[..place]), None);
        }

        #[test]
        fn any_other_text_does_not_open(text in ".{0,60}") {
            prop_assert_eq!(seal().opened(NOW, &text), None);
        }
    }

    #[test]
    fn operations_that_have_tokens_are_paged() {
        assert!(is_paged("ec2", "DescribeVpcs") && is_paged("ssm", "GetParametersByPath"));
        assert!(is_paged("resourcegroupstaggingapi", "GetResources"));
        assert!(!is_paged("ec2", "RunInstances") && !is_paged("ssm", "PutParameter"));
        assert!(is_paged("another", "Anything"), "what is not known may be");
    }

    #[test]
    fn a_token_is_of_use_for_a_day() {
        let token = seal().sealed(NOW, "p");
        let opened = |millis| seal().opened(NOW.plus_millis(millis), &token).is_some();
        assert!(opened(LIFETIME_MILLIS - 1) && !opened(LIFETIME_MILLIS));
        assert!(opened(-1), "the clock may have been set back");
    }

    #[test]
    fn a_request_is_its_members_but_for_those_of_the_page() {
        let text = |text: &str| Value::String(text.to_owned());
        let whole = [("A", text("x")), ("B", Value::List(vec![text("1"), text("2")]))];
        let same = [
            ("B", Value::List(vec![text("1"), text("2")])),
            ("NextToken", text("t")),
            ("MaxResults", Value::Integer(5)),
            ("A", text("x")),
        ];
        assert_eq!(digest(&whole), digest(&same));
        for other in [
            vec![("A", text("x"))],
            vec![("A", text("x")), ("B", Value::List(vec![text("12")]))],
            vec![("A", text("x")), ("B", Value::List(vec![text("2"), text("1")]))],
            vec![("A", text("xB")), ("B", Value::List(vec![text("1"), text("2")]))],
            vec![("A", Value::Integer(1)), ("B", Value::List(vec![text("1"), text("2")]))],
        ] {
            assert_ne!(digest(&whole), digest(&other), "{other:?}");
        }
    }
}
