//! Who may do what: a table, and the pure decision that reads it.

use crate::Reason;
use base::{Action, Actor, Role};

/// Who an act is open to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// A person with this role.
    Person(Role),
    /// A machine identity in good standing.
    Identity,
    /// A source of events.
    Source,
    /// The holder of the one-time administrator secret.
    Administrator,
}

use Who::{Administrator, Identity, Source};
const ORG_ADMIN: Who = Who::Person(Role::OrgAdmin);
const ORG_USER: Who = Who::Person(Role::OrgUser);
const AUDITOR: Who = Who::Person(Role::Auditor);

/// The table. What nobody is named for, nobody may do: an actor that is not yet known and a background
/// task appear in no line.
pub(crate) const fn open_to(action: Action) -> &'static [Who] {
    match action {
        Action::OrganizationsCreate => &[Administrator],
        Action::EventsSend => &[Source],
        Action::EventsTail | Action::IdentitiesRead | Action::FindingsRead | Action::Diagnose => {
            &[ORG_ADMIN, ORG_USER, AUDITOR]
        }
        Action::IdentitiesQuarantine
        | Action::IdentitiesRelease
        | Action::IdentitiesProtect
        | Action::CredentialsIssue
        | Action::CredentialsRevoke
        | Action::ResponseSet
        | Action::ProducersAdd
        | Action::ProducersRevoke
        | Action::DatasetsCreate
        | Action::KeysCreate
        | Action::KeysActivate
        | Action::KeysRotate
        | Action::KeysRewrap
        | Action::KeysReencrypt
        | Action::KeysSuspend
        | Action::KeysResume
        | Action::KeysDestroy
        | Action::KeysExport
        | Action::KeysApproveExport
        | Action::BreachesDeclare
        | Action::BreachesUndo
        | Action::ShredsRequest
        | Action::ShredsApprove
        | Action::ShredsCancel
        | Action::RecoverySetUp
        | Action::RecoveryApproveSetUp
        | Action::RecoveryCancelSetUp
        | Action::RecoveryRepackage
        | Action::RecoveryBegin
        | Action::RecoveryApprove
        | Action::RecoveryRestore => &[ORG_ADMIN],
        Action::CredentialsRead | Action::ResponseRead | Action::LedgerRead | Action::LedgerSearch => {
            &[ORG_ADMIN, AUDITOR]
        }
        Action::LedgerRetain | Action::LedgerErase => &[ORG_ADMIN],
        // The platform's log has nobody else.
        Action::LedgerRotate | Action::LedgerRestart => &[ORG_ADMIN, Administrator],
        Action::DatasetsRead => &[ORG_ADMIN, ORG_USER, AUDITOR, Identity],
        Action::ProducersRead | Action::KeysRead => &[ORG_ADMIN, ORG_USER, AUDITOR],
        // What a machine took away it would keep through its quarantine.
        Action::KeysRelease => &[ORG_ADMIN, ORG_USER],
        Action::DatasetsProtect | Action::DatasetsReveal => &[ORG_ADMIN, ORG_USER, Identity],
    }
}

/// Whether an act opens data. Then even a person, who has no standing, is refused on a node that might
/// have missed a quarantine: who a reveal serves is not for that node to know.
pub(crate) const fn opens_data(action: Action) -> bool {
    matches!(
        action,
        Action::DatasetsReveal
            | Action::KeysRelease
            | Action::KeysReencrypt
            | Action::KeysExport
            | Action::KeysApproveExport
            | Action::RecoveryRestore
    )
}

/// The table's answer, before anyone's standing is read.
pub(crate) fn decide(actor: &Actor, action: Action) -> Result<(), Reason> {
    let who = match actor {
        Actor::Unidentified => return Err(Reason::NotSignedIn),
        Actor::System { .. } => return Err(Reason::ActorKind),
        Actor::Person { role, .. } => Who::Person(*role),
        Actor::Identity { .. } => Identity,
        Actor::Source { .. } => Source,
        Actor::Administrator => Administrator,
    };
    let open_to = open_to(action);
    if open_to.contains(&who) {
        return Ok(());
    }
    let a_person_may = open_to.iter().any(|other| matches!(other, Who::Person(_)));
    Err(if matches!(who, Who::Person(_)) && a_person_may { Reason::Role } else { Reason::ActorKind })
}

#[cfg(test)]
mod tests {
    use super::decide;
    use base::{Action, Actor, Id, Role};

    /// `y` where the actor may, else the first letter of the reason. Columns: org_admin, org_user, auditor,
    /// identity, source, administrator, unidentified, system.
    const GOLDEN: &str = "\
organizations.create    a a a a a y n a
events.send             a a a a y a n a
events.tail             y y y a a a n a
identities.read         y y y a a a n a
identities.quarantine   y r r a a a n a
identities.release      y r r a a a n a
identities.protect      y r r a a a n a
credentials.issue       y r r a a a n a
credentials.read        y r y a a a n a
credentials.revoke      y r r a a a n a
findings.read           y y y a a a n a
response.read           y r y a a a n a
response.set            y r r a a a n a
datasets.read           y y y y a a n a
datasets.protect        y y r y a a n a
datasets.reveal         y y r y a a n a
producers.add           y r r a a a n a
producers.read          y y y a a a n a
producers.revoke        y r r a a a n a
datasets.create         y r r a a a n a
keys.read               y y y a a a n a
keys.create             y r r a a a n a
keys.activate           y r r a a a n a
keys.rotate             y r r a a a n a
keys.rewrap             y r r a a a n a
keys.reencrypt          y r r a a a n a
keys.suspend            y r r a a a n a
keys.resume             y r r a a a n a
keys.destroy            y r r a a a n a
keys.export             y r r a a a n a
keys.approve_export     y r r a a a n a
keys.release            y y r a a a n a
breaches.declare        y r r a a a n a
breaches.undo           y r r a a a n a
shreds.request          y r r a a a n a
shreds.approve          y r r a a a n a
shreds.cancel           y r r a a a n a
recovery.set_up         y r r a a a n a
recovery.approve_set_up y r r a a a n a
recovery.cancel_set_up  y r r a a a n a
recovery.repackage      y r r a a a n a
recovery.begin          y r r a a a n a
recovery.approve        y r r a a a n a
recovery.restore        y r r a a a n a
ledger.read             y r y a a a n a
ledger.search           y r y a a a n a
ledger.retain           y r r a a a n a
ledger.erase            y r r a a a n a
ledger.rotate           y r r a a y n a
ledger.restart          y r r a a y n a
node.diagnose           y y y a a a n a
";

    fn actors() -> Vec<Actor> {
        let credential = Id::from_bytes([1; 16]);
        let person = |role| Actor::Person { person: Id::from_bytes([2; 16]), credential, role };
        vec![
            person(Role::OrgAdmin),
            person(Role::OrgUser),
            person(Role::Auditor),
            Actor::Identity { identity: Id::from_bytes([3; 16]), credential },
            Actor::Source { credential },
            Actor::Administrator,
            Actor::Unidentified,
            Actor::System { task: "respond" },
        ]
    }

    #[test]
    fn every_action_is_open_to_exactly_whom_the_table_says() {
        let mut table = String::new();
        for action in Action::ALL {
            table.push_str(&format!("{:23}", action.as_str()));
            for actor in actors() {
                let answer = decide(&actor, *action).map_or_else(|reason| &reason.code()[..1], |()| "y");
                table.push(' ');
                table.push_str(answer);
            }
            table.push('\n');
        }
        assert_eq!(table, GOLDEN);
    }
}
