//! The instance protocol: the other end is a stranger's code in the worst case.

/// Frames are taken off until they end or are malformed; an announced length is capped before memory is taken for it.
pub fn frames(bytes: &[u8]) {
    sluice_sandbox::check_frames(bytes);
}
