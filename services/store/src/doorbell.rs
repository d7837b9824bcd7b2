//! Bells without content: they wake a reader, who then looks at the rows.

use base::{Id, noun};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use tokio::sync::watch;

/// Rings after a commit that moved one topic of one organization. A ring between two waits is not lost.
#[derive(Debug, Clone)]
pub struct Doorbell(watch::Receiver<u64>);

impl Doorbell {
    /// Waits for the next ring, or returns at once if it rang since the last wait. Wait with a time limit: the
    /// slow poll behind it is what promises that nothing is missed.
    pub async fn wait(&mut self) {
        if self.0.changed().await.is_err() {
            // The store is gone and will never ring again; the caller's own time limit ends the wait.
            std::future::pending::<()>().await;
        }
    }
}

type Topic = (Id<noun::Organization>, &'static str);

#[derive(Default)]
pub(crate) struct Doorbells(Mutex<HashMap<Topic, watch::Sender<u64>>>);

impl Doorbells {
    pub(crate) fn listen(&self, organization: Id<noun::Organization>, topic: &'static str) -> Doorbell {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = bells.entry((organization, topic)).or_insert_with(|| watch::Sender::new(0));
        Doorbell(bell.subscribe())
    }

    pub(crate) fn ring(&self, organization: Id<noun::Organization>, topic: &'static str) {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(&(organization, topic)) {
            bell.send_modify(|rings| *rings = rings.wrapping_add(1));
        }
    }
}
