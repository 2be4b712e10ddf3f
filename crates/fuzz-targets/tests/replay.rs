//! Does everything that the fuzzer once found, and what a person thought of, still pass?

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::read_dir;
use std::path::{Path, PathBuf};

use fuzz_targets::{TARGETS, run};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names_in(folder: &Path) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let names = read_dir(folder)?.map(|entry| Ok(PathBuf::from(entry?.file_name())));
    let stems = names.map(|name: std::io::Result<PathBuf>| {
        Ok(name?
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned())
    });
    stems.collect()
}

#[test]
fn each_target_has_a_program_and_a_corpus() -> Result<(), Box<dyn Error>> {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names_in(&fuzz().join("fuzz_targets"))?, targets);
    assert_eq!(names_in(&fuzz().join("corpus"))?, targets);
    Ok(())
}

/// Each input as it is, and cut off at each of its bytes, as an answer may be.
#[test]
fn every_input_of_the_corpus_passes_whole_and_cut_off() -> Result<(), Box<dyn Error>> {
    for (target, _) in TARGETS {
        let inputs: Vec<_> = read_dir(fuzz().join("corpus").join(target))?.collect::<Result<_, _>>()?;
        assert!(inputs.len() >= 3, "{target} has {} inputs", inputs.len());
        for input in inputs {
            let bytes = std::fs::read(input.path())?;
            run(target, &bytes);
            for end in (0..bytes.len().min(512)).step_by(3) {
                run(target, bytes.get(..end).unwrap_or_default());
            }
        }
    }
    Ok(())
}
