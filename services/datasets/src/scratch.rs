//! The file behind an encrypted spool: it has no name from its first byte on, so that nothing is left of it when the
//! process ends, however it ends. What it is handed is encrypted under a key in memory already.

use crate::{Datasets, Error};
use fields::formats::{Scratch, Spool};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
};

struct Nameless(File);

impl Scratch for Nameless {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }
}

impl Datasets {
    /// An empty spool in the spool directory.
    pub(crate) fn spool(&self) -> Result<Spool, Error> {
        let dir = self.spool_dir.as_deref().ok_or_else(|| Error::Spool(io::ErrorKind::NotFound.into()))?;
        let file = || {
            fs::create_dir_all(dir)?;
            let name = base::digest::hex(&crypto::random::<16>(&*self.provider));
            let path = dir.join(format!("{name}.spool"));
            let mut options = OpenOptions::new();
            let file = options.read(true).append(true).create_new(true).mode(0o600).open(&path)?;
            fs::remove_file(&path)?;
            Ok(file)
        };
        Ok(Spool::new(&*self.provider, Box::new(Nameless(file().map_err(Error::Spool)?))))
    }
}
