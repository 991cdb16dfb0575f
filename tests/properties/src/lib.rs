//! What must hold for any bytes that come from outside, one function per parser.
//!
//! The fuzz targets in `fuzz/` call these functions with whatever libFuzzer finds; the tests here call them with
//! a few bytes that are nearly right and many that were changed at random, so that every ordinary test run looks a
//! little too. A function panics when its promise is broken.

mod frames;
mod signatures;
mod zip;

pub use frames::frames;
pub use signatures::{fc_signature, scf_signature};
pub use zip::zip;

#[cfg(test)]
mod tests;
