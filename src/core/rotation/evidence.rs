//! What does Salesforce's list say of a rotation that is under way?

use salesforce_client::{App, Consumer, StagedCredentials, StagedState};

/// What stands beside the credentials in use, where none of ours are to be there.
#[derive(Debug, PartialEq, Eq)]
pub enum PlaceFound<'a> {
    Free,
    /// Something that is of no use to anybody.
    Stale(&'a StagedCredentials),
    /// Ours, from a call whose answer was lost.
    Ours(&'a StagedCredentials),
    /// Somebody else's, or those from before a rotation, which end by themselves.
    Taken(&'a StagedCredentials),
}

/// What has become of credentials that were staged.
#[derive(Debug, PartialEq, Eq)]
pub enum StagedFound<'a> {
    /// They can be rotated in.
    Waiting(&'a StagedCredentials),
    /// They are in use.
    RotatedIn,
    Gone,
}

/// The consumer that has one of these consumer keys.
pub fn consumer_of<'a>(consumers: &'a [Consumer], keys: &[&str]) -> Option<&'a Consumer> {
    let has = |consumer: &&Consumer| keys.contains(&consumer.client_id.as_str());
    consumers.iter().find(has)
}

/// What the place holds. Where the operator has announced that it stages credentials, it was free before.
pub fn place(listed: &[StagedCredentials], announced: bool) -> PlaceFound<'_> {
    let mut active = listed.iter().filter(|staged| staged.state == StagedState::Active);
    let mut others = listed.iter().filter(|staged| staged.state != StagedState::Active);
    match (active.next(), active.next()) {
        (Some(staged), None) if announced => return PlaceFound::Ours(staged),
        (Some(staged), _) => return PlaceFound::Taken(staged),
        (None, _) => {}
    }
    match others.next() {
        None => PlaceFound::Free,
        Some(staged) if staged.state == StagedState::Expired => PlaceFound::Stale(staged),
        Some(staged) => PlaceFound::Taken(staged),
    }
}

/// What has become of staged credentials. Lists may lag behind each other: one sign of the rotation is enough, since credentials
/// that were current can't be listed as those from before a rotation without one.
pub fn staged_now<'a>(
    staged: &App,
    former: &str,
    consumer: &Consumer,
    listed: &'a [StagedCredentials],
) -> StagedFound<'a> {
    let of = |key: &str, state: StagedState| {
        let mut listed = listed.iter();
        listed.find(|other| other.client_id == key && other.state == state)
    };
    let rotated = consumer.client_id == staged.client_id
        || of(&staged.client_id, StagedState::Rotated).is_some()
        || of(former, StagedState::Rotated).is_some();
    match of(&staged.client_id, StagedState::Active) {
        _ if rotated => StagedFound::RotatedIn,
        Some(waiting) => StagedFound::Waiting(waiting),
        None => StagedFound::Gone,
    }
}
