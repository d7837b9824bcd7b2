//! Who acted, sample by sample: one file of `samples/` for each way CloudTrail names a principal.

use base::Id;
use events::{FieldSet, IdentityKind, PrincipalKind, Record, Redactor, frame};
use std::{collections::BTreeSet, path::Path};

/// What is expected of a sample: file, kind, native name of the identity, and the marks below.
struct Line(&'static str, PrincipalKind, Option<&'static str>, &'static str);

/// Marks: `c` creates an identity, `p` proves a person, `i` interactive, `a` authenticated, `f` failed,
/// `x` of another account, `o` owned by the provider.
const TABLE: &[Line] = &[
    Line("iam-user-access-key", PrincipalKind::AccessKey, Some("111122223333/AKIAEXAMPLE000000001"), "ca"),
    Line(
        "iam-user-access-key-denied",
        PrincipalKind::AccessKey,
        Some("111122223333/AKIAEXAMPLE000000001"),
        "af",
    ),
    Line(
        "iam-user-access-key-wrong-secret",
        PrincipalKind::AccessKey,
        Some("111122223333/AKIAEXAMPLE000000002"),
        "f",
    ),
    Line(
        "iam-user-access-key-no-arn",
        PrincipalKind::AccessKey,
        Some("111122223333/AKIAEXAMPLE000000003"),
        "ca",
    ),
    Line("iam-user-session", PrincipalKind::User, Some("arn:aws:iam::111122223333:user/team/maria"), "ca"),
    Line(
        "iam-user-session-mfa",
        PrincipalKind::User,
        Some("arn:aws:iam::111122223333:user/team/maria"),
        "cai",
    ),
    Line(
        "iam-user-session-forwarded",
        PrincipalKind::User,
        Some("arn:aws:iam::111122223333:user/team/maria"),
        "ca",
    ),
    Line(
        "iam-user-console-session",
        PrincipalKind::User,
        Some("arn:aws:iam::111122223333:user/team/maria"),
        "cpai",
    ),
    Line(
        "iam-user-long-key-with-mfa",
        PrincipalKind::AccessKey,
        Some("111122223333/AKIAEXAMPLE000000004"),
        "cai",
    ),
    Line(
        "iam-user-console-login",
        PrincipalKind::User,
        Some("arn:aws:iam::111122223333:user/team/maria"),
        "cpai",
    ),
    Line("iam-user-console-login-failed", PrincipalKind::User, None, "f"),
    Line("assumed-role", PrincipalKind::AssumedRole, Some("arn:aws:iam::111122223333:role/ci/deploy"), "ca"),
    Line(
        "assumed-role-no-issuer",
        PrincipalKind::AssumedRole,
        Some("arn:aws:iam::111122223333:role/deploy"),
        "ca",
    ),
    Line(
        "assumed-role-console",
        PrincipalKind::AssumedRole,
        Some("arn:aws:iam::111122223333:role/admin"),
        "cai",
    ),
    Line(
        "assumed-role-web-identity",
        PrincipalKind::AssumedRole,
        Some("arn:aws:iam::111122223333:role/ci"),
        "ca",
    ),
    Line(
        "assumed-role-reserved-sso",
        PrincipalKind::AssumedRole,
        Some(
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef",
        ),
        "cpai",
    ),
    Line(
        "assumed-role-false-sso",
        PrincipalKind::AssumedRole,
        Some("arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef"),
        "ca",
    ),
    Line(
        "assumed-role-human-names",
        PrincipalKind::AssumedRole,
        Some("arn:aws:iam::111122223333:role/console"),
        "ca",
    ),
    Line(
        "assumed-role-service-linked",
        PrincipalKind::AssumedRole,
        Some("arn:aws:iam::111122223333:role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS"),
        "cao",
    ),
    Line(
        "assumed-role-cross-account",
        PrincipalKind::AssumedRole,
        Some("arn:aws:iam::444455556666:role/auditor"),
        "cax",
    ),
    Line(
        "assumed-role-on-behalf-of",
        PrincipalKind::AssumedRole,
        Some("arn:aws:iam::111122223333:role/analytics"),
        "ca",
    ),
    Line("role", PrincipalKind::Role, Some("arn:aws:iam::111122223333:role/batch"), "ca"),
    Line(
        "federated-user",
        PrincipalKind::FederatedUser,
        Some("arn:aws:iam::111122223333:user/team/maria"),
        "ca",
    ),
    Line("federated-user-no-issuer", PrincipalKind::FederatedUser, None, "a"),
    Line(
        "web-identity-user",
        PrincipalKind::WebIdentity,
        Some("web_identity/111122223333/token.example.com:app:subject-1"),
        "ca",
    ),
    Line(
        "web-identity-user-denied",
        PrincipalKind::WebIdentity,
        Some("web_identity/111122223333/token.example.com:app:subject-2"),
        "f",
    ),
    Line("saml-user", PrincipalKind::Saml, Some("saml/UkhExampleHash=:maria@example.com"), "cpai"),
    Line("directory", PrincipalKind::Directory, Some("directory/111122223333/d-1234567890"), "ca"),
    Line("aws-account", PrincipalKind::Account, Some("account/444455556666"), "cax"),
    Line("aws-account-anonymous", PrincipalKind::Account, None, "x"),
    Line("aws-service", PrincipalKind::Service, Some("service/ec2.amazonaws.com"), "cao"),
    Line(
        "identity-center-user",
        PrincipalKind::IdentityCenter,
        Some(
            "identity_center/arn:aws:identitystore::111122223333:identitystore/d-1/544894e8-80c1-707f-60e3-3ba6510dfac1",
        ),
        "cpai",
    ),
    Line("root", PrincipalKind::Root, Some("arn:aws:iam::111122223333:root"), "cpai"),
    Line("root-console-login", PrincipalKind::Root, Some("arn:aws:iam::111122223333:root"), "cpai"),
    Line("unknown", PrincipalKind::Unknown, None, ""),
    Line(
        "no-type-service-event",
        PrincipalKind::Service,
        Some("service/secretsmanager.amazonaws.com"),
        "cao",
    ),
    Line("no-type-with-arn", PrincipalKind::User, Some("arn:aws:iam::111122223333:user/team/maria"), "ca"),
    Line("no-type-no-arn", PrincipalKind::Unknown, None, ""),
    Line("no-identity", PrincipalKind::Unknown, None, ""),
    Line("govcloud", PrincipalKind::AssumedRole, Some("arn:aws-us-gov:iam::111122223333:role/deploy"), "ca"),
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/aws.cloudtrail")
}

fn records(name: &str) -> Vec<Record> {
    let bytes = std::fs::read(folder().join(format!("{name}.json"))).expect("the sample is there");
    let events = frame(&bytes).expect("the sample is framed");
    assert!(!events.is_empty());
    let read = |range| Record::read(&bytes[range], &Redactor::unkeyed()).expect("the sample is valid");
    events.into_iter().map(read).collect()
}

#[test]
fn every_sample_is_told_apart() {
    for Line(name, kind, native, marks) in TABLE {
        for record in records(name) {
            let activity = record.activity(&FieldSet::default()).expect("the sample is valid");
            let actor = &activity.actor;
            assert_eq!(actor.kind, *kind, "{name}");
            assert_eq!(actor.identity.as_ref().map(|key| key.native.as_ref()), *native, "{name}");
            let facts = actor.facts;
            let found: String = [
                ('c', actor.creates),
                ('p', actor.person_evidence),
                ('a', facts.authenticated),
                ('i', facts.interactive),
                ('f', facts.failed),
                ('x', facts.cross_account),
                ('o', facts.provider_owned),
            ]
            .into_iter()
            .filter_map(|(mark, set)| set.then_some(mark))
            .collect();
            assert_eq!(found, *marks, "{name}");
        }
    }
}

#[test]
fn every_sample_is_in_the_table() {
    let files: BTreeSet<_> = std::fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().replace(".json", ""))
        .collect();
    assert_eq!(files, TABLE.iter().map(|line| line.0.to_owned()).collect());
}

