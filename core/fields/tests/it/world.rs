//! A dataset with its keys, and a producer: what every test starts from.

use base::{Id, Timestamp, noun};
use crypto::{
    Provider, Suite, aws_lc,
    hpke::KeyPair,
    sign::{Algorithm, SigningKey},
    value::DataKey,
};
use fields::{
    DatasetKey, Error, FieldPolicy, Manifest, Protector, Revealer, Run, SignedManifest,
    formats::csv::{Dialect, Protect, Reveal},
};
use std::sync::Arc;

pub(crate) struct World {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) pair: KeyPair,
    pub(crate) producer: SigningKey,
    pub(crate) key: DatasetKey,
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
        Self { provider, pair, producer, key }
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
        let mut protect = Protect::new(Dialect::default(), self.protector(policy));
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
        let keys = self.data_keys(manifest)?;
        let keys = keys.iter().map(|(field, key)| (field.as_str(), key));
        Revealer::new(&*self.provider, manifest, manifest.part(fields)?, keys)
    }

    pub(crate) fn reveal(&self, output: &[u8], manifest: &Manifest, piece: usize) -> Result<Vec<u8>, Error> {
        let mut reveal = Reveal::new(manifest, self.revealer(manifest)?)?;
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
