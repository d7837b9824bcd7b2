//! `identities`.

use super::{next, page};
use crate::cli::Identities;
use crate::failure::Failure;
use crate::output::{Output, Show, facts, rows};
use api::identities::{
    Identity, List, ListRequest, Protect, Quarantine, QuarantineRequest, Release, ReleaseRequest,
    ShowRequest, StandingState, Unprotect,
};
use api::{Client, Page};

impl Show for Identity {
    fn table(&self) -> String {
        let yes = |flag: bool| Some(if flag { "yes" } else { "no" }.to_owned());
        facts([
            ("identity", Some(self.id.to_string())),
            ("name", Some(self.name.clone())),
            ("native", Some(self.native.clone())),
            ("kind", Some(format!("{} {}", self.provider, self.kind))),
            ("person", yes(self.person)),
            ("owner", self.owner.map(|owner| owner.to_string())),
            ("protected", yes(self.protected)),
            ("standing", Some(self.standing.as_str().to_owned())),
            ("since", self.quarantined.map(|since| since.to_string())),
            ("for", self.finding.map(|finding| finding.to_string())),
            ("first seen", Some(self.first_seen.to_string())),
            ("last seen", Some(self.last_seen.to_string())),
        ])
    }
}

impl Show for Page<Identity> {
    fn table(&self) -> String {
        rows(
            ["identity", "name", "kind", "standing", "last seen"],
            self.items.iter().map(|identity| {
                let kind = if identity.person {
                    format!("{} (person)", identity.kind)
                } else {
                    identity.kind.clone()
                };
                [
                    identity.id.to_string(),
                    identity.name.clone(),
                    kind,
                    identity.standing.as_str().to_owned(),
                    identity.last_seen.to_string(),
                ]
            }),
        )
    }
}

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, command: Identities) -> Result<(), Failure> {
    let identity = match command {
        Identities::Ls { quarantined, paging } => {
            let (limit, after) = page(paging);
            let standing = quarantined.then_some(StandingState::Quarantined);
            let listed = client.call::<List>(&ListRequest { standing, limit, after }).await?;
            output.show(&listed)?;
            next(output, listed.next.as_deref());
            return Ok(());
        }
        Identities::Show { identity } => {
            client.call::<api::identities::Show>(&ShowRequest { identity }).await?
        }
        Identities::Quarantine { identity, finding } => {
            client.call::<Quarantine>(&QuarantineRequest { identity, finding }).await?
        }
        Identities::Release { identity, reason } => {
            client.call::<Release>(&ReleaseRequest { identity, reason }).await?
        }
        Identities::Protect { identity } => client.call::<Protect>(&ShowRequest { identity }).await?,
        Identities::Unprotect { identity } => client.call::<Unprotect>(&ShowRequest { identity }).await?,
    };
    output.show(&identity)
}
