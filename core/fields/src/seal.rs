//! Protecting the values of one field, as they stand one after the other.

use crate::{
    Error, Field, Mode, Ran, Type,
    column::{Sink, Source},
    error::Why,
    plain_text,
    protect::Running,
    tokens,
};
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use crypto::{
    bind::with_row,
    blind_index::{BlindIndex, normalize},
    ff1::{Alphabet, Check, Ff1},
    mask::Mask,
    siv::{self, Siv},
    text,
    value::{self, Sealer},
};
use std::{fmt, sync::Arc};

/// Protects values for one run, on one thread. Workers of a run share its field keys, and have data keys of
/// their own.
pub struct Worker {
    run: Arc<Running>,
    lanes: Vec<Lane>,
}

/// What protects the values of one field.
enum Lane {
    /// Under data keys: drawn when the first value comes.
    Data(Option<Sealer>),
    Siv(Box<Siv>),
    Ff1(Ff1),
    BlindIndex(BlindIndex),
    Mask(Mask),
    Token,
    /// By the format that the column stands in.
    Whole,
}

impl Worker {
    pub(crate) fn new(run: Arc<Running>) -> Result<Self, Error> {
        let lane = |(field, column): (&Field, &crate::protect::Column)| {
            // That every field has its key was seen when the run began.
            let key = || field.keyed(column.key.as_ref());
            Ok(match &field.mode {
                Mode::Aead | Mode::GcmSiv => Lane::Data(None),
                Mode::Siv => Lane::Siv(Box::new(Siv::new(key()?)?)),
                Mode::Ff1 { alphabet, luhn } => Lane::Ff1(ff1(key()?, alphabet, *luhn)?),
                Mode::BlindIndex { bits, .. } => {
                    Lane::BlindIndex(BlindIndex::new(run.provider.clone(), key()?, *bits)?)
                }
                Mode::Mask { first, last, with } => Lane::Mask(Mask::new(*first, *last, *with)?),
                Mode::Token => Lane::Token,
                Mode::ParquetAead => Lane::Whole,
            })
        };
        let lanes = run.policy.fields().iter().zip(&run.columns).map(lane).collect::<Result<_, Error>>()?;
        Ok(Self { run, lanes })
    }

    /// Protects the values of the field with this index in the policy, which may come from any rows, several of
    /// one row or none. `row_keys` has the row key of each value, where the policy names one.
    ///
    /// # Errors
    /// [`Error::Type`] for values of a type that the mode does not take, or of another type than before;
    /// [`Error::Value`], whose row counts these values from 1.
    pub fn values(
        &mut self,
        field: usize,
        values: &dyn Array,
        row_keys: Option<&StringArray>,
    ) -> Result<Ran<ArrayRef>, Error> {
        self.with_nulls(field, values, values.logical_nulls(), row_keys)
    }

    /// As [`values`](Self::values), with these places null.
    pub(crate) fn with_nulls(
        &mut self,
        index: usize,
        values: &dyn Array,
        nulls: Option<NullBuffer>,
        row_keys: Option<&StringArray>,
    ) -> Result<Ran<ArrayRef>, Error> {
        let run = self.run.clone();
        let Some(field) = run.policy.fields().get(index) else {
            return Err(Error::Policy(format!("it has no field {index}")));
        };
        let of = plain_type(&run, index, field, values)?;
        let wrong_type = || Error::Type {
            column: field.path.to_string(),
            found: of.to_string(),
            mode: field.mode.as_str(),
        };
        let plain = Source::of(values).ok_or_else(wrong_type)?;
        if field.mode.takes_text() && !plain_text::has(of) {
            return Err(wrong_type());
        }
        let column = &run.columns[index];
        let row_keys = run.policy.row_key().and(row_keys);
        let mut given =
            Given { field, of, plain, nulls, row_keys, place: column.place.clone(), count: values.len() };
        let binary = run.binary();
        match &mut self.lanes[index] {
            Lane::Data(sealer) => {
                given.sealed(binary, value::OVERHEAD, |given, out| given.data(&run, index, sealer, out))
            }
            Lane::Siv(siv) => given.sealed(binary, siv::OVERHEAD, |given, out| {
                given.each(out, |aad, plain, out| {
                    siv.seal(aad, plain, out);
                    Ok(())
                })
            }),
            Lane::BlindIndex(blind) => {
                let steps: &[_] = match &field.mode {
                    Mode::BlindIndex { normalize, .. } => normalize,
                    _ => &[],
                };
                // Rows with equal values must have equal indexes, so a row's key has no part in it.
                given.row_keys = None;
                let place = given.place.clone();
                given.sealed(binary, blind.len(), |given, out| {
                    given.each_text(out, |_, text, out| {
                        blind.index(&place, normalize(steps, text).as_bytes(), out);
                        Ok(())
                    })
                })
            }
            Lane::Ff1(ff1) => given.text(|aad, text, out| Ok(ff1.encrypt(aad, text, out)?)),
            Lane::Mask(mask) => {
                given.row_keys = None;
                given.text(|_, text, out| {
                    mask.apply(text, out);
                    Ok(())
                })
            }
            Lane::Token => given.tokens(),
            Lane::Whole => Err(Error::Mode {
                mode: field.mode.as_str(),
                why: "it protects whole columns of Parquet files, no values",
            }),
        }
    }
}

