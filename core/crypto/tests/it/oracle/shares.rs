//! Shamir shares: round trips, what must not combine, and Trezor's implementation on the other side.

use crate::python::ask;
use base::Secret;
use crypto::{
    Error, aws_lc, random, secret,
    shamir::{SHARE_LEN, Share, combine, split},
    text,
};
use serde_json::{Value, json};

fn pair(share: &Share) -> Value {
    json!([share.index(), text::encode(&share.as_bytes().expose()[1..])])
}

fn share(index: u8, value: &[u8]) -> Share {
    Share::from_bytes(Secret::new([&[index], value].concat())).expect("33 bytes")
}

#[test]
fn any_quorum_gives_the_secret_and_fewer_do_not() {
    let provider = aws_lc();
    for (custodians, quorum) in [(2, 2), (3, 2), (5, 3), (7, 7), (255, 2), (255, 255)] {
        let key = secret::<32>(&*provider);
        let shares = split(&*provider, &key, custodians, quorum).expect("a quorum");
        assert_eq!(shares.len(), usize::from(custodians));
        let quorum_len = usize::from(quorum);
        for start in [0, shares.len() - quorum_len] {
            let chosen = shares[start..start + quorum_len].iter().rev().cloned().collect::<Vec<_>>();
            assert_eq!(combine(&mut chosen.clone(), quorum).expect("a quorum").expose(), key.expose());
            let few = combine(&mut chosen[1..].to_vec(), quorum).expect_err("fewer");
            assert_eq!(few, Error::Shares { why: "there are fewer than the quorum" });
            if quorum > 2 {
                // Asked to combine fewer all the same, it gives something else.
                assert_ne!(
                    combine(&mut chosen[1..].to_vec(), 2).expect("two or more").expose(),
                    key.expose()
                );
            }
        }
        assert_eq!(combine(&mut shares.clone(), quorum).expect("all of them").expose(), key.expose());
        let mut lent = shares.clone();
        assert!(combine(&mut lent, quorum).is_ok());
        assert_eq!(lent[0].as_bytes().expose(), shares[0].as_bytes().expose(), "they are as they were");
        let stored = shares[0].as_bytes().clone();
        assert_eq!((stored.expose().len(), stored.expose()[0]), (SHARE_LEN, 1));
        assert_eq!(Share::from_bytes(stored.clone()).expect("a share").as_bytes().expose(), stored.expose());
        assert_eq!(format!("{:?}", shares[0]), "Share(1, …)");
    }
    let key = secret::<32>(&*provider);
    let one = split(&*provider, &key, 3, 2).expect("a quorum");
    let two = split(&*provider, &key, 3, 2).expect("a quorum");
    assert_ne!(one[0].as_bytes().expose(), two[0].as_bytes().expose(), "polynomials are random");
}

#[test]
fn what_is_no_set_of_shares_is_refused() {
    let provider = aws_lc();
    let key = secret::<32>(&*provider);
    for (custodians, quorum) in [(0, 0), (1, 1), (3, 1), (3, 0), (2, 3), (254, 255)] {
        assert!(split(&*provider, &key, custodians, quorum).is_err(), "{quorum} of {custodians}");
    }
    let shares = split(&*provider, &key, 3, 2).expect("a quorum");
    let mut twice = [shares[0].clone(), shares[0].clone()];
    assert_eq!(
        combine(&mut twice, 2).expect_err("one twice"),
        Error::Shares { why: "two have the same index" }
    );
    assert!(combine(&mut [], 0).is_err() && combine(&mut shares[..1].to_vec(), 0).is_err());
    for length in [0, 1, 32, 34] {
        assert!(Share::from_bytes(Secret::new(vec![1; length])).is_err(), "{length} bytes");
    }
    assert!(Share::from_bytes(Secret::new(vec![0; SHARE_LEN])).is_err(), "the index 0");
}

/// Below its mnemonics SLIP-39 shares over the same field in the same way, so its reference implementation combines our
/// shares, and the points that it computes on polynomials of its own are shares that we combine.
#[test]
fn trezors_implementation_and_we_combine_each_others_shares() {
    let provider = aws_lc();
    let (mut keys, mut ours) = (Vec::new(), Vec::new());
    for (custodians, quorum) in [(3, 2), (5, 3), (9, 8), (255, 16)] {
        let key = secret::<32>(&*provider);
        let shares = split(&*provider, &key, custodians, quorum).expect("a quorum");
        let last = &shares[shares.len() - usize::from(quorum)..];
        ours.push(last.iter().map(pair).collect::<Vec<_>>());
        keys.push(text::encode(key.expose()));
    }
    let polynomials = [2_u8, 3, 5].map(|degree_and_one| {
        let points = (0..degree_and_one).map(|x| {
            let value = text::encode(&random::<32>(&*provider));
            json!([200 + x, value])
        });
        points.collect::<Vec<_>>()
    });
    let answer = ask("shares.py", &json!({ "combine": ours, "extend": polynomials }));
    assert_eq!(answer["combined"], json!(keys));
    for (polynomial, values) in polynomials.iter().zip(answer["extended"].as_array().expect("a list")) {
        let value = |at: u8| {
            text::decode(values[usize::from(at)].as_str().expect("text"), "answer").expect("base64url")
        };
        let quorum = u8::try_from(polynomial.len()).expect("small");
        for first in 1..=9 - quorum {
            let mut shares = (first..first + quorum).map(|x| share(x, &value(x))).collect::<Vec<_>>();
            assert_eq!(combine(&mut shares, quorum).expect("a quorum").expose().as_slice(), value(0));
        }
    }
}
