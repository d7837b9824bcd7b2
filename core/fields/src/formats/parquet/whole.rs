//! Columns that are encrypted as a whole, by Parquet Modular Encryption (`AES_GCM_V1`, 256 bits): a row group is
//! one job. `docs/formats/parquet.md` gives the key material.
//!
//! The footer stays readable and is signed, so that a reader without keys reads the other columns. Every column
//! has a key of its own, and the footer has one: data keys of the run, sealed to the dataset, which a reader asks
//! a key service for. Statistics are written for no column that is written anew.

use super::{
    INPUT_KEY, Named, Open, Piece, damaged, described, guarded,
    input::{self, Input},
    key_values,
    output::moved,
    schema,
    values::{self, Values},
};
use crate::{
    Error, KeyName, Protector, Ran,
    formats::work::{Kernel, Plan},
};
use base::Secret;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use parquet::{
    column::writer::ColumnCloseResult,
    encryption::encrypt::FileEncryptionProperties,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
        writer::SerializedFileWriter,
    },
};
use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

/// The keys of a file.
#[derive(Debug)]
pub(in crate::formats) struct Keys {
    footer: Key,
    /// By the fields of the plan.
    columns: HashMap<usize, Key>,
}

#[derive(Debug)]
struct Key {
    secret: Secret<[u8; 32]>,
    /// What a reader finds beside what the key encrypts: the `KeyMaterial` of the Parquet key tools.
    material: Vec<u8>,
}

impl Keys {
    /// Draws keys for these fields, and one for the footer, which stands with the first of them in the manifest.
    pub(in crate::formats) fn draw(protector: &Protector, fields: &[usize]) -> Result<Option<Self>, Error> {
        let Some(first) = fields.first() else { return Ok(None) };
        let footer = Key::draw(protector, *first, true)?;
        let columns = fields.iter().map(|field| Ok((*field, Key::draw(protector, *field, false)?)));
        Ok(Some(Self { footer, columns: columns.collect::<Result<_, Error>>()? }))
    }
}

impl Key {
    fn draw(protector: &Protector, field: usize, footer: bool) -> Result<Self, Error> {
        let (key, sealed) = protector.data_key(field)?;
        let material = material(&protector.key_name(field, &key), &sealed, footer);
        Ok(Self { secret: key.as_secret().clone(), material })
    }
}

/// `KeyMaterial` with internal storage and single wrapping, as parquet-mr and Arrow write it.
fn material(name: &KeyName, sealed: &[u8], footer: bool) -> Vec<u8> {
    let mut material = serde_json::json!({
        "keyMaterialType": "PKMT1",
        "internalStorage": true,
        "isFooterKey": footer,
        "masterKeyID": name.to_string(),
        "wrappedDEK": STANDARD.encode(sealed),
        "doubleWrapping": false,
    });
    if footer {
        // A reader says itself where its key service is.
        material["kmsInstanceID"] = "DEFAULT".into();
        material["kmsInstanceURL"] = "DEFAULT".into();
    }
    material.to_string().into_bytes()
}

/// A file whose next row group is to be written.
pub(in crate::formats) struct Group {
    input: Input,
    writer: SerializedFileWriter<Vec<u8>>,
    /// The leaves of which each value is protected by itself.
    named: HashMap<usize, Named>,
    whole: HashSet<usize>,
    row_key: Option<usize>,
    group: usize,
}

/// What writing a row group came to.
#[derive(Debug)]
pub(in crate::formats) struct Written {
    pub(in crate::formats) next: Box<Group>,
    pub(in crate::formats) bytes: Vec<u8>,
    pub(in crate::formats) rows: u64,
}

