//! Releasing the key of a whole protected Parquet column to a reader that decrypts it itself.
//!
//! From then on the reader needs nobody: no quarantine and no suspended key takes back what was released. So this is an
//! act of its own, with its own permission and its own entry.

use crate::{Datasets, Error};
use base::{Action, Context, Secret};
use fields::KeyName;
use ledger::{Entry, Kind};
use policy::{Permit, Resource};

impl Datasets {
    /// Opens a sealed data key for its reader: what a Parquet file's key material holds, under the name that stands
    /// there. The permit is one of [`Action::KeysRelease`] for [`KeyName::dataset`]. Its entry is committed before the
    /// key is handed out.
    ///
    /// # Errors
    /// [`Error::Refused`], which has been recorded; [`Error::Keys`] where the key is closed, or was not sealed under
    /// this name; [`Error::Store`].
    pub async fn release_key(
        &self,
        ctx: &Context,
        permit: &Permit,
        name: &KeyName,
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, Error> {
        self.covers(ctx, permit, Action::KeysRelease, Resource::Dataset(name.dataset)).await?;
        let info = name.info(ctx.organization());
        let opened = self.keys.open_data_key(ctx, permit, name.dataset, name.recipient, &info, sealed).await;
        let asked = (Action::KeysRelease, name.dataset);
        let key = self.on_record(ctx, asked, opened.map_err(Error::from)).await?;
        let entry = Entry::done(Kind::KeyReleased, name.dataset)
            .fact("key", name.recipient)
            .fact("run", name.run)
            .fact("data_key", format!("{:08x}", name.id))
            .details(serde_json::json!({ "field": name.field }));
        self.store.write(ctx).await?.commit(entry).await?;
        Ok(key)
    }
}
