//! `keys recovery`: the acts of an organization's administrators, and those of a custodian, who needs no server.

use super::{document, written};
use crate::cli::{OpenShare, Passphrase, Recovery, Restore, Setup};
use crate::commands::care::{goes_on, is_so, may_write};
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::files::Unfinished;
use crate::output::{Output, Show, facts, rows};
use api::Client;
use api::client::Upload;
use api::operation::Nothing;
use api::recovery::{
    Aim, Approve, ApproveRequest, ApproveSetUp, Begin, BeginRequest, CancelSetUp, Ceremony, CeremonyRequest,
    Package, RecoveryReply, Repackage, Restoration, RestoreRequest, SetUp, SetUpApproval, SetUpOnRecord,
    SetUpRequest,
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
        let package = match &self.unwritten {
            Some(unwritten) => {
                format!("{} was not written: {}; {}", unwritten.file, unwritten.why, unwritten.next)
            }
            None if self.left_out > 0 => format!("lacks {} keys that the root does not open", self.left_out),
            None if self.current => "holds every key".to_owned(),
            None => "is behind: it is written anew in a moment".to_owned(),
        };
        facts([
            ("setup", Some(self.setup.to_string())),
            ("shares", Some(format!("{} of {}", self.threshold, self.custodians.len()))),
            ("rehearsed", Some(when)),
            ("package", Some(package)),
            ("earlier packages", (!self.earlier.is_empty()).then(|| self.earlier.join(", "))),
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
        let locked = self.locked.as_ref().map(|why| format!("{why}; restart the node once that is mended"));
        let closed = self.missing.len();
        facts([
            ("restored", Some(format!("{} keys", self.keys))),
            ("not in the package", (closed > 0).then(|| format!("{closed} keys: nexora keys ls shows them"))),
            ("still locked", locked),
        ]) + &self.recovery.table()
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
        Recovery::Cancel { request } => {
            output.show(&client.call::<CancelSetUp>(&SetUpApproval { approval: request }).await?)
        }
        Recovery::Package { out, force } => {
            let replaces = may_write(&[&out], force)?;
            package(client, &out, replaces).await
        }
        Recovery::Repackage { out, force } => {
            let replaces = may_fill(&out, force)?;
            let recovery = client.call::<Repackage>(&Nothing {}).await?;
            keep(client, &out, &recovery, replaces).await?;
            output.show(&recovery)
        }
        Recovery::Rehearse { out, force } => {
            let replaces = may_write(&[&out], force)?;
            let request = BeginRequest { aim: Aim::Rehearsal, earlier: None, older: false };
            begun(output, client.call::<Begin>(&request).await?, &out, replaces)
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
    let asked = known.requested.iter().find(|asked| asked.id == approval);
    let asked = asked.ok_or_else(|| {
        let said =
            format!("no setup {approval} waits for approval: nexora keys recovery show lists those that do");
        Failure::new(Kind::NotFound, said)
    })?;
    // Whoever approves answers for whose keys these are: they are shown, whatever else is said.
    let named = custodians(asked);
    output.say(&format!("Shares for {}", named.join(", ")));
    told(asked, &setup.fingerprint)?;
    if !goes_on(output, setup.care, &format!("deal new shares to {}{before}", named.join(", ")))? {
        return Ok(());
    }
    let replaces = may_fill(&out, setup.force)?;
    let recovery = client.call::<ApproveSetUp>(&SetUpApproval { approval }).await?;
    kept(client, &out, &recovery, replaces).await?;
    output.show(&recovery)?;
    output.say(&format!(
        "The sealed shares{} are in {}. Hand each share to its custodian, and rehearse: nexora keys recovery rehearse",
        if recovery.unwritten.is_some() { "" } else { " and the package" },
        out.display()
    ));
    Ok(())
}

/// Holds the fingerprints that whoever approves was told, if any, against those of the request: exactly these.
fn told(asked: &SetUpOnRecord, fingerprints: &[String]) -> Result<(), Failure> {
    if fingerprints.is_empty() {
        return Ok(());
    }
    let read_out = |fingerprint: &str| fingerprints.iter().any(|told| same(told, fingerprint));
    let other = asked.custodians.iter().find(|one| !read_out(&one.fingerprint));
    let more =
        fingerprints.iter().find(|told| !asked.custodians.iter().any(|one| same(told, &one.fingerprint)));
    let said = match (other, more) {
        (None, None) => return Ok(()),
        (Some(one), _) => {
            format!("the key of {} has the fingerprint {}, which is none", one.name, one.fingerprint)
        }
        (None, Some(_)) => "a fingerprint that is no custodian's is one".to_owned(),
    };
    let said = format!("{said} of those that you say: nothing was approved, and no share was dealt");
    Err(Failure::new(Kind::CheckFailed, said))
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
        let replaces = may_write(&[&restore.out], restore.force)?;
        let request =
            BeginRequest { aim: Aim::Restore, earlier: restore.earlier.clone(), older: restore.older };
        let begun_now = client.send::<Begin>(&request, upload).await?;
        return begun(output, begun_now, &restore.out, replaces);
    };
    if !goes_on(
        output,
        restore.care,
        "wrap the organization's keys under this root of trust, and deal new shares",
    )? {
        return Ok(());
    }
    let replaces = may_fill(&restore.out, restore.force)?;
    let request = RestoreRequest { ceremony, older: restore.older };
    let restored = client.call::<api::recovery::Restore>(&request).await?;
    kept(client, &restore.out, &restored.recovery, replaces).await?;
    output.show(&restored)
}

/// Writes a ceremony's invitation, and says what comes next.
fn begun(output: Output, ceremony: Ceremony, out: &Path, replaces: bool) -> Result<(), Failure> {
    put(out, &written(&ceremony.invitation)?, replaces)?;
    output.show(&ceremony)?;
    output.say(
        "Tell each custodian the fingerprint by another way than the invitation; they run: nexora keys recovery \
         open-share",
    );
    Ok(())
}

/// Whether files may be written into a directory. One that has files already is asked for, or takes `--force`: shares of
/// an earlier setup have the names of the new ones.
fn may_fill(out: &Path, force: bool) -> Result<bool, Failure> {
    if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none()) {
        return Ok(force);
    }
    may_write(&[out], force)
}

/// As [`keep`], of what was dealt just now: that is done, whatever becomes of the files.
async fn kept(
    client: &Client,
    out: &Path,
    recovery: &api::recovery::Recovery,
    replaces: bool,
) -> Result<(), Failure> {
    keep(client, out, recovery, replaces).await.map_err(|failure| {
        let said = format!(
            "{failure}. The shares are dealt all the same: nexora keys recovery repackage --out DIR writes them"
        );
        Failure::new(failure.kind(), said)
    })
}

/// Writes a setup's sealed shares, a file each, and its package into a directory.
async fn keep(
    client: &Client,
    out: &Path,
    recovery: &api::recovery::Recovery,
    replaces: bool,
) -> Result<(), Failure> {
    match DirBuilder::new().mode(0o700).create(out) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::file(out, &error));
        }
        _ => {}
    }
    for (custodian, share) in recovery.custodians.iter().zip(&recovery.shares) {
        put(&out.join(format!("{}.share.json", custodian.id)), &written(share)?, replaces)?;
    }
    if recovery.unwritten.is_some() {
        // What the node has is not of these shares.
        return Ok(());
    }
    package(client, &out.join("recovery.package"), replaces).await
}