#[test]
fn keys_know_their_owner_and_sessions_what_they_said() {
    let record = records("iam-user-access-key").remove(0);
    let activity = record.activity(&FieldSet::default()).expect("valid");
    let owner = activity.actor.owner.expect("a key has a user");
    assert_eq!(
        (owner.kind, owner.native.as_ref()),
        (IdentityKind::User, "arn:aws:iam::111122223333:user/team/maria")
    );
    assert_eq!(activity.actor.identity.expect("a key is one").name, "AKIAEXAMPLE000000001");

    let record = records("assumed-role").remove(0);
    let session = record.activity(&FieldSet::default()).expect("valid").actor.session;
    assert_eq!((session.name, session.source_identity), (Some("build-4711"), Some("maria")));

    let record = records("assumed-role-web-identity").remove(0);
    let session = record.activity(&FieldSet::default()).expect("valid").actor.session;
    assert_eq!(session.federated_subject, Some("repo:example/app:ref:refs/heads/main"));

    let record = records("assumed-role-on-behalf-of").remove(0);
    let session = record.activity(&FieldSet::default()).expect("valid").actor.session;
    assert_eq!(session.on_behalf_of, Some("0001-user"));

    let record = records("iam-user-session-forwarded").remove(0);
    let session = record.activity(&FieldSet::default()).expect("valid").actor.session;
    assert_eq!(session.invoked_by, Some("secretsmanager.amazonaws.com"));

    let record = records("saml-user").remove(0);
    let role = record.activity(&FieldSet::default()).expect("valid").actor.person_role.expect("a role");
    assert_eq!(role.native, "arn:aws:iam::111122223333:role/people");
}

