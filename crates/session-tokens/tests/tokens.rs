//! What is sealed is opened again, by the same cloud, for the same key, in time, and by nobody else.

#![allow(clippy::unwrap_used)]

use aws_types::{AccountId, Partition, Tag, Timestamp};
use proptest::prelude::*;
use service_api::{PrincipalKind, Session};
use session_tokens::{InvalidMessage, NewSession, TokenError, Tokens, account_of};
use store::{MemoryBackend, Store};

const NOW: Timestamp = Timestamp::from_unix_secs(1_767_268_800);

fn counting() -> impl FnMut() -> u128 {
    let mut next = 0_u128;
    move || {
        next = next.wrapping_add(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        next
    }
}

fn account() -> AccountId {
    "123456789012".parse().unwrap()
}

fn role_session(session: Session) -> NewSession {
    NewSession {
        account: account(),
        kind: PrincipalKind::AssumedRole {
            role: "app".to_owned(),
            role_id: "AROAEXAMPLE".to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/path/app".parse().unwrap(),
            session_name: "me".to_owned(),
        },
        arn: "arn:aws:sts::123456789012:assumed-role/app/me".parse().unwrap(),
        user_id: "AROAEXAMPLE:me".to_owned(),
        session,
    }
}

fn lasting(secs: i64) -> Session {
    Session { issued: NOW, expires: NOW.plus_millis(secs * 1000), ..Session::default() }
}

fn kinds() -> impl Strategy<Value = (PrincipalKind, &'static str)> {
    let text = "[a-zA-Z0-9+=,.@_-]{1,64}";
    let role_arn = || "arn:aws:iam::123456789012:role/path/app".parse().unwrap();
    let user = "arn:aws:iam::123456789012:user/one";
    prop_oneof![
        Just((PrincipalKind::Root, "arn:aws:iam::123456789012:root")),
        text.prop_map(move |name| (PrincipalKind::User { name }, user)),
        (text, text, text).prop_map(move |(role, role_id, session_name)| {
            let kind = PrincipalKind::AssumedRole { role, role_id, role_arn: role_arn(), session_name };
            (kind, "arn:aws:sts::123456789012:assumed-role/app/me")
        }),
        (text, text).prop_map(move |(name, by_id)| {
            let kind = PrincipalKind::FederatedUser { name, by: user.parse().unwrap(), by_id };
            (kind, "arn:aws:sts::123456789012:federated-user/one")
        }),
    ]
}

prop_compose! {
    fn sessions()(
        life_secs in 1_i64..129_600,
        mfa_authenticated: Option<bool>,
        tags in prop::collection::btree_map("\\PC{1,20}", "\\PC{0,20}", 0..8),
        transitive in prop::collection::btree_set("\\PC{1,20}", 0..4),
        source_identity in prop::option::of("[a-z]{2,64}"),
        policies in prop::collection::vec("\\PC{0,100}", 0..3),
        policy_arns in prop::collection::vec("[a-z:/]{20,60}", 0..10),
        is_chained: bool,
        federated_provider in prop::option::of("[a-z]{2,64}"),
        source_instance_arn in prop::option::of("[a-z]{2,64}"),
    ) -> Session {
        Session {
            mfa_authenticated,
            tags: tags.into_iter().map(|(key, value)| Tag { key, value }).collect(),
            transitive_tag_keys: transitive,
            source_identity,
            policies,
            policy_arns,
            is_chained,
            federated_provider,
            source_instance_arn,
            ..lasting(life_secs)
        }
    }
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened((kind, arn) in kinds(), session in sessions(), seed: u128) {
        let tokens = Tokens::with_key(&[7; 32]);
        let mut bits = counting();
        let new = NewSession {
            account: account(),
            kind,
            arn: arn.parse().unwrap(),
            user_id: "AROA:me".to_owned(),
            session,
        };
        let made = tokens.seal(new.clone(), &mut || bits() ^ seed).unwrap();
        let (secret, principal) = tokens.open(&made.access_key_id, &made.token, NOW).unwrap();
        prop_assert_eq!(&secret, &made.secret);
        prop_assert_eq!(principal.access_key_id, made.access_key_id);
        let session = (*principal.session.unwrap()).clone();
        let (account, kind, arn, user_id) = (principal.account, principal.kind, principal.arn, principal.user_id);
        prop_assert_eq!(made.expires, session.expires);
        prop_assert_eq!(NewSession { account, kind, arn, user_id, session }, new);
        prop_assert!(!made.token.contains(&secret));
    }

    #[test]
    fn what_was_changed_is_refused(at: prop::sample::Index, flip in 1_u8..=255, is_message: bool) {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
        let tokens = Tokens::with_key(&[7; 32]);
        let change = |mut bytes: Vec<u8>| {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            bytes
        };
        if is_message {
            let sealed = tokens.seal_message(account(), "{\"allowed\":false}", &mut counting());
            let changed = URL_SAFE_NO_PAD.encode(change(URL_SAFE_NO_PAD.decode(sealed).unwrap()));
            prop_assert_eq!(tokens.open_message(account(), &changed), Err(InvalidMessage));
        } else {
            let made = tokens.seal(role_session(lasting(900)), &mut counting()).unwrap();
            let changed = STANDARD.encode(change(STANDARD.decode(&made.token).unwrap()));
            prop_assert_eq!(tokens.open(&made.access_key_id, &changed, NOW), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn any_text_is_read(text in "\\PC{0,200}") {
        let tokens = Tokens::with_key(&[7; 32]);
        prop_assert_eq!(tokens.open("ASIAEXAMPLE", &text, NOW), Err(TokenError::Invalid));
        prop_assert_eq!(tokens.open_message(account(), &text), Err(InvalidMessage));
    }

    #[test]
    fn messages_come_back(message in "\\PC{0,2000}", seed: u128) {
        let tokens = Tokens::with_key(&[7; 32]);
        let sealed = tokens.seal_message(account(), &message, &mut || seed);
        prop_assert_eq!(tokens.open_message(account(), &sealed), Ok(message));
        let other = "999999999999".parse().unwrap();
        prop_assert_eq!(tokens.open_message(other, &sealed), Err(InvalidMessage));
    }
}

#[test]
fn a_token_is_for_its_key_in_its_cloud_in_its_time() {
    let tokens = Tokens::with_key(&[7; 32]);
    let mut bits = counting();
    let one = tokens.seal(role_session(lasting(900)), &mut bits).unwrap();
    let other = tokens.seal(role_session(lasting(900)), &mut bits).unwrap();
    assert_ne!((&one.access_key_id, &one.token), (&other.access_key_id, &other.token));
    assert_eq!(account_of(&one.access_key_id), Some(account()));
    let open =
        |key: &str, token: &str, secs: i64| tokens.open(key, token, NOW.plus_millis(secs * 1000)).map(drop);
    assert_eq!(open(&one.access_key_id, &one.token, 899), Ok(()));
    assert_eq!(open(&one.access_key_id, &one.token, 900), Err(TokenError::Expired));
    assert_eq!(open(&one.access_key_id, &other.token, 0), Err(TokenError::Invalid));
    // A message is no token, nor the other way round.
    let message = tokens.seal_message(account(), "{}", &mut bits);
    assert_eq!(open(&one.access_key_id, &message, 0), Err(TokenError::Invalid));
    assert_eq!(tokens.open_message(account(), &one.token), Err(InvalidMessage));
    let elsewhere = Tokens::with_key(&[8; 32]);
    assert_eq!(elsewhere.open(&one.access_key_id, &one.token, NOW), Err(TokenError::Invalid));
}

#[test]
fn the_key_is_made_once() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let open = |seed: u128| Tokens::of_store(&store, Partition::Aws, &mut || seed).unwrap();
    let made = open(1).seal(role_session(lasting(900)), &mut counting()).unwrap();
    assert!(open(2).open(&made.access_key_id, &made.token, NOW).is_ok());
    assert_eq!(format!("{:?}", open(3)), "Tokens { .. }");
    assert!(!format!("{made:?}").contains(&made.secret));
}

#[test]
fn policies_and_tags_have_a_limit_once_they_are_packed() {
    let tokens = Tokens::with_key(&[7; 32]);
    let mut random = counting();
    let seal = |session| tokens.seal(role_session(session), &mut counting());
    assert_eq!(seal(lasting(900)).unwrap().packed_percent, None);
    let repeated = Session { policies: vec!["a".repeat(2048)], ..lasting(900) };
    assert_eq!(seal(repeated).unwrap().packed_percent, Some(2));
    let mut noise = |count: usize| -> String { (0..count).map(|_| format!("{:032x}", random())).collect() };
    let fitting = Session { policies: vec![noise(100)], ..lasting(900) };
    let percent = seal(fitting).unwrap().packed_percent.unwrap();
    assert!((50..=100).contains(&percent), "{percent}");
    let large = Session { policies: vec![noise(200)], ..lasting(900) };
    let percent = seal(large).unwrap_err().percent;
    assert!(percent > 100, "{percent}");
}

/// A daemon that is replaced by a newer one leaves sessions behind. Where this fails, the form of what is sealed has changed:
/// give `envelope::VERSION` the next number, so that an older token is refused and not misread, and put
/// here what `seal` makes of this session.
#[test]
fn a_token_of_before_is_opened() {
    const ACCESS_KEY_ID: &str = "ASIARZPUZDIKMBOO3SBV";
    const TOKEN: &str = concat!(
        "AhcVYJ98dGxtwg/B4UiTcff4GzkMgaBmzJKTuWcjlMxgjXznzRWhaNMfB+YipAv3zBOEFMvqwHrcsYAV90CgaIWsbUpA+HN1",
        "oIMDL8ngOYEgd3HlAyD1x7fCcwr0hjkjyiBNu1tce3fL6zdpTr5gDPzBi1w8jGuqNLIdGl4YM+1fsLJcBH8RaixiZdL53EhP",
        "QrM6bYLU37Plg4tAdVth/lDqaTKesmZp7AcAJBX37hX3yluiFSMWbXGEXSIYbmFTRtCnG2f5UI7/fk1dCaiwUjb6XstP3qmR",
        "axhFDX9jzkooM0uYaklO818UrfWM2bnx1BgTURHtcJhq/oKwFmB1VkIC4fxAIFyTFq/gAWGVCY4k8jufGPIe8FJYwvDFxCwB",
        "wt550OtqeVF9wGDbGXM+dDouyjKvOPUCOMB+B6vkt+lf7ICfx2bG7wyT6qAwPhHQwF8q2lIOjJxGHC4/BdnMYY6ttDdNWOD6",
        "kraH6JPGbGXBxAP6b/goOjIq/NnVPEM=",
    );
    let session = Session {
        mfa_authenticated: Some(true),
        tags: [Tag { key: "team".to_owned(), value: "red".to_owned() }].into_iter().collect(),
        transitive_tag_keys: ["team".to_owned()].into(),
        source_identity: Some("somebody".to_owned()),
        policies: vec!["{}".to_owned()],
        policy_arns: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()],
        is_chained: true,
        federated_provider: Some("accounts.google.com".to_owned()),
        federated_keys: [("saml:sub".to_owned(), "ann".to_owned())].into(),
        source_instance_arn: Some("arn:aws:ec2:us-east-1:123456789012:instance/i-1".to_owned()),
        ..lasting(900)
    };
    let tokens = Tokens::with_key(&[7; 32]);
    let (_, principal) = tokens.open(ACCESS_KEY_ID, TOKEN, NOW).unwrap();
    assert_eq!(principal.session.as_deref(), Some(&session));
    assert_eq!(principal.kind, role_session(session).kind);
    // That of an older form is not read as one of this.
    let older = TOKEN.replacen("AhcV", "ARcV", 1);
    assert_eq!(tokens.open(ACCESS_KEY_ID, &older, NOW), Err(TokenError::Invalid));
}
