//! AES-256 as `fpe` takes it: FF1 copies its cipher in every round, and a copy of a key schedule would cost
//! more than the round and leave one more to wipe. So the copies share one, wiped when the last is gone.

use aes::{
    Aes256Enc,
    cipher::{
        BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, Key, KeyInit, KeySizeUser,
        common::typenum::{U16, U32},
    },
};
use std::sync::Arc;

/// A shared AES-256 key schedule, for encrypting: FF1 decrypts with it too.
#[derive(Clone)]
pub(super) struct SharedAes(Arc<Aes256Enc>);

impl KeySizeUser for SharedAes {
    type KeySize = U32;
}

impl KeyInit for SharedAes {
    fn new(key: &Key<Self>) -> Self {
        Self(Arc::new(Aes256Enc::new(key)))
    }
}

impl BlockSizeUser for SharedAes {
    type BlockSize = U16;
}

impl BlockCipherEncrypt for SharedAes {
    fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = U16>) {
        self.0.encrypt_with_backend(f);
    }
}
