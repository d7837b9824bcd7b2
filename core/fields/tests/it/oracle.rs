//! Files made at random, read by the `csv` crate on the other side: what it reads after protect and reveal
//! is what it read before, and the columns that no policy names it reads alike in between.

use crate::{random::Dice, world::World};
use fields::FieldPolicy;

impl Dice {
    fn cell(&mut self) -> String {
        const PIECES: [&str; 10] = ["a", "é", " ", ",", "\"", "\n", "\r\n", "1", "_", "🦀"];
        let length = [0, 1, 3, 9][self.roll(4)];
        let text: String = (0..length).map(|_| PIECES[self.roll(PIECES.len())]).collect();
        let must = text.contains([',', '"', '\n', '\r']);
        if must || self.roll(4) == 0 { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    }

    fn file(&mut self) -> Vec<u8> {
        let mut file = b"id,secret,note,other\n".to_vec();
        for row in 0..self.roll(30) {
            if self.roll(8) == 0 {
                file.extend_from_slice(b"\r\n");
            }
            let cells = [self.cell(), self.cell(), self.cell()];
            file.extend_from_slice(format!("{row},{}", cells.join(",")).as_bytes());
            file.extend_from_slice([b"\n".as_slice(), b"\r\n"][self.roll(2)]);
        }
        file
    }
}

fn read(file: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file);
    let record = |record: Result<csv::StringRecord, csv::Error>| {
        record.expect("valid CSV").iter().map(str::to_owned).collect()
    };
    reader.records().map(record).collect()
}

#[test]
fn files_made_at_random() {
    let world = World::new();
    for seed in 1..=150_u64 {
        let mut dice = Dice(seed);
        let file = dice.file();
        let policy = FieldPolicy::aead(["secret", "other"]).expect("a policy");
        let (output, manifest) = world.protect(&file, policy, 1 + dice.roll(40)).expect("it protects");
        let plain = world.reveal(&output, &manifest, 1 + dice.roll(40)).expect("it reveals");
        let (before, between, after) = (read(&file), read(&output), read(&plain));
        assert_eq!(before, after, "seed {seed}");
        assert_eq!(manifest.output.rows(), before.len() as u64 - 1, "seed {seed}");
        for (row, (before, between)) in before.iter().zip(&between).enumerate().skip(1) {
            assert_eq!((&before[0], &before[2]), (&between[0], &between[2]), "seed {seed}, row {row}");
            for column in [1, 3] {
                let sealed = between[column].len();
                assert!(sealed == 0 || sealed >= 44, "seed {seed}, row {row}: {}", between[column]);
                assert!(sealed > 0 || before[column].is_empty(), "seed {seed}, row {row} was lost");
            }
        }
    }
}

#[test]
fn bytes_at_random_are_an_error_or_a_file() {
    let world = World::new();
    const BYTES: &[u8] = b"a,\"\r\n\xff\xef\xbb\xbf=A_";
    let mut dice = Dice(7);
    for _ in 0..2_000 {
        let mut file = b"secret,x\n".to_vec();
        let length = dice.roll(40);
        file.extend((0..length).map(|_| BYTES[dice.roll(BYTES.len())]));
        let policy = FieldPolicy::aead(["secret"]).expect("a policy");
        let Ok((output, manifest)) = world.protect(&file, policy.clone(), 1 + dice.roll(20)) else {
            continue;
        };
        let plain = world.reveal(&output, &manifest, 1 + dice.roll(20)).expect("what we wrote");
        // What came back is in its final form: it survives the same way unchanged.
        let (output, manifest) = world.protect(&plain, policy, 100).expect("what we wrote");
        assert_eq!(world.reveal(&output, &manifest, 100).expect("what we wrote"), plain);
    }
}
