//! Foreign implementations on the other side, from Python: Tink, pyca/cryptography, Trezor's Shamir. They open what
//! we sealed and we open what they sealed. Keys in clear exist only here.

mod field_values;
mod shares;
