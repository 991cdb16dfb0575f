//! What people send instead of a zip, so that the refusal can say so.

/// How files of other kinds begin.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "gzip data, such as a .tar.gz"),
    (b"BZh", "bzip2 data, such as a .tar.bz2"),
    (b"\xfd7zXZ\0", "xz data, such as a .tar.xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data, such as a .tar.zst"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"!<arch>\n", "an ar archive or a Debian package"),
    (b"\x7fELF", "an executable"),
    (b"MZ", "a Windows executable"),
    (b"#!", "a script"),
    (b"UEsDB", "base64 text of a zip, encoded once too often"),
    (b"H4sI", "base64 text of gzip data, encoded once too often"),
    (b"<", "an HTML or XML document"),
    (b"{", "a JSON document"),
];

/// Where a tar archive has its mark.
const TAR_MARK: std::ops::Range<usize> = 257..262;

/// Completes "received …".
pub(crate) fn describe(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    if bytes.get(TAR_MARK) == Some(b"ustar") {
        return "a tar archive".to_owned();
    }
    if let Some((_, kind)) = BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning)) {
        return (*kind).to_owned();
    }
    let start = &bytes[..bytes.len().min(512)];
    let text = std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true);
    if text && !start.contains(&0) {
        return "plain text".to_owned();
    }
    format!("{} bytes of an unknown kind", bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_received_is_named() {
        let mut tar = vec![0; 512];
        tar[TAR_MARK].copy_from_slice(b"ustar");
        let known: [(&[u8], &str); 7] = [
            (b"", "nothing"),
            (b"\x1f\x8b\x08\0", ".tar.gz"),
            (&tar, "tar archive"),
            (b"Rar!\x1a\x07\x01\x00", "RAR"),
            (b"UEsDBBQAAAA", "base64"),
            ("def main_handler(event, context): return '你好'".as_bytes(), "plain text"),
            (b"\x00\x01\x02", "3 bytes of an unknown kind"),
        ];
        for (bytes, expected) in known {
            let text = describe(bytes);
            assert!(text.contains(expected), "{text:?} does not say {expected:?}");
        }
    }
}
