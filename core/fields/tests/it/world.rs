//! A dataset with its keys, and a producer: what every test starts from.

use base::{Id, Secret, Timestamp, noun};
use crypto::{
    FieldAlgorithm, FieldKey, Provider, Suite, aws_lc,
    hpke::KeyPair,
    sign::{Algorithm, SigningKey},
    value::DataKey,
};
use fields::{
    DatasetKey, Error, FieldPolicy, KeyNeed, Keyring, Manifest, Protector, Revealer, Run, SignedManifest,
    formats::{Dialect, Format, Protect, Reveal},
};
use std::sync::Arc;

pub(crate) struct World {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) pair: KeyPair,
    pub(crate) producer: SigningKey,
    pub(crate) key: DatasetKey,
    /// What the fields' own keys are derived from.
    pub(crate) secret: [u8; 32],
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(1, 2)
    }

    pub(crate) fn of(organization: u8, dataset: u8) -> Self {
        let provider = aws_lc();
        let pair = KeyPair::generate(&*provider, Suite::Hybrid768);
        let producer = SigningKey::generate(&*provider, Algorithm::MlDsa65);
        let key = DatasetKey {
            organization: Id::from_bytes([organization; 16]),
            dataset: Id::from_bytes([dataset; 16]),
            name: "customers".to_owned(),
            key: Id::from_bytes([3; 16]),
            public: pair.public.clone(),
        };
        let secret = crypto::random(&*provider);
        Self { provider, pair, producer, key, secret }
    }

    pub(crate) fn run(&self) -> Run {
        let id = Id::<noun::Job>::fresh(Timestamp::from_millis(0), crypto::random(&*self.provider));
        Run { id, created: Timestamp::from_millis(1_700_000_000_000) }
    }

    pub(crate) fn protector(&self, policy: FieldPolicy) -> Protector {
        Protector::new(self.provider.clone(), self.key.clone(), self.run(), policy).expect("a key")
    }

    /// Protects a file that arrives in pieces of `piece` bytes.
    pub(crate) fn protect(
        &self,
        input: &[u8],
        policy: FieldPolicy,
        piece: usize,
    ) -> Result<(Vec<u8>, Manifest), Error> {
        let mut protect = Protect::new(Format::Csv(Dialect::default()), self.protector(policy), None)?;
        let mut out = Vec::new();
        for piece in input.chunks(piece) {
            protect.push(piece, &mut out)?;
        }
        let manifest = protect.finish(&mut out)?;
        Ok((out, manifest))
    }

    pub(crate) fn data_keys(&self, manifest: &Manifest) -> Result<Vec<(String, DataKey)>, Error> {
        let open = |key: &fields::SealedKey| {
            Ok((key.field.clone(), manifest.open_key(&*self.provider, &self.pair.private, key)?))
        };
        manifest.keys.iter().map(open).collect()
    }

    pub(crate) fn revealer(&self, manifest: &Manifest) -> Result<Revealer, Error> {
        self.revealer_of(manifest, None)
    }

    pub(crate) fn revealer_of(
        &self,
        manifest: &Manifest,
        fields: Option<&[String]>,
    ) -> Result<Revealer, Error> {
        Revealer::new(self.provider.clone(), manifest, manifest.part(fields)?, &self.ring_for(manifest)?)
    }

    /// The keys that open an output of this manifest.
    pub(crate) fn ring_for(&self, manifest: &Manifest) -> Result<Keyring, Error> {
        let mut ring = self.ring(&manifest.policy);
        for (field, key) in self.data_keys(manifest)? {
            ring.data_key(&field, key);
        }
        Ok(ring)
    }

    /// The own keys of a policy's fields: for the same field and algorithm always the same.
    pub(crate) fn ring(&self, policy: &FieldPolicy) -> Keyring {
        let mut ring = Keyring::new();
        for field in policy.fields() {
            if let KeyNeed::FieldKey(algorithm) = field.mode.key() {
                let key = self.field_key(field.path.as_str(), algorithm);
                ring.field_key(field.path.as_str(), Id::from_bytes([9; 16]), key);
            }
        }
        ring
    }

    pub(crate) fn field_key(&self, field: &str, algorithm: FieldAlgorithm) -> FieldKey {
        let name = format!("{algorithm} {field}");
        let mut bytes = Secret::new(Vec::new());
        for part in [0, 1] {
            let half = self.provider.hmac_sha256(&self.secret, &[name.as_bytes(), &[part]]);
            bytes.expose_mut().extend_from_slice(half.expose());
        }
        bytes.expose_mut().truncate(algorithm.key_len());
        FieldKey::from_secret(algorithm, 7, bytes).expect("its length")
    }

    /// A run with the fields' own keys.
    pub(crate) fn keyed(&self, policy: FieldPolicy) -> Result<Protector, Error> {
        let ring = self.ring(&policy);
        Protector::with_keys(self.provider.clone(), self.key.clone(), self.run(), policy, &ring)
    }

    pub(crate) fn reveal(&self, output: &[u8], manifest: &Manifest, piece: usize) -> Result<Vec<u8>, Error> {
        let mut reveal = Reveal::new(manifest, self.revealer(manifest)?, None)?;
        let mut out = Vec::new();
        for piece in output.chunks(piece) {
            reveal.push(piece, &mut out)?;
        }
        reveal.finish(&mut out)?;
        Ok(out)
    }

    /// Through the file and back.
    pub(crate) fn signed(&self, manifest: &Manifest) -> Result<Manifest, Error> {
        let file = manifest.sign(&self.producer).to_file();
        SignedManifest::read(&file)?.verify(&*self.provider, self.producer.verifying_key())
    }
}
