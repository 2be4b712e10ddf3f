//! How do 200 connectors of all methods fare over two weeks in which Salesforce, the cluster and people do all that the
//! simulator and the test parts can do wrong?

mod cause;
mod faults;
mod kinds;
mod people;
mod plan;
mod process;
mod score;
mod scrapes;
mod stage;
mod subject;

use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;

use crate::Failed;
use crate::machine::Facts;
use faults::Faults;
use people::People;
pub(crate) use plan::Plan;
use score::Score;
use scrapes::Scrapes;
use stage::Stage;

/// How often everything is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long nothing goes wrong before it begins, and after it has ended.
const QUIET: SignedDuration = SignedDuration::from_hours(12);

/// What is kept of it beside the report.
#[derive(Clone, Copy)]
pub(crate) struct Files<'a> {
    /// Folder for the logs of the replicas.
    pub(crate) logs: Option<&'a Path>,
    /// File for their metrics.
    pub(crate) scrapes: Option<&'a Path>,
}

pub(crate) async fn report(operator: &Path, plan: Plan, files: Files<'_>) -> Result<String, Failed> {
    testbed::install_crypto();
    let facts = Facts::gather();
    let mut stage = Stage::set(operator, plan, files.logs).await?;
    let mut scrapes = Scrapes::into(files.scrapes)?;
    stage.all_ready().await?;
    let mut chance = fastrand::Rng::with_seed(plan.seed);
    let (mut faults, mut people) = (Faults::default(), People::default());
    let mut score = Score::of(&stage.subjects);
    let begin = stage.now();
    let end = begin + SignedDuration::from_hours(24 * i64::from(plan.days));
    let (mut ticks, mut last, mut day) = (tokio::time::interval(LOOK), begin, 0);
    while last < end {
        ticks.tick().await;
        let now = stage.now();
        if now > begin + QUIET && now < end - QUIET {
            faults
                .strike(&mut stage, &mut people, &mut chance, last, now)
                .await?;
        }
        faults.end_what_is_over(&mut stage, now)?;
        people.act(&mut stage, &mut chance, now).await?;
        score
            .look(&mut stage, &mut people, &mut chance, last, now)
            .await?;
        scrapes.take(&stage.replicas, now).await?;
        last = now;
        let passed = now.duration_since(begin).as_hours() / 24;
        if passed > day {
            day = passed;
            eprintln!("bench: day {day} of {}: {}", plan.days, score.line());
        }
    }
    let unready = stage.not_ready().await?;
    stage.end().await?;
    Ok(score.table(&facts, plan, &faults, &unready))
}
