//! From a directory to a code package. The same files always give the same bytes, so that deploying unchanged
//! code again stores nothing new.

use anyhow::{Context, bail};
use std::{
    fs,
    io::{Cursor, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// What is never part of a package: history, and compiled files that the platform makes itself.
const SKIPPED: [&str; 3] = [".git", "__pycache__", ".DS_Store"];

/// The zip for a path: the file itself, or one made of the directory.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if metadata.is_dir() {
        return zip_directory(path);
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !bytes.starts_with(b"PK") {
        bail!("{} is not a zip: give a zip or a directory", path.display());
    }
    Ok(bytes)
}

fn zip_directory(root: &Path) -> anyhow::Result<Vec<u8>> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    if files.is_empty() {
        bail!("{} holds no files", root.display());
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for path in files {
        add(&mut writer, root, &path).with_context(|| format!("cannot pack {}", path.display()))?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Files and links below a directory, in order of their names.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(directory)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read {}", directory.display()))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn add(writer: &mut ZipWriter<Cursor<Vec<u8>>>, root: &Path, path: &Path) -> anyhow::Result<()> {
    let name = path.strip_prefix(root)?.to_str().context("the name is not UTF-8")?;
    let metadata = fs::symlink_metadata(path)?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    if metadata.is_symlink() {
        let target = fs::read_link(path)?;
        writer.add_symlink(name, target.to_str().context("the link's target is not UTF-8")?, options)?;
    } else if metadata.is_file() {
        let executable = metadata.permissions().mode() & 0o111 != 0;
        writer.start_file(name, options.unix_permissions(if executable { 0o755 } else { 0o644 }))?;
        writer.write_all(&fs::read(path)?)?;
    } else {
        bail!("it is neither a file nor a link");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("index.py", "x = 1"),
            ("lib/b.py", "b"),
            ("lib/a.py", "a"),
            (".git/config", "g"),
            ("lib/__pycache__/a.pyc", "c"),
            ("node_modules/m/i.js", "m"),
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::set_permissions(dir.path().join("index.py"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("lib/a.py", dir.path().join("link.py")).unwrap();
        dir
    }

    #[test]
    fn a_directory_is_packed_the_same_way_every_time() {
        let (first, second) = (tree(), tree());
        let bytes = read(first.path()).unwrap();
        assert_eq!(bytes, read(second.path()).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["index.py", "lib/a.py", "lib/b.py", "link.py", "node_modules/m/i.js"]);
        let mut text = String::new();
        let mut file = archive.by_name("index.py").unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), file.unix_mode().map(|mode| mode & 0o777)), ("x = 1", Some(0o755)));
        drop(file);
        assert!(archive.by_name("link.py").unwrap().is_symlink());
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap_err().to_string().contains("no files"));
        let text = dir.path().join("index.py");
        fs::write(&text, "x = 1").unwrap();
        assert!(read(&text).unwrap_err().to_string().contains("is not a zip"));
        assert!(read(&dir.path().join("none")).is_err());
    }
}
