//! Small files that stay open.

use std::{fs, io, os::unix::fs::FileExt, path::PathBuf, sync::OnceLock};

/// A small file that is read or written with nearly every call: opening it each time costs more than that.
#[derive(Debug, Default)]
pub struct Opened(OnceLock<fs::File>);

impl Opened {
    /// What is in it now, as far as there is room for; nothing if it cannot be read.
    pub fn read<'a>(&self, text: &'a mut [u8], path: impl FnOnce() -> PathBuf) -> &'a str {
        // An open that fails is tried again with the next read.
        if self.0.get().is_none()
            && let Ok(file) = fs::File::open(path())
        {
            let _ = self.0.set(file);
        }
        let Some(file) = self.0.get() else { return "" };
        let read = file.read_at(text, 0).unwrap_or(0);
        std::str::from_utf8(&text[..read]).unwrap_or_default()
    }

    pub fn write(&self, text: &str, path: impl FnOnce() -> PathBuf) -> io::Result<()> {
        if let Some(file) = self.0.get() {
            return file.write_all_at(text.as_bytes(), 0);
        }
        let file = fs::OpenOptions::new().write(true).open(path())?;
        file.write_all_at(text.as_bytes(), 0)?;
        let _ = self.0.set(file);
        Ok(())
    }
}
