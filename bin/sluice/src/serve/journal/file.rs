//! Where a journal is written to.

use anyhow::{Context, bail};
use sluice_journal::MAGIC;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A file, as far as the writer needs one.
pub trait Target: Write + Send {
    /// Takes away everything after the first `length` bytes; writing goes on there.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Returns when what was written is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

impl Target for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// An empty file of this name, locked. A journal that has it gets a number at its end.
pub fn create(path: &Path) -> anyhow::Result<File> {
    // Appending, so that writing goes on at the end after a cut.
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(0o600);
    let file = match options.open(path) {
        Ok(mut existing) => {
            lock(&existing)?;
            if existing.metadata().context("cannot look at it")?.len() == 0 {
                return Ok(existing);
            }
            let mut start = [0; MAGIC.len()];
            if existing.read_exact(&mut start).is_err() || start != MAGIC {
                bail!("the file is there and is not a journal: name another one");
            }
            let kept = free_name(path);
            fs::rename(path, &kept)
                .with_context(|| format!("cannot rename the journal that is there to {}", kept.display()))?;
            tracing::info!(journal = %path.display(), kept_as = %kept.display(), "a journal was there");
            options.create_new(true).open(path).context("cannot create it")?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            options.create_new(true).open(path).context("cannot create it")?
        }
        Err(error) => return Err(error).context("cannot open it"),
    };
    lock(&file)?;
    Ok(file)
}

fn lock(file: &File) -> anyhow::Result<()> {
    file.try_lock().context("another server may be writing it: cannot lock it")
}

fn free_name(path: &Path) -> PathBuf {
    let numbered = |number: u64| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    (1..).map(numbered).find(|name| !name.exists()).expect("numbers do not run out")
}
