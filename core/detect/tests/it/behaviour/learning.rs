//! What is learned, when, and what is not.
