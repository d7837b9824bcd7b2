//! The keys of a witness, and the file that holds them (`docs/formats/witness-key.md`).

use base::{Secret, Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use crypto::sign::{Algorithm, SigningKey};
use verify::{Checkpoint, SignatureType, VerifierKey, note};

/// A witness's two keys under one name: ML-DSA-44 (`0x06`), and Ed25519 (`0x04`) for old clients.
#[derive(Clone)]
pub struct WitnessKeys {
    keys: [(VerifierKey, SigningKey); 2],
}

/// A key file that cannot be used. It never says what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the witness's key file is not one ML-DSA-44 and one Ed25519 key under one name: {0}")]
pub struct WrongKeyFile(&'static str);

/// The kinds, in the order of the file.
const KINDS: [(SignatureType, Algorithm); 2] =
    [(SignatureType::MlDsa44, Algorithm::MlDsa44), (SignatureType::Ed25519Cosignature, Algorithm::Ed25519)];

impl WitnessKeys {
    /// New keys under a name: a schema-less URL that nobody else signs with.
    ///
    /// # Errors
    /// [`WrongKeyFile`] for a name that no key may have.
    pub fn generate(provider: &dyn crypto::Provider, name: &str) -> Result<Self, WrongKeyFile> {
        let make = |(kind, algorithm)| named(name, kind, SigningKey::generate(provider, algorithm));
        let [ml_dsa_44, ed25519] = KINDS.map(make);
        Ok(Self { keys: [ml_dsa_44?, ed25519?] })
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// [`WrongKeyFile`].
    pub fn read(provider: &dyn crypto::Provider, file: &Secret<String>) -> Result<Self, WrongKeyFile> {
        let text = file.expose().strip_suffix('\n').ok_or(WrongKeyFile("it does not end in a newline"))?;
        let lines: Vec<&str> = text.split('\n').collect();
        let [first, second] = lines.as_slice() else { return Err(WrongKeyFile("it has not two lines")) };
        let key = |line: &str, (kind, algorithm): (SignatureType, Algorithm)| {
            let form = WrongKeyFile("a line is not PRIVATE+KEY+name+hash+base64");
            let rest = line.strip_prefix("PRIVATE+KEY+").ok_or(form)?;
            let (name, rest) = rest.split_once('+').ok_or(form)?;
            let (hash, encoded) = rest.split_once('+').ok_or(form)?;
            let typed = Secret::new(STANDARD.decode(encoded).map_err(|_| form)?);
            let (found, seed) = typed.expose().split_first().ok_or(form)?;
            if *found != kind.byte() {
                return Err(WrongKeyFile("the first line is of type 0x06, the second of 0x04"));
            }
            let seed = Secret::new(seed.to_vec());
            let key = SigningKey::from_secret(provider, algorithm, seed)
                .map_err(|_| WrongKeyFile("a seed has 32 bytes"))?;
            let (verifier, key) = named(name, kind, key)?;
            if base::digest::hex(&verifier.key_id()) == hash {
                Ok((verifier, key))
            } else {
                Err(WrongKeyFile("a hash is not that of its name and key"))
            }
        };
        let keys = [key(first, KINDS[0])?, key(second, KINDS[1])?];
        if keys[0].0.name() == keys[1].0.name() {
            Ok(Self { keys })
        } else {
            Err(WrongKeyFile("the names differ"))
        }
    }

    /// The key file.
    #[must_use]
    pub fn to_file(&self) -> Secret<String> {
        let line = |(verifier, key): &(VerifierKey, SigningKey)| {
            let mut typed = vec![verifier.kind().byte()];
            typed.extend_from_slice(key.as_secret().expose());
            let typed = Secret::new(typed);
            let hash = base::digest::hex(&verifier.key_id());
            format!("PRIVATE+KEY+{}+{hash}+{}\n", verifier.name(), STANDARD.encode(typed.expose()))
        };
        Secret::new(self.keys.iter().map(line).collect())
    }

    /// The keys that check its cosignatures: ML-DSA-44 first.
    #[must_use]
    pub fn verifier_keys(&self) -> [VerifierKey; 2] {
        [self.keys[0].0.clone(), self.keys[1].0.clone()]
    }

    /// The lines that cosign a checkpoint; none at a time before 1970, which no cosignature can state.
    pub(super) fn cosign(&self, checkpoint: &Checkpoint, time: Timestamp) -> Option<String> {
        let seconds = u64::try_from(time.seconds()).ok().filter(|seconds| *seconds > 0)?;
        let line = |(verifier, key): &(VerifierKey, SigningKey)| {
            let raw = key.sign(&checkpoint.message(verifier.kind(), verifier.name(), seconds));
            let signature = [seconds.to_be_bytes().as_slice(), &raw].concat();
            note::signature_line(verifier.name(), verifier.key_id(), &signature)
        };
        Some(self.keys.iter().map(line).collect())
    }
}

fn named(
    name: &str,
    kind: SignatureType,
    key: SigningKey,
) -> Result<(VerifierKey, SigningKey), WrongKeyFile> {
    let verifier = VerifierKey::new(name, kind, key.verifying_key().as_bytes());
    verifier.map(|verifier| (verifier, key)).map_err(|_| WrongKeyFile("no key may have this name"))
}
