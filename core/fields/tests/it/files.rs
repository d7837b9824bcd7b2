//! Files of any format, through protect and reveal.

use crate::world::World;
use fields::{
    Error, FieldPolicy, Manifest, Protector,
    formats::{Format, Outcome, Protect, Reveal, Spool},
};

impl World {
    fn spool(&self, format: Format) -> Option<Spool> {
        format.spooled().then(|| Spool::new(&*self.provider, Box::new(Vec::new())))
    }

    /// Protects a file that arrives in pieces of `piece` bytes, under the fields' own keys too.
    pub(crate) fn protect_file(
        &self,
        format: Format,
        input: &[u8],
        policy: &FieldPolicy,
        piece: usize,
    ) -> Result<(Vec<u8>, Manifest), Error> {
        self.protect_by(format, input, self.keyed(policy.clone())?, piece)
    }

    pub(crate) fn protect_by(
        &self,
        format: Format,
        input: &[u8],
        protector: Protector,
        piece: usize,
    ) -> Result<(Vec<u8>, Manifest), Error> {
        let mut protect = Protect::new(format, protector, self.spool(format))?;
        let mut out = Vec::new();
        for piece in input.chunks(piece) {
            protect.push(piece, &mut out)?;
        }
        while protect.more(&mut out)? {}
        let manifest = protect.finish(&mut out)?;
        Ok((out, manifest))
    }

    /// Reveals it, or these of its fields.
    pub(crate) fn reveal_file(
        &self,
        output: &[u8],
        manifest: &Manifest,
        fields: Option<&[String]>,
        piece: usize,
    ) -> Result<Vec<u8>, Error> {
        let spool = self.spool(manifest.output.format()?);
        let mut reveal = Reveal::new(manifest, self.revealer_of(manifest, fields)?, spool)?;
        let mut out = Vec::new();
        for piece in output.chunks(piece) {
            reveal.push(piece, &mut out)?;
        }
        reveal.finish(&mut out)?;
        Ok(out)
    }

    /// Protects a file with several jobs at a time, each on a thread of its own.
    pub(crate) fn protect_on_threads(
        &self,
        format: Format,
        input: &[u8],
        policy: &FieldPolicy,
    ) -> Result<(Vec<u8>, Manifest), Error> {
        let mut protect = Protect::new(format, self.keyed(policy.clone())?, self.spool(format))?;
        let mut out = Vec::new();
        let mut pieces = input.chunks(600_000);
        loop {
            let piece = pieces.next();
            let jobs = match piece {
                Some(piece) => protect.cut(piece)?,
                None => protect.cut_rest()?,
            };
            if piece.is_none() && jobs.is_empty() {
                break;
            }
            let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
                let running: Vec<_> = jobs.into_iter().map(|job| scope.spawn(|| job.run())).collect();
                running.into_iter().map(|running| running.join().expect("it ends")).collect()
            });
            for outcome in outcomes {
                let Outcome::Done(done) = outcome else { unreachable!("no token is wanted") };
                protect.join(done, &mut out)?;
            }
        }
        let manifest = protect.finish(&mut out)?;
        Ok((out, manifest))
    }
}
