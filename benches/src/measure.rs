//! The measurements, one file each. Each adds its lines to the report.

pub mod cold;
pub mod compare;
pub mod decide;
pub mod idle;
pub mod memory;
pub mod minute;
pub mod peers;
mod runc;
pub mod scale;
pub mod sustained;
pub mod warm;
pub mod zipf;

use crate::{lab::Lab, report::Report};
use anyhow::Result;

/// A part of the bench set.
pub type Part = fn(&Lab, &mut Report) -> Result<()>;
