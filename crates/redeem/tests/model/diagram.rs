//! The diagrams of `docs/redeem.md`, drawn from what the code does.

use std::fmt::Write as _;

use redeem::{Effect, Stage};

use crate::action::{Action, effect_name};
use crate::driver::Fault;
use crate::random;
use crate::tally::Tally;
use crate::variant::Variant;
use crate::world::{Asking, Config, ControllerPhase, Start, World};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/redeem.md");
const AGAIN: &str = "REDEEM_WRITE_DOCS=1 cargo test -p redeem --test model diagram";

/// Stages of a grant and every way between them that a controller's write took in 150,000 random schedules.
fn stages() -> String {
    let mut tally = Tally::with_stages();
    for seed in 0..150_000 {
        random::run(seed, Variant::Shipped, &mut tally);
    }
    let mut text = String::from("```mermaid\nstateDiagram-v2\n");
    for stage in Stage::ALL {
        writeln!(text, "    {stage:?}: {}", stage.meaning()).unwrap();
    }
    let name = |stage: Option<Stage>| stage.map_or_else(|| "[*]".to_owned(), |stage| format!("{stage:?}"));
    for (from, to) in tally.stages() {
        writeln!(text, "    {} --> {}", name(from), name(to)).unwrap();
    }
    text + "```\n"
}

/// The effects of an undisturbed session, in order.
fn effects(start: Start, login: bool) -> String {
    let config = Config {
        rotates: true,
        asking: Asking::Answered,
        named: false,
        installations: 1,
        controllers: 2,
        unequal: false,
        start,
        variant: Variant::Shipped,
    };
    let mut world = World::new(config, 0);
    let mut tally = Tally::new();
    if login {
        world.apply(Action::Login(0), &mut tally);
        world.refresh_cache(0);
    }
    world.begin(0, !login);
    let mut text = String::from("```text\n");
    while let ControllerPhase::Running(session) = &world.controllers[0].phase {
        let effect = (**session).clone().next(world.now(0));
        writeln!(text, "{}", effect_name(&effect)).unwrap();
        world.step(0, Fault::None, &mut tally);
        if matches!(effect, Effect::Send { .. }) {
            // Arrive, then decide and deliver.
            world.drive(0, &mut tally, 2);
        }
    }
    text + "```\n"
}

fn replace(page: &str, mark: &str, block: &str) -> String {
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let (before, rest) = page
        .split_once(&begin)
        .expect("a mark in docs/redeem.md before each drawn block");
    let (_, after) = rest
        .split_once(&end)
        .expect("a mark in docs/redeem.md after each drawn block");
    format!("{before}{begin}{block}{end}{after}")
}

#[test]
fn the_diagrams_in_the_docs_are_what_the_code_does() {
    let page = std::fs::read_to_string(PAGE).expect("docs/redeem.md");
    let blocks = [
        ("stages", stages()),
        ("import", effects(Start::NotImported, false)),
        ("renewal", effects(Start::Redeemed, false)),
        ("login", effects(Start::Redeemed, true)),
    ];
    let drawn = blocks
        .iter()
        .fold(page.clone(), |page, (mark, block)| replace(&page, mark, block));
    if std::env::var_os("REDEEM_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, &drawn).expect("docs/redeem.md");
    } else {
        assert!(drawn == page, "docs/redeem.md is out of date; run: {AGAIN}");
    }
}
