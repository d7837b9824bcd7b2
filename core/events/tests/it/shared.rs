//! The shared recordings, read as they are: `make test-shared`.

use events::{Encoding, FieldSet, IdentityKind, Limits, Record, Redactor, frame, inflate};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    assert!(folder.is_dir(), "missing folder: {}", folder.display());
    folder
}

fn records(path: &Path) -> Vec<Record> {
    let bytes = std::fs::read(path).expect("the file is there");
    let plain = inflate(&bytes, Encoding::Auto, Limits::REQUEST).expect("it inflates");
    let read = |range| Record::read(&plain[range], &Redactor::unkeyed()).expect("it is valid");
    frame(&plain).expect("it is framed").into_iter().map(read).collect()
}

#[test]
fn the_recorded_attack_names_its_identities() {
    let records = records(&folder().join("cloudtrail-invictus.ndjson.zst"));
    assert_eq!(records.len(), 2_900);
    let fields = FieldSet::default();
    let mut created: BTreeMap<IdentityKind, BTreeSet<String>> = BTreeMap::new();
    let (mut persons, mut owners, mut by_key) =
        (BTreeSet::new(), BTreeMap::new(), BTreeMap::<_, usize>::new());
    for record in &records {
        let activity = record.activity(&fields).expect("it is valid");
        let actor = activity.actor;
        assert_eq!(activity.account, Some("123837392027"));
        assert!(!actor.facts.cross_account);
        let Some(identity) = actor.identity else { continue };
        if actor.creates {
            created.entry(identity.kind).or_default().insert(identity.name.to_string());
        }
        if actor.person_evidence {
            persons.insert(identity.name.to_string());
        }
        if let Some(owner) = actor.owner {
            owners.insert(identity.name.to_string(), owner.name.to_string());
        }
        if identity.kind == IdentityKind::AccessKey {
            *by_key.entry((identity.name.to_string(), actor.facts.interactive)).or_default() += 1;
        }
    }
    let user = |name: &str| format!("arn:aws:iam::123837392027:user/{name}");
    assert_eq!(
        by_key,
        BTreeMap::from([
            (("AKIATFQR7NSC8Q4X20BJ".to_owned(), false), 2_104),
            (("AKIATFQR7NSCUXC3DDDP".to_owned(), false), 43),
            // S3's console: interactive, whatever its key looks like.
            (("AKIATFQZ7NSC8Q4X21BJ".to_owned(), true), 35),
        ])
    );
    assert_eq!(owners["AKIATFQR7NSC8Q4X20BJ"], user("bert-jan"));
    assert_eq!(owners["AKIATFQR7NSCUXC3DDDP"], user("benjamin"));
    let people = ["benjamin", "bert-jan", "stratus-red-team-nmfalu-gfjyeaypjt"];
    assert_eq!(persons, people.map(user).into());
    assert_eq!(created[&IdentityKind::User], people.map(user).into());
    let counts: Vec<_> = created.iter().map(|(kind, names)| (kind.as_str(), names.len())).collect();
    assert_eq!(counts, [("access_key", 3), ("user", 3), ("role", 4), ("service", 7)]);
}

#[test]
fn every_technique_reads() {
    let mut events = 0;
    for entry in std::fs::read_dir(folder().join("stratus")).expect("the folder is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        for record in records(&path) {
            let activity = record.activity(&FieldSet::default()).expect("it is valid");
            assert!(activity.actor.identity.is_some(), "{}: {}", path.display(), record.text());
            events += 1;
        }
    }
    assert!(events > 100, "{events}");
}
