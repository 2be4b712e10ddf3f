//! What is in the file system of the image?

use std::io::{Result, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use crate::roots;

/// The program, and the image.
pub(crate) const NAME: &str = "salesforce-connector-operator";
/// The user of the image, as the chart has it.
pub(crate) const USER: &str = "65532:65532";

const PASSWD: &str = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";
/// What glibc does without the file too, in its newer versions.
const NSSWITCH: &str = "hosts: files dns\n";

/// The one layer of the image.
pub(crate) struct Layer {
    /// By whose digest the configuration names it.
    pub(crate) tar: Vec<u8>,
    /// What the image has.
    pub(crate) gzip: Vec<u8>,
}

impl Layer {
    pub(crate) fn new(program: &[u8], sbom: &[u8], time: u64) -> Result<Self> {
        let (list, roots) = (format!("usr/share/sbom/{NAME}.cdx.json"), roots::pem());
        let mut files = Files::new(time);
        for folder in ["etc/", "etc/ssl/", "etc/ssl/certs/"] {
            files.folder(folder)?;
        }
        files.file("etc/group", 0o644, GROUP.as_bytes())?;
        files.file("etc/nsswitch.conf", 0o644, NSSWITCH.as_bytes())?;
        files.file("etc/passwd", 0o644, PASSWD.as_bytes())?;
        files.file("etc/ssl/certs/ca-certificates.crt", 0o644, roots.as_bytes())?;
        files.file(NAME, 0o755, program)?;
        for folder in ["usr/", "usr/share/", "usr/share/sbom/"] {
            files.folder(folder)?;
        }
        files.file(&list, 0o644, sbom)?;
        let tar = files.finish()?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&tar)?;
        let gzip = gzip.finish()?;
        Ok(Self { tar, gzip })
    }
}

/// A tar archive whose members differ in name, mode and contents alone.
pub(crate) struct Files {
    archive: Builder<Vec<u8>>,
    time: u64,
}

impl Files {
    pub(crate) fn new(time: u64) -> Self {
        let archive = Builder::new(Vec::new());
        Self { archive, time }
    }

    pub(crate) fn folder(&mut self, name: &str) -> Result<()> {
        self.add(EntryType::Directory, name, 0o755, &[])
    }

    pub(crate) fn file(&mut self, name: &str, mode: u32, contents: &[u8]) -> Result<()> {
        self.add(EntryType::Regular, name, mode, contents)
    }

    fn add(&mut self, kind: EntryType, name: &str, mode: u32, contents: &[u8]) -> Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(self.time);
        header.set_size(contents.len() as u64);
        self.archive.append_data(&mut header, name, contents)
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        self.archive.into_inner()
    }
}

/// Whether a program needs nothing of the file system: an image has no loader and no libraries.
pub(crate) fn check_static(program: &[u8]) -> std::result::Result<(), &'static str> {
    const INTERPRETER: usize = 3;
    let number = |from: usize, length: usize| {
        let bytes = program.get(from..from + length)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0_usize, |number, byte| number << 8 | usize::from(*byte)),
        )
    };
    let segments = || {
        // Of 64 bits, and little endian.
        (program.get(..6)? == b"\x7fELF\x02\x01").then_some(())?;
        let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        let kinds = (0..count).map(|segment| number(table + segment * size, 4));
        kinds.collect::<Option<Vec<_>>>()
    };
    let segments = segments().ok_or("is no program of Linux")?;
    if segments.contains(&INTERPRETER) {
        return Err("is not linked statically; build it with -C target-feature=+crt-static");
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_loader_is_refused_and_what_is_no_program_too() {
        let itself = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let refused = Err("is not linked statically; build it with -C target-feature=+crt-static");
        assert_eq!(check_static(&itself), refused);
        for nothing in [&b""[..], b"#!/bin/sh\n", &itself[..64]] {
            assert_eq!(check_static(nothing), Err("is no program of Linux"));
        }
    }
}