/// The same caller, with everything that a caller can set changed, is the same identity with the same facts.
#[test]
fn nothing_that_the_caller_sets_decides() {
    for Line(name, ..) in TABLE {
        for record in records(name) {
            let changed = record
                .text()
                .replace("aws-cli/2.15", "[S3Console/0.4] Mozilla/5.0 signin.aws.amazon.com")
                .replace("build-4711", "AWSReservedSSO_maria@example.com")
                .replace("\"maria@example.com\"", "\"i-0123456789abcdef0\"");
            let changed = Record::read(changed.as_bytes(), &Redactor::off()).expect("still valid");
            let before = record.activity(&FieldSet::default()).expect("valid");
            let after = changed.activity(&FieldSet::default()).expect("valid");
            assert_eq!(before.actor.facts, after.actor.facts, "{name}");
            assert_eq!(before.actor.identity, after.actor.identity, "{name}");
            assert_eq!(before.actor.person_evidence, after.actor.person_evidence, "{name}");
        }
    }
}

/// An event of one account cannot speak of a key or person of another: the names differ, or it is marked.
#[test]
fn another_accounts_names_are_not_reached() {
    let record = records("iam-user-access-key").remove(0);
    let forged = record.text().replace("111122223333", "999900001111");
    let forged = Record::read(forged.as_bytes(), &Redactor::off()).expect("valid");
    let organization = Id::from_bytes([1; 16]);
    let id = |record: &Record| {
        let activity = record.activity(&FieldSet::default()).expect("valid");
        activity.actor.identity.expect("a key").id(organization)
    };
    assert_ne!(id(&record), id(&forged));

    let record = records("iam-user-console-login").remove(0);
    let forged = record
        .text()
        .replace(r#""recipientAccountId":"111122223333""#, r#""recipientAccountId":"999900001111""#);
    let forged = Record::read(forged.as_bytes(), &Redactor::off()).expect("valid");
    let actor = forged.activity(&FieldSet::default()).expect("valid").actor;
    assert!(actor.facts.cross_account && !actor.person_evidence);
}
