//! The server's accept loop against clients that stall, flood and lie.

mod accept;
