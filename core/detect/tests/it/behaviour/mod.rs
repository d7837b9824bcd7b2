//! The behaviour models.

mod learning;
mod told;
mod uniform;
mod world;
