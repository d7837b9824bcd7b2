//! The house test: what `ARCHITECTURE.md` states, held against the tree. Each test bears the name of
//! its invariant there.
