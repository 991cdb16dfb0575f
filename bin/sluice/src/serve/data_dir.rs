//! The data directory: made private, used by one server at a time, and never by an older build.

use anyhow::{Context, bail};
use sluice_domain::Timestamp;
use std::{
    collections::HashMap,
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The layout this build reads and writes. Raised when an older build could not read it any more.
const FORMAT: u32 = 1;
/// Files that may lie in a directory before its first use.
const MAY_PRECEDE: [&str; 4] = ["sluice.toml", "credentials.toml", "lost+found", "lock"];

/// An open data directory; the lock is held until this is dropped or the process dies.
pub struct DataDir {
    path: PathBuf,
    tag: String,
    _lock: File,
}

/// Where data is kept when nothing else is said.
pub fn default_path(environment: &HashMap<String, String>) -> PathBuf {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match (set("XDG_DATA_HOME"), set("HOME")) {
        (Some(data), _) => data.join("sluice"),
        (None, Some(home)) => home.join(".local/share/sluice"),
        (None, None) => PathBuf::from("/var/lib/sluice"),
    }
}

impl DataDir {
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        create(path)?;
        let path = path.canonicalize().with_context(|| format!("cannot use {}", path.display()))?;
        refuse_foreign(&path)?;
        let lock = lock(&path)?;
        check_format(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o700))
            .with_context(|| format!("cannot make {} private", path.display()))?;
        for part in ["blobs", "packages"] {
            create(&path.join(part))?;
        }
        let tag = tag(&path)?;
        Ok(Self { path, tag, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When it was made.
    pub fn since(&self) -> anyhow::Result<Timestamp> {
        let made = fs::metadata(self.path.join("format")).and_then(|file| file.modified());
        let made = made.with_context(|| format!("cannot look at {}", self.path.display()))?;
        let since_1970 = made.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or_default()))
    }

    /// Eight hex digits that mark what this server makes on the host.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

fn create(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot create the data directory {}", path.display()))
}

/// A directory that holds other things was given by mistake; its mode must not be changed.
fn refuse_foreign(path: &Path) -> anyhow::Result<()> {
    if path.join("format").exists() {
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    for entry in entries {
        let name = entry?.file_name();
        if !MAY_PRECEDE.iter().any(|known| name == *known) {
            bail!(
                "{} is not a data directory of Sluice and not empty (it holds '{}'): give an empty or a new directory",
                path.display(),
                name.display()
            );
        }
    }
    Ok(())
}

fn lock(path: &Path) -> anyhow::Result<File> {
    let name = path.join("lock");
    let context = || format!("cannot lock {}", name.display());
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&name).with_context(context)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let pid = if pid.trim().is_empty() { "unknown" } else { pid.trim() };
            bail!(
                "{} is in use by another server (process {pid}): stop it, or give another --data-dir",
                path.display()
            );
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(context),
    }
    record_pid(&mut file).with_context(context)?;
    Ok(file)
}

fn record_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn check_format(path: &Path) -> anyhow::Result<()> {
    let name = path.join("format");
    let Some(text) = read_if_there(&name)? else {
        return store(&name, &format!("{FORMAT}\n"));
    };
    match text.trim().parse::<u32>() {
        Ok(found) if found > FORMAT => bail!(
            "{} has format {found}; this build knows formats up to {FORMAT}: use the newer build that wrote it",
            path.display()
        ),
        Ok(found) if found > 0 => Ok(()),
        _ => bail!("{} does not hold a format number", name.display()),
    }
}

fn tag(path: &Path) -> anyhow::Result<String> {
    let name = path.join("tag");
    if let Some(text) = read_if_there(&name)? {
        let tag = text.trim();
        if tag.len() == 8 && tag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(tag.to_owned());
        }
        bail!("{} must hold 8 lower-case hex digits", name.display());
    }
    let bytes = crate::credentials::random_bytes::<4>().context("cannot read random bytes")?;
    let tag = format!("{:08x}", u32::from_le_bytes(bytes));
    store(&name, &format!("{tag}\n"))?;
    Ok(tag)
}

fn read_if_there(name: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(name) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", name.display())),
    }
}

/// Writes a small file so that it is there whole, or not at all.
fn store(name: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = name.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = File::create(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, name)
    };
    write().with_context(|| format!("cannot write {}", name.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        format!("{:#}", DataDir::open(path).err().expect("must be refused"))
    }

    #[test]
    fn it_is_made_private_and_keeps_its_tag() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let tag = DataDir::open(&path).unwrap().tag().to_owned();
        assert_eq!(tag.len(), 8);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(DataDir::open(&path).unwrap().tag(), tag);
        assert_eq!(fs::read_to_string(path.join("format")).unwrap(), "1\n");
    }

    #[test]
    fn a_second_server_is_told_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let _first = DataDir::open(dir.path()).unwrap();
        let message = refusal(dir.path());
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    }

    #[test]
    fn a_newer_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("format"), "2\n").unwrap();
        let message = refusal(dir.path());
        assert!(message.contains("has format 2") && message.contains("up to 1"), "{message}");
        fs::write(dir.path().join("format"), "x").unwrap();
        assert!(refusal(dir.path()).contains("does not hold a format number"));
    }

    #[test]
    fn somebody_elses_directory_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.path().join("thesis.txt"), "").unwrap();
        assert!(refusal(dir.path()).contains("'thesis.txt'"));
        assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn the_default_follows_the_environment() {
        let of = |pairs: &[(&str, &str)]| {
            default_path(&pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
        };
        assert_eq!(of(&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")]), Path::new("/x/sluice"));
        assert_eq!(of(&[("XDG_DATA_HOME", ""), ("HOME", "/h")]), Path::new("/h/.local/share/sluice"));
        assert_eq!(of(&[]), Path::new("/var/lib/sluice"));
    }
}
