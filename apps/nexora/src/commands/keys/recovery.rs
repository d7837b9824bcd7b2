//! `keys recovery`: the acts of an organization's administrators, and those of a custodian, who needs no server.

use super::{document, written};
use crate::cli::{OpenShare, Passphrase, Recovery, Restore, Setup};
use crate::commands::care::{goes_on, is_so};
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::files::Unfinished;
use crate::output::{Output, Show, facts, rows};
use api::Client;
use api::client::Upload;
use api::operation::Nothing;
use api::recovery::{
    Aim, Approve, ApproveRequest, ApproveSetUp, Begin, BeginRequest, Ceremony, CeremonyRequest, Package,
    RecoveryReply, Restoration, SetUp, SetUpApproval, SetUpOnRecord, SetUpRequest,
};
use base::Kind;
use node::custody::{self, CustodianKey, Invitation, SealedShare};
use serde::Serialize;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::ExitCode;

impl Show for api::recovery::Recovery {
    fn table(&self) -> String {
        let when = self
            .rehearsed
            .map_or_else(|| "never: nexora keys recovery rehearse".to_owned(), |at| at.to_string());
        let package =
            if self.current { "holds every key" } else { "is behind: it is written anew in a moment" };
        facts([
            ("setup", Some(self.setup.to_string())),
            ("shares", Some(format!("{} of {}", self.threshold, self.custodians.len()))),
            ("rehearsed", Some(when)),
            ("package", Some(package.to_owned())),
        ]) + "\n"
            + &rows(
                ["custodian", "name"],
                self.custodians.iter().map(|custodian| [custodian.id.to_string(), custodian.name.clone()]),
            )
    }
}

impl Show for RecoveryReply {
    fn table(&self) -> String {
        let set_up = self
            .recovery
            .as_ref()
            .map_or_else(|| "not set up: nexora keys recovery setup\n".to_owned(), Show::table);
        self.requested.iter().fold(set_up, |said, asked| said + "\n" + &asked.table())
    }
}

impl Show for SetUpOnRecord {
    fn table(&self) -> String {
        facts([
            ("request", Some(self.id.to_string())),
            ("shares", Some(format!("{} of {}", self.threshold, self.custodians.len()))),
            ("custodians", Some(custodians(self).join(", "))),
            ("asked by", Some(self.requested_by.to_string())),
            ("expires", Some(self.expires.to_string())),
        ])
    }
}

impl Show for Ceremony {
    fn table(&self) -> String {
        facts([
            ("ceremony", Some(self.id.to_string())),
            ("state", Some(self.state.clone())),
            ("shares", Some(format!("{} of {} given", self.approved.len(), self.threshold))),
            ("given by", (!self.approved.is_empty()).then(|| self.approved.join(", "))),
            ("expires", Some(self.expires.to_string())),
            ("fingerprint", Some(self.fingerprint.clone())),
        ])
    }
}

impl Show for Restoration {
    fn table(&self) -> String {
        facts([("restored", Some(format!("{} keys", self.keys)))]) + &self.recovery.table()
    }
}

/// A custodian's share that was sealed to a ceremony.
#[derive(Debug, Serialize)]
struct Opened {
    share: String,
    fingerprint: String,
}

impl Show for Opened {
    fn table(&self) -> String {
        facts([
            ("share for the ceremony", Some(self.share.clone())),
            ("fingerprint", Some(self.fingerprint.clone())),
        ])
    }
}

/// Runs what asks a server.
pub(super) async fn run(client: &Client, output: Output, command: Recovery) -> Result<(), Failure> {
    match command {
        Recovery::Setup(setup) => self::setup(client, output, setup).await,
        Recovery::Show => output.show(&client.call::<api::recovery::Show>(&Nothing {}).await?),
        Recovery::Package { out } => package(client, &out).await,
        Recovery::Rehearse { out } => {
            let request = BeginRequest { aim: Aim::Rehearsal };
            begun(output, client.call::<Begin>(&request).await?, &out)
        }
        Recovery::Ceremony { ceremony } => {
            let request = CeremonyRequest { ceremony };
            output.show(&client.call::<api::recovery::ShowCeremony>(&request).await?)
        }
        Recovery::Approve { ceremony, share } => {
            let request = ApproveRequest { ceremony, contribution: document(&share)? };
            output.show(&client.call::<Approve>(&request).await?)
        }
        Recovery::Restore(restore) => self::restore(client, output, restore).await,
        // Without a client.
        Recovery::Custodian { .. } | Recovery::OpenShare(_) => Ok(()),
    }
}

async fn setup(client: &Client, output: Output, setup: Setup) -> Result<(), Failure> {
    let known = client.call::<api::recovery::Show>(&Nothing {}).await?;
    let before = if known.recovery.is_some() { "; those dealt before are of no use afterwards" } else { "" };
    let (Some(approval), Some(out)) = (setup.approve, setup.out) else {
        let custodians = setup.custodian.iter().map(|file| document(file)).collect::<Result<_, _>>()?;
        if setup.care.dry_run
            && !goes_on(output, setup.care, &format!("ask another person to approve new shares{before}"))?
        {
            return Ok(());
        }
        let request = SetUpRequest { threshold: setup.threshold.unwrap_or_default(), custodians };
        let asked = client.call::<SetUp>(&request).await?;
        output.show(&asked)?;
        output.say(&format!(
            "Another person approves it, once each custodian's fingerprint was compared: nexora keys recovery setup \
             --approve {} --out DIR",
            asked.id
        ));
        return Ok(());
    };
    let named = known.requested.iter().find(|asked| asked.id == approval);
    let named = named.map(|asked| custodians(asked).join(", ")).unwrap_or_default();
    if !goes_on(output, setup.care, &format!("deal new shares to {named}{before}"))? {
        return Ok(());
    }
    let recovery = client.call::<ApproveSetUp>(&SetUpApproval { approval }).await?;
    keep(client, &out, &recovery).await?;
    output.show(&recovery)?;
    output.say(&format!(
        "The sealed shares and the package are in {}. Hand each share to its custodian, and rehearse: nexora keys \
         recovery rehearse",
        out.display()
    ));
    Ok(())
}

