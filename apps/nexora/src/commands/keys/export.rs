//! `keys export`: a dataset's public key, or a secret key sealed to a recipient.

use super::{public_key, text};
use crate::cli::Export;
use crate::commands::care::goes_on;
use crate::commands::place::Sink;
use crate::failure::Failure;
use crate::output::{Output, Show, facts, rows};
use api::datasets::{DatasetRequest, PublicKey};
use api::keys::{
    ApprovalRequest, ApproveExport, ExportOnRecord, ExportRequest, Exports, FetchExport, SealedExport,
};
use api::operation::Nothing;
use api::{Client, Page};

impl Show for ExportOnRecord {
    fn table(&self) -> String {
        facts([
            ("request", Some(self.id.to_string())),
            ("key", Some(self.key.to_string())),
            ("recipient", Some(format!("the holder of the key with SHA-256 {}", self.recipient))),
            ("asked by", Some(self.requested_by.to_string())),
            ("asked", Some(self.requested.to_string())),
            ("expires", Some(self.expires.to_string())),
            ("approved by", self.approved_by.map(|person| person.to_string())),
        ])
    }
}

impl Show for Page<ExportOnRecord> {
    fn table(&self) -> String {
        rows(
            ["request", "key", "recipient", "asked by", "expires", "approved by"],
            self.items.iter().map(|request| {
                [
                    request.id.to_string(),
                    request.key.to_string(),
                    request.recipient.clone(),
                    request.requested_by.to_string(),
                    request.expires.to_string(),
                    request.approved_by.map_or_else(|| "-".to_owned(), |person| person.to_string()),
                ]
            }),
        )
    }
}

/// Runs the command.
pub(super) async fn run(client: &Client, output: Output, export: Export) -> Result<(), Failure> {
    if let (Some(key), Some(to)) = (export.key, &export.to) {
        let recipient = public_key(&text(to)?);
        let what = format!("ask to export {key} as a Tink keyset that the holder of {} opens", to.display());
        if goes_on(output, export.care, &what)? {
            let request = ExportRequest { key, recipient };
            output.show(&client.call::<api::keys::Export>(&request).await?)?;
            output.say("Another person approves it: nexora keys export --approve REQUEST");
        }
        return Ok(());
    }
    if let Some(approval) = export.approve {
        let what = format!("approve {approval}: a secret key leaves, and stays marked as exported for good");
        if goes_on(output, export.care, &what)? {
            let sealed = client.call::<ApproveExport>(&ApprovalRequest { approval }).await?;
            return keep(output, &export, &sealed);
        }
        return Ok(());
    }
    if let Some(approval) = export.fetch {
        let sealed = client.call::<FetchExport>(&ApprovalRequest { approval }).await?;
        return keep(output, &export, &sealed);
    }
    if export.requests {
        return output.show(&client.call::<Exports>(&Nothing {}).await?);
    }
    // The command line lets none through without.
    let dataset = export.dataset.ok_or_else(|| Failure::ours("no dataset"))?;
    output.document(&client.call::<PublicKey>(&DatasetRequest { dataset }).await?.document)
}

/// The sealed document, in the file that was named or on standard output.
fn keep(output: Output, export: &Export, sealed: &SealedExport) -> Result<(), Failure> {
    let Some(out) = &export.out else { return output.document(&sealed.document) };
    let mut sink = Sink::open(out, output, true)?;
    sink.write(&super::written(&sealed.document)?)?;
    sink.finish().map(drop)
}
