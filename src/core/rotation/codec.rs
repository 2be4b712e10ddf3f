//! How is what is remembered of rotations written as the data of a Secret? Consumer secrets have keys of their own there, and stand in
//! no JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use redeem::ConnectorRef;
use salesforce_client::{App, ClientSecret, RecordId};
use serde::{Deserialize, Serialize};

use crate::core::rotation::state::{OpenRotation, RotatedCredentials, RotationState, StateFault};

const FORMAT: &str = "format";
const FORMAT_VERSION: &[u8] = b"1";
const RECORD: &str = "record";
const CURRENT_SECRET: &str = "current-client-secret";
const STAGED_SECRET: &str = "staged-client-secret";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RotationRecord {
    connector: ConnectorRef,
    app_id: String,
    current: Option<CurrentRecord>,
    superseded: Vec<String>,
    open: Option<OpenRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CurrentRecord {
    client_id: String,
    time: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "step", rename_all_fields = "camelCase")]
enum OpenRecord {
    Staging { since: Timestamp },
    Rotating { since: Timestamp, client_id: String },
}

type Data = BTreeMap<String, Vec<u8>>;

impl RotationState {
    /// The data of the Secret.
    pub fn to_data(&self) -> Result<Data, serde_json::Error> {
        let record = RotationRecord::of(self);
        let mut data = Data::from([
            (FORMAT.to_owned(), FORMAT_VERSION.to_vec()),
            (RECORD.to_owned(), serde_json::to_vec(&record)?),
        ]);
        let staged = self.announced();
        let current = self.current.as_ref().map(|current| &current.app);
        for (key, app) in [(CURRENT_SECRET, current), (STAGED_SECRET, staged)] {
            if let Some(secret) = app.and_then(|app| app.client_secret.as_ref()) {
                data.insert(key.to_owned(), secret.expose().as_bytes().to_vec());
            }
        }
        Ok(data)
    }

    /// Reads the data of the Secret.
    pub fn from_data(data: &Data) -> Result<Self, StateFault> {
        let record = record(data)?;
        let app_id: RecordId = record.app_id.parse().map_err(|_| StateFault::Damaged)?;
        let current = record.current.map(|current| current.with_secret(data));
        let open = record.open.map(|open| open.with_secret(data));
        Ok(Self {
            connector: record.connector,
            app_id,
            current: current.transpose()?,
            superseded: record.superseded,
            open: open.transpose()?,
        })
    }
}

fn record(data: &Data) -> Result<RotationRecord, StateFault> {
    match data.get(FORMAT) {
        Some(version) if version == FORMAT_VERSION => {}
        Some(_) => return Err(StateFault::OtherVersion),
        None => return Err(StateFault::Damaged),
    }
    let record = data.get(RECORD).ok_or(StateFault::Damaged)?;
    serde_json::from_slice(record).map_err(|_| StateFault::Damaged)
}

impl RotationRecord {
    fn of(state: &RotationState) -> Self {
        Self {
            connector: state.connector.clone(),
            app_id: state.app_id.as_str().to_owned(),
            current: state.current.as_ref().map(|current| CurrentRecord {
                client_id: current.app.client_id.clone(),
                time: current.time,
            }),
            superseded: state.superseded.clone(),
            open: state.open.as_ref().map(OpenRecord::of),
        }
    }
}

impl CurrentRecord {
    fn with_secret(self, data: &Data) -> Result<RotatedCredentials, StateFault> {
        Ok(RotatedCredentials {
            app: pair(data, self.client_id, CURRENT_SECRET)?,
            time: self.time,
        })
    }
}

fn pair(data: &Data, client_id: String, key: &str) -> Result<App, StateFault> {
    let secret = data.get(key).and_then(|secret| std::str::from_utf8(secret).ok());
    let secret = secret.ok_or(StateFault::Damaged)?;
    Ok(App {
        client_id,
        client_secret: Some(ClientSecret::new(secret.to_owned())),
    })
}

impl OpenRecord {
    fn with_secret(self, data: &Data) -> Result<OpenRotation, StateFault> {
        Ok(match self {
            Self::Staging { since } => OpenRotation::Staging { since },
            Self::Rotating { since, client_id } => OpenRotation::Rotating {
                since,
                staged: pair(data, client_id, STAGED_SECRET)?,
            },
        })
    }

    fn of(open: &OpenRotation) -> Self {
        match open {
            OpenRotation::Staging { since } => Self::Staging { since: *since },
            OpenRotation::Rotating { since, staged } => Self::Rotating {
                since: *since,
                client_id: staged.client_id.clone(),
            },
        }
    }
}
