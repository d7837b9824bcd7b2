//! A file that is written: bytes leave as soon as they are made, and the footer comes last.

use super::guarded;
use crate::{Error, formats::work::Direction};
use parquet::{
    basic::Compression,
    column::{
        page::{CompressedPage, PageWriteSpec, PageWriter},
        writer::{ColumnWriter, get_column_writer},
    },
    errors::{ParquetError, Result as ParquetResult},
    file::{
        metadata::{
            ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataWriter,
            RowGroupMetaData,
        },
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedPageWriter, TrackedWrite},
    },
    schema::types::{ColumnDescPtr, SchemaDescPtr},
};
use std::{
    io::Write as _,
    sync::{Arc, Mutex},
};

/// Bytes that were written and not yet taken, and how many there were in all.
#[derive(Clone)]
pub(super) struct Sink(Arc<Mutex<TrackedWrite<Vec<u8>>>>);

impl Sink {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(TrackedWrite::new(Vec::new()))))
    }

    fn with<T>(&self, run: impl FnOnce(&mut TrackedWrite<Vec<u8>>) -> ParquetResult<T>) -> ParquetResult<T> {
        let mut sink = self.0.lock().map_err(|_| ParquetError::General("the writer broke off".to_owned()))?;
        run(&mut sink)
    }

    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        guarded(|| self.with(|sink| Ok(sink.write_all(bytes)?)))
    }

    /// How many bytes the file has so far.
    pub(super) fn position(&self) -> Result<i64, Error> {
        let position = guarded(|| self.with(|sink| Ok(sink.bytes_written())))?;
        i64::try_from(position).map_err(|_| Error::Parquet("it is too large".to_owned()))
    }

    /// Takes what was written since.
    pub(super) fn take(&self) -> Result<Vec<u8>, Error> {
        guarded(|| {
            self.with(|sink| {
                sink.flush()?;
                Ok(std::mem::take(sink.inner_mut()))
            })
        })
    }

    /// A writer of one column chunk, whose pages go out as they are full.
    pub(super) fn column(
        &self,
        descr: ColumnDescPtr,
        compression: Compression,
        direction: Direction,
    ) -> ColumnWriter<'static> {
        let statistics = match direction {
            Direction::Protect => EnabledStatistics::None,
            Direction::Reveal => EnabledStatistics::Chunk,
        };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            // No two protected values are alike, and a dictionary would keep pages back.
            .set_dictionary_enabled(false)
            .set_statistics_enabled(statistics)
            .build();
        get_column_writer(descr, Arc::new(properties), Box::new(self.clone()))
    }

    /// Writes the footer.
    pub(super) fn finish(
        &self,
        schema: SchemaDescPtr,
        rows: i64,
        created_by: Option<String>,
        key_values: Vec<KeyValue>,
        groups: Vec<RowGroupMetaData>,
    ) -> Result<(), Error> {
        let key_values = (!key_values.is_empty()).then_some(key_values);
        let file = FileMetaData::new(2, rows, created_by, key_values, schema, None);
        let metadata = ParquetMetaData::new(file, groups);
        guarded(|| self.with(|sink| ParquetMetaDataWriter::new(sink, &metadata).finish()))
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink")
    }
}

impl PageWriter for Sink {
    fn write_page(&mut self, page: CompressedPage) -> ParquetResult<PageWriteSpec> {
        self.with(|sink| SerializedPageWriter::new(sink).write_page(page))
    }

    fn close(&mut self) -> ParquetResult<()> {
        Ok(())
    }
}

/// The metadata of a column chunk that leaves as it came, at another place. Indexes and bloom filters, which
/// stand outside of the chunk, are left behind: they hold no data.
pub(super) fn moved(
    chunk: &ColumnChunkMetaData,
    descr: ColumnDescPtr,
    from: i64,
    to: i64,
) -> Result<ColumnChunkMetaData, Error> {
    let place = |offset: i64| offset.saturating_sub(from).saturating_add(to);
    let mut moved = ColumnChunkMetaData::builder(descr)
        .set_compression_codec(chunk.compression_codec())
        .set_encodings_mask(*chunk.encodings_mask())
        .set_total_compressed_size(chunk.compressed_size())
        .set_total_uncompressed_size(chunk.uncompressed_size())
        .set_num_values(chunk.num_values())
        .set_data_page_offset(place(chunk.data_page_offset()))
        .set_dictionary_page_offset(chunk.dictionary_page_offset().filter(|at| *at > 0).map(place))
        .set_unencoded_byte_array_data_bytes(chunk.unencoded_byte_array_data_bytes())
        .set_repetition_level_histogram(chunk.repetition_level_histogram().cloned())
        .set_definition_level_histogram(chunk.definition_level_histogram().cloned());
    if let Some(statistics) = chunk.statistics() {
        moved = moved.set_statistics(statistics.clone());
    }
    if let Some(statistics) = chunk.page_encoding_stats() {
        moved = moved.set_page_encoding_stats(statistics.clone());
    }
    guarded(|| moved.build())
}
