//! X-Wing against the draft's own vectors, and against the `x-wing` crate both ways.
//!
//! The vectors' seeds become key and ciphertext through `x-wing` and `ml-kem`; the shared secret at the
//! end is the published one, and depends on every byte before it.

use crate::{Error, aws_lc};
use base::{Secret, digest::hex};
use sha3::{
    Shake256,
    digest::{ExtendableOutput as _, Update as _, XofReader as _},
};
use x_wing::{Decapsulate as _, Decapsulator as _, KeyExport as _};

/// draft-connolly-cfrg-xwing-kem, appendix C: seed, eseed, ss.
const VECTORS: [[&str; 3]; 2] = [
    [
        "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
        "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2\
         35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
        "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384",
    ],
    [
        "badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea",
        "17cda7cfad765f5623474d368ccca8af0007cd9f5e4c849f167a580b14aabdef\
         aee7eef47cb0fca9767be1fda69419dfb927e9df07348b196691abaeb580b32d",
        "f2e86241c64d60f6649fbc6c5b7d17180b780a3f34355e64a85749949c45f150",
    ],
];

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal");
    std::array::from_fn(byte)
}

/// The draft's 32-byte seed as the expanded private key that is stored here.
#[expect(deprecated, reason = "the expanded form is what AWS-LC takes")]
fn expand(seed: [u8; 32]) -> Secret<Vec<u8>> {
    use ml_kem::ExpandedKeyEncoding as _;
    let mut expanded = [0; 96];
    Shake256::default().chain(seed).finalize_xof().read(&mut expanded);
    let ml_kem: [u8; 64] = expanded[..64].try_into().expect("64 bytes");
    let mut private =
        ml_kem::ml_kem_768::DecapsulationKey::from_seed(ml_kem.into()).to_expanded_bytes().to_vec();
    private.extend_from_slice(&expanded[64..]);
    Secret::new(private)
}

#[test]
fn the_drafts_vectors() {
    let provider = aws_lc();
    for [seed, eseed, shared] in VECTORS {
        let theirs = x_wing::DecapsulationKey::from(bytes::<32>(seed));
        let public = theirs.encapsulation_key();
        let (ciphertext, _) = public.encapsulate_deterministic(&bytes::<64>(eseed).into());

        let private = expand(bytes(seed));
        assert_eq!(super::public(&*provider, &private).expect("a key"), public.to_bytes().to_vec());
        let ours = super::decapsulate(&*provider, &private, &ciphertext).expect("it opens");
        assert_eq!(hex(ours.expose()), shared);
    }
}

#[test]
fn what_we_encapsulate_the_other_opens() {
    let provider = aws_lc();
    for seed in 0..8 {
        let theirs = x_wing::DecapsulationKey::from([seed; 32]);
        let (ciphertext, shared) =
            super::encapsulate(&*provider, &theirs.encapsulation_key().to_bytes()).expect("a key");
        let ciphertext = x_wing::Ciphertext::try_from(ciphertext.as_slice()).expect("1,120 bytes");
        assert_eq!(theirs.decapsulate(&ciphertext).as_slice(), shared.expose());
    }
}

#[test]
fn an_altered_private_key_is_refused() {
    let provider = aws_lc();
    let (private, public) = super::generate(&*provider);
    assert_eq!(super::public(&*provider, &private), Ok(public));
    let mut altered = private.clone();
    altered.expose_mut()[1_200] ^= 1;
    assert!(matches!(super::public(&*provider, &altered), Err(Error::NotAKey { .. })));
    let short = Secret::new(private.expose()[1..].to_vec());
    assert!(matches!(super::public(&*provider, &short), Err(Error::WrongLength { .. })));
}
