//! A file of any format on its way in, cut into parts of work.

use super::{
    Format, Spool, csv, json, parquet,
    work::{Data, Part, Plan},
};
use crate::{Error, Protector, Type};
use std::sync::Arc;

/// A file that is being read.
#[derive(Debug)]
pub(super) enum Source {
    Csv { framer: csv::Framer, dialect: csv::Dialect, header: Option<Arc<csv::Header>> },
    Json { framer: json::Framer, paths: Arc<json::Paths> },
    Parquet(parquet::File),
}

impl Source {
    pub(super) fn new(
        format: Format,
        plan: &Plan,
        spool: Option<Spool>,
        whole: parquet::Whole,
    ) -> Result<Self, Error> {
        Ok(match format {
            Format::Csv(dialect) => Self::Csv { framer: csv::Framer::new(dialect), dialect, header: None },
            Format::Json | Format::Ndjson => {
                let fields = plan.fields.iter().map(|field| &field.path);
                let paths = Arc::new(json::Paths::new(fields.chain(&plan.row_key)));
                Self::Json { framer: json::Framer::new(format == Format::Ndjson), paths }
            }
            Format::Parquet => Self::Parquet(parquet::File::new(spool, whole)?),
        })
    }

    /// Tells the types of the values that are known beforehand.
    pub(super) fn state_types(&self, protector: &mut Protector) -> Result<(), Error> {
        if matches!(self, Self::Json { .. }) {
            for field in 0..protector.policy().fields().len() {
                protector.set_type(field, Type::JSON)?;
            }
        }
        Ok(())
    }

    /// Takes what a job made, in the order of the file: all bytes that may go out, behind those that were there.
    pub(super) fn write(&mut self, data: Data) -> Result<Vec<u8>, Error> {
        match (data, self) {
            (Data::Bytes(bytes), _) => Ok(bytes),
            (Data::Leaf(leaf, mut out), Self::Parquet(file)) => file.write(leaf, &mut out).map(|()| out),
            (Data::Leaf(_, out), _) => Ok(out),
            #[cfg(feature = "parquet-encryption")]
            (Data::Group(group, bytes), Self::Parquet(file)) => {
                file.put_back(group);
                Ok(bytes)
            }
            #[cfg(feature = "parquet-encryption")]
            (Data::Group(_, bytes), _) => Ok(bytes),
        }
    }

    /// Takes the next bytes, and gives the parts that are whole.
    pub(super) fn push(&mut self, bytes: &[u8], plan: &Plan) -> Result<Vec<Part>, Error> {
        match self {
            Self::Csv { framer, .. } => {
                let cuts = framer.push(bytes)?;
                self.records(cuts, plan)
            }
            Self::Json { framer, .. } => {
                let pieces = framer.push(bytes)?;
                Ok(self.pieces(pieces))
            }
            Self::Parquet(file) => file.push(bytes).map(|()| Vec::new()),
        }
    }

    /// After the last bytes: the parts that are left, some at a time.
    pub(super) fn rest(&mut self, plan: &Plan) -> Result<Vec<Part>, Error> {
        match self {
            Self::Csv { framer, .. } => {
                let cuts = framer.finish()?;
                self.records(cuts, plan)
            }
            Self::Json { framer, .. } => {
                let pieces = framer.finish()?;
                Ok(self.pieces(pieces))
            }
            Self::Parquet(file) => file.rest(plan),
        }
    }

    fn records(&mut self, cuts: Vec<csv::Cut>, plan: &Plan) -> Result<Vec<Part>, Error> {
        let Self::Csv { dialect, header, .. } = self else { return Ok(Vec::new()) };
        let mut parts = Vec::with_capacity(cuts.len());
        for cut in cuts {
            match cut {
                csv::Cut::Header(bytes, names) => {
                    *header = Some(Arc::new(csv::Header::new(*dialect, &names, plan)?));
                    parts.push(Part::Copy { bytes, rows: 0 });
                }
                csv::Cut::Records(piece) => {
                    // The header comes first.
                    parts.extend(header.clone().map(|header| Part::Csv(piece, header)));
                }
            }
        }
        Ok(parts)
    }

    fn pieces(&self, pieces: Vec<json::Piece>) -> Vec<Part> {
        let Self::Json { paths, .. } = self else { return Vec::new() };
        pieces.into_iter().map(|piece| Part::Json(piece, paths.clone())).collect()
    }
}
