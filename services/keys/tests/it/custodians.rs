//! Custodians with their keys, and ceremonies with them.

use crate::House;
use base::Action;
use keys::{
    Error,
    recovery::{
        Aim, Ceremony, Contribution, CustodianKey, NewCustodian, Recovery, SetupRequest, Source, open_share,
    },
};
use policy::Resource;

pub(crate) struct Custodians(pub(crate) Vec<CustodianKey>);

impl Custodians {
    pub(crate) fn new(count: usize) -> Self {
        let names = ["Ada", "Grace", "Barbara", "Radia", "Frances"];
        let key = |name: &&str| CustodianKey::generate(&*crypto::aws_lc(), name).expect("a name");
        Self(names.iter().take(count).map(key).collect())
    }

    pub(crate) fn documents(&self) -> Vec<NewCustodian> {
        let document = |key: &CustodianKey| NewCustodian::try_from(&key.public()).expect("a document");
        self.0.iter().map(document).collect()
    }

    pub(crate) async fn set_up(&self, house: &House, quorum: u8) -> Recovery {
        let asked = self.asked(house, quorum).await;
        let second = house.as_person(8);
        let permit = house.permit_for(&second, Action::RecoveryApproveSetUp, Resource::Approval(asked.id));
        house.keys.approve_recovery(&second, &permit, asked.id).await.expect("it is set up")
    }

    /// Asks for a setup, as the house's administrator.
    pub(crate) async fn asked(&self, house: &House, quorum: u8) -> SetupRequest {
        let permit = house.permit_for(&house.ctx, Action::RecoverySetUp, Resource::Organization);
        house
            .keys
            .request_recovery(&house.ctx, &permit, quorum, self.documents())
            .await
            .expect("it is on record")
    }

    /// What one of them gives to a ceremony.
    pub(crate) fn share(&self, which: usize, ceremony: &Ceremony) -> Contribution {
        open_share(&*crypto::aws_lc(), &self.0[which], &ceremony.shares[which], &ceremony.invitation)
            .expect("it opens")
    }
}

impl House {
    pub(crate) async fn begin(&self, aim: Aim, package: Option<Vec<u8>>) -> Result<Ceremony, Error> {
        let permit = self.permit_for(&self.ctx, Action::RecoveryBegin, Resource::Organization);
        let source = package.map_or(Source::InPlace, Source::Given);
        self.keys.begin_ceremony(&self.ctx, &permit, aim, source, false).await
    }

    pub(crate) async fn give(&self, ceremony: &Ceremony, share: &Contribution) -> Result<Ceremony, Error> {
        let id = ceremony.id;
        let permit = self.permit_for(&self.ctx, Action::RecoveryApprove, Resource::Ceremony(id));
        self.keys.approve_ceremony(&self.ctx, &permit, id, share).await
    }

    pub(crate) async fn restore(&self, ceremony: &Ceremony) -> Result<keys::recovery::Restoration, Error> {
        let id = ceremony.id;
        let permit = self.permit_for(&self.ctx, Action::RecoveryRestore, Resource::Ceremony(id));
        self.keys.restore(&self.ctx, &permit, id, false).await
    }
}