/// Who is to hold shares, each with what it reads out.
fn custodians(asked: &SetUpOnRecord) -> Vec<String> {
    asked.custodians.iter().map(|one| format!("{} ({})", one.name, one.fingerprint)).collect()
}

async fn restore(client: &Client, output: Output, restore: Restore) -> Result<(), Failure> {
    let Some(ceremony) = restore.ceremony else {
        if !goes_on(output, restore.care, "begin a ceremony to restore the organization's keys")? {
            return Ok(());
        }
        let upload = match &restore.package {
            Some(file) => Upload::whole(fs::read(file).map_err(|error| Failure::file(file, &error))?),
            None => Upload::empty(),
        };
        let begun_now = client.send::<Begin>(&BeginRequest { aim: Aim::Restore }, upload).await?;
        return begun(output, begun_now, &restore.out);
    };
    if !goes_on(
        output,
        restore.care,
        "wrap the organization's keys under this root of trust, and deal new shares",
    )? {
        return Ok(());
    }
    let restored = client.call::<api::recovery::Restore>(&CeremonyRequest { ceremony }).await?;
    keep(client, &restore.out, &restored.recovery).await?;
    output.show(&restored)
}

/// Writes a ceremony's invitation, and says what comes next.
fn begun(output: Output, ceremony: Ceremony, out: &Path) -> Result<(), Failure> {
    put(out, &written(&ceremony.invitation)?)?;
    output.show(&ceremony)?;
    output.say(
        "Tell each custodian the fingerprint by another way than the invitation; they run: nexora keys recovery \
         open-share",
    );
    Ok(())
}

/// Writes a setup's sealed shares, a file each, and its package into a directory.
async fn keep(client: &Client, out: &Path, recovery: &api::recovery::Recovery) -> Result<(), Failure> {
    match DirBuilder::new().mode(0o700).create(out) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::file(out, &error));
        }
        _ => {}
    }
    for (custodian, share) in recovery.custodians.iter().zip(&recovery.shares) {
        put(&out.join(format!("{}.share.json", custodian.id)), &written(share)?)?;
    }
    package(client, &out.join("recovery.package")).await
}

async fn package(client: &Client, out: &Path) -> Result<(), Failure> {
    let mut download = client.download::<Package>(&Nothing {}, Upload::empty()).await?;
    let mut file = Unfinished::replacing(out)?;
    while let Some(piece) = download.chunk().await? {
        file.write(&piece)?;
    }
    file.finish().map(drop)
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = Unfinished::replacing(path)?;
    file.write(bytes)?;
    file.finish().map(drop)
}

/// `keys recovery custodian`.
pub(crate) fn custodian(
    surroundings: &Surroundings,
    output: Output,
    file: &Path,
    name: String,
    passphrase: &Passphrase,
) -> Result<ExitCode, Failure> {
    if file.exists() {
        return Err(Failure::new(Kind::Conflict, format!("{} is there already", file.display())));
    }
    let passphrase = surroundings.other_passphrase(passphrase)?;
    let provider = crypto::aws_lc();
    let key = CustodianKey::generate(&*provider, &name)?;
    let sealed = key.seal(&*provider, &passphrase)?;
    node::write_private(file, &sealed).map_err(|error| Failure::file(file, &error))?;
    output.document(&key.public())?;
    Ok(ExitCode::SUCCESS)
}

/// `keys recovery open-share`: the custodian compares the ceremony's fingerprint before the share is sealed to it.
pub(crate) fn open_share(
    surroundings: &Surroundings,
    output: Output,
    command: &OpenShare,
) -> Result<ExitCode, Failure> {
    let provider = crypto::aws_lc();
    let share: SealedShare = document(&command.share)?;
    let invitation: Invitation = document(&command.invitation)?;
    let fingerprint = invitation.fingerprint();
    match &command.fingerprint {
        Some(told) if same(told, &fingerprint) => {}
        Some(_) => {
            let what = format!(
                "the invitation has the fingerprint {fingerprint}, and you were told another: somebody else may be \
                 behind it; your share was not opened"
            );
            return Err(Failure::new(Kind::CheckFailed, what));
        }
        None => is_so(&format!("The ceremony's fingerprint is {fingerprint}. Were you told the same?"))?,
    }
    let passphrase = surroundings.other_passphrase(&command.passphrase)?;
    let sealed = fs::read(&command.key).map_err(|error| Failure::file(&command.key, &error))?;
    let key = CustodianKey::open(&*provider, &passphrase, &sealed)?;
    let contribution = custody::open_share(&*provider, &key, &share, &invitation)?;
    put(&command.out, &written(&contribution)?)?;
    output.show(&Opened { share: command.out.display().to_string(), fingerprint })?;
    Ok(ExitCode::SUCCESS)
}

/// Whether two fingerprints are the same, however they are spaced and in whatever case.
fn same(told: &str, fingerprint: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    !plain(told).is_empty() && plain(told) == plain(fingerprint)
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn a_fingerprint_is_compared_as_people_write_it() {
        assert!(same("AB12 cd34", "ab12-cd34"));
        assert!(!same("ab12", "ab12-cd34") && !same("", "") && !same(" - ", "-"));
    }
}
