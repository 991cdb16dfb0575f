//! Code packages.

use sluice_objects::check_zip;
use sluice_ports::{PackageLimits, PortError};

const LIMITS: PackageLimits = PackageLimits { unzipped_bytes: 1 << 20, entries: 1000 };

/// Any bytes are either accepted within the limits, or refused with a message that can be printed.
pub fn zip(bytes: &[u8]) {
    match check_zip(bytes, LIMITS) {
        Ok(contents) => assert!(contents.unzipped <= LIMITS.unzipped_bytes && contents.entries <= LIMITS.entries),
        Err(PortError::Rejected(error)) => assert!(!error.message.chars().any(char::is_control)),
        Err(other) => panic!("input is never a fault of the platform: {other}"),
    }
}
