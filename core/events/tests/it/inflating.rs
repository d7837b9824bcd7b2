//! Decompression within limits; the compressed bytes are made by the peers' own encoders.

use events::{Encoding, Limits, inflate, inflate::Error};
use std::io::Write as _;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

fn text(bytes: usize) -> Vec<u8> {
    // Hardly compressible, so that no ratio is met.
    let mut seed = 7u32;
    let next = |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    (0..bytes).map(next).collect()
}

#[test]
fn every_encoding_comes_out_whole() {
    let plain = text(300_000);
    let zstd = zstd::encode_all(plain.as_slice(), 3).expect("zstd encodes");
    let cases = [(plain.clone(), Encoding::Plain), (gzip(&plain), Encoding::Gzip), (zstd, Encoding::Zstd)];
    for (sent, named) in cases {
        assert_eq!(inflate(&sent, named, Limits::REQUEST).expect("whole"), plain);
        assert_eq!(inflate(&sent, Encoding::Auto, Limits::REQUEST).expect("whole"), plain);
    }
    let two = [gzip(b"one "), gzip(b"two")].concat();
    assert_eq!(inflate(&two, Encoding::Auto, Limits::REQUEST).expect("two members"), b"one two".as_slice());
}

#[test]
fn a_cut_stream_says_where_wherever_it_is_cut() {
    let plain = text(2_000);
    let zstd = zstd::encode_all(plain.as_slice(), 3).expect("zstd encodes");
    for (whole, named) in [(gzip(&plain), Encoding::Gzip), (zstd, Encoding::Zstd)] {
        for cut in 1..whole.len() {
            let wrong = inflate(&whole[..cut], named, Limits::REQUEST).expect_err("cut");
            match wrong {
                Error::Truncated { at, .. } => assert!(at <= cut, "{at} of {cut}"),
                other => panic!("cut at {cut}: {other}"),
            }
        }
    }
}

#[test]
fn damage_is_found() {
    let mut whole = gzip(&text(10_000));
    let middle = whole.len() / 2;
    whole[middle] ^= 1;
    assert!(matches!(inflate(&whole, Encoding::Auto, Limits::REQUEST), Err(Error::Corrupt { .. })));
    assert!(matches!(inflate(b"{}", Encoding::Zstd, Limits::REQUEST), Err(Error::Corrupt { .. })));
    assert!(matches!(
        inflate(b"{}", Encoding::Gzip, Limits::REQUEST),
        Err(Error::Truncated { .. } | Error::Corrupt { .. })
    ));
}

#[test]
fn bombs_cost_no_more_than_the_limits_allow() {
    let zeros = vec![0; 50 << 20];
    let zstd = zstd::encode_all(zeros.as_slice(), 3).expect("zstd encodes");
    for sent in [gzip(&zeros), zstd] {
        match inflate(&sent, Encoding::Auto, Limits::REQUEST).expect_err("a bomb") {
            Error::Bomb { output, .. } => assert!(output < 10 << 20, "stopped only at {output}"),
            other => panic!("{other}"),
        }
    }
    let small = Limits { input: 1_000, output: 2_000, ratio: 1_000_000 };
    assert!(matches!(inflate(&text(1_001), Encoding::Auto, small), Err(Error::TooMuchIn { .. })));
    let sent = gzip(&[b'x'; 70_000]);
    assert!(matches!(inflate(&sent, Encoding::Auto, small), Err(Error::TooMuchOut { limit: 2_000, .. })));
}

#[test]
fn a_wide_zstd_window_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("zstd encodes");
    encoder.window_log(24).expect("a window of 16 MiB");
    encoder.include_contentsize(false).expect("a streaming frame");
    encoder.write_all(&text(17 << 20)).expect("a vector takes all");
    let sent = encoder.finish().expect("a vector takes all");
    assert!(matches!(inflate(&sent, Encoding::Auto, Limits::REQUEST), Err(Error::Corrupt { .. })));
}
