//! `keys ls` to `keys destroy`: the life of a key.

use crate::cli::{Create, Keys, Rotate};
use crate::commands::care::goes_on;
use crate::commands::{next, page};
use crate::failure::Failure;
use crate::output::{Output, Show, facts, rows};
use crate::progress;
use api::keys::{
    Activate, Destroy, Exported, Key, KeyRequest, List, ListRequest, Resume, Rewrap, RewrapRequest,
    RotationRequest, SetRotation, Shown, Suspend, VersionRequest,
};
use api::{Client, Page};
use serde::Serialize;

impl Show for Key {
    fn table(&self) -> String {
        let rotation = match (self.every_days, self.after_uses) {
            (None, None) => None,
            (Some(days), None) => Some(format!("by itself after {days} days")),
            (None, Some(uses)) => Some(format!("by itself after {uses} uses")),
            (Some(days), Some(uses)) => Some(format!("by itself after {days} days or {uses} uses")),
        };
        facts([
            ("key", Some(self.id.to_string())),
            ("purpose", Some(self.purpose.clone())),
            ("dataset", self.dataset.map(|dataset| dataset.to_string())),
            ("field", self.field.clone()),
            ("version", Some(self.version.to_string())),
            ("state", Some(self.state.clone())),
            ("algorithm", Some(self.algorithm.clone())),
            ("made", Some(self.created.to_string())),
            ("put in use", self.activated.map(|at| at.to_string())),
            ("wrapped anew", self.rewrapped.map(|at| at.to_string())),
            ("used", Some(format!("at most {} times", self.uses))),
            ("rotates", rotation),
            ("next", self.rotates.map(|at| at.to_string())),
            ("exported", self.exported.as_ref().map(exported)),
        ])
    }
}

fn exported(mark: &Exported) -> String {
    format!("version {} at {}, to the holder of the key with SHA-256 {}", mark.version, mark.at, mark.to)
}

impl Show for Page<Key> {
    fn table(&self) -> String {
        rows(
            ["key", "purpose", "of", "version", "state", "algorithm", "uses", "exported"],
            self.items.iter().map(|key| {
                let of = match (&key.dataset, &key.field) {
                    (Some(dataset), Some(field)) => format!("{dataset} {field}"),
                    (Some(dataset), None) => dataset.to_string(),
                    _ => "-".to_owned(),
                };
                [
                    key.id.to_string(),
                    key.purpose.clone(),
                    of,
                    key.version.to_string(),
                    key.state.clone(),
                    key.algorithm.clone(),
                    key.uses.to_string(),
                    if key.exported.is_some() { "yes" } else { "-" }.to_owned(),
                ]
            }),
        )
    }
}

impl Show for Shown {
    fn table(&self) -> String {
        self.key.table()
            + &facts([
                ("named by", Some(format!("{} outputs, packages and shares", self.named_by))),
                ("under it", Some(format!("{} versions of other keys", self.keys_under_it))),
                ("wraps", Some(format!("{} under the root's record of its unit", self.wraps))),
            ])
    }
}

/// What was wrapped anew.
#[derive(Debug, Serialize)]
struct Rewrapped {
    keys: u64,
    left: u64,
}

impl Show for Rewrapped {
    fn table(&self) -> String {
        let left = (self.left > 0).then(|| format!("{} keys, which do not open under this root", self.left));
        facts([("wrapped anew", Some(format!("{} keys", self.keys))), ("left", left)])
    }
}

/// Runs the command.
pub(super) async fn run(client: &Client, output: Output, command: Keys) -> Result<(), Failure> {
    match command {
        Keys::Ls { dataset, purpose, state, paging } => {
            let (limit, after) = page(paging);
            let listed = client.call::<List>(&ListRequest { dataset, purpose, state, limit, after }).await?;
            output.show(&listed)?;
            next(output, listed.next.as_deref());
            Ok(())
        }
        Keys::Show { key } => output.show(&client.call::<api::keys::Show>(&KeyRequest { key }).await?),
        Keys::Create(Create { like, suite }) => {
            let request = VersionRequest { key: like, suite };
            output.show(&client.call::<api::keys::Create>(&request).await?)
        }
        Keys::Activate { key } => output.show(&client.call::<Activate>(&KeyRequest { key }).await?),
        Keys::Rotate(Rotate { key, every, after_uses, never, suite }) => {
            if never || every.is_some() || after_uses.is_some() {
                let request = RotationRequest { key, every_days: every, after_uses };
                return output.show(&client.call::<SetRotation>(&request).await?);
            }
            output.show(&client.call::<api::keys::Rotate>(&VersionRequest { key, suite }).await?)
        }
        Keys::Rewrap => rewrap(client, output).await,
        Keys::Suspend { key } => output.show(&client.call::<Suspend>(&KeyRequest { key }).await?),
        Keys::Resume { key } => output.show(&client.call::<Resume>(&KeyRequest { key }).await?),
        Keys::Destroy { key, care } => {
            let request = KeyRequest { key };
            let shown = client.call::<api::keys::Show>(&request).await?;
            let refers = shown.named_by.saturating_add(shown.keys_under_it);
            let so = match refers {
                0 => "nothing refers to it".to_owned(),
                count => {
                    format!("it would be refused: {count} outputs, packages, shares or keys refer to it")
                }
            };
            let what = format!(
                "destroy {key} (version {} of the {} key, {}), for good; {so}",
                shown.key.version, shown.key.purpose, shown.key.state
            );
            if goes_on(output, care, &what)? {
                output.show(&client.call::<Destroy>(&request).await?)?;
            }
            Ok(())
        }
        // Run elsewhere.
        _ => Ok(()),
    }
}

/// A batch at a time, so that each is one change with its entry.
async fn rewrap(client: &Client, output: Output) -> Result<(), Failure> {
    let bar = progress::spinner("wrapping anew");
    let (mut keys, mut left, mut after) = (0, 0, None);
    loop {
        let batch = client.call::<Rewrap>(&RewrapRequest { after }).await?;
        keys += batch.keys;
        left += batch.left;
        bar.inc(batch.keys);
        after = batch.next;
        if after.is_none() {
            bar.finish_and_clear();
            return output.show(&Rewrapped { keys, left });
        }
    }
}
