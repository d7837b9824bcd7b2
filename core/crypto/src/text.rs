//! Base 64 with the URL alphabet and without padding (RFC 4648, section 5): how bytes stand in text.

use crate::Error;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Encodes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Encodes and appends.
pub fn encode_into(bytes: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

/// Encodes and appends, as the bytes of the text.
pub fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let length = base64::encoded_len(bytes.len(), false).expect("text of it fits in memory");
    out.resize(start + length, 0);
    URL_SAFE_NO_PAD.encode_slice(bytes, &mut out[start..]).expect("there is room for all of it");
}

/// Decodes. Padding, other alphabets and non-zero trailing bits are refused, so that every value has one
/// text form.
///
/// # Errors
/// [`Error::Malformed`].
pub fn decode(text: impl AsRef<[u8]>, what: &'static str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Malformed { what, why: "it is no unpadded base64url" })
}

/// Decodes and appends, as [`decode`].
///
/// # Errors
/// [`Error::Malformed`]; `out` may then hold a part.
pub fn decode_into(text: impl AsRef<[u8]>, what: &'static str, out: &mut Vec<u8>) -> Result<(), Error> {
    URL_SAFE_NO_PAD
        .decode_vec(text, out)
        .map_err(|_| Error::Malformed { what, why: "it is no unpadded base64url" })
}
