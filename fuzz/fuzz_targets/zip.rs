//! Code packages come from strangers: any bytes are either accepted within the limits or refused with a
//! message, and the reader neither panics nor works longer than its input allows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_objects::check_zip;
use sluice_ports::{PackageLimits, PortError};

const LIMITS: PackageLimits = PackageLimits { unzipped_bytes: 1 << 20, entries: 1000 };

fuzz_target!(|bytes: &[u8]| {
    match check_zip(bytes, LIMITS) {
        Ok(contents) => assert!(contents.unzipped <= LIMITS.unzipped_bytes && contents.entries <= LIMITS.entries),
        Err(PortError::Rejected(error)) => assert!(!error.message.chars().any(char::is_control)),
        Err(other) => panic!("input is never a fault of the platform: {other}"),
    }
});
