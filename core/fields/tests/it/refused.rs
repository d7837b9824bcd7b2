//! What must not open: moved, pasted, altered, cut.

use crate::world::World;
use crypto::{Error as CryptoError, hpke::KeyPair};
use fields::{Error, FieldPolicy, Manifest};

const FILE: &[u8] = b"id,email,ssn\n1,ada@example.com,123\n2,bob@example.com,456\n";

fn protected(world: &World) -> (Vec<u8>, Manifest) {
    let policy = FieldPolicy::aead(["email", "ssn"]).expect("a policy");
    world.protect(FILE, policy, 100).expect("it protects")
}

fn cells(output: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8(output.to_vec()).expect("text");
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn file(cells: &[Vec<String>]) -> Vec<u8> {
    cells.iter().map(|row| format!("{}\n", row.join(","))).collect::<String>().into_bytes()
}

#[test]
fn a_value_moved_to_another_column_does_not_open() {
    let world = World::new();
    let (output, manifest) = protected(&world);
    let mut moved = cells(&output);
    moved[1].swap(1, 2);
    // The length is right, so that it is the value itself that is refused.
    let error = world.reveal(&file(&moved), &manifest, 1_000).expect_err("it was moved");
    assert!(
        matches!(error, Error::Value { row: 1, line: 2, ref column, .. } if column == "email"),
        "{error}"
    );
}

#[test]
fn a_value_of_another_dataset_does_not_open() {
    let (here, there) = (World::of(1, 2), World::of(1, 9));
    let (output, manifest) = protected(&here);
    let (other, _) = protected(&there);
    let mut pasted = cells(&output);
    pasted[2][1].clone_from(&cells(&other)[2][1]);
    let error = here.reveal(&file(&pasted), &manifest, 1_000).expect_err("it is from elsewhere");
    assert!(matches!(error, Error::Value { row: 2, line: 3, .. }), "{error}");
}

#[test]
fn a_sealed_key_pasted_into_another_manifest_does_not_open() {
    let world = World::new();
    let (_, first) = protected(&world);
    let (_, second) = protected(&world);
    let mut pasted = second.clone();
    pasted.keys[0] = first.keys[0].clone();
    let error = world.data_keys(&pasted).expect_err("it was sealed for another run");
    assert!(matches!(error, Error::Key(CryptoError::DoesNotOpen { .. })), "{error}");

    for change in [
        |manifest: &mut Manifest| manifest.organization = base::Id::from_bytes([7; 16]),
        |manifest: &mut Manifest| manifest.dataset = base::Id::from_bytes([7; 16]),
        |manifest: &mut Manifest| manifest.keys[0].field = "ssn".to_owned(),
        |manifest: &mut Manifest| manifest.keys[0].id ^= 1,
        |manifest: &mut Manifest| manifest.keys[0].sealed[1_130] ^= 1,
    ] {
        let mut changed = second.clone();
        change(&mut changed);
        let error = world.data_keys(&changed).expect_err("it is bound to what was changed");
        assert!(matches!(error, Error::Key(CryptoError::DoesNotOpen { .. })), "{error}");
    }
    let mut stranger = World::new();
    stranger.pair = KeyPair::generate(&*stranger.provider, crypto::Suite::Hybrid768);
    assert!(stranger.data_keys(&second).is_err());
}

#[test]
fn a_file_that_is_not_the_described_one_is_refused() {
    let world = World::new();
    let (output, manifest) = protected(&world);
    let refused = |bytes: &[u8]| world.reveal(bytes, &manifest, 64).expect_err("it is another file");
    for length in [0, 1, 12, 60, output.len() - 1] {
        let error = refused(&output[..length]);
        assert!(matches!(error, Error::NotAsDescribed(_)), "{length} bytes: {error}");
    }
    assert!(matches!(refused(&[&output[..], b"3,x,y\n"].concat()), Error::NotAsDescribed(_)));
    // One row less, and a column that no key covers changed.
    let lines = output.split_inclusive(|&byte| byte == b'\n').collect::<Vec<_>>();
    assert!(matches!(refused(&[lines[0], lines[1]].concat()), Error::NotAsDescribed(_)));
    let mut renumbered = output.clone();
    renumbered[lines[0].len()] = b'7';
    assert!(matches!(refused(&renumbered), Error::NotAsDescribed(_)));
    // Every byte counts.
    for at in 0..output.len() {
        let mut altered = output.clone();
        altered[at] ^= 1;
        assert!(world.reveal(&altered, &manifest, 64).is_err(), "byte {at}");
    }
}

#[test]
fn a_short_count_of_rows_is_refused() {
    let world = World::new();
    let (output, manifest) = protected(&world);
    let mut json: serde_json::Value = serde_json::from_slice(&manifest.to_json()).expect("JSON");
    json["output"]["rows"] = 3.into();
    let claims: Manifest = serde_json::from_value(json).expect("a manifest");
    let error = world.reveal(&output, &claims, 100).expect_err("a row is missing");
    assert_eq!(error.to_string(), "the data is not what its manifest describes: it has 2 rows of 3");
}
