//! `brume why-denied`: how a denial was decided, and what would have to change.
//!
//! Owns the picture. Refuses to know how it is decided: the daemon tells.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use iam_policy::{
    ConsideredPolicy, Effect, Explanation, FailedCondition, PolicyRole, Reason, Remedy, StatementResult,
};
use node::{Denial, ServiceRefusal, WhyDenied};

use crate::account::running;
use crate::args::WhyDeniedOptions;
use crate::net::{Style, printable};

/// How much of a value is shown. Requests bring condition keys of many kilobytes, and policies repeat them.
const SHOWN_CHARS_MAX: usize = 400;

/// No such denial is remembered.
const UNKNOWN: u8 = 3;

/// Asks and shows.
pub(crate) fn run(options: &WhyDeniedOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume why-denied`", &options.data_dir)?;
    let told = node::why_denied(&run_dir, options.request_id.as_deref(), options.account);
    let Some(told) = told.context("the daemon does not tell")? else {
        let what = match (&options.request_id, options.account) {
            (Some(id), _) => format!("the request {id} is not among the latest denials"),
            (None, Some(account)) => format!("nothing of account {account} was denied lately"),
            (None, None) => "nothing was denied lately".to_owned(),
        };
        eprintln!(
            "brume: {what}; the daemon remembers the newest {} since it started. `brume events --errors` lists what came before",
            node::DENIALS_KEPT
        );
        return Ok(ExitCode::from(UNKNOWN));
    };
    if options.json {
        println!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(ExitCode::SUCCESS);
    }
    match told {
        WhyDenied::ByPolicies(denial) => print!("{}", picture(&denial, options.all, Style::of_output())),
        WhyDenied::ByService(refusal) => print!("{}", by_service(&refusal)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A request that its service refused: what it said is all that there is to tell.
fn by_service(refusal: &ServiceRefusal) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("request", format!("{} at {}", refusal.request_id, refusal.at)),
        ("who", refusal.principal.clone()),
        ("asked for", format!("{} in {}", refusal.operation, refusal.region)),
        ("refused", format!("{}: {}", refusal.code, refusal.message)),
    ] {
        let _ = writeln!(text, "{name:<12} {}", printable(&value));
    }
    text.push_str(
        "\nNo policy decided this: the service refuses it by itself, whatever policies allow.\nIts message says why.\n",
    );
    text
}

/// What stands in a request or a policy, as far as a person reads it; `--json` has all of it.
fn brief(text: &str) -> String {
    let shown = printable(text);
    match shown.char_indices().nth(SHOWN_CHARS_MAX) {
        None => shown,
        Some((end, _)) => format!("{}… ({} characters)", &shown[..end], shown.chars().count()),
    }
}

fn picture(denial: &Denial, all: bool, style: Style) -> String {
    let mut text = String::new();
    let explanation = &denial.explanation;
    let rows = [
        ("request", format!("{} at {}", denial.request_id, denial.at)),
        ("who", denial.principal.clone()),
        ("asked for", format!("{} in {}", denial.operation, denial.region)),
        ("which needs", denial.action.clone()),
        (
            "on",
            if denial.resource == "*" {
                "no resource in particular".to_owned()
            } else {
                denial.resource.clone()
            },
        ),
        ("denied", reason(explanation.decision.reason)),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<12} {}", brief(&value));
    }
    text.push('\n');
    text.push_str(&style.heading("policies that have a say"));
    if explanation.policies.is_empty() {
        text.push_str("  none\n");
    }
    for policy in &explanation.policies {
        text.push_str(&considered(denial, policy, all));
    }
    text.push('\n');
    text.push_str(&style.heading("what would have to change"));
    for remedy in &explanation.remedies {
        text.push_str(&change(denial, remedy));
    }
    if all {
        text.push('\n');
        text.push_str(&style.heading("condition keys of the request"));
        for (key, values) in &denial.context {
            let _ = writeln!(text, "  {:<32} {}", brief(key), brief(&values.join(", ")));
        }
    }
    text
}

fn considered(denial: &Denial, policy: &ConsideredPolicy, all: bool) -> String {
    let mut text = String::new();
    let says = match policy.says {
        Some(Effect::Allow) => "allows",
        Some(Effect::Deny) => "denies",
        None => "says nothing",
    };
    let kind = role(policy.role);
    let _ = writeln!(text, "  {kind}: {} {says}", brief(&policy.name));
    let _ = writeln!(text, "      on {}", brief(&policy.owner));
    // Of a policy with many statements, those that are about other actions are of no interest.
    let is_near = |result: &StatementResult| !matches!(result, StatementResult::OtherAction);
    let shown = policy.statements.iter().filter(|statement| all || is_near(&statement.result));
    for statement in shown {
        let sid = statement.sid.as_deref().map(|sid| format!(" {}", brief(sid))).unwrap_or_default();
        let effect = match statement.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        let _ = writeln!(
            text,
            "      statement {}{sid} ({effect}): {}",
            statement.index + 1,
            result(denial, &statement.result)
        );
    }
    text
}

fn result(denial: &Denial, result: &StatementResult) -> String {
    match result {
        StatementResult::Applies(_) => "is about this request".to_owned(),
        StatementResult::OtherPrincipal => "is about other principals".to_owned(),
        StatementResult::OtherAction => "is about other actions".to_owned(),
        StatementResult::OtherResource { unresolved } if unresolved.is_empty() => {
            "is about other resources".to_owned()
        }
        StatementResult::OtherResource { unresolved } => {
            format!("is about other resources: the request has no {}", brief(&unresolved.join(", ")))
        }
        StatementResult::Conditions(failed) => {
            failed.iter().map(|failed| condition(denial, failed)).collect::<Vec<_>>().join("; ")
        }
    }
}

fn condition(denial: &Denial, failed: &FailedCondition) -> String {
    let FailedCondition { operator, key, policy_values } = failed;
    let held = denial.context.iter().filter(|(held, _)| held.eq_ignore_ascii_case(key));
    let values: Vec<&str> = held.flat_map(|(_, values)| values).map(String::as_str).collect();
    let found = if values.is_empty() { "nothing".to_owned() } else { values.join(", ") };
    brief(&format!("{operator} of {key} wants {}, and the request has {found}", policy_values.join(" or ")))
}

fn change(denial: &Denial, remedy: &Remedy) -> String {
    let explanation = &denial.explanation;
    let mut text = String::new();
    match remedy {
        Remedy::StopDenying { policy, owner, index, sid, .. } => {
            let sid = sid.as_deref().map(|sid| format!(" ({sid})")).unwrap_or_default();
            let line = format!("  statement {}{sid} of {policy} on {owner} must not deny it", index + 1);
            let _ = writeln!(text, "{}", brief(&line));
        }
        Remedy::Allow { role: kind, level, nearly } => {
            let where_at = match level {
                Some(0) => " at the organization's root".to_owned(),
                Some(level) => format!(" {level} below the organization's root"),
                None => String::new(),
            };
            let Explanation { action, resource, .. } = explanation;
            let line = format!("  {}{where_at} must allow {action} on {resource}", a(*kind));
            let _ = writeln!(text, "{}", brief(&line));
            for (policy, statement) in nearly.iter().filter_map(|near| explanation.nearly(*near)) {
                let _ = writeln!(
                    text,
                    "      statement {} of {} would, but: {}",
                    statement.index + 1,
                    brief(&policy.name),
                    result(denial, &statement.result)
                );
            }
        }
    }
    text
}

/// Why, in the words of AWS's messages.
fn reason(reason: Reason) -> String {
    match reason {
        Reason::AllowedAsRoot | Reason::AllowedBy(_) => "it was not".to_owned(),
        Reason::ExplicitDeny(kind) => format!("{} denies it", a(kind)),
        Reason::NoAllow(kind) => format!("no {} allows it", role(kind)),
    }
}

/// The kind of policy with its article.
fn a(kind: PolicyRole) -> String {
    let article = if kind == PolicyRole::Identity { "an" } else { "a" };
    format!("{article} {}", role(kind))
}

fn role(role: PolicyRole) -> &'static str {
    match role {
        PolicyRole::Identity => "identity-based policy",
        PolicyRole::Boundary => "permissions boundary",
        PolicyRole::Session => "session policy",
        PolicyRole::Resource => "resource-based policy",
        PolicyRole::Trust => "role trust policy",
        PolicyRole::ServiceControl => "service control policy",
        PolicyRole::ResourceControl => "resource control policy",
        PolicyRole::Endpoint => "VPC endpoint policy",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use iam_policy::{Attached, Caller, Context, Policies, Policy, PolicyKind, Request, explain};

    use super::*;

    fn denial(text: &str, region: &'static str) -> Denial {
        let policy = Policy::parse(text, PolicyKind::Identity).unwrap();
        let caller = Caller::User {
            account: "111122223333".parse().unwrap(),
            arn: "arn:aws:iam::111122223333:user/ann".parse().unwrap(),
        };
        let mut context = Context::new();
        context.set("aws:RequestedRegion", region);
        let policies = Policies {
            identity: vec![Attached {
                name: "frankfurt",
                owner: "arn:aws:iam::111122223333:user/ann",
                policy: &policy,
            }],
            ..Policies::default()
        };
        let request =
            Request { caller: &caller, action: "ec2:RunInstances", resource: "*", context: &context };
        Denial {
            request_id: "r-1".to_owned(),
            at: aws_types::Timestamp::from_unix_secs(0),
            account: "111122223333".parse().unwrap(),
            principal: "arn:aws:iam::111122223333:user/ann".to_owned(),
            region: region.to_owned(),
            operation: "ec2:RunInstances".to_owned(),
            action: "ec2:RunInstances".to_owned(),
            resource: "*".to_owned(),
            message: String::new(),
            context: vec![("aws:RequestedRegion".to_owned(), vec![region.to_owned()])],
            explanation: explain(&policies, &request),
        }
    }

    #[test]
    fn what_nearly_allowed_is_named_with_the_values_of_both_sides() {
        let text = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"},
            {"Sid":"Here","Effect":"Allow","Action":"ec2:RunInstances","Resource":"*",
             "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-central-1"}}}]}"#;
        let shown = picture(&denial(text, "us-east-1"), false, Style { is_bold: false });
        for expected in [
            "who          arn:aws:iam::111122223333:user/ann",
            "asked for    ec2:RunInstances in us-east-1",
            "denied       no identity-based policy allows it",
            "identity-based policy: frankfurt says nothing",
            "statement 2 Here (Allow): StringEquals of aws:RequestedRegion wants eu-central-1, and the request has us-east-1",
            "an identity-based policy must allow ec2:RunInstances on *",
        ] {
            assert!(shown.contains(expected), "{expected} in:\n{shown}");
        }
        assert!(!shown.contains("other actions") && !shown.contains("condition keys"), "{shown}");
        let all = picture(&denial(text, "us-east-1"), true, Style { is_bold: false });
        assert!(
            all.contains("statement 1 (Allow): is about other actions") && all.contains("condition keys"),
            "{all}"
        );
    }

    /// Whoever sends a request chooses what is in it, and the terminal of who looks at it does what it says.
    #[test]
    fn nothing_that_a_request_brings_is_said_to_the_terminal() {
        const EVIL: &str = "\u{1b}]0;owned\u{7}\u{9b}2J\nwho          root\u{202e}";
        let text = r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"Here","Effect":"Allow","Action":"ec2:RunInstances","Resource":"*",
             "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-central-1"}}}]}"#;
        let mut told = denial(text, "us-east-1");
        told.context = vec![("aws:RequestedRegion".to_owned(), vec![EVIL.to_owned()])];
        let policy = &mut told.explanation.policies[0];
        policy.statements[0].sid = Some(EVIL.to_owned());
        for field in [
            &mut policy.name,
            &mut policy.owner,
            &mut told.request_id,
            &mut told.principal,
            &mut told.resource,
            &mut told.operation,
            &mut told.action,
            &mut told.explanation.resource,
        ] {
            field.push_str(EVIL);
        }
        let lines = picture(&denial(text, "us-east-1"), true, Style { is_bold: false }).lines().count();
        let shown = picture(&told, true, Style { is_bold: false });
        assert!(!shown.contains(['\u{1b}', '\u{9b}', '\u{7}', '\u{202e}']), "{shown:?}");
        assert_eq!(shown.lines().count(), lines, "{shown}");
    }

    #[test]
    fn a_statement_that_denies_is_what_has_to_change() {
        let text = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"*","Resource":"*"},
            {"Sid":"No","Effect":"Deny","Action":"ec2:Run*","Resource":"*"}]}"#;
        let shown = picture(&denial(text, "us-east-1"), false, Style { is_bold: false });
        let expected = "statement 2 (No) of frankfurt on arn:aws:iam::111122223333:user/ann must not deny it";
        assert!(
            shown.contains("denied       an identity-based policy denies it") && shown.contains(expected),
            "{shown}"
        );
    }

    #[test]
    fn what_a_service_refused_is_told_as_that() {
        let refusal = ServiceRefusal {
            request_id: "id-1".to_owned(),
            at: aws_types::Timestamp::from_unix_secs(0),
            account: "123456789012".parse().unwrap(),
            principal: "arn:aws:iam::123456789012:root".to_owned(),
            region: "us-east-1".to_owned(),
            operation: "organizations:ListRoots".to_owned(),
            code: "AccessDeniedException".to_owned(),
            message: "You don't have permissions\u{1b}[31m to access this resource.".to_owned(),
        };
        let shown = by_service(&refusal);
        assert!(shown.contains("asked for    organizations:ListRoots in us-east-1\n"), "{shown}");
        assert!(
            shown.contains("refused      AccessDeniedException: You don't have permissions [31m"),
            "{shown}"
        );
        assert!(shown.contains("No policy decided this"), "{shown}");
    }
}
