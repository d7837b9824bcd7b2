//! The behaviour models.

mod bounds;
mod crowd;
mod learning;
mod log;
mod sequences;
mod time;
mod told;
mod uniform;
mod world;
