//! The behaviour models.

mod bounds;
mod learning;
mod sequences;
mod time;
mod told;
mod uniform;
mod world;
