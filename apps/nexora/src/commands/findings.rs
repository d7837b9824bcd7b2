//! `findings`.

use super::{next, page};
use crate::cli::Findings;
use crate::failure::Failure;
use crate::output::{Output, Show, escaped, facts, rows};
use api::findings::{Finding, List, ListRequest, ShowRequest, Shown};
use api::identities::StandingState;
use api::{Client, Page};
use serde::Serialize;
use std::fmt::Write as _;

impl Show for Page<Finding> {
    fn table(&self) -> String {
        rows(
            ["finding", "severity", "count", "principal", "title", "response"],
            self.items.iter().map(|finding| {
                let response = finding.response.as_ref().map_or("-", |response| response.decision.as_str());
                [
                    finding.id.to_string(),
                    finding.severity.to_string(),
                    finding.count.to_string(),
                    finding.principal.clone(),
                    finding.title.clone(),
                    response.to_owned(),
                ]
            }),
        )
    }
}

/// A finding in full, with what to do about it.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    shown: Shown,
    /// The command that undoes what was done, or does what was proposed.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

impl Show for Told {
    fn table(&self) -> String {
        let Self { shown, command } = self;
        let finding = &shown.finding;
        let listed = |tags: &[String]| (!tags.is_empty()).then(|| tags.join(" "));
        let response =
            finding.response.as_ref().map(|response| format!("{} ({})", response.decision, response.reason));
        let mut out = facts([
            ("finding", Some(finding.id.to_string())),
            ("title", Some(finding.title.clone())),
            ("severity", Some(format!("{} ({} of 100)", finding.severity, finding.score))),
            ("detector", Some(format!("{} {}", finding.detector, finding.rule))),
            ("attack", listed(&finding.attack)),
            ("owasp", listed(&finding.owasp)),
            ("principal", Some(finding.principal.clone())),
            ("identity", finding.identity.map(|identity| identity.to_string())),
            ("standing", shown.standing.map(|standing| standing.as_str().to_owned())),
            ("response", response),
            ("first seen", Some(finding.first_seen.to_string())),
            ("last seen", Some(finding.last_seen.to_string())),
            ("activities", Some(finding.count.to_string())),
        ]);
        section(&mut out, "Why", finding.reasons.iter().map(|reason| format!("- {reason}")));
        if let Some(text) = &shown.rule_text {
            section(&mut out, "Rule", text.lines().map(str::to_owned));
        }
        section(&mut out, "Events as kept", shown.events.iter().map(|event| event.get().to_owned()));
        if let Some(command) = command {
            section(&mut out, "What to do", [command.clone()]);
        }
        out
    }
}

fn section(out: &mut String, head: &str, lines: impl IntoIterator<Item = String>) {
    let _ = writeln!(out, "\n{head}");
    for line in lines {
        let _ = writeln!(out, "  {}", escaped(&line, false));
    }
}

/// The command that undoes what was done, or does what was proposed.
fn remedy(shown: &Shown) -> Option<String> {
    let identity = shown.finding.identity?;
    match shown.standing? {
        StandingState::Quarantined => Some(format!("nexora identities release {identity}")),
        StandingState::Good => {
            let proposed =
                shown.finding.response.as_ref().is_some_and(|response| response.decision == "proposed");
            let finding = shown.finding.id;
            proposed.then(|| format!("nexora identities quarantine {identity} --finding {finding}"))
        }
    }
}

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, command: Findings) -> Result<(), Failure> {
    match command {
        Findings::Ls { severity, identity, paging } => {
            let (limit, after) = page(paging);
            let listed = client.call::<List>(&ListRequest { severity, identity, limit, after }).await?;
            output.show(&listed)?;
            next(output, listed.next.as_deref());
        }
        Findings::Show { finding } => {
            let shown = client.call::<api::findings::Show>(&ShowRequest { finding }).await?;
            let command = remedy(&shown);
            output.show(&Told { shown, command })?;
        }
    }
    Ok(())
}
