//! Of the state as bytes, and of its bounds.

use super::{MAX_IDENTITIES, MODEL_VERSION, ShardState, WrongSnapshot, shard_of};
use crate::behaviour::Record;
use base::{Id, digest};

fn sample() -> ShardState {
    let mut state = ShardState::default();
    let mut one = Record::new(Id::from_bytes([1; 16]), 7, 1_000);
    one.last = 2_000;
    one.seen = 7;
    one.habits[3] = 0x1238;
    state.add(one);
    state.add(Record::new(Id::from_bytes([2; 16]), 7, 5));
    state.watermarks.0.push((9, 77));
    state
}

/// The bytes are final: `docs/formats/snapshot.md`.
#[test]
fn golden() {
    let bytes = sample().to_bytes();
    assert_eq!(
        digest::hex(&bytes[..80]),
        concat!(
            "6e78736861726403",
            "00000003",
            "0000000000000000",
            "0000000000000000",
            "0000000000000000",
            "0000000000000000",
            "0000000000000000",
            "00000000",
            "00000001",
            "0000000000000009",
            "000000000000004d",
            "00000002",
        )
    );
    assert_eq!(digest::hex(&bytes[80..112]), format!("{}00000007000003e8000007d000000000", "01".repeat(16)));
    assert_eq!(bytes.len(), 80 + 2 * super::snapshot::RECORD + 3 * 4 + 12 + 2 * 4 + 16 + 8);
    assert_eq!(ShardState::from_bytes(&bytes), Ok(sample()));
}

#[test]
fn every_flipped_or_missing_byte_is_noticed() {
    let bytes = sample().to_bytes();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(ShardState::from_bytes(&flipped).is_err(), "byte {at}");
        assert!(ShardState::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
    }
    let resealed = |change: fn(&mut Vec<u8>)| {
        let mut other = bytes[..bytes.len() - 8].to_vec();
        change(&mut other);
        let sum = digest::sha256(&other);
        other.extend(&sum[..8]);
        ShardState::from_bytes(&other)
    };
    let version = resealed(|bytes| bytes[11] = 4);
    assert_eq!(version, Err(WrongSnapshot::Version { found: 4, ours: MODEL_VERSION }));
    assert_eq!(resealed(|bytes| bytes[19] = 1), Err(WrongSnapshot::Epoch { found: 1, given: 0 }));
}

/// Whoever can write the file can make the checksum: what it then says is bounded and can be gone on with.
#[test]
fn what_cannot_be_is_refused_though_its_checksum_holds() {
    let bytes = sample().to_bytes();
    let body = &bytes[..bytes.len() - 8];
    let mut taken = 0;
    for at in 12..body.len() {
        for value in [0xff, 0x80, 0x7f, 1] {
            let mut other = body.to_vec();
            other[at] = value;
            let sum = digest::sha256(&other);
            other.extend(&sum[..8]);
            if let Ok(state) = ShardState::from_bytes(&other) {
                assert_eq!(state.to_bytes(), other, "it has one form");
                taken += 1;
            }
        }
    }
    assert!(taken > 0, "some of these are states");
    let mut nan = body.to_vec();
    let minute = 80 + 16 + 40;
    nan[minute..minute + 4].copy_from_slice(&f32::NAN.to_be_bytes());
    let sum = digest::sha256(&nan);
    nan.extend(&sum[..8]);
    assert_eq!(ShardState::from_bytes(&nan), Err(WrongSnapshot::Damaged));
}

#[test]
fn invented_names_do_not_push_out_an_identity_that_is_known_well() {
    let mut state = ShardState::default();
    let known = Id::from_bytes([255; 16]);
    let mut record = Record::new(known, 1, 1);
    record.seen = 1_000;
    state.add(record);
    for number in 0..3 * MAX_IDENTITIES as u128 {
        state.add(Record::new(Id::from_bytes((number << 8).to_be_bytes()), 1, 2));
    }
    assert!(state.len() <= MAX_IDENTITIES && state.evicted() > 0);
    assert!(state.slab.find(known).is_some());
}

#[test]
fn identities_spread_over_all_shards() {
    let shards: std::collections::BTreeSet<_> =
        (0..=255).map(|byte| shard_of(Some(Id::from_bytes([byte; 16])))).collect();
    assert_eq!(shards.len(), super::SHARDS);
}
