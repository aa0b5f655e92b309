//! The evaluator against a second one, on random policies and requests.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod naive;

use std::collections::HashMap;

use cases::{Case, Language};
use iam_policy::{Effect, PolicyRole, Reason, evaluate, explain};

/// How many cases CI plays; `BRUME_POLICIES` says another number.
const CASES: u64 = 5_000;

fn cases() -> u64 {
    std::env::var("BRUME_POLICIES").ok().map_or(CASES, |text| text.parse().unwrap())
}

/// Every way in which a request can end, so that none is forgotten by the generator.
fn all_reasons() -> Vec<Reason> {
    use PolicyRole::{
        Boundary, Endpoint, Identity, Resource, ResourceControl, ServiceControl, Session, Trust,
    };
    let roles = [Identity, Boundary, Session, Resource, Trust, ServiceControl, ResourceControl, Endpoint];
    let mut all = vec![Reason::AllowedAsRoot];
    all.extend([Identity, Resource, Trust].map(Reason::AllowedBy));
    all.extend(roles.map(Reason::ExplicitDeny));
    all.extend(roles.map(Reason::NoAllow));
    all
}

#[test]
fn both_evaluators_agree() {
    let mut seen: HashMap<Reason, u64> = HashMap::new();
    for seed in 0..cases() {
        let case = Case::new(seed, Language::Whole);
        let (policies, request) = (case.policies(), case.request());
        let decision = evaluate(&policies, &request);
        let expected = naive::evaluate(&policies, &request);
        assert_eq!((decision.effect, decision.reason), expected, "{}", case.describe());
        *seen.entry(decision.reason).or_default() += 1;

        // The statement that is named decided.
        if let Some(statement) = &decision.statement {
            let all = [&policies.identity[..], policies.boundary.as_slice(), policies.resource.as_slice()]
                .into_iter()
                .chain(policies.session.as_deref())
                .chain(policies.service_control.iter().chain(&policies.resource_control).map(Vec::as_slice))
                .chain([policies.endpoint.as_slice()]);
            let policy = all.flatten().find(|attached| attached.name == statement.policy).unwrap();
            let effect = naive::applies(policy.policy.text(), statement.index, &policies, &request);
            assert_eq!(effect, Some(decision.effect), "{:?} {}", statement, case.describe());
        } else {
            let none = matches!(decision.reason, Reason::NoAllow(_) | Reason::AllowedAsRoot);
            assert!(none, "{decision:?} {}", case.describe());
        }

        // An explanation is of the same decision, and says what to do about it.
        let explanation = explain(&policies, &request);
        assert_eq!(explanation.decision, decision, "{}", case.describe());
        assert_eq!(explanation.remedies.is_empty(), decision.effect == Effect::Allow, "{}", case.describe());
    }
    for reason in all_reasons() {
        assert!(
            seen.get(&reason).is_some_and(|count| *count * 2_000 >= cases()),
            "{reason:?} is rare: {seen:?}"
        );
    }
    let allowed: u64 =
        seen.iter().filter(|(reason, _)| reason.effect() == Effect::Allow).map(|(_, count)| count).sum();
    eprintln!("{} cases, {allowed} allowed, {} reasons", cases(), seen.len());
}
