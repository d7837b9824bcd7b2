//! Decompression within limits; the compressed bytes are made by the peers' own encoders.

use events::inflate::{Error, STEP, inflate_within};
use events::{Encoding, Inflater, Limits, inflate};
use std::io::{BufReader, Write as _};

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

/// Gives a few bytes at a time, and at the end what it is told to.
struct Slow<'b>(&'b [u8], Option<std::io::ErrorKind>);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if let (true, Some(kind)) = (self.0.is_empty(), self.1) {
            return Err(kind.into());
        }
        let most = out.len().min(7);
        std::io::Read::read(&mut self.0, &mut out[..most])
    }
}

/// Everything that comes out, in pieces of an odd size.
fn all(reader: Slow<'_>, limits: Limits) -> Result<Vec<u8>, Error> {
    let mut inflater = Inflater::new(BufReader::with_capacity(13, reader), Encoding::Auto, limits)?;
    let (mut out, mut piece) = (Vec::new(), [0; 1_001]);
    loop {
        match inflater.read(&mut piece)? {
            0 => return Ok(out),
            read => out.extend_from_slice(&piece[..read]),
        }
    }
}

#[test]
fn a_file_inflates_as_it_is_read_whatever_its_size() {
    let plain = text(300_000);
    let zstd = zstd::encode_all(plain.as_slice(), 3).expect("zstd encodes");
    let frames = [zstd.clone(), zstd.clone()].concat();
    for (sent, times) in [(plain.clone(), 1), (gzip(&plain), 1), (zstd, 1), (frames, 2)] {
        assert_eq!(all(Slow(&sent, None), Limits::FILE).expect("whole"), plain.repeat(times));
        let cut = &sent[..sent.len() - 9];
        if sent != plain {
            assert!(matches!(all(Slow(cut, None), Limits::FILE), Err(Error::Truncated { .. })));
        }
        // A disk that fails is no damage.
        let failed = all(Slow(cut, Some(std::io::ErrorKind::TimedOut)), Limits::FILE);
        assert!(matches!(failed, Err(Error::Unread { .. })), "{failed:?}");
    }
    assert!(all(Slow(b"", None), Limits::FILE).expect("empty").is_empty());
    assert_eq!(all(Slow(b"{", None), Limits::FILE).expect("shorter than what tells"), b"{");
    assert_eq!((Limits::FILE.input, Limits::FILE.output), (usize::MAX, usize::MAX), "its user named it");
}

#[test]
fn a_file_is_refused_for_its_ratio_and_its_window_only() {
    // More than a request may inflate to, at a ratio that a request may not have.
    let zeros = vec![0; 1 << 20];
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("zstd encodes");
    for _ in 0..600 {
        encoder.write_all(&text(4_000)).expect("memory");
        encoder.write_all(&zeros).expect("memory");
    }
    let sent = encoder.finish().expect("memory");
    assert!(matches!(inflate(&sent, Encoding::Auto, Limits::REQUEST), Err(Error::Bomb { .. })));
    let mut inflater = Inflater::new(sent.as_slice(), Encoding::Auto, Limits::FILE).expect("it begins");
    let (mut out, mut piece) = (0, vec![0; 1 << 16]);
    loop {
        match inflater.read(&mut piece).expect("it is read") {
            0 => break,
            read => out += read,
        }
    }
    assert!(out > Limits::REQUEST.output, "{out}");
    // What is nearly nothing is a bomb here too.
    let bomb = zstd::encode_all(std::io::Read::take(std::io::repeat(0), 100 << 20), 1).expect("zstd encodes");
    let mut inflater = Inflater::new(bomb.as_slice(), Encoding::Auto, Limits::FILE).expect("it begins");
    let wrong = loop {
        match inflater.read(&mut piece) {
            Ok(0) => panic!("it came out whole"),
            Ok(_) => {}
            Err(wrong) => break wrong,
        }
    };
    assert!(matches!(wrong, Error::Bomb { .. }), "{wrong}");
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("zstd encodes");
    encoder.window_log(24).expect("a window of 16 MiB");
    encoder.include_contentsize(false).expect("a streaming frame");
    encoder.write_all(&text(17 << 20)).expect("memory");
    let wide = encoder.finish().expect("memory");
    assert!(matches!(all(Slow(&wide[..1_000], None), Limits::FILE), Err(Error::Corrupt { .. })));
}

#[test]
fn room_is_claimed_before_anything_takes_it() {
    let plain = text(5 << 20);
    let sent = gzip(&plain);
    let mut claimed = 0;
    let out = inflate_within(&sent, Encoding::Auto, Limits::REQUEST, |more| {
        claimed += more;
        true
    });
    assert_eq!(out.expect("there is room").len(), plain.len());
    assert!((plain.len()..plain.len() + STEP).contains(&claimed), "{claimed}");
    let mut left = 3 << 20;
    let mut within = |more: usize| {
        let fits = more <= left;
        left -= if fits { more } else { 0 };
        fits
    };
    match inflate_within(&sent, Encoding::Auto, Limits::REQUEST, &mut within).expect_err("there is none") {
        Error::NoRoom { output } => assert!(output <= 3 << 20, "{output}"),
        other => panic!("{other}"),
    }
    assert!(matches!(
        inflate_within(&plain, Encoding::Plain, Limits::REQUEST, |_| false),
        Err(Error::NoRoom { output: 0 })
    ));
}
