//! `ledger retention`, `ledger hold` and `ledger erase`: how long entries are kept, what holds them, and taking the
//! names out of them.

use crate::cli::{self, LegalHold};
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use api::Client;
use api::ledgers::{
    Erase, EraseRequest, Erased, Hold, LiftHold, LiftHoldRequest, PlaceHold, PlaceHoldRequest, Retention,
    SetRetention, SetRetentionRequest, ShowRetention, Still,
};
use api::operation::Nothing;

impl Show for Retention {
    fn table(&self) -> String {
        let source = if self.set { "" } else { " (unless set otherwise)" };
        let mut lines = vec![
            ("kept for", Some(format!("{} days{source}", self.days))),
            ("still kept for", self.still.as_ref().map(still)),
            ("kept from entry", Some(self.minimum.to_string())),
        ];
        lines.extend(self.holds.iter().map(|hold| ("legal hold", Some(described(hold)))));
        facts(lines)
    }
}

impl Show for Hold {
    fn table(&self) -> String {
        facts([("legal hold", Some(described(self)))])
    }
}

impl Show for Erased {
    fn table(&self) -> String {
        facts([
            ("erased", Some(format!("the details of {} entries", self.erased))),
            ("on record as entry", Some(self.entry.to_string())),
            ("searched", self.covered.map(|covered| format!("{covered} entries"))),
        ])
    }
}

fn described(hold: &Hold) -> String {
    format!("{} since {}: {}", hold.id, hold.placed_at, hold.reason)
}

fn still(still: &Still) -> String {
    format!("{} days, until {}", still.days, still.until)
}

/// Runs `ledger retention`.
pub(super) async fn retention(
    client: &Client,
    output: Output,
    command: cli::LedgerRetention,
) -> Result<(), Failure> {
    let kept = match command {
        cli::LedgerRetention::Show => client.call::<ShowRetention>(&Nothing {}).await?,
        cli::LedgerRetention::Set { days } => {
            client.call::<SetRetention>(&SetRetentionRequest { days }).await?
        }
    };
    output.show(&kept)
}

/// Runs `ledger hold`.
pub(super) async fn hold(client: &Client, output: Output, command: LegalHold) -> Result<(), Failure> {
    match command {
        LegalHold::Place { reason } => {
            output.show(&client.call::<PlaceHold>(&PlaceHoldRequest { reason }).await?)
        }
        LegalHold::Lift { hold } => output.show(&client.call::<LiftHold>(&LiftHoldRequest { hold }).await?),
    }
}

/// Runs `ledger erase`.
pub(super) async fn erase(client: &Client, output: Output, command: cli::LedgerErase) -> Result<(), Failure> {
    let cli::LedgerErase { entries, actor, identity, object, reason } = command;
    let request = EraseRequest { entries, actor, identity, object, reason };
    let erased = client.call::<Erase>(&request).await?;
    output.show(&erased)?;
    if !erased.complete {
        output.say("somebody reads an older state: the bytes leave the database's files in a moment");
    }
    if erased.earlier > 0 {
        output.say(&format!(
            "{} of them are entries of earlier logs: that is on record in the log in use, by their origin",
            erased.earlier
        ));
    }
    Ok(())
}
