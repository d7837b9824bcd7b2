//! The work on a file, cut into jobs: what a job is, whatever the format and the direction.

use super::{csv, json, parquet};
use crate::{Error, FieldPolicy, Mode, Path, Ran, RevealWorker, Wants, Worker};
use arrow_array::{ArrayRef, StringArray};
use std::sync::Arc;

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Protect,
    Reveal,
}

/// What is done to which of its fields.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) direction: Direction,
    pub(super) fields: Vec<Planned>,
    pub(super) row_key: Option<Path>,
}

/// One field.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) path: Path,
    /// Equal values need not look alike, so that each may be kept to the byte.
    pub(super) exact: bool,
}

impl Plan {
    pub(super) fn new(direction: Direction, policy: &FieldPolicy) -> Self {
        let exact = |mode: &Mode| matches!(mode, Mode::Aead | Mode::GcmSiv);
        let fields = policy.fields().iter();
        let fields =
            fields.map(|field| Planned { path: field.path.clone(), exact: exact(&field.mode) }).collect();
        Self { direction, fields, row_key: policy.row_key().cloned() }
    }
}

/// Values of one field, one after the other.
#[derive(Debug)]
pub(super) struct Column {
    /// Which field of the plan.
    pub(super) field: usize,
    pub(super) values: ArrayRef,
    /// For each value the one that its row is known by.
    pub(super) row_keys: Option<StringArray>,
}

/// A part of the work on a file, for any thread.
#[derive(Debug)]
#[must_use = "every job's result must be joined, in the order of the jobs"]
pub struct Job {
    pub(super) plan: Arc<Plan>,
    pub(super) part: Part,
    pub(super) kernel: Kernel,
    /// An empty buffer for what it makes.
    pub(super) out: Vec<u8>,
}

/// Empty buffers of pieces that have gone out, for further jobs. Memory that the system hands out anew for each costs
/// about as much as sealing a piece, and two threads wait for each other to get it.
#[derive(Debug, Default)]
pub(super) struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    /// As many as there are jobs at a time, or so.
    const KEPT: usize = 16;

    pub(super) fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    fn keep(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > 0 && self.0.len() < Self::KEPT {
            buffer.clear();
            self.0.push(buffer);
        }
    }

    /// Appends what was made, without copying it where it is the first; one of the two buffers is kept.
    pub(super) fn append(&mut self, made: Vec<u8>, out: &mut Vec<u8>) {
        if out.is_empty() {
            self.keep(std::mem::replace(out, made));
        } else {
            out.extend_from_slice(&made);
            self.keep(made);
        }
    }
}

/// Who protects or reveals values.
#[derive(Debug)]
pub(super) enum Kernel {
    Protect(Worker),
    Reveal(RevealWorker),
}

impl Kernel {
    pub(super) fn values(
        &mut self,
        field: usize,
        values: &ArrayRef,
        row_keys: Option<&StringArray>,
    ) -> Result<Ran<ArrayRef>, Error> {
        match self {
            Self::Protect(worker) => worker.values(field, values, row_keys),
            Self::Reveal(worker) => worker.values(field, values, row_keys),
        }
    }
}

/// What a job works on.
#[derive(Debug)]
pub(super) enum Part {
    /// Bytes that leave as they came, and rows that end with them.
    Copy {
        bytes: Vec<u8>,
        rows: u64,
    },
    Csv(csv::Piece, Arc<csv::Header>),
    Json(json::Piece, Arc<json::Paths>),
    Leaf(parquet::Piece),
    /// A whole row group.
    #[cfg(feature = "parquet-encryption")]
    Group(Box<parquet::Group>),
}

/// What it is once it was read.
#[derive(Debug)]
pub(super) enum Parsed {
    Copy { bytes: Vec<u8>, rows: u64 },
    Csv(csv::Parsed),
    Json(json::Parsed),
    Leaf(parquet::Piece),
}

/// What [`Job::run`] came to.
#[derive(Debug)]
#[must_use = "what was done must be joined"]
pub enum Outcome {
    /// It is done, or failed: [`Protect::join`](super::Protect::join) and [`Reveal::join`](super::Reveal::join)
    /// tell.
    Done(Done),
    /// The token vault must be asked first.
    Wants(Waiting),
}

/// What a job did.
#[derive(Debug)]
#[must_use = "what was done must be joined"]
pub struct Done {
    pub(super) kernel: Kernel,
    pub(super) made: Result<Made, Error>,
}

/// What a job made.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) data: Data,
    pub(super) rows: u64,
    /// The fields that had values.
    pub(super) fields: Vec<usize>,
    /// How many values, of the field that had most.
    pub(super) values: u64,
}

/// What goes out; bytes begin with those that were there before.
#[derive(Debug)]
pub(super) enum Data {
    Bytes(Vec<u8>),
    Leaf(parquet::Leaf, Vec<u8>),
    #[cfg(feature = "parquet-encryption")]
    Group(Box<parquet::Group>, Vec<u8>),
}

/// A job that waits for tokens, or for the values of tokens.
#[derive(Debug)]
#[must_use = "a job that waits is not done"]
pub struct Waiting {
    kernel: Kernel,
    parsed: Parsed,
    ready: Vec<(usize, ArrayRef)>,
    wants: Vec<(usize, Wants)>,
}