/// The type of values that came, which stays what it was first.
fn plain_type<'r>(
    run: &'r Running,
    index: usize,
    field: &Field,
    values: &dyn Array,
) -> Result<&'r Type, Error> {
    if let Some(known) = run.known(index)
        && known.arrow() == *values.data_type()
    {
        return Ok(known);
    }
    let of = Type::of(values.data_type()).ok_or_else(|| Error::Type {
        column: field.path.to_string(),
        found: values.data_type().to_string(),
        mode: field.mode.as_str(),
    })?;
    run.learn(index, of)
}

pub(crate) fn ff1(key: &crypto::FieldKey, alphabet: &str, luhn: bool) -> Result<Ff1, Error> {
    let check = if luhn { Check::Luhn } else { Check::None };
    Ok(Ff1::new(key, &Alphabet::new(alphabet)?, check)?)
}

/// The values that a worker was given.
struct Given<'a> {
    field: &'a Field,
    of: &'a Type,
    plain: Source<'a>,
    nulls: Option<NullBuffer>,
    row_keys: Option<&'a StringArray>,
    /// The associated data; behind the place stands the row's key of one value after the other.
    place: Vec<u8>,
    count: usize,
}

impl Given<'_> {
    fn is_null(&self, at: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(at))
    }

    fn fail(&self, at: usize, why: Why) -> Error {
        Error::value(at, self.field.path.as_str(), why)
    }

    /// Values that become bytes, or the base64url of them.
    fn sealed(
        mut self,
        binary: bool,
        overhead: usize,
        seal: impl FnOnce(&mut Self, &mut Out) -> Result<(), Error>,
    ) -> Result<Ran<ArrayRef>, Error> {
        let bytes = self.plain.size() + self.count * overhead;
        let (of, bytes) = if binary {
            (DataType::Binary, bytes)
        } else {
            (DataType::Utf8, bytes.div_ceil(3) * 4 + self.count * 3)
        };
        let mut out = Out { sink: Sink::new(of, self.count, bytes), scratch: Vec::new(), binary };
        seal(&mut self, &mut out)?;
        self.done(out.sink)
    }

    fn done(&self, sink: Sink) -> Result<Ran<ArrayRef>, Error> {
        sink.finish(self.nulls.clone()).map(Ran::Done).map_err(|(at, why)| self.fail(at, why))
    }

    /// Adds the row's key of a value to the associated data, where there is one.
    fn bind(aad: &mut Vec<u8>, place: usize, keys: Option<&StringArray>, at: usize) -> Result<(), Why> {
        if let Some(keys) = keys {
            if keys.is_null(at) {
                return Err(Why::NoRowKey);
            }
            with_row(aad, place, keys.value(at).as_bytes());
        }
        Ok(())
    }

    /// Under data keys, each for as many values as it may seal.
    fn data(
        &mut self,
        run: &Running,
        index: usize,
        sealer: &mut Option<Sealer>,
        out: &mut Out,
    ) -> Result<(), Error> {
        let mut aad = std::mem::take(&mut self.place);
        let place = aad.len();
        let mut at = 0;
        while at < self.count {
            let current = match &mut *sealer {
                Some(current) if current.remaining() > 0 => current,
                used => {
                    let (key, limit) = run.fresh(index)?;
                    used.insert(Sealer::new(run.provider.clone(), &key).limited(limit))
                }
            };
            let mut values = current.batch();
            while at < self.count {
                if self.is_null(at) {
                    out.sink.null();
                } else if values.remaining() == 0 {
                    break;
                } else {
                    Self::bind(&mut aad, place, self.row_keys, at).map_err(|why| self.fail(at, why))?;
                    let plain = self.plain.bytes(at);
                    out.push(|bytes| Ok(values.seal(&aad, plain, bytes)?))
                        .map_err(|why| self.fail(at, why))?;
                }
                at += 1;
            }
        }
        Ok(())
    }

    /// One value after the other, from its bytes.
    fn each(
        &mut self,
        out: &mut Out,
        mut seal: impl FnMut(&[u8], &[u8], &mut Vec<u8>) -> Result<(), Why>,
    ) -> Result<(), Error> {
        let mut aad = std::mem::take(&mut self.place);
        let place = aad.len();
        for at in 0..self.count {
            if self.is_null(at) {
                out.sink.null();
                continue;
            }
            Self::bind(&mut aad, place, self.row_keys, at).map_err(|why| self.fail(at, why))?;
            out.push(|bytes| seal(&aad, self.plain.bytes(at), bytes)).map_err(|why| self.fail(at, why))?;
        }
        Ok(())
    }

    /// One value after the other, from its text.
    fn each_text(
        &mut self,
        out: &mut Out,
        mut seal: impl FnMut(&[u8], &str, &mut Vec<u8>) -> Result<(), Why>,
    ) -> Result<(), Error> {
        let mut aad = std::mem::take(&mut self.place);
        let (place, mut scratch) = (aad.len(), String::new());
        for at in 0..self.count {
            if self.is_null(at) {
                out.sink.null();
                continue;
            }
            let text = self.plain.text(at, self.of, &mut scratch);
            let bound = Self::bind(&mut aad, place, self.row_keys, at).and(text);
            let pushed = bound.and_then(|text| out.push(|bytes| seal(&aad, text, bytes)));
            pushed.map_err(|why| self.fail(at, why))?;
        }
        Ok(())
    }

    /// Values that become other text.
    fn text(
        mut self,
        mut change: impl FnMut(&[u8], &str, &mut String) -> Result<(), Why>,
    ) -> Result<Ran<ArrayRef>, Error> {
        let sink = Sink::new(DataType::Utf8, self.count, self.plain.size());
        let mut out = Out { sink, scratch: Vec::new(), binary: true };
        let mut changed = String::new();
        self.each_text(&mut out, |aad, text, out| {
            changed.clear();
            change(aad, text, &mut changed)?;
            out.extend_from_slice(changed.as_bytes());
            Ok(())
        })?;
        self.done(out.sink)
    }

    /// Values that a vault gives tokens for.
    fn tokens(self) -> Result<Ran<ArrayRef>, Error> {
        let mut wants =
            tokens::Builder::new(self.field.path.clone(), Type::UTF8, self.count, self.nulls.clone());
        let mut scratch = String::new();
        for at in 0..self.count {
            if self.is_null(at) {
                wants.null();
                continue;
            }
            let text = self.plain.text(at, self.of, &mut scratch).map_err(|why| self.fail(at, why))?;
            wants.push(text);
        }
        wants.finish()
    }
}

/// What comes out, value by value.
struct Out {
    sink: Sink,
    scratch: Vec<u8>,
    binary: bool,
}

impl Out {
    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Why>) -> Result<(), Why> {
        let start = self.sink.bytes().len();
        if self.binary {
            write(self.sink.bytes())?;
        } else {
            self.scratch.clear();
            write(&mut self.scratch)?;
            text::encode_bytes(&self.scratch, self.sink.bytes());
        }
        self.sink.end(start)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Worker({} fields)", self.lanes.len())
    }
}