async fn package(client: &Client, out: &Path, replaces: bool) -> Result<(), Failure> {
    let mut download = client.download::<Package>(&Nothing {}, Upload::empty()).await?;
    let mut file = unfinished(out, replaces)?;
    while let Some(piece) = download.chunk().await? {
        file.write(&piece)?;
    }
    file.finish().map(drop)
}

fn put(path: &Path, bytes: &[u8], replaces: bool) -> Result<(), Failure> {
    let mut file = unfinished(path, replaces)?;
    file.write(bytes)?;
    file.finish().map(drop)
}

fn unfinished(path: &Path, replaces: bool) -> Result<Unfinished, Failure> {
    if replaces { Unfinished::replacing(path) } else { Unfinished::create(path) }
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
    let replaces = may_write(&[&command.out], command.force)?;
    let passphrase = surroundings.other_passphrase(&command.passphrase)?;
    let sealed = fs::read(&command.key).map_err(|error| Failure::file(&command.key, &error))?;
    let key = CustodianKey::open(&*provider, &passphrase, &sealed)?;
    let contribution = custody::open_share(&*provider, &key, &share, &invitation)?;
    put(&command.out, &written(&contribution)?, replaces)?;
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
    use super::{may_fill, put, same, told};
    use api::recovery::{CustodianToBe, SetUpOnRecord};
    use base::{Id, Kind, Timestamp};
    use std::fs;

    #[test]
    fn what_is_there_is_replaced_only_where_that_is_said() {
        let dir = tempfile::tempdir().expect("a directory");
        let key = dir.path().join("ada.key");
        fs::write(&key, "a custodian's own").expect("written");
        let refused = put(&key, b"a share", false).expect_err("it is there");
        assert_eq!(refused.kind(), Kind::Conflict);
        assert_eq!(fs::read(&key).expect("it reads"), b"a custodian's own");
        assert!(may_fill(dir.path(), false).is_err(), "it has files");
        assert!(!may_fill(&dir.path().join("new"), false).expect("it is not there"));
        put(&key, b"a share", may_fill(dir.path(), true).expect("it is said")).expect("written");
        assert_eq!(fs::read(&key).expect("it reads"), b"a share");
    }

    #[test]
    fn whoever_says_fingerprints_says_all_and_no_other() {
        let custodian = |seed: u8, fingerprint: &str| CustodianToBe {
            id: Id::from_bytes([seed; 16]),
            name: format!("c{seed}"),
            fingerprint: fingerprint.to_owned(),
        };
        let asked = SetUpOnRecord {
            id: Id::from_bytes([1; 16]),
            threshold: 2,
            custodians: vec![custodian(1, "aaaa-bbbb"), custodian(2, "cccc-dddd")],
            requested_by: Id::from_bytes([2; 16]),
            requested: Timestamp::from_millis(1),
            expires: Timestamp::from_millis(2),
        };
        let say = |said: &[&str]| {
            let said: Vec<String> = said.iter().map(ToString::to_string).collect();
            told(&asked, &said).map_err(|failure| failure.kind())
        };
        assert_eq!(say(&["AAAA BBBB", "cccc-dddd"]), Ok(()));
        assert_eq!(say(&[]), Ok(()));
        for wrong in [&["aaaa-bbbb"][..], &["aaaa-bbbb", "eeee"], &["aaaa-bbbb", "cccc-dddd", "eeee"]] {
            assert_eq!(say(wrong), Err(Kind::CheckFailed), "{wrong:?}");
        }
    }

    #[test]
    fn a_fingerprint_is_compared_as_people_write_it() {
        assert!(same("AB12 cd34", "ab12-cd34"));
        assert!(!same("ab12", "ab12-cd34") && !same("", "") && !same(" - ", "-"));
    }
}