impl Job {
    /// Does it. Keeps a processor busy for about a millisecond.
    pub fn run(mut self) -> Outcome {
        let out = std::mem::take(&mut self.out);
        self.run_behind(out)
    }

    /// As [`run`](Self::run), with what it makes behind what is there.
    pub(super) fn run_behind(self, out: Vec<u8>) -> Outcome {
        let Self { plan, part, mut kernel, .. } = self;
        #[cfg(feature = "parquet-encryption")]
        let part = match part {
            Part::Group(group) => {
                let fields = (0..plan.fields.len()).collect();
                let made = group.run(&mut kernel).map(|parquet::Written { next, bytes, rows }| Made {
                    data: Data::Group(next, [out, bytes].concat()),
                    rows,
                    fields,
                    // Whole columns are under data keys, which nobody counts for.
                    values: 0,
                });
                return Outcome::Done(Done { kernel, made });
            }
            part => part,
        };
        match work(&plan, part, &mut kernel) {
            Err(error) => Outcome::Done(Done { kernel, made: Err(error) }),
            Ok((parsed, ready, wants)) if wants.is_empty() => {
                Outcome::Done(Done { kernel, made: Ok(parsed.merge(&ready, out)) })
            }
            Ok((parsed, ready, wants)) => Outcome::Wants(Waiting { kernel, parsed, ready, wants }),
        }
    }
}

type Worked = (Parsed, Vec<(usize, ArrayRef)>, Vec<(usize, Wants)>);

fn work(plan: &Plan, part: Part, kernel: &mut Kernel) -> Result<Worked, Error> {
    let parsed = match part {
        Part::Copy { bytes, rows } => Parsed::Copy { bytes, rows },
        Part::Leaf(piece) => Parsed::Leaf(piece),
        // It is done before.
        #[cfg(feature = "parquet-encryption")]
        Part::Group(_) => Parsed::Copy { bytes: Vec::new(), rows: 0 },
        Part::Csv(piece, header) => Parsed::Csv(piece.parse(&header)?),
        Part::Json(piece, paths) => Parsed::Json(piece.parse(&paths)?),
    };
    let (mut ready, mut wants) = (Vec::new(), Vec::new());
    for Column { field, values, row_keys } in parsed.columns(plan)? {
        match kernel.values(field, &values, row_keys.as_ref()).map_err(|error| parsed.placed(field, error))? {
            Ran::Done(values) => ready.push((field, values)),
            Ran::Wants(wanted) => wants.push((field, wanted)),
        }
    }
    Ok((parsed, ready, wants))
}

impl Parsed {
    fn columns(&self, plan: &Plan) -> Result<Vec<Column>, Error> {
        match self {
            Self::Copy { .. } => Ok(Vec::new()),
            Self::Leaf(piece) => Ok(piece.columns()),
            Self::Csv(parsed) => parsed.columns(plan),
            Self::Json(parsed) => parsed.columns(plan),
        }
    }

    /// The error with the row (of this part) and the line of the value that it speaks of.
    fn placed(&self, field: usize, error: Error) -> Error {
        error.placed(|value| match self {
            Self::Copy { .. } => (0, 0),
            Self::Leaf(piece) => (piece.row(value) as u64 + 1, 0),
            Self::Csv(parsed) => (value as u64 + 1, parsed.line(value)),
            Self::Json(parsed) => {
                let (row, line) = parsed.place(field, value);
                (row as u64 + 1, line)
            }
        })
    }

    /// What goes out, behind what is there already.
    fn merge(self, replaced: &[(usize, ArrayRef)], mut out: Vec<u8>) -> Made {
        let fields = replaced.iter().map(|(field, _)| *field).collect();
        let used = replaced.iter().map(|(_, values)| values.len() - values.null_count());
        let values = used.max().unwrap_or_default() as u64;
        let rows = match self {
            Self::Copy { bytes, rows } => {
                out.extend_from_slice(&bytes);
                rows
            }
            Self::Csv(parsed) => {
                parsed.merge(replaced, &mut out);
                parsed.rows() as u64
            }
            Self::Json(parsed) => {
                parsed.merge(replaced, &mut out);
                parsed.rows() as u64
            }
            Self::Leaf(piece) => {
                let leaf = piece.replaced(replaced.first().map(|(_, values)| values.clone()));
                return Made { data: Data::Leaf(leaf, out), rows: 0, fields, values };
            }
        };
        Made { data: Data::Bytes(out), rows, fields, values }
    }
}

impl Waiting {
    /// What it waits for: for each of some fields, texts, of which none comes twice. While protecting they are
    /// values that want a token, while revealing tokens that want their value.
    pub fn wants(&self) -> impl Iterator<Item = &Wants> {
        self.wants.iter().map(|(_, wants)| wants)
    }

    /// Goes on with the answers: for each of [`wants`](Self::wants), one for each of its texts.
    pub fn complete(self, answers: Vec<Vec<Option<String>>>) -> Done {
        let Self { kernel, parsed, mut ready, wants } = self;
        let mut answers = answers.into_iter();
        for (field, wants) in wants {
            match wants.complete(answers.next().unwrap_or_default()) {
                Ok(values) => ready.push((field, values)),
                Err(error) => return Done { kernel, made: Err(parsed.placed(field, error)) },
            }
        }
        Done { kernel, made: Ok(parsed.merge(&ready, Vec::new())) }
    }
}
