//! How is a file read that a person names, and written so that nobody else reads it?

use std::fs::{File, OpenOptions};
use std::io::{Error, Read as _};
use std::path::Path;

use crate::command_error::CommandError;

/// The name to speak of, and the text of a file, or of standard input for `-`.
pub fn read(path: &Path) -> Result<(String, String), CommandError> {
    let stdin = path == Path::new("-");
    let name = if stdin {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let mut text = String::new();
    let read = if stdin {
        std::io::stdin().read_to_string(&mut text)
    } else {
        File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| CommandError::File(format!("failed to read {name}: {error}")))?;
    Ok((name, text))
}

/// A new file that only its owner can read.
pub fn create_private(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
