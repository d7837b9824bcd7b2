//! `keys reencrypt`: what stands under an old version of a dataset's key is protected anew.

use crate::cli::Reencrypt;
use crate::commands::place::{Sink, Source, Wrote, beside, is_pipe};
use crate::commands::protect::received;
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use crate::progress;
use api::Client;
use api::datasets::{DatasetRequest, ReencryptAll, Reencryption, ReencryptionStatus};
use base::Kind;
use bytes::Bytes;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How often it is asked how far the work is.
const ASK: Duration = Duration::from_millis(250);

impl Show for Reencryption {
    fn table(&self) -> String {
        facts([
            ("protecting anew", Some(self.job.to_string())),
            ("state", Some(self.state.clone())),
            ("outputs", Some(format!("{} of {} done, {} failed", self.done, self.outputs, self.failed))),
            ("rows", Some(self.rows.to_string())),
            ("bytes", Some(format!("{} of {}", self.bytes, self.total_bytes))),
            (
                "elsewhere",
                (self.elsewhere > 0).then(|| {
                    format!(
                        "{} outputs stand where the node cannot write, still under an old version: \
                         nexora datasets outputs NAME --old",
                        self.elsewhere
                    )
                }),
            ),
        ])
    }
}

/// Runs the command.
pub(super) async fn run(client: &Client, output: Output, command: Reencrypt) -> Result<(), Failure> {
    let request = DatasetRequest { dataset: command.dataset.clone() };
    if let (Some(file), Some(out)) = (&command.file, &command.out) {
        return one(client, output, &request, file, out).await;
    }
    if command.status {
        let status = client.call::<ReencryptionStatus>(&request).await?.reencryption;
        let none = || Failure::new(Kind::NotFound, "nobody asked to protect this dataset anew");
        return output.show(&status.ok_or_else(none)?);
    }
    let mut now = client.call::<ReencryptAll>(&request).await?;
    if !command.detach {
        let bar = progress::bytes("protecting anew", now.total_bytes);
        while now.state == "running" {
            bar.set_length(now.total_bytes);
            bar.set_position(now.bytes);
            tokio::time::sleep(ASK).await;
            match client.call::<ReencryptionStatus>(&request).await?.reencryption {
                Some(later) => now = later,
                None => break,
            }
        }
        bar.finish_and_clear();
    }
    output.show(&now)?;
    if now.failed > 0 || now.state == "interrupted" {
        let what =
            format!("{} outputs stand as they were; ask again, it goes on where it stopped", now.failed);
        return Err(Failure::new(Kind::Unavailable, what));
    }
    Ok(())
}

/// One file with its manifest.
async fn one(
    client: &Client,
    output: Output,
    request: &DatasetRequest,
    file: &Path,
    out: &Path,
) -> Result<(), Failure> {
    if is_pipe(file) || is_pipe(out) || file == out {
        let what = "--file and --out name two files, each with its manifest beside it";
        return Err(Failure::new(Kind::BadInput, what));
    }
    let manifest = beside(file);
    let manifest = fs::read(&manifest).map_err(|error| Failure::file(&manifest, &error))?;
    let source = Source::open(file, "protecting anew").await?;
    let bar = source.bar();
    let upload = source.upload().behind([Bytes::from(manifest)]);
    let parts = client.parts::<api::datasets::Reencrypt>(request, upload).await?;
    let (data, signed) = (Sink::open(out, output, true)?, Sink::open(&beside(out), output, true)?);
    let (data, signed) = received(parts, data, signed).await?;
    bar.finish_and_clear();
    Wrote::finish(data, Some(signed), output)
}
