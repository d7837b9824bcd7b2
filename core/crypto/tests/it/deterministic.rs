//! AWS-LC's deterministic calls, which `aws-lc-rs` leaves out and published vectors need: ML-KEM keys from a seed,
//! and encapsulation with given randomness.
#![expect(unsafe_code, reason = "the library's C interface, in tests only")]

use aws_lc_sys::{
    EVP_PKEY, EVP_PKEY_CTX, EVP_PKEY_CTX_free, EVP_PKEY_CTX_kem_set_params, EVP_PKEY_CTX_new,
    EVP_PKEY_CTX_new_id, EVP_PKEY_KEM, EVP_PKEY_encapsulate_deterministic, EVP_PKEY_free,
    EVP_PKEY_get_raw_private_key, EVP_PKEY_get_raw_public_key, EVP_PKEY_kem_new_raw_public_key,
    EVP_PKEY_keygen_deterministic, EVP_PKEY_keygen_init, NID_MLKEM768, NID_MLKEM1024,
};
use crypto::MlKem;
use std::ptr::null_mut;

struct Key(*mut EVP_PKEY);

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours alone, from a call that made it; null is taken.
        unsafe { EVP_PKEY_free(self.0) }
    }
}

struct Call(*mut EVP_PKEY_CTX);

impl Drop for Call {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours alone, from a call that made it; null is taken.
        unsafe { EVP_PKEY_CTX_free(self.0) }
    }
}

const fn nid(set: MlKem) -> i32 {
    match set {
        MlKem::MlKem768 => NID_MLKEM768,
        MlKem::MlKem1024 => NID_MLKEM1024,
    }
}

/// The expanded decapsulation key and the encapsulation key of a 64-byte seed; nothing for another length.
pub(crate) fn ml_kem_keys(set: MlKem, seed: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut private, mut public) = (vec![0; set.private_len()], vec![0; set.public_len()]);
    let (mut private_len, mut public_len, mut seed_len) = (private.len(), public.len(), seed.len());
    let mut key = Key(null_mut());
    // SAFETY: every pointer is valid for the length beside it; the library refuses lengths that do not fit.
    unsafe {
        let call = Call(EVP_PKEY_CTX_new_id(EVP_PKEY_KEM, null_mut()));
        let done = !call.0.is_null()
            && EVP_PKEY_CTX_kem_set_params(call.0, nid(set)) == 1
            && EVP_PKEY_keygen_init(call.0) == 1
            && EVP_PKEY_keygen_deterministic(call.0, &raw mut key.0, seed.as_ptr(), &raw mut seed_len) == 1
            && EVP_PKEY_get_raw_private_key(key.0, private.as_mut_ptr(), &raw mut private_len) == 1
            && EVP_PKEY_get_raw_public_key(key.0, public.as_mut_ptr(), &raw mut public_len) == 1;
        done.then_some((private, public))
    }
}

/// Ciphertext and shared secret; nothing where the key is none.
pub(crate) fn ml_kem_encapsulate(set: MlKem, public: &[u8], randomness: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut ciphertext, mut shared) = (vec![0; set.ciphertext_len()], vec![0; 32]);
    let (mut ciphertext_len, mut shared_len) = (ciphertext.len(), shared.len());
    let mut randomness_len = randomness.len();
    // SAFETY: every pointer is valid for the length beside it; the library refuses lengths that do not fit.
    unsafe {
        let key = Key(EVP_PKEY_kem_new_raw_public_key(nid(set), public.as_ptr(), public.len()));
        if key.0.is_null() {
            return None;
        }
        let call = Call(EVP_PKEY_CTX_new(key.0, null_mut()));
        let done = !call.0.is_null()
            && EVP_PKEY_encapsulate_deterministic(
                call.0,
                ciphertext.as_mut_ptr(),
                &raw mut ciphertext_len,
                shared.as_mut_ptr(),
                &raw mut shared_len,
                randomness.as_ptr(),
                &raw mut randomness_len,
            ) == 1;
        done.then_some((ciphertext, shared))
    }
}
