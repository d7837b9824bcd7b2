//! A file that is read: its metadata within limits, its column chunks page by page.

use super::{damaged, guarded, pages};
use crate::{Error, formats::spool::Spooled};
use bytes::Bytes;
use parquet::{
    column::{
        page::PageReader,
        reader::{ColumnReader, get_column_reader},
    },
    errors::{ParquetError, Result as ParquetResult},
    file::{
        metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
        reader::{ChunkReader, Length},
        serialized_reader::SerializedPageReader,
    },
};
use std::{io, ops::Range, sync::Arc};

/// The largest footer.
const MAX_FOOTER: u64 = 64 << 20;

/// The most columns.
const MAX_COLUMNS: usize = 1 << 14;

const MAGIC: &[u8] = b"PAR1";
const ENCRYPTED: &[u8] = b"PARE";

/// The spooled file, as the library reads it.
#[derive(Debug, Clone)]
pub(super) struct Chunks(pub(super) Arc<Spooled>);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Chunks {
    type T = io::BufReader<From>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        // As small as a page header: pages themselves are asked for by their length.
        Ok(io::BufReader::with_capacity(1 << 10, From { file: self.0.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.len()) {
            return Err(ParquetError::EOF("it ends before what its metadata names".to_owned()));
        }
        let mut bytes = vec![0; length];
        self.0.read_at(start, &mut bytes)?;
        Ok(bytes.into())
    }
}

/// The file from some place on.
#[derive(Debug)]
pub(super) struct From {
    file: Arc<Spooled>,
    at: u64,
}

impl io::Read for From {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.file.len().saturating_sub(self.at);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        self.file.read_at(self.at, &mut out[..length])?;
        self.at += length as u64;
        Ok(length)
    }
}

/// An opened file.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) file: Arc<Chunks>,
    pub(super) metadata: ParquetMetaData,
}

impl Input {
    /// Reads the metadata.
    pub(super) fn open(file: Arc<Spooled>) -> Result<Self, Error> {
        let length = file.len();
        let mut tail = [0; 8];
        let mut head = [0; 4];
        if length < 12 {
            return Err(damaged("it is too short"));
        }
        let unread = |error: io::Error| Error::Spool(error.to_string());
        file.read_at(length - 8, &mut tail).map_err(unread)?;
        file.read_at(0, &mut head).map_err(unread)?;
        let (footer, magic) = tail.split_at(4);
        if magic == ENCRYPTED || head == ENCRYPTED {
            return Err(damaged("its footer is encrypted (Parquet Modular Encryption)"));
        }
        if magic != MAGIC || head != MAGIC {
            return Err(damaged("it does not begin and end with PAR1: it was cut, or is no Parquet"));
        }
        let footer = footer.try_into().map(u32::from_le_bytes).map_or(u64::MAX, u64::from);
        if footer > MAX_FOOTER || footer + 12 > length {
            return Err(damaged(format!("it claims a footer of {footer} bytes")));
        }
        let file = Arc::new(Chunks(file));
        let metadata = guarded(|| ParquetMetaDataReader::new().parse_and_finish(&*file))?;
        let input = Self { file, metadata };
        input.check()?;
        Ok(input)
    }

    fn check(&self) -> Result<(), Error> {
        let columns = self.metadata.file_metadata().schema_descr().num_columns();
        if columns > MAX_COLUMNS {
            return Err(damaged(format!("it has {columns} columns; there may be {MAX_COLUMNS}")));
        }
        for group in self.metadata.row_groups() {
            if group.num_rows() < 0 || group.num_columns() != columns {
                return Err(damaged("a row group does not follow the schema"));
            }
            for column in group.columns() {
                if column.num_values() < 0 || column.uncompressed_size() < 0 {
                    return Err(damaged("a column chunk claims a negative size"));
                }
                if column.file_path().is_some() {
                    return Err(damaged("a column chunk stands in another file"));
                }
            }
        }
        Ok(())
    }

    /// Where a column chunk stands.
    pub(super) fn range(&self, group: usize, leaf: usize) -> Result<Range<u64>, Error> {
        let column = self.metadata.row_group(group).column(leaf);
        let start = column.dictionary_page_offset().filter(|at| *at > 0).unwrap_or(column.data_page_offset());
        let start = u64::try_from(start).ok();
        let length = u64::try_from(column.compressed_size()).ok();
        let range = start.zip(length).and_then(|(start, length)| Some(start..start.checked_add(length)?));
        range
            .filter(|range| range.end <= self.file.0.len())
            .ok_or_else(|| damaged("a column chunk lies outside of it"))
    }

    /// A reader of a column chunk whose pages were checked.
    pub(super) fn column(&self, group: usize, leaf: usize) -> Result<ColumnReader, Error> {
        let range = self.range(group, leaf)?;
        let descr = self.metadata.file_metadata().schema_descr().column(leaf);
        pages::check(&self.file.0, range.start, range.end, descr.max_rep_level() > 0)?;
        let rows = rows(self.metadata.row_group(group))?;
        let chunk = self.metadata.row_group(group).column(leaf);
        guarded(|| {
            let pages = SerializedPageReader::new(self.file.clone(), chunk, rows, None)?;
            Ok(get_column_reader(descr, Box::new(pages) as Box<dyn PageReader>))
        })
    }
}

/// How many rows a row group has.
pub(super) fn rows(group: &RowGroupMetaData) -> Result<usize, Error> {
    usize::try_from(group.num_rows()).map_err(|_| damaged("a row group claims a negative number of rows"))
}