impl Group {
    pub(super) fn new(input: Input, plan: &Plan, keys: &Keys) -> Result<Self, Error> {
        let descr = input.metadata.file_metadata().schema_descr_ptr();
        let (mut named, mut leaves, mut whole) = (HashMap::new(), HashMap::new(), HashSet::new());
        let mut properties = WriterProperties::builder()
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true);
        if let Some(by) = input.metadata.file_metadata().created_by() {
            properties = properties.set_created_by(by.to_owned());
        }
        let mut encryption = FileEncryptionProperties::builder(keys.footer.secret.expose().to_vec())
            .with_footer_key_metadata(keys.footer.material.clone())
            .with_plaintext_footer(true);
        for (field, planned) in plan.fields.iter().enumerate() {
            let at = schema::leaf(&descr, &planned.path)?;
            let column = descr.column(at);
            if let Some(Key { secret, material }) = keys.columns.get(&field) {
                let (path, secret) = (column.path().string(), secret.expose().to_vec());
                encryption = encryption.with_column_key_and_metadata(&path, secret, material.clone());
                whole.insert(at);
            } else {
                let read = schema::plain_type(column.self_type())?;
                leaves.insert(at, schema::text_leaf(column.self_type())?);
                named.insert(at, Named { field, read });
                properties = properties.set_column_dictionary_enabled(column.path().clone(), false);
            }
            if let Some(first) = input.metadata.row_groups().first() {
                let codec = first.column(at).compression();
                properties = properties.set_column_compression(column.path().clone(), codec);
            }
        }
        let row_key = plan.row_key.as_ref().map(|path| schema::leaf(&descr, path)).transpose()?;
        let root = schema::with_leaves(&descr, &leaves)?.root_schema_ptr();
        let input_text = described(&input.metadata)?;
        let writer = guarded(|| {
            let properties = properties.with_file_encryption_properties(encryption.build()?).build();
            let mut writer = SerializedFileWriter::new(Vec::new(), root, Arc::new(properties))?;
            for pair in key_values(&input.metadata).into_iter().filter(|pair| pair.key != INPUT_KEY) {
                writer.append_key_value_metadata(pair);
            }
            writer.append_key_value_metadata(KeyValue::new(INPUT_KEY.to_owned(), input_text));
            Ok(writer)
        })?;
        Ok(Self { input, writer, named, whole, row_key, group: 0 })
    }

    /// Whether all row groups are written.
    pub(super) fn is_over(&self) -> bool {
        self.group == self.input.metadata.num_row_groups()
    }

    /// Writes the footer, and gives the last bytes.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, Error> {
        guarded(|| {
            self.writer.finish()?;
            Ok(std::mem::take(self.writer.inner_mut()))
        })
    }

    /// Writes the next row group.
    pub(in crate::formats) fn run(mut self: Box<Self>, kernel: &mut Kernel) -> Result<Written, Error> {
        let number = self.group;
        let Self { input, writer, named, whole, row_key, .. } = &mut *self;
        let group = input.metadata.row_group(number);
        let descr = input.metadata.file_metadata().schema_descr();
        let rows = input::rows(group)?;
        let schema = writer.schema_descr().root_schema_ptr();
        let schema = parquet::schema::types::SchemaDescriptor::new(schema);
        let mut out = guarded(move || writer.next_row_group())?;
        for leaf in 0..descr.num_columns() {
            let kept = !named.contains_key(&leaf) && !whole.contains(&leaf);
            if kept {
                let range = input.range(number, leaf)?;
                let close = ColumnCloseResult {
                    bytes_written: range.end - range.start,
                    rows_written: rows as u64,
                    metadata: moved(group.column(leaf), schema.column(leaf), 0, 0)?,
                    bloom_filter: None,
                    column_index: None,
                    offset_index: None,
                };
                guarded(|| out.append_column(&*input.file, close))?;
                continue;
            }
            let column = descr.column(leaf);
            let mut reader = input.column(number, leaf)?;
            let levels = (column.max_def_level(), column.max_rep_level());
            let next = &mut out;
            let mut writer =
                guarded(move || next.next_column())?.ok_or_else(|| damaged("a column is missing"))?;
            if let Some(named) = named.get(&leaf) {
                let key = |leaf: usize| {
                    Ok::<_, Error>((input.column(number, leaf)?, descr.column(leaf).max_def_level()))
                };
                let keys = row_key.map(key).transpose()?;
                let path = column.path().string();
                let mut open = Open {
                    named: named.clone(),
                    reader,
                    writer: (),
                    keys,
                    levels,
                    path,
                    row: 0,
                    rows,
                    next: 64,
                };
                while open.row < rows {
                    let piece = open.read()?;
                    let sealed = sealed(&piece, kernel)?;
                    values::write(
                        writer.untyped(),
                        &Values::of(&sealed, parquet::basic::Type::BYTE_ARRAY)?,
                        piece.levels(),
                    )?;
                }
            } else {
                let mut row = 0;
                while row < rows {
                    let read = values::read(&mut reader, 1 << 10, levels.0, levels.1)?;
                    if read.levels.rows == 0 {
                        return Err(damaged(format!("a column has {row} rows of {rows}")));
                    }
                    row += read.levels.rows;
                    values::write(writer.untyped(), &read.values, &read.levels)?;
                }
            }
            guarded(|| writer.close())?;
        }
        guarded(|| out.close())?;
        self.group += 1;
        let bytes = guarded(|| {
            self.writer.flush()?;
            Ok(std::mem::take(self.writer.inner_mut()))
        })?;
        Ok(Written { next: self, bytes, rows: rows as u64 })
    }
}

fn sealed(piece: &Piece, kernel: &mut Kernel) -> Result<arrow_array::ArrayRef, Error> {
    let placed = |error: Error| error.placed(|value| (piece.row(value) as u64 + 1, 0));
    match kernel.values(piece.field, &piece.values, piece.row_keys.as_ref()).map_err(placed)? {
        Ran::Done(values) => Ok(values),
        Ran::Wants(_) => {
            let why = "it does not stand in one file with columns in mode parquet-aead";
            Err(Error::Mode { mode: "token", why })
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({})", self.group)
    }
}
