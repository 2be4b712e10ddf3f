//! What are the figures of a checkout? As text, or as JSON.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::json;
use structure::Tree;
use structure::circles::circles;
use structure::homonyms::homonyms;
use structure::lengths::{LONG_FILE, Length, lengths};
use structure::walk::{Named, NoFunction, RECONCILE, walk};

/// Measures the structure of the sources of a checkout.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Root of the checkout. The default is the workspace of this program.
    #[arg(long, global = true, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))]
    root: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the totals of everything.
    Figures,
    /// Print the files that import each other in a circle, and the lines that make it one.
    Circles,
    /// Print the names that the product gives to more than one type.
    Homonyms,
    /// Print how far a connector travels.
    Walk {
        /// Where to start, as `FILE:FUNCTION`.
        #[arg(default_value = RECONCILE)]
        start: Named,
        /// Functions to leave out, as `FUNCTION` or `FILE:FUNCTION`.
        #[arg(long, value_delimiter = ',')]
        skip: Vec<Named>,
    },
    /// Print how long functions and files are.
    Lengths,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let tree = Tree::load(&arguments.root)?;
    let (value, text) = match &arguments.what {
        What::Figures => figures(&tree),
        What::Circles => circles_of(&tree),
        What::Homonyms => homonyms_of(&tree),
        What::Walk { start, skip } => walk_of(&tree, start, skip)?,
        What::Lengths => lengths_of(&tree),
    };
    if arguments.json {
        println!("{value:#}");
    } else {
        print!("{text}");
    }
    Ok(())
}

type Answer = (serde_json::Value, String);

fn figures(tree: &Tree) -> Answer {
    let (circles, homonyms, lengths) = (circles(tree), homonyms(tree), lengths(tree));
    let value = json!({
        "circles": circles.len(),
        "filesInCircles": circles.iter().map(|circle| circle.files.len()).sum::<usize>(),
        "homonyms": homonyms.len(),
        "productionLines": lengths.production_lines,
        "functions": lengths.functions,
        "p50": lengths.p50,
        "p90": lengths.p90,
        "longest": lengths.longest.first().map(|longest| longest.lines),
        "longFiles": lengths.long_files.len(),
    });
    let fields = value.as_object().into_iter().flatten();
    let text = lines(fields.map(|(name, value)| format!("{name}: {value}")));
    (value, text)
}

fn circles_of(tree: &Tree) -> Answer {
    let circles = circles(tree);
    let text = lines(circles.iter().flat_map(|circle| {
        let edges = circle.edges.iter();
        let edges = edges.map(|edge| format!("  {}:{} {} -> {}", edge.from, edge.line, edge.name, edge.to));
        std::iter::once(format!("{} files", circle.files.len())).chain(edges)
    }));
    (json!(circles), text)
}

fn homonyms_of(tree: &Tree) -> Answer {
    let homonyms = homonyms(tree);
    let each = homonyms.iter();
    let text = lines(each.map(|homonym| format!("{}: {}", homonym.name, homonym.places.join(" "))));
    (json!(homonyms), text)
}

fn walk_of(tree: &Tree, start: &Named, skip: &[Named]) -> Result<Answer, NoFunction> {
    let walk = walk(tree, start, skip)?;
    let (stays, files, returns, functions) = (walk.stays, walk.files, walk.returns, walk.functions);
    let head = format!("{stays} stays in {files} files, {returns} returns, {functions} functions\n");
    let each = walk.path.iter();
    let text = head + &lines(each.map(|stay| format!("  {}: {}", stay.file, stay.functions.join(", "))));
    Ok((json!(walk), text))
}

fn lengths_of(tree: &Tree) -> Answer {
    let lengths = lengths(tree);
    let text = format!(
        "{} production lines\n{} functions: median {}, 90th percentile {}, longest\n{}files over {LONG_FILE} lines\n{}",
        lengths.production_lines,
        lengths.functions,
        lengths.p50,
        lengths.p90,
        list(&lengths.longest),
        list(&lengths.long_files),
    );
    (json!(lengths), text)
}

fn list(lengths: &[Length]) -> String {
    let each = lengths.iter();
    lines(each.map(|of| format!("  {} {}:{} {}", of.lines, of.file, of.line, of.name)))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}
